// Package queue is the port between accepting an event and processing it. A driver
// makes events durable and hands each out, under a lease, until a consumer settles
// it. The subfolders hold the drivers; all of them pass [bellhop/queue/queuetest].
//
// Every queue promises:
//
//   - Send returns nil only once the events would survive a crash of the process
//     and of the machine.
//   - The queue hands out every event at least once. It may do so more often: after
//     a lease ran out, or when an acknowledgement was lost. A consumer must bear
//     that.
//   - One shop's backlog does not hold up the others: receivers get events of all
//     shops with waiting events.
//   - After Attributes.MaxAttempts deliveries an event becomes a dead letter, with
//     its body and the last reason. It stays one until somebody replays or drops
//     it.
//
// No queue promises an order, neither of all events nor of one shop's. Recording is
// indifferent to order. A driver that keeps one may say so in its own
// documentation.
//
// All methods may be called from many goroutines at once. A method with a context
// returns soon after the context is done, with its error; its work may or may not
// have happened then.
package queue

import (
	"bytes"
	"cmp"
	"context"
	"regexp"
	"slices"
	"time"

	"bellhop"
)

// Producer takes events in.
type Producer interface {
	// Send makes events durable, all or none. It blocks until they are, and groups
	// the events of concurrent callers. An error of kind bellhop.Unavailable means
	// that the queue can't take anything now; one of kind bellhop.TooLarge, that it
	// never will take these events. After any other error the events may be in the
	// queue or not.
	Send(ctx context.Context, events ...*bellhop.Event) error
}

// Consumer hands events out and takes the verdicts on them.
type Consumer interface {
	// Receive leases up to max events, and blocks until there is at least one.
	// Their bodies have [BatchBytes] together at most, unless one alone has more.
	// Nobody else gets an event until its lease runs out.
	//
	// An event with an unreadable body becomes a dead letter with that reason, and
	// holds up nobody. Receive hands out an event by itself if its lease ended
	// [Suspicious] times without a verdict: if it ends a process, then no other
	// event loses an attempt.
	Receive(ctx context.Context, max int) ([]Delivery, error)

	// Settle ends leases. It returns nil when all verdicts hold. It returns a
	// [*StaleError] when some leases had run out and somebody else already had the
	// event or had settled it: Settle did not apply their verdicts, but the others.
	// After any other error nothing is known.
	Settle(ctx context.Context, verdicts ...Settlement) error

	// Extend moves the end of leases to d from now, and returns a [*StaleError] as
	// Settle does.
	Extend(ctx context.Context, d time.Duration, receipts ...Receipt) error
}

// BatchBytes bounds the bodies of one Receive, by their unpacked size.
const BatchBytes = 16 << 20

// Suspicious is the number of leases without a verdict after which an event is suspected of
// ending its consumers.
const Suspicious = 3

// Delivery is one event under a lease.
type Delivery struct {
	Event   *bellhop.Event
	Attempt int     // 1 the first time
	Receipt Receipt // names the lease, not only the event
	Expires time.Time
}

// Receipt names one lease on one event; a later lease has another. It is the
// fencing token: the queue refuses a verdict with an old one.
type Receipt string

// Verdict says what happens to a leased event.
type Verdict uint8

// The verdicts.
const (
	Ack        Verdict = iota // done; never hand it out again
	Retry                     // hand it out again after Delay; a dead letter if that was the last attempt
	DeadLetter                // make it a dead letter now
)

// Settlement is a verdict on one delivery.
type Settlement struct {
	Receipt Receipt
	Verdict Verdict
	Delay   time.Duration // with Retry
	Reason  string        // with Retry and DeadLetter: what went wrong, without customer data
}

// Depth counts the events of a queue.
type Depth struct {
	Waiting int           // not handed out, or to be tried again
	Leased  int           // handed out and not settled
	Dead    int           // dead letters
	Oldest  time.Duration // since the oldest waiting event was accepted; 0 if none
}

// Attributes are the settings of a queue.
type Attributes struct {
	Visibility  time.Duration // how long a lease lasts
	MaxAttempts int           // deliveries before an event becomes a dead letter
}

// DefaultAttributes serve a consumer that needs far less than a second for a
// batch.
func DefaultAttributes() Attributes {
	return Attributes{Visibility: 30 * time.Second, MaxAttempts: 20}
}

// Validate returns an error if a value is out of range.
func (a Attributes) Validate() error {
	if a.Visibility < time.Second || a.Visibility > 12*time.Hour {
		return bellhop.Invalidf("visibility", "visibility is %v: give 1s to 12h", a.Visibility)
	}
	if a.MaxAttempts < 1 || a.MaxAttempts > 1000 {
		return bellhop.Invalidf("max_attempts", "max-attempts is %d: give 1 to 1000", a.MaxAttempts)
	}
	return nil
}

// DeadEvent is an event that bellhop gave up.
type DeadEvent struct {
	Event    *bellhop.Event
	Attempts int
	Reason   string
	DiedAt   time.Time
}

// Cursor is a place among the dead letters. The newest come first; those of the
// same moment come by their ids, the greatest first. The zero Cursor is before all.
type Cursor struct {
	DiedAt time.Time
	ID     bellhop.EventID
}

// Cursor returns the place of a dead letter.
func (d *DeadEvent) Cursor() Cursor { return Cursor{d.DiedAt, d.Event.ID} }

// Compare is below 0 if c is listed before d.
func (c Cursor) Compare(d Cursor) int {
	return cmp.Or(d.DiedAt.Compare(c.DiedAt), bytes.Compare(d.ID[:], c.ID[:]))
}

// PageOf returns one page out of all dead letters, as [DeadLetters.DeadLetters]
// does. It serves services that know no order.
func PageOf(dead []DeadEvent, after Cursor, limit int) []DeadEvent {
	if after != (Cursor{}) {
		dead = slices.DeleteFunc(dead, func(d DeadEvent) bool { return d.Cursor().Compare(after) <= 0 })
	}
	slices.SortFunc(dead, func(a, b DeadEvent) int { return a.Cursor().Compare(b.Cursor()) })
	return dead[:min(limit, len(dead))]
}

// DeadLetters holds the events that bellhop gave up.
type DeadLetters interface {
	// DeadLetters lists up to limit dead letters after a place, without bodies.
	DeadLetters(ctx context.Context, after Cursor, limit int) ([]DeadEvent, error)
	// DeadLetter returns one with its body; bellhop.NotFound if there is none.
	DeadLetter(ctx context.Context, id bellhop.EventID) (DeadEvent, error)
	// Redrive puts dead letters back into the queue with their attempts at 0, and
	// returns their number. Without an id it takes all.
	Redrive(ctx context.Context, ids ...bellhop.EventID) (int, error)
	// Drop removes dead letters for good and returns their number; without an id it
	// removes none. It returns bellhop.NotFound for an id that is no dead letter's.
	Drop(ctx context.Context, ids ...bellhop.EventID) (int, error)
	// DropFunc hands del the dead letters of a shop one by one, each with its body, and removes
	// those for which it returns true, for good. It returns their number. An unreadable body is
	// empty. It goes through them once: some of those that come meanwhile are left out. An error
	// of del ends it.
	DropFunc(ctx context.Context, shop string, del func(DeadEvent) (bool, error)) (int, error)
}

// Admin looks after a queue.
type Admin interface {
	Depth(ctx context.Context) (Depth, error)
	// Purge drops all waiting events and returns their number. Leased events and
	// dead letters stay.
	Purge(ctx context.Context) (int, error)
	Attributes(ctx context.Context) (Attributes, error)
	SetAttributes(ctx context.Context, a Attributes) error
}

// Queue is one queue, opened.
type Queue interface {
	Producer
	Consumer
	DeadLetters
	Admin
	// Close gives leased events back. Where the driver can, this or another process
	// gets them without waiting for the leases to run out.
	Close() error
}

// Readier is a [Queue] that knows better than by its attributes whether it takes
// events in now.
type Readier interface {
	Ready(ctx context.Context) error
}

// Pruner is a [Queue] that keeps the bodies of settled events.
type Pruner interface {
	// Prune drops the bodies of settled events that were accepted before, and
	// returns their number.
	Prune(ctx context.Context, before time.Time) (int, error)
	// Scrub returns once no dropped body stays in the queue's files.
	Scrub(ctx context.Context) error
}

// Retainer is a [Queue] whose service drops what nobody consumes after some time.
type Retainer interface {
	Retention(ctx context.Context) (time.Duration, error)
}

// Broker holds queues by name.
type Broker interface {
	// Create makes a queue. It returns bellhop.Conflict if there is one of that
	// name with other attributes, nil if there is one with these.
	Create(ctx context.Context, name string, a Attributes) error
	// Names lists the queues.
	Names(ctx context.Context) ([]string, error)
	// URL returns the address that BELLHOP_QUEUE takes for a queue;
	// bellhop.NotFound if there is none of that name.
	URL(ctx context.Context, name string) (string, error)
	// Remove deletes a queue with all its events; bellhop.NotFound if there is none
	// of that name.
	Remove(ctx context.Context, name string) error
	// Open returns a queue; bellhop.NotFound if there is none of that name.
	Open(ctx context.Context, name string) (Queue, error)
}

var validName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,79}$`)

// CheckName refuses a name that no queue in a database may have. A service may
// allow less.
func CheckName(name string) error {
	if !validName.MatchString(name) {
		return bellhop.Invalidf("queue_name", "a queue's name has 1 to 80 letters, digits, dots, hyphens or "+
			"underscores, and begins with a letter or digit")
	}
	return nil
}

// DefaultName is the queue's name where none is given.
const DefaultName = "orders"
