package sqlitestore

import (
	"context"
	"time"

	"bellhop"
	"bellhop/internal/sqlitefile"
	"bellhop/store/driver"
	"bellhop/store/rows"
)

const oldOrders = ` FROM orders o CROSS JOIN shops s ON s.id = o.shop_id WHERE o.updated_at < ?
	AND o.placed_at IS NOT NULL AND o.redacted_at IS NULL ORDER BY o.updated_at LIMIT ?`

// OldOrders implements [store.Erasing].
func (db *DB) OldOrders(ctx context.Context, before time.Time, limit int) ([]bellhop.Order, error) {
	if err := driver.CheckLimit(limit); err != nil {
		return nil, err
	}
	return list(ctx, db.proceed, "look for old orders", rows.OrderOfAny[sqlitefile.Row],
		`SELECT s.domain, `+orderColumns+oldOrders, before.UnixMicro(), limit)
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
	if err != nil {
		return 0, err
	}
	return put(ctx, db, "drop old lines", func(tx *sqlitefile.Tx) (int, error) {
		if err := dropStatementLines(tx, before, limit); err != nil {
			return 0, err
		}
		return dropEvents(tx, old, false)
	})
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
