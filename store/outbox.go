package store

import (
	"context"
	"time"

	"bellhop"
)

// Outbox hands owed pushes to push workers.
type Outbox interface {
	// ClaimPushes takes pushes that are due, marks them sending and counts an
	// attempt. The rules divide the slots among the shops that have
	// something due, and the rules a device's budget among its pushes: some go out
	// by themselves, some together, some later. What is due in its owner's quiet
	// hours is put off to their end, with [ReasonQuietHours]; what [Slots.Gate] holds
	// back, without an attempt, with [ReasonServiceAway]. A digest takes what
	// is due to its device beyond the slots, too. A claim that is not settled
	// within lease counts as unknown and is due again.
	//
	// A claim also turns fan-outs into pushes, a portion at a time, as the shop's slots
	// ask for it. It may then return nothing, and PushesOwed signals more to do.
	ClaimPushes(ctx context.Context, now time.Time, slots Slots, lease time.Duration) ([]Owed, error)
	// SettlePushes writes down what became of claimed pushes.
	SettlePushes(ctx context.Context, settled []Settled) error
	// NextPush returns when the next push or fan-out is due; zero when none is
	// owed.
	NextPush(ctx context.Context) (time.Time, error)
	// PushesOwed is closed once something may have become due since the call.
	PushesOwed() <-chan struct{}
}

// Deliveries is the log of pushes, as the API and the console show it.
type Deliveries interface {
	// ResendPushes makes pushes of a shop due anew that ended as failed, unknown or
	// skipped, with [ReasonResent]: their attempts begin again. Others stay as they
	// are. It returns how many it were, of [ResendMost] at a time.
	ResendPushes(ctx context.Context, shop string, ids []int64, at time.Time) (int, error)

	// Pushes is the delivery log, newest first.
	Pushes(ctx context.Context, shop string, q PushQuery) (PushPage, error)
	// PushReceipt keeps the phone's own word: when it received or opened
	// a push. The first word of each sort counts.
	PushReceipt(ctx context.Context, shop string, id int64, opened bool, at time.Time) error
}

// Slots are the attempts that a claim may begin.
type Slots struct {
	Free int            // a claim takes so many pushes at most
	Busy map[string]int // attempts under way, by the shop's domain
	// PerFree bounds the attempts of one shop, those under way included: to so
	// many for each slot that stays free beside them. 0 means no bound. The bound
	// leaves room for the next shop, however many are busy: with 4 a shop
	// alone has four slots of five, three shops have four of thirteen each, and the
	// last slot goes to a shop that has none.
	PerFree int
	// Gate holds back what goes to push services in trouble; nil holds back nothing.
	Gate Gate
}

// Gate knows which push services are in trouble. A claim asks it for each device
// that it would send something to, inside its transaction.
type Gate interface {
	// Admit returns how many messages may go to a device now, and when the others
	// are due again. Asked again at the same time it says the same.
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

// OrderBrief is what a push says of an order.
type OrderBrief struct {
	ID           int64
	Name         string
	Total        bellhop.Money
	Items        int // lines
	CustomerName string
	TraceParent  string    // Trace.TraceParent
	AcceptedAt   time.Time // Trace.AcceptedAt
	// FirstAttemptAt is when its push was first tried; this time, perhaps.
	FirstAttemptAt time.Time
	Gathered       bool // the device's running digest counts it already: it is tried again

	// What rationing looks at.
	Kind bellhop.PushKind
	Held bool // it waited for the end of quiet hours
	Loud bool // it is neither held back nor gathered by what its owner set
}

// Gathering is a running sum of the orders that one replacing push stands for.
type Gathering struct {
	Orders  int           // how many are new
	Total   bellhop.Money // of those; zero Currency when they differ in currency
	Changes int           // what else it tells of: payments, cancellations, refunds
	Since   time.Time     // when it began
}

// Settled is what became of the pushes of one [Owed].
type Settled struct {
	Pushes []int64
	Status bellhop.PushStatus // pending and unknown need RetryAt to be tried again
	Reason string
	At     time.Time
	// RetryAt is when to try again; zero for never.
	RetryAt time.Time
	// Retire names a device whose address no longer works, with that address: a
	// device that was refreshed since stays. The store skips its other pushes.
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
	ReasonNoDevice      = "no_device"      // the shop had none when the order came
	ReasonDeviceRetired = "device_retired" // its address is of no more use
	ReasonDeviceRemoved = "device_removed"
	ReasonOrderDeleted  = "order_deleted"
	ReasonNotWanted     = "not_wanted"   // its owner wants no push for new orders
	ReasonBelowAmount   = "below_amount" // its owner wants pushes for larger orders only
	ReasonStale         = "stale"        // it waited for its push service until it was no news any more
)

// TestFor is how long a test push is of use: a person is looking at the device.
const TestFor = 10 * time.Minute

// Why devices are retired, beside what the push service says.
const (
	RetiredMoved = "address_moved" // its address belongs to another device now
	RetiredLimit = "device_limit"  // there are too many, and it was not seen the longest
)

// Why pushes wait.
const (
	ReasonQuietHours  = "quiet_hours"
	ReasonServiceAway = "service_away" // its push service is in trouble
	ReasonResent      = "resent"       // it was not sent, and a person sends it again
)

// ResendMost bounds how many pushes one transaction makes due anew.
const ResendMost = 200
