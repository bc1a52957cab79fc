package lambdahost

import (
	"context"
	"strconv"

	"bellhop"
	"bellhop/internal/amazon"
	"bellhop/pipeline"
)

// Record is the function that a state machine calls for the second step. It fails with
// [TypeUnavailable] if another try may succeed, else with one of the other types.
type Record struct{ *Step }

// execution is the input of a state machine and of Record.
type execution struct {
	Message *amazon.Message `json:"message"`
	Attempt int             `json:"attempt"` // of the queue; 1 the first time
	// Acknowledged says that the queue has dropped the message: this is the last copy,
	// and nobody counts attempts.
	Acknowledged bool `json:"acknowledged"`
	// DeadLetter makes the event a dead letter.
	DeadLetter *givenUp `json:"bury,omitempty"`
}

type givenUp struct {
	Reason string `json:"reason"`
}

// recorded is Record's answer and Notify's input.
type recorded struct {
	Event   string          `json:"event"`
	Shop    string          `json:"shop"`
	OrderID string          `json:"order_id"` // "" for none
	Outcome bellhop.Outcome `json:"outcome"`
	Reason  string          `json:"reason"`
	Pushes  int             `json:"pushes"` // owed for it
}

// Invoke records one event.
func (f *Record) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	var in execution
	if err := read(payload, "an event to record", &in); err != nil {
		return nil, err
	}
	if in.Message == nil {
		return nil, notOurs("this is not an event to record: it has no message")
	}
	t := newTimetable(ctx)
	work, cancel := t.until(ctx, lastAnswer)
	defer cancel()
	write, stop := t.until(ctx, lastWrite)
	defer stop()
	if in.Acknowledged {
		in.Attempt = 0
	}
	d, err := f.open(work, *in.Message, in.Attempt)
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

// giveUp makes an event that could not be recorded a dead letter. Nobody else holds
// it, so it becomes one also while the database is away. The ledger learns of it from
// the dead letters.
func (f *Record) giveUp(ctx context.Context, d *delivery, reason string) ([]byte, error) {
	open, err := f.Database.Get(ctx)
	if err == nil {
		err = f.recorder(open).Dead(ctx, d.event, reason)
	}
	if err != nil {
		f.Log.Error("a dead letter is not in the ledger yet", "event", d.event.ID, "err", err)
	}
	if err := f.DeadLetters.AddDead(ctx, d.event, max(d.attempt, 1), reason); err != nil {
		return nil, failed(TypeUnavailable, err)
	}
	return write(recorded{Event: d.event.ID.String(), Shop: d.event.Shop, Outcome: bellhop.OutcomeDead, Reason: reason})
}
