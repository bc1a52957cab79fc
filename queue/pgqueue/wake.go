package pgqueue

import (
	"context"
	"errors"
	"strconv"
	"time"

	"bellhop/internal/postgres"
	"bellhop/internal/wait"
)

// channel is where processes notify each other of waiting events, in all queues of
// a database.
const channel = "bellhop_queue"

// topic names the queue there.
func (q *Queue) topic() string { return strconv.FormatInt(q.id, 10) }

const notifyAll = `SELECT pg_notify($1, $2)`

// notifyEvery is the shortest time between two notifications.
const notifyEvery = 50 * time.Millisecond

// wake makes the waiting receiver of this process look again.
func (q *Queue) wake() { wait.Nudge(q.woken) }

// wakeOthers makes waiting receivers of other processes look again, soon.
func (q *Queue) wakeOthers() { wait.Nudge(q.notify) }

// notifyOthers notifies the other processes. Send does not do it: a transaction
// that notifies holds a lock on the whole database while it commits. A process that
// misses a notification looks again by itself.
func (q *Queue) notifyOthers(ctx context.Context) {
	for {
		select {
		case <-q.notify:
		case <-ctx.Done():
			return
		}
		err := q.worker.Once(ctx, func(b *postgres.Batch) { b.Exec(notifyAll, channel, q.topic()) })
		if err != nil && ctx.Err() == nil {
			q.pools.Log().Debug("notify other processes of waiting events", "err", err)
		}
		wait.Pause(ctx, notifyEvery)
	}
}

// hearAgainAfter is the pause before a new connection to listen with.
const hearAgainAfter = time.Second

// listen wakes the receiver at notifications, as long as there is a connection that
// brings them.
func (q *Queue) listen(ctx context.Context) {
	for ctx.Err() == nil {
		err := q.pools.Listen(ctx, channel, func() { q.listening.Store(true); q.wake() }, func(topic string) {
			if topic == q.topic() {
				q.wake()
			}
		})
		q.listening.Store(false)
		if errors.Is(err, postgres.ErrNoSession) {
			q.pools.Log().Info("polling the queue, since no notifications arrive", "err", err)
			return
		}
		wait.Pause(ctx, hearAgainAfter)
	}
}
