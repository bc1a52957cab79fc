package pgstore

import (
	"context"

	"bellhop"
	"bellhop/internal/postgres"
	"bellhop/store/driver"
	"bellhop/store/rows"
)

// AddShop implements [store.Shops].
func (db *DB) AddShop(ctx context.Context, s bellhop.Shop) error {
	if err := driver.CheckShop(s); err != nil {
		return err
	}
	err := db.api.Once(ctx, func(b *postgres.Batch) {
		b.Exec(`INSERT INTO shops (`+rows.ShopColumns+`) VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9)`,
			s.Domain, s.Disabled, s.Secret, s.PreviousSecret, s.OwnSecretOnly, s.CustomerInPush,
			postgres.Always(s.AddedAt), postgres.Time(s.LastEventAt), string(s.LastSignedBy))
	})
	return wrap("add a shop", taken("shop", err))
}

// Shops implements [store.Shops], over the pool for accepting events.
func (db *DB) Shops(ctx context.Context) ([]bellhop.Shop, error) {
	return list(ctx, db.webhooks, "list shops", rows.Shop,
		`SELECT `+rows.ShopColumns+` FROM shops ORDER BY domain COLLATE "C"`)
}

// UpdateShop implements [store.Shops]. change may be called more than once.
func (db *DB) UpdateShop(ctx context.Context, domain string, change func(*bellhop.Shop)) error {
	err := db.api.Write(ctx, func(tx *postgres.Tx) error {
		var s bellhop.Shop
		err := tx.Do(func(b *postgres.Batch) {
			one(b, &s, rows.Shop, `SELECT `+rows.ShopColumns+` FROM shops WHERE domain = $1 FOR NO KEY UPDATE`, domain)
		})
		if err == nil && s.Domain == "" {
			err = driver.NotFound("shop")
		}
		if err != nil {
			return err
		}
		change(&s)
		return tx.Commit(func(b *postgres.Batch) {
			b.Exec(`UPDATE shops SET disabled = $2, secret = $3, previous_secret = $4, own_secret_only = $5,
				customer_in_push = $6, last_event_at = $7, last_signed_by = $8 WHERE domain = $1`,
				domain, s.Disabled, s.Secret, s.PreviousSecret, s.OwnSecretOnly, s.CustomerInPush,
				postgres.Time(s.LastEventAt), string(s.LastSignedBy))
		})
	})
	return wrap("update a shop", err)
}
