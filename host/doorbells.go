package host

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"bellhop/pipeline"
	"bellhop/queue"
)

// Doorbells are what a [Ringer] hears from those who record in other processes:
// see [Bell]. Each is acknowledged once the ringer has looked for pushes after it
// was received, whatever becomes of the pushes.
type Doorbells struct {
	queue queue.Consumer
	log   *slog.Logger
	count prometheus.Counter

	mu    sync.Mutex
	rung  []queue.Delivery // no look began since they were received
	heard chan struct{}    // closed by the next that is received

	verdicts []queue.Settlement // not told to the queue yet
	decided  chan struct{}      // holds a token while there are verdicts
}

// NewDoorbells returns what is heard from a queue, and registers what it counts.
func NewDoorbells(q queue.Consumer, l *slog.Logger, r prometheus.Registerer) *Doorbells {
	return &Doorbells{queue: q, log: l, heard: make(chan struct{}), decided: make(chan struct{}, 1),
		count: promauto.With(r).NewCounter(prometheus.CounterOpts{Name: "bellhop_doorbells_received_total",
			Help: "Messages of those who record that pushes are owed."})}
}

const (
	bellBatch = 256
	// maxRung is how many may be held before a look begins. More say nothing new,
	// and stay in the queue for others.
	maxRung = 16 * bellBatch
	// bellAttempts is how often a doorbell is handed on while looking fails. Then
	// it is left to the ringers, who look by themselves.
	bellAttempts = 5
)

// listen receives until ctx is done; hard ends settling, too. stop waits for the
// end, and gives back what no look was made for.
func (d *Doorbells) listen(ctx, hard context.Context) (stop func()) {
	if d == nil {
		return func() {}
	}
	ended := make(chan struct{})
	var receiver, settler sync.WaitGroup
	receiver.Go(func() { d.receive(ctx) })
	settler.Go(func() { d.settle(hard, ended) })
	return func() {
		receiver.Wait()
		d.answer(d.take(), context.Canceled)
		close(ended)
		settler.Wait()
	}
}

func (d *Doorbells) receive(ctx context.Context) {
	away := pipeline.NewTrouble(d.log, slog.LevelError, "doorbells can't be received: pushes are looked for every few seconds",
		"doorbells are received again")
	for failures := 0; ctx.Err() == nil; {
		deliveries, err := d.queue.Receive(ctx, bellBatch)
		if ctx.Err() == nil {
			away.Note(err)
		}
		switch {
		case len(deliveries) > 0:
			failures = 0
			if d.ring(deliveries) >= maxRung {
				pause(ctx, time.Second)
			}
		case err != nil && ctx.Err() == nil:
			failures++
			pause(ctx, pipeline.Backoff(firstRetry, longestRetry/30, failures))
		}
	}
}

// ring wakes the ringer, and returns how many wait for its look.
func (d *Doorbells) ring(deliveries []queue.Delivery) int {
	d.count.Add(float64(len(deliveries)))
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, b := range deliveries {
		d.rung = append(d.rung, queue.Delivery{Receipt: b.Receipt, Attempt: b.Attempt})
	}
	close(d.heard)
	d.heard = make(chan struct{})
	return len(d.rung)
}

// next is closed once one rings after the call.
func (d *Doorbells) next() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.heard
}

// take returns those that rang before a look begins.
func (d *Doorbells) take() (rung []queue.Delivery) {
	if d == nil {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	rung, d.rung = d.rung, nil
	return rung
}

// answer settles those that were taken before a look that ended with err. While
// looking fails others may do better; but it is no order, and ends as no dead
// letter.
func (d *Doorbells) answer(rung []queue.Delivery, err error) {
	if len(rung) == 0 {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, b := range rung {
		s := queue.Settlement{Receipt: b.Receipt, Verdict: queue.Ack}
		if err != nil && b.Attempt < bellAttempts {
			s.Verdict, s.Reason = queue.Retry, err.Error()
			if !errors.Is(err, context.Canceled) {
				s.Delay = pipeline.Backoff(firstRetry, longestRetry/30, b.Attempt)
			}
		}
		d.verdicts = append(d.verdicts, s)
	}
	select {
	case d.decided <- struct{}{}:
	default: // the token is there
	}
}

// settle tells the queue what was decided, beside the ringer, until all is told
// after ended is closed.
func (d *Doorbells) settle(hard context.Context, ended <-chan struct{}) {
	for last := false; !last; {
		select {
		case <-d.decided:
		case <-ended:
			last = true
		}
		d.mu.Lock()
		verdicts := d.verdicts
		d.verdicts = nil
		d.mu.Unlock()
		if len(verdicts) == 0 {
			continue
		}
		if err := d.queue.Settle(hard, verdicts...); err != nil {
			// They come again, which costs a look each.
			d.log.Warn("settle doorbells", "err", err)
		}
	}
}
