package store

import (
	"context"
	"time"

	"bellhop"
)

// Relays are those who pass the stream on to other services. Each has a name and
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
	// RemoveRelay has the stream wait for it no longer; bellhop.NotFound if there
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

// Free returns the relay as nobody holds it.
func (r Relay) Free() Relay {
	r.Holder, r.Until = "", time.Time{}
	return r
}

// KeepForRelays bounds how many changes are kept for relays that are behind,
// since a relay that nobody works at must not fill the disk: about 150 MB in an
// SQLite file, 250 MB in Postgres.
const KeepForRelays = 2_000_000

// trimMost bounds how many changes are dropped at once, so that nobody waits for
// it.
const trimMost = 10 * ChangeChunk

// TrimTo returns up to which number the stream is to be dropped, whose oldest
// and newest are given. behind is the lowest cursor of a relay; pass newest where
// there is none.
func TrimTo(oldest, newest, behind int64) int64 {
	to := max(min(newest-KeepChanges, behind), newest-KeepForRelays)
	return min(to, oldest-1+trimMost)
}

// CheckRelay refuses a holder or a lease that is none.
func CheckRelay(name, holder string, lease time.Duration) error {
	if name == "" || holder == "" || lease <= 0 {
		return bellhop.Invalidf("relay", "a relay has a name, and a holder for longer than nothing")
	}
	return nil
}

// RelayTaken is a driver's error for one who holds a relay no longer.
func RelayTaken() error {
	return bellhop.Errorf(bellhop.Conflict, "relay_taken", "another process has taken the relay over")
}
