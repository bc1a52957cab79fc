package store

import (
	"context"
	"time"
)

// Leases keep work that nobody may do twice at once to one process; another takes over when
// that dies. Each has a name, such as shop/DOMAIN.
//
// A relay is a lease with a place in the stream: its holder publishes the stream to other
// services. The store keeps all changes behind that place, within [KeepForRelays]. Other leases
// have no place, and hold no change back.
type Leases interface {
	// TakeLease makes holder the lease's holder until now+d, unless another one holds it: the
	// returned Holder says who does. It makes a missing lease.
	TakeLease(ctx context.Context, name, holder string, now time.Time, d time.Duration) (Lease, error)
	// TakeRelay is TakeLease for a relay. A missing one begins at the newest change.
	TakeRelay(ctx context.Context, name, holder string, now time.Time, d time.Duration) (Lease, error)
	// MoveLease holds the lease until l.Until; a time that is over gives it back. It saves that a
	// relay published all up to l.Cursor. It returns bellhop.Conflict once another holder took
	// over, by l.Term.
	MoveLease(ctx context.Context, l Lease) error
	// Leases lists them by name.
	Leases(ctx context.Context) ([]Lease, error)
	// RemoveLease forgets a lease, and ends the stream's wait for a relay; bellhop.NotFound if
	// there is none.
	RemoveLease(ctx context.Context, name string) error
}

// Lease says who holds a lease, and how far a relay has come.
type Lease struct {
	Name   string
	Holder string // the process that works
	Term   int64  // grows whenever another holder takes over
	Until  time.Time
	// Origin is the id of the store that a relay began in, and "" for other leases. It moves with
	// the relay, so that a copy publishes under the same names.
	Origin string
	Cursor int64 // the newest published change
}

// Free returns the lease without a holder.
func (l Lease) Free() Lease {
	l.Holder, l.Until = "", time.Time{}
	return l
}

// KeepForRelays bounds the changes kept for relays that are behind, so that a relay without
// a process can't fill the disk: about 150 MB in an SQLite file, 250 MB in Postgres.
const KeepForRelays = 2_000_000

// The stream keeps the newest KeepChanges, and all that a relay has not published yet. It
// drops older ones in chunks of ChangeChunk.
const (
	KeepChanges = 100_000
	ChangeChunk = 1_000
)
