package lambdahost

import (
	"context"
	"strconv"

	"bellhop"
	"bellhop/internal/amazon"
	"bellhop/pipeline"
)

// Record is the function that a state machine calls for the second step. Its
// errors are of the types above: [TypeUnavailable] to be tried again, the others
// for good.
type Record struct{ *Step }

// execution is a state machine's input, and what Record is given.
type execution struct {
	Message *wireMessage `json:"message"`
	Attempt int          `json:"attempt"` // of the queue; 1 the first time
	// Acknowledged says that the queue holds the message no more: this is the
	// last copy, and nobody counts attempts.
	Acknowledged bool `json:"acknowledged"`
	// DeadLetter makes the event a dead letter: it was given up.
	DeadLetter *givenUp `json:"bury,omitempty"`
}

type givenUp struct {
	Reason string `json:"reason"`
}

// wireMessage is a message of the queue, as state machines pass it on.
type wireMessage struct {
	Body       string            `json:"body"`
	Attributes map[string]string `json:"attributes"`
}

// recorded is what Record answers, and what Notify is given.
type recorded struct {
	Event   string          `json:"event"`
	Shop    string          `json:"shop"`
	OrderID string          `json:"order_id"` // "" for none
	Outcome bellhop.Outcome `json:"outcome"`
	Reason  string          `json:"reason"`
	Pushes  int             `json:"pushes"` // that are owed for it
}

// Invoke records one event.
func (f *Record) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	var in execution
	if err := read(payload, "an event to be recorded", &in); err != nil {
		return nil, err
	}
	if in.Message == nil {
		return nil, notOurs("this is not an event to be recorded: it has no message")
	}
	t := newTimetable(ctx)
	work, cancel := t.until(ctx, lastAnswer)
	defer cancel()
	write, stop := t.until(ctx, lastWrite)
	defer stop()
	if in.Acknowledged {
		in.Attempt = 0
	}
	d, err := f.open(work, amazon.Message(*in.Message), in.Attempt)
	switch {
	case bellhop.IsPermanent(err):
		return nil, failed(TypeNotOurs, err)
	case err != nil:
		return nil, failed(TypeUnavailable, err)
	case in.DeadLetter != nil:
		return f.giveUp(write, d, in.DeadLetter.Reason)
	}
	f.record(work, []*delivery{d})
	f.settle(write, d)
	f.Probe.At(pipeline.PointSettled)
	return f.answer(d)
}

func (f *Record) answer(d *delivery) ([]byte, error) {
	switch {
	case d.dead:
		return nil, failed(TypeDead, d.Err)
	case !d.done:
		return nil, failed(TypeUnavailable, d.Err)
	}
	out := recorded{Event: d.event.ID.String(), Shop: d.event.Shop, Outcome: d.Outcome, Reason: d.Reason, Pushes: d.Pushes}
	if d.OrderID != 0 {
		out.OrderID = strconv.FormatInt(d.OrderID, 10)
	}
	f.Log.Info("recorded", "event", d.event.ID, "shop", d.event.Shop, "order", out.OrderID,
		"outcome", d.Outcome, "reason", d.Reason, "pushes", d.Pushes, "attempt", d.attempt)
	return write(out)
}

// giveUp gives an event up whose recording was tried for long enough. Nobody else
// holds it: it becomes a dead letter also when the database is what is away, and
// the ledger learns of it from there.
func (f *Record) giveUp(ctx context.Context, d *delivery, reason string) ([]byte, error) {
	open, err := f.Database.Get(ctx)
	if err == nil {
		err = f.recorder(open).Dead(ctx, d.event, reason)
	}
	if err != nil {
		f.Log.Error("a dead letter is not written down yet", "event", d.event.ID, "err", err)
	}
	if err := f.DeadLetters.AddDead(ctx, d.event, max(d.attempt, 1), reason); err != nil {
		return nil, failed(TypeUnavailable, err)
	}
	return write(recorded{Event: d.event.ID.String(), Shop: d.event.Shop, Outcome: bellhop.OutcomeDead, Reason: reason})
}
