package connect

import (
	"context"
	"crypto/rand"
	"time"

	"bellhop"
	"bellhop/internal/wait"
	"bellhop/store"
)

// A process works on a shop for less than its lease, so that it needs no renewal. Another takes over the work of
// a dead one once the lease has run out.
const (
	leaseLength = time.Minute
	workLimit   = 50 * time.Second
	talkLimit   = 40 * time.Second // of it, with Shopify
	saveLimit   = 5 * time.Second  // for what must be saved although the time is up
)

// patience is how long somebody who waits for an answer waits for a lease.
const (
	patience = 15 * time.Second
	askAgain = 200 * time.Millisecond
)

// LeasePrefix is before the shop's domain in the name of its lease.
const LeasePrefix = "shop/"

// IsBusy reports that another process works on the shop.
func IsBusy(err error) bool { return bellhop.CodeOf(err) == "shop_busy" }

// hold does something with a shop's connection while nobody else does.
func (c *Connector) hold(ctx context.Context, shop string, patience time.Duration,
	do func(context.Context) error) error {
	return c.Hold(ctx, LeasePrefix, shop, patience, do)
}

// Hold does something with a shop under a lease that has the shop's domain behind a prefix. It waits for the lease for
// as long as patience, and then fails: see [IsBusy]. do has less time than the lease.
func (c *Connector) Hold(ctx context.Context, prefix, shop string, patience time.Duration,
	do func(context.Context) error) error {
	lease, err := c.take(ctx, prefix, shop, patience)
	if err != nil {
		return err
	}
	defer c.release(ctx, lease)
	ctx, cancel := context.WithTimeout(ctx, workLimit)
	defer cancel()
	return do(ctx)
}

// take takes the shop's lease. Each call has a holder's name of its own: goroutines of one process exclude
// each other, too.
func (c *Connector) take(ctx context.Context, prefix, shop string, patience time.Duration) (store.Lease, error) {
	holder := c.Holder + "-" + rand.Text()[:10]
	for until := c.Now().Add(patience); ; {
		l, err := c.Store.TakeLease(ctx, prefix+shop, holder, c.Now(), leaseLength)
		if err != nil || l.Holder == holder {
			return l, err
		}
		if !c.Now().Before(until) {
			return l, bellhop.Errorf(bellhop.Unavailable, "shop_busy",
				"another process works on %s right now: try again in a minute", shop)
		}
		if !wait.Pause(ctx, askAgain) {
			return l, ctx.Err()
		}
	}
}

// release works also when the process ends.
func (c *Connector) release(ctx context.Context, l store.Lease) {
	ctx, cancel := saving(ctx)
	defer cancel()
	l.Until = c.Now()
	if err := c.Store.MoveLease(ctx, l); err != nil && bellhop.KindOf(err) != bellhop.Conflict {
		c.Log.Warn("release the lease of a shop", "lease", l.Name, "err", err)
	}
}

// saving returns a context for what must be saved also when the time is up or the process ends.
func saving(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), saveLimit)
}
