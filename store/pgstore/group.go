package pgstore

import (
	"context"

	"bellhop"
)

// group gathers small writes into one transaction: what comes while one is under
// way goes into the next. A lone one is held back by nothing.
type group[J any] struct {
	jobs   chan *job[J]
	closed chan struct{}
	// run does jobs and says in each what became of it.
	run func(context.Context, []*job[J])
}

type job[J any] struct {
	what J
	err  error
	done chan error // has room for one, so that nobody waits for a caller who left
}

// maxJobs bounds one transaction.
const maxJobs = 512

func newGroup[J any](run func(context.Context, []*job[J])) *group[J] {
	return &group[J]{jobs: make(chan *job[J], maxJobs), closed: make(chan struct{}), run: run}
}

// do returns once the job is done. When ctx is done first, it returns without
// knowing, and the job may still be done.
func (g *group[J]) do(ctx context.Context, what J) error {
	j := &job[J]{what: what, done: make(chan error, 1)}
	select {
	case g.jobs <- j:
	case <-ctx.Done():
		return ctx.Err()
	case <-g.closed:
		return errClosed
	}
	select {
	case err := <-j.done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	case <-g.closed:
		return errClosed
	}
}

var errClosed = bellhop.Errorf(bellhop.Unavailable, "closed", "the database is closed")

// serve runs until ctx is done; what is under way then is brought to its end.
func (g *group[J]) serve(ctx context.Context) {
	defer close(g.closed)
	var batch []*job[J]
	for {
		select {
		case first := <-g.jobs:
			batch = g.gather(append(batch[:0], first))
			g.run(context.WithoutCancel(ctx), batch)
			for _, j := range batch {
				j.done <- j.err
			}
		case <-ctx.Done():
			return
		}
	}
}

// gather adds what is waiting already; it waits for nothing.
func (g *group[J]) gather(batch []*job[J]) []*job[J] {
	for len(batch) < maxJobs {
		select {
		case j := <-g.jobs:
			batch = append(batch, j)
		default:
			return batch
		}
	}
	return batch
}
