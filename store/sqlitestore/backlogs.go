package sqlitestore

import (
	"context"
	"time"

	"bellhop"
	"bellhop/internal/sqlitefile"
	"bellhop/store/driver"
	"bellhop/store/rows"
	"bellhop/store/rules"
)

// One query finds all when no more is due than there are free slots. Else the oldest may
// all be of one shop, and each shop has its turn.
const (
	dueSoon = `SELECT d.shop_id, s.domain, d.since, d.n FROM (SELECT shop_id, min(next_at) AS since, count(*) AS n
		FROM (SELECT shop_id, next_at FROM pushes WHERE next_at <= ? ORDER BY next_at LIMIT ?) GROUP BY shop_id) d
		LEFT JOIN shops s ON s.id = d.shop_id`
	dueByShop = `WITH RECURSIVE owing(id) AS (SELECT min(shop_id) FROM pushes WHERE next_at IS NOT NULL UNION ALL
			SELECT (SELECT min(shop_id) FROM pushes WHERE next_at IS NOT NULL AND shop_id > owing.id) FROM owing
			WHERE owing.id IS NOT NULL), first(id, since) AS (SELECT id, (SELECT min(next_at) FROM pushes
			WHERE shop_id = owing.id AND next_at IS NOT NULL) FROM owing) SELECT first.id, s.domain, first.since,
			(SELECT count(*) FROM (SELECT 1 FROM pushes WHERE shop_id = first.id AND next_at <= ? LIMIT ?)) FROM first
			LEFT JOIN shops s ON s.id = first.id WHERE first.since <= ?`
	fanningOut = `WITH RECURSIVE owing(id) AS (SELECT min(shop_id) FROM fanouts UNION ALL
			SELECT (SELECT min(shop_id) FROM fanouts WHERE shop_id > owing.id) FROM owing WHERE owing.id IS NOT NULL)
		SELECT s.id, s.domain, (SELECT created_at FROM fanouts WHERE shop_id = s.id LIMIT 1) FROM owing
		JOIN shops s ON s.id = owing.id`
	lastDue = `SELECT max(next_at) FROM pushes WHERE next_at IS NOT NULL`
)

// backlogs finds due pushes by shop.
func (db *DB) backlogs(ctx context.Context, now time.Time, free int) ([]rules.Backlog, error) {
	all, last, err := db.look(ctx, now, free)
	if err != nil || !rules.Beyond(last, now) {
		return all, err
	}
	err = db.write(ctx, "make due the pushes that wait too long", func(tx *sqlitefile.Tx) error {
		return tx.Prepare(`UPDATE pushes SET next_at = ? WHERE id IN (SELECT id FROM pushes WHERE next_at > ? LIMIT ?)`).
			Time(now).Time(now.Add(rules.LongestWait)).Int(driver.LookAhead).Exec()
	})
	if err == nil {
		all, _, err = db.look(ctx, now, free)
	}
	return all, err
}

// look finds due pushes, and when the last push is due.
func (db *DB) look(ctx context.Context, now time.Time, free int) (all []rules.Backlog, last time.Time, err error) {
	err = db.proceed(ctx, "look for due pushes", func(c *sqlitefile.Conn) error {
		if all, err = sqlitefile.All(c.Prepare(dueSoon).Time(now).Int(int64(free)), rows.Backlog); err != nil {
			return err
		}
		n := 0
		for _, b := range all {
			n += b.Due
		}
		if n == free {
			all, err = sqlitefile.All(c.Prepare(dueByShop).Time(now).Int(int64(free)).Time(now), rows.Backlog)
			if err != nil {
				return err
			}
		}
		err := c.Prepare(fanningOut).Each(func(r sqlitefile.Row) error {
			all = rules.AddFanOut(all, r.Int(), r.Text(), r.Time())
			return nil
		})
		if err == nil {
			_, err = c.Prepare(lastDue).First(func(r sqlitefile.Row) { last = r.Time() })
		}
		return err
	})
	return all, last, err
}

// fanOut writes a portion of pushes in a transaction of its own.
func (db *DB) fanOut(ctx context.Context, shop int64, n int) error {
	err := db.write(ctx, "write pushes of a fan-out", func(tx *sqlitefile.Tx) error { return fanOut(tx, shop, n) })
	if err == nil {
		db.wake() // it may not have reached a due push
	}
	return err
}

// fanOut goes through the next n devices of a shop's oldest fan-out.
func fanOut(tx *sqlitefile.Tx, shop int64, n int) error {
	var id, after, last int64
	var total bellhop.Money
	var rota *bellhop.Rota
	o := &rules.OrderChange{OrderKey: rules.OrderKey{Shop: shop}}
	push := rules.NewPush{Order: o}
	found, err := tx.Prepare(`SELECT f.id, f.order_no, f.kind, f.after_id, f.last_id, f.created_at, o.total, o.currency,
		(SELECT rota FROM shops WHERE id = f.shop_id) FROM fanouts f CROSS JOIN orders o ON o.no = f.order_no WHERE f.shop_id = ? ORDER BY f.order_no, f.kind LIMIT 1`).
		Int(shop).First(func(r sqlitefile.Row) {
		id, o.Row, push.Kind, after, last = r.Int(), r.Int(), bellhop.PushKind(r.Text()), r.Int(), r.Int()
		push.At = r.Time()
		amount, currency := r.Text(), r.Text()
		total, rota = rows.Money(r, amount, currency), rows.Rota(r)
	})
	if err != nil || !found {
		return err
	}
	to, err := readReceivers(tx.Conn, shop, after, last, n)
	if err != nil {
		return err
	}
	if err := save(tx, rules.PlanPortion(push, total, rota, to), nil); err != nil {
		return err
	}
	if len(to) < n {
		return tx.Prepare(`DELETE FROM fanouts WHERE id = ?`).Int(id).Exec()
	}
	return tx.Prepare(`UPDATE fanouts SET after_id = ? WHERE id = ?`).Int(to[n-1].ID).Int(id).Exec()
}
