package pgqueue

import (
	"context"
	"errors"
	"strconv"
	"time"

	"bellhop/internal/postgres"
	"bellhop/internal/wait"
)

// channel is where all queues of a database tell that something waits.
const channel = "bellhop_queue"

// topic is what a queue is called there.
func (q *Queue) topic() string { return strconv.FormatInt(q.id, 10) }

const notifyAll = `SELECT pg_notify($1, $2)`

// notifyEvery is how often other processes are told at most.
const notifyEvery = 50 * time.Millisecond

// wake has the receiver that waits in this process look again.
func (q *Queue) wake() {
	select {
	case q.woken <- struct{}{}:
	default: // it will look anyway
	}
}

// tell has those that wait in other processes look again, soon.
func (q *Queue) wakeOthers() {
	select {
	case q.notify <- struct{}{}:
	default:
	}
}

// ring tells the others. That is no part of sending: a transaction that notifies
// holds a lock on the whole database while it commits. Who misses it finds out by
// himself.
func (q *Queue) notifyOthers(ctx context.Context) {
	for {
		select {
		case <-q.notify:
		case <-ctx.Done():
			return
		}
		err := q.worker.Once(ctx, func(b *postgres.Batch) { b.Exec(notifyAll, channel, q.topic()) })
		if err != nil && ctx.Err() == nil {
			q.pools.Log().Debug("tell others that something waits in the queue", "err", err)
		}
		wait.Pause(ctx, notifyEvery)
	}
}

// hearAgainAfter is the wait before a new connection to listen with.
const hearAgainAfter = time.Second

// listen is woken by what other processes tell, as long as there is a connection
// on which that can be heard.
func (q *Queue) listen(ctx context.Context) {
	for ctx.Err() == nil {
		err := q.pools.Listen(ctx, channel, func() { q.listening.Store(true); q.wake() }, func(topic string) {
			if topic == q.topic() {
				q.wake()
			}
		})
		q.listening.Store(false)
		if errors.Is(err, postgres.ErrNoSession) {
			q.pools.Log().Info("looking into the queue again and again, since nothing can be heard of it", "why",
				err.Error())
			return
		}
		wait.Pause(ctx, hearAgainAfter)
	}
}
