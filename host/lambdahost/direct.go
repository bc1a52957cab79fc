package lambdahost

import (
	"context"

	"bellhop"
	"bellhop/pipeline"
)

// Direct is both steps in one function, which the queue's event source mapping
// calls: the cheapest way. It records a batch in one transaction and sends its owed
// pushes. A push that fails fails no message: a later invocation repeats it.
type Direct struct {
	Step     *Step
	PushStep *PushStep
	Queue    Visibility
}

// directBatch is the most events in one transaction.
const directBatch = 256

// Invoke carries a batch.
func (f *Direct) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	items, err := readBatch(payload)
	if err != nil {
		return nil, err
	}
	t := newTimetable(ctx)
	now := f.Step.Now()
	f.PushStep.Metrics.seconds(now, MetricOldestReturned, returned(items, now)) // now: what follows may not end
	done := make([]bool, len(items))
	c := &counts{Events: len(items)}
	for from := 0; from < len(items); from += directBatch {
		to := min(from+directBatch, len(items))
		f.carry(ctx, t, items[from:to], done[from:to], c)
	}
	out, err := f.PushStep.sendDue(ctx, t)
	if err != nil {
		f.Step.Log.Error("pushes stay owed for now", "err", err)
	}
	answer := handBack(ctx, t, f.Queue, f.Step.Log, items, done)
	f.Step.Log.Info("carried", "events", c.Events, "recorded", c.Recorded, "dead", c.Dead, "failed",
		len(answer.BatchItemFailures), "sent", out.Sent, "gave_up", out.Failed, "left", out.Left)
	return write(answer)
}

// counts are a batch's results, for the log.
type counts struct{ Events, Recorded, Dead int }

// carry records a part of a batch and marks the done messages. It starts nothing once
// the time is nearly up.
func (f *Direct) carry(ctx context.Context, t timetable, items []item, done []bool, c *counts) {
	begin, cancel := t.until(ctx, lastStart)
	defer cancel()
	deliveries := make([]*delivery, 0, len(items))
	at := make([]int, 0, len(items)) // deliveries[i] came in items[at[i]]
	for i, it := range items {
		d, err := f.Step.open(begin, it.message, it.attempt)
		if err != nil {
			f.Step.Log.Error("a message can't be read; it stays in the queue until that makes it a dead letter",
				"message", it.id, "attempt", it.attempt, "err", err)
			continue
		}
		deliveries, at = append(deliveries, d), append(at, i)
	}
	if begin.Err() != nil || len(deliveries) == 0 {
		return
	}
	work, stop := t.until(ctx, lastAnswer)
	defer stop()
	f.Step.record(work, deliveries)
	write, end := t.until(ctx, lastWrite)
	defer end()
	f.settleAll(write, items, done, deliveries, at)
	for i, d := range deliveries {
		switch {
		case d.dead:
			c.Dead++
		case done[at[i]] && d.Outcome == bellhop.OutcomeRecorded:
			c.Recorded++
		}
	}
	f.Step.Probe.At(pipeline.PointSettled)
}

// settleAll goes through the deliveries in order. In a FIFO queue it makes no dead
// letter behind a message that comes again: the later one comes again, too.
func (f *Direct) settleAll(ctx context.Context, items []item, done []bool, deliveries []*delivery, at []int) {
	held := map[string]bool{}
	for i, it := range items {
		if len(at) == 0 || at[0] != i {
			held[it.group] = it.group != ""
			continue
		}
		d := deliveries[0]
		deliveries, at = deliveries[1:], at[1:]
		if held[it.group] && d.Err != nil {
			continue
		}
		f.Step.settle(ctx, d)
		if done[i] = d.done; !d.done {
			held[it.group] = it.group != ""
		}
	}
}
