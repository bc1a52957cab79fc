package pgstore

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"time"

	"bellhop"
	"bellhop/internal/postgres"
	"bellhop/store"
	"bellhop/store/driver"
	"bellhop/store/rows"
)

// AddAccess implements [store.AccessLog].
func (db *DB) AddAccess(ctx context.Context, l bellhop.Access) error {
	err := db.api.Once(ctx, func(b *postgres.Batch) {
		b.Exec(`INSERT INTO looks AS l (at, email, what, about, n, shop)
			SELECT $1, $2, $3, $4, $5, coalesce((SELECT domain FROM shops WHERE domain = $6), '')
			ON CONFLICT (shop, at, email, what, about) WHERE shop <> '' DO UPDATE SET n = l.n + excluded.n`,
			postgres.Always(l.At), l.By, l.What, l.About, cmp.Or(l.N, 1),
			l.Shop)
	})
	return wrap("log an access", err)
}

// Accesses implements [store.AccessLog].
func (db *DB) Accesses(ctx context.Context, q store.AccessQuery) (page store.AccessPage, err error) {
	at, id := int64(math.MaxInt64), int64(math.MaxInt64)
	limit, err := driver.Page(q.Limit, q.Cursor, &at, &id)
	if err != nil {
		return page, err
	}
	where, args := ``, []any{int64(limit + 1)}
	if q.Cursor != "" {
		where, args = ` AND (at, id) < ($2, $3)`, append(args, postgres.Always(time.UnixMicro(at)), id)
	}
	for _, f := range driver.AccessFilters(q) {
		args = append(args, f.Value)
		where += fmt.Sprintf(` AND %s = $%d`, f.Column, len(args))
	}
	found, err := list(ctx, db.api, "list accesses", rows.Access[*postgres.Row],
		`SELECT `+rows.AccessColumns+` FROM looks WHERE true`+where+` ORDER BY at DESC, id DESC LIMIT $1`, args...)
	page.Accesses, page.Next = driver.Cut(found, limit, driver.AccessCursor)
	return page, err
}

// PruneAccesses implements [store.AccessLog].
func (db *DB) PruneAccesses(ctx context.Context, before time.Time, limit int) (int, error) {
	if err := driver.CheckLimit(limit); err != nil {
		return 0, err
	}
	var n int64
	err := db.worker.Once(ctx, func(b *postgres.Batch) {
		b.Count(&n, `DELETE FROM looks WHERE id IN (SELECT id FROM looks WHERE at < $1 LIMIT $2)`, postgres.Always(before),
			int64(limit))
	})
	return int(n), wrap("drop old accesses", err)
}
