// Package connect connects shops by Shopify's Admin API and keeps them connected: it keeps their tokens
// fresh, their scopes known and their subscriptions there, and knows how long a shop may be quiet.
//
// Of all processes one at a time works on a shop, under the lease "shop/DOMAIN". A process that dies at any
// step leaves nothing that the next one can't finish.
package connect

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"time"

	"bellhop"
	"bellhop/shopify/admin"
	"bellhop/store"
)

// Store is what connecting needs of the store.
type Store interface {
	store.Shops
	store.Connections
	store.Leases
	store.People
	store.Statistics
	store.Reconciling
	HasSignedIn(ctx context.Context, person int64) (bool, error)
}

// Connector connects shops and looks after their connections. Many goroutines may use it at once.
type Connector struct {
	App    *admin.App
	Store  Store
	URL    string // where Shopify and people reach bellhop, without a slash at its end
	Source string // ARN of the event source at EventBridge that subscriptions go to; "" is bellhop's own endpoint
	Holder string // this process's name, as leases show it
	Now    func() time.Time
	Log    *slog.Logger

	Metrics *Metrics // nil counts nothing
	Probe   Probe
}

// Connected is what connecting a shop did.
type Connected struct {
	Shop       bellhop.Shop
	Connection bellhop.Connection
	// Owner is the shop's owner, or zero while nobody is: then the person who connected the shop may have an invitation.
	Owner bellhop.Person
	// New reports that the owner's account was made for this shop and nobody got into it yet: only then may a
	// link sign in the person who connected the shop.
	New   bool
	First bool // the shop was never connected before
}

// install is one way to connect a shop.
type install struct {
	grant  bellhop.Grant
	tokens func(context.Context) (admin.Tokens, error)
	owner  func(context.Context, admin.Info) address
}

// inSettings is the address that the shop's settings have.
func inSettings(_ context.Context, info admin.Info) address { return address{email: info.Email} }

// ClientCredentials connects a shop of the organisation that the app belongs to.
func (c *Connector) ClientCredentials(ctx context.Context, shop string) (Connected, error) {
	return c.connect(ctx, shop, install{bellhop.GrantClientCredentials, func(ctx context.Context) (admin.Tokens, error) {
		return c.App.ClientCredentials(ctx, shop)
	}, inSettings})
}

// errVisit ends connecting: the code was for a visit.
var errVisit = errors.New("the code says who came, and connects nothing")

// Code uses a code that Shopify's callback brought. It connects the shop whose owner installed the app, or says who
// came: then nothing is connected. It holds the lease, since a code for an install ends the tokens before.
func (c *Connector) Code(ctx context.Context, shop, code string) (done Connected, visitor *admin.User, err error) {
	exchange := func(ctx context.Context) (t admin.Tokens, err error) {
		if t, visitor, err = c.App.ExchangeCode(ctx, shop, code); err == nil && visitor != nil {
			err = errVisit
		}
		return t, err
	}
	done, err = c.connect(ctx, shop, install{bellhop.GrantAuthorizationCode, exchange, inSettings})
	if errors.Is(err, errVisit) {
		return Connected{}, visitor, nil
	}
	return done, nil, err
}

// IDToken connects the shop that an ID token of Shopify's names. Any member of the staff who may open the app has
// such a token, so that only the account's owner, with an address that Shopify verified, gets an account here.
func (c *Connector) IDToken(ctx context.Context, token string) (Connected, error) {
	id, err := c.App.ParseIDToken(token)
	if err != nil {
		return Connected{}, err
	}
	return c.connect(ctx, id.Shop, install{bellhop.GrantTokenExchange, func(ctx context.Context) (admin.Tokens, error) {
		return c.App.ExchangeIDToken(ctx, id.Shop, token)
	}, func(ctx context.Context, _ admin.Info) address {
		user, err := c.App.OnlineUser(ctx, id.Shop, token)
		switch {
		case err != nil:
			c.Log.Warn("ask Shopify who the shop's owner is", "shop", id.Shop, "err", err)
		case user.Verified && user.AccountOwner:
			return address{user.Email, true}
		}
		return address{}
	}})
}

// Token connects a shop by tokens that somebody handed over: of an app that was made in the shop's admin, or from a
// server of the team's own that got them.
func (c *Connector) Token(ctx context.Context, shop string, tokens admin.Tokens) (Connected, error) {
	if !admin.IsToken(tokens.Token) || tokens.RefreshToken != "" && !admin.IsToken(tokens.RefreshToken) {
		return Connected{}, bellhop.Invalidf("token",
			"this is no token of Shopify's: those have no spaces and no letters but ASCII's")
	}
	return c.connect(ctx, shop, install{bellhop.GrantToken, func(context.Context) (admin.Tokens, error) {
		return tokens, nil
	}, inSettings})
}

// connect stores nothing before a probe showed that the token serves. Whatever fails after that the keeper
// goes on with, since the connection is due.
func (c *Connector) connect(ctx context.Context, shop string, in install) (done Connected, err error) {
	err = c.hold(ctx, shop, patience, func(ctx context.Context) error {
		tokens, err := in.tokens(ctx)
		if err != nil {
			return err
		}
		c.Probe.At(PointToken)
		info, err := c.probe(ctx, shop, &tokens)
		if err != nil {
			return err
		}
		owner := in.owner(ctx, info) // now: an ID token lives for a minute
		c.Probe.At(PointProbed)
		if done.First, err = c.keep(ctx, shop, in.grant, tokens, info); err != nil {
			return err
		}
		if err := c.check(ctx, shop); err != nil {
			return err
		}
		c.Probe.At(PointSubscribed)
		done.Owner, done.New, err = c.owner(ctx, shop, owner)
		c.Probe.At(PointOwner)
		return err
	})
	if err != nil {
		return Connected{}, err
	}
	if done.Connection, err = c.Store.Connection(ctx, shop); err != nil {
		return Connected{}, err
	}
	done.Shop, err = c.Store.Shop(ctx, shop)
	c.Log.Info("connected a shop", "shop", shop, "grant", in.grant, "access", done.Connection.Access)
	return done, err
}

// lacking lists the scopes that are not granted, and without which bellhop is of no use.
func lacking(granted []string) []string { return admin.MissingScopes(granted, admin.NeededScopes) }

// probe uses a token for the first time.
func (c *Connector) probe(ctx context.Context, shop string, t *admin.Tokens) (info admin.Info, err error) {
	api := c.App.Shop(shop, t.Token)
	if t.Scopes, err = api.Scopes(ctx); err != nil {
		return info, err
	}
	if missing := lacking(t.Scopes); len(missing) > 0 {
		return info, &bellhop.Error{Kind: bellhop.Conflict, Code: string(admin.ScopeMissing),
			Message: shop + " does not grant " + strings.Join(missing, ", ") + ": " + admin.ScopeMissing.Advice()}
	}
	if info, err = api.Info(ctx); err == nil && info.Domain != shop {
		err = bellhop.Invalidf("other_shop", "the token is of %s, not of %s: connect that shop", info.Domain, shop)
	}
	return info, err
}

// keep adds the shop if it is missing, and stores its connection. It reports whether it is the first.
// A shop that an operator disabled stays so.
func (c *Connector) keep(ctx context.Context, shop string, grant bellhop.Grant, t admin.Tokens, info admin.Info) (
	first bool, err error) {
	now := c.now()
	if err := c.Store.AddShop(ctx, bellhop.Shop{Domain: shop, AddedAt: now}); err != nil &&
		bellhop.KindOf(err) != bellhop.Conflict {
		return false, err
	}
	if err := c.describe(ctx, shop, info, now); err != nil {
		return false, err
	}
	c.Probe.At(PointAdded)
	_, err = c.Store.Connection(ctx, shop)
	if first = bellhop.KindOf(err) == bellhop.NotFound; err != nil && !first {
		return false, err
	}
	err = c.Store.PutConnection(ctx, bellhop.Connection{Shop: shop, Grant: grant, ConnectedAt: now,
		Scopes: sorted(t.Scopes), Token: t.Token, ExpiresAt: t.ExpiresAt, RefreshToken: t.RefreshToken,
		RefreshExpiresAt: t.RefreshExpiresAt, Access: bellhop.AccessGood, Since: now, CheckDue: now})
	c.Probe.At(PointStored)
	return first, err
}

// describe saves what Shopify says of the shop, unless something newer did.
func (c *Connector) describe(ctx context.Context, shop string, info admin.Info, at time.Time) error {
	return c.Store.UpdateShop(ctx, shop, func(s *bellhop.Shop) {
		if at.After(s.InfoAt) {
			s.Name, s.Email, s.Currency, s.Timezone, s.Plan = info.Name, info.Email, info.Currency, info.Timezone, info.Plan
			s.InfoAt = at
		}
	})
}

func sorted(scopes []string) []string {
	s := slices.Clone(scopes)
	slices.Sort(s)
	return slices.Compact(s)
}

// now is the time as stores keep it.
func (c *Connector) now() time.Time { return c.Now().UTC().Truncate(time.Microsecond) }
