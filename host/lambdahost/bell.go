package lambdahost

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"bellhop"
	"bellhop/host"
	"bellhop/pipeline"
	"bellhop/push"
	"bellhop/store"
)

// Bell is the third step of the pipeline, for the functions that ring phones.
type Bell struct {
	Database *Database
	Sender   push.Sender
	Log      *slog.Logger
	Now      func() time.Time
	Probe    pipeline.Probe
	// InFlight bounds the attempts under way at once. 0 means 64: a connection to
	// FCM takes 100, and a function has two to the database.
	InFlight int
}

const defaultInFlight = 64

// rung is what ringing came to, counted in pushes.
type rung struct {
	Sent   int `json:"sent"`
	Failed int `json:"failed"` // given up
	// Left are those that stay owed for certain: attempts that are to be
	// repeated, and one more if others were due still when the time was up.
	Left int `json:"left"`
}

// ring sends whatever is due, not one order's pushes alone, until nothing is or
// the time is up. What was claimed is settled then: an attempt that still waits
// for its answer is broken off, and its outcome written down as unknown. An error
// says that the store can't be reached.
func (b *Bell) ring(ctx context.Context, t timetable) (out rung, err error) {
	err = b.Database.use(ctx, func(open store.Store) error {
		more, err := b.ringOnce(ctx, t, open)
		out = rung{out.Sent + more.Sent, out.Failed + more.Failed, more.Left}
		return err
	})
	return out, err
}

func (b *Bell) ringOnce(ctx context.Context, t timetable, open store.Store) (rung, error) {
	begin, stop := t.until(ctx, lastStart)
	defer stop()
	write, cancel := t.until(ctx, lastWrite)
	defer cancel()
	box := &tally{Outbox: open}
	sender := &hurried{Sender: b.Sender, timetable: t}
	r := &host.Ringer{Outbox: box, Log: b.Log, Now: b.Now, Probe: b.Probe, InFlight: b.InFlight,
		Notifier: &pipeline.Notifier{Outbox: box, Sender: sender, Now: b.Now, Log: b.Log, Probe: b.Probe}}
	if r.InFlight == 0 {
		r.InFlight = defaultInFlight
	}
	_, err := r.Drain(begin, write)
	out := rung{Sent: int(box.sent.Load()), Failed: int(box.failed.Load()), Left: int(box.left.Load())}
	if err == nil && begin.Err() != nil {
		next, e := open.NextPush(write)
		if err = e; err == nil && store.IsDue(next, b.Now()) {
			out.Left++
		}
	}
	return out, err
}

// tally is an outbox that counts what pushes came to.
type tally struct {
	store.Outbox
	sent, failed, left atomic.Int64
}

// SettlePushes implements store.Outbox.
func (t *tally) SettlePushes(ctx context.Context, all []store.Settled) error {
	if err := t.Outbox.SettlePushes(ctx, all); err != nil {
		return err
	}
	for _, s := range all {
		count := &t.failed
		switch {
		case s.Status == bellhop.PushSent:
			count = &t.sent
		case !s.RetryAt.IsZero():
			count = &t.left
		}
		count.Add(int64(len(s.Pushes)))
	}
	return nil
}

// hurried is a sender that gives attempts up before the time is, so that what
// came of them can be written down.
type hurried struct {
	push.Sender
	timetable
}

// Send implements push.Sender.
func (h *hurried) Send(ctx context.Context, m push.Message) (string, error) {
	ctx, cancel := h.until(ctx, lastAnswer)
	defer cancel()
	return h.Sender.Send(ctx, m)
}
