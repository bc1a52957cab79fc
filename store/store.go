// Package store is the port to the database: orders, the pushes that they owe,
// the ledger of every event, shops, people and devices. Drivers load and save;
// [bellhop/store/rules] decides, once for all of them, what changes. All drivers
// pass [bellhop/store/storetest].
//
// The store is several small ports, cut by their users. A driver serves them all.
//
// Every query for something of a shop names the shop: another shop's object is
// bellhop.NotFound. All methods may be
// called from many goroutines at once. A nil error from a method that changes
// something means that the change would survive a crash of the machine. Times
// are kept in microseconds.
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
	Sessions
	Tokens
	Ledger
	Statistics
	Stream
	Relays
	AccessLog
	Refusals
	// Ready returns nil while the database takes changes.
	Ready(ctx context.Context) error
	// Renumber moves the stream, with the relays' cursors, so that the next number of
	// the stream and the next push's id are above a given one. A restored backup needs
	// it. Higher numbers stay.
	Renumber(ctx context.Context, above int64) error
	Close() error
}

// Recorder takes what events state, keeps the events, and lets go of their bodies in the end.
type Recorder interface {
	// Record stores facts and all that follows from them in one transaction:
	// the order, the pushes that it owes, the ledger's line, the stream's. Each
	// fact is merged into its order by the rules, so that the result does not
	// depend on how facts are ordered, repeated or divided among calls and
	// processes. The event with its body is put into the archive unless it is
	// there.
	//
	// An event that has a line of recorded, duplicate or stale in the ledger
	// keeps it; one that was skipped or dead gets a new one. Results are in the
	// order of the facts.
	//
	// What an order owes to many devices is kept as one fan-out (see the rules) that
	// counts as one push in its result, and is in the delivery log as it is
	// written in portions: see ClaimPushes. A device that was added since gets
	// none of it.
	Record(ctx context.Context, facts []bellhop.Fact) ([]bellhop.Result, error)
	// Dead notes that bellhop gave up an event. A recorded event stays recorded.
	Dead(ctx context.Context, e *bellhop.Event, reason string, at time.Time) error
	// Archived returns up to limit events of a shop that were accepted at or
	// after since and still have their body, oldest first, and begins after
	// the event after. Neither it nor Lines returns their TraceParent: a replay
	// belongs to no trace of long ago.
	Archived(ctx context.Context, shop string, since time.Time, after bellhop.EventID, limit int) ([]*bellhop.Event, error)
	// Prune drops the bodies of settled events that were accepted before, at
	// most limit of them, and returns how many. Lines stay.
	Prune(ctx context.Context, before time.Time, limit int) (int, error)
}

// Orders is the owner's view.
type Orders interface {
	// Orders lists a shop's orders, newest first. Items and pushes are left out.
	Orders(ctx context.Context, shop string, q OrderQuery) (OrderPage, error)
	// Order returns one with its items and pushes. One that was deleted, or of
	// which only a touch is known, is bellhop.NotFound.
	Order(ctx context.Context, shop string, id int64) (bellhop.Order, error)
	// SetHandling changes how far the owner has got with an order, and returns
	// it as Order does. was is the handling that the caller saw last; "" for any.
	// If another person changed it since, it stays, and comes back with
	// bellhop.Conflict.
	SetHandling(ctx context.Context, shop string, id int64, was, to bellhop.Handling, at time.Time) (bellhop.Order, error)
}

// OrderQuery narrows a list. Zero fields don't.
type OrderQuery struct {
	Limit    int    // 1 to 200; 0 means 50
	Cursor   string // OrderPage.Next of the page before
	Handling bellhop.Handling
	// Cancelled leaves only orders that were.
	Cancelled bool
	Text      string    // in the name, the number, the customer's name or e-mail address
	Since     time.Time // placed at or after
	Depth     int       // how many orders a page of a search looks at; 0 means SearchDepth
}

// SearchDepth is how many orders one page of a search looks at. A page may end
// early, and be empty, where the search stopped; the next goes on there.
const SearchDepth = 50_000

// OrderPage is a part of a list.
type OrderPage struct {
	Orders []bellhop.Order
	// Next is the cursor of the next page; "" at the end. A search that has looked at
	// many orders ends its page there, however few it found.
	Next string
}

// Ledger tells the console, and the operator's commands, what became of every event.
type Ledger interface {
	// DropDead notes that a person dropped a dead letter for good, with the note as
	// its reason, and removes its body. A recorded event stays as it is.
	DropDead(ctx context.Context, e *bellhop.Event, note string, at time.Time) error
	// Lines lists the ledger, newest first.
	Lines(ctx context.Context, q LineQuery) (LinePage, error)
}

// Statistics count what metrics and the console show.
type Statistics interface {
	// Totals counts all events by outcome, pruned ones too.
	Totals(ctx context.Context) (map[bellhop.Outcome]int64, error)
	// PushCounts counts all pushes by status.
	PushCounts(ctx context.Context) (map[bellhop.PushStatus]int64, error)
	// Busiest counts the webhooks in the ledger that were accepted at or after from
	// and before to, and finds the second in which most of them were.
	Busiest(ctx context.Context, from, to time.Time) (Busiest, error)
}

// Busiest is how many webhooks came in some time.
type Busiest struct {
	All    int64
	Second int64     // in the busiest second
	At     time.Time // when that was, the earliest of several; zero when there were none
}

// Add takes what came in another time.
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
	Reason    string
	OrderID   int64
	OrderName string // such as #1003: each shop may have one
	WebhookID string
}

// Line is one event in the ledger.
type Line struct {
	Event   bellhop.Event // without its body
	Outcome bellhop.Outcome
	Reason  string
	OrderID int64 // 0 when it is about none
	At      time.Time
}

// LinePage is a part of the ledger.
type LinePage struct {
	Lines []Line
	Next  string
}

// Shops are the shops that bellhop serves.
type Shops interface {
	// AddShop adds a shop; bellhop.Conflict if it is there.
	AddShop(ctx context.Context, s bellhop.Shop) error
	// Shops lists them by domain, with when the last webhook came.
	Shops(ctx context.Context) ([]bellhop.Shop, error)
	// UpdateShop changes what may change of a shop: all but its domain and
	// when it was added. change sees the shop as it is.
	UpdateShop(ctx context.Context, domain string, change func(*bellhop.Shop)) error
}

// People are the owners and operators who sign in.
type People interface {
	// AddPerson adds p and returns it with its id; bellhop.Conflict if the
	// address is taken or there are [MaxPeople] of the shop, or operators,
	// bellhop.NotFound if there is no such shop.
	AddPerson(ctx context.Context, p bellhop.Person) (bellhop.Person, error)
	// People lists a shop's owners, or everybody when shop is "".
	People(ctx context.Context, shop string) ([]bellhop.Person, error)
	// PersonByEmail returns the person with an address, or bellhop.NotFound.
	PersonByEmail(ctx context.Context, email string) (bellhop.Person, error)
	// SetPassword changes a password's hash, and ends the person's sessions and
	// links to sign in.
	SetPassword(ctx context.Context, id int64, hash string) error
	// SetSettings stores a person's settings. Pushes to their devices that wait for the
	// end of quiet hours become due at once, so that the next claim decides anew.
	SetSettings(ctx context.Context, id int64, s bellhop.Settings) error
	// RemovePerson removes a person with their sessions and devices.
	RemovePerson(ctx context.Context, id int64) error
}

// Sessions are people's sign-ins, and the links that make one.
type Sessions interface {
	// AddSession adds a session and notes the network that it was begun from. Beyond
	// [MaxSessions] a person's oldest end, beyond [MaxNetworks] those seen longest ago
	// are forgotten.
	AddSession(ctx context.Context, s bellhop.Session, network string) error
	// Session returns a session that has not expired, and its person, or
	// bellhop.NotFound.
	Session(ctx context.Context, tokenHash [32]byte, now time.Time) (bellhop.Session, bellhop.Person, error)
	RemoveSession(ctx context.Context, tokenHash [32]byte) error
	// KnowsNetwork reports whether a person signed in from a network; false for
	// nobody. It outlasts the session.
	KnowsNetwork(ctx context.Context, person int64, network string) (bool, error)

	// AddLink adds a link that signs a person in once. Of their unused links the
	// newest [MaxLinks] stay.
	AddLink(ctx context.Context, l bellhop.SignInLink) error
	// UseLink takes a link that has not run out, for the first caller only, and
	// returns its person, or bellhop.NotFound.
	UseLink(ctx context.Context, hash [32]byte, now time.Time) (bellhop.Person, error)
}

// Tokens are a shop's keys to the API.
type Tokens interface {
	// AddToken adds t and returns it with its id; bellhop.Conflict if the shop
	// has one of that name, or [MaxTokens].
	AddToken(ctx context.Context, t bellhop.Token) (bellhop.Token, error)
	Tokens(ctx context.Context, shop string) ([]bellhop.Token, error)
	// Token returns the token with a hash and notes that it was used;
	// bellhop.NotFound if there is none.
	Token(ctx context.Context, hash [32]byte, now time.Time) (bellhop.Token, error)
	RemoveToken(ctx context.Context, shop, name string) error
}

// AccessLog records which operator viewed masked personal data, and why.
type AccessLog interface {
	// AddAccess adds an access. The caller shows the data once this has returned.
	AddAccess(ctx context.Context, l bellhop.Access) error
	// Accesses lists accesses to one thing, the newest first.
	Accesses(ctx context.Context, about string, limit int) ([]bellhop.Access, error)
}

// Devices are what pushes go to.
type Devices interface {
	// PutDevice adds a device, or refreshes the one of this installation:
	// a retired one is in use again. An address that another device had moves
	// to this one, and the other is retired. When there are more in use than most
	// says, those that were not seen the longest are retired.
	PutDevice(ctx context.Context, d bellhop.Device, most DeviceLimits) (bellhop.Device, error)
	// Devices lists a shop's devices, retired ones included.
	Devices(ctx context.Context, shop string) ([]bellhop.Device, error)
	// TestDevice owes a device a push that tries it out, of [bellhop.PushTest],
	// unless one is being sent just now. It is claimed as others are, whatever its
	// owner likes and its budget is, and is of no use after [TestFor]. It is
	// bellhop.NotFound if there is no such device in use.
	TestDevice(ctx context.Context, shop, installation string, at time.Time) error
	// TestPushes lists the newest such push of each device. They are about no
	// order, and neither in the delivery log nor in a copy of the store.
	TestPushes(ctx context.Context, shop string) ([]bellhop.Push, error)
	// RemoveDevice deletes a device; bellhop.NotFound if there is none. Pushes
	// that it is owed are skipped.
	RemoveDevice(ctx context.Context, shop, installation string) error
}

// DeviceLimits are how many devices in use there may be. 0 means no limit.
type DeviceLimits struct {
	Person int // of one person
	// Shop counts all devices of a shop, with those that API tokens added.
	// As many retired ones are kept; the longest retired go when one is added.
	Shop int
}

// Stream is a durable sequence of changes, for pages and services that follow.
type Stream interface {
	// Changes returns up to limit changes after a sequence number, oldest
	// first, of one shop, or of all when shop is "".
	Changes(ctx context.Context, shop string, after int64, limit int) ([]Change, error)
	// LastChange returns the newest sequence number; 0 when there is none.
	LastChange(ctx context.Context) (int64, error)
	// FirstChange returns the oldest sequence number still kept; 0 when there
	// is none. Older changes have been dropped.
	FirstChange(ctx context.Context) (int64, error)
	// Changed is closed once something may have changed since the call,
	// whichever process changed it.
	Changed() <-chan struct{}
}

// ChangeKind says what changed.
type ChangeKind string

// The kinds of change.
const (
	ChangeRecorded ChangeKind = "order.recorded"
	ChangeUpdated  ChangeKind = "order.updated"
	ChangeHandled  ChangeKind = "order.handled" // the owner changed how far he has got with it
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
	// TraceParent is of the event that brought it (bellhop.Event.TraceParent); ""
	// when none did, or it is not traced.
	TraceParent string
}

// How many of each a person may have. What is beyond is the oldest, and goes.
const (
	MaxSessions = 50
	MaxLinks    = 10
	MaxNetworks = 20
)

// How many of each a shop may have; one more is refused with [TooMany]. Two that are added at
// the same moment may make one more than that.
const (
	MaxTokens = 50
	MaxPeople = 100 // of operators, too
)
