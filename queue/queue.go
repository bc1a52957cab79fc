// Package queue is the port between accepting an event and processing it. A
// driver makes events durable and hands each out, under a lease, until it is
// settled; drivers are in the subfolders, and all of them pass
// [bellhop/queue/queuetest].
//
// What every queue promises:
//
//   - Send returns nil only once the events would survive a crash of the
//     process and of the machine.
//   - Every event is handed out at least once. It can be more than once: after
//     a lease ran out, or when an acknowledgement was lost. Whoever processes
//     events must bear that.
//   - One shop's backlog does not hold up the others: receivers get events of
//     all shops that have any waiting.
//   - After Attributes.MaxAttempts deliveries an event becomes a dead letter,
//     with its body and the last reason, and stays one until it is replayed or
//     purged.
//
// What no queue promises: an order, neither of all events nor of one shop's.
// Recording is indifferent to order, so that none is needed. A driver that
// keeps one may say so in its own documentation.
//
// All methods may be called from many goroutines at once. Those that take a
// context return soon after it is done, with its error; what they were doing
// may or may not have happened then.
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
	// Send makes events durable, all or none. It blocks until they are, and
	// groups what concurrent callers send. An error of kind
	// bellhop.Unavailable means that the queue can't take anything now, and of
	// kind bellhop.TooLarge that it never will take this; after any other
	// error the events may be in the queue or not.
	Send(ctx context.Context, events ...*bellhop.Event) error
}

// Consumer hands events out and takes the verdicts on them.
type Consumer interface {
	// Receive leases up to max events, and blocks until there is at least one.
	// Their bodies have [BatchBytes] together at most, unless one alone has more.
	// An event is handed to nobody else until its lease runs out.
	//
	// An event whose body can't be read any more becomes a dead letter, with that
	// as the reason, and holds up nobody. One whose lease ended [Suspicious] times without a verdict is
	// handed out by itself: what ends a process then costs nobody else attempts.
	Receive(ctx context.Context, max int) ([]Delivery, error)

	// Settle ends leases. It returns nil when all verdicts hold, and
	// a [*StaleError] when some leases had run out and the event was already
	// handed to, or settled by, somebody else: their verdicts were not
	// applied, the others were. After any other error nothing is known.
	Settle(ctx context.Context, verdicts ...Settlement) error

	// Extend moves the end of leases to d from now, and returns
	// a [*StaleError] as Settle does.
	Extend(ctx context.Context, d time.Duration, receipts ...Receipt) error
}

// BatchBytes bounds what one Receive brings into memory: the bodies as they came,
// however small they were packed.
const BatchBytes = 16 << 20

// Suspicious is how many leases of an event end without a verdict before it is
// taken for what may have ended its consumers.
const Suspicious = 3

// Delivery is one event under a lease.
type Delivery struct {
	Event   *bellhop.Event
	Attempt int     // 1 the first time
	Receipt Receipt // names the lease, not only the event
	Expires time.Time
}

// Receipt names one lease on one event; a later lease has another. It is the
// fencing token: a verdict with an old one is refused.
type Receipt string

// Verdict is what is to become of a leased event.
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

// Depth is how much is in a queue.
type Depth struct {
	Waiting int           // not handed out, or to be tried again
	Leased  int           // handed out and not settled
	Dead    int           // dead letters
	Oldest  time.Duration // since the oldest waiting event was accepted; 0 if none
}

// Attributes are what can be set on a queue.
type Attributes struct {
	Visibility  time.Duration // how long a lease lasts
	MaxAttempts int           // deliveries before an event becomes a dead letter
}

// DefaultAttributes serve a consumer that needs far less than a second for a
// batch.
func DefaultAttributes() Attributes {
	return Attributes{Visibility: 30 * time.Second, MaxAttempts: 20}
}

// Validate says what is wrong with a, if anything.
func (a Attributes) Validate() error {
	if a.Visibility < time.Second || a.Visibility > 12*time.Hour {
		return bellhop.Invalidf("visibility", "visibility is %v: give 1s to 12h", a.Visibility)
	}
	if a.MaxAttempts < 1 || a.MaxAttempts > 1000 {
		return bellhop.Invalidf("max_attempts", "max-attempts is %d: give 1 to 1000", a.MaxAttempts)
	}
	return nil
}

// DeadEvent is an event that was given up.
type DeadEvent struct {
	Event    *bellhop.Event
	Attempts int
	Reason   string
	DiedAt   time.Time
}

// Cursor is a place among the dead letters. They are listed newest first, and those
// of the same moment by their ids, the greatest first. The zero Cursor is before all.
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

// PageOf returns the page of dead letters that [DeadLetters.DeadLetters] is asked for out
// of all of them, for services that know no order.
func PageOf(dead []DeadEvent, after Cursor, limit int) []DeadEvent {
	if after != (Cursor{}) {
		dead = slices.DeleteFunc(dead, func(d DeadEvent) bool { return d.Cursor().Compare(after) <= 0 })
	}
	slices.SortFunc(dead, func(a, b DeadEvent) int { return a.Cursor().Compare(b.Cursor()) })
	return dead[:min(limit, len(dead))]
}

// DeadLetters keeps what was given up.
type DeadLetters interface {
	// DeadLetters lists up to limit dead letters that come after a place. Bodies
	// are left out.
	DeadLetters(ctx context.Context, after Cursor, limit int) ([]DeadEvent, error)
	// DeadLetter returns one with its body; bellhop.NotFound if there is none.
	DeadLetter(ctx context.Context, id bellhop.EventID) (DeadEvent, error)
	// Redrive puts dead letters back into the queue with their attempts at 0,
	// all of them when no id is given, and returns how many.
	Redrive(ctx context.Context, ids ...bellhop.EventID) (int, error)
	// Drop removes dead letters for good and returns how many; without an id it
	// removes none. bellhop.NotFound when one of them is none.
	Drop(ctx context.Context, ids ...bellhop.EventID) (int, error)
}

// Admin looks after a queue.
type Admin interface {
	Depth(ctx context.Context) (Depth, error)
	// Purge drops everything that waits and returns how many that were. Leased
	// events and dead letters stay.
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
	// Close gives back what the queue holds. Events that it has leased are
	// handed out again, by this or another process, without waiting for their
	// leases to run out where the driver can.
	Close() error
}

// Readier is a [Queue] that can tell better than by its attributes whether it
// takes events in now.
type Readier interface {
	Ready(ctx context.Context) error
}

// Pruner is a [Queue] that keeps the bodies of events that are in it no more.
type Pruner interface {
	// Prune drops those of events that were accepted before, and returns how many.
	Prune(ctx context.Context, before time.Time) (int, error)
}

// Broker holds queues by name.
type Broker interface {
	// Create makes a queue; bellhop.Conflict if there is one of that name with
	// other attributes, nil if it is there with these.
	Create(ctx context.Context, name string, a Attributes) error
	// Names lists the queues.
	Names(ctx context.Context) ([]string, error)
	// URL returns the address that BELLHOP_QUEUE takes for a queue;
	// bellhop.NotFound if there is none of that name.
	URL(ctx context.Context, name string) (string, error)
	// Remove deletes a queue with all that is in it; bellhop.NotFound if there
	// is none of that name.
	Remove(ctx context.Context, name string) error
	// Open returns a queue; bellhop.NotFound if there is none of that name.
	Open(ctx context.Context, name string) (Queue, error)
}

var validName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,79}$`)

// CheckName says what is wrong with the name of a queue in a database, if
// anything. A service may allow less.
func CheckName(name string) error {
	if !validName.MatchString(name) {
		return bellhop.Invalidf("queue_name", "a queue's name has 1 to 80 letters, digits, dots, hyphens or underscores, and begins with a letter or digit")
	}
	return nil
}

// DefaultName is the queue's name where none is given.
const DefaultName = "orders"
