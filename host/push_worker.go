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
	// Wake, unless nil, wakes it in place of what Outbox notices of other processes by
	// itself.
	Wake *WakeReceiver

	// InFlight bounds the attempts under way at once. 0 means 640.
	InFlight int
}

// defaultInFlight and perFree leave 512 attempts to a shop that is alone, and a
// fifth of all to the next shop.
const (
	defaultInFlight = 640
	perFree         = 4
)

// claimLease is how long a claim holds: longer than the 15 s that an
// attempt may take. A process that dies leaves its claims to be taken again after
// it.
const claimLease = 20 * time.Second

// idleWait bounds how long an idle push worker sleeps. It is the sweeper: then the
// worker finds pushes whose signal got lost, with a process or a message.
const idleWait = 5 * time.Second

// Run works until drain is done, then waits for the attempts under way; hard ends
// those too.
func (w *PushWorker) Run(drain, hard context.Context) error {
	slots := newSlots(w.InFlight, w.Notifier.Breakers)
	retry := newRetry(pipeline.NewTrouble(w.Log, slog.LevelError, "owed pushes can't be looked for",
		"owed pushes are looked for again"))
	unwritten := pipeline.NewTrouble(w.Log, slog.LevelError,
		"what became of pushes can't be written down: they are sent again",
		"what becomes of pushes is written down again")
	var attempts sync.WaitGroup
	defer attempts.Wait()
	defer w.Wake.listen(drain, hard)()
	for drain.Err() == nil {
		owed := w.owed() // asked before looking, so that nothing owed in between is missed
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

// Drain sends what is due, until nothing is or drain is done, and waits for the
// attempts under way; hard ends those too. It returns how many there were, and
// an error if the store could not be asked or told: what was due or claimed then
// stays owed.
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

// emptyClaims bounds how often draining looks for what is due and is not to be had: a
// fan-out comes to nothing that can be sent now, or others claim it.
const emptyClaims = 100

func (w *PushWorker) due(next time.Time) bool { return rules.IsDue(next, w.Now()) }

// claim takes what is due, as far as slots are free. It looks before it writes:
// most wakes bring no push.
func (w *PushWorker) claim(ctx context.Context, slots *slots) (owed []store.Owed, next time.Time, err error) {
	next, err = w.Outbox.NextPush(ctx)
	if err != nil || !w.due(next) {
		return nil, next, err
	}
	free := slots.gather(ctx)
	if ctx.Err() != nil {
		return nil, next, ctx.Err()
	}
	// A claim that is broken off half-way would hold pushes that nobody sends
	// until it runs out.
	owed, err = w.Outbox.ClaimPushes(context.WithoutCancel(ctx), w.Now().UTC().Truncate(time.Microsecond), free,
		claimLease)
	slots.take(owed)
	if len(owed) > 0 {
		w.Probe.At(pipeline.PointClaimed)
	}
	return owed, next, err
}

// wait waits for something to become due, or, when something is that a shop has
// no slot for, for a slot.
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
// other processes may have let go of what is due.
const busyWait = 100 * time.Millisecond
