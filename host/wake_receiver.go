package host

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"bellhop/internal/wait"
	"bellhop/pipeline"
	"bellhop/queue"
)

// WakeReceiver receives the wake-up messages of a [WakeSender] for a [PushWorker]. It
// acknowledges a message after the worker's next claim, whatever becomes of the
// pushes.
type WakeReceiver struct {
	queue queue.Consumer
	log   *slog.Logger
	count prometheus.Counter

	woken wait.Broadcast // a message came

	mu       sync.Mutex
	held     []queue.Delivery   // received since the last claim began
	verdicts []queue.Settlement // not settled yet
	decided  chan struct{}      // holds a token while there are verdicts
}

// NewWakeReceiver also registers the metric of the messages.
func NewWakeReceiver(q queue.Consumer, l *slog.Logger, r prometheus.Registerer) *WakeReceiver {
	return &WakeReceiver{queue: q, log: l, decided: make(chan struct{}, 1),
		count: promauto.With(r).NewCounter(prometheus.CounterOpts{Name: "bellhop_doorbells_received_total",
			Help: "Wake-up messages that push workers received."})}
}

const (
	wakeBatch = 256
	// maxHeld bounds the messages that wait for a claim. More say nothing new, and
	// stay in the queue for others.
	maxHeld = 16 * wakeBatch
	// wakeAttempts bounds how often a message goes back to the queue while claiming
	// fails. After that the push workers look by themselves.
	wakeAttempts = 5
)

// listen receives until drain is done; hard ends settling, too. stop waits for the
// end, and gives back the messages that no claim followed.
func (w *WakeReceiver) listen(drain, hard context.Context) (stop func()) {
	if w == nil {
		return func() {}
	}
	ended := make(chan struct{})
	var receiver, settler sync.WaitGroup
	receiver.Go(func() { w.receive(drain) })
	settler.Go(func() { w.settle(hard, ended) })
	return func() {
		receiver.Wait()
		w.answer(w.take(), context.Canceled)
		close(ended)
		settler.Wait()
	}
}

func (w *WakeReceiver) receive(drain context.Context) {
	retry := newRetry(pipeline.NewTrouble(w.log, slog.LevelError,
		"the queue of wake-up messages is away: push workers look every few seconds", "wake-up messages are received again"))
	for drain.Err() == nil {
		deliveries, err := w.queue.Receive(drain, wakeBatch)
		if len(deliveries) > 0 && w.wake(deliveries) >= maxHeld {
			wait.Pause(drain, time.Second)
		}
		retry.ok(drain, err)
	}
}

// wake wakes the push worker, and returns how many messages wait for its claim.
func (w *WakeReceiver) wake(deliveries []queue.Delivery) int {
	w.count.Add(float64(len(deliveries)))
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, d := range deliveries {
		w.held = append(w.held, queue.Delivery{Receipt: d.Receipt, Attempt: d.Attempt})
	}
	w.woken.Fire()
	return len(w.held)
}

// take returns the messages that came before a claim.
func (w *WakeReceiver) take() (held []queue.Delivery) {
	if w == nil {
		return nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	held, w.held = w.held, nil
	return held
}

// answer decides on the messages taken before a claim, which ended with err. If the
// claim failed, another process may do better. A message never becomes a dead letter:
// it is no order.
func (w *WakeReceiver) answer(held []queue.Delivery, err error) {
	if len(held) == 0 {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, d := range held {
		s := queue.Settlement{Receipt: d.Receipt, Verdict: queue.Ack}
		if err != nil && d.Attempt < wakeAttempts {
			s.Verdict, s.Reason = queue.Retry, err.Error()
			if !errors.Is(err, context.Canceled) {
				s.Delay = pipeline.Backoff(firstRetry, longestPause, d.Attempt)
			}
		}
		w.verdicts = append(w.verdicts, s)
	}
	wait.Nudge(w.decided)
}

// settle sends the verdicts to the queue until ended is closed and none is left.
func (w *WakeReceiver) settle(hard context.Context, ended <-chan struct{}) {
	for last := false; !last; {
		select {
		case <-w.decided:
		case <-ended:
			last = true
		}
		w.mu.Lock()
		verdicts := w.verdicts
		w.verdicts = nil
		w.mu.Unlock()
		if len(verdicts) == 0 {
			continue
		}
		if err := w.queue.Settle(hard, verdicts...); err != nil {
			// They come again, which costs a claim each.
			w.log.Warn("settle wake-up messages", "err", err)
		}
	}
}
