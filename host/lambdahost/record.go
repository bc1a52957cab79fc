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
	// Bury has an event that was given up become a dead letter.
	Bury *burial `json:"bury,omitempty"`
}

type burial struct {
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
	l, err := f.open(work, amazon.Message(*in.Message), in.Attempt)
	switch {
	case bellhop.IsPermanent(err):
		return nil, failed(TypeNotOurs, err)
	case err != nil:
		return nil, failed(TypeUnavailable, err)
	case in.Bury != nil:
		return f.bury(write, l, in.Bury.Reason)
	}
	f.record(work, []*letter{l})
	f.settle(write, l)
	f.Probe.At(pipeline.PointSettled)
	return f.answer(l)
}

func (f *Record) answer(l *letter) ([]byte, error) {
	switch {
	case l.dead:
		return nil, failed(TypeDead, l.Err)
	case !l.done:
		return nil, failed(TypeUnavailable, l.Err)
	}
	out := recorded{Event: l.event.ID.String(), Shop: l.event.Shop, Outcome: l.Outcome, Reason: l.Reason, Pushes: l.Pushes}
	if l.OrderID != 0 {
		out.OrderID = strconv.FormatInt(l.OrderID, 10)
	}
	f.Log.Info("recorded", "event", l.event.ID, "shop", l.event.Shop, "order", out.OrderID,
		"outcome", l.Outcome, "reason", l.Reason, "pushes", l.Pushes, "attempt", l.attempt)
	return write(out)
}

// bury gives an event up whose recording was tried for long enough. Nobody else
// holds it: it becomes a dead letter also when the database is what is away, and
// the ledger learns of it from there.
func (f *Record) bury(ctx context.Context, l *letter, reason string) ([]byte, error) {
	open, err := f.Database.Get(ctx)
	if err == nil {
		err = f.recorder(open).Dead(ctx, l.event, reason)
	}
	if err != nil {
		f.Log.Error("a dead letter is not written down yet", "event", l.event.ID, "err", err)
	}
	if err := f.Graves.Bury(ctx, l.event, max(l.attempt, 1), reason); err != nil {
		return nil, failed(TypeUnavailable, err)
	}
	return write(recorded{Event: l.event.ID.String(), Shop: l.event.Shop, Outcome: bellhop.OutcomeDead, Reason: reason})
}
