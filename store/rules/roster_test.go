package rules_test

import (
	"errors"
	"testing"

	"bellhop"
	"bellhop/store"
	"bellhop/store/rules"
)

// TestRoster shows who may join a shop, change their role and leave.
func TestRoster(t *testing.T) {
	const jo, kim, new = 1, 2, 3
	two := map[int64]bellhop.Role{jo: bellhop.RoleOwner, kim: bellhop.RoleStaff}
	owners := map[int64]bellhop.Role{jo: bellhop.RoleOwner, kim: bellhop.RoleOwner}
	full := map[int64]bellhop.Role{}
	for n := range int64(store.MaxPeople) {
		full[100+n] = bellhop.RoleOwner
	}
	for name, c := range map[string]struct {
		roster rules.Roster
		person int64
		to     bellhop.Role // "" leaves
		change bool         // joins, or leaves the last shop
		code   string
	}{
		"joins":                   {rules.Roster{Members: two, Shops: 1}, new, bellhop.RoleStaff, true, ""},
		"joins an empty shop":     {rules.Roster{}, new, bellhop.RoleOwner, true, ""},
		"is promoted":             {rules.Roster{Members: two, Shops: 1}, kim, bellhop.RoleOwner, false, ""},
		"stays":                   {rules.Roster{Members: two, Shops: 1}, jo, bellhop.RoleOwner, false, ""},
		"the last is demoted":     {rules.Roster{Members: two, Shops: 1}, jo, bellhop.RoleStaff, false, "last_owner"},
		"one of two is demoted":   {rules.Roster{Members: owners, Shops: 1}, jo, bellhop.RoleStaff, false, ""},
		"too many people":         {rules.Roster{Members: full}, new, bellhop.RoleStaff, false, "too_many_people"},
		"a change in a full shop": {rules.Roster{Members: full, Shops: 1}, 100, bellhop.RoleStaff, false, ""},
		"too many shops":          {rules.Roster{Members: two, Shops: store.MaxShops}, new, bellhop.RoleStaff, false, "too_many_shops"},
		"a change with the most":  {rules.Roster{Members: owners, Shops: store.MaxShops}, jo, bellhop.RoleStaff, false, ""},
		"the last leaves":         {rules.Roster{Members: two, Shops: 2}, jo, "", false, "last_owner"},
		"one of two leaves":       {rules.Roster{Members: owners, Shops: 2}, jo, "", false, ""},
		"leaves their only shop":  {rules.Roster{Members: two, Shops: 1}, kim, "", true, ""},
		"a stranger leaves":       {rules.Roster{Members: two, Shops: 1}, new, "", false, "person_not_found"},
	} {
		var change bool
		var err error
		if c.to == "" {
			change, err = c.roster.Remove(c.person)
		} else {
			change, err = c.roster.Set(c.person, c.to)
		}
		code := ""
		if e, ok := errors.AsType[*bellhop.Error](err); ok {
			code = e.Code
		}
		if code != c.code || err == nil && change != c.change {
			t.Errorf("%s: %t, %v", name, change, err)
		}
	}
}
