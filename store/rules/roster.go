package rules

import (
	"bellhop"
	"bellhop/store"
	"bellhop/store/driver"
)

// Roster is who belongs to a shop, as a change of one of them sees it.
type Roster struct {
	Members map[int64]bellhop.Role // by person
	Shops   int                    // of the person who changes
}

// Set checks that a person may have a role in the shop. Who joins was no member before.
func (r Roster) Set(person int64, to bellhop.Role) (joins bool, err error) {
	_, member := r.Members[person]
	switch {
	case member && to != bellhop.RoleOwner:
		return false, r.spare(person)
	case member:
		return false, nil
	case len(r.Members) >= store.MaxPeople:
		return false, driver.TooMany("people", store.MaxPeople)
	case r.Shops >= store.MaxShops:
		return false, driver.TooMany("shops", store.MaxShops)
	}
	return true, nil
}

// SetRole checks that a member may get another role.
func (r Roster) SetRole(person int64, to bellhop.Role) error {
	if r.Members[person] == "" {
		return driver.NotFound("person")
	}
	_, err := r.Set(person, to)
	return err
}

// Remove checks that a person may leave the shop. Nobody stays without any shop.
func (r Roster) Remove(person int64) (last bool, err error) {
	if r.Members[person] == "" {
		return false, driver.NotFound("person")
	}
	return r.Shops <= 1, r.spare(person)
}

// Leave checks that a person may leave the shop with all others.
func (r Roster) Leave(person int64, shop string) error {
	_, err := r.Remove(person)
	if bellhop.CodeOf(err) == "last_owner" {
		return bellhop.Errorf(bellhop.Conflict, "last_owner", "you are the only owner of %s: make somebody else an owner "+
			"first, or ask an operator to erase the shop", shop)
	}
	return err
}

// spare refuses to take a shop's last owner away.
func (r Roster) spare(person int64) error {
	if r.Members[person] != bellhop.RoleOwner {
		return nil
	}
	for other, role := range r.Members {
		if other != person && role == bellhop.RoleOwner {
			return nil
		}
	}
	return bellhop.Errorf(bellhop.Conflict, "last_owner",
		"this is the shop's only owner: make somebody else an owner first")
}
