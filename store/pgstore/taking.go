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

const (
	stepShops = `SELECT shop_id FROM orders WHERE ` + rows.DueRings + `$1` + rows.OrBeyond + `$2) GROUP BY shop_id
		ORDER BY min(ring_at) LIMIT $3`
	// Another process does the steps of the orders that it has locked.
	stepOrders = `SELECT 1, ` + rows.RingingColumns + ` FROM orders o WHERE o.shop_id = $1
		AND ` + rows.DueRings + `$2` + rows.OrBeyond + `$3) ORDER BY ring_at LIMIT $4 FOR NO KEY UPDATE OF o SKIP LOCKED`
	dutyPeople = `SELECT m.person_id, p.settings FROM memberships m JOIN people p ON p.id = m.person_id
		WHERE m.shop_id = $1`
	dutyDevices = `SELECT ` + rows.DutyDeviceColumns + ` FROM devices d WHERE d.shop_id = $1 AND d.retired_at IS NULL
		AND d.person_id <> 0 ORDER BY d.seen_at DESC, d.id LIMIT $2`
)

// stepAll does the due steps of orders that ring until somebody takes them.
func (db *DB) stepAll(ctx context.Context, now time.Time) error {
	var shops []int64
	beyond := postgres.Always(now.Add(rules.LongestWait))
	err := db.worker.Read(ctx, func(b *postgres.Batch) {
		shops = nil
		all(b, &shops, (*postgres.Row).Int, stepShops, postgres.Always(now), beyond, rules.StepShopsAtOnce)
	})
	for _, shop := range shops {
		if err == nil {
			err = db.worker.Write(ctx, func(tx *postgres.Tx) error { return db.step(ctx, tx, shop, now) })
		}
	}
	return err
}

func (db *DB) step(ctx context.Context, tx *postgres.Tx, shop int64, now time.Time) error {
	var due []*rules.Ringing
	var rota *bellhop.Rota
	var people []rules.OnRota
	var devices []rules.DutyDevice
	err := tx.Do(func(b *postgres.Batch) {
		due, people, devices = nil, nil, nil
		all(b, &due, rows.Ringing[*postgres.Row], stepOrders, shop, postgres.Always(now),
			postgres.Always(now.Add(rules.LongestWait)), rules.StepsAtOnce)
		one(b, &rota, rows.Rota[*postgres.Row], `SELECT rota FROM shops WHERE id = $1`, shop)
		all(b, &people, rows.Member[*postgres.Row], dutyPeople, shop)
		all(b, &devices, rows.DutyDevice[*postgres.Row], dutyDevices, shop, rules.DutyDevices)
	})
	if err != nil || len(due) == 0 {
		return err
	}
	d := rules.NewDuties(rota, people, devices)
	s := rules.Stepping{Changes: rules.Changes{Wake: true}} // there may be more
	for _, r := range due {
		s.Step(r, d, now)
	}
	w := newWrites(db, &s.Changes)
	return w.commit(ctx, tx, func(b *postgres.Batch) {
		var takings postgres.Rows
		for _, r := range s.Orders {
			takingTo(&takings, r.OrderKey, r.State.Taking)
		}
		exec(b, updateTakings, &takings)
		saveFollowing(b, s.Owed, "")
	})
}
