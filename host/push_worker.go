package host

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"bellhop/internal/wait"
	"bellhop/pipeline"
	"bellhop/store"
	"bellhop/store/rules"
)

// PushWorker claims owed pushes and sends them, many at once. It shares nothing
// with recording but the store, so that a slow push service holds up only
// pushes.
type PushWorker struct {
	Outbox   store.Outbox
	Notifier *pipeline.Notifier
	Log      *slog.Logger
	Now      func() time.Time
	Probe    pipeline.Probe
	// Wake, unless nil, wakes the worker in place of Outbox's own signals.
	Wake *WakeReceiver

	// InFlight bounds the attempts under way at once. 0 means 640.
	InFlight int
}

// defaultInFlight and perFree leave 512 attempts to a single shop, and a fifth of
// all to the next one.
const (
	defaultInFlight = 640
	perFree         = 4
)

// claimLease is how long a claim holds: longer than the 15 s that an attempt may
// take. After it others claim again what a dead process left.
const claimLease = 20 * time.Second

// idleWait bounds how long an idle push worker sleeps. Then it finds pushes whose
// signal got lost with a process or a message.
const idleWait = 5 * time.Second

// Run works until drain is done, then waits for the attempts under way; hard ends
// those too.
func (w *PushWorker) Run(drain, hard context.Context) error {
	slots := newSlots(w.InFlight, w.Notifier.Breakers)
	retry := newRetry(pipeline.NewTrouble(w.Log, slog.LevelError, "push workers can't find owed pushes",
		"push workers find owed pushes again"))
	unwritten := pipeline.NewTrouble(w.Log, slog.LevelError,
		"bellhop can't record the outcome of pushes: it sends them again", "bellhop records the outcome of pushes again")
	var attempts sync.WaitGroup
	defer attempts.Wait()
	defer w.Wake.listen(drain, hard)()
	for drain.Err() == nil {
		owed := w.owed() // before claiming, to miss nothing in between
		held := w.Wake.take()
		claimed, next, err := w.claim(drain, slots)
		w.Wake.answer(held, err)
		for _, o := range claimed {
			attempts.Go(func() {
				defer slots.giveBack(o.Device.Shop)
				unwritten.Note(w.Notifier.Notify(hard, o))
			})
		}
		if retry.ok(drain, err) && len(claimed) == 0 {
			w.wait(drain, owed, slots, next)
		}
	}
	return nil
}

// owed returns a channel that is closed once something may have become due since the call.
func (w *PushWorker) owed() <-chan struct{} {
	if w.Wake != nil {
		return w.Wake.woken.Next()
	}
	return w.Outbox.PushesOwed()
}

// Drain sends due pushes until none is left or drain is done, and waits for the
// attempts under way; hard ends those too. It returns how many attempts it made, and
// an error if the store failed: then the pushes stay owed.
func (w *PushWorker) Drain(drain, hard context.Context) (attempts int, err error) {
	slots := newSlots(w.InFlight, w.Notifier.Breakers)
	var group errgroup.Group
	for empty := 0; drain.Err() == nil; {
		claimed, next, e := w.claim(drain, slots)
		for _, o := range claimed {
			group.Go(func() error {
				defer slots.giveBack(o.Device.Shop)
				return w.Notifier.Notify(hard, o)
			})
		}
		attempts += len(claimed)
		if e != nil && drain.Err() == nil {
			err = fmt.Errorf("claim pushes: %w", e)
		}
		if empty++; len(claimed) > 0 || slots.used() > 0 {
			empty = 0
		}
		if e != nil || len(claimed) == 0 && (!w.due(next) || empty == emptyClaims) {
			break
		}
		if len(claimed) == 0 {
			wait.For(drain, time.Millisecond, slots.back, nil)
		}
	}
	return attempts, errors.Join(err, group.Wait())
}

// emptyClaims bounds how many claims in a row may find nothing while draining.
const emptyClaims = 100

func (w *PushWorker) due(next time.Time) bool { return rules.IsDue(next, w.Now()) }

// claim takes due pushes, as far as slots are free. It reads before it writes: most
// wake-ups bring no push.
func (w *PushWorker) claim(ctx context.Context, slots *slots) (owed []store.Owed, next time.Time, err error) {
	next, err = w.Outbox.NextPush(ctx)
	if err != nil || !w.due(next) {
		return nil, next, err
	}
	free := slots.gather(ctx)
	if ctx.Err() != nil {
		return nil, next, ctx.Err()
	}
	// An interrupted claim would hold pushes that nobody sends until it runs out.
	owed, err = w.Outbox.ClaimPushes(context.WithoutCancel(ctx), w.Now().UTC().Truncate(time.Microsecond), free,
		claimLease)
	slots.take(owed)
	if len(owed) > 0 {
		w.Probe.At(pipeline.PointClaimed)
	}
	return owed, next, err
}

// wait waits for a push to become due, or for a slot if a shop has none free for it.
func (w *PushWorker) wait(ctx context.Context, owed <-chan struct{}, slots *slots, next time.Time) {
	d := idleWait
	var back <-chan struct{}
	if !next.IsZero() {
		d = min(d, max(time.Millisecond, next.Sub(w.Now())))
	}
	if w.due(next) && slots.used() > 0 {
		d, back = busyWait, slots.back
	}
	wait.For(ctx, d, owed, back)
}

// busyWait bounds how long a push worker waits while its own attempts are under way:
// other processes may have released due pushes.
const busyWait = 100 * time.Millisecond
