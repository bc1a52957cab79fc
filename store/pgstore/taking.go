package pgstore

import (
	"context"
	"time"

	"bellhop"
	"bellhop/internal/postgres"
	"bellhop/store"
	"bellhop/store/driver"
	"bellhop/store/rows"
	"bellhop/store/rules"
)

const lockOrder = `SELECT s.id, o.order_id, s.rota, ` + rows.TakingColumns + ` FROM shops s JOIN orders o
	ON o.shop_id = s.id WHERE s.domain = $1 AND o.order_id = $2 FOR NO KEY UPDATE OF o`

// lockTaking locks an order, and loads who has it with its shop's rota.
func lockTaking(b *postgres.Batch, before *rules.TakeBefore, shop string, id int64) {
	*before = rules.TakeBefore{}
	b.Rows(func(r *postgres.Row) {
		before.Shop, before.ID, before.Rota, before.Taking = r.Int(), r.Int(), rows.Rota(r), rows.Taking(r)
	}, lockOrder, shop, id)
}

// Take implements [store.Orders].
func (db *DB) Take(ctx context.Context, shop string, id int64, c store.TakeChange) (bellhop.Order, error) {
	c.At = c.At.Truncate(time.Microsecond).UTC()
	var o whole
	err := db.api.Write(ctx, func(tx *postgres.Tx) error {
		var before rules.TakeBefore
		err := tx.Do(func(b *postgres.Batch) {
			lockTaking(b, &before, shop, id)
			o.load(b, shop, id)
		})
		if err == nil && !o.there {
			err = driver.NotFound("order")
		}
		if err != nil {
			return err
		}
		before.Order = &o.order
		to, changes, err := rules.PlanTake(before, c)
		if err != nil || to == nil {
			return err
		}
		err = tx.Do(func(b *postgres.Batch) {
			exec(b, updateTakings, takingTo(&postgres.Rows{}, before.OrderKey, to))
			o.load(b, shop, id)
		})
		if err != nil {
			return err
		}
		return newWrites(db, changes).commit(ctx, tx, func(*postgres.Batch) {})
	})
	if err != nil {
		return bellhop.Order{}, wrap("take an order", err)
	}
	return o.order, nil
}

const takingTypes = `bigint timestamptz text timestamptz `

var updateTakings = `UPDATE orders o SET ` + assign(rows.TakingColumns) + ` FROM ` +
	postgres.Unnest(keyTypes+takingTypes) + ` AS n(` + keyColumns + `, ` + rows.TakingColumns + `)
		WHERE o.shop_id = n.shop_id AND o.order_id = n.order_id`

// takingTo adds who has an order; nil is nobody.
func takingTo(r *postgres.Rows, k rules.OrderKey, t *rules.Taking) *postgres.Rows {
	return fillTaking(r.Next().Int(k.Shop).Int(k.ID), t)
}

func fillTaking(r *postgres.Rows, t *rules.Taking) *postgres.Rows {
	if t == nil {
		return r.IntOrNull(0).Time(time.Time{}).TextOrNull("").Time(time.Time{})
	}
	return r.IntOrNull(t.By).Time(t.At).TextOrNull(t.Document()).Time(t.Due)
}
