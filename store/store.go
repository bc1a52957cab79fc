// Package store is the port to the database: orders, the pushes that they owe,
// the ledger of every event, shops, people and devices. Drivers load and save;
// [bellhop/store/rules] decides, once for all of them, what changes. All drivers
// pass [bellhop/store/storetest].
//
// The store is several small ports, cut by their users. A driver serves them all.
//
// Every query for something of a shop names the shop: another shop's object is
// bellhop.NotFound. Many goroutines may call all methods at once. A nil error from a method
// that changes something means that the change survives a crash of the machine. Times are
// kept in microseconds.
package store

import (
	"context"
	"time"

	"bellhop"
)

// Store is all of the ports.
type Store interface {
	Recorder
	Outbox
	Orders
	Deliveries
	Devices
	Shops
	People
	Invitations
	Sessions
	Tokens
	Ledger
	Statistics
	Stream
	Leases
	Connections
	Reconciling
	Privacy
	Erasing
	Backups
	KeyChecks
	AccessLog
	Refusals
	Answers
	Statements
	// Ready returns nil while the database takes changes.
	Ready(ctx context.Context) error
	// Renumber moves the stream, with the relays' cursors, so that the next number of the
	// stream and the next push's id are above the given one. A restored backup needs it.
	// Higher numbers stay. Connections are due, since their tokens may be over, and forget
	// where their subscriptions went: the backup may be another bellhop's, which goes on there.
	Renumber(ctx context.Context, above int64) error
	Close() error
}

// Recorder stores facts and events, and drops the events' bodies in the end.
type Recorder interface {
	// Record stores facts and their consequences in one transaction: the order, its owed
	// pushes, the ledger's line, the stream's change. The rules merge each fact into its
	// order, so that the result does not depend on how facts are ordered, repeated or
	// divided among calls and processes. A missing event goes into the archive with its
	// body.
	//
	// A request for personal data is kept with its marks ([bellhop.PrivacyRequest]). From then on the store
	// recognises by the facts' marks what it has to forget: it records such orders without personal data,
	// and keeps no bodies of theirs. Nor does it of requests themselves, of orders that were redacted, and of
	// shops that were erased and are unknown now. It returns an [UnmarkedError] for facts without marks of a
	// shop that has to forget somebody.
	//
	// An event whose line says recorded, duplicate or stale keeps the line; a skipped or
	// dead one gets a new one. Results are in the order of the facts.
	//
	// An order's pushes to many devices begin as one fan-out (see the rules). It counts as
	// one push in the result; the delivery log shows the pushes as ClaimPushes writes them.
	// A device that was added since gets none of them.
	Record(ctx context.Context, facts []bellhop.Fact) ([]bellhop.Result, error)
	// Dead records that bellhop gave up an event. A recorded event stays recorded.
	Dead(ctx context.Context, e *bellhop.Event, reason string, at time.Time) error
	// Archived returns up to limit events of a shop that were accepted at or after since
	// and still have their body, oldest first, from behind the event after. Their bodies have
	// [ArchivedBytes] together at most, unless one alone has more. Like Lines it leaves out
	// TraceParent: a replay belongs to no old trace.
	Archived(ctx context.Context, shop string, since time.Time, after bellhop.EventID, limit int) ([]*bellhop.Event, error)
	// Refill adds what facts that were recorded before say of orders that an older bellhop kept
	// less of, and returns how many orders it changed. It adds no order and owes no push, and
	// the stream and the ledger stay as they are.
	Refill(ctx context.Context, facts []bellhop.Fact) (int, error)
	// CatchUp brings up to limit of the orders that an older bellhop recorded into the search
	// index, the newest first, and returns their number: 0 once all are in it.
	CatchUp(ctx context.Context, limit int) (int, error)
	// Prune drops the bodies of settled events that were accepted before, limit at most,
	// and returns their number. Lines stay.
	Prune(ctx context.Context, before time.Time, limit int) (int, error)
}

// ArchivedBytes bounds the bodies of one call of Archived.
const ArchivedBytes = 16 << 20

// Orders is the owner's view.
type Orders interface {
	// Orders lists a shop's orders, newest first, without items and pushes.
	Orders(ctx context.Context, shop string, q OrderQuery) (OrderPage, error)
	// Order returns one with its items and pushes; bellhop.NotFound for a deleted one, or
	// one of which the store knows only a touch.
	Order(ctx context.Context, shop string, id int64) (bellhop.Order, error)
	// SetHandling changes an order's handling, and returns the order. was is the handling
	// that the caller saw last; "" for any. If somebody else changed it since, it returns
	// the unchanged order with bellhop.Conflict. unless, if there is one, sees the whole order before it changes, in
	// the same transaction, and may be called again; its error leaves the order as it is, and comes with it. An order
	// that is to already is what the caller wants, whoever did it.
	SetHandling(ctx context.Context, shop string, id int64, was, to bellhop.Handling, at time.Time,
		unless func(*bellhop.Order) error) (bellhop.Order, error)
	// Take gives an order to a person, or takes it from who has it, and returns the order. By the same person again
	// it changes nothing. It returns bellhop.Conflict for an order that another person has, that was cancelled or is
	// handled, and that was taken too often; bellhop.Forbidden for who may not release it.
	Take(ctx context.Context, shop string, id int64, c TakeChange) (bellhop.Order, error)
	// Unhandled counts a shop's orders that are new, and those that are seen, each up to most.
	Unhandled(ctx context.Context, shop string, most int) (Unhandled, error)
}

// TakeChange is somebody who takes an order or, with Release, gives it back.
type TakeChange struct {
	Person  int64
	Session int64 // theirs, whose devices know; 0 for none
	Owner   bool  // of the shop: may release what another has
	Release bool
	At      time.Time
}

// Unhandled is how many orders nobody has handled yet.
type Unhandled struct{ New, Seen int }

// OrderQuery narrows a list. Zero fields don't.
type OrderQuery struct {
	Limit    int                // 1 to 200; 0 means 50
	Cursor   string             // OrderPage.Next of the page before
	Handling []bellhop.Handling // any of these
	// Financial and Fulfillment are Shopify's statuses: any of these.
	Financial, Fulfillment  []string
	Cancelled, NotCancelled bool      // only cancelled orders, and only others
	Test, NotTest           bool      // only test orders, and only others
	Found                   string    // what brought it first: "webhook", or as [bellhop.Trace] has it
	Tag                     string    // one of its tags, whole
	Since, Before           time.Time // placed at or after, and before
	AtLeast                 string    // a decimal: what it comes to now, in its currency
	// Text has words, all of which an order must have: the beginnings of its number, its
	// customer's name, e-mail address, phone, and so on.
	Text  string
	Sort  Sort
	Depth int // how many orders a page looks at; 0 means SearchDepth
}

// Sort is what a list is sorted by, the newest first.
type Sort string

// The sorts; "" is the first.
const (
	SortPlaced  Sort = "placed"
	SortUpdated Sort = "updated"
	SortCreated Sort = "created" // of HeadsBetween alone
)

// FoundByWebhook is [OrderQuery.Found] for orders that a webhook brought first.
const FoundByWebhook = "webhook"

// SearchDepth is how many orders one page of a list looks at where no index finds the ones that
// match. A page may end early, and be empty; the next page goes on there.
const SearchDepth = 50_000

// OrderPage is a part of a list.
type OrderPage struct {
	Orders []bellhop.Order
	// Next is the cursor of the next page; "" at the end. A search ends its page after
	// Depth orders, however few it found.
	Next string
}

// Ledger shows the outcome of every event to the console and to the operator's commands.
type Ledger interface {
	// DropDead records that somebody dropped a dead letter for good, with the note as its
	// reason, and removes its body. A recorded event stays as it is.
	DropDead(ctx context.Context, e *bellhop.Event, note string, at time.Time) error
	// Lines lists the ledger, newest first.
	Lines(ctx context.Context, q LineQuery) (LinePage, error)
}

// Statistics are the counts for metrics and the console.
type Statistics interface {
	// Totals counts all events by outcome, pruned ones too.
	Totals(ctx context.Context) (map[bellhop.Outcome]int64, error)
	// PushCounts counts all pushes by status, those of erased shops too.
	PushCounts(ctx context.Context) (map[bellhop.PushStatus]int64, error)
	// Busiest counts the webhooks accepted at or after from and before to, and finds the
	// second with the most of them. What bellhop fetched is none. It misses those whose id begins with a time that is
	// more than an hour before, as of a producer of somebody else's that Shopify called again and again.
	Busiest(ctx context.Context, from, to time.Time) (Busiest, error)
	// LastEvents returns when the newest event of each topic was accepted from a shop; with a time, of those in
	// each [HeardSlot] that begins before that one's. What bellhop fetched did not come from the shop, here and below.
	LastEvents(ctx context.Context, shop string, before time.Time) (map[string]time.Time, error)
	// Silences lists the times of at least least, [HeardSlot] or more, that end after since and in
	// which no event was accepted from a shop, oldest first: the newest [MaxSilences]. The last one
	// goes on, however short it is yet; a shop without any event has none.
	Silences(ctx context.Context, shop string, since time.Time, least time.Duration) ([]Silence, error)
}

// Silence is a time without events, from one event to the next.
type Silence struct{ From, To time.Time } // To is zero while it goes on

const (
	// HeardSlot is the span in which a shop's events of one topic are summed up: shorter silences
	// are not seen.
	HeardSlot = 5 * time.Minute
	// HeardTime is how long before a shop's newest event these sums are kept.
	HeardTime = 15 * 24 * time.Hour
	// MaxSilences are more than fit into fifteen days, of seven and a half minutes each.
	MaxSilences = 3000
)

// Busiest counts the webhooks of some time.
type Busiest struct {
	All    int64
	Second int64     // the count of the busiest second
	At     time.Time // that second, the earliest of several; zero without webhooks
}

// Add adds the counts of another time.
func (b *Busiest) Add(other Busiest) {
	b.All += other.All
	if other.Second > b.Second || other.Second == b.Second && other.At.Before(b.At) {
		b.Second, b.At = other.Second, other.At
	}
}

// LineQuery narrows the ledger. Zero fields don't.
type LineQuery struct {
	Limit     int // 1 to 200; 0 means 50
	Cursor    string
	Shop      string
	Topic     string
	Outcome   bellhop.Outcome
	Reason    string // the whole, or only the code before what it names
	OrderID   int64
	OrderName string // such as #1003, in any shop
	WebhookID string
}

// Line is one event in the ledger.
type Line struct {
	Event   bellhop.Event // without its body
	Outcome bellhop.Outcome
	Reason  string
	OrderID int64 // 0 for none
	At      time.Time
}

// LinePage is a part of the ledger.
type LinePage struct {
	Lines []Line
	Next  string
}

// AccessLog records who saw or exported a shop's personal data, and what operators changed in it.
type AccessLog interface {
	// AddAccess adds an access, 1 if l.N is 0, and without a shop that is not there. A line of the shop's with the same
	// time, person and things counts it, if there is one. The caller shows the data once this has returned.
	AddAccess(ctx context.Context, l bellhop.Access) error
	// Accesses lists accesses, newest first.
	Accesses(ctx context.Context, q AccessQuery) (AccessPage, error)
	// PruneAccesses deletes lines from before a time, limit at most, and returns their number.
	PruneAccesses(ctx context.Context, before time.Time, limit int) (int, error)
}

// AccessQuery narrows the access log. Zero fields don't.
type AccessQuery struct {
	Limit  int // 1 to 200; 0 means 50
	Cursor string
	Shop   string
	About  string
	By     string
}

// AccessPage is a part of the access log.
type AccessPage struct {
	Accesses []bellhop.Access
	Next     string
}

// Devices receive the pushes.
type Devices interface {
	// PutDevice adds a device, or refreshes the one of this installation and puts a retired
	// one into use again: that of a person in all of their shops, of which it returns d.Shop's. It
	// retires other devices with the same address, and beyond most the devices seen longest ago. It
	// returns bellhop.NotFound if there is no such shop, or not for the person.
	PutDevice(ctx context.Context, d bellhop.Device, most DeviceLimits) (bellhop.Device, error)
	// Devices lists a shop's devices, retired ones included.
	Devices(ctx context.Context, shop string) ([]bellhop.Device, error)
	// Phones lists a person's devices, in each of their shops.
	Phones(ctx context.Context, person int64) ([]bellhop.Device, error)
	// TestDevice owes a device a test push ([bellhop.PushTest]), unless one is being sent.
	// A claim takes it whatever the owner's settings and the budget say, until [TestFor]
	// has passed. It returns bellhop.NotFound without such a device in use.
	TestDevice(ctx context.Context, shop, installation string, at time.Time) error
	// TestPushes lists the newest test push of each device. Test pushes belong to no order,
	// and are neither in the delivery log nor in a copy of the store.
	TestPushes(ctx context.Context, shop string) ([]bellhop.Push, error)
	// RenameDevice gives a device a name, of [bellhop.MaxDeviceName] characters at most; bellhop.NotFound if there is
	// none. PutDevice keeps it for its person, unless it brings one.
	RenameDevice(ctx context.Context, shop, installation, name string) error
	// RenamePhone is RenameDevice in all shops, for a person's device.
	RenamePhone(ctx context.Context, person int64, installation, name string) error
	// RemoveDevice deletes a device and skips its owed pushes; bellhop.NotFound if there is
	// none.
	RemoveDevice(ctx context.Context, shop, installation string) error
	// RemovePhone is RemoveDevice in all shops, for a person's device.
	RemovePhone(ctx context.Context, person int64, installation string) error
}

// DeviceLimits bound the devices in use. 0 means no limit.
type DeviceLimits struct {
	Person int // phones of one person, in however many shops
	// Shop counts all devices of a shop, with those that API tokens added. The store keeps
	// as many retired ones, and drops the longest retired when one is added.
	Shop int
}

// Stream is a durable sequence of changes, for pages and services that follow.
type Stream interface {
	// Changes returns up to limit changes after a sequence number, oldest first, of one
	// shop, or of all when shop is "".
	Changes(ctx context.Context, shop string, after int64, limit int) ([]Change, error)
	// LastChange returns the newest sequence number; 0 when there is none.
	LastChange(ctx context.Context) (int64, error)
	// FirstChange returns the oldest sequence number still kept; 0 when there is none.
	FirstChange(ctx context.Context) (int64, error)
	// Changed is closed once something may have changed since the call, in any process.
	Changed() <-chan struct{}
}

// ChangeKind says what changed.
type ChangeKind string

// The kinds of change.
const (
	ChangeRecorded ChangeKind = "order.recorded"
	ChangeUpdated  ChangeKind = "order.updated"
	ChangeHandled  ChangeKind = "order.handled" // the owner changed its handling
	ChangeTaken    ChangeKind = "order.taken"
	ChangeReleased ChangeKind = "order.released"
	ChangeSettled  ChangeKind = "push.settled"
)

// Change is one step of the stream.
type Change struct {
	Seq     int64
	Kind    ChangeKind
	Shop    string
	OrderID int64
	PushID  int64 // with ChangeSettled
	At      time.Time
	// TraceParent is that of the event behind it (bellhop.Event.TraceParent); "" without an
	// event or a trace.
	TraceParent string
}
