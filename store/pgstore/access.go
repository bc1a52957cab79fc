package pgstore

import (
	"context"

	"github.com/jackc/pgx/v5"

	"bellhop"
	"bellhop/internal/postgres"
	"bellhop/store/driver"
)

const accessColumns = `id, at, email, what, about`

func readAccess(r pgx.Rows) (l bellhop.Access, err error) {
	err = r.Scan(&l.ID, postgres.TimeTo(&l.At), &l.Email, &l.What, &l.About)
	return l, err
}

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
	return list(ctx, db.api, "list accesses", readAccess,
		`SELECT `+accessColumns+` FROM looks WHERE about = $1 ORDER BY id DESC LIMIT $2`, about, limit)
}
