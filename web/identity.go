package web

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"bellhop"
	"bellhop/store"
)

// Verifier verifies tokens (JWTs) of the team's own identity provider.
type Verifier interface {
	// Verify returns what a valid token says. The error is bellhop.Unauthenticated for any other, and
	// bellhop.Unavailable while nobody can tell.
	Verify(ctx context.Context, token string) (bellhop.Identity, error)
}

// isJWT reports whether a secret has the form of such a token. None of ours has a dot.
func isJWT(secret string) bool { return strings.Count(secret, ".") == 2 }

var (
	errNoAccount = bellhop.Errorf(bellhop.Unauthenticated, "no_account",
		"nobody here has this token's e-mail address: ask the shop's owner for an invitation")
	errNoneOfItsShops = bellhop.Errorf(bellhop.Unauthenticated, "no_account",
		"none of the shops that the token names is here")
	errOperatorToken = bellhop.Errorf(bellhop.Unauthenticated, "operator_token",
		"operators sign in with their password or a link, unless the issuer in BELLHOP_JWT has operators=accept")
)

// identities turns tokens of the team's own identity provider into people.
type identities struct {
	verifier Verifier // nil: no such token is valid
	store    store.People
	now      func() time.Time

	mu sync.Mutex
	// When the newest token was issued whose shops somebody has. An older one that is still valid must
	// not give back what a newer one took.
	newest map[int64]time.Time
}

// person returns whose token it is. An account of one's own is needed unless the token names the person's
// shops: then the account is made, and has the shops of the newest token.
func (i *identities) person(ctx context.Context, token string) (p bellhop.Person, id bellhop.Identity, err error) {
	if i.verifier == nil {
		return p, id, ErrSignIn
	}
	if id, err = i.verifier.Verify(ctx, token); err == nil {
		p, err = i.known(ctx, id)
	}
	return p, id, err
}

// known returns the person whom a valid token is about.
func (i *identities) known(ctx context.Context, id bellhop.Identity) (p bellhop.Person, err error) {
	p, err = i.store.PersonByEmail(ctx, id.Email)
	switch {
	case bellhop.KindOf(err) == bellhop.NotFound && id.Claimed:
		return i.add(ctx, id)
	case bellhop.KindOf(err) == bellhop.NotFound:
		return p, errNoAccount
	case err != nil:
		return p, err
	case p.Role == bellhop.RoleOperator && !id.Operators:
		return p, errOperatorToken
	case p.Unproven:
		// The issuer proves whose the address is. Whoever chose the password was somebody else perhaps.
		if err := i.store.Reclaim(ctx, p.ID); err != nil {
			return p, err
		}
	}
	if p.Role == bellhop.RoleOperator || !id.Claimed {
		return p, nil
	}
	return i.follow(ctx, p, id)
}

// add makes an account with those of the token's shops that are here.
func (i *identities) add(ctx context.Context, id bellhop.Identity) (p bellhop.Person, err error) {
	for n := range id.Shops {
		p = bellhop.Person{Email: id.Email, AddedAt: i.now()}
		p.SetShops(id.Shops[n : n+1 : n+1])
		p, err = i.store.AddPerson(ctx, p)
		if bellhop.CodeOf(err) == "email_taken" { // by another request of theirs
			p, err = i.store.PersonByEmail(ctx, id.Email)
		}
		if bellhop.KindOf(err) == bellhop.NotFound {
			continue
		}
		if err != nil {
			return p, err
		}
		return i.follow(ctx, p, id)
	}
	return p, errNoneOfItsShops
}

// follow gives somebody the shops of their token, and takes all others. A shop's last owner stays in it, but
// the token does not open it.
func (i *identities) follow(ctx context.Context, p bellhop.Person, id bellhop.Identity) (bellhop.Person, error) {
	if i.isNewest(p.ID, id.IssuedAt) {
		changed, err := i.change(ctx, p, id.Shops)
		if err == nil && changed {
			p, err = i.store.PersonByEmail(ctx, id.Email)
		}
		if bellhop.KindOf(err) == bellhop.NotFound { // the last shop is gone, and the account with it
			return p, errNoneOfItsShops
		}
		if err != nil {
			return p, err
		}
	}
	var both []bellhop.Membership
	claimed := bellhop.Person{Shops: id.Shops}
	for _, m := range p.Shops {
		if role := claimed.RoleIn(m.Shop); role == m.Role {
			both = append(both, m)
		} else if role != "" {
			both = append(both, bellhop.Membership{Shop: m.Shop, Role: bellhop.RoleStaff}) // the lesser of two
		}
	}
	if len(both) == 0 {
		return p, errNoneOfItsShops
	}
	p.SetShops(both)
	return p, nil
}

// change makes the store's memberships those of a token. It passes over shops that are not here.
func (i *identities) change(ctx context.Context, p bellhop.Person, to []bellhop.Membership) (changed bool, err error) {
	claimed := bellhop.Person{Shops: to}
	for _, m := range to {
		if p.RoleIn(m.Shop) == m.Role {
			continue
		}
		err := i.store.SetMembership(ctx, p.ID, m)
		if err != nil && bellhop.KindOf(err) != bellhop.NotFound && bellhop.CodeOf(err) != "last_owner" {
			return changed, err
		}
		changed = changed || err == nil
	}
	for _, m := range p.Shops {
		if claimed.RoleIn(m.Shop) != "" {
			continue
		}
		err := i.store.RemoveMembership(ctx, p.ID, m.Shop)
		if err != nil && bellhop.KindOf(err) != bellhop.NotFound && bellhop.CodeOf(err) != "last_owner" {
			return changed, err
		}
		changed = changed || err == nil
	}
	return changed, nil
}

// isNewest reports whether no token of somebody was seen that was issued after this.
func (i *identities) isNewest(person int64, issued time.Time) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	if issued.Before(i.newest[person]) {
		return false
	}
	if len(i.newest) >= LimitedKeys {
		clear(i.newest) // an older token counts again for a moment
	}
	i.newest[person] = issued
	return true
}

// SignInWithToken begins a session for whom a token of the team's own identity provider names. An operator's ends with
// the token: whoever the issuer no longer calls an operator is none for longer than that.
func (a *Auth) SignInWithToken(ctx context.Context, token string, from Client) (SignedIn, error) {
	if wait := a.byAddress.Take(Neighbourhood(from.Address), a.now()); wait > 0 {
		return SignedIn{}, tooMany(wait)
	}
	p, id, err := a.identities.person(ctx, token)
	if err != nil {
		return SignedIn{}, err
	}
	// A session goes by what is stored, and would open what the token does not.
	stored, err := a.store.PersonByEmail(ctx, p.Email)
	if err == nil && !slices.Equal(stored.Shops, p.Shops) {
		err = errNarrower
	}
	if err != nil {
		return SignedIn{}, err
	}
	until := a.now().Add(sessionLife)
	if p.Role == bellhop.RoleOperator && id.ExpiresAt.Before(until) {
		until = id.ExpiresAt
	}
	return a.openUntil(ctx, p, from, until)
}

var errNarrower = bellhop.Errorf(bellhop.Forbidden, "token_narrower",
	"this token opens less than the account has here: send it with each request, or change the account's shops here")
