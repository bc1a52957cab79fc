package lambdahost

import (
	"context"
	"time"

	"bellhop"
	"bellhop/host"
)

// Notify is the function that a state machine calls for the third step, with
// what [Record] answered. It fails only if the store can't be reached, with
// [TypeUnavailable]: an attempt that comes to nothing is repeated later.
type Notify struct{ *PushStep }

// Invoke sends the pushes.
func (f *Notify) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	var in recorded
	if err := read(payload, "what was recorded", &in); err != nil {
		return nil, err
	}
	if _, err := bellhop.ParseEventID(in.Event); err != nil {
		return nil, notOurs("this is not what was recorded: %v", err)
	}
	out, err := f.sendDue(ctx, newTimetable(ctx))
	if err != nil {
		return nil, failed(TypeUnavailable, err)
	}
	f.Log.Info("notified", "event", in.Event, "sent", out.Sent, "failed", out.Failed, "left", out.Left)
	return write(out)
}

// Sweep is the function that a schedule calls: it sends pushes that a function left
// owed when it died or the service was away, and drops old bodies.
type Sweep struct {
	*PushStep
	// KeepBodies is how long the bodies of settled events are kept.
	KeepBodies time.Duration
}

// swept is what Sweep answers.
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
	if err != nil {
		return nil, failed(TypeUnavailable, err)
	}
	work, cancel := t.until(ctx, lastStart)
	defer cancel()
	s := swept{sent: out}
	if s.Dropped, err = f.prune(work); err != nil && work.Err() == nil {
		return nil, failed(TypeUnavailable, err)
	}
	f.Log.Info("swept", "sent", s.Sent, "failed", s.Failed, "left", s.Left, "dropped", s.Dropped)
	return write(s)
}

func (f *Sweep) prune(ctx context.Context) (int, error) {
	open, err := f.Database.Get(ctx)
	if err != nil {
		return 0, err
	}
	j := &host.Maintenance{Store: open, Log: f.Log, Now: f.Now, KeepBodies: f.KeepBodies}
	return j.Prune(ctx)
}
