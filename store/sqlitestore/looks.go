package sqlitestore

import (
	"context"

	"bellhop"
	"bellhop/internal/sqlitefile"
	"bellhop/store/driver"
)

const lookColumns = `id, at, email, what, about`

func readLook(r sqlitefile.Row) bellhop.Look {
	return bellhop.Look{ID: r.Int(), At: r.Time(), Email: r.Text(), What: r.Text(), About: r.Text()}
}

// AddLook implements [store.Looks].
func (db *DB) AddLook(ctx context.Context, l bellhop.Look) error {
	return db.write(ctx, "write down who looked", func(tx *sqlitefile.Tx) error {
		return tx.Prepare(`INSERT INTO looks (at, email, what, about) VALUES (?,?,?,?)`).
			Int(micros(l.At)).Text(l.Email).Text(l.What).Text(l.About).Exec()
	})
}

// Looks implements [store.Looks].
func (db *DB) Looks(ctx context.Context, about string, limit int) (looks []bellhop.Look, err error) {
	if err := driver.CheckLimit(limit); err != nil {
		return nil, err
	}
	err = db.read(ctx, "list who looked", func(c *sqlitefile.Conn) error {
		return c.Prepare(`SELECT ` + lookColumns + ` FROM looks WHERE about = ? ORDER BY id DESC LIMIT ?`).Text(about).Int(int64(limit)).
			Each(func(r sqlitefile.Row) error {
				looks = append(looks, readLook(r))
				return nil
			})
	})
	return looks, err
}
