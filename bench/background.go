package bench

import (
	"bytes"
	"context"
	"log/slog"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/semaphore"

	"bellhop"
	"bellhop/queue"
)

// backgroundLine is how many orders may wait in memory: some 100 MB of them.
const backgroundLine = 10_000

// Background answers a webhook as soon as its order is in this process's memory, and works at it
// afterwards. It works at as many orders as the pool has places; each holds one, like an owner's
// request. What is in memory is lost with the process.
type Background struct {
	queue.Queue // its depth counts the orders in memory, too
	next        queue.Producer
	log         *slog.Logger
	pool        *Pool
	workers     *semaphore.Weighted // so that an owner waits for one order's end, not for all that wait
	held        atomic.Int64        // orders in memory
	orders      sync.WaitGroup
}

// NewBackground makes orders on their way to next, an [Inline], share a pool with owners' requests.
func NewBackground(q queue.Queue, next queue.Producer, p *Pool, log *slog.Logger) *Background {
	return &Background{Queue: q, next: next, log: log, pool: p, workers: semaphore.NewWeighted(int64(p.Pool))}
}

// Send implements queue.Producer, but for its promise: it makes nothing durable.
func (b *Background) Send(_ context.Context, events ...*bellhop.Event) error {
	if n := int64(len(events)); b.held.Add(n) > backgroundLine {
		b.held.Add(-n)
		return bellhop.Errorf(bellhop.Unavailable, "line_full", "%d orders wait in memory", backgroundLine)
	}
	for _, e := range events {
		e.Body = bytes.Clone(e.Body) // the endpoint uses its buffer again
		b.orders.Go(func() { b.work(e) })
	}
	return nil
}

func (b *Background) work(e *bellhop.Event) {
	ctx := context.Background() // the request has its answer
	defer b.held.Add(-1)
	for _, s := range []*semaphore.Weighted{b.workers, b.pool.slots} {
		_ = s.Acquire(ctx, 1) // ctx never ends
		defer s.Release(1)
	}
	if err := b.next.Send(ctx, e); err != nil {
		b.log.Error("an order that was acknowledged is lost", "shop", e.Shop, "event", e.ID, "err", err)
	}
}

// Depth implements queue.Admin.
func (b *Background) Depth(ctx context.Context) (queue.Depth, error) {
	d, err := b.Queue.Depth(ctx)
	d.Waiting += int(b.held.Load())
	return d, err
}

// Wait returns when no order is in memory any more.
func (b *Background) Wait() { b.orders.Wait() }
