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
	st := c.Prepare(`INSERT INTO shops (` + rows.ShopColumns + `) VALUES (` + marks(rows.ShopColumns) + `)`)
	return bindShop(st.Text(s.Domain).Text(s.Secret).Text(s.PreviousSecret).Int(micros(s.AddedAt)), s).Exec()
}

// bindShop binds rows.ShopChanges.
func bindShop(st *sqlitefile.Stmt, s *bellhop.Shop) *sqlitefile.Stmt {
	return st.Bool(s.Disabled).Bool(s.OwnSecretOnly).Bool(s.CustomerInPush).Time(s.LastEventAt).
		TextOrNull(string(s.LastSignedBy)).Text(s.Name).Text(s.Currency).Text(s.Timezone).Text(s.Plan).Text(s.Email).
		Time(s.InfoAt).Time(s.UninstalledAt).TextOrNull(driver.WriteRota(s.Rota))
}

// Shops implements [store.Shops].
func (db *DB) Shops(ctx context.Context) ([]bellhop.Shop, error) {
	return list(ctx, db.proceed, "list shops", rows.Shop, `SELECT `+rows.ShopColumns+` FROM shops ORDER BY domain`)
}

// updateShop writes all of a shop but its domain and added_at.
var updateShop = `UPDATE shops SET (secret, previous_secret, ` + rows.ShopChanges + `) = (?,?,` +
	marks(rows.ShopChanges) + `) WHERE domain = ?`

// Shop implements [store.Shops].
func (db *DB) Shop(ctx context.Context, domain string) (bellhop.Shop, error) {
	return get(ctx, db.read, "look up a shop", func(c *sqlitefile.Conn) (bellhop.Shop, error) {
		return first(c.Prepare(oneShop).Text(domain), "shop", rows.Shop)
	})
}

const oneShop = `SELECT ` + rows.ShopColumns + ` FROM shops WHERE domain = ?`

// UpdateShop implements [store.Shops]. change may be called more than once.
func (db *DB) UpdateShop(ctx context.Context, domain string, change func(*bellhop.Shop)) error {
	return db.write(ctx, "update a shop", func(tx *sqlitefile.Tx) error {
		s, err := first(tx.Prepare(oneShop).Text(domain), "shop", rows.Shop)
		if err != nil {
			return err
		}
		change(&s)
		return bindShop(tx.Prepare(updateShop).Text(s.Secret).Text(s.PreviousSecret), &s).Text(domain).Exec()
	})
}
