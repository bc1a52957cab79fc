// Package move copies everything that one store keeps into another, whichever drivers
// they have, and compares both sides in the end.
package move

import (
	"context"
	"time"

	"bellhop"
	"bellhop/store"
	"bellhop/store/rules"
)

// Mover is a store that can be moved into another one, whichever driver that
// has: everything it keeps goes out and in table by table, with the ids that are
// seen from outside. [Copy] does it. While a store is moved nothing else uses it.
type Mover interface {
	// Identity tells which store it is, and what was copied into it. It is
	// quick.
	Identity(ctx context.Context) (Identity, error)

	// Count returns about how many rows of a table there are.
	Count(ctx context.Context, t Table) (int64, error)

	// Export returns the rows of a table behind a place, and the place that they
	// end at; next is "" at the end of the table. Places are the driver's own; ""
	// is the beginning. The order is that in which the rows were added, as far as
	// the driver knows it.
	Export(ctx context.Context, t Table, after string, at ChunkLimit) (c Chunk, next string, err error)

	// BeginCopy makes the store ready to take the rows of another one, by its
	// id. What an unfinished copy has left is dropped; bellhop.Conflict if the
	// store holds anything else. mark is kept in [Note].
	BeginCopy(ctx context.Context, source, mark string) error

	// Import adds rows of a table and notes how far the copy has come, in one
	// transaction. Rows refer to rows of tables before theirs in [Tables]. It is
	// bellhop.Conflict if the copy isn't at after: another process goes on with it.
	Import(ctx context.Context, t Table, c Chunk, after, next string) error

	// EndCopy notes that the store is a whole copy and may be used, or, when
	// good is false, that it is none and the next copy begins anew.
	EndCopy(ctx context.Context, good bool) error
}

// Identity is which store it is.
type Identity struct {
	ID   string // tells it from all others; made with the store
	Copy *Note  // nil if nothing was ever copied into it
}

// Note is what a store keeps of the copy that goes, or went, into it.
type Note struct {
	Source   string // the other store's id
	Mark     string // what the other store was like; "" when the copy is no good
	Finished bool
	Tables   map[Table]Progress
}

// At reports whether rows behind a place of a table are to come next.
func (n *Note) At(t Table, after string) bool {
	return n != nil && !n.Finished && n.Mark != "" && !n.Tables[t].Done && n.Tables[t].Next == after
}

// Progress is how far the copy of a table has come.
type Progress struct {
	Next string // where to go on; "" at the beginning and at the end
	Done bool
	Rows int64
}

// Table names a kind of rows.
type Table string

// The tables.
const (
	TableShops    Table = "shops"
	TablePeople   Table = "people"
	TableSessions Table = "sessions"
	TableTokens   Table = "tokens"
	TableDevices  Table = "devices"
	TableOrders   Table = "orders" // with their items; also tombstones, and what came before its order
	TablePushes   Table = "pushes"
	TableFanOuts  Table = "fanouts"
	TableEvents   Table = "events" // that have a line in the ledger, with their bodies
	TableChanges  Table = "changes"
	TableRelays   Table = "relays" // without holders
	TableAccesses Table = "looks"
	TableCounters Table = "counters"
)

// Tables lists them in the order in which they are copied.
func Tables() []Table {
	return []Table{TableShops, TablePeople, TableSessions, TableTokens, TableDevices, TableOrders, TablePushes,
		TableFanOuts, TableEvents, TableChanges, TableRelays, TableAccesses, TableCounters}
}

// ChunkLimit bounds a chunk. A row that is larger than Bytes is a chunk by
// itself.
type ChunkLimit struct {
	Rows  int
	Bytes int // about
}

// Reached reports whether a chunk of n rows and so many bytes takes no more.
func (l ChunkLimit) Reached(n, bytes int) bool { return n >= l.Rows || bytes >= l.Bytes }

// Chunk is some rows of one table: all slices but that table's are nil.
type Chunk struct {
	Shops    []bellhop.Shop
	People   []bellhop.Person
	Sessions []bellhop.Session
	Tokens   []bellhop.Token
	Devices  []DeviceRow
	Orders   []OrderRow
	Pushes   []PushRow
	FanOuts  []FanOutRow
	Events   []store.Line // bodies included; nil once they were dropped
	Changes  []store.Change
	Relays   []store.Relay // as [Relay.Free] returns them
	Accesses []bellhop.Access
	Counters []Counter
}

// Len is the number of rows.
func (c *Chunk) Len() int {
	return len(c.Shops) + len(c.People) + len(c.Sessions) + len(c.Tokens) + len(c.Devices) + len(c.Orders) +
		len(c.Pushes) + len(c.FanOuts) + len(c.Events) + len(c.Changes) + len(c.Relays) + len(c.Accesses) + len(c.Counters)
}

// DeviceRow is a device with what is left of its budget.
type DeviceRow struct {
	bellhop.Device
	Allowance rules.Allowance
	FreeAt    time.Time // no further message before; zero for at once
}

// OrderRow is all that is known of an order.
type OrderRow struct {
	Shop  string
	ID    int64
	State rules.State
	// Order is nil for a tombstone, and for what came before its order. What
	// follows from State and from the pushes is not filled: Version, EditedAt,
	// RefundedAt, Trace.PushedAt, Pushes.
	Order *bellhop.Order
}

// PushRow is a push. OrderName and Installation are not filled.
type PushRow struct {
	bellhop.Push
	FirstAttemptAt time.Time // zero before it
	GatheredSince  time.Time // which digest of its device counts it; zero if none
}

// FanOutRow is what an order owes to the devices behind one id up to another.
type FanOutRow struct {
	Shop        string
	OrderID     int64
	Kind        bellhop.PushKind
	After, Last int64
	CreatedAt   time.Time
}

// CounterKind says what a [Counter] counts.
type CounterKind string

// The kinds of counter.
const (
	CountOutcome CounterKind = "outcome" // events, by outcome
	CountStatus  CounterKind = "status"  // pushes, by status
	// CountLastID is the highest id that was ever given out in a table: those of
	// rows that were removed never name another.
	CountLastID CounterKind = "last_id"
)

// Counter is a number that the store keeps beside its rows. Those at 0 are left
// out.
type Counter struct {
	Kind CounterKind
	Name string
	N    int64
}
