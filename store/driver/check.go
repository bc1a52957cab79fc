// Package driver is the kit that the drivers of the store share: checks, errors, cursors,
// searches, and the form of stored values.
package driver

import (
	"cmp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"bellhop"
	"bellhop/store"
)

// MaxLines is how many lines an order may have; Shopify allows 500.
const MaxLines = 1 << 16

// The longest names that a store keeps, in bytes.
const (
	maxEmail        = 320
	maxName         = 100 // of a token
	maxInstallation = 128
	maxAddress      = 4096 // of a device
	maxLocale       = 35
	maxTimezone     = 64
)

// checkLength refuses longer texts. what names the field.
func checkLength(what, s string, max int) error {
	if len(s) > max {
		return bellhop.Invalidf(what, "the %s is too long: at most %d characters", strings.ReplaceAll(what, "_", " "), max)
	}
	return nil
}

// TooMany is the error above a shop's limit of something, such as "tokens" or "people".
func TooMany(what string, max int) error {
	return bellhop.Errorf(bellhop.Conflict, "too_many_"+what,
		"there are %d %s already, as many as there may be: remove one first", max, what)
}

// CheckFacts refuses facts that state nothing, or more than one thing. It returns the
// others with their times in microseconds, as stored, and changes nothing that facts point
// to.
func CheckFacts(facts []bellhop.Fact) ([]bellhop.Fact, error) {
	checked := make([]bellhop.Fact, len(facts))
	for i := range facts {
		if err := checkFact(&facts[i]); err != nil {
			return nil, err
		}
		checked[i] = inMicroseconds(facts[i])
		if r := facts[i].Request; r != nil {
			kept, err := CheckRequest(*r)
			if err != nil {
				return nil, err
			}
			checked[i].Request = &kept
		}
	}
	return checked, nil
}

func checkFact(f *bellhop.Fact) error {
	states := 0
	for _, does := range [...]bool{f.Order != nil, f.History != nil, f.Deleted, f.Shop != nil, f.Request != nil,
		len(f.Lacks) > 0, f.Skip != ""} {
		if does {
			states++
		}
	}
	switch {
	case f.Event == nil, states != 1:
		return bellhop.Invalidf("fact", "a fact has an event and states exactly one thing")
	case f.Skip == "" && f.Shop == nil && f.Request == nil && len(f.Lacks) == 0 && f.OrderID == 0:
		return bellhop.Invalidf("fact", "a fact names the order that it is about")
	case f.Order != nil && f.Order.Version.IsZero():
		return bellhop.Invalidf("fact", "an order has a version")
	case f.Order != nil && len(f.Order.Items) >= MaxLines:
		return bellhop.Invalidf("fact", "an order has fewer than %d lines", MaxLines)
	}
	return nil
}

func inMicroseconds(f bellhop.Fact) bellhop.Fact {
	f.At = f.At.Truncate(time.Microsecond)
	if o := f.Order; o != nil && (o.Version.UpdatedAt.Nanosecond()%1000 != 0 ||
		o.Version.TriggeredAt.Nanosecond()%1000 != 0) {
		c := *o
		c.Version.UpdatedAt = c.Version.UpdatedAt.Truncate(time.Microsecond)
		c.Version.TriggeredAt = c.Version.TriggeredAt.Truncate(time.Microsecond)
		f.Order = &c
	}
	return f
}

// CheckSettled refuses a settlement that leaves the push's future open.
func CheckSettled(s store.Settled) error {
	switch s.Status {
	case bellhop.PushSent, bellhop.PushFailed, bellhop.PushSkipped:
		if s.RetryAt.IsZero() {
			return nil
		}
	case bellhop.PushPending:
		if !s.RetryAt.IsZero() {
			return nil
		}
	case bellhop.PushUnknown:
		return nil
	}
	return bellhop.Invalidf("status", "a push can't be settled as %q, with a retry: %t", s.Status,
		!s.RetryAt.IsZero())
}

// CheckClaim refuses a claim of nothing.
func CheckClaim(slots store.Slots, lease time.Duration) error {
	if slots.Free < 1 || lease <= 0 {
		return bellhop.Invalidf("claim", "a claim takes at least one push for longer than nothing, not %d for %v",
			slots.Free, lease)
	}
	return nil
}

// CheckHandling refuses to change an order that another person changed since the caller saw
// it. It allows a mere look, and the same change. unless may refuse more.
func CheckHandling(o *bellhop.Order, was, to bellhop.Handling, unless func(*bellhop.Order) error) error {
	if _, err := bellhop.ParseHandling(string(to)); err != nil {
		return err
	}
	now := o.Handling
	looked := was == bellhop.HandlingNew && now == bellhop.HandlingSeen
	switch {
	case now == to:
		return nil
	case was == "" || now == was || looked:
		if unless != nil {
			return unless(o)
		}
		return nil
	}
	return bellhop.Errorf(bellhop.Conflict, "changed_meanwhile", "somebody else set this order to %s in the meantime", now)
}

// CheckShop refuses a shop without a name.
func CheckShop(s bellhop.Shop) error {
	if s.Domain == "" {
		return bellhop.Invalidf("shop", "a shop has a domain")
	}
	return nil
}

// CheckPerson returns p as it is kept. Somebody of one shop may come with Shop and Role alone.
func CheckPerson(p bellhop.Person) (bellhop.Person, error) {
	p.Email = strings.ToLower(p.Email)
	p.AddedAt = p.AddedAt.Truncate(time.Microsecond)
	if len(p.Shops) == 0 && p.Shop != "" {
		p.Shops = []bellhop.Membership{{Shop: p.Shop, Role: p.Role}}
	}
	operator := p.Role == bellhop.RoleOperator
	p.SetShops(slices.Clone(p.Shops))
	switch {
	case p.Email == "":
		return p, bellhop.Invalidf("email", "a person has an e-mail address")
	case operator == (len(p.Shops) > 0):
		return p, bellhop.Invalidf("role", "an owner has a shop and an operator has none")
	case len(p.Shops) > store.MaxShops:
		return p, TooMany("shops", store.MaxShops)
	}
	for i, m := range p.Shops {
		if err := CheckMembership(m); err != nil {
			return p, err
		}
		if i > 0 && m.Shop == p.Shops[i-1].Shop {
			return p, bellhop.Invalidf("shop", "a person belongs to a shop once")
		}
	}
	return p, checkLength("email", p.Email, maxEmail)
}

// CheckMembership refuses a role that no shop has.
func CheckMembership(m bellhop.Membership) error {
	if m.Shop == "" || m.Role != bellhop.RoleOwner && m.Role != bellhop.RoleStaff {
		return bellhop.Invalidf("role", "somebody is an owner of a shop, or its staff")
	}
	return nil
}

// CheckMember refuses to make an operator a member of a shop.
func CheckMember(p bellhop.Person) error {
	if p.Role == bellhop.RoleOperator {
		return bellhop.Errorf(bellhop.Conflict, "is_operator", "an operator sees every shop already")
	}
	return nil
}

// CheckInvited refuses an invitation of somebody else.
func CheckInvited(p bellhop.Person, i bellhop.Invitation) error {
	if p.Email != i.Email {
		return bellhop.Errorf(bellhop.Conflict, "other_address", "the invitation is for another e-mail address")
	}
	return CheckMember(p)
}

// Invited returns the new person of an invitation.
func Invited(p bellhop.Person, i bellhop.Invitation, now time.Time) (bellhop.Person, error) {
	p.Email, p.Unproven, p.AddedAt = i.Email, true, now
	p.Role, p.Shops = i.Role, []bellhop.Membership{{Shop: i.Shop, Role: i.Role}}
	return CheckPerson(p)
}

// CheckInvitation returns i as it is kept.
func CheckInvitation(i bellhop.Invitation) (bellhop.Invitation, error) {
	i.Email = strings.ToLower(i.Email)
	i.CreatedAt, i.ExpiresAt = i.CreatedAt.Truncate(time.Microsecond), i.ExpiresAt.Truncate(time.Microsecond)
	if i.Email == "" {
		return i, bellhop.Invalidf("email", "an invitation has an e-mail address")
	}
	if err := CheckMembership(bellhop.Membership{Shop: i.Shop, Role: i.Role}); err != nil {
		return i, err
	}
	return i, cmp.Or(checkLength("email", i.Email, maxEmail), checkLength("email", i.InvitedBy, maxEmail))
}

// CheckToken returns t as it is kept.
func CheckToken(t bellhop.Token) (bellhop.Token, error) {
	t.CreatedAt = t.CreatedAt.Truncate(time.Microsecond)
	switch {
	case t.Name == "":
		return t, bellhop.Invalidf("name", "a token has a name")
	case t.Operator == (t.Shop != ""):
		return t, bellhop.Invalidf("token", "a token is one shop's or an operator's")
	}
	return t, checkLength("name", t.Name, maxName)
}

var (
	kinds     = []bellhop.AddressKind{bellhop.AddressToken, bellhop.AddressFID, bellhop.AddressWebPush}
	platforms = []bellhop.Platform{bellhop.PlatformAndroid, bellhop.PlatformIOS, bellhop.PlatformWeb}
	forms     = []bellhop.Form{bellhop.FormNotification, bellhop.FormData}
)

// CheckDevice refuses a device that can't receive pushes.
func CheckDevice(d bellhop.Device) error {
	if d.Installation == "" || d.Value == "" {
		return bellhop.Invalidf("device", "a device has an installation and a value")
	}
	if !slices.Contains(kinds, d.Kind) || !slices.Contains(platforms, d.Platform) || !slices.Contains(forms, d.Form) {
		return bellhop.Invalidf("device", "a device's kind, platform or form is unknown")
	}
	for _, f := range []struct {
		what, text string
		max        int
	}{
		{"installation", d.Installation, maxInstallation}, {"value", d.Value, maxAddress},
		{"locale", d.Locale, maxLocale}, {"timezone", d.Timezone, maxTimezone},
	} {
		if err := checkLength(f.what, f.text, f.max); err != nil {
			return err
		}
	}
	if d.Name == "" {
		return nil
	}
	return CheckDeviceName(d.Name)
}

// CheckDeviceName refuses a name that is none, or that no list has room for.
func CheckDeviceName(name string) error {
	n := utf8.RuneCountInString(name)
	if n == 0 || n > bellhop.MaxDeviceName || !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl) {
		return bellhop.Invalidf("name", "a device's name has 1 to %d characters", bellhop.MaxDeviceName)
	}
	return nil
}

// NotSent refuses the receipt of a push that no phone can have.
func NotSent() error {
	return bellhop.Errorf(bellhop.Conflict, "not_sent", "nobody has sent this push, so that no phone has it")
}

// NotFound is the error for a missing object, such as "push" or "shop".
func NotFound(what string) error {
	return bellhop.Errorf(bellhop.NotFound, what+"_not_found", "there is no such %s", strings.ReplaceAll(what, "_", " "))
}

// Exists is the error for something unique that is there already: "shop", "email",
// "session", "invitation" or "token". The database's own words would not help the user.
func Exists(what string) error {
	says := map[string][2]string{
		"shop":       {"shop_exists", "the shop is there already"},
		"email":      {"email_taken", "somebody has this e-mail address already"},
		"invitation": {"invitation_exists", "there is an invitation with this secret already"},
		"session":    {"session_exists", "there is a session with this token already"},
		"token":      {"token_exists", "there is a token of this name already"},
	}[what]
	return &bellhop.Error{Kind: bellhop.Conflict, Code: says[0], Message: says[1]}
}

// CheckResend refuses too many pushes at once.
func CheckResend(ids []int64) error {
	if len(ids) > store.ResendMost {
		return bellhop.Invalidf("pushes", "%d pushes at once: %d at most", len(ids), store.ResendMost)
	}
	return nil
}

// CheckLease refuses a lease without a name, a holder or a time.
func CheckLease(name, holder string, d time.Duration) error {
	if name == "" || holder == "" || d <= 0 {
		return bellhop.Invalidf("lease", "a lease has a name, and a holder for longer than nothing")
	}
	return nil
}

// LeaseTaken is the error for a former holder of a lease.
func LeaseTaken() error {
	return bellhop.Errorf(bellhop.Conflict, "lease_taken", "another process took the lease over")
}

// CheckSilences refuses to look for silences that the store does not see.
func CheckSilences(least time.Duration) error {
	if least < store.HeardSlot {
		return bellhop.Invalidf("least", "silences shorter than %v are not seen", store.HeardSlot)
	}
	return nil
}

// KeyChanged is the error when another process put a key's check value first.
func KeyChanged() error {
	return bellhop.Errorf(bellhop.Conflict, "key_changed", "another process changed the key's check value")
}
