// Package move copies everything in one store into another, of any drivers, and compares
// both sides in the end.
package move

import (
	"context"
	"reflect"
	"time"

	"bellhop"
	"bellhop/store"
	"bellhop/store/rules"
)

// Mover is a store that [Copy] can copy into another one, of any driver: everything goes
// out and in table by table, and keeps the ids that others have seen. Nothing else may use
// the store meanwhile.
type Mover interface {
	// Identity returns the store's id, and the note of the copy in it. It is quick.
	Identity(ctx context.Context) (Identity, error)

	// Count returns about how many rows a table has.
	Count(ctx context.Context, t Table) (int64, error)

	// Export returns the rows of a table behind a place, and the place of the last one;
	// next is "" at the end of the table. Places are the driver's own; "" is the beginning.
	// The rows come in the order in which they were added, as far as the driver knows it.
	Export(ctx context.Context, t Table, after string, at ChunkLimit) (c Chunk, next string, err error)

	// BeginCopy makes the store ready for the rows of another one, by its id. It drops an
	// unfinished copy, and returns bellhop.Conflict if the store holds anything else. It
	// keeps mark in [Note].
	BeginCopy(ctx context.Context, source, mark string) error

	// Import adds rows of a table and saves how far the copy has come, in one transaction.
	// Rows refer to rows of tables before theirs in [Tables]. It returns bellhop.Conflict
	// if the copy isn't at after: another process goes on with it.
	Import(ctx context.Context, t Table, c Chunk, after, next string) error

	// EndCopy marks the copy as whole and ready for use, or, when good is false, as no
	// copy: the next one begins anew.
	EndCopy(ctx context.Context, good bool) error
}

// Identity identifies a store.
type Identity struct {
	ID   string // unique; made with the store
	Copy *Note  // nil without a copy in it
}

// Note describes the copy in a store.
type Note struct {
	Source   string // the other store's id
	Mark     string // sums up the other store; "" when the copy is no good
	Finished bool
	Tables   map[Table]Progress
}

// At reports whether the rows behind a place of a table come next.
func (n *Note) At(t Table, after string) bool {
	return n != nil && !n.Finished && n.Mark != "" && !n.Tables[t].Done && n.Tables[t].Next == after
}

// Progress says how far the copy of a table has come.
type Progress struct {
	Next string // where to go on; "" at the beginning and at the end
	Done bool
	Rows int64
}

// Table names a kind of rows.
type Table string

// The tables.
const (
	TableShops           Table = "shops"       // secrets as they are kept: sealed
	TableConnections     Table = "connections" // the same
	TableReconciliations Table = "reconciliations"
	TablePeople          Table = "people" // with their shops
	TableSessions        Table = "sessions"
	TableTokens          Table = "tokens"
	TableInvitations     Table = "invitations"
	TableOperatorTokens  Table = "operator_tokens"
	TableDevices         Table = "devices"
	TableOrders          Table = "orders" // with their items; also tombstones, and touches without their order
	TablePushes          Table = "pushes"
	TableFanOuts         Table = "fanouts"
	TableEvents          Table = "events" // with a line in the ledger, and their bodies
	TableHeard           Table = "heard"
	TableChanges         Table = "changes"
	TableRelays          Table = "relays" // without holders, and no other leases
	TableAccesses        Table = "looks"
	TableRequests        Table = "privacy_requests"
	TableExports         Table = "privacy_exports"
	TableMarks           Table = "privacy_marks"
	TableMarkKey         Table = "mark_key" // sealed; only with marks
	TableBackups         Table = "backups"
	TableStatements      Table = "statements"
	TableSigningKey      Table = "signing_key" // sealed; only with statements
	TableCounters        Table = "counters"
)

// Tables lists them in the order of copying.
func Tables() []Table {
	return []Table{TableShops, TableConnections, TableReconciliations, TablePeople, TableSessions, TableInvitations,
		TableTokens, TableOperatorTokens, TableDevices, TableOrders, TablePushes, TableFanOuts, TableEvents, TableHeard,
		TableChanges, TableRelays, TableAccesses, TableBackups, TableRequests, TableExports, TableMarks, TableMarkKey,
		TableStatements, TableSigningKey, TableCounters}
}

// ChunkLimit bounds a chunk. A row above Bytes is a chunk by itself.
type ChunkLimit struct {
	Rows  int
	Bytes int // about
}

// Reached reports whether a chunk of n rows and so many bytes takes no more.
func (l ChunkLimit) Reached(n, bytes int) bool { return n >= l.Rows || bytes >= l.Bytes }

// Chunk is some rows of one table: all slices but that table's are nil.
type Chunk struct {
	Shops           []bellhop.Shop
	Connections     []bellhop.Connection
	Reconciliations []bellhop.Reconciliation
	People          []bellhop.Person
	Sessions        []bellhop.Session
	Invitations     []bellhop.Invitation
	Tokens          []bellhop.Token
	OperatorTokens  []bellhop.Token
	Devices         []DeviceRow
	Orders          []OrderRow
	Pushes          []PushRow
	FanOuts         []FanOutRow
	Events          []store.Line // with bodies, unless they were dropped
	Heard           []HeardRow
	Changes         []store.Change
	Relays          []store.Lease // as [store.Lease.Free] returns them
	Accesses        []bellhop.Access
	Backups         []bellhop.BackupNote
	Requests        []bellhop.PrivacyRequest
	Exports         []ExportRow
	Marks           []MarkRow
	MarkKeys        []string // one at most
	Statements      []StatementRow
	SigningKeys     []string // one at most
	Counters        []Counter
}

// Len is the number of rows.
func (c *Chunk) Len() (n int) {
	for _, table := range c.tables() {
		n += table.Len()
	}
	return n
}

func (c *Chunk) tables() []reflect.Value {
	v := reflect.ValueOf(c).Elem()
	all := make([]reflect.Value, v.NumField())
	for i := range all {
		all[i] = v.Field(i)
	}
	return all
}

// DeviceRow is a device with the rest of its budget.
type DeviceRow struct {
	bellhop.Device
	Allowance rules.Allowance
	FreeAt    time.Time // no further message before; zero for at once
}

// OrderRow is all that the store knows of an order.
type OrderRow struct {
	Shop  string
	ID    int64
	State rules.State
	// Order is nil for a tombstone, and for touches without their order. Fields that follow
	// from State and from the pushes are empty: Version, EditedAt, RefundedAt, RedactedAt, RedactedFor,
	// Taken, Steps, Trace.PushedAt, Pushes.
	Order *bellhop.Order
}

// PushRow is a push without OrderName and Installation.
type PushRow struct {
	bellhop.Push
	FirstAttemptAt time.Time // zero before it
	GatheredSince  time.Time // the digest of its device that counts it; zero for none
}

// FanOutRow is an order's owed pushes to the devices behind one id up to another.
type FanOutRow struct {
	Shop        string
	OrderID     int64
	Kind        bellhop.PushKind
	After, Last int64
	CreatedAt   time.Time
}

// ExportRow is the export of a request.
type ExportRow struct {
	Request int64
	Until   time.Time
	Export  []byte
}

// MarkRow is a mark of whom a shop has to forget, with the creation of the last order that it counts for;
// zero is all of them.
type MarkRow struct {
	Shop  string
	Mark  bellhop.Mark
	Until time.Time
}

// StatementRow is a statement as it is kept, with the lines that it covers.
type StatementRow struct {
	Shop     string
	Number   int64
	From, To time.Time
	Document string
	Lines    []byte // nil once they were pruned
}

// HeardRow is a [rules.Heard] of a shop.
type HeardRow struct {
	Shop, Topic string
	First, Last time.Time
}

// CounterKind names the count of a [Counter].
type CounterKind string

// The kinds of counter.
const (
	CountOutcome CounterKind = "outcome" // events, by outcome
	CountStatus  CounterKind = "status"  // pushes, by status
	// CountLastID is the highest id ever given out in a table: ids of removed rows never
	// come again.
	CountLastID CounterKind = "last_id"
)

// Counter is a number that the store keeps beside its rows. There is none at 0.
type Counter struct {
	Kind CounterKind
	Name string
	N    int64
}
