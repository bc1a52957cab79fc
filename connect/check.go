package connect

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"bellhop"
	"bellhop/shopify/admin"
)

// Check looks after a shop's connection at once: its token, its scopes, what Shopify says of the shop, and its
// subscriptions. It returns the connection as it is then, also if Shopify refuses something: Access and Reason say so.
func (c *Connector) Check(ctx context.Context, shop string) (bellhop.Connection, error) {
	err := c.hold(ctx, shop, patience, func(ctx context.Context) error { return c.check(ctx, shop) })
	if err != nil {
		return bellhop.Connection{}, err
	}
	return c.Store.Connection(ctx, shop)
}

// seen is what a look at Shopify found. Parts of it are missing when Shopify refused them.
type seen struct {
	conn          bellhop.Connection // with the tokens that it has now
	scopes        []string
	subscriptions []bellhop.Subscription
	missed        bool // a subscription was missing: webhooks of its topic did not come
	info          *admin.Info
}

// clockSlack is how far our clock and Shopify's may differ.
const clockSlack = time.Minute

// check works under the shop's lease.
func (c *Connector) check(ctx context.Context, shop string) error {
	conn, err := c.Store.Connection(ctx, shop)
	if err != nil || conn.Access == bellhop.AccessUninstalled {
		return err
	}
	if conn.Access == bellhop.AccessLost && !renewable(conn) && conn.Token == "" {
		return c.postpone(ctx, conn)
	}
	talk, cancel := context.WithTimeout(ctx, talkLimit)
	found, cause := c.look(talk, conn)
	slow := talk.Err() != nil
	cancel()
	if errors.Is(cause, errSuperseded) {
		return nil // whoever connected the shop anew checked it
	}
	refusal := admin.RefusalOf(cause)
	switch {
	case cause == nil && len(lacking(found.scopes)) > 0:
		refusal = admin.ScopeMissing
	case cause != nil && refusal == "" && slow && ctx.Err() == nil:
		refusal = admin.Unavailable // it took all of the time
	case cause != nil && refusal == "":
		return cause
	}
	c.Probe.At(PointLooked)
	c.Metrics.checked(refusal)
	if cause != nil {
		c.Log.Warn("Shopify refuses bellhop", "shop", shop, "reason", refusal, "err", cause)
	}
	err = c.settle(ctx, conn, found, refusal)
	c.Probe.At(PointSettled)
	return err
}

// look asks Shopify for everything, and makes sure of the subscriptions.
func (c *Connector) look(ctx context.Context, conn bellhop.Connection) (seen, error) {
	found := seen{conn: conn}
	err := c.withToken(ctx, &found.conn, func(api *admin.Shop) (err error) {
		if found.scopes, err = api.Scopes(ctx); err != nil {
			return err
		}
		if !sameDay(c.now(), conn.CheckedAt) {
			info, err := api.Info(ctx)
			if err != nil {
				return err
			}
			found.info = &info
		}
		found.subscriptions, found.missed, err = c.subscribe(ctx, api, conn.Shop, conn.Subscriptions)
		return err
	})
	return found, err
}

// sameDay reports whether bellhop looked already today. Once a day it asks for a shop's name and currency: shop/update
// says changes at once.
func sameDay(now, checked time.Time) bool {
	return now.UTC().Format(time.DateOnly) == checked.UTC().Format(time.DateOnly)
}

// AccessAfter decides what a refusal means for a connection.
func AccessAfter(r admin.Refusal) bellhop.AccessState {
	switch r {
	case "":
		return bellhop.AccessGood
	case admin.AccessRevoked, admin.ReconnectNeeded, admin.ShopGone, admin.AppNotInstalled, admin.OtherOrganisation,
		admin.TokenMustExpire, admin.InvalidToken:
		return bellhop.AccessLost
	}
	return bellhop.AccessRefused
}

// settle saves what a look found. What came in meanwhile, such as app/uninstalled, stays for the next look.
func (c *Connector) settle(ctx context.Context, was bellhop.Connection, found seen, r admin.Refusal) error {
	ctx, cancel := saving(ctx)
	defer cancel()
	access, now := AccessAfter(r), c.now()
	if access == bellhop.AccessLost && isUninstall(was) {
		// A check that took longer than its lease may have met a new install meanwhile.
		is, err := c.Store.Connection(ctx, was.Shop)
		if err != nil || !is.ConnectedAt.Equal(was.ConnectedAt) {
			return err
		}
		c.Log.Info("the app was removed from a shop", "shop", was.Shop, "at", was.UninstalledAt)
		return c.Store.Uninstall(ctx, was.Shop, was.UninstalledAt)
	}
	if found.info != nil {
		if err := c.describe(ctx, was.Shop, *found.info, now); err != nil {
			return err
		}
	}
	err := c.Store.UpdateConnection(ctx, was.Shop, func(conn *bellhop.Connection) error {
		if !conn.ConnectedAt.Equal(was.ConnectedAt) {
			return errSuperseded
		}
		if conn.Access != access || conn.Reason != string(r) {
			conn.Access, conn.Reason, conn.Since = access, string(r), now
		}
		if found.scopes != nil {
			conn.Scopes = sorted(found.scopes)
		}
		if found.subscriptions != nil {
			conn.Subscriptions, conn.CheckedAt = found.subscriptions, now
		}
		if conn.UninstalledAt.Equal(was.UninstalledAt) && (found.scopes != nil || !isUninstall(was)) {
			conn.UninstalledAt = time.Time{}
		}
		if conn.CheckDue.Equal(was.CheckDue) {
			conn.CheckDue = now.Add(jitter(nextCheck(*conn, now)))
		}
		return nil
	})
	if errors.Is(err, errSuperseded) {
		return nil
	}
	if err == nil && access == bellhop.AccessGood {
		err = c.catchUp(ctx, was, found.missed)
	}
	return err
}

// catchUp has a shop compared with Shopify at once where webhooks may have been missed: after an install, and once its
// access or a subscription is there again. A process that dies before it is no loss: shops are compared all the time.
func (c *Connector) catchUp(ctx context.Context, was bellhop.Connection, missed bool) error {
	r, err := c.Store.Reconciliation(ctx, was.Shop)
	if err != nil || !missed && was.Access == bellhop.AccessGood && r.ConnectedAt.Equal(was.ConnectedAt) {
		return err
	}
	return c.askLook(ctx, was.Shop)
}

// askLook asks whoever compares the shop with Shopify to do so at once.
func (c *Connector) askLook(ctx context.Context, shop string) error {
	now := c.now()
	return c.Store.UpdateReconciliation(ctx, shop, func(r *bellhop.Reconciliation) error {
		r.Asked.Look, r.Due = now, now
		return nil
	})
}

// isUninstall reports whether an app/uninstalled may be about the present install. A late one, of the install before,
// says nothing.
func isUninstall(conn bellhop.Connection) bool {
	return !conn.UninstalledAt.IsZero() && conn.UninstalledAt.After(conn.ConnectedAt.Add(-clockSlack))
}

// postpone leaves a connection alone that nobody but the owner can mend.
func (c *Connector) postpone(ctx context.Context, was bellhop.Connection) error {
	return c.settle(ctx, was, seen{conn: was}, admin.Refusal(was.Reason))
}

// How soon a connection is looked at again. A subscription that went missing is back within a quarter of an hour.
const (
	goodCheck    = 9 * time.Minute
	firstRetry   = time.Minute
	longestRetry = time.Hour
	lostCheck    = 24 * time.Hour
)

// slowly are refusals that only a person ends.
var slowly = map[string]bool{string(admin.AddressNotAllowed): true, string(admin.WrongCredentials): true,
	string(admin.ScopeMissing): true, string(admin.VersionRetired): true, string(admin.ShopUnavailable): true}

// nextCheck returns how long to leave a connection alone.
func nextCheck(conn bellhop.Connection, now time.Time) time.Duration {
	switch conn.Access {
	case bellhop.AccessGood:
		return goodCheck
	case bellhop.AccessRefused:
		return retryAfter(conn.Reason, now.Sub(conn.Since))
	}
	return lostCheck
}

// retryAfter returns how long to wait after a refusal that has lasted for some time: as long again.
func retryAfter(reason string, lasted time.Duration) time.Duration {
	least := firstRetry
	if slowly[reason] {
		least = goodCheck
	}
	return min(longestRetry, max(least, lasted))
}

// RetryAfter is how long other work with a shop waits after a refusal that has lasted for some time.
func RetryAfter(reason string, lasted time.Duration) time.Duration {
	return jitter(retryAfter(reason, lasted))
}

// jitter spreads checks that were due together by a third to either side.
func jitter(d time.Duration) time.Duration { return d*2/3 + rand.N(d*2/3+1) }
