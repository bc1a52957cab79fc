package store

import (
	"context"
	"time"
)

// Relays pass the stream on to other services. Each has a name and
// a place in the stream; behind it nothing is dropped, within [KeepForRelays].
// Of the processes that work at a relay one holds it at a time, so that what it
// passes on is in order; the others take over when it dies.
type Relays interface {
	// TakeRelay makes holder the one who works at a relay until now+lease, unless
	// somebody else is for longer than now: the Holder of what it returns tells.
	// A relay that is not there is made, and begins at the newest change.
	TakeRelay(ctx context.Context, name, holder string, now time.Time, lease time.Duration) (Relay, error)
	// MoveRelay notes that all up to r.Cursor was passed on, and that r is held
	// until r.Until. It is bellhop.Conflict once somebody else has taken over,
	// which r.Term tells.
	MoveRelay(ctx context.Context, r Relay) error
	// Relays lists them by name.
	Relays(ctx context.Context) ([]Relay, error)
	// RemoveRelay ends the stream's wait for a relay; bellhop.NotFound if there
	// is none.
	RemoveRelay(ctx context.Context, name string) error
}

// Relay is how far a relay has come, and who works at it.
type Relay struct {
	Name string
	// Origin is the id of the store that it began in. It moves with the relay, so
	// that what is passed on of a copy has the same names.
	Origin string
	Cursor int64  // the newest change that was passed on
	Holder string // the process that works at it
	Term   int64  // grows whenever another holder takes over
	Until  time.Time
}

// Free returns the relay without a holder.
func (r Relay) Free() Relay {
	r.Holder, r.Until = "", time.Time{}
	return r
}

// KeepForRelays bounds how many changes are kept for relays that are behind,
// since a relay that nobody works at must not fill the disk: about 150 MB in an
// SQLite file, 250 MB in Postgres.
const KeepForRelays = 2_000_000

// Of the stream the newest KeepChanges are kept, and what a relay has not passed
// on yet; older ones are dropped in chunks of ChangeChunk.
const (
	KeepChanges = 100_000
	ChangeChunk = 1_000
)
