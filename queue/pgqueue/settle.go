package pgqueue

import (
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"bellhop/internal/postgres"
	"bellhop/queue"
)

// lease is a claimed batch without its settled events.
type lease struct {
	id      int64
	retried bool
	items   []int64
}

func scanLease(r pgx.CollectableRow) (l lease, err error) {
	err = r.Scan(&l.id, &l.retried, &l.items)
	return l, err
}

// settling is one transaction that ends leases.
type settling struct {
	q           *Queue
	now         time.Time
	maxAttempts int
	leases      map[int64]*lease
	attempts    map[int64]int // of retried events

	done        []int64 // events to delete
	recovered   []int64 // retries to delete
	over        []int64 // leases with nothing left
	shrunk      []*lease
	again, dead postgres.Rows
	stale       []queue.Receipt
}

// Settle implements [queue.Consumer].
func (q *Queue) Settle(ctx context.Context, verdicts ...queue.Settlement) error {
	if len(verdicts) == 0 {
		return nil
	}
	var s *settling
	err := q.worker.Write(ctx, func(tx *postgres.Tx) error {
		s = &settling{q: q, leases: map[int64]*lease{}, attempts: map[int64]int{}}
		if err := tx.Do(func(b *postgres.Batch) { s.load(b, verdicts) }); err != nil {
			return err
		}
		for _, v := range verdicts {
			s.settle(v)
		}
		return tx.Commit(s.save)
	})
	if err != nil {
		return queue.Wrap("settle events", err)
	}
	if s.again.Len() > 0 {
		q.wake()
	}
	return queue.StaleOr(nil, s.stale)
}

// load locks the leases of verdicts.
func (s *settling) load(b *postgres.Batch, verdicts []queue.Settlement) {
	var ids, seqs []int64
	for _, v := range verdicts {
		id, seq := v.Receipt.Numbers()
		ids, seqs = append(ids, id), append(seqs, seq)
	}
	b.Each(func(r pgx.Rows) error { return r.Scan(postgres.TimeTo(&s.now), &s.maxAttempts) },
		`SELECT now(), max_attempts FROM queues WHERE id = $1`, s.q.id)
	b.Each(func(r pgx.Rows) error {
		l, err := scanLease(r)
		s.leases[l.id] = &l
		return err
	}, `SELECT id, retried, items FROM queue_leases WHERE queue = $1 AND id = ANY($2) ORDER BY id FOR UPDATE`,
		s.q.id, distinct(ids))
	s.loadAttempts(b, seqs)
}

func (s *settling) loadAttempts(b *postgres.Batch, seqs []int64) {
	b.Each(pairs(s.attempts), `SELECT seq, attempts FROM queue_retries WHERE queue = $1 AND seq = ANY($2)`, s.q.id, seqs)
}

func distinct(ids []int64) []int64 {
	slices.Sort(ids)
	return slices.Compact(ids)
}

func (s *settling) settle(v queue.Settlement) {
	id, seq := v.Receipt.Numbers()
	l := s.leases[id]
	n := -1
	if l != nil {
		n = slices.Index(l.items, seq)
	}
	if n < 0 {
		s.stale = append(s.stale, v.Receipt)
		return
	}
	l.items = slices.Delete(l.items, n, n+1)
	s.decide(l, seq, v)
}

func (s *settling) decide(l *lease, seq int64, v queue.Settlement) {
	attempts := 1 // the last one included
	if l.retried {
		attempts = s.attempts[seq]
	}
	switch {
	case v.Verdict == queue.Ack:
		s.done = append(s.done, seq)
	case v.Verdict == queue.Retry && attempts < s.maxAttempts:
		s.again.Next().Int(seq).Int(int64(attempts)).Always(s.now.Add(v.Delay)).Text(v.Reason)
		return
	default:
		s.dead.Next().Int(seq).Int(int64(attempts)).Text(v.Reason)
	}
	if l.retried {
		s.recovered = append(s.recovered, seq)
	}
}

var (
	tryAgain = `INSERT INTO queue_retries (queue, seq, attempts, due_at, reason) SELECT $5, n.* FROM ` +
		postgres.Unnest("bigint int timestamptz text") + ` AS n
		ON CONFLICT (queue, seq) DO UPDATE SET attempts = excluded.attempts, due_at = excluded.due_at,
		reason = excluded.reason, lease = NULL`
	addDead = `INSERT INTO queue_dead (queue, seq, id, attempts, reason, died_at)
		SELECT $4, n.seq, e.id, n.attempts, n.reason, $5
		FROM ` + postgres.Unnest("bigint int text") + ` AS n(seq, attempts, reason) JOIN queue_events e USING (seq)`
)

// save writes the decisions.
func (s *settling) save(b *postgres.Batch) {
	for id, l := range s.leases {
		if len(l.items) == 0 {
			s.over = append(s.over, id)
		} else {
			s.shrunk = append(s.shrunk, l)
		}
	}
	if len(s.done) > 0 {
		b.Exec(`DELETE FROM queue_events WHERE seq = ANY($1)`, s.done)
	}
	if len(s.recovered) > 0 {
		b.Exec(`DELETE FROM queue_retries WHERE queue = $1 AND seq = ANY($2)`, s.q.id, s.recovered)
	}
	if s.again.Len() > 0 {
		b.Exec(tryAgain, s.again.Args(s.q.id)...)
	}
	if s.dead.Len() > 0 {
		b.Exec(addDead, s.dead.Args(s.q.id, postgres.Always(s.now))...)
	}
	if len(s.over) > 0 {
		b.Exec(`DELETE FROM queue_leases WHERE id = ANY($1)`, s.over)
	}
	for _, l := range s.shrunk {
		b.Exec(`UPDATE queue_leases SET items = $2 WHERE id = $1`, l.id, l.items)
	}
}

// giveBack ends leases that have run out, which tx has locked, and commits.
func (q *Queue) giveBack(tx *postgres.Tx, now time.Time, maxAttempts int, ended []lease) error {
	s := settling{q: q, now: now, maxAttempts: maxAttempts, leases: map[int64]*lease{}, attempts: map[int64]int{}}
	var tried []int64
	for _, l := range ended {
		if l.retried {
			tried = append(tried, l.items...)
		}
	}
	if err := tx.Do(func(b *postgres.Batch) { s.loadAttempts(b, tried) }); err != nil {
		return err
	}
	for _, l := range ended {
		for _, seq := range l.items {
			s.decide(&l, seq, queue.Settlement{Verdict: queue.Retry, Reason: queue.RanOut})
		}
		l.items = nil
		s.leases[l.id] = &l
	}
	return tx.Commit(s.save)
}

// Extend implements [queue.Consumer]. A batch shares its lease: Extend extends its
// other events too.
func (q *Queue) Extend(ctx context.Context, d time.Duration, receipts ...queue.Receipt) error {
	var ids, seqs []int64
	for _, r := range receipts {
		id, seq := r.Numbers()
		ids, seqs = append(ids, id), append(seqs, seq)
	}
	held := map[queue.Receipt]bool{}
	err := q.worker.Once(ctx, func(b *postgres.Batch) {
		clear(held)
		b.Each(func(r pgx.Rows) error {
			l, err := scanLease(r)
			for _, seq := range l.items {
				held[queue.NumberedReceipt(l.id, seq)] = true
			}
			return err
		}, `UPDATE queue_leases SET expires_at = now() + $4 * interval '1 microsecond'
			WHERE queue = $1 AND id = ANY($2) AND items && $3 RETURNING id, retried, items`,
			q.id, distinct(ids), seqs, d.Microseconds())
	})
	if err != nil {
		return queue.Wrap("extend leases", err)
	}
	var stale []queue.Receipt
	for _, r := range receipts {
		if !held[r] {
			stale = append(stale, r)
		}
	}
	return queue.StaleOr(nil, stale)
}
