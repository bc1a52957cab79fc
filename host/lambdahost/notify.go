package lambdahost

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"bellhop"
	"bellhop/host"
	"bellhop/pipeline"
	"bellhop/store"
)

// Notify is the function that a state machine calls for the third step, with the
// answer of [Record]. It fails only if it can't reach the store, with
// [TypeUnavailable]: a later invocation repeats a failed attempt.
type Notify struct{ *PushStep }

// Invoke sends the pushes.
func (f *Notify) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	var in recorded
	if err := read(payload, "an answer of record", &in); err != nil {
		return nil, err
	}
	if _, err := bellhop.ParseEventID(in.Event); err != nil {
		return nil, notOurs("this is not an answer of record: %v", err)
	}
	out, err := f.sendDue(ctx, newTimetable(ctx))
	if err != nil {
		return nil, failed(TypeUnavailable, err)
	}
	f.Log.Info("notified", "event", in.Event, "sent", out.Sent, "failed", out.Failed, "left", out.Left)
	return write(out)
}

// Sweep is the function that a schedule calls: it sends pushes that other functions
// left owed, drops old bodies, looks after the shops' connections to Shopify and compares their orders, and carries out
// requests for personal data.
type Sweep struct {
	*PushStep
	KeepBodies time.Duration // those of settled events
	Keep       pipeline.Keep
	Queue      pipeline.PersonalQueue
	retained   atomic.Int64 // when this instance last did what Keep asks for, in seconds
	// Keepers return what looks after the shops in a store. It is nil where no shop can be connected.
	Keepers func(context.Context, store.Store) ([]Keeper, error)
}

// Keeper works on shops until none is due.
type Keeper interface {
	Round(begin, hard context.Context) error
}

// keepFor is how long a sweep begins with shops. Those under way go on for as long again, and more.
const keepFor = 20 * time.Second

// retainEvery is in seconds.
const retainEvery = 60 * 60

// swept is Sweep's answer.
type swept struct {
	sent
	Dropped int `json:"dropped"` // bodies
}

// Invoke sweeps.
func (f *Sweep) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	var in map[string]any
	if err := read(payload, "a schedule's event", &in); err != nil {
		return nil, err
	}
	if in["Records"] != nil || in["message"] != nil || in["requestContext"] != nil {
		return nil, notOurs("this is not a schedule's event; let a schedule call this function")
	}
	t := newTimetable(ctx)
	out, err := f.sendDue(ctx, t)
	if err == nil {
		err = f.measure(ctx, t)
	}
	if err != nil {
		return nil, failed(TypeUnavailable, err)
	}
	work, cancel := t.until(ctx, lastStart)
	defer cancel()
	s := swept{sent: out}
	if s.Dropped, err = f.prune(work); err != nil && work.Err() == nil {
		return nil, failed(TypeUnavailable, err)
	}
	if err := f.keep(work); err != nil && work.Err() == nil {
		f.Log.Error("look after the shops at Shopify", "err", err) // the pushes are sent all the same
	}
	if err := f.privacy(work); err != nil && work.Err() == nil {
		f.Log.Error("carry out requests for personal data", "err", err)
	}
	f.Log.Info("swept", "sent", s.Sent, "failed", s.Failed, "left", s.Left, "dropped", s.Dropped)
	return write(s)
}

// keep checks the connections that are due, and compares the shops that are.
func (f *Sweep) keep(ctx context.Context) error {
	if f.Keepers == nil {
		return nil
	}
	open, err := f.Database.Get(ctx)
	if err != nil {
		return err
	}
	all, err := f.Keepers(ctx, open)
	if err != nil {
		return err
	}
	begin, cancel := context.WithTimeout(ctx, keepFor)
	defer cancel()
	trouble := make([]error, len(all))
	var rounds sync.WaitGroup
	for i, k := range all {
		rounds.Go(func() { trouble[i] = k.Round(begin, ctx) })
	}
	rounds.Wait()
	return errors.Join(trouble...)
}

// privacy goes on where the sweep before ended.
func (f *Sweep) privacy(ctx context.Context) error {
	open, err := f.Database.Get(ctx)
	if err != nil {
		return err
	}
	p := host.NewPrivacy(open, f.Queue, f.Log, f.Now, f.Probe)
	if err := p.Round(ctx); err != nil {
		return err
	}
	now := f.Now().Unix()
	if last := f.retained.Load(); now-last < retainEvery || !f.retained.CompareAndSwap(last, now) {
		return nil
	}
	return p.Retain(ctx, f.Keep)
}

// measure prints how late the oldest push is that is still owed.
func (f *Sweep) measure(ctx context.Context, t timetable) error {
	ctx, cancel := t.until(ctx, lastWrite)
	defer cancel()
	open, err := f.Database.Get(ctx)
	if err != nil {
		return err
	}
	since, err := open.OldestOwed(ctx)
	if now := f.Now(); err == nil && !since.IsZero() {
		f.Metrics.seconds(now, MetricOldestOwed, now.Sub(since))
	}
	return err
}

func (f *Sweep) prune(ctx context.Context) (int, error) {
	open, err := f.Database.Get(ctx)
	if err != nil {
		return 0, err
	}
	return (&host.Maintenance{Store: open, Log: f.Log, Now: f.Now, KeepBodies: f.KeepBodies}).Prune(ctx)
}
