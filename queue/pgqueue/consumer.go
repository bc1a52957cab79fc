package pgqueue

import (
	"context"
	"fmt"
	"maps"
	"os"
	"time"

	"bellhop/internal/postgres"
	"bellhop/internal/wait"
	"bellhop/queue"
)

// A consumer is gone once the others have looked goneAfter times, heartbeatEvery
// apart, and seen no new heartbeat. No two clocks are compared; and while the
// database is away nobody looks.
const (
	heartbeatEvery = 2 * time.Second
	goneAfter      = 5
)

// consumer is this process as a holder of leases.
type consumer struct {
	id     int64
	who    string
	others map[int64]sighting
}

// sighting is what this process last saw of another consumer.
type sighting struct {
	beat  int64 // its heartbeats
	still int   // looks without a new heartbeat
}

// register makes this process known before it leases anything, and starts its
// heartbeat. Only while claiming.
func (q *Queue) register(ctx context.Context) error {
	if q.consumer != nil {
		return nil
	}
	host, _ := os.Hostname() // for people alone
	c := &consumer{id: draw(), who: fmt.Sprintf("%s %d", host, os.Getpid()), others: map[int64]sighting{}}
	if err := q.heartbeat(ctx, c); err != nil {
		return err
	}
	q.consumer = c
	q.wg.Go(func() { q.keepAlive(q.ctx, c) })
	q.wg.Go(func() { q.listen(q.ctx) })
	return nil
}

// keepAlive sends the heartbeat, and gives back the leases of consumers without
// one.
func (q *Queue) keepAlive(ctx context.Context, c *consumer) {
	wait.Every(ctx, heartbeatEvery, func() {
		if err := q.heartbeat(ctx, c); err != nil && ctx.Err() == nil {
			clear(c.others) // while no heartbeat can be sent, none is missing
			q.pools.Log().Warn("send the heartbeat of a consumer", "err", err)
		}
	})
}

func (q *Queue) heartbeat(ctx context.Context, c *consumer) error {
	seen := map[int64]int64{}
	err := q.worker.Once(ctx, func(b *postgres.Batch) {
		clear(seen)
		b.Exec(`INSERT INTO queue_consumers (id, queue, beat, who, since) VALUES ($1,$2,1,$3,now())
			ON CONFLICT (id) DO UPDATE SET beat = queue_consumers.beat + 1`, c.id, q.id, c.who)
		b.Each(pairs(seen), `SELECT id, beat FROM queue_consumers WHERE queue = $1 AND id <> $2`, q.id, c.id)
	})
	if err != nil {
		return queue.Wrap("send the heartbeat of a consumer", err)
	}
	for _, id := range c.gone(seen) {
		if err := q.reap(ctx, id, seen[id]); err != nil {
			return err
		}
	}
	return nil
}

// gone notes the others' heartbeats and returns the consumers that are gone.
func (c *consumer) gone(seen map[int64]int64) (gone []int64) {
	maps.DeleteFunc(c.others, func(id int64, _ sighting) bool { _, there := seen[id]; return !there })
	for id, beat := range seen {
		s, known := c.others[id]
		if s.still++; !known || s.beat != beat {
			s = sighting{beat: beat}
		}
		c.others[id] = s
		if s.still >= goneAfter {
			gone = append(gone, id)
		}
	}
	return gone
}

// reap ends the leases of a consumer that is gone, unless it turns out to live.
func (q *Queue) reap(ctx context.Context, id, beat int64) error {
	err := q.worker.Once(ctx, func(b *postgres.Batch) {
		b.Exec(`WITH gone AS (DELETE FROM queue_consumers WHERE id = $1 AND beat = $2 RETURNING id)
			UPDATE queue_leases l SET expires_at = to_timestamp(0) FROM gone
			WHERE l.queue = $3 AND l.consumer = gone.id`, id, beat, q.id)
	})
	if err == nil {
		q.wake()
	}
	return queue.Wrap("give back the leases of a consumer that is gone", err)
}
