package pgstore

import (
	"context"

	"github.com/jackc/pgx/v5"

	"bellhop/internal/postgres"
	"bellhop/store"
	"bellhop/store/driver"
	"bellhop/store/rows"
	"bellhop/store/rules"
)

const listChanges = `SELECT ` + rows.ChangeColumns + ` FROM changes c
	JOIN shops s ON s.id = c.shop_id WHERE c.seq > $1 AND ($2 = '' OR s.domain = $2) ORDER BY c.seq LIMIT $3`

// Changes implements [store.Stream].
func (db *DB) Changes(ctx context.Context, shop string, after int64, limit int) ([]store.Change, error) {
	if err := driver.CheckLimit(limit); err != nil {
		return nil, err
	}
	return list(ctx, db.api, "read the stream", rows.Change, listChanges, after, shop, limit)
}

// LastChange implements [store.Stream].
func (db *DB) LastChange(ctx context.Context) (int64, error) {
	return db.change(ctx, `SELECT max(seq) FROM changes`)
}

// FirstChange implements [store.Stream].
func (db *DB) FirstChange(ctx context.Context) (int64, error) {
	return db.change(ctx, `SELECT min(seq) FROM changes`)
}

func (db *DB) change(ctx context.Context, query string) (seq int64, err error) {
	err = db.api.Read(ctx, func(b *postgres.Batch) { value(b, postgres.IntTo(&seq), query) })
	return seq, wrap("read the stream", err)
}

// trim drops old changes. The change itself is committed by then, and the next full chunk
// makes up for a failure.
func (db *DB) trim(ctx context.Context, newest int64) {
	if newest <= store.KeepChanges {
		return
	}
	ctx = context.WithoutCancel(ctx)
	var oldest, behind int64
	err := db.worker.Read(ctx, func(b *postgres.Batch) {
		b.Each(func(r pgx.Rows) error { return r.Scan(postgres.IntTo(&oldest), &behind) },
			`SELECT min(seq), coalesce((SELECT min(cursor) FROM relays), $1::bigint) FROM changes`, newest)
	})
	if err == nil {
		err = db.worker.Once(ctx, func(b *postgres.Batch) {
			b.Exec(`DELETE FROM changes WHERE seq <= $1`, rules.TrimTo(oldest, newest, behind))
		})
	}
	if err != nil {
		db.pools.Log().Warn("drop old changes", "err", err)
	}
}
