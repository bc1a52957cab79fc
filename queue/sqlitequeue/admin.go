package sqlitequeue

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"bellhop"
	"bellhop/internal/sqlitefile"
	"bellhop/queue"
)

// Depth implements [queue.Admin].
func (q *Queue) Depth(ctx context.Context) (d queue.Depth, err error) {
	var oldest time.Time
	err = q.file.Read(ctx, func(c *sqlitefile.Conn) error {
		_, err := c.Prepare(`
			WITH w AS (SELECT count(*) AS n, min(seq) AS first FROM waiting WHERE queue = ?1),
			     r AS (SELECT count(*) AS n, min(seq) AS first FROM retries WHERE queue = ?1 AND lease IS NULL)
			SELECT w.n + r.n,
			       (SELECT coalesce(sum(json_array_length(items)), 0) FROM leases WHERE queue = ?1),
			       (SELECT count(*) FROM dead WHERE queue = ?1),
			       (SELECT min(accepted_at) FROM events WHERE seq IN (w.first, r.first))
			FROM w, r`).Int(q.id).First(func(r sqlitefile.Row) {
			d.Waiting, d.Leased, d.Dead = int(r.Int()), int(r.Int()), int(r.Int())
			oldest = r.Time()
		})
		return err
	})
	if !oldest.IsZero() {
		d.Oldest = max(0, q.now().Sub(oldest))
	}
	return d, queue.Wrap("measure the queue", err)
}

// Purge implements [queue.Admin]. It drops the bodies, too: nobody settles these
// events, and so Prune would never do it.
func (q *Queue) Purge(ctx context.Context) (n int, err error) {
	for part := purgeAtOnce; part == purgeAtOnce && err == nil; n += part {
		part, err = sqlitefile.Put(ctx, q.file, q.purge)
	}
	return n, queue.Wrap("purge the queue", err)
}

// purgeAtOnce bounds for how long nobody else writes.
const purgeAtOnce = 1000

func (q *Queue) purge(tx *sqlitefile.Tx) (int, error) {
	var lanes, seqs []int64
	err := tx.Prepare(`SELECT lane, seq FROM waiting WHERE queue = ?1
		UNION ALL SELECT 0, seq FROM retries WHERE queue = ?1 AND lease IS NULL LIMIT ?2`).
		Int(q.id).Int(purgeAtOnce).Each(func(r sqlitefile.Row) error {
		lanes, seqs = append(lanes, r.Int()), append(seqs, r.Int())
		return nil
	})
	for i := 0; i < len(seqs) && err == nil; i++ {
		seq := seqs[i]
		err = errors.Join(
			tx.Prepare(`UPDATE events SET body = NULL, coding = 0 WHERE seq = ?`).Int(seq).Exec(),
			q.dropEphemeral(tx, seq),
			tx.Prepare(`DELETE FROM waiting WHERE queue = ? AND lane = ? AND seq = ?`).
				Int(q.id).Int(lanes[i]).Int(seq).Exec(),
			tx.Prepare(`DELETE FROM retries WHERE queue = ? AND seq = ? AND lease IS NULL`).Int(q.id).Int(seq).Exec())
	}
	return len(seqs), err
}

// Attributes implements [queue.Admin].
func (q *Queue) Attributes(ctx context.Context) (a queue.Attributes, err error) {
	err = q.file.Read(ctx, func(c *sqlitefile.Conn) error {
		a, err = q.attributes(c)
		return err
	})
	return a, err
}

func (q *Queue) attributes(c *sqlitefile.Conn) (a queue.Attributes, err error) {
	found, err := c.Prepare(`SELECT visibility_us, max_attempts FROM queues WHERE id = ?`).Int(q.id).
		First(func(r sqlitefile.Row) {
			a.Visibility = time.Duration(r.Int()) * time.Microsecond
			a.MaxAttempts = int(r.Int())
		})
	if err == nil && !found {
		err = queue.NotFound(q.name)
	}
	return a, queue.Wrap("read the queue's attributes", err)
}

// SetAttributes implements [queue.Admin].
func (q *Queue) SetAttributes(ctx context.Context, a queue.Attributes) error {
	if err := a.Validate(); err != nil {
		return err
	}
	return q.file.Write(ctx, func(tx *sqlitefile.Tx) error {
		return tx.Prepare(`UPDATE queues SET visibility_us = ?, max_attempts = ? WHERE id = ?`).
			Int(a.Visibility.Microseconds()).Int(int64(a.MaxAttempts)).Int(q.id).Exec()
	})
}

const deadColumns = `d.attempts, d.reason, d.died_at, ` + sqlitefile.EventColumns + `, ` + sqlitefile.TraceColumn

func scanDead(r sqlitefile.Row) queue.DeadEvent {
	d := queue.DeadEvent{Attempts: int(r.Int()), Reason: r.Text(), DiedAt: r.Time(), Event: sqlitefile.ScanEvent(r).Event}
	d.Event.TraceParent = r.Text()
	return d
}

// DeadLetters implements [queue.DeadLetters].
func (q *Queue) DeadLetters(ctx context.Context, after queue.Cursor, limit int) (out []queue.DeadEvent, err error) {
	if after == (queue.Cursor{}) {
		after.DiedAt = time.UnixMicro(1 << 62)
	}
	err = q.file.Read(ctx, func(c *sqlitefile.Conn) error {
		return c.Prepare(`SELECT ` + deadColumns + ` FROM dead d JOIN events e USING (seq)
			WHERE d.queue = ?1 AND d.died_at <= ?2 AND (d.died_at < ?2 OR e.id < ?3)
			ORDER BY d.died_at DESC, e.id DESC LIMIT ?4`).
			Int(q.id).Time(after.DiedAt).Blob(after.ID[:]).Int(int64(limit)).
			Each(func(r sqlitefile.Row) error { out = append(out, scanDead(r)); return nil })
	})
	return out, queue.Wrap("list dead letters", err)
}

// DeadLetter implements [queue.DeadLetters].
func (q *Queue) DeadLetter(ctx context.Context, id bellhop.EventID) (d queue.DeadEvent, err error) {
	found := false
	err = q.file.Read(ctx, func(c *sqlitefile.Conn) error {
		var bad error
		found, err = c.Prepare(`SELECT ` + deadColumns + `, ` + sqlitefile.BodyColumns +
			` FROM events e JOIN dead d USING (seq) WHERE e.id = ? AND d.queue = ?`).Blob(id[:]).Int(q.id).
			First(func(r sqlitefile.Row) {
				d = scanDead(r)
				d.Event.Body, bad = q.file.ScanBody(c, r)
			})
		if err == nil && !bellhop.IsPermanent(bad) { // a body that can't be read is why it died
			err = bad
		}
		return err
	})
	if err == nil && !found {
		err = queue.NoDeadLetter(id)
	}
	return d, queue.Wrap("read a dead letter", err)
}

// Redrive implements [queue.DeadLetters].
func (q *Queue) Redrive(ctx context.Context, ids ...bellhop.EventID) (n int, err error) {
	return q.takeDead(ctx, ids, func(tx *sqlitefile.Tx, a sqlitefile.Archived) error {
		return q.enqueue(tx, a.Seq, a.Event.Shop, 0)
	})
}

// Drop implements [queue.DeadLetters]. The bodies stay in the archive.
func (q *Queue) Drop(ctx context.Context, ids ...bellhop.EventID) (n int, err error) {
	if len(ids) == 0 {
		return 0, nil
	}
	return q.takeDead(ctx, ids, func(tx *sqlitefile.Tx, a sqlitefile.Archived) error {
		return q.dropEphemeral(tx, a.Seq)
	})
}

// DropFunc implements [queue.DeadLetters]. The bodies stay in the archive.
func (q *Queue) DropFunc(ctx context.Context, shop string, del func(queue.DeadEvent) (bool, error)) (int, error) {
	return queue.DropEach(ctx, q, shop, del)
}

// takeDead removes the dead letters with these ids, or all, after fn has handled
// each.
func (q *Queue) takeDead(ctx context.Context, ids []bellhop.EventID,
	fn func(*sqlitefile.Tx, sqlitefile.Archived) error) (int, error) {
	return sqlitefile.Put(ctx, q.file, func(tx *sqlitefile.Tx) (int, error) {
		chosen, err := q.chosen(tx, ids)
		for i := 0; i < len(chosen) && err == nil; i++ {
			seq := chosen[i].Seq
			err = cmp.Or(fn(tx, chosen[i]), tx.Prepare(`DELETE FROM dead WHERE queue = ? AND seq = ?`).Int(q.id).Int(seq).Exec())
		}
		return len(chosen), err
	})
}

// chosen returns the dead letters with these ids, or all.
func (q *Queue) chosen(tx *sqlitefile.Tx, ids []bellhop.EventID) (out []sqlitefile.Archived, err error) {
	const all = `SELECT ` + sqlitefile.EventColumns + ` FROM dead d JOIN events e USING (seq) WHERE d.queue = ?`
	add := func(r sqlitefile.Row) error { out = append(out, sqlitefile.ScanEvent(r)); return nil }
	if len(ids) == 0 {
		return out, tx.Prepare(all).Int(q.id).Each(add)
	}
	slices.SortFunc(ids, func(a, b bellhop.EventID) int { return slices.Compare(a[:], b[:]) })
	for _, id := range slices.Compact(ids) {
		had := len(out)
		if err := tx.Prepare(all + ` AND e.id = ?`).Int(q.id).Blob(id[:]).Each(add); err != nil {
			return nil, err
		}
		if len(out) == had {
			return nil, queue.NoDeadLetter(id)
		}
	}
	return out, nil
}
