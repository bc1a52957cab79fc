package identity

import (
	"cmp"
	"encoding/json"
	"slices"
	"strconv"
	"time"

	"bellhop"
)

// maxShops bounds the shops of one token.
const maxShops = 100

// claims are those of a token that its issuer signed.
type claims struct {
	Setting
	all map[string]json.RawMessage
}

func (c *claims) identity(now time.Time) (id bellhop.Identity, err error) {
	if id.IssuedAt, id.ExpiresAt, err = c.times(now); err != nil {
		return id, err
	}
	if id.Email, err = c.email(); err != nil {
		return id, err
	}
	id.Operators = c.Operators
	if c.ShopsClaim != "" {
		id.Claimed = true
		id.Shops, err = c.shops()
	}
	return id, err
}

// times checks when the token is valid, and returns from when to when.
func (c *claims) times(now time.Time) (issued, expires time.Time, err error) {
	expires, ok := c.time("exp")
	issued, issuedOK := c.time("iat")
	begins, beginsOK := c.time("nbf")
	if !ok || !issuedOK || !beginsOK || expires.IsZero() ||
		now.After(expires.Add(leeway)) || now.Before(begins.Add(-leeway)) || now.Before(issued.Add(-leeway)) {
		return issued, expires, errExpired
	}
	return issued, expires, nil
}

// time reads seconds since 1970; zero for none.
func (c *claims) time(name string) (at time.Time, ok bool) {
	raw, there := c.all[name]
	if !there {
		return at, true
	}
	seconds, err := strconv.ParseFloat(string(raw), 64)
	if err != nil || seconds < 0 || seconds > 1<<40 {
		return at, false
	}
	return time.Unix(int64(seconds), 0), true
}

func (c *claims) email() (string, error) {
	var address string
	if json.Unmarshal(c.all[c.EmailClaim], &address) != nil || address == "" {
		return "", claimError("the token has no claim %q with an e-mail address", c.EmailClaim)
	}
	email, err := bellhop.ParseEmail(address)
	if err != nil {
		return "", claimError("the token's claim %q is not an e-mail address", c.EmailClaim)
	}
	if !c.UnverifiedEmail && !c.verified() {
		return "", claimError("the token's e-mail address is not verified: its claim %q is not true",
			c.EmailClaim+"_verified")
	}
	return email, nil
}

// verified reads the boolean beside the address, which some issuers write as a string.
func (c *claims) verified() bool {
	raw := string(c.all[c.EmailClaim+"_verified"])
	return raw == "true" || raw == `"true"`
}

// shops reads a list of shops, all with the role of the claim for it, or an object with the role in
// each.
func (c *claims) shops() (all []bellhop.Membership, err error) {
	roles := map[string]string{}
	raw := c.all[c.ShopsClaim]
	if len(raw) == 0 || json.Unmarshal(raw, &roles) != nil {
		if roles, err = c.list(raw); err != nil {
			return nil, err
		}
	}
	if len(roles) > maxShops {
		return nil, claimError("the token's claim %q names more than %d shops", c.ShopsClaim, maxShops)
	}
	for name, role := range roles {
		m, err := c.membership(name, bellhop.Role(role))
		if err != nil {
			return nil, err
		}
		all = append(all, m)
	}
	slices.SortFunc(all, func(a, b bellhop.Membership) int {
		return cmp.Or(cmp.Compare(a.Shop, b.Shop), cmp.Compare(a.Role, b.Role))
	})
	return slices.CompactFunc(all, func(a, b bellhop.Membership) bool { return a.Shop == b.Shop }), nil
}

func (c *claims) membership(name string, role bellhop.Role) (m bellhop.Membership, err error) {
	shop, err := bellhop.ParseShopDomain(name)
	switch {
	case err != nil:
		err = claimError("the token's claim %q has %q: give shops as NAME.myshopify.com", c.ShopsClaim,
			bellhop.Clip(name, 80))
	case role != bellhop.RoleOwner && role != bellhop.RoleStaff:
		err = claimError("the token gives the role %q in %s: there are owner and staff", bellhop.Clip(string(role), 40),
			shop)
	}
	return bellhop.Membership{Shop: shop, Role: role}, err
}

// list reads a list of shops, or one alone. Their role is staff unless a claim says more.
func (c *claims) list(raw json.RawMessage) (map[string]string, error) {
	var names []string
	var one string
	switch {
	case len(raw) == 0:
	case json.Unmarshal(raw, &one) == nil:
		names = []string{one}
	case json.Unmarshal(raw, &names) != nil:
		return nil, claimError("the token's claim %q is neither a list of shops nor an object of shops with roles",
			c.ShopsClaim)
	}
	role := string(bellhop.RoleStaff)
	if said := c.all[c.RoleClaim]; len(said) > 0 && json.Unmarshal(said, &role) != nil {
		return nil, claimError("the token's claim %q is not a role", c.RoleClaim)
	}
	roles := map[string]string{}
	for _, name := range names {
		roles[name] = role
	}
	return roles, nil
}

func claimError(format string, args ...any) error {
	return bellhop.Errorf(bellhop.Unauthenticated, "token_claim", format, args...)
}
