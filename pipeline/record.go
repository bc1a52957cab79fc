package pipeline

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"bellhop"
	"bellhop/shopify"
	"bellhop/store"
)

// Recorder is the second step. It may be used from many goroutines at once.
type Recorder struct {
	Store   RecordStore
	Now     func() time.Time
	Log     *slog.Logger
	Metrics *Metrics
	Traces  *Traces
	Probe   Probe
	// Keys returns the secrets, for what a server of one's own put into the queue; nil: nobody can check that.
	Keys KeysSince
	// Strangers logs events of shops that nobody has added; nil for no log.
	Strangers *Trouble
}

// RecordStore is what recording needs of the store.
type RecordStore interface {
	store.Recorder
	// Uninstall is that of [store.Connections].
	Uninstall(ctx context.Context, shop string, at time.Time) error
	// These are those of [store.Reconciling].
	Reconciliation(ctx context.Context, shop string) (bellhop.Reconciliation, error)
	UpdateReconciliation(ctx context.Context, shop string, change func(*bellhop.Reconciliation) error) error
	// AddRefusals is that of [store.Refusals].
	AddRefusals(ctx context.Context, more []store.Refusal, now time.Time) error
}

// Recorded is the result for one event.
type Recorded struct {
	OrderID        int64 // of its order; 0 for none
	bellhop.Result       // zero with Err
	Err            error
}

// Record stores the events' facts in one transaction, with the pushes owed for
// them. It returns the result for each event, in their order. Err is nil when the
// event is recorded; bellhop.IsPermanent holds for it when the event can never be
// recorded; after any other error a host tries the event again.
func (r *Recorder) Record(ctx context.Context, events []*bellhop.Event) []Recorded {
	start := r.Now()
	all := make([]Recorded, len(events))
	facts := make([]bellhop.Fact, 0, len(events))
	at := make([]int, 0, len(events)) // facts[i] is of events[at[i]]
	now := start.UTC().Truncate(time.Microsecond)
	for i, e := range events {
		f, err := r.read(ctx, e, start)
		if err != nil {
			all[i].Err = err
			r.Metrics.processed("undecodable", "")
			r.Log.Warn("can't decode an event", "event", e.ID, "shop", e.Shop, "topic", e.Topic, "err", err)
			continue
		}
		f.At = now
		facts, at = append(facts, f), append(at, i)
	}
	r.Probe.At(PointDecoded)
	for i, done := range r.isolate(ctx, facts) {
		done.OrderID = facts[i].OrderID
		if done.Uninstalls {
			done.Err = r.Store.Uninstall(ctx, facts[i].Event.Shop, facts[i].Shop.At)
		}
		all[at[i]] = done
	}
	r.ask(ctx, now, events, all)
	r.Metrics.recordTook(len(events), r.Now().Sub(start))
	return all
}

// read checks and decodes an event.
func (r *Recorder) read(ctx context.Context, e *bellhop.Event, start time.Time) (bellhop.Fact, error) {
	if signature, unchecked := e.SignedBy.Unchecked(); unchecked {
		if err := r.check(ctx, e, signature, start); err != nil {
			return bellhop.Fact{}, err
		}
	}
	return decode(e)
}

// check checks an event by the secrets at hand, and refuses it only by those that were read since start: a shop may
// have a new one.
func (r *Recorder) check(ctx context.Context, e *bellhop.Event, signature string, start time.Time) error {
	switch {
	case signature == "":
		return bellhop.Invalidf("signature", "the signature is missing, or the headers could not be read")
	case r.Keys == nil:
		return noSecret(nil)
	}
	err := r.checkBy(ctx, e, signature, time.Time{})
	if err != nil {
		err = r.checkBy(ctx, e, signature, start)
	}
	return err
}

func (r *Recorder) checkBy(ctx context.Context, e *bellhop.Event, signature string, since time.Time) error {
	keys, err := r.Keys(ctx, since)
	switch {
	case bellhop.KindOf(err) == bellhop.Unavailable: // the store is away
		return err
	case err != nil:
		return noSecret(err)
	}
	return keys.checkLate(e, signature)
}

// decode makes a decoder's panic an invalid body, which becomes a dead letter: else the
// body would end the process again and again.
func decode(e *bellhop.Event) (f bellhop.Fact, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = bellhop.Invalidf("decoder", "the decoder stumbled over the body")
		}
	}()
	if len(e.Body) == 0 { // Accept refuses these: it was recorded before, and its acknowledgement lost
		return bellhop.Fact{Event: e, Skip: bellhop.ReasonBodyDropped}, nil
	}
	return shopify.Decode(e)
}

// isolate commits facts together. If that fails for a reason that may lie with one
// of them, it commits them one by one, so that one can't hold up the rest.
func (r *Recorder) isolate(ctx context.Context, facts []bellhop.Fact) []Recorded {
	if len(facts) == 0 {
		return nil
	}
	results, err := r.commit(ctx, facts)
	alone := err != nil && len(facts) > 1 && ctx.Err() == nil && bellhop.KindOf(err) != bellhop.Unavailable
	all := make([]Recorded, len(facts))
	for i := range facts {
		switch {
		case alone:
			all[i] = r.isolate(ctx, facts[i:i+1])[0]
		case err != nil:
			all[i].Err = err
		default:
			all[i].Result = results[i]
		}
	}
	return all
}

// commit stores facts in one transaction.
func (r *Recorder) commit(ctx context.Context, facts []bellhop.Fact) ([]bellhop.Result, error) {
	spans := r.Traces.record(ctx, facts)
	results, err := r.Store.Record(ctx, facts)
	endRecord(spans, results, err)
	if err != nil {
		return nil, fmt.Errorf("record %d events: %w", len(facts), err)
	}
	for i, f := range facts {
		r.Metrics.processed(results[i].Outcome, results[i].Reason)
		if results[i].Reason == bellhop.ReasonUnknownShop {
			r.Strangers.Happened("shop", f.Event.Shop)
		}
		r.Log.Debug("recorded", "event", f.Event.ID, "shop", f.Event.Shop, "order", f.OrderID,
			"outcome", results[i].Outcome, "reason", results[i].Reason, "pushes", results[i].Pushes)
	}
	return results, nil
}

// Dead records that bellhop gave up an event. A host calls it beside moving the message to
// the dead letters; calling it again does no harm.
func (r *Recorder) Dead(ctx context.Context, e *bellhop.Event, reason string) error {
	if err := r.Store.Dead(ctx, e, reason, r.Now().UTC().Truncate(time.Microsecond)); err != nil {
		return fmt.Errorf("record that event %s is dead: %w", e.ID, err)
	}
	r.Metrics.processed(bellhop.OutcomeDead, "")
	r.Log.Warn("gave up an event", "event", e.ID, "shop", e.Shop, "topic", e.Topic, "reason", reason)
	return r.countStranger(ctx, e)
}

const unauthenticated = "unauthenticated" // the endpoint's reason for a wrong signature

// countStranger counts a dead letter that has no line in the ledger as a refused webhook.
func (r *Recorder) countStranger(ctx context.Context, e *bellhop.Event) error {
	if _, unchecked := e.SignedBy.Unchecked(); !unchecked || r.Keys == nil {
		return nil
	}
	keys, err := r.Keys(ctx, time.Time{})
	if err != nil || keys.Knows(e.Shop) {
		return nil // without the secrets it has been refused for want of them
	}
	now := r.Now().UTC().Truncate(time.Microsecond)
	return r.Store.AddRefusals(ctx, []store.Refusal{{Reason: unauthenticated, Count: 1, At: now}}, now)
}

// Replay records a shop's archived events again, from since on. It returns their
// number, and the number of those that can't be decoded. Recorded orders stay as
// they are, and nothing is pushed twice; events that were skipped, since the shop
// was unknown or disabled, are recorded now.
func (r *Recorder) Replay(ctx context.Context, shop string, since time.Time) (events, bad int, err error) {
	err = r.archived(ctx, shop, since, bellhop.EventID{}, func(batch []*bellhop.Event) error {
		for _, done := range r.Record(ctx, batch) {
			switch {
			case bellhop.IsPermanent(done.Err):
				bad++
			case done.Err != nil:
				return done.Err
			}
		}
		events += len(batch)
		return nil
	})
	return events, bad, err
}

// Refilled says how far [Recorder.Refill] has come.
type Refilled struct {
	Events int // that were read
	Orders int // that were written, once in each batch of events
	Last   bellhop.EventID
}

// Refill adds to a shop's orders what an older bellhop did not keep of their bodies, from behind an
// event on. It owes no push, and changes neither the stream nor the ledger. It calls told after each
// batch.
func (r *Recorder) Refill(
	ctx context.Context, shop string, after bellhop.EventID, told func(Refilled),
) (done Refilled, err error) {
	err = r.archived(ctx, shop, time.Time{}, after, func(batch []*bellhop.Event) error {
		var facts []bellhop.Fact
		for _, e := range batch {
			f, err := shopify.Decode(e)
			if err == nil && f.OrderID != 0 && len(f.Lacks) == 0 {
				f.At = e.AcceptedAt
				facts = append(facts, f)
			}
		}
		n, err := r.Store.Refill(ctx, facts)
		if err != nil {
			return err
		}
		done.Events, done.Orders, done.Last = done.Events+len(batch), done.Orders+n, batch[len(batch)-1].ID
		told(done)
		return nil
	})
	return done, err
}

// archived calls fn with a shop's archived events, some at a time.
func (r *Recorder) archived(
	ctx context.Context, shop string, since time.Time, after bellhop.EventID, fn func([]*bellhop.Event) error,
) error {
	for {
		batch, err := r.Store.Archived(ctx, shop, since, after, 256)
		if err != nil {
			return fmt.Errorf("read archived events of %s: %w", shop, err)
		}
		if len(batch) == 0 {
			return nil
		}
		after = batch[len(batch)-1].ID
		// A queue in the same file keeps its wake-up messages for push workers
		// there.
		batch = slices.DeleteFunc(batch, func(e *bellhop.Event) bool { return e.Topic == bellhop.TopicPushesOwed })
		if len(batch) == 0 {
			continue
		}
		if err := fn(batch); err != nil {
			return err
		}
	}
}
