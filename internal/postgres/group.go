package postgres

import (
	"context"

	"bellhop"
)

// Group gathers small writes into one transaction: writes that arrive during one transaction go
// into the next. A single write does not wait.
//
// SQLite's writer (sqlitefile) has a group commit of its own. It is the file's only writer: it drops
// a failing job, runs the others again, and drains its jobs on close. A Group sends one transaction
// over a pool of connections; run decides what a failure means, and closing fails waiting jobs.
type Group[J any] struct {
	jobs   chan *Job[J]
	closed chan struct{}
	run    func(context.Context, []*Job[J])
	weigh  func(J) int
}

// Job is one of the writes.
type Job[J any] struct {
	What J
	Err  error // the outcome

	done chan error // has room for one, so that nobody waits for a caller who left
}

// The bounds of one transaction: jobs, and their weight in bytes.
const (
	maxJobs   = 512
	maxWeight = 4 << 20
)

// NewGroup returns a group whose transactions run runs; it sets each job's Err. weigh
// returns the bytes of a job; nil where they don't matter.
func NewGroup[J any](run func(context.Context, []*Job[J]), weigh func(J) int) *Group[J] {
	if weigh == nil {
		weigh = func(J) int { return 0 }
	}
	return &Group[J]{jobs: make(chan *Job[J], maxJobs), closed: make(chan struct{}), run: run, weigh: weigh}
}

// Do returns once the job is done. When ctx is done first, it returns without the
// outcome, and the job may still run.
func (g *Group[J]) Do(ctx context.Context, what J) error {
	j := &Job[J]{What: what, done: make(chan error, 1)}
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

// Serve runs until ctx is done, and finishes the transaction under way.
func (g *Group[J]) Serve(ctx context.Context) {
	defer close(g.closed)
	var batch []*Job[J]
	for {
		select {
		case first := <-g.jobs:
			batch = g.gather(append(batch[:0], first))
			g.run(context.WithoutCancel(ctx), batch)
			for _, j := range batch {
				j.done <- j.Err
			}
		case <-ctx.Done():
			return
		}
	}
}

// gather adds the waiting writes, without waiting for more.
func (g *Group[J]) gather(batch []*Job[J]) []*Job[J] {
	for weight := g.weigh(batch[0].What); len(batch) < maxJobs && weight < maxWeight; {
		select {
		case j := <-g.jobs:
			batch = append(batch, j)
			weight += g.weigh(j.What)
		default:
			return batch
		}
	}
	return batch
}
