package sqlitestore

import (
	"context"
	"time"

	"bellhop/internal/sqlitefile"
	"bellhop/store"
	"bellhop/store/driver"
	"bellhop/store/rows"
	"bellhop/store/rules"
)

// ClaimPushes implements [store.Outbox]. It looks for due pushes beside the writer.
func (db *DB) ClaimPushes(ctx context.Context, now time.Time, slots store.Slots, lease time.Duration) (
	[]store.Owed, error) {
	if err := driver.CheckClaim(slots, lease); err != nil {
		return nil, err
	}
	now = now.Truncate(time.Microsecond)
	if err := db.stepAll(ctx, now); err != nil {
		return nil, err
	}
	all, err := db.backlogs(ctx, now, slots.Free)
	if err != nil || len(all) == 0 {
		return nil, err
	}
	given, err := rules.Share(slots, all, func(shop int64, n int) error { return db.fanOut(ctx, shop, n) })
	if err != nil {
		return nil, err
	}
	var cl claim
	err = db.write(ctx, "claim pushes", func(tx *sqlitefile.Tx) error {
		cl = claim{c: tx.Conn, now: now, gate: slots.Gate}
		for i, n := range given {
			if err := cl.shop(all[i].ShopID, n); err != nil {
				return err
			}
		}
		return cl.save(now.Add(lease))
	})
	if err != nil {
		return nil, err
	}
	return cl.Owed, nil
}

// claim is one call of ClaimPushes inside the writer.
type claim struct {
	rules.Claiming
	c    *sqlitefile.Conn
	now  time.Time
	gate store.Gate
}

// shop claims up to n pushes of a shop.
func (cl *claim) shop(id int64, n int) error {
	if n == 0 {
		return nil
	}
	due, err := cl.load(`p.shop_id = ? AND p.next_at <= ?`, n, id, cl.now.UnixMicro())
	if err != nil {
		return err
	}
	full := len(due) == n
	for _, h := range rules.ByDevice(due) {
		if err := cl.device(h, full); err != nil {
			return err
		}
	}
	return nil
}

// refunded is the amount of the refund that a push is about, and its currency.
const refunded = `CASE WHEN p.kind LIKE 'order.refunded:%' THEN (
	SELECT (r.value ->> 'amount') || ' ' || coalesce(r.value ->> 'currency', o.currency)
	FROM json_each(o.history, '$.refunds') r WHERE r.value ->> 'id' = CAST(substr(p.kind, 16) AS INTEGER)) END`

// load finds due pushes, in the order in which they became due.
func (cl *claim) load(where string, limit int, args ...int64) ([]rules.Due, error) {
	st := cl.c.Prepare(`SELECT ` + rows.DueColumns + refunded + ` FROM pushes p LEFT JOIN orders o ON o.no = p.order_no
		WHERE ` + where + ` ORDER BY p.next_at, p.id LIMIT ?`)
	for _, a := range args {
		st.Int(a)
	}
	return sqlitefile.All(st.Int(int64(limit)), rows.Due)
}

// device claims a device's due pushes.
func (cl *claim) device(h rules.DuePushes, full bool) error {
	d, err := loadBudget(cl.c, h.DeviceID)
	if err != nil {
		return err
	}
	var all func() ([]rules.Due, error)
	if full {
		all = func() ([]rules.Due, error) {
			return cl.load(`p.shop_id = ? AND p.next_at <= ? AND p.device_id = ?`,
				rules.DigestMax, h.Due[0].ShopID, cl.now.UnixMicro(), h.DeviceID)
		}
	}
	return cl.Plan(d, h, cl.now, cl.gate, all)
}

// save writes the rules' decisions.
func (cl *claim) save(until time.Time) error {
	for _, t := range cl.Taken {
		err := cl.c.Prepare(`UPDATE pushes SET status = 'sending', attempts = attempts + 1,
			first_attempt_at = coalesce(first_attempt_at, ?), next_at = ?, gathered_since = ? WHERE id = ?`).
			Time(cl.now).Time(until).Time(t.Gathered).Int(t.ID).Exec()
		if err != nil {
			return err
		}
	}
	for _, d := range cl.Spent {
		if err := saveBudget(cl.c, d); err != nil {
			return err
		}
	}
	for _, d := range cl.Postponed {
		err := cl.c.Prepare(`UPDATE pushes SET next_at = max(next_at, ?), reason = coalesce(?, reason),
			status = CASE status WHEN 'sending' THEN 'unknown' ELSE status END WHERE id = ?`).
			Time(d.Until).TextOrNull(d.Reason).Int(d.ID).Exec()
		if err != nil {
			return err
		}
	}
	for _, b := range cl.Behind {
		err := cl.c.Prepare(`UPDATE pushes AS p SET next_at = max(next_at, ?) ` + owedTo + ` AND p.status <> 'sending'`).
			Time(b.Until).Int(driver.LookAhead).Int(b.DeviceID).Exec()
		if err != nil {
			return err
		}
	}
	return saveChanges(cl.c, &cl.Changes)
}
