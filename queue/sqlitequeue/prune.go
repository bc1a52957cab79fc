package sqlitequeue

import (
	"context"
	"time"

	"bellhop/internal/sqlitefile"
	"bellhop/queue"
)

// pruneAtOnce is small, so that nobody waits for it.
const pruneAtOnce = 500

// Prune implements [queue.Pruner]. In a file with another schema the archive
// belongs to that, and Prune drops nothing.
func (q *Queue) Prune(ctx context.Context, before time.Time) (dropped int, err error) {
	err = q.file.Read(ctx, func(c *sqlitefile.Conn) (err error) {
		shared, err := c.HasOthers(Schema())
		if shared && err == nil {
			err = errFull
		}
		return err
	})
	for at := int64(0); err == nil; {
		p := pruning{before: before, from: at}
		if err = q.file.Write(ctx, p.run); err != nil || p.to == at {
			break
		}
		dropped, at = dropped+p.dropped, p.to
	}
	return dropped, queue.Wrap("drop the bodies of settled events", ignoreFull(err))
}

// pruning reads a part of the archive, in its order, up to the first event that is
// too young.
type pruning struct {
	before   time.Time
	from, to int64
	old      []int64
	live     map[int64]bool // events in some queue
	dropped  int
}

func (p *pruning) run(tx *sqlitefile.Tx) error {
	p.to, p.old, p.live, p.dropped = p.from, nil, map[int64]bool{}, 0
	err := tx.Prepare(`SELECT seq, accepted_at < ? FROM events WHERE seq > ? ORDER BY seq LIMIT ?`).
		Time(p.before).Int(p.from).Int(pruneAtOnce).Each(func(r sqlitefile.Row) error {
		seq := r.Int()
		if !r.Bool() {
			return errFull
		}
		p.to, p.old = seq, append(p.old, seq)
		return nil
	})
	if err = ignoreFull(err); err == nil && len(p.old) > 0 {
		err = p.findLive(tx.Conn)
	}
	for _, seq := range p.old {
		if err == nil && !p.live[seq] {
			p.dropped++
			err = tx.Prepare(`DELETE FROM events WHERE seq = ?`).Int(seq).Exec()
		}
	}
	return err
}

func (p *pruning) findLive(c *sqlitefile.Conn) error {
	for _, rest := range []string{`retries`, `dead`} {
		err := c.Prepare(`SELECT r.seq FROM queues q CROSS JOIN ` + rest +
			` r WHERE r.queue = q.id AND r.seq > ? AND r.seq <= ?`).
			Int(p.from).Int(p.to).Each(p.add)
		if err != nil {
			return err
		}
	}
	err := c.Prepare(`SELECT items FROM leases`).Each(func(r sqlitefile.Row) error {
		items, err := decodeItems(r.Text())
		for _, seq := range items {
			p.live[seq] = true
		}
		return err
	})
	// By lane, since waiting has no other order.
	for queue, lane := int64(0), int64(0); err == nil; {
		var there bool
		there, err = c.Prepare(`SELECT queue, lane FROM waiting WHERE (queue, lane) > (?, ?)
			ORDER BY queue, lane LIMIT 1`).
			Int(queue).Int(lane).First(func(r sqlitefile.Row) { queue, lane = r.Int(), r.Int() })
		if err != nil || !there {
			return err
		}
		err = c.Prepare(`SELECT seq FROM waiting WHERE queue = ? AND lane = ? AND seq > ? AND seq <= ?`).
			Int(queue).Int(lane).Int(p.from).Int(p.to).Each(p.add)
	}
	return err
}

func (p *pruning) add(r sqlitefile.Row) error {
	p.live[r.Int()] = true
	return nil
}

// Scrub implements [queue.Pruner].
func (q *Queue) Scrub(ctx context.Context) error {
	return queue.Wrap("truncate the log", q.file.TruncateLog(ctx))
}
