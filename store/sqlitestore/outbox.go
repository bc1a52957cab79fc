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

// SettlePushes implements [store.Outbox].
func (db *DB) SettlePushes(ctx context.Context, settled []store.Settled) error {
	if len(settled) == 0 {
		return nil
	}
	again := false
	for _, s := range settled {
		if err := driver.CheckSettled(s); err != nil {
			return err
		}
	}
	err := db.write(ctx, "settle pushes", func(tx *sqlitefile.Tx) error {
		before, err := loadToSettle(tx.Conn, settled)
		if err != nil {
			return err
		}
		s, errs := rules.PlanSettle(before, settled)
		if errs[0] != nil {
			return errs[0]
		}
		for _, r := range s.Retired {
			if err := retire(tx.Conn, r.DeviceID, r.Reason, r.At); err != nil {
				return err
			}
		}
		again = s.Wake
		return saveChanges(tx.Conn, &s.Changes)
	})
	if err == nil && again {
		db.wake()
	}
	return err
}

func loadToSettle(c *sqlitefile.Conn, settled []store.Settled) (b rules.SettleBefore, err error) {
	b = rules.SettleBefore{Pushes: map[int64]*rules.Push{}, Devices: map[int64]*rules.Address{}}
	for _, s := range settled {
		for _, id := range s.Pushes {
			found, err := loadPushes(c, pushByID, id)
			if err != nil {
				return b, err
			}
			for _, p := range found {
				b.Pushes[id] = p
			}
		}
		r := s.Retire
		if r == nil || b.Devices[r.DeviceID] != nil {
			continue
		}
		_, err := c.Prepare(`SELECT value, retired_at IS NULL FROM devices WHERE id = ?`).Int(r.DeviceID).
			First(func(row sqlitefile.Row) {
				b.Devices[r.DeviceID] = &rules.Address{Value: row.Text(), InUse: row.Bool()}
			})
		if err != nil {
			return b, err
		}
		owed, err := owedToDevice(c, r.DeviceID)
		if err != nil {
			return b, err
		}
		b.Owed = append(b.Owed, owed...)
	}
	return b, nil
}

// ResendPushes implements [store.Deliveries].
func (db *DB) ResendPushes(ctx context.Context, shop string, ids []int64, at time.Time) (int, error) {
	if err := driver.CheckResend(ids); err != nil || len(ids) == 0 {
		return 0, err
	}
	n, err := put(ctx, db, "send pushes again", func(tx *sqlitefile.Tx) (int, error) {
		var c rules.Changes
		own, err := shopID(tx.Conn, shop)
		if err != nil {
			return 0, err
		}
		n := 0
		for _, id := range ids {
			found, err := loadPushes(tx.Conn, pushByID, id)
			if err != nil {
				return 0, err
			}
			if len(found) == 0 || found[0].Shop != own || !c.Resend(found[0]) {
				continue
			}
			err = tx.Prepare(`UPDATE pushes SET status = 'pending', reason = ?, next_at = ?, attempts = 0,
				first_attempt_at = NULL, gathered_since = NULL WHERE id = ?`).Text(store.ReasonResent).Time(at).Int(id).Exec()
			if err != nil {
				return 0, err
			}
			n++
		}
		return n, saveChanges(tx.Conn, &c)
	})
	if err == nil {
		db.wake()
	}
	return n, err
}

// OldestOwed implements [store.Outbox].
func (db *DB) OldestOwed(ctx context.Context) (time.Time, error) {
	return get(ctx, db.proceed, "look for the oldest owed push", func(c *sqlitefile.Conn) (since time.Time, err error) {
		_, err = c.Prepare(rows.OldestOwed).First(func(r sqlitefile.Row) { since = r.Time() })
		return since, err
	})
}

// NextPush implements [store.Outbox].
func (db *DB) NextPush(ctx context.Context) (time.Time, error) {
	return get(ctx, db.proceed, "look for the next push", nextPush)
}

// nextPush asks for any one fan-out: each is due from the beginning.
func nextPush(c *sqlitefile.Conn) (next time.Time, err error) {
	_, err = c.Prepare(`SELECT min(at) FROM (SELECT (SELECT min(next_at) FROM pushes WHERE next_at IS NOT NULL) AS at
		UNION ALL SELECT (SELECT created_at FROM fanouts LIMIT 1)
		UNION ALL SELECT (SELECT min(ring_at) FROM orders WHERE ring_at IS NOT NULL))`).First(func(r sqlitefile.Row) { next = r.Time() })
	return next, err
}

// PushesOwed implements [store.Outbox]. It signals this process's commits at once, and
// looks for those of others when the file has changed.
func (db *DB) PushesOwed() <-chan struct{} {
	db.mu.Lock()
	defer db.mu.Unlock()
	if !db.watching && !db.closed {
		db.watching = true
		db.wg.Add(1)
		go db.watch()
	}
	return db.owed.Next()
}

func (db *DB) wake() { db.owed.Fire() }

// watchEvery bounds how often the watcher looks for other processes' pushes.
const watchEvery = 50 * time.Millisecond

func (db *DB) watch() {
	defer db.wg.Done()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	var seen outboxMark
	for {
		changed := db.file.Changed()
		if mark, err := db.mark(ctx); err == nil {
			if mark.owesMoreThan(seen) {
				db.wake()
			}
			seen = mark
		}
		select {
		case <-changed:
		case <-db.stop:
			return
		}
		select {
		case <-tick.C:
		case <-db.stop:
			return
		}
	}
}

// outboxMark identifies a state of the outbox at the cost of two look-ups.
type outboxMark struct {
	last int64     // the newest push
	next time.Time // when the first is due
}

func (db *DB) mark(ctx context.Context) (outboxMark, error) {
	return get(ctx, db.proceed, "look at the outbox", func(c *sqlitefile.Conn) (m outboxMark, err error) {
		if m.last, err = c.Prepare(newestPush).One(); err == nil {
			m.next, err = nextPush(c)
		}
		return m, err
	})
}

func (m outboxMark) owesMoreThan(seen outboxMark) bool {
	return m.last > seen.last || !m.next.IsZero() && (seen.next.IsZero() || m.next.Before(seen.next))
}
