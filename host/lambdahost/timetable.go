package lambdahost

import (
	"context"
	"time"
)

// longestMargin is what an invocation keeps free before its time is up: at that
// moment Lambda kills the process, and what was done and not told counts as not
// done.
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
	lastStart  = 1.0  // nothing more is begun
	lastAnswer = 0.5  // whoever is still being waited for is given up
	lastWrite  = 0.25 // what came of it is written down
)

// until returns ctx with the end moved forward to a moment.
func (t timetable) until(ctx context.Context, moment float64) (context.Context, context.CancelFunc) {
	if t.end.IsZero() {
		return context.WithCancel(ctx)
	}
	return context.WithDeadline(ctx, t.end.Add(-time.Duration(moment*float64(t.margin))))
}
