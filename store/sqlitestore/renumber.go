package sqlitestore

import (
	"context"

	"bellhop/internal/sqlitefile"
)

// Renumber implements [store.Store].
func (db *DB) Renumber(ctx context.Context, above int64) error {
	return db.write(ctx, "renumber", func(tx *sqlitefile.Tx) error { return renumber(tx.Conn, above) })
}

// carryOver has a backup go on above what was given out in the file that it replaces.
func carryOver(from, to *sqlitefile.Conn, above int64) error {
	for _, query := range []string{newestChange, newestPush} {
		last, err := from.Prepare(query).One()
		if err != nil {
			return err
		}
		if last >= above { // the clock went back
			above = last + sqlitefile.IDRoom
		}
	}
	return renumber(to, above)
}

const (
	newestChange = `SELECT max(seq) FROM changes`
	newestPush   = `SELECT max(id) FROM pushes`
)

// renumber moves the whole stream, so that what lies between two of its numbers is
// still how many changes there were. Of pushes, whose ids phones keep, only the next
// one's is raised.
func renumber(c *sqlitefile.Conn, above int64) error {
	last, err := c.Prepare(newestChange).One()
	if err != nil {
		return err
	}
	if last < above {
		for _, move := range []string{`UPDATE changes SET seq = seq + ?`, `UPDATE relays SET cursor = cursor + ?`} {
			if err := c.Prepare(move).Int(above - last).Exec(); err != nil {
				return err
			}
		}
		if err := holdChange(c, above); err != nil {
			return err
		}
	}
	return holdPush(c, above)
}

// holdChange and holdPush have a number count as given out, unless a greater one was:
// the next is one more than that of the newest row, which is never removed. The row
// that they add is of no shop, so that nobody sees it.
func holdChange(c *sqlitefile.Conn, seq int64) error {
	last, err := c.Prepare(newestChange).One()
	if err != nil || last >= seq {
		return err
	}
	return c.Prepare(`INSERT INTO changes (seq, kind, shop_id, order_id, at) VALUES (?, 'order.updated', 0, 0, 0)`).
		Int(seq).Exec()
}

func holdPush(c *sqlitefile.Conn, id int64) error {
	last, err := c.Prepare(newestPush).One()
	if err != nil || last >= id {
		return err
	}
	return c.Prepare(`INSERT INTO pushes (id, shop_id, order_no, device_id, kind, status, attempts, created_at)
		VALUES (?1, 0, ?1, 0, 'order.new', 'sent', 0, 0)`).Int(id).Exec()
}
