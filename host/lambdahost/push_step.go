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
	"bellhop/store/rules"
)

// PushStep is the third step of the pipeline, for the functions that send pushes.
type PushStep struct {
	Database *Database
	Sender   push.Sender
	Log      *slog.Logger
	Now      func() time.Time
	Probe    pipeline.Probe
	Metrics  Metrics
}

// inFlight bounds the attempts under way at once: a connection to FCM takes 100, and a
// function has one to the database.
const inFlight = 64

// sent counts pushes by their result.
type sent struct {
	Sent   int `json:"sent"`
	Failed int `json:"failed"` // for good
	// Left counts pushes that stay owed: attempts to repeat, and one more if others
	// were still due when the time was up.
	Left int `json:"left"`
}

// sendDue sends all due pushes, not one order's alone, until none is left or the time
// is up. Then it settles its claims: it ends attempts that wait for an answer, and
// records their outcome as unknown. It fails only if it can't reach the store.
func (p *PushStep) sendDue(ctx context.Context, t timetable) (out sent, err error) {
	begin, cancel := t.until(ctx, lastStart)
	defer cancel()
	err = p.Database.use(begin, func(open store.Store) error {
		more, err := p.sendDueOnce(ctx, t, open)
		out = sent{out.Sent + more.Sent, out.Failed + more.Failed, more.Left}
		return err
	})
	return out, err
}

func (p *PushStep) sendDueOnce(ctx context.Context, t timetable, open store.Store) (sent, error) {
	begin, stop := t.until(ctx, lastStart)
	defer stop()
	write, cancel := t.until(ctx, lastWrite)
	defer cancel()
	box := &tally{Outbox: open}
	sender := &deadlineSender{Sender: p.Sender, timetable: t}
	r := &host.PushWorker{Outbox: box, Log: p.Log, Now: p.Now, Probe: p.Probe, InFlight: inFlight,
		Notifier: &pipeline.Notifier{Outbox: box, Sender: sender, Now: p.Now, Log: p.Log, Probe: p.Probe}}
	_, err := r.Drain(begin, write)
	p.Metrics.count(p.Now(), MetricGivenUp, int(box.givenUp.Load()))
	out := sent{Sent: int(box.sent.Load()), Failed: int(box.failed.Load()), Left: int(box.left.Load())}
	if err == nil && begin.Err() != nil {
		next, e := open.NextPush(write)
		if err = e; err == nil && rules.IsDue(next, p.Now()) {
			out.Left++
		}
	}
	return out, err
}

// tally is an outbox that counts the results of pushes.
type tally struct {
	store.Outbox
	sent, failed, left atomic.Int64
	givenUp            atomic.Int64 // of failed: their devices stay
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
		case s.Retire == nil:
			t.givenUp.Add(int64(len(s.Pushes)))
		}
		count.Add(int64(len(s.Pushes)))
	}
	return nil
}

// deadlineSender ends attempts before the time is up, so that their outcome can still
// be recorded.
type deadlineSender struct {
	push.Sender
	timetable
}

// Send implements push.Sender.
func (h *deadlineSender) Send(ctx context.Context, m push.Message) (string, error) {
	ctx, cancel := h.until(ctx, lastAnswer)
	defer cancel()
	return h.Sender.Send(ctx, m)
}
