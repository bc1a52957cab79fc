package pgstore

import (
	"context"

	"bellhop"
	"bellhop/internal/postgres"
	"bellhop/store/driver"
	"bellhop/store/rows"
)

// AddAccess implements [store.AccessLog].
func (db *DB) AddAccess(ctx context.Context, l bellhop.Access) error {
	err := db.api.Once(ctx, func(b *postgres.Batch) {
		b.Exec(`INSERT INTO looks (at, email, what, about) VALUES ($1, $2, $3, $4)`, postgres.Always(l.At), l.Email, l.What,
			l.About)
	})
	return wrap("log an access", err)
}

// Accesses implements [store.AccessLog].
func (db *DB) Accesses(ctx context.Context, about string, limit int) ([]bellhop.Access, error) {
	if err := driver.CheckLimit(limit); err != nil {
		return nil, err
	}
	return list(ctx, db.api, "list accesses", rows.Access,
		`SELECT `+rows.AccessColumns+` FROM looks WHERE about = $1 ORDER BY id DESC LIMIT $2`, about, limit)
}
