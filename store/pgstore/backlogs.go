package pgstore

import (
	"context"
	"time"

	"bellhop"
	"bellhop/internal/postgres"
	"bellhop/store/driver"
	"bellhop/store/rows"
	"bellhop/store/rules"
)

// One query finds all when no more is due than there are free slots. Else the oldest may
// all be of one shop, and each shop has its turn.
const (
	dueSoon = `SELECT d.shop_id, coalesce(s.domain, ''), d.since, d.n
		FROM (SELECT shop_id, min(next_at) AS since, count(*) AS n FROM (SELECT shop_id, next_at FROM pushes
		WHERE next_at <= $1 ORDER BY next_at LIMIT $2) soon GROUP BY shop_id) d LEFT JOIN shops s ON s.id = d.shop_id`
	dueByShop = `WITH RECURSIVE owing(id) AS (
			(SELECT shop_id FROM pushes WHERE next_at IS NOT NULL ORDER BY shop_id LIMIT 1) UNION ALL
			SELECT (SELECT shop_id FROM pushes WHERE next_at IS NOT NULL AND shop_id > owing.id ORDER BY shop_id LIMIT 1)
				FROM owing WHERE owing.id IS NOT NULL)
		SELECT owing.id, coalesce(s.domain, ''), d.since, d.n FROM owing CROSS JOIN LATERAL
			(SELECT min(next_at) AS since, count(*) AS n FROM
				(SELECT next_at FROM pushes WHERE shop_id = owing.id AND next_at <= $1 ORDER BY next_at LIMIT $2) soon) d
			LEFT JOIN shops s ON s.id = owing.id WHERE d.n > 0`
	fanningOut = `WITH RECURSIVE owing(id) AS ((SELECT shop_id FROM fanouts ORDER BY shop_id LIMIT 1) UNION ALL
			SELECT (SELECT shop_id FROM fanouts WHERE shop_id > owing.id ORDER BY shop_id LIMIT 1) FROM owing
			WHERE owing.id IS NOT NULL) SELECT s.id, s.domain, (SELECT created_at FROM fanouts WHERE shop_id = s.id LIMIT 1), 0
			FROM owing JOIN shops s ON s.id = owing.id`
	lastDue  = `SELECT max(next_at) FROM pushes WHERE next_at IS NOT NULL`
	callBack = `UPDATE pushes SET next_at = $1 WHERE id IN
		(SELECT id FROM pushes WHERE next_at > $2 ORDER BY id LIMIT $3 FOR UPDATE SKIP LOCKED)`
)

// backlogs finds due pushes by shop. It first makes due pushes with an impossible time.
func (db *DB) backlogs(ctx context.Context, now time.Time, free int) (all []rules.Backlog, err error) {
	l, err := db.look(ctx, dueSoon, now, free)
	if err == nil && rules.Beyond(l.last, now) {
		err = db.worker.Once(ctx, func(b *postgres.Batch) {
			b.Exec(callBack, postgres.Always(now), postgres.Always(now.Add(rules.LongestWait)), driver.LookAhead)
		})
		if err == nil {
			l, err = db.look(ctx, dueSoon, now, free)
		}
	}
	n := 0
	for _, b := range l.due {
		n += b.Due
	}
	if err == nil && n == free {
		l, err = db.look(ctx, dueByShop, now, free)
	}
	for _, f := range l.fanning {
		l.due = rules.AddFanOut(l.due, f.ShopID, f.Shop, f.Since)
	}
	return l.due, wrap("look for due pushes", err)
}

// looked is the result of a look: due pushes, shops with fan-outs, and when the last push
// is due.
type looked struct {
	due, fanning []rules.Backlog
	last         time.Time
}

func (db *DB) look(ctx context.Context, query string, now time.Time, free int) (l looked, err error) {
	err = db.worker.Read(ctx, func(b *postgres.Batch) {
		l = looked{}
		all(b, &l.due, rows.Backlog, query, postgres.Always(now), free)
		all(b, &l.fanning, rows.Backlog, fanningOut)
		value(b, postgres.TimeTo(&l.last), lastDue)
	})
	return l, err
}

// fanOut writes a portion of pushes in a transaction of its own.
func (db *DB) fanOut(ctx context.Context, shop int64, n int) error {
	err := db.worker.Write(ctx, func(tx *postgres.Tx) error { return db.fanOutOf(ctx, tx, shop, n) })
	return wrap("write pushes of a fan-out", err)
}

const (
	nextFanOut = `SELECT f.id, f.order_id, f.kind, f.after_id, f.last_id, f.created_at, o.total, o.currency,
		(SELECT rota FROM shops WHERE id = f.shop_id) FROM fanouts f JOIN orders o USING (shop_id, order_id) WHERE f.shop_id = $1
		ORDER BY f.order_id, f.kind LIMIT 1 FOR UPDATE OF f SKIP LOCKED`
	fanOutTo = `SELECT d.id, d.person_id, d.free_at, coalesce(p.settings, '') FROM devices d LEFT JOIN people p ON p.id = d.person_id
		WHERE d.shop_id = $1 AND d.retired_at IS NULL AND d.id > $2 AND d.id <= $3 ORDER BY d.id LIMIT $4`
)

// fanOutOf goes through the next n devices of a shop's oldest fan-out, unless another
// process does.
func (db *DB) fanOutOf(ctx context.Context, tx *postgres.Tx, shop int64, n int) error {
	o := &rules.OrderChange{OrderKey: rules.OrderKey{Shop: shop}}
	push := rules.NewPush{Order: o}
	var id, after, last int64
	var total bellhop.Money
	var rota *bellhop.Rota
	err := tx.Do(func(q *postgres.Batch) {
		q.Rows(func(r *postgres.Row) {
			id, o.ID, push.Kind, after, last = r.Int(), r.Int(), bellhop.PushKind(r.Text()), r.Int(), r.Int()
			push.At = r.Time()
			amount, currency := r.Text(), r.Text()
			total, rota = rows.Money(r, amount, currency), rows.Rota(r)
		}, nextFanOut, shop)
	})
	if err != nil || o.ID == 0 {
		return err
	}
	var to []rules.Receiver
	err = tx.Do(func(q *postgres.Batch) { all(q, &to, rows.Receiver, fanOutTo, shop, after, last, n) })
	if err != nil {
		return err
	}
	r := rules.PlanPortion(push, total, rota, to)
	return newWrites(db, &r.Changes).commit(ctx, tx, func(q *postgres.Batch) {
		if len(to) < n {
			q.Exec(`DELETE FROM fanouts WHERE id = $1`, id)
		} else {
			q.Exec(`UPDATE fanouts SET after_id = $2 WHERE id = $1`, id, to[n-1].ID)
		}
		saveFollowing(q, r.Owed, "")
	})
}
