package pgqueue

import (
	"context"
	"strconv"
	"strings"
	"time"

	"bellhop"
	"bellhop/queue"
)

// How long a receiver that found nothing waits before it looks again, unless it
// is woken.
const (
	longPoll  = time.Second            // while others' notifications come
	shortPoll = 150 * time.Millisecond // while they don't
	busyPause = 5 * time.Millisecond   // while others hold what there is
)

// grace is how long a claim that is under way may go on once nobody waits for it
// any more: breaking it off would leave leases that nobody knows of until they
// run out.
const grace = time.Second

var errClosed = bellhop.Errorf(bellhop.Unavailable, "closed", "the queue is closed")

// Receive implements [queue.Consumer].
func (q *Queue) Receive(ctx context.Context, max int) ([]queue.Delivery, error) {
	select {
	case <-q.claiming:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { q.claiming <- struct{}{} }()
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if q.ctx.Err() != nil {
			return nil, errClosed
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
	stop := context.AfterFunc(ctx, func() { pause(lasting, grace); cancel() })
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
	timer := time.NewTimer(min(d, longPoll))
	defer timer.Stop()
	select {
	case <-q.woken:
	case <-timer.C:
	case <-ctx.Done():
	case <-q.ctx.Done():
	}
}

func receipt(lease, seq int64) queue.Receipt {
	b := strconv.AppendInt(make([]byte, 0, 40), lease, 10)
	b = append(b, '.')
	return queue.Receipt(strconv.AppendInt(b, seq, 10))
}

// parseReceipt returns zeros, which name no lease, for what is not a receipt.
func parseReceipt(r queue.Receipt) (lease, seq int64) {
	l, s, _ := strings.Cut(string(r), ".")
	lease, err1 := strconv.ParseInt(l, 10, 64)
	seq, err2 := strconv.ParseInt(s, 10, 64)
	if err1 != nil || err2 != nil {
		return 0, 0
	}
	return lease, seq
}
