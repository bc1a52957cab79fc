package host

import (
	"context"
	"time"

	"bellhop/internal/wait"
	"bellhop/pipeline"
)

// retry paces a loop that tries again after a failure: it waits longer each time,
// and logs when trouble begins and ends.
type retry struct {
	first, longest time.Duration
	trouble        *pipeline.Trouble
	failures       int
}

// longestPause is the longest pause of a loop between two tries at a queue or the
// store. It is short, so that loops notice soon that a service is back.
const longestPause = 30 * time.Second

func newRetry(t *pipeline.Trouble) *retry {
	return &retry{first: firstRetry, longest: longestPause, trouble: t}
}

// ok notes the result of a try, waits after a failure, and reports success.
func (r *retry) ok(ctx context.Context, err error) bool {
	if ctx.Err() == nil {
		r.trouble.Note(err)
	}
	if err == nil {
		r.failures = 0
		return true
	}
	r.failures++
	wait.Pause(ctx, pipeline.Backoff(r.first, r.longest, r.failures))
	return false
}
