package store

import (
	"context"
	"time"

	"bellhop"
)

// Outbox hands owed pushes to push workers.
type Outbox interface {
	// ClaimPushes takes due pushes, marks them sending and counts an attempt. The rules
	// divide the slots among the shops and a device's budget among its pushes: some go out
	// by themselves, some together, some later. In their owner's quiet hours they wait for
	// the end, with [ReasonQuietHours]; pushes that [Slots.Gate] holds back wait without an
	// attempt, with [ReasonServiceAway]. A digest may take more of its device's pushes than
	// there are slots. A claim that nobody settles within lease becomes unknown and due
	// again.
	//
	// A claim also turns fan-outs into pushes, a portion at a time, as the shop's slots ask
	// for it. It may then return nothing, and PushesOwed signals more to do. It does the steps of orders that ring until
	// somebody takes them, too.
	ClaimPushes(ctx context.Context, now time.Time, slots Slots, lease time.Duration) ([]Owed, error)
	// SettlePushes saves the outcomes of claimed pushes.
	SettlePushes(ctx context.Context, settled []Settled) error
	// NextPush returns when the next push or fan-out is due; zero when there is none.
	NextPush(ctx context.Context) (time.Time, error)
	// OldestOwed returns since when the oldest owed push is late: since it was made or, if
	// it waits for its time, as for the end of quiet hours, since that. In the future none
	// is late; zero when none is owed.
	OldestOwed(ctx context.Context) (time.Time, error)
	// PushesOwed is closed once something may have become due since the call.
	PushesOwed() <-chan struct{}
}

// Deliveries is the log of pushes, as the API and the console show it.
type Deliveries interface {
	// ResendPushes makes failed, unknown or skipped pushes of a shop due anew, with
	// [ReasonResent]: their attempts begin again. Others stay as they are. It returns the
	// number, of [ResendMost] at a time.
	ResendPushes(ctx context.Context, shop string, ids []int64, at time.Time) (int, error)

	// Pushes is the delivery log, newest first.
	Pushes(ctx context.Context, shop string, q PushQuery) (PushPage, error)
	// PushReceipt saves the phone's report that it received or opened a push. The first
	// report of each kind counts. It returns bellhop.Conflict for a push that nobody tried to send.
	PushReceipt(ctx context.Context, shop string, id int64, opened bool, at time.Time) error
}

// Slots are the attempts that a claim may begin.
type Slots struct {
	Free int            // a claim takes so many pushes at most
	Busy map[string]int // attempts under way, by the shop's domain
	// PerFree bounds the attempts of one shop, those under way included: to this many for
	// each slot that stays free; 0 means no bound. So there is always room for the next
	// shop: with 4 a shop alone gets four slots of five, three shops get four of thirteen
	// each, and the last slot goes to a shop without any.
	PerFree int
	// Gate holds back pushes to services in trouble; nil holds back none.
	Gate Gate
}

// Gate knows which push services are in trouble. A claim asks it for each device, inside
// its transaction.
type Gate interface {
	// Admit returns how many messages may go to a device now, and when the others are due
	// again. For the same time it gives the same answer.
	Admit(d bellhop.Device, now time.Time) (most int, until time.Time)
}

// Owed is one message to be sent: one push, or several gathered into one.
type Owed struct {
	Pushes []int64 // push ids, oldest first
	Device bellhop.Device
	Shop   bellhop.Shop // without secrets
	// Settings are those of the device's owner.
	Settings bellhop.Settings
	Kind     bellhop.PushKind // of a push by itself; order.new when it gathers
	Orders   []OrderBrief     // of Pushes, in the same order

	Attempt int // the highest among Pushes, this one included
	// Gathered is nil for a push by itself.
	Gathered *Gathering
	Held     bool // some of it waited for the end of quiet hours
}

// OrderBrief is an order as a push shows it.
type OrderBrief struct {
	ID           int64
	Name         string
	Total        bellhop.Money // when it was placed: the owners' limits are about it
	Current      bellhop.Money // what it comes to now
	Refunded     bellhop.Money // by the refund that the push is about; zero for no refund
	Pieces       int
	Test         bool
	CustomerName string
	TraceParent  string    // Trace.TraceParent
	AcceptedAt   time.Time // Trace.AcceptedAt
	// FirstAttemptAt is the time of its push's first attempt, perhaps this one.
	FirstAttemptAt time.Time
	Gathered       bool // the device's running digest counts it already: this is a retry

	// For rationing.
	Kind bellhop.PushKind
	Held bool // it waited for the end of quiet hours
	Loud bool // its owner's settings neither hold it back nor gather it
}

// Gathering is a running sum of the orders that one replacing push stands for.
type Gathering struct {
	Orders  int           // how many are new
	Total   bellhop.Money // of those; zero Currency when they differ in currency
	Changes int           // payments, cancellations, refunds
	Since   time.Time     // when it began
}

// Settled is the outcome of one [Owed].
type Settled struct {
	Pushes []int64
	Status bellhop.PushStatus // pending and unknown need RetryAt for another attempt
	Reason string
	At     time.Time
	// RetryAt is the time of the next attempt; zero for none.
	RetryAt time.Time
	// Retire names a device whose address no longer works. A device with a newer address
	// stays. The store skips the device's other pushes.
	Retire *Retirement
}

// Retirement names a device and the address that failed.
type Retirement struct {
	DeviceID int64
	Value    string
	Reason   string
}

// PushQuery narrows the delivery log. Zero fields don't.
type PushQuery struct {
	Limit   int // 1 to 200; 0 means 50
	Cursor  string
	OrderID int64
	Status  bellhop.PushStatus
}

// PushPage is a part of the delivery log.
type PushPage struct {
	Pushes []bellhop.Push
	Next   string
}

// Why pushes are skipped.
const (
	ReasonNoDevice      = "no_device"       // the shop had none
	ReasonOld           = "too_old"         // it happened more than a day before bellhop heard of it
	ReasonCancelled     = "order_cancelled" // the order was cancelled before it came
	ReasonDeviceRetired = "device_retired"  // its address no longer works
	ReasonDeviceRemoved = "device_removed"
	ReasonOrderDeleted  = "order_deleted"
	ReasonNotWanted     = "not_wanted"   // its owner wants no push for new orders
	ReasonBelowAmount   = "below_amount" // its owner wants pushes for larger orders only
	ReasonStale         = "stale"        // it waited for its push service until it was no news
	ReasonUninstalled   = "uninstalled"  // the owner removed the app from the shop
	ReasonOnRota        = "on_rota"      // its owner is on the rota: they are rung when it is their turn
	ReasonTaken         = "taken"        // somebody took the order before it was sent
	ReasonHandled       = "handled"      // the order was handled before it was sent
	ReasonSince         = "cancelled"    // the order was cancelled before it was sent
	ReasonBackfill      = "backfill"     // it was fetched when the shop was connected
)

// TestFor is how long a test push is useful: somebody is looking at the device.
const TestFor = 10 * time.Minute

// Why devices are retired, beside what the push service says.
const (
	RetiredMoved = "address_moved" // its address belongs to another device now
	RetiredLimit = "device_limit"  // there were too many, and this one was seen longest ago
)

// Why pushes wait.
const (
	ReasonQuietHours  = "quiet_hours"
	ReasonServiceAway = "service_away" // its push service is in trouble
	ReasonResent      = "resent"       // somebody sends it again
)

// ResendMost bounds how many pushes one transaction makes due anew.
const ResendMost = 200
