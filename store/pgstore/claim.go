package pgstore

import (
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"bellhop/internal/postgres"
	"bellhop/store"
	"bellhop/store/driver"
	"bellhop/store/rows"
	"bellhop/store/rules"
)

// claimRounds is how often a claim looks further when others are claiming all that it
// found.
const claimRounds = 3

// ClaimPushes implements [store.Outbox].
func (db *DB) ClaimPushes(ctx context.Context, now time.Time, slots store.Slots, lease time.Duration) (
	[]store.Owed, error) {
	if err := driver.CheckClaim(slots, lease); err != nil {
		return nil, err
	}
	now = now.Truncate(time.Microsecond)
	if err := db.stepAll(ctx, now); err != nil {
		return nil, wrap("do the steps of orders", err)
	}
	all, err := db.backlogs(ctx, now, slots.Free)
	if err != nil || len(all) == 0 {
		return nil, err
	}
	given, err := rules.Share(slots, all, func(shop int64, n int) error { return db.fanOut(ctx, shop, n) })
	if err != nil {
		return nil, err
	}
	var owed []store.Owed
	err = db.worker.Write(ctx, func(tx *postgres.Tx) error {
		owed = nil
		cl := claim{tx: tx, now: now, lease: lease, gate: slots.Gate, devices: map[int64]*rules.DeviceBudget{},
			slots: map[int64]int{}}
		cl.writes = newWrites(db, &cl.Changes)
		for i, n := range given {
			cl.slots[all[i].ShopID] = n
		}
		due, err := cl.find()
		if err != nil || len(due) == 0 {
			return err
		}
		for _, h := range rules.ByDevice(due) {
			if err := cl.device(h); err != nil {
				return err
			}
		}
		if err := tx.Commit(cl.save); err != nil {
			return err
		}
		owed = cl.Owed
		cl.writes.committed(ctx)
		return nil
	})
	if err != nil {
		return nil, wrap("claim pushes", err)
	}
	return owed, nil
}

// claim is one call of ClaimPushes. A device's row is the lock of its budget: while one
// claims pushes to a device, others leave them out.
type claim struct {
	rules.Claiming
	writes  *writes
	tx      *postgres.Tx
	now     time.Time
	lease   time.Duration
	gate    store.Gate
	slots   map[int64]int  // of each shop
	full    map[int64]bool // shops that may have more due pushes
	devices map[int64]*rules.DeviceBudget
}

// find locks due pushes, as many as each shop has slots, and their devices.
func (cl *claim) find() (due []rules.Due, err error) {
	var busy []int64
	for range claimRounds {
		ids, devices, err := cl.candidates(busy)
		if err != nil || len(ids) == 0 {
			return nil, err
		}
		free, locked, err := cl.lockDevices(devices)
		if err != nil {
			return nil, err
		}
		if due, err = cl.load(`p.id = ANY($2) AND p.device_id = ANY($3)`, ids, free); err != nil || len(due) > 0 {
			return due, err
		}
		busy = append(busy, locked...)
	}
	return nil, nil
}

const findDue = `SELECT t.shop, p.id, p.device_id FROM unnest($2::bigint[], $3::bigint[]) AS t(shop, slots)
	CROSS JOIN LATERAL (SELECT id, device_id FROM pushes WHERE shop_id = t.shop AND next_at <= $1
	AND device_id <> ALL(coalesce($4::bigint[], '{}')) ORDER BY next_at, id LIMIT t.slots) AS p`

// candidates looks for due pushes, without locks.
func (cl *claim) candidates(busy []int64) (ids, devices []int64, err error) {
	var turns postgres.Rows
	for shop, n := range cl.slots {
		turns.Next().Int(shop).Int(int64(n))
	}
	found := map[int64]int{}
	err = cl.tx.Do(func(b *postgres.Batch) {
		b.Each(func(r pgx.Rows) error {
			var shop, id, device int64
			err := r.Scan(&shop, &id, &device)
			ids, devices = append(ids, id), append(devices, device)
			found[shop]++
			return err
		}, findDue, append([]any{postgres.Always(cl.now)}, turns.Args(busy)...)...)
	})
	cl.full = map[int64]bool{}
	for shop, n := range found {
		cl.full[shop] = n == cl.slots[shop]
	}
	slices.Sort(devices)
	return ids, slices.Compact(devices), err
}

const lockDevices = `SELECT ` + rows.BudgetColumns + `
	FROM devices d JOIN shops s ON s.id = d.shop_id LEFT JOIN people p ON p.id = d.person_id WHERE d.id = ANY($1)
	ORDER BY d.id FOR UPDATE OF d SKIP LOCKED`

// lockDevices loads the devices that nobody else claims for. Removed devices are free.
func (cl *claim) lockDevices(devices []int64) (free, locked []int64, err error) {
	var there []int64
	err = cl.tx.Do(func(b *postgres.Batch) {
		all(b, &there, (*postgres.Row).Int, `SELECT id FROM devices WHERE id = ANY($1)`, devices)
		b.Rows(func(r *postgres.Row) {
			p := rows.Budget(r)
			cl.devices[p.ID] = p
		}, lockDevices, devices)
	})
	for _, id := range devices {
		if cl.devices[id] == nil && slices.Contains(there, id) {
			locked = append(locked, id)
			continue
		}
		if cl.devices[id] == nil {
			cl.devices[id] = &rules.DeviceBudget{}
		}
		free = append(free, id)
	}
	return free, locked, err
}

// refunded is the amount of the refund that a push is about, and its currency.
const refunded = `CASE WHEN p.kind LIKE 'order.refunded:%' THEN (
	SELECT (r ->> 'amount') || ' ' || coalesce(r ->> 'currency', o.currency)
	FROM jsonb_array_elements(o.history -> 'refunds') r WHERE r ->> 'id' = substr(p.kind, 16) LIMIT 1) END`

// load locks pushes that are still due, and returns them in the order in which they became
// due. $1 is now.
func (cl *claim) load(where string, args ...any) (due []rules.Due, err error) {
	type timed struct {
		rules.Due
		next time.Time
	}
	var found []timed
	err = cl.tx.Do(func(b *postgres.Batch) {
		all(b, &found, func(r *postgres.Row) timed { return timed{next: r.Time(), Due: rows.Due(r)} },
			`SELECT p.next_at, `+rows.DueColumns+refunded+` FROM pushes p LEFT JOIN orders o USING (shop_id, order_id)
			WHERE p.next_at <= $1 AND `+where+` ORDER BY p.id FOR UPDATE OF p`,
			append([]any{postgres.Always(cl.now)}, args...)...)
	})
	slices.SortStableFunc(found, func(a, b timed) int { return a.next.Compare(b.next) })
	for _, d := range found {
		due = append(due, d.Due)
	}
	return due, err
}

// device claims a device's due pushes.
func (cl *claim) device(h rules.DuePushes) error {
	shop := h.Due[0].ShopID
	var all func() ([]rules.Due, error)
	if cl.full[shop] {
		all = func() ([]rules.Due, error) {
			return cl.load(`p.id IN (SELECT id FROM pushes
				WHERE shop_id = $2 AND next_at <= $1 AND device_id = $3 ORDER BY next_at, id LIMIT $4)`,
				shop, h.DeviceID, rules.DigestMax)
		}
	}
	return cl.Plan(cl.devices[h.DeviceID], h, cl.now, cl.gate, all)
}

var (
	takePushes = `UPDATE pushes p SET status = 'sending', attempts = p.attempts + 1,
			first_attempt_at = coalesce(p.first_attempt_at, $4), next_at = $3, gathered_since = n.since
		FROM ` + postgres.Unnest("bigint timestamptz") + ` AS n(id, since) WHERE p.id = n.id`
	postponePushes = `UPDATE pushes p SET next_at = greatest(p.next_at, n.next_at), reason = coalesce(nullif(n.reason,
		''), p.reason), status = CASE p.status WHEN 'sending' THEN 'unknown' ELSE p.status END
		FROM ` + postgres.Unnest("bigint timestamptz text") + ` AS n(id, next_at, reason) WHERE p.id = n.id`
	// Pushes behind a full claim wait, so that the next claims need not look at them.
	postponeBehind = `UPDATE pushes p SET next_at = n.next_at FROM
		(SELECT id, device_id, status FROM pushes WHERE next_at IS NOT NULL ORDER BY next_at LIMIT $3) soon
			JOIN ` + postgres.Unnest("bigint timestamptz") + ` AS n(device_id, next_at) USING (device_id)
		WHERE p.id = soon.id AND p.next_at < n.next_at AND p.status <> 'sending'`
	keepBudgets = `UPDATE devices d SET free_at = n.free_at, spent = n.spent, rung = n.rung, spent_at = n.spent_at,
		gathered_orders = n.orders, gathered_changes = n.changes, gathered_total = n.total, gathered_currency = n.currency,
		gathered_since = n.since FROM ` + postgres.Unnest("bigint timestamptz "+allowanceTypes) + `
			AS n(id, free_at, spent, rung, spent_at, orders, changes, total, currency, since) WHERE d.id = n.id`
)

// allowanceTypes are the types of fillAllowance's columns.
const allowanceTypes = `float8 float8 timestamptz bigint bigint text text timestamptz`

func fillAllowance(r *postgres.Rows, a rules.Allowance) *postgres.Rows {
	var g store.Gathering
	if a.Gathering != nil {
		g = *a.Gathering
	}
	return r.Float(a.Spent).Float(a.Heard).Time(a.At).Int(int64(g.Orders)).Int(int64(g.Changes)).Text(g.Total.String()).
		Text(g.Total.Currency).Time(g.Since)
}

// save queues the rules' decisions.
func (cl *claim) save(b *postgres.Batch) {
	execEach(b, keepBudgets, cl.Spent, func(r *postgres.Rows, d *rules.DeviceBudget) {
		fillAllowance(r.Int(d.ID).Time(d.FreeAt()), d.Left)
	})
	cl.writes.settle(b)
	execEach(b, takePushes, cl.Taken, func(r *postgres.Rows, t rules.Taken) { r.Int(t.ID).Time(t.Gathered) },
		postgres.Always(cl.now.Add(cl.lease)), postgres.Always(cl.now))
	execEach(b, postponePushes, cl.Postponed, func(r *postgres.Rows, l rules.Later) {
		r.Int(l.ID).Always(l.Until).Text(l.Reason)
	})
	execEach(b, postponeBehind, cl.Behind, func(r *postgres.Rows, w rules.Behind) { r.Int(w.DeviceID).Always(w.Until) },
		driver.LookAhead)
	cl.writes.finish(b)
}
