package store

import (
	"context"
	"time"
)

// Relays publish the stream to other services. Each has a name and a place in the stream.
// The store keeps all changes behind that place, within [KeepForRelays]. One process at a
// time holds a relay, which keeps the order; another takes over when it dies.
type Relays interface {
	// TakeRelay makes holder the relay's holder until now+lease, unless another one holds
	// it: the returned Holder says who does. It makes a missing relay, which begins at the
	// newest change.
	TakeRelay(ctx context.Context, name, holder string, now time.Time, lease time.Duration) (Relay, error)
	// MoveRelay saves that the relay published all up to r.Cursor, and holds it until
	// r.Until. It returns bellhop.Conflict once another holder took over, by r.Term.
	MoveRelay(ctx context.Context, r Relay) error
	// Relays lists them by name.
	Relays(ctx context.Context) ([]Relay, error)
	// RemoveRelay ends the stream's wait for a relay; bellhop.NotFound if there is none.
	RemoveRelay(ctx context.Context, name string) error
}

// Relay says how far a relay has come, and who holds it.
type Relay struct {
	Name string
	// Origin is the id of the store that it began in. It moves with the relay, so that a
	// copy publishes under the same names.
	Origin string
	Cursor int64  // the newest published change
	Holder string // the process that publishes
	Term   int64  // grows whenever another holder takes over
	Until  time.Time
}

// Free returns the relay without a holder.
func (r Relay) Free() Relay {
	r.Holder, r.Until = "", time.Time{}
	return r
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
