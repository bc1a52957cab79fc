package host_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"bellhop"
	"bellhop/host"
	"bellhop/pipeline"
	"bellhop/queue"
	"bellhop/store"
)

// box is an outbox in which a test makes pushes due. It signals nobody: it has no
// PushesOwed.
type box struct {
	due
	looks int
	look  func() error // of each claim
}

func (b *box) NextPush(ctx context.Context) (time.Time, error) {
	b.mu.Lock()
	b.looks++
	look := b.look
	b.mu.Unlock()
	if look != nil {
		if err := look(); err != nil {
			return time.Time{}, err
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.left == 0 {
		return time.Time{}, nil
	}
	return time.Now(), nil
}

func (b *box) add(n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.left += n
}

func (b *box) sent() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.settled[bellhop.PushSent]
}

var _ store.Outbox = (*box)(nil)

// listening runs a push worker that receives wake-up messages, until stop.
func listening(t *testing.T, b *box, q *wakeQueue, send func(context.Context) error) (stop func()) {
	t.Helper()
	b.settled = map[bellhop.PushStatus]int{}
	log := slog.New(slog.DiscardHandler)
	r := &host.PushWorker{Outbox: b, Log: log, Now: time.Now, InFlight: 4,
		Wake:     host.NewWakeReceiver(q, log, prometheus.NewRegistry()),
		Notifier: &pipeline.Notifier{Outbox: b, Sender: sending{send: send}, Now: time.Now, Log: log}}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		if err := r.Run(ctx, t.Context()); err != nil {
			t.Error(err)
		}
	})
	return func() { cancel(); running.Wait() }
}

func wakeUp(n, attempt int) queue.Delivery {
	return queue.Delivery{Receipt: queue.Receipt(fmt.Sprint("wake-", n)), Attempt: attempt,
		Event: &bellhop.Event{Shop: shop, Topic: bellhop.TopicPushesOwed}}
}

func atOnce(context.Context) error { return nil }

// verdict waits for the verdict on a message.
func (q *wakeQueue) verdict(t *testing.T) queue.Settlement {
	t.Helper()
	v := <-q.settled
	if len(v) != 1 {
		t.Fatalf("%d verdicts, want 1", len(v))
	}
	return v[0]
}

func TestMessageWakesAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, q := &box{}, newWakeQueue()
		defer listening(t, b, q, atOnce)()
		synctest.Wait() // it sleeps
		began := time.Now()
		b.add(3)
		q.waiting <- []queue.Delivery{wakeUp(1, 1)}
		v := q.verdict(t)
		synctest.Wait()
		if took := time.Since(began); took > time.Second || b.sent() != 3 {
			t.Errorf("%d of 3 pushes sent after %v", b.sent(), took)
		}
		if v.Verdict != queue.Ack || v.Receipt != "wake-1" {
			t.Errorf("the verdict is %+v", v)
		}
	})
}

// TestSweeperNeedsNoMessage makes a push due without a signal.
func TestSweeperNeedsNoMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, q := &box{}, newWakeQueue()
		defer listening(t, b, q, atOnce)()
		synctest.Wait()
		b.add(3)
		time.Sleep(6 * time.Second)
		if b.sent() != 3 {
			t.Errorf("%d of 3 pushes sent after 6 s", b.sent())
		}
	})
}

// TestMessageIsNotAnsweredByALookBeforeIt sends a message during a claim, which may have
// missed its pushes.
func TestMessageIsNotAnsweredByALookBeforeIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		looking, goOn := make(chan struct{}), make(chan struct{})
		b, q := &box{look: func() error { looking <- struct{}{}; <-goOn; return nil }}, newWakeQueue()
		stop := listening(t, b, q, atOnce)
		<-looking
		q.waiting <- []queue.Delivery{wakeUp(1, 1)}
		synctest.Wait() // it is received
		goOn <- struct{}{}
		<-looking // another look has begun
		synctest.Wait()
		if len(q.settled) > 0 {
			t.Error("acknowledged by a look that began before it was received")
		}
		goOn <- struct{}{}
		if v := q.verdict(t); v.Verdict != queue.Ack {
			t.Errorf("the verdict is %+v", v)
		}
		b.mu.Lock()
		b.look = nil
		b.mu.Unlock()
		stop()
	})
}

// TestSlowServiceHoldsUpNoMessages makes FCM slow while all slots are in use: the worker
// receives messages all the same.
func TestSlowServiceHoldsUpNoMessages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, q := &box{}, newWakeQueue()
		b.add(100)
		stop := listening(t, b, q, func(context.Context) error { time.Sleep(10 * time.Second); return nil })
		for n := range 20 {
			q.waiting <- []queue.Delivery{wakeUp(n, 1)}
		}
		synctest.Wait()
		if len(q.waiting) > 0 {
			t.Errorf("%d messages wait for a slow service", len(q.waiting))
		}
		for answered := 0; answered < 20; {
			for _, v := range <-q.settled {
				if v.Verdict != queue.Ack {
					t.Errorf("the verdict is %+v", v)
				}
				answered++
			}
		}
		if took := b.sent(); took >= 100 {
			t.Errorf("answered only once all %d were sent", took)
		}
		stop()
	})
}

// TestMessageWhileTheStoreIsAway hands a message back a few times for other processes,
// and makes no dead letter of it.
func TestMessageWhileTheStoreIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, q := &box{look: func() error { return errors.New("the database is away") }}, newWakeQueue()
		defer listening(t, b, q, atOnce)()
		for attempt := 1; attempt <= 5; attempt++ {
			q.waiting <- []queue.Delivery{wakeUp(attempt, attempt)}
			v := q.verdict(t)
			if last := attempt == 5; last != (v.Verdict == queue.Ack) || !last && (v.Verdict != queue.Retry || v.Delay == 0 ||
				v.Reason == "") {
				t.Errorf("attempt %d: the verdict is %+v", attempt, v)
			}
		}
	})
}

// TestDrainGivesMessagesBack ends a push worker between a message and the next claim.
func TestDrainGivesMessagesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		looking, goOn := make(chan struct{}), make(chan struct{})
		b, q := &box{look: func() error { looking <- struct{}{}; <-goOn; return nil }}, newWakeQueue()
		stop := listening(t, b, q, atOnce)
		<-looking
		q.waiting <- []queue.Delivery{wakeUp(1, 1)}
		synctest.Wait()
		var ended sync.WaitGroup
		ended.Go(stop)
		synctest.Wait() // it drains
		close(goOn)
		ended.Wait()
		if v := q.verdict(t); v.Verdict != queue.Retry || v.Delay != 0 {
			t.Errorf("the verdict is %+v; want it handed to another at once", v)
		}
	})
}
