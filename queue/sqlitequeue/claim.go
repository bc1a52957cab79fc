package sqlitequeue

import (
	"context"
	"errors"
	"time"

	"bellhop/internal/sqlitefile"
	"bellhop/internal/wait"
	"bellhop/queue"
)

// claimed is one event under a new lease.
type claimed struct {
	seq     int64
	attempt int
	lease   int64
	expires time.Time
}

// claim leases events, and waits until there is one.
func (q *Queue) claim(ctx context.Context, max int) ([]claimed, error) {
	if err := q.claiming.Acquire(ctx, 1); err != nil {
		return nil, err
	}
	defer q.claiming.Release(1)
	for {
		changed := q.file.Changed()
		if err := q.reap(ctx); err != nil {
			return nil, err
		}
		ready, next, err := q.ready(ctx)
		if err != nil {
			return nil, err
		}
		if ready {
			// Breaking a claim off half-way would leave leases that nobody knows of
			// until they run out.
			if out, err := q.take(context.WithoutCancel(ctx), max); err != nil || len(out) > 0 {
				return out, err
			}
			continue
		}
		if err := q.wait(ctx, changed, next); err != nil {
			return nil, err
		}
	}
}

// ready looks without writing whether a claim would find something. If not, it says
// when the next lease ends or the next retry is due.
func (q *Queue) ready(ctx context.Context) (ready bool, next time.Time, err error) {
	now := q.now()
	err = q.file.Read(ctx, func(c *sqlitefile.Conn) error {
		_, err := c.Prepare(`SELECT EXISTS (SELECT 1 FROM waiting WHERE queue = ?1),
			min(coalesce((SELECT min(due_at) FROM retries WHERE queue = ?1 AND lease IS NULL), 1 << 62),
			    coalesce((SELECT min(expires_at) FROM leases WHERE queue = ?1), 1 << 62))`).
			Int(q.id).First(func(r sqlitefile.Row) {
			ready = r.Bool()
			if at := r.Int(); at != 1<<62 {
				next = time.UnixMicro(at)
				ready = ready || !next.After(now)
			}
		})
		return err
	})
	return ready, next, err
}

func (q *Queue) wait(ctx context.Context, changed <-chan struct{}, next time.Time) error {
	d := reapEvery
	if !next.IsZero() {
		d = min(d, next.Sub(q.now()))
	}
	wait.For(ctx, d, changed, nil)
	return ctx.Err()
}

// room is the room left in a batch.
type room struct {
	events int
	bytes  int64
	any    bool // something is in it
	full   bool
}

// take makes room smaller by an event, unless that does not fit. The first always
// fits.
func (r *room) take(size int64) bool {
	if r.full = r.full || r.events == 0 || r.any && size > r.bytes; r.full {
		return false
	}
	r.events, r.bytes, r.any = r.events-1, r.bytes-size, true
	return true
}

// widen makes room for more.
func (r *room) widen(events int, bytes int64) {
	r.events, r.bytes, r.full = r.events+events, r.bytes+bytes, false
}

// take leases up to max events in one transaction: retries get at most half of the
// room while others wait.
func (q *Queue) take(ctx context.Context, max int) ([]claimed, error) {
	return sqlitefile.Put(ctx, q.file, func(tx *sqlitefile.Tx) ([]claimed, error) {
		now := q.now()
		attrs, err := q.attributes(tx.Conn)
		if err != nil {
			return nil, err
		}
		if err := q.expire(tx, now, attrs.MaxAttempts); err != nil {
			return nil, err
		}
		fresh, retried, err := q.choose(tx, now, max)
		if err != nil {
			return nil, err
		}
		expires := now.Add(attrs.Visibility)
		out, err := q.lease(tx, nil, fresh, false, expires)
		if err != nil {
			return nil, err
		}
		return q.lease(tx, out, retried, true, expires)
	})
}

// choose takes one suspect by itself every other time, so that other events get on
// beside those that end their consumers.
func (q *Queue) choose(tx *sqlitefile.Tx, now time.Time, max int) (fresh, retried []int64, err error) {
	if q.alone = !q.alone; !q.alone {
		if retried, err = q.suspect(tx, now); err != nil || len(retried) > 0 {
			return nil, retried, err
		}
	}
	const half = queue.BatchBytes / 2
	r := &room{events: max - max/2, bytes: half}
	if fresh, err = q.takeWaiting(tx, nil, r); err != nil {
		return nil, nil, err
	}
	r.widen(max/2, half)
	if retried, err = q.dueRetries(tx, now, r); err != nil {
		return nil, nil, err
	}
	if fresh, err = q.takeWaiting(tx, fresh, r); err == nil && len(fresh)+len(retried) == 0 {
		retried, err = q.suspect(tx, now)
	}
	return fresh, retried, err
}

// lease puts one batch under a lease.
func (q *Queue) lease(tx *sqlitefile.Tx, out []claimed, seqs []int64, retried bool,
	expires time.Time) ([]claimed, error) {
	if len(seqs) == 0 {
		return out, nil
	}
	err := tx.Prepare(`INSERT INTO leases (queue, consumer, expires_at, retried, items) VALUES (?,?,?,?,?)`).
		Int(q.id).Text(q.consumer.name).Time(expires).Bool(retried).Text(encodeItems(seqs)).Exec()
	if err != nil {
		return nil, err
	}
	id := tx.LastID()
	for _, seq := range seqs {
		attempt := int64(1)
		if retried {
			attempt, err = tx.Prepare(`UPDATE retries SET lease = ?, attempts = attempts + 1
				WHERE queue = ? AND seq = ? RETURNING attempts`).
				Int(id).Int(q.id).Int(seq).One()
			if err != nil {
				return nil, err
			}
		}
		out = append(out, claimed{seq: seq, attempt: int(attempt), lease: id, expires: expires})
	}
	return out, nil
}

// Suspects are events whose leases ended often without a verdict.
const (
	dueNow    = `FROM retries WHERE queue = ? AND lease IS NULL AND due_at <= ?`
	isSuspect = ` attempts >= ? AND reason = ? `
)

// suspect finds the suspect that has waited longest.
func (q *Queue) suspect(tx *sqlitefile.Tx, now time.Time) (seqs []int64, err error) {
	err = tx.Prepare(`SELECT seq FROM (SELECT seq, attempts, reason ` + dueNow + ` ORDER BY due_at LIMIT 1000) WHERE` +
		isSuspect + `LIMIT 1`).
		Int(q.id).Time(now).Int(queue.Suspicious).Text(queue.RanOut).
		Each(func(r sqlitefile.Row) error { seqs = append(seqs, r.Int()); return nil })
	return seqs, err
}

func (q *Queue) dueRetries(tx *sqlitefile.Tx, now time.Time, rm *room) (seqs []int64, err error) {
	err = tx.Prepare(`SELECT seq ` + dueNow + ` AND NOT (` + isSuspect + `) ORDER BY due_at LIMIT ?`).
		Int(q.id).Time(now).Int(queue.Suspicious).Text(queue.RanOut).Int(int64(rm.events)).
		Each(func(r sqlitefile.Row) error {
			seq := r.Int()
			size, err := tx.BodySize(seq)
			if err == nil && !rm.take(size) {
				err = errFull
			}
			if err == nil {
				seqs = append(seqs, seq)
			}
			return err
		})
	return seqs, ignoreFull(err)
}

// errFull ends a walk through rows.
var errFull = errors.New("the batch is full")

func ignoreFull(err error) error {
	if errors.Is(err, errFull) {
		return nil
	}
	return err
}

// takeWaiting takes from all lanes in turn, after the one that it served last, so
// that no shop waits for another's backlog.
func (q *Queue) takeWaiting(tx *sqlitefile.Tx, seqs []int64, rm *room) ([]int64, error) {
	for !rm.full && rm.events > 0 {
		lanes, err := q.nextLanes(tx, rm.events)
		if err != nil || len(lanes) == 0 {
			return seqs, err
		}
		events, bytes := max(1, rm.events/len(lanes)), rm.bytes/int64(len(lanes))
		for _, lane := range lanes {
			if seqs, err = q.takeLane(tx, seqs, lane, events, bytes, rm); err != nil {
				return nil, err
			}
			if rm.full {
				break
			}
			q.cursor = lane
		}
	}
	return seqs, nil
}

// nextLanes returns up to n lanes with waiting events, from the cursor on and
// around.
func (q *Queue) nextLanes(tx *sqlitefile.Tx, n int) (lanes []int64, err error) {
	for at, wrapped := q.cursor, false; len(lanes) < n; {
		lane, err := tx.Prepare(`SELECT lane FROM waiting WHERE queue = ? AND lane > ? ORDER BY lane LIMIT 1`).
			Int(q.id).Int(at).One()
		if err != nil {
			return nil, err
		}
		switch {
		case lane == 0 && wrapped, wrapped && lane > q.cursor:
			return lanes, nil
		case lane == 0:
			at, wrapped = 0, true
		default:
			lanes = append(lanes, lane)
			at = lane
		}
	}
	return lanes, nil
}

// takeLane takes a share of the room, and at least one event if that fits.
func (q *Queue) takeLane(tx *sqlitefile.Tx, seqs []int64, lane int64, events int, bytes int64,
	rm *room) ([]int64, error) {
	had := len(seqs)
	err := tx.Prepare(`SELECT seq, size FROM waiting WHERE queue = ? AND lane = ? ORDER BY seq LIMIT ?`).
		Int(q.id).Int(lane).Int(int64(events)).
		Each(func(r sqlitefile.Row) (err error) {
			seq, size := r.Int(), r.Int()
			if size == 0 {
				size, err = tx.BodySize(seq)
			}
			if err == nil && (len(seqs) > had && size > bytes || !rm.take(size)) {
				err = errFull
			}
			if err == nil {
				bytes -= size
				seqs = append(seqs, seq)
			}
			return err
		})
	if err = ignoreFull(err); err != nil || len(seqs) == had {
		return seqs, err
	}
	err = tx.Prepare(`DELETE FROM waiting WHERE queue = ? AND lane = ? AND seq <= ?`).
		Int(q.id).Int(lane).Int(seqs[len(seqs)-1]).Exec()
	return seqs, err
}

// expire takes back leases that have run out.
func (q *Queue) expire(tx *sqlitefile.Tx, now time.Time, maxAttempts int) error {
	var ended []lease
	err := tx.Prepare(`SELECT id, retried, items FROM leases WHERE queue = ? AND expires_at <= ? LIMIT 100`).
		Int(q.id).Time(now).Each(func(r sqlitefile.Row) (err error) {
		l := lease{id: r.Int(), retried: r.Bool()}
		l.items, err = decodeItems(r.Text())
		ended = append(ended, l)
		return err
	})
	if err != nil {
		return err
	}
	for _, l := range ended {
		for _, seq := range l.items {
			if err := q.retry(tx, l, seq, now, queue.RanOut, now, maxAttempts); err != nil {
				return err
			}
		}
		if err := tx.Prepare(`DELETE FROM leases WHERE id = ?`).Int(l.id).Exec(); err != nil {
			return err
		}
	}
	return nil
}
