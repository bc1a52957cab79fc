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

// stepAll does the due steps of orders that ring until somebody takes them.
func (db *DB) stepAll(ctx context.Context, now time.Time) error {
	shops, err := list(ctx, db.proceed, "look for due steps", sqlitefile.Row.Int, `SELECT shop_id FROM orders
		WHERE `+rows.DueRings+`?1`+rows.OrBeyond+`?2) GROUP BY shop_id ORDER BY min(ring_at) LIMIT ?3`, now,
		now.Add(rules.LongestWait), int64(rules.StepShopsAtOnce))
	for _, shop := range shops {
		if err == nil {
			err = db.write(ctx, "do the steps of orders", func(tx *sqlitefile.Tx) error { return step(tx, shop, now) })
		}
	}
	if err == nil && len(shops) > 0 {
		db.wake() // there may be more
	}
	return err
}

func step(tx *sqlitefile.Tx, shop int64, now time.Time) error {
	due, err := sqlitefile.All(tx.Prepare(`SELECT o.no, `+rows.RingingColumns+` FROM orders o WHERE o.shop_id = ?
		AND `+rows.DueRings+`?`+rows.OrBeyond+`?) ORDER BY ring_at LIMIT ?`).Int(shop).Time(now).
		Time(now.Add(rules.LongestWait)).Int(rules.StepsAtOnce), rows.Ringing[sqlitefile.Row])
	if err != nil || len(due) == 0 {
		return err
	}
	d, err := loadDuties(tx.Conn, shop)
	if err != nil {
		return err
	}
	var s rules.Stepping
	for _, r := range due {
		s.Step(r, d, now)
	}
	for _, r := range s.Orders {
		if err := saveTaking(tx.Conn, r.Row, r.State.Taking); err != nil {
			return err
		}
	}
	for i := range s.Owed {
		if err := savePush(tx.Conn, &s.Owed[i], &s.Statuses); err != nil {
			return err
		}
	}
	return saveChanges(tx.Conn, &s.Changes)
}

// loadDuties loads whom the orders of a shop ring.
func loadDuties(c *sqlitefile.Conn, shop int64) (*rules.Duties, error) {
	var rota *bellhop.Rota
	_, err := c.Prepare(`SELECT rota FROM shops WHERE id = ?`).Int(shop).First(
		func(r sqlitefile.Row) { rota = rows.Rota(r) })
	if err != nil {
		return nil, err
	}
	people, err := sqlitefile.All(c.Prepare(`SELECT m.person_id, p.settings FROM memberships m
		JOIN people p ON p.id = m.person_id WHERE m.shop_id = ?`).Int(shop), rows.Member)
	if err != nil {
		return nil, err
	}
	devices, err := sqlitefile.All(c.Prepare(`SELECT `+rows.DutyDeviceColumns+` FROM devices d WHERE d.shop_id = ?
		AND d.retired_at IS NULL AND d.person_id <> 0 ORDER BY d.seen_at DESC, d.id LIMIT ?`).Int(shop).
		Int(rules.DutyDevices), rows.DutyDevice)
	return rules.NewDuties(rota, people, devices), err
}
