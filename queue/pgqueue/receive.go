package pgqueue

import (
	"context"
	"time"

	"bellhop/internal/wait"
	"bellhop/queue"
)

// How long a receiver that found nothing waits before it looks again, unless
// another process wakes it.
const (
	longPoll  = time.Second            // while others' notifications come
	shortPoll = 150 * time.Millisecond // while they don't
	busyPause = 5 * time.Millisecond   // while others hold all that waits
)

// grace is how long a claim may go on after its receiver has gone: breaking it off
// would leave leases that nobody knows of until they run out.
const grace = time.Second

// Receive implements [queue.Consumer].
func (q *Queue) Receive(ctx context.Context, max int) ([]queue.Delivery, error) {
	if err := q.claiming.Acquire(ctx, 1); err != nil {
		return nil, err
	}
	defer q.claiming.Release(1)
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if q.ctx.Err() != nil {
			return nil, queue.ErrClosed
		}
		if err := q.register(ctx); err != nil {
			return nil, err
		}
		out, again, err := q.takeGracefully(ctx, max)
		if err != nil || len(out) > 0 {
			return out, err
		}
		q.wait(ctx, again)
	}
}

func (q *Queue) takeGracefully(ctx context.Context, max int) ([]queue.Delivery, time.Duration, error) {
	lasting, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	stop := context.AfterFunc(ctx, func() { wait.Pause(lasting, grace); cancel() })
	defer stop()
	out, again, err := q.take(lasting, max)
	if err != nil && ctx.Err() != nil {
		err = ctx.Err()
	}
	return out, again, err
}

func (q *Queue) wait(ctx context.Context, d time.Duration) {
	if !q.listening.Load() {
		d = min(d, shortPoll)
	}
	wait.For(ctx, min(d, longPoll), q.woken, q.ctx.Done())
}
