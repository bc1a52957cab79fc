package host

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"bellhop"
	"bellhop/pipeline"
	"bellhop/queue"
)

// Worker receives events, has them recorded, and acknowledges them. It is the
// only place that does.
type Worker struct {
	Queue    queue.Queue
	Recorder *pipeline.Recorder
	// Ready returns nil while what is recorded would be kept. While it would not,
	// nothing is received: it would lose attempts that nobody made.
	Ready func(context.Context) error
	Log   *slog.Logger
	Probe pipeline.Probe
	// Wake wakes the push workers of other processes before the events are
	// acknowledged; nil where this process pushes, too.
	Wake *WakeSender

	// Batch is how many events go into one transaction at most, and Loops how
	// many batches are under way at once. 0 means the default.
	Batch, Loops int

	queueAway, storeAway *pipeline.Trouble
}

// The default sizes. Into one SQLite file, under a full flood, one loop of up to
// 256 records a tenth more than two of 64, since each transaction carries more;
// smaller batches would shorten the longest waits of webhooks and fall behind.
const (
	defaultBatch = 256
	defaultLoops = 1
)

// Retries of an event for trouble that may pass. With the 20 attempts of
// queue.DefaultAttributes an event is tried for about two and a half hours.
const (
	firstRetry   = time.Second
	longestRetry = 15 * time.Minute
)

// Run works until ctx is done, then finishes what it has leased; hard ends that
// too.
func (w *Worker) Run(ctx, hard context.Context) error {
	if w.Batch == 0 {
		w.Batch = defaultBatch
	}
	if w.Loops == 0 {
		w.Loops = defaultLoops
	}
	w.queueAway = pipeline.NewTrouble(w.Log, slog.LevelError, "the queue is away: nothing is recorded", "the queue is back")
	w.storeAway = pipeline.NewTrouble(w.Log, slog.LevelWarn, "the database is away: nothing is recorded until it is back", "the database is back")
	attrs, err := w.attributes(ctx)
	if err != nil {
		return err
	}
	var loops sync.WaitGroup
	for range w.Loops {
		loops.Go(func() { w.loop(ctx, hard, attrs) })
	}
	loops.Wait()
	return nil
}

// attributes waits for a queue that is away: it was there when it was opened.
func (w *Worker) attributes(ctx context.Context) (queue.Attributes, error) {
	for failures := 1; ; failures++ {
		a, err := w.Queue.Attributes(ctx)
		if err == nil || ctx.Err() != nil || bellhop.KindOf(err) != bellhop.Unavailable {
			return a, err
		}
		w.queueAway.Note(err)
		pause(ctx, pipeline.Backoff(firstRetry, longestRetry/30, failures))
	}
}

func (w *Worker) loop(ctx, hard context.Context, attrs queue.Attributes) {
	for failures, away := 0, true; ; { // what was true before the start nobody knows
		if away && !w.awaitStore(ctx) {
			return
		}
		deliveries, err := w.Queue.Receive(ctx, w.Batch)
		if ctx.Err() != nil && len(deliveries) == 0 {
			return
		}
		w.queueAway.Note(err)
		if err != nil {
			failures++
			pause(ctx, pipeline.Backoff(firstRetry, longestRetry/30, failures))
			continue
		}
		failures = 0
		away = w.process(ctx, hard, deliveries, attrs)
	}
}

// awaitStore returns false when ctx is done first.
func (w *Worker) awaitStore(ctx context.Context) bool {
	for failures := 1; ctx.Err() == nil; failures++ {
		err := w.Ready(ctx)
		if ctx.Err() == nil {
			w.storeAway.Note(err)
		}
		if err == nil {
			return true
		}
		pause(ctx, pipeline.Backoff(holdFirst, holdAtMost, failures))
	}
	return false
}

// pause waits, or until ctx is done.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// process reports whether the store was away for any of them.
func (w *Worker) process(draining, ctx context.Context, deliveries []queue.Delivery, attrs queue.Attributes) (away bool) {
	w.Probe.At(pipeline.PointReceived)
	ctx, work := w.Recorder.Traces.Process(ctx, deliveries)
	stop := keepLeases(ctx, w.Queue, w.Log, deliveries, attrs.Visibility)
	defer stop()
	events := make([]*bellhop.Event, len(deliveries))
	for i, d := range deliveries {
		events[i] = d.Event
	}
	done := w.record(draining, ctx, events)
	w.Probe.At(pipeline.PointRecorded)
	w.Wake.Send(ctx, events, done)
	verdicts := make([]queue.Settlement, len(deliveries))
	for i, d := range deliveries {
		verdicts[i] = w.Verdict(ctx, d, done[i].Err, attrs.MaxAttempts)
		away = away || bellhop.KindOf(done[i].Err) == bellhop.Unavailable
	}
	if err := w.Queue.Settle(ctx, verdicts...); err != nil {
		// Whatever was not settled comes again, and recording it again changes
		// nothing.
		w.Log.Warn("settle with the queue", "err", err)
	}
	for i, d := range deliveries {
		work.Done(d.Event, done[i], verdicts[i].Verdict)
	}
	w.Probe.At(pipeline.PointSettled)
	return away
}

// While the store is away a batch is held and tried again, so that its events
// lose no attempts and are recorded as soon as the store is back. One of them may be
// the reason, since the store takes too long for it, so that each try is in smaller
// portions. After holdFor each that is left goes its own way.
const (
	holdFor    = time.Minute
	holdFirst  = 250 * time.Millisecond
	holdAtMost = 2 * time.Second
)

// record has events recorded, and again those for which the store was away,
// until draining is done.
func (w *Worker) record(draining, ctx context.Context, events []*bellhop.Event) []pipeline.Recorded {
	done := w.Recorder.Record(ctx, events)
	since := time.Now()
	var away []int
	for i, d := range done {
		if isAway(d) {
			away = append(away, i)
		}
	}
	for try := 1; len(away) > 0 && draining.Err() == nil && time.Since(since) < holdFor; try++ {
		w.storeAway.Happened("events", len(away), "err", done[away[0]].Err)
		pause(draining, pipeline.Backoff(holdFirst, holdAtMost, try))
		away = w.recordAgain(ctx, events, done, away, len(events)>>(2*try))
	}
	if len(away) == 0 {
		w.storeAway.Over()
	}
	return done
}

func isAway(d pipeline.Recorded) bool { return bellhop.KindOf(d.Err) == bellhop.Unavailable }

// recordAgain has those of the events recorded that wait, in portions of a size, and
// returns which wait still, those first that it did not come to: when two portions
// in a row fail, it is the store.
func (w *Worker) recordAgain(ctx context.Context, events []*bellhop.Event, done []pipeline.Recorded, waiting []int, size int) []int {
	var failed []int
	for inARow := 0; len(waiting) > 0 && inARow < 2; {
		portion := waiting[:min(len(waiting), max(1, size))]
		waiting = waiting[len(portion):]
		again := make([]*bellhop.Event, len(portion))
		for k, i := range portion {
			again[k] = events[i]
		}
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

// Verdict turns what a step returned into what the queue is to do. What becomes
// a dead letter is written down first, so that the ledger never says less than
// the queue. It needs the worker's Recorder and Log alone.
func (w *Worker) Verdict(ctx context.Context, d queue.Delivery, err error, maxAttempts int) queue.Settlement {
	s := queue.Settlement{Receipt: d.Receipt, Verdict: queue.Ack}
	if err == nil {
		return s
	}
	s.Reason = err.Error()
	s.Verdict, s.Delay = queue.Retry, pipeline.Backoff(firstRetry, longestRetry, d.Attempt)
	permanent := bellhop.IsPermanent(err)
	if permanent || d.Attempt >= maxAttempts {
		if err := w.Recorder.Dead(ctx, d.Event, s.Reason); err != nil {
			w.Log.Error("a dead letter stays in the queue for now", "event", d.Event.ID, "err", err)
			return s
		}
	}
	if permanent {
		s.Verdict = queue.DeadLetter
	}
	if !permanent {
		w.Log.Warn("an event is tried again", "event", d.Event.ID, "attempt", d.Attempt, "in", s.Delay, "err", err)
	}
	return s
}

// keepLeases extends the leases for as long as the work takes, so that a slow
// database does not have a batch handed to somebody else meanwhile.
func keepLeases(ctx context.Context, q queue.Consumer, l *slog.Logger, deliveries []queue.Delivery, visibility time.Duration) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	receipts := make([]queue.Receipt, len(deliveries))
	for i, d := range deliveries {
		receipts[i] = d.Receipt
	}
	var keeper sync.WaitGroup
	keeper.Go(func() {
		tick := time.NewTicker(visibility / 3)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			if err := q.Extend(ctx, visibility, receipts...); err != nil && ctx.Err() == nil {
				l.Warn("extend leases", "err", err)
			}
		}
	})
	return func() {
		cancel()
		keeper.Wait()
	}
}
