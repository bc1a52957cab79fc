package sqlitestore

import (
	"context"

	"bellhop/internal/sqlitefile"
	"bellhop/store"
	"bellhop/store/driver"
	"bellhop/store/rows"
	"bellhop/store/rules"
)

func trim(c *sqlitefile.Conn, newest int64) error {
	oldest, behind := newest, newest
	_, err := c.Prepare(`SELECT min(seq), (SELECT min(cursor) FROM relays) FROM changes`).First(func(r sqlitefile.Row) {
		if oldest = r.Int(); !r.Null() {
			behind = r.Int()
		}
	})
	if err != nil {
		return err
	}
	return c.Prepare(`DELETE FROM changes WHERE seq <= ?`).Int(rules.TrimTo(oldest, newest, behind)).Exec()
}

// Changes implements [store.Stream].
func (db *DB) Changes(ctx context.Context, shop string, after int64, limit int) ([]store.Change, error) {
	if err := driver.CheckLimit(limit); err != nil {
		return nil, err
	}
	if shop == "" {
		return list(ctx, db.proceed, "read the stream", rows.Change, `SELECT `+rows.ChangeColumns+`
			FROM changes c JOIN shops s ON s.id = c.shop_id WHERE c.seq > ? ORDER BY c.seq LIMIT ?`, after, limit)
	}
	return list(ctx, db.proceed, "read the stream", rows.Change, `SELECT `+rows.ChangeColumns+`
		FROM shops s CROSS JOIN changes c ON c.shop_id = s.id
		WHERE s.domain = ? AND c.seq > ? ORDER BY c.seq LIMIT ?`, shop, after, limit)
}

// LastChange implements [store.Stream].
func (db *DB) LastChange(ctx context.Context) (int64, error) {
	return db.change(ctx, `SELECT max(seq) FROM changes`)
}

// FirstChange implements [store.Stream].
func (db *DB) FirstChange(ctx context.Context) (int64, error) {
	return db.change(ctx, `SELECT min(seq) FROM changes`)
}

func (db *DB) change(ctx context.Context, query string) (int64, error) {
	return get(ctx, db.proceed, "read the stream", func(c *sqlitefile.Conn) (int64, error) {
		return c.Prepare(query).One()
	})
}

// Changed implements [store.Stream].
func (db *DB) Changed() <-chan struct{} { return db.file.Changed() }
