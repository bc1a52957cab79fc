package queue

import (
	"cmp"
	"fmt"
	"strings"

	"bellhop"
)

// StaleError lists the leases that were no longer held.
type StaleError struct{ Receipts []Receipt }

func (e *StaleError) Error() string {
	return fmt.Sprintf("%d leases had run out", len(e.Receipts))
}

// StaleOr returns err, or a [*StaleError] if there is no other error and some
// receipts are stale.
func StaleOr(err error, stale []Receipt) error {
	if err == nil && len(stale) > 0 {
		return &StaleError{Receipts: stale}
	}
	return err
}

// Wrap adds the attempt to an error; bellhop.NotFound says enough by itself.
func Wrap(what string, err error) error {
	if err == nil || bellhop.KindOf(err) == bellhop.NotFound {
		return err
	}
	return fmt.Errorf("%s: %w", what, err)
}

// ErrClosed is the error of a queue that was closed.
var ErrClosed error = bellhop.Errorf(bellhop.Unavailable, "closed", "the queue is closed")

// NotFound is the error of a [Broker] that has no queue of this name.
func NotFound(name string) error {
	return bellhop.Errorf(bellhop.NotFound, "queue_not_found",
		"there is no queue %s: create it with bellhop queue create %s", name, name)
}

// Exists is the error of a [Broker] that already has a queue of this name.
func Exists(name string) error {
	return bellhop.Errorf(bellhop.Conflict, "queue_exists",
		"there is a queue %s with other attributes: change them with bellhop queue set", name)
}

// NoDeadLetter is the error of a queue without this dead letter.
func NoDeadLetter(id bellhop.EventID) error {
	return bellhop.Errorf(bellhop.NotFound, "dead_letter", "there is no dead letter %s: see bellhop dead ls", id)
}

// CheckBody refuses a body that is empty or above [bellhop.MaxBody].
func CheckBody(e *bellhop.Event) error {
	if n := len(e.Body); n == 0 || n > bellhop.MaxBody {
		return bellhop.Errorf(bellhop.TooLarge, "body_size", "a body has %d bytes: the queue takes 1 to %d", n,
			bellhop.MaxBody)
	}
	return nil
}

// RanOut is the reason of an event whose lease ended without a verdict.
const RanOut = "the lease ran out: the consumer was too slow or died"

// longestReason bounds a reason: a message has room for it.
const longestReason = 2000

// CleanReason makes the reason of a dead letter short enough for a message.
func CleanReason(reason string) string {
	return cmp.Or(strings.ToValidUTF8(bellhop.Clip(reason, longestReason), ""), "no reason was given")
}
