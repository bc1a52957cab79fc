package connect

import (
	"context"
	"slices"
	"strings"
	"time"

	"bellhop"
	"bellhop/shopify/admin"
)

// claimLife is how long the person who connects a shop may sign in as its owner without a password: as long as a
// sign-in link is valid. So an install that was broken off before its link was seen can be repeated.
const claimLife = 24 * time.Hour

// address is an e-mail address of the owner to be.
type address struct {
	email  string
	proven bool // Shopify verified that it is theirs
}

// owner returns the shop's owner. It makes an account only for a shop without one.
//
// A merchant can write any address into their shop's settings. So an account that exists never joins a shop by its
// address alone: a stranger's shop would ring its phones, and a stranger who made the account first, under the owner's
// address, would get the owner's shop. The person who connected the shop may have an invitation, and accepts it
// signed in.
func (c *Connector) owner(ctx context.Context, shop string, to address) (p bellhop.Person, isNew bool, err error) {
	people, err := c.Store.People(ctx, shop)
	if err != nil {
		return p, false, err
	}
	owners := slices.DeleteFunc(people, func(p bellhop.Person) bool { return p.RoleIn(shop) != bellhop.RoleOwner })
	email, err := bellhop.ParseEmail(strings.TrimSpace(to.email))
	if err != nil {
		email = ""
	}
	if i := slices.IndexFunc(owners, func(p bellhop.Person) bool { return p.Email == email }); i >= 0 {
		isNew, err = c.unclaimed(ctx, owners[i])
		return owners[i], isNew, err
	}
	if len(owners) > 0 {
		return owners[0], false, nil
	}
	if email == "" {
		return p, false, nil
	}
	p = bellhop.Person{Email: email, Unproven: !to.proven, AddedAt: c.now()}
	p.SetShops([]bellhop.Membership{{Shop: shop, Role: bellhop.RoleOwner}})
	p, err = c.Store.AddPerson(ctx, p)
	if bellhop.KindOf(err) == bellhop.Conflict { // the address is somebody's, or there are too many people
		return bellhop.Person{}, false, nil
	}
	return p, err == nil, err
}

// Unclaimed reports whether a shop's owner has a new account that nobody got into yet. A browser that was cut off never
// saw the link that signs the owner in, and another install gives one.
func (c *Connector) Unclaimed(ctx context.Context, shop string) (is bool, err error) {
	people, err := c.Store.People(ctx, shop)
	for _, p := range people {
		if err == nil && !is && p.RoleIn(shop) == bellhop.RoleOwner {
			is, err = c.unclaimed(ctx, p)
		}
	}
	return is, err
}

// unclaimed reports whether connecting a shop made an account just now, for this shop alone, that nobody got into yet.
// After its first sign-in the link would let others of the shop's staff in: they may open the app, too.
func (c *Connector) unclaimed(ctx context.Context, p bellhop.Person) (bool, error) {
	if !p.Unproven || p.PasswordHash != "" || len(p.Shops) != 1 || c.now().Sub(p.AddedAt) >= claimLife {
		return false, nil
	}
	claimed, err := c.Store.HasSignedIn(ctx, p.ID)
	return !claimed, err
}

var (
	// ErrStranger is for a visitor who has no account in the shop.
	ErrStranger = bellhop.Errorf(bellhop.Forbidden, "no_account",
		"this e-mail address has no account of this shop here: ask the shop's owner for an invitation")
	// ErrUnverified is for a visitor of whose address Shopify is not sure.
	ErrUnverified = bellhop.Errorf(bellhop.Forbidden, "email_unverified",
		"Shopify has not verified this e-mail address: confirm it in Shopify first")
)

// Visitor returns the account of whom Shopify names as signed in to the shop's admin: the one that has their verified
// address and belongs to the shop. The owner of the shop's Shopify account gets one of their own.
//
// An unproven account with a password is a stranger's perhaps, who held the invitation: it is taken from them. One
// without a password was made by an install of this shop, and its phones go on ringing.
func (c *Connector) Visitor(ctx context.Context, shop string, u admin.User) (p bellhop.Person, err error) {
	if !u.Verified {
		return p, ErrUnverified
	}
	email, err := bellhop.ParseEmail(u.Email)
	if err != nil {
		return p, ErrStranger
	}
	p, err = c.Store.PersonByEmail(ctx, email)
	switch {
	case bellhop.KindOf(err) == bellhop.NotFound && u.AccountOwner:
		p = bellhop.Person{Email: email, AddedAt: c.now()}
		p.SetShops([]bellhop.Membership{{Shop: shop, Role: bellhop.RoleOwner}})
		p, err = c.Store.AddPerson(ctx, p)
	case err == nil && p.RoleIn(shop) == "":
		err = ErrStranger
	case err == nil && p.Unproven && p.PasswordHash != "":
		err = c.Store.Reclaim(ctx, p.ID)
	}
	if k := bellhop.KindOf(err); k == bellhop.NotFound || k == bellhop.Conflict {
		err = ErrStranger // or the shop is not here, or has too many people
	}
	return p, err
}
