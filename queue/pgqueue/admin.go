package pgqueue

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"bellhop/internal/postgres"
	"bellhop/queue"
)

// Depth implements [queue.Admin].
func (q *Queue) Depth(ctx context.Context) (d queue.Depth, err error) {
	var oldest time.Time
	err = q.api.Read(ctx, func(b *postgres.Batch) {
		b.Each(func(r pgx.Rows) error { return r.Scan(&d.Waiting, &d.Leased, &d.Dead, postgres.TimeTo(&oldest)) }, `
			WITH w AS (SELECT count(*) AS n, min(seq) AS first FROM queue_waiting WHERE queue = $1),
			     r AS (SELECT count(*) AS n, min(seq) AS first FROM queue_retries WHERE queue = $1 AND lease IS NULL)
			SELECT w.n + r.n,
			       (SELECT coalesce(sum(cardinality(items)), 0) FROM queue_leases WHERE queue = $1),
			       (SELECT count(*) FROM queue_dead WHERE queue = $1),
			       (SELECT min(accepted_at) FROM queue_events WHERE seq IN (w.first, r.first))
			FROM w, r`, q.id)
	})
	if !oldest.IsZero() {
		d.Oldest = max(0, q.pools.Now().Sub(oldest))
	}
	return d, queue.Wrap("measure the queue", err)
}

// purgeWaiting drops a part of the events from before the purge.
const purgeWaiting = `WITH gone AS (
	DELETE FROM queue_waiting WHERE ctid = ANY(ARRAY(
		SELECT ctid FROM queue_waiting WHERE queue = $1 AND seq <= $2 LIMIT $3 FOR UPDATE SKIP LOCKED)) RETURNING seq)
	DELETE FROM queue_events e USING gone WHERE e.seq = gone.seq`

const purgeRetries = `WITH gone AS (
	DELETE FROM queue_retries WHERE ctid = ANY(ARRAY(
		SELECT ctid FROM queue_retries WHERE queue = $1 AND seq <= $2 AND lease IS NULL LIMIT $3
		FOR UPDATE SKIP LOCKED)) RETURNING seq)
	DELETE FROM queue_events e USING gone WHERE e.seq = gone.seq`

// Purge implements [queue.Admin]. It goes bit by bit, since many events may wait.
func (q *Queue) Purge(ctx context.Context) (n int, err error) {
	var last int64
	err = q.worker.Read(ctx, func(b *postgres.Batch) {
		b.Each(func(r pgx.Rows) error { return r.Scan(postgres.IntTo(&last)) }, `SELECT max(seq) FROM queue_events`)
	})
	for more := true; more && err == nil; {
		var waiting, retries int64
		err = q.forced.Once(ctx, func(b *postgres.Batch) {
			b.Count(&waiting, purgeWaiting, q.id, last, chunk)
			b.Count(&retries, purgeRetries, q.id, last, chunk)
		})
		if err == nil {
			n += int(waiting + retries)
			more = waiting+retries > 0
		}
	}
	return n, queue.Wrap("purge the queue", err)
}

// Attributes implements [queue.Admin].
func (q *Queue) Attributes(ctx context.Context) (queue.Attributes, error) {
	return q.attributes(ctx, q.id, q.name)
}

// attributes asks over the webhooks' connections, so that it shows whether they are free.
func (b *Broker) attributes(ctx context.Context, id int64, name string) (a queue.Attributes, err error) {
	found := false
	err = b.pools.Webhooks.Read(ctx, func(b *postgres.Batch) {
		b.Each(func(r pgx.Rows) error {
			found = true
			var us int64
			err := r.Scan(&us, &a.MaxAttempts)
			a.Visibility = time.Duration(us) * time.Microsecond
			return err
		}, `SELECT visibility_us, max_attempts FROM queues WHERE id = $1`, id)
	})
	if err == nil && !found {
		err = queue.NotFound(name)
	}
	return a, queue.Wrap("read the queue's attributes", err)
}

// SetAttributes implements [queue.Admin].
func (q *Queue) SetAttributes(ctx context.Context, a queue.Attributes) error {
	if err := a.Validate(); err != nil {
		return err
	}
	var n int64
	err := q.forced.Once(ctx, func(b *postgres.Batch) {
		b.Count(&n, `UPDATE queues SET visibility_us = $2, max_attempts = $3 WHERE id = $1`,
			q.id, a.Visibility.Microseconds(), a.MaxAttempts)
	})
	if err == nil && n == 0 {
		return queue.NotFound(q.name)
	}
	return queue.Wrap("change the queue's attributes", err)
}
