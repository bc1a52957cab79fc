package sqlitestore

import (
	"context"

	"bellhop"
	"bellhop/internal/sqlitefile"
	"bellhop/store/driver"
	"bellhop/store/rows"
)

// AddShop implements [store.Shops].
func (db *DB) AddShop(ctx context.Context, s bellhop.Shop) error {
	if err := driver.CheckShop(s); err != nil {
		return err
	}
	return db.write(ctx, "add a shop", func(tx *sqlitefile.Tx) error {
		return taken("shop", insertShop(tx.Conn, &s))
	})
}

func insertShop(c *sqlitefile.Conn, s *bellhop.Shop) error {
	return c.Prepare(`INSERT INTO shops (` + rows.ShopColumns + `) VALUES (?,?,?,?,?,?,?,?,?)`).
		Text(s.Domain).Bool(s.Disabled).Text(s.Secret).Text(s.PreviousSecret).Bool(s.OwnSecretOnly).Bool(s.CustomerInPush).
		Int(micros(s.AddedAt)).Time(s.LastEventAt).TextOrNull(string(s.LastSignedBy)).Exec()
}

// Shops implements [store.Shops].
func (db *DB) Shops(ctx context.Context) ([]bellhop.Shop, error) {
	return list(ctx, db.proceed, "list shops", rows.Shop, `SELECT `+rows.ShopColumns+` FROM shops ORDER BY domain`)
}

// UpdateShop implements [store.Shops]. change may be called more than once.
func (db *DB) UpdateShop(ctx context.Context, domain string, change func(*bellhop.Shop)) error {
	return db.write(ctx, "update a shop", func(tx *sqlitefile.Tx) error {
		s, err := first(tx.Prepare(`SELECT `+rows.ShopColumns+` FROM shops WHERE domain = ?`).Text(domain), "shop", rows.Shop)
		if err != nil {
			return err
		}
		change(&s)
		return tx.Prepare(`UPDATE shops SET disabled = ?, secret = ?, previous_secret = ?, own_secret_only = ?,
			customer_in_push = ?, last_event_at = ?, last_signed_by = ? WHERE domain = ?`).
			Bool(s.Disabled).Text(s.Secret).Text(s.PreviousSecret).Bool(s.OwnSecretOnly).Bool(s.CustomerInPush).
			Time(s.LastEventAt).TextOrNull(string(s.LastSignedBy)).Text(domain).Exec()
	})
}
