package pgqueue

import (
	"context"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"bellhop"
	"bellhop/internal/postgres"
	"bellhop/queue"
)

func scanDead(d *queue.DeadEvent) []any {
	d.Event = &bellhop.Event{}
	return append([]any{&d.Attempts, &d.Reason, postgres.TimeTo(&d.DiedAt)}, scanEvent(d.Event)...)
}

const deadColumns = `d.attempts, d.reason, d.died_at, ` + eventColumns

// DeadLetters implements [queue.DeadLetters].
func (q *Queue) DeadLetters(ctx context.Context, after queue.Cursor, limit int) (out []queue.DeadEvent, err error) {
	err = q.api.Read(ctx, func(b *postgres.Batch) {
		out = nil
		b.Each(into(&out, func(r pgx.CollectableRow) (d queue.DeadEvent, err error) {
			err = r.Scan(scanDead(&d)...)
			return d, err
		}), `SELECT `+deadColumns+` FROM queue_dead d JOIN queue_events e USING (seq)
			WHERE d.queue = $1 AND (d.died_at, d.id) < (coalesce($2::timestamptz, 'infinity'), $3)
			ORDER BY d.died_at DESC, d.id DESC LIMIT $4`,
			q.id, postgres.Time(after.DiedAt), postgres.ID(after.ID), limit)
	})
	return out, queue.Wrap("list dead letters", err)
}

// DeadLetter implements [queue.DeadLetters].
func (q *Queue) DeadLetter(ctx context.Context, id bellhop.EventID) (d queue.DeadEvent, err error) {
	var s *stored
	err = q.api.Read(ctx, func(b *postgres.Batch) {
		b.Each(func(r pgx.Rows) error {
			s = &stored{}
			err := r.Scan(append(scanDead(&d), &s.coding, &s.body)...)
			s.event = d.Event
			return err
		}, `SELECT `+deadColumns+`, e.coding, e.body FROM queue_dead d JOIN queue_events e USING (seq)
			WHERE d.queue = $1 AND d.id = $2 ORDER BY d.seq DESC LIMIT 1`, q.id, postgres.ID(id))
	})
	if err != nil {
		return d, queue.Wrap("read a dead letter", err)
	}
	if s == nil {
		return d, queue.NoDeadLetter(id)
	}
	if _, err = q.unpack(ctx, *s); bellhop.IsPermanent(err) {
		err = nil // a body that can't be read is why it died
	}
	return d, err
}

// redrive puts dead letters back; all if there are no ids.
const redrive = `WITH back AS (
	DELETE FROM queue_dead WHERE queue = $1 AND ($2::uuid[] IS NULL OR id = ANY($2)) RETURNING seq, id),
	put AS (INSERT INTO queue_waiting (queue, lane, seq)
		SELECT e.queue, e.lane, e.seq FROM back JOIN queue_events e USING (seq))
	SELECT id FROM back`

const drop = `WITH gone AS (DELETE FROM queue_dead WHERE queue = $1 AND id = ANY($2) RETURNING seq, id),
	events AS (DELETE FROM queue_events e USING gone WHERE e.seq = gone.seq)
	SELECT id FROM gone`

// Redrive implements [queue.DeadLetters].
func (q *Queue) Redrive(ctx context.Context, ids ...bellhop.EventID) (n int, err error) {
	if n, err = q.takeDead(ctx, redrive, ids); err != nil {
		return 0, queue.Wrap("put dead letters back", err)
	}
	q.wake()
	q.wakeOthers()
	return n, nil
}

// Drop implements [queue.DeadLetters].
func (q *Queue) Drop(ctx context.Context, ids ...bellhop.EventID) (n int, err error) {
	if len(ids) == 0 {
		return 0, nil
	}
	n, err = q.takeDead(ctx, drop, ids)
	return n, queue.Wrap("drop dead letters", err)
}

// DropFunc implements [queue.DeadLetters].
func (q *Queue) DropFunc(ctx context.Context, shop string, del func(queue.DeadEvent) (bool, error)) (int, error) {
	return queue.DropEach(ctx, q, shop, del)
}

// takeDead removes dead letters by a statement that returns their ids: all of the
// given ones, or none.
func (q *Queue) takeDead(ctx context.Context, statement string, ids []bellhop.EventID) (n int, err error) {
	var chosen []pgtype.UUID
	for _, id := range ids {
		chosen = append(chosen, postgres.ID(id))
	}
	err = q.forced.Write(ctx, func(tx *postgres.Tx) error {
		var back [][16]byte
		err := tx.Do(func(b *postgres.Batch) {
			b.Each(into(&back, pgx.RowTo[[16]byte]), statement, q.id, chosen)
		})
		if err != nil {
			return err
		}
		for _, id := range ids {
			if !slices.Contains(back, [16]byte(id)) {
				return queue.NoDeadLetter(id)
			}
		}
		n = len(back)
		return tx.Commit(func(*postgres.Batch) {})
	})
	return n, err
}
