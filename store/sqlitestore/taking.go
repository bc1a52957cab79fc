package sqlitestore

import (
	"context"
	"time"

	"bellhop"
	"bellhop/internal/sqlitefile"
	"bellhop/store"
	"bellhop/store/rows"
	"bellhop/store/rules"
)

// Take implements [store.Orders].
func (db *DB) Take(ctx context.Context, shop string, id int64, c store.TakeChange) (bellhop.Order, error) {
	c.At = c.At.Truncate(time.Microsecond).UTC()
	changed := false
	o, err := put(ctx, db, "take an order", func(tx *sqlitefile.Tx) (bellhop.Order, error) {
		o, err := readWhole(tx.Conn, shop, id)
		if err != nil {
			return o, err
		}
		b := rules.TakeBefore{Order: &o}
		row, err := loadTaking(tx.Conn, &b, shop, id)
		if err != nil {
			return o, err
		}
		to, changes, err := rules.PlanTake(b, c)
		if err != nil || to == nil {
			return o, err
		}
		changed = true
		if err := saveTaking(tx.Conn, row, to); err != nil {
			return o, err
		}
		if err := saveChanges(tx.Conn, changes); err != nil {
			return o, err
		}
		return readWhole(tx.Conn, shop, id)
	})
	if err == nil && changed {
		db.wake()
	}
	return o, err
}

// loadTaking loads who has an order, and its shop's rota.
func loadTaking(c *sqlitefile.Conn, b *rules.TakeBefore, shop string, id int64) (row int64, err error) {
	_, err = c.Prepare(`SELECT o.shop_id, o.no, s.rota, ` + rows.TakingColumns + ` FROM orders o
		JOIN shops s ON s.id = o.shop_id WHERE s.domain = ? AND o.order_id = ?`).Text(shop).Int(id).First(
		func(r sqlitefile.Row) {
			b.Shop, b.ID, row, b.Rota, b.Taking = r.Int(), id, r.Int(), rows.Rota(r), rows.Taking(r)
		})
	return row, err
}

// saveTaking saves who has an order; nil is nobody.
func saveTaking(c *sqlitefile.Conn, row int64, t *rules.Taking) error {
	st := c.Prepare(`UPDATE orders SET (` + rows.TakingColumns + `) = (?,?,?,?) WHERE no = ?`)
	if t == nil {
		return st.Null().Null().Null().Null().Int(row).Exec()
	}
	return st.IntOrNull(t.By).Time(t.At).Text(t.Document()).Time(t.Due).Int(row).Exec()
}
