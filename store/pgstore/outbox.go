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

// SettlePushes implements [store.Outbox]. A notifier settles each push by a call of its
// own, and each transaction that adds to the stream waits for the one before: so they are
// gathered.
func (db *DB) SettlePushes(ctx context.Context, settled []store.Settled) error {
	if len(settled) == 0 {
		return nil
	}
	for _, s := range settled {
		if err := driver.CheckSettled(s); err != nil {
			return err
		}
	}
	return wrap("settle pushes", db.settling.Do(ctx, settled))
}

// settleAll settles the gathered calls. If all fail because of one of them, it settles each
// by itself.
func (db *DB) settleAll(ctx context.Context, jobs []*postgres.Job[[]store.Settled]) {
	err := db.settleTogether(ctx, jobs)
	if err == nil {
		return
	}
	if len(jobs) == 1 || bellhop.KindOf(err) == bellhop.Unavailable {
		for _, j := range jobs {
			j.Err = err
		}
		return
	}
	for i := range jobs {
		db.settleAll(ctx, jobs[i:i+1])
	}
}

func (db *DB) settleTogether(ctx context.Context, jobs []*postgres.Job[[]store.Settled]) error {
	return db.worker.Write(ctx, func(tx *postgres.Tx) error {
		before := rules.SettleBefore{Pushes: map[int64]*rules.Push{}, Devices: map[int64]*rules.Address{}}
		callers := make([][]store.Settled, len(jobs))
		for i, j := range jobs {
			callers[i] = j.What
		}
		if err := tx.Do(func(b *postgres.Batch) { loadToSettle(b, &before, callers) }); err != nil {
			return err
		}
		s, errs := rules.PlanSettle(before, callers...)
		for i, j := range jobs {
			j.Err = errs[i]
		}
		return newWrites(db, &s.Changes).commit(ctx, tx, func(b *postgres.Batch) {
			execEach(b, retireDevices, s.Retired, func(r *postgres.Rows, d rules.Retired) {
				r.Int(d.DeviceID).Always(d.At).Text(d.Reason)
			})
		})
	})
}

// loadToSettle queues the rows that settlements name.
func loadToSettle(b *postgres.Batch, l *rules.SettleBefore, callers [][]store.Settled) {
	var pushes, devices []int64
	for _, all := range callers {
		for _, one := range all {
			pushes = append(pushes, one.Pushes...)
			if one.Retire != nil {
				devices = append(devices, one.Retire.DeviceID)
			}
		}
	}
	if len(devices) > 0 {
		b.Rows(func(r *postgres.Row) {
			l.Devices[r.Int()] = &rules.Address{Value: r.Text(), InUse: r.Bool()}
		}, `SELECT id, value, retired_at IS NULL FROM devices WHERE id = ANY($1) ORDER BY id FOR UPDATE`, devices)
	}
	b.Rows(func(r *postgres.Row) {
		p := rows.Owed(r)
		l.Pushes[p.ID] = p
	}, `SELECT `+pushRowColumns+` FROM pushes p WHERE p.id = ANY($1) ORDER BY p.id FOR UPDATE`, pushes)
	if len(devices) > 0 {
		owedPushes(b, &l.Owed, devices)
	}
}

var retireDevices = `UPDATE devices d SET retired_at = n.at, retired_for = n.reason
	FROM ` + postgres.Unnest("bigint timestamptz text") + ` AS n(id, at, reason) WHERE d.id = n.id`

// nextPush asks for any one fan-out: each is due from the beginning.
const nextPush = `least((SELECT min(next_at) FROM pushes WHERE next_at IS NOT NULL), (SELECT created_at FROM fanouts
	LIMIT 1), (SELECT min(ring_at) FROM orders WHERE ring_at IS NOT NULL))`

const resendPushes = `UPDATE pushes SET status = 'pending', reason = $2, next_at = $3, attempts = 0,
	first_attempt_at = NULL, gathered_since = NULL WHERE id = ANY($1)`

// ResendPushes implements [store.Deliveries].
func (db *DB) ResendPushes(ctx context.Context, shop string, ids []int64, at time.Time) (n int, err error) {
	if err := driver.CheckResend(ids); err != nil || len(ids) == 0 {
		return 0, err
	}
	err = db.api.Write(ctx, func(tx *postgres.Tx) error {
		w := newWrites(db, &rules.Changes{})
		var again []int64
		err := tx.Do(func(b *postgres.Batch) {
			b.Rows(func(r *postgres.Row) {
				if p := rows.Owed(r); w.Resend(p) {
					again = append(again, p.ID)
				}
			}, `SELECT `+pushRowColumns+` FROM pushes p WHERE p.id = ANY($1) AND p.shop_id = (SELECT id FROM shops
				WHERE domain = $2) ORDER BY p.id FOR UPDATE`, ids, shop)
		})
		if err != nil {
			return err
		}
		n, w.Wake = len(again), true
		return w.commit(ctx, tx, func(b *postgres.Batch) {
			b.Exec(resendPushes, again, store.ReasonResent, postgres.Always(at))
		})
	})
	return n, wrap("send pushes again", err)
}

// OldestOwed implements [store.Outbox].
func (db *DB) OldestOwed(ctx context.Context) (since time.Time, err error) {
	err = db.worker.Read(ctx, func(b *postgres.Batch) { value(b, postgres.TimeTo(&since), rows.OldestOwed) })
	return since, wrap("look for the oldest owed push", err)
}

// NextPush implements [store.Outbox].
func (db *DB) NextPush(ctx context.Context) (next time.Time, err error) {
	err = db.worker.Read(ctx, func(b *postgres.Batch) { value(b, postgres.TimeTo(&next), `SELECT `+nextPush) })
	return next, wrap("look for the next push", err)
}
