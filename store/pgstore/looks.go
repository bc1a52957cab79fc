package pgstore

import (
	"context"

	"github.com/jackc/pgx/v5"

	"bellhop"
	"bellhop/internal/postgres"
	"bellhop/store/driver"
)

const lookColumns = `id, at, email, what, about`

func readLook(r pgx.Rows) (l bellhop.Look, err error) {
	err = r.Scan(&l.ID, postgres.TimeTo(&l.At), &l.Email, &l.What, &l.About)
	return l, err
}

// AddLook implements [store.Looks].
func (db *DB) AddLook(ctx context.Context, l bellhop.Look) error {
	err := db.api.Once(ctx, func(b *postgres.Batch) {
		b.Exec(`INSERT INTO looks (at, email, what, about) VALUES ($1, $2, $3, $4)`, postgres.Always(l.At), l.Email, l.What, l.About)
	})
	return wrap("write down who looked", err)
}

// Looks implements [store.Looks].
func (db *DB) Looks(ctx context.Context, about string, limit int) ([]bellhop.Look, error) {
	if err := driver.CheckLimit(limit); err != nil {
		return nil, err
	}
	return list(ctx, db.api, "list who looked", readLook,
		`SELECT `+lookColumns+` FROM looks WHERE about = $1 ORDER BY id DESC LIMIT $2`, about, limit)
}
