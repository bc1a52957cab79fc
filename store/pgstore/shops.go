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
	err := db.api.Once(ctx, func(b *postgres.Batch) { exec(b, importShops, shopRow(&s)) })
	return wrap("add a shop", taken("shop", err))
}

// shopTypes are the types of rows.ShopColumns, and those of shopChangesTo.
const (
	shopTypes   = "text text text timestamptz " + changeTypes
	changeTypes = "boolean boolean boolean timestamptz text text text text text text timestamptz timestamptz text"
)

func shopRow(s *bellhop.Shop) *postgres.Rows {
	var r postgres.Rows
	fillShop(r.Next(), s)
	return &r
}

func fillShop(r *postgres.Rows, s *bellhop.Shop) {
	shopChangesTo(r.Text(s.Domain).Text(s.Secret).Text(s.PreviousSecret).Always(s.AddedAt), s)
}

// shopChangesTo adds rows.ShopChanges.
func shopChangesTo(r *postgres.Rows, s *bellhop.Shop) {
	r.Bool(s.Disabled).Bool(s.OwnSecretOnly).Bool(s.CustomerInPush).Time(s.LastEventAt).Text(string(s.LastSignedBy)).
		Text(s.Name).Text(s.Currency).Text(s.Timezone).Text(s.Plan).Text(s.Email).Time(s.InfoAt).Time(s.UninstalledAt).
		TextOrNull(driver.WriteRota(s.Rota))
}

// Shops implements [store.Shops], over the pool for accepting events.
func (db *DB) Shops(ctx context.Context) ([]bellhop.Shop, error) {
	return list(ctx, db.webhooks, "list shops", rows.Shop,
		`SELECT `+rows.ShopColumns+` FROM shops ORDER BY domain COLLATE "C"`)
}

// updateShop writes all of a shop but its domain and added_at.
var updateShop = `UPDATE shops s SET secret = n.secret, previous_secret = n.previous_secret, ` + assign(rows.ShopChanges) +
	` FROM ` + postgres.Unnest("text text text "+changeTypes) + ` AS n(domain, secret, previous_secret, ` +
	rows.ShopChanges + `) WHERE s.domain = n.domain`

// Shop implements [store.Shops].
func (db *DB) Shop(ctx context.Context, domain string) (bellhop.Shop, error) {
	return only(ctx, db.api, "shop", rows.Shop, oneShop, domain)
}

const oneShop = `SELECT ` + rows.ShopColumns + ` FROM shops WHERE domain = $1`

// UpdateShop implements [store.Shops]. change may be called more than once.
func (db *DB) UpdateShop(ctx context.Context, domain string, change func(*bellhop.Shop)) error {
	err := db.api.Write(ctx, func(tx *postgres.Tx) error {
		var s bellhop.Shop
		err := tx.Do(func(b *postgres.Batch) {
			one(b, &s, rows.Shop, oneShop+` FOR NO KEY UPDATE`, domain)
		})
		if err == nil && s.Domain == "" {
			err = driver.NotFound("shop")
		}
		if err != nil {
			return err
		}
		change(&s)
		var r postgres.Rows
		shopChangesTo(r.Next().Text(domain).Text(s.Secret).Text(s.PreviousSecret), &s)
		return tx.Commit(func(b *postgres.Batch) { exec(b, updateShop, &r) })
	})
	return wrap("update a shop", err)
}
