package connect

import (
	"context"
	"slices"
	"strings"
	"time"

	"bellhop"
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
