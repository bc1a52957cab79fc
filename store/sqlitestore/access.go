package sqlitestore

import (
	"cmp"
	"context"
	"math"
	"time"

	"bellhop"
	"bellhop/internal/sqlitefile"
	"bellhop/store"
	"bellhop/store/driver"
	"bellhop/store/rows"
)

// AddAccess implements [store.AccessLog].
func (db *DB) AddAccess(ctx context.Context, l bellhop.Access) error {
	return db.write(ctx, "log an access", func(tx *sqlitefile.Tx) error {
		return tx.Prepare(`INSERT INTO looks (at, email, what, about, n, shop)
			VALUES (?,?,?,?,?, coalesce((SELECT domain FROM shops WHERE domain = ?), ''))
			ON CONFLICT (shop, at, email, what, about) WHERE shop <> '' DO UPDATE SET n = n + excluded.n`).
			Int(micros(l.At)).Text(l.By).Text(l.What).Text(l.About).Int(cmp.Or(l.N, 1)).Text(l.Shop).Exec()
	})
}

// Accesses implements [store.AccessLog].
func (db *DB) Accesses(ctx context.Context, q store.AccessQuery) (page store.AccessPage, err error) {
	at, id := int64(math.MaxInt64), int64(math.MaxInt64)
	limit, err := driver.Page(q.Limit, q.Cursor, &at, &id)
	if err != nil {
		return page, err
	}
	where, args := `WHERE (at, id) < (?, ?)`, []any{at, id}
	for _, f := range driver.AccessFilters(q) {
		where, args = where+` AND `+f.Column+` = ?`, append(args, f.Value)
	}
	found, err := list(ctx, db.read, "list accesses", rows.Access[sqlitefile.Row],
		`SELECT `+rows.AccessColumns+` FROM looks `+where+` ORDER BY at DESC, id DESC LIMIT ?`, append(args, limit+1)...)
	page.Accesses, page.Next = driver.Cut(found, limit, driver.AccessCursor)
	return page, err
}

// PruneAccesses implements [store.AccessLog].
func (db *DB) PruneAccesses(ctx context.Context, before time.Time, limit int) (int, error) {
	if err := driver.CheckLimit(limit); err != nil {
		return 0, err
	}
	return put(ctx, db, "drop old accesses", func(tx *sqlitefile.Tx) (int, error) {
		err := tx.Prepare(`DELETE FROM looks WHERE id IN (SELECT id FROM looks WHERE at < ? LIMIT ?)`).Int(micros(before)).
			Int(int64(limit)).Exec()
		return int(tx.Changes()), err
	})
}
