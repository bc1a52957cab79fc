package connect

import (
	"context"
	"time"

	"bellhop"
	"bellhop/shopify/admin"
)

// How long tokens live. The answers say when they end, and not when they began.
const (
	expiringLife   = time.Hour
	credentialLife = 24 * time.Hour
)

// renewable reports whether bellhop can get a new token by itself.
func renewable(conn bellhop.Connection) bool {
	return conn.Grant == bellhop.GrantClientCredentials || conn.RefreshToken != ""
}

// renewAt is when a third of the token's life is left; zero for never.
func renewAt(conn bellhop.Connection) time.Time {
	if conn.ExpiresAt.IsZero() || !renewable(conn) {
		return time.Time{}
	}
	life := expiringLife
	if conn.Grant == bellhop.GrantClientCredentials {
		life = credentialLife
	}
	return conn.ExpiresAt.Add(-life / 3)
}

// isDue reports whether a time has come; never for zero.
func isDue(at, now time.Time) bool { return !at.IsZero() && !at.After(now) }

// errSuperseded ends work on a connection that was made anew meanwhile.
var errSuperseded = bellhop.Errorf(bellhop.Conflict, "superseded", "the shop was connected anew meanwhile")

// Access returns the Admin API of a shop with a token that lasts for a while.
func (c *Connector) Access(ctx context.Context, shop string) (*admin.Shop, error) {
	conn, err := c.open(ctx, shop)
	if err != nil {
		return nil, err
	}
	if isDue(renewAt(conn), c.now()) {
		err = c.hold(ctx, shop, patience, func(ctx context.Context) (err error) {
			if conn, err = c.open(ctx, shop); err == nil && isDue(renewAt(conn), c.now()) {
				err = c.renew(ctx, &conn, c.ask)
			}
			return err
		})
		if err != nil && c.expired(conn) {
			return nil, err
		}
	}
	return c.App.Shop(shop, conn.Token), nil
}

// Works reports whether the connection of a shop serves right now. It asks Shopify.
func (c *Connector) Works(ctx context.Context, shop string) (bool, error) {
	api, err := c.Access(ctx, shop)
	if err == nil {
		var scopes []string
		if scopes, err = api.Scopes(ctx); err == nil {
			return len(lacking(scopes)) == 0, nil
		}
	}
	if k := bellhop.KindOf(err); k == bellhop.NotFound || k == bellhop.Conflict {
		return false, nil
	}
	return false, err
}

// open returns a connection that is not over.
func (c *Connector) open(ctx context.Context, shop string) (bellhop.Connection, error) {
	conn, err := c.Store.Connection(ctx, shop)
	if err == nil && (conn.Access == bellhop.AccessLost || conn.Access == bellhop.AccessUninstalled) {
		err = bellhop.Errorf(bellhop.Conflict, conn.Reason, "the access to %s is over: connect it again", shop)
	}
	return conn, err
}

func (c *Connector) expired(conn bellhop.Connection) bool {
	return conn.Token == "" || isDue(conn.ExpiresAt, c.now())
}

// ask asks for a new token in the way of the connection's grant.
func (c *Connector) ask(ctx context.Context, conn bellhop.Connection) (admin.Tokens, error) {
	if conn.Grant == bellhop.GrantClientCredentials {
		return c.App.ClientCredentials(ctx, conn.Shop)
	}
	return c.App.Refresh(ctx, conn.Shop, conn.RefreshToken)
}

// migrate turns a token that doesn't expire into one that does, once and for good.
func (c *Connector) migrate(ctx context.Context, conn bellhop.Connection) (admin.Tokens, error) {
	return c.App.Migrate(ctx, conn.Shop, conn.Token)
}

// renew replaces the connection's tokens. It stores the pair before anything uses it: until then Shopify takes the old
// refresh token again. A pair that came for tokens which are no longer the stored ones is dropped.
func (c *Connector) renew(ctx context.Context, conn *bellhop.Connection,
	get func(context.Context, bellhop.Connection) (admin.Tokens, error)) error {
	t, err := get(ctx, *conn)
	c.Metrics.refreshed(err)
	if err != nil {
		return err
	}
	c.Probe.At(PointRefreshed)
	ctx, cancel := saving(ctx)
	defer cancel()
	used := *conn
	err = c.Store.UpdateConnection(ctx, used.Shop, func(now *bellhop.Connection) error {
		if !now.ConnectedAt.Equal(used.ConnectedAt) || now.Token != used.Token || now.RefreshToken != used.RefreshToken {
			return errSuperseded
		}
		now.Token, now.ExpiresAt = t.Token, t.ExpiresAt
		now.RefreshToken, now.RefreshExpiresAt = t.RefreshToken, t.RefreshExpiresAt
		*conn = *now
		return nil
	})
	c.Probe.At(PointKept)
	return err
}

// withToken calls do with a token that lasts. When Shopify refuses it, do gets one more try with a new one.
func (c *Connector) withToken(ctx context.Context, conn *bellhop.Connection, do func(*admin.Shop) error) error {
	renewed, late := false, error(nil)
	if isDue(renewAt(*conn), c.now()) || conn.Token == "" {
		late = c.renew(ctx, conn, c.ask)
		if late != nil && (c.expired(*conn) || AccessAfter(admin.RefusalOf(late)) == bellhop.AccessLost ||
			admin.RefusalOf(late) == "") {
			return late
		}
		renewed = late == nil
	}
	err := do(c.App.Shop(conn.Shop, conn.Token))
	again := c.ask
	switch r := admin.RefusalOf(err); {
	case r == admin.TokenMustExpire && conn.RefreshToken == "":
		again = c.migrate
	case r != admin.AccessRevoked, renewed, !renewable(*conn):
		if err == nil {
			err = late // the token still serves; the new one is asked for again
		}
		return err
	}
	if err := c.renew(ctx, conn, again); err != nil {
		return err
	}
	return do(c.App.Shop(conn.Shop, conn.Token))
}
