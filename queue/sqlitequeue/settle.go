package sqlitequeue

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"bellhop"
	"bellhop/internal/sqlitefile"
	"bellhop/queue"
)

// lease is a claimed batch without its settled events.
type lease struct {
	id      int64
	retried bool
	items   []int64
}

// Settle implements [queue.Consumer].
func (q *Queue) Settle(ctx context.Context, verdicts ...queue.Settlement) error {
	stale, err := sqlitefile.Put(ctx, q.file, func(tx *sqlitefile.Tx) (stale []queue.Receipt, err error) {
		attrs, err := q.attributes(tx.Conn)
		if err != nil {
			return nil, err
		}
		err = q.eachLease(tx, queue.ReceiptsOf(verdicts), func(l lease, at []int) error {
			kept := l.items
			for _, i := range at {
				_, seq := verdicts[i].Receipt.Numbers()
				n := slices.Index(kept, seq)
				if n < 0 {
					stale = append(stale, verdicts[i].Receipt)
					continue
				}
				kept = slices.Delete(kept, n, n+1)
				if err := q.settle(tx, l, seq, verdicts[i], attrs.MaxAttempts); err != nil {
					return err
				}
			}
			return shrink(tx, l.id, kept)
		})
		return stale, err
	})
	return queue.StaleOr(err, stale)
}

// eachLease calls fn once for each lease of receipts, with the places of those
// receipts. A lease that is gone has no items.
func (q *Queue) eachLease(tx *sqlitefile.Tx, receipts []queue.Receipt, fn func(l lease, at []int) error) error {
	places := map[int64][]int{}
	for i, r := range receipts {
		id, _ := r.Numbers()
		places[id] = append(places[id], i)
	}
	for _, id := range slices.Sorted(maps.Keys(places)) {
		l := lease{id: id}
		var bad error
		_, err := tx.Prepare(`SELECT retried, items FROM leases WHERE id = ? AND queue = ?`).Int(id).Int(q.id).
			First(func(r sqlitefile.Row) {
				l.retried = r.Bool()
				l.items, bad = decodeItems(r.Text())
			})
		if err = cmp.Or(err, bad); err == nil {
			err = fn(l, places[id])
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// shrink leaves the lease with its unsettled events.
func shrink(tx *sqlitefile.Tx, id int64, items []int64) error {
	if len(items) == 0 {
		return tx.Prepare(`DELETE FROM leases WHERE id = ?`).Int(id).Exec()
	}
	return tx.Prepare(`UPDATE leases SET items = ? WHERE id = ?`).Text(encodeItems(items)).Int(id).Exec()
}

func (q *Queue) settle(tx *sqlitefile.Tx, l lease, seq int64, s queue.Settlement, maxAttempts int) error {
	now := q.now()
	switch s.Verdict {
	case queue.Retry:
		return q.retry(tx, l, seq, now.Add(s.Delay), s.Reason, now, maxAttempts)
	case queue.DeadLetter:
		attempts, err := q.attempts(tx, l, seq)
		if err != nil {
			return err
		}
		return q.addDead(tx, l, seq, attempts, s.Reason, now)
	}
	if err := q.dropRetry(tx, l, seq); err != nil {
		return err
	}
	return q.dropEphemeral(tx, seq)
}

// dropEphemeral drops a settled event from the archive, if its queue leaves nothing
// there. It checks the topic, too: no order is ever dropped, whatever its queue is
// called.
func (q *Queue) dropEphemeral(tx *sqlitefile.Tx, seq int64) error {
	if !q.ephemeral {
		return nil
	}
	return tx.Prepare(`DELETE FROM events WHERE seq = ? AND topic = ?`).Int(seq).Text(bellhop.TopicPushesOwed).Exec()
}

// retry hands an event out once more at due, or makes it a dead letter.
func (q *Queue) retry(tx *sqlitefile.Tx, l lease, seq int64, due time.Time, reason string, now time.Time,
	maxAttempts int) error {
	attempts, err := q.attempts(tx, l, seq)
	if err != nil {
		return err
	}
	if attempts >= int64(maxAttempts) {
		return q.addDead(tx, l, seq, attempts, reason, now)
	}
	return tx.Prepare(`INSERT INTO retries (queue, seq, attempts, due_at, reason, lease) VALUES (?,?,?,?,?,NULL)
		ON CONFLICT (queue, seq) DO UPDATE SET attempts = excluded.attempts, due_at = excluded.due_at,
		reason = excluded.reason, lease = NULL`).
		Int(q.id).Int(seq).Int(attempts).Time(due).Text(reason).Exec()
}

// attempts returns an event's deliveries, with the last one.
func (q *Queue) attempts(tx *sqlitefile.Tx, l lease, seq int64) (int64, error) {
	if !l.retried {
		return 1, nil
	}
	return tx.Prepare(`SELECT attempts FROM retries WHERE queue = ? AND seq = ?`).Int(q.id).Int(seq).One()
}

func (q *Queue) addDead(tx *sqlitefile.Tx, l lease, seq, attempts int64, reason string, now time.Time) error {
	if err := q.dropRetry(tx, l, seq); err != nil {
		return err
	}
	return tx.Prepare(`INSERT OR REPLACE INTO dead (queue, seq, attempts, reason, died_at) VALUES (?,?,?,?,?)`).
		Int(q.id).Int(seq).Int(attempts).Text(reason).Time(now).Exec()
}

func (q *Queue) dropRetry(tx *sqlitefile.Tx, l lease, seq int64) error {
	if !l.retried {
		return nil
	}
	return tx.Prepare(`DELETE FROM retries WHERE queue = ? AND seq = ?`).Int(q.id).Int(seq).Exec()
}

// Extend implements [queue.Consumer]. A batch shares its lease: Extend extends its
// other events too.
func (q *Queue) Extend(ctx context.Context, d time.Duration, receipts ...queue.Receipt) error {
	stale, err := sqlitefile.Put(ctx, q.file, func(tx *sqlitefile.Tx) (stale []queue.Receipt, err error) {
		until := q.now().Add(d)
		err = q.eachLease(tx, receipts, func(l lease, at []int) error {
			held := false
			for _, i := range at {
				if _, seq := receipts[i].Numbers(); slices.Contains(l.items, seq) {
					held = true
				} else {
					stale = append(stale, receipts[i])
				}
			}
			if !held {
				return nil
			}
			return tx.Prepare(`UPDATE leases SET expires_at = ? WHERE id = ?`).Time(until).Int(l.id).Exec()
		})
		return stale, err
	})
	return queue.StaleOr(err, stale)
}
