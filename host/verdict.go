package host

import (
	"context"

	"bellhop"
	"bellhop/pipeline"
	"bellhop/queue"
)

// Verdict decides what the queue does after recording. It writes a dead letter into
// the ledger first, so the ledger never has less than the queue.
func Verdict(ctx context.Context, r *pipeline.Recorder, d queue.Delivery, err error, maxAttempts int) queue.Settlement {
	s := queue.Settlement{Receipt: d.Receipt, Verdict: queue.Ack}
	if err == nil {
		return s
	}
	s.Reason = err.Error()
	s.Verdict, s.Delay = queue.Retry, pipeline.Backoff(firstRetry, longestRetry, d.Attempt)
	permanent := bellhop.IsPermanent(err)
	if !permanent && d.Attempt < maxAttempts {
		r.Log.Warn("an event comes again", "event", d.Event.ID, "attempt", d.Attempt, "in", s.Delay, "err", err)
		return s
	}
	if err := r.Dead(ctx, d.Event, s.Reason); err != nil {
		r.Log.Error("a dead letter stays in the queue for now", "event", d.Event.ID, "err", err)
		return s
	}
	if permanent {
		s.Verdict = queue.DeadLetter
	}
	return s
}
