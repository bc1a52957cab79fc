package store

import (
	"context"
	"time"

	"bellhop"
)

// Erasing deletes what bellhop must not keep, or not for longer. Each call but Scrub is bounded and may be
// repeated.
type Erasing interface {
	// EraseShop deletes all that the store has of a shop, in steps of up to limit rows: the first from the
	// place "", each further one from where the one before ended. The shop is disabled at once, and its own
	// row goes among the last. A shop that the store does not know may have events. What stays: requests
	// about personal data with their marks, totals, and events that nobody has settled.
	EraseShop(ctx context.Context, shop, place string, limit int) (Erased, error)
	// OldOrders returns up to limit orders of all shops that hold personal data and changed last before a
	// time, the oldest first and as a list has them. Once they are redacted, it returns others.
	OldOrders(ctx context.Context, before time.Time, limit int) ([]bellhop.Order, error)
	// PruneLedger deletes lines, with their events, that were accepted before a time, limit at most, and
	// returns their number. Totals stay, and so do dead letters that still have their body. Of statements that begin
	// before that time it drops the lines, too, of limit statements at most.
	PruneLedger(ctx context.Context, before time.Time, limit int) (int, error)
	// PruneHeard deletes, of the sums that LastEvents and Silences read, those of a shop's slots of before a
	// time, limit at most, and returns their number. The newest of each topic among them stays, so that both
	// answer as before, Silences since that time and later.
	PruneHeard(ctx context.Context, shop string, before time.Time, limit int) (int, error)
	// Scrub returns once nothing deleted stays in the files, as far as bellhop can see to it, and takes as
	// long as that needs. Others go on meanwhile. With PostgreSQL it does nothing: see the documentation.
	Scrub(ctx context.Context) error
}

// Erased is what a step of EraseShop deleted.
type Erased struct {
	What string // orders, pushes, events …
	N    int
	Next string // the place of the next step; "" at the end
}
