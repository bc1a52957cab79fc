package pipeline

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"bellhop"
	"bellhop/push"
	"bellhop/store"
)

// FCM's own rules for trying again
// (https://firebase.google.com/docs/cloud-messaging/scale-fcm): never at once, not
// before 10 s, and not after an hour. The hour begins with the first attempt: a
// push that waited for the end of quiet hours, or for a push worker, is old by
// then.
const (
	firstRetry   = 10 * time.Second
	longestRetry = 10 * time.Minute
	quotaRetry   = time.Minute
	giveUpAfter  = time.Hour
)

// pushTTL is how long FCM keeps a push for a phone that is away. An order of
// yesterday is no news.
const pushTTL = 24 * time.Hour

// Notifier is the third step. It may be used from many goroutines at once.
type Notifier struct {
	Outbox  store.Outbox
	Sender  push.Sender
	Now     func() time.Time
	Log     *slog.Logger
	Metrics *Metrics
	Traces  *Traces
	Probe   Probe
	// Breakers learn the outcomes of attempts; nil for none.
	Breakers *Breakers

	begin            sync.Once
	givenUp, retired *Trouble // there may be thousands at once
}

// Notify makes one attempt at a claimed push and saves its outcome. An error means
// that it could not save it: the claim runs out and the push is sent again, into
// the same slot of the phone's drawer. When ctx is done, sending goes on until the
// service answers or its own time is up, since an attempt that is broken off leaves
// its outcome unknown.
func (n *Notifier) Notify(ctx context.Context, o store.Owed) error {
	start := n.Now()
	span := n.Traces.push(ctx, o)
	_, err := n.Sender.Send(ctx, message(o))
	done := n.Now()
	n.Breakers.note(o.Device, err, done)
	n.Probe.At(PointSent)
	settled := verdict(o, err, done)
	endPush(span, settled[0], err)
	if err := n.Outbox.SettlePushes(ctx, settled); err != nil {
		return fmt.Errorf("save the outcome of a push: %w", err)
	}
	n.Probe.At(PointNotified)
	n.Metrics.pushed(o, settled, done.Sub(start), done)
	for _, s := range settled {
		n.Log.Debug("push", "pushes", s.Pushes, "shop", o.Device.Shop, "device", o.Device.Installation,
			"status", s.Status, "reason", s.Reason, "attempt", o.Attempt)
		if err != nil && s.RetryAt.IsZero() {
			n.lost(o, s, err)
		}
	}
	return nil
}

// lost logs given up pushes and retired devices.
func (n *Notifier) lost(o store.Owed, s store.Settled, err error) {
	n.begin.Do(func() {
		n.givenUp = NewTrouble(n.Log, slog.LevelWarn, "gave up a push", "")
		n.retired = NewTrouble(n.Log, slog.LevelWarn, "a device was retired: its address no longer works", "")
	})
	trouble := n.givenUp
	if s.Retire != nil {
		trouble = n.retired
	}
	trouble.Happened("pushes", s.Pushes, "shop", o.Device.Shop, "device", o.Device.Installation,
		"status", s.Status, "reason", s.Reason, "err", err)
}

// verdict turns the outcome of an attempt into the changes to save.
func verdict(o store.Owed, err error, now time.Time) []store.Settled {
	now = now.UTC().Truncate(time.Microsecond)
	s := store.Settled{Pushes: o.Pushes, At: now, Status: bellhop.PushSent}
	if o.Gathered != nil {
		s.Reason = "gathered"
	}
	if err == nil {
		return []store.Settled{s}
	}
	e := push.AsError(err)
	s.Reason = string(e.Reason)
	switch {
	case e.Reason.Final():
		s.Status = bellhop.PushFailed
	case e.Reason == push.ReasonUnknown:
		s.Status = bellhop.PushUnknown
	default:
		s.Status = bellhop.PushPending
	}
	if e.Reason.Retire() {
		s.Retire = &store.Retirement{DeviceID: o.Device.ID, Value: o.Device.Value, Reason: string(e.Reason)}
	}
	if o.Kind == bellhop.PushTest && s.Status == bellhop.PushPending {
		s.Status = bellhop.PushFailed // somebody waits for the outcome
	}
	if e.Reason.Final() || o.Kind == bellhop.PushTest {
		return []store.Settled{s}
	}
	return again(o, s, now.Add(retryDelay(e, o.Attempt)))
}

// again divides a failed message's pushes into those to retry at a time and those whose
// hour ends before. The last attempt is an hour after the first.
func again(o store.Owed, s store.Settled, at time.Time) (all []store.Settled) {
	retry, over := s, s
	retry.Pushes, over.Pushes, retry.RetryAt = nil, nil, at
	if last := lastAttempt(o); at.After(last) && last.Sub(s.At) >= firstRetry {
		retry.RetryAt = last
	}
	if o.Held {
		retry.Reason = store.ReasonQuietHours // it still goes together with the others
	}
	if over.Status == bellhop.PushPending {
		over.Status, over.Reason = bellhop.PushFailed, "gave_up: "+s.Reason
	}
	for i, id := range o.Pushes {
		if retry.RetryAt.Sub(o.Orders[i].FirstAttemptAt) > giveUpAfter {
			over.Pushes = append(over.Pushes, id)
		} else {
			retry.Pushes = append(retry.Pushes, id)
		}
	}
	for _, s := range []store.Settled{retry, over} {
		if len(s.Pushes) > 0 {
			all = append(all, s)
		}
	}
	return all
}

// lastAttempt is the end of the hour of the push that was first tried last.
func lastAttempt(o store.Owed) (last time.Time) {
	for _, order := range o.Orders {
		if at := order.FirstAttemptAt.Add(giveUpAfter); at.After(last) {
			last = at
		}
	}
	return last
}

// retryDelay says how long to wait after the attempt-th attempt.
func retryDelay(e *push.Error, attempt int) time.Duration {
	if e.Reason == push.ReasonQuota {
		if e.RetryAfter > 0 {
			return e.RetryAfter
		}
		return quotaRetry
	}
	return max(firstRetry, e.RetryAfter, Backoff(firstRetry*3/2, longestRetry, attempt))
}

// Backoff returns how long to wait after the attempt-th attempt: first, twice that
// and so on up to longest, each with a third of jitter to either side, so that
// attempts that failed together do not come back together.
func Backoff(first, longest time.Duration, attempt int) time.Duration {
	d := first
	for n := 1; n < attempt && d < longest; n++ {
		d *= 2
	}
	d = min(d, longest)
	return d*2/3 + rand.N(d*2/3+1)
}
