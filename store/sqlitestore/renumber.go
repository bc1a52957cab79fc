package sqlitestore

import (
	"cmp"
	"context"

	"bellhop/internal/sqlitefile"
)

// Renumber implements [store.Store].
func (db *DB) Renumber(ctx context.Context, above int64) error {
	return db.write(ctx, "renumber", func(tx *sqlitefile.Tx) error { return renumber(tx.Conn, above) })
}

// carryOver makes a backup go on above the numbers of the file that it replaces, with its connections.
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
	if err := renumber(to, above); err != nil {
		return err
	}
	return cmp.Or(carryBackups(from, to), carryConnections(from, to), carryStatements(from, to))
}

const (
	newestChange = `SELECT max(seq) FROM changes`
	newestPush   = `SELECT max(id) FROM pushes`
)

// renumber moves the whole stream, so that two numbers stay as far apart as before. It
// raises only the next push's id, since phones keep the ids of pushes.
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
	for _, due := range []string{`UPDATE connections SET check_due = connected_at, subscriptions = ''`,
		`UPDATE reconciliations SET due = 0 WHERE due IS NOT NULL`} {
		if err := c.Prepare(due).Exec(); err != nil {
			return err
		}
	}
	return holdPush(c, above)
}

// holdChange and holdPush raise the next number: it is one above the newest row's, which
// nobody removes. The row that they add has no shop, so nobody sees it.
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
