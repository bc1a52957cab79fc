package lambdahost

import (
	"context"
	"time"
)

// longestMargin is the time an invocation keeps free before its end. Lambda kills the
// process then, and work that was not reported counts as not done.
const longestMargin = 2 * time.Second

// timetable divides an invocation's time. Without a deadline nothing ends.
type timetable struct {
	end    time.Time
	margin time.Duration
}

// newTimetable keeps a quarter free where the whole time is short.
func newTimetable(ctx context.Context) timetable {
	end, ok := ctx.Deadline()
	if !ok {
		return timetable{}
	}
	return timetable{end: end, margin: min(longestMargin, max(time.Until(end), 0)/4)}
}

// The moments, each a part of the margin before the end.
const (
	lastStart  = 1.0  // starts nothing more
	lastAnswer = 0.5  // stops waiting for answers
	lastWrite  = 0.25 // writes the outcome down
	lastHide   = 0.1  // has the queue hide what is handed back
)

// until returns ctx with the end moved forward to a moment.
func (t timetable) until(ctx context.Context, moment float64) (context.Context, context.CancelFunc) {
	if t.end.IsZero() {
		return context.WithCancel(ctx)
	}
	return context.WithDeadline(ctx, t.end.Add(-time.Duration(moment*float64(t.margin))))
}
