// Package pgqueue keeps queues in a PostgreSQL database, which the store may share,
// for any number of processes at once. It promises no order.
//
// Send adds a row with the event and its body, and a small one in queue_waiting.
// Receive turns a batch into one row of leases. Settle deletes that row and the
// bodies. No row with a body ever changes, and only trouble is written event by
// event.
//
// Send waits for the disk. Receive and Settle don't: when the server dies, it loses
// the last of both, and hands those events out once more.
//
// Leases follow the database's clock, since the processes' clocks may differ. The
// others give back the leases of a process that dies: they miss its heartbeat
// within seconds.
package pgqueue

import (
	"context"
	"embed"
	"hash/fnv"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"

	"bellhop/internal/postgres"
	"bellhop/queue"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Schema is the queues' part of the database.
func Schema() postgres.Schema {
	return postgres.Schema{Name: "queue", FS: migrations, Oldest: 1}
}

// Queue is one queue in a database.
type Queue struct {
	*Broker
	id   int64
	name string

	sends  *postgres.Group[[]packed]
	outage atomic.Pointer[outage]
	notify chan struct{} // wakes the goroutine that notifies other processes
	woken  chan struct{} // wakes the receiver: something may wait

	claiming  *semaphore.Weighted // of one: receivers of this process claim in turn
	listening atomic.Bool         // notifications of other processes arrive

	// Below: only while claiming.
	consumer *consumer
	cursor   int64 // the lane served last
	alone    bool  // the next claim takes one suspect, if there is any

	ctx  context.Context // ends with Close
	stop context.CancelFunc
	wg   sync.WaitGroup
}

var (
	_ queue.Queue   = (*Queue)(nil)
	_ queue.Readier = (*Queue)(nil)
)

func newQueue(b *Broker, id int64, name string) *Queue {
	q := &Queue{Broker: b, id: id, name: name, notify: make(chan struct{}, 1), woken: make(chan struct{}, 1),
		claiming: semaphore.NewWeighted(1), cursor: int64(rand.Int32())}
	q.sends = postgres.NewGroup(q.sendAll, weigh)
	q.ctx, q.stop = context.WithCancel(context.Background())
	q.wg.Go(func() { q.sends.Serve(q.ctx) })
	q.wg.Go(func() { q.notifyOthers(q.ctx) })
	return q
}

// laneOf maps a shop to a number, up to [lastLane]. Two shops with the same number
// share their turns.
func laneOf(shop string) int64 {
	h := fnv.New32a()
	h.Write([]byte(shop))
	return int64(h.Sum32() >> 1)
}

// Ready implements [queue.Readier].
func (q *Queue) Ready(ctx context.Context) error {
	return queue.Wrap("check whether the queue takes events", q.pools.Writable(ctx, q.pools.Webhooks, Schema()))
}

// closeLimit bounds giving leases back.
const closeLimit = 3 * time.Second

// Close gives this process's leases back.
func (q *Queue) Close() error {
	q.stop()
	q.claiming.Acquire(context.Background(), 1) // a receiver stops now, or ends by itself
	defer q.claiming.Release(1)
	q.wg.Wait()
	if q.consumer == nil {
		return nil
	}
	c := q.consumer
	q.consumer = nil
	err := q.worker.Within(closeLimit).Once(context.Background(), func(b *postgres.Batch) {
		b.Exec(`UPDATE queue_leases SET expires_at = to_timestamp(0) WHERE queue = $1 AND consumer = $2`, q.id, c.id)
		b.Exec(`DELETE FROM queue_consumers WHERE id = $1`, c.id)
		b.Exec(notifyAll, channel, q.topic())
	})
	return queue.Wrap("give leased events back", err)
}
