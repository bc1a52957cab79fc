package sqlitestore

import (
	"context"

	"bellhop"
	"bellhop/internal/sqlitefile"
	"bellhop/store/driver"
	"bellhop/store/rows"
)

// AddAccess implements [store.AccessLog].
func (db *DB) AddAccess(ctx context.Context, l bellhop.Access) error {
	return db.write(ctx, "log an access", func(tx *sqlitefile.Tx) error {
		return tx.Prepare(`INSERT INTO looks (at, email, what, about) VALUES (?,?,?,?)`).
			Int(micros(l.At)).Text(l.Email).Text(l.What).Text(l.About).Exec()
	})
}

// Accesses implements [store.AccessLog].
func (db *DB) Accesses(ctx context.Context, about string, limit int) ([]bellhop.Access, error) {
	if err := driver.CheckLimit(limit); err != nil {
		return nil, err
	}
	return list(ctx, db.read, "list accesses", rows.Access,
		`SELECT `+rows.AccessColumns+` FROM looks WHERE about = ? ORDER BY id DESC LIMIT ?`, about, limit)
}
