// Package reconcile compares shops with Shopify and makes events of orders that are missing here, differ or were
// deleted. It walks over a shop's orders in heads, which are their ids and times, fetches whole those that it has to,
// and compares values. What it finds goes to the queue and is recorded as any other event. Hours that were compared to
// their end are closed by statements.
//
// Of all processes one at a time works on a shop, under the lease "reconcile/DOMAIN", in steps of less than a minute.
// A step saves how far it has come after the events are durable: a process that dies anywhere leaves nothing that the
// next one can't finish.
package reconcile

import (
	"context"
	"crypto/ed25519"
	"errors"
	"time"

	"bellhop"
	"bellhop/connect"
	"bellhop/queue"
	"bellhop/store"
)

// Store is what reconciling needs of the store.
type Store interface {
	store.Shops
	store.Connections
	store.KeyChecks
	store.Reconciling
	store.Statements
}

// Queue takes the events of what was found.
type Queue interface {
	queue.Producer
	Depth(ctx context.Context) (queue.Depth, error)
}

// Reconciler compares shops with Shopify. Many goroutines may use it at once.
type Reconciler struct {
	Connector *connect.Connector // has access to the shops, and the clock and the log for both
	Store     Store
	Queue     Queue
	Key       func(context.Context) (ed25519.PrivateKey, error) // that signs statements

	BulkFrom int           // how many orders there have to be to fetch for a bulk operation; 0 is 5,000
	Part     int           // requests that a night spends on older orders, at least where there are some; 0 is 20
	Step     time.Duration // after which a shop that has more to do lets others have their turn; 0 is 30 s
	Metrics  *Metrics      // nil counts nothing
	Probe    Probe
}

// LeasePrefix is before the shop's domain in the name of its lease.
const LeasePrefix = "reconcile/"

// AtOnce is how many shops a process should work on at once.
const AtOnce = 4

// dueAtOnce bounds a list of shops that are due.
const dueAtOnce = 100

// When what is done.
const (
	lookEvery = 5 * time.Minute
	overlap   = 10 * time.Minute // of two looks: the index of orders lags behind
	grace     = 2 * time.Minute  // what webhooks are bringing right now is not missing
	sweepLag  = 15 * time.Minute // an hour has been over for so long when it is swept
	nightDays = 7                // that the nightly sweep goes back
	nightHour = 3                // on the shop's clock
	olderDays = 7                // that a night goes through behind these, at least

	stepTime = 30 * time.Second // unless told otherwise
)

// Bounds of a step.
const (
	fetchAtOnce = 20   // whole orders in memory
	mostWaiting = 200  // events: no walk sends more while so many wait
	mostYoung   = 1000 // orders that were sent once and are not seen recorded
	bulkFrom    = 5000
	olderPart   = 20 // requests, of 250 orders each: a quiet shop has 80 left in a day
)

// Due lists shops to work on, the longest due first, and when to ask again: at once where there are some, since they
// may have more to do than a step, else the zero time for no idea.
func (r *Reconciler) Due(ctx context.Context) (due []bellhop.Reconciliation, next time.Time, err error) {
	now := r.now()
	if due, err = r.Store.Reconciliations(ctx, now, dueAtOnce); len(due) > 0 {
		next = now
	}
	return due, next, err
}

// Keep goes on with the walks of a shop that was due: a step. It does nothing if another process works on the shop, or
// did so since.
func (r *Reconciler) Keep(ctx context.Context, due bellhop.Reconciliation) error {
	err := r.Connector.Hold(ctx, LeasePrefix, due.Shop, 0, func(ctx context.Context) error {
		s, err := r.begin(ctx, due.Shop)
		if err != nil || s.state.Due.IsZero() || s.state.Due.After(s.now()) {
			return err
		}
		return s.run(ctx)
	})
	if connect.IsBusy(err) || errors.Is(err, errLost) || bellhop.KindOf(err) == bellhop.NotFound { // or it was erased
		return nil
	}
	return err
}

// now is the time as stores keep it.
func (r *Reconciler) now() time.Time { return r.Connector.Now().UTC().Truncate(time.Microsecond) }
