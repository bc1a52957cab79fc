package sqlitestore

import (
	"context"
	"time"

	"bellhop"
	"bellhop/internal/sqlitefile"
	"bellhop/store/driver"
	"bellhop/store/rows"
)

// oldOrders is a step through a shop's orders by their last change.
const oldOrders = ` FROM orders WHERE shop_id = ?1 AND placed_at IS NOT NULL AND (updated_at, order_id) > (?2, ?3)
	AND updated_at < ?4 ORDER BY updated_at, order_id LIMIT `

// OldOrders implements [store.Erasing].
func (db *DB) OldOrders(ctx context.Context, shop string, before time.Time, place string, limit int) (
	found []bellhop.Order, next string, err error) {
	w, err := driver.OldWalk(place, limit)
	if err != nil {
		return nil, "", err
	}
	err = db.proceed(ctx, "look for old orders", func(c *sqlitefile.Conn) error {
		own, err := shopID(c, shop)
		if err != nil {
			return err
		}
		args := []any{own, w.At[0], w.At[1], before.UnixMicro()}
		found, err = sqlitefile.All(c.Prepare(`SELECT `+orderColumns+` FROM (SELECT no`+oldOrders+`?5) w
			CROSS JOIN orders o ON o.no = w.no WHERE o.redacted_at IS NULL ORDER BY o.updated_at, o.order_id LIMIT ?6`).
			Bind(args...).Int(driver.EraseAhead).Int(int64(limit)), rows.OrderOf[sqlitefile.Row](shop))
		if err != nil {
			return err
		}
		last := c.Prepare(`SELECT updated_at, order_id` + oldOrders + `1 OFFSET ?5`).Bind(args...)
		_, err = last.Int(driver.EraseAhead - 1).First(func(r sqlitefile.Row) { w.End(r.Int(), r.Int()) })
		return err
	})
	if err != nil {
		return nil, "", err
	}
	return found, w.Next(found), nil
}

// PruneLedger implements [store.Erasing]. It goes through the archive in its order, up to the first event that
// is too young.
func (db *DB) PruneLedger(ctx context.Context, before time.Time, limit int) (int, error) {
	if err := driver.CheckLimit(limit); err != nil {
		return 0, err
	}
	var old []archived
	err := db.proceed(ctx, "look for old lines", func(c *sqlitefile.Conn) error {
		err := c.Prepare(`SELECT e.seq, e.id, e.accepted_at < ?, l.outcome IS NOT NULL AND (l.outcome <> 'dead' OR e.body IS NULL)
			FROM events e LEFT JOIN ledger l ON l.seq = e.seq ORDER BY e.seq`).Int(before.UnixMicro()).
			Each(func(r sqlitefile.Row) error {
				a := archived{r.Int(), bellhop.EventID(r.Blob()).String()}
				if !r.Bool() || len(old) == limit {
					return errEnough
				}
				if r.Bool() {
					old = append(old, a)
				}
				return nil
			})
		return ignore(err, errEnough)
	})
	if err != nil || len(old) == 0 {
		return 0, err
	}
	return put(ctx, db, "drop old lines", func(tx *sqlitefile.Tx) (int, error) { return dropEvents(tx, old, false) })
}

// mergeAtOnce is how many pages of the search index, of 16 kB, one transaction merges.
const mergeAtOnce = 16

// Scrub implements [store.Erasing].
func (db *DB) Scrub(ctx context.Context) error {
	for pages, more := -mergeAtOnce, true; more; pages = mergeAtOnce {
		var err error
		if more, err = db.merge(ctx, pages); err != nil {
			return err
		}
	}
	return wrap("truncate the log", db.file.TruncateLog(ctx))
}

// merge merges a part of the search index, which keeps the tokens of what was deleted until it merges them. A
// negative number of pages begins a merge of all; more is false at its end.
func (db *DB) merge(ctx context.Context, pages int) (more bool, err error) {
	return put(ctx, db, "merge the search index", func(tx *sqlitefile.Tx) (bool, error) {
		before := tx.AllChanges()
		err := tx.Prepare(`INSERT INTO search (search, rank) VALUES ('merge', ?)`).Int(int64(pages)).Exec()
		return tx.AllChanges()-before > 1, err
	})
}
