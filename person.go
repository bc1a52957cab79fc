package bellhop

import (
	"net/mail"
	"slices"
	"strings"
	"time"
)

// Role decides what a person may see and do.
type Role string

// The roles.
const (
	RoleOwner    Role = "owner"    // of a shop: everything in it
	RoleStaff    Role = "staff"    // of a shop: orders, and devices of their own
	RoleOperator Role = "operator" // every shop
)

// Membership says that somebody belongs to a shop.
type Membership struct {
	Shop string
	Role Role // owner or staff
}

// Person is somebody who signs in.
type Person struct {
	ID    int64
	Email string // lower case; unique among all people
	// Shops are the shops of an owner or staff, by domain; see SetShops. An operator has none.
	Shops []Membership
	Shop  string // the first of Shops; "" for an operator
	Role  Role   // in Shop, or operator
	// Unproven says that nobody has shown that the address is theirs: an invitation made the account,
	// and whoever held it chose the password.
	Unproven     bool
	PasswordHash string // argon2id in its usual string form; "" for none, so that only links sign in
	AddedAt      time.Time
	Settings     Settings
}

// SetShops sets the shops that somebody belongs to, with Shop and Role.
func (p *Person) SetShops(all []Membership) {
	slices.SortFunc(all, func(a, b Membership) int { return strings.Compare(a.Shop, b.Shop) })
	if p.Shops = all; len(all) > 0 {
		p.Shop, p.Role = all[0].Shop, all[0].Role
	}
}

// RoleIn returns a person's role in a shop; "" if they don't belong to it.
func (p Person) RoleIn(shop string) Role {
	for _, m := range p.Shops {
		if m.Shop == shop {
			return m.Role
		}
	}
	return ""
}

// Invitation lets somebody join a shop: whoever has an e-mail address, and the secret of a link. Only
// the secret's hash is stored.
type Invitation struct {
	Hash      [32]byte
	Shop      string
	Email     string // lower case; one invitation of an address to a shop
	Role      Role
	InvitedBy string // an e-mail address; "" for an operator
	CreatedAt time.Time
	ExpiresAt time.Time
}

// ParseEmail accepts a plain e-mail address and returns it in lower case.
func ParseEmail(s string) (string, error) {
	a, err := mail.ParseAddress(s)
	if err != nil || a.Address != s || a.Name != "" || len(s) > 254 || strings.ContainsAny(s, " \"") {
		return "", Invalidf("email", "%q is not an e-mail address: give the form name@example.com", Clip(s, 80))
	}
	return strings.ToLower(s), nil
}
