package host

import (
	"cmp"
	"context"
	"log/slog"
	"sync"
	"time"

	"bellhop"
	"bellhop/internal/wait"
	"bellhop/pipeline"
	"bellhop/queue"
)

// Worker receives events, records them and acknowledges them. Nothing else does.
type Worker struct {
	Queue    queue.Queue
	Recorder *pipeline.Recorder
	// Ready returns nil while the store keeps what is recorded. Otherwise the worker
	// receives nothing, so no event loses an attempt.
	Ready func(context.Context) error
	Log   *slog.Logger
	Probe pipeline.Probe
	// Wake wakes the push workers of other processes before the worker acknowledges;
	// nil where this process pushes, too.
	Wake *WakeSender

	// Loops is the number of batches under way at once. 0 means the default.
	Loops int

	queueAway, storeAway *pipeline.Trouble
}

// The default sizes. Under full load on one SQLite file, one loop of up to 256 records
// a tenth more than two of 64. Smaller batches shorten the longest waits of webhooks,
// and fall behind.
const (
	recordBatch  = 256 // events in one transaction
	defaultLoops = 1
)

// Retries of an event after passing trouble. The 20 attempts of
// queue.DefaultAttributes take about two and a half hours.
const (
	firstRetry   = time.Second
	longestRetry = 15 * time.Minute
)

// Run works until drain is done, then finishes what it has leased; hard ends that
// too.
func (w *Worker) Run(drain, hard context.Context) error {
	w.queueAway = pipeline.NewTrouble(w.Log, slog.LevelError, "the queue is away: nothing is recorded",
		"the queue is back")
	w.storeAway = pipeline.NewTrouble(w.Log, slog.LevelWarn, "the database is away: nothing is recorded until it is back",
		"the database is back")
	attrs, err := w.attributes(drain)
	if err != nil {
		return err
	}
	var loops sync.WaitGroup
	for range cmp.Or(w.Loops, defaultLoops) {
		loops.Go(func() { w.loop(drain, hard, attrs) })
	}
	loops.Wait()
	return nil
}

// attributes waits for a queue that is away.
func (w *Worker) attributes(ctx context.Context) (queue.Attributes, error) {
	for retry := newRetry(w.queueAway); ; {
		a, err := w.Queue.Attributes(ctx)
		if err == nil || ctx.Err() != nil || bellhop.KindOf(err) != bellhop.Unavailable {
			return a, err
		}
		retry.ok(ctx, err)
	}
}

func (w *Worker) loop(drain, hard context.Context, attrs queue.Attributes) {
	retry := newRetry(w.queueAway)
	for away := true; ; { // perhaps it is: ask first
		if away && !w.awaitStore(drain) {
			return
		}
		deliveries, err := w.Queue.Receive(drain, recordBatch)
		if drain.Err() != nil && len(deliveries) == 0 {
			return
		}
		if retry.ok(drain, err) {
			away = w.process(drain, hard, deliveries, attrs)
		}
	}
}

// hold paces the tries at a store that is away.
func (w *Worker) hold() *retry {
	return &retry{first: holdFirst, longest: holdAtMost, trouble: w.storeAway}
}

// awaitStore returns false when drain is done first.
func (w *Worker) awaitStore(drain context.Context) bool {
	for hold := w.hold(); drain.Err() == nil; {
		if hold.ok(drain, w.Ready(drain)) {
			return true
		}
	}
	return false
}

// process reports whether the store was away for one of the events.
func (w *Worker) process(drain, hard context.Context, deliveries []queue.Delivery, attrs queue.Attributes) (away bool) {
	w.Probe.At(pipeline.PointReceived)
	ctx, work := w.Recorder.Traces.Process(hard, deliveries)
	defer keepLeases(ctx, w.Queue, w.Log, deliveries, attrs.Visibility)()
	events := eventsOf(deliveries)
	done := w.recordPatiently(drain, ctx, events)
	w.Probe.At(pipeline.PointRecorded)
	w.Wake.Send(ctx, events, done)
	verdicts := make([]queue.Settlement, len(deliveries))
	for i, d := range deliveries {
		verdicts[i] = Verdict(ctx, w.Recorder, d, done[i].Err, attrs.MaxAttempts)
		away = away || isAway(done[i])
	}
	if err := w.Queue.Settle(ctx, verdicts...); err != nil {
		// The events come again; recording them again changes nothing.
		w.Log.Warn("settle with the queue", "err", err)
	}
	for i, d := range deliveries {
		work.Done(d.Event, done[i], verdicts[i].Verdict)
	}
	w.Probe.At(pipeline.PointSettled)
	return away
}

func eventsOf(deliveries []queue.Delivery) []*bellhop.Event {
	return each(deliveries, func(d queue.Delivery) *bellhop.Event { return d.Event })
}

func each[T, U any](all []T, of func(T) U) []U {
	out := make([]U, len(all))
	for i, t := range all {
		out[i] = of(t)
	}
	return out
}

// While the store is away the worker holds a batch and tries again, so that its events
// lose no attempts. A single slow event may be the reason, so each try takes smaller
// portions. After holdFor the queue gets the remaining events back.
const (
	holdFor    = time.Minute
	holdFirst  = 250 * time.Millisecond
	holdAtMost = 2 * time.Second
)

// recordPatiently records events, and tries again while the store is away, until
// holdFor is over or drain is done.
func (w *Worker) recordPatiently(drain, hard context.Context, events []*bellhop.Event) []pipeline.Recorded {
	done := w.Recorder.Record(hard, events)
	since := time.Now()
	var away []int
	for i, d := range done {
		if isAway(d) {
			away = append(away, i)
		}
	}
	for hold := w.hold(); len(away) > 0 && drain.Err() == nil && time.Since(since) < holdFor; {
		hold.ok(drain, done[away[0]].Err)
		away = w.recordAgain(hard, events, done, away, len(events)>>(2*hold.failures))
	}
	if len(away) == 0 {
		w.storeAway.Over()
	}
	return done
}

func isAway(d pipeline.Recorded) bool { return bellhop.KindOf(d.Err) == bellhop.Unavailable }

// recordAgain records the waiting events in portions and returns those that still
// wait, untried ones first. It stops when two portions in a row fail: then the store
// is away.
func (w *Worker) recordAgain(ctx context.Context, events []*bellhop.Event, done []pipeline.Recorded, waiting []int,
	size int) []int {
	var failed []int
	for inARow := 0; len(waiting) > 0 && inARow < 2; {
		portion := waiting[:min(len(waiting), max(1, size))]
		waiting = waiting[len(portion):]
		again := each(portion, func(i int) *bellhop.Event { return events[i] })
		before := len(failed)
		for k, d := range w.Recorder.Record(ctx, again) {
			done[portion[k]] = d
			if isAway(d) {
				failed = append(failed, portion[k])
			}
		}
		if inARow++; len(failed) == before {
			inARow = 0
		}
	}
	return append(waiting, failed...)
}

// keepLeases extends the leases until stop, so that no other worker gets the batch of
// a slow database.
func keepLeases(ctx context.Context, q queue.Consumer, l *slog.Logger, deliveries []queue.Delivery,
	visibility time.Duration) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	receipts := each(deliveries, func(d queue.Delivery) queue.Receipt { return d.Receipt })
	var keeper sync.WaitGroup
	keeper.Go(func() {
		wait.Every(ctx, visibility/3, func() {
			if err := q.Extend(ctx, visibility, receipts...); err != nil && ctx.Err() == nil {
				l.Warn("extend leases", "err", err)
			}
		})
	})
	return func() {
		cancel()
		keeper.Wait()
	}
}
