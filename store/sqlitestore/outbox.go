package sqlitestore

import (
	"context"
	"time"

	"bellhop"
	"bellhop/internal/sqlitefile"
	"bellhop/store"
	"bellhop/store/driver"
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
		again = again || !s.RetryAt.IsZero()
	}
	err := db.write(ctx, "settle pushes", func(tx *sqlitefile.Tx) error {
		var counts rules.Tally[bellhop.PushStatus]
		for _, s := range settled {
			if err := settle(tx.Conn, s, &counts); err != nil {
				return err
			}
		}
		return flush(tx.Conn, pushTotals, &counts)
	})
	if err == nil && again {
		db.wake()
	}
	return err
}

func settle(c *sqlitefile.Conn, s store.Settled, counts *rules.Tally[bellhop.PushStatus]) error {
	for _, id := range s.Pushes {
		p, err := loadPush(c, id)
		if err != nil {
			return err
		}
		if p.id == 0 {
			return driver.NotFound("push")
		}
		switch rules.SettlementOf(s, p.status, p.final) {
		case rules.SettleEnd:
			err = p.end(c, s.Status, s.Reason, s.At, counts)
		case rules.SettleRetry:
			err = p.retry(c, s, counts)
		}
		if err != nil {
			return err
		}
	}
	return retire(c, s.Retire, s.At, counts)
}

func (p pushRow) retry(c *sqlitefile.Conn, s store.Settled, counts *rules.Tally[bellhop.PushStatus]) error {
	counts.Move(p.status, s.Status)
	return c.Prepare(`UPDATE pushes SET status = ?, reason = ?, next_at = ? WHERE id = ?`).
		Text(string(s.Status)).TextOrNull(s.Reason).Time(s.RetryAt).Int(p.id).Exec()
}

// ResendPushes implements [store.Outbox].
func (db *DB) ResendPushes(ctx context.Context, shop string, ids []int64, at time.Time) (n int, err error) {
	if err := driver.CheckResend(ids); err != nil || len(ids) == 0 {
		return 0, err
	}
	err = db.write(ctx, "send pushes again", func(tx *sqlitefile.Tx) error {
		var counts rules.Tally[bellhop.PushStatus]
		own, err := shopID(tx.Conn, shop)
		if err != nil {
			return err
		}
		n = 0
		for _, id := range ids {
			p, err := loadPush(tx.Conn, id)
			if err != nil {
				return err
			}
			if p.shop != own || !p.final || !rules.Resendable(p.status) {
				continue
			}
			err = tx.Prepare(`UPDATE pushes SET status = 'pending', reason = ?, next_at = ?, attempts = 0, first_attempt_at = NULL,
				gathered_since = NULL WHERE id = ? AND device_id <> 0`).Text(store.ReasonResent).Time(at).Int(id).Exec()
			if err != nil {
				return err
			}
			if tx.Changes() > 0 {
				counts.Move(p.status, bellhop.PushPending)
				n++
			}
		}
		return flush(tx.Conn, pushTotals, &counts)
	})
	if err == nil {
		db.wake()
	}
	return n, err
}

// retire takes a device out of use, unless it has another address by now.
func retire(c *sqlitefile.Conn, r *store.Retirement, at time.Time, counts *rules.Tally[bellhop.PushStatus]) error {
	if r == nil {
		return nil
	}
	err := c.Prepare(`UPDATE devices SET retired_at = ?, retired_for = ? WHERE id = ? AND value = ? AND retired_at IS NULL`).
		Time(at).Text(r.Reason).Int(r.DeviceID).Text(r.Value).Exec()
	if err != nil || c.Changes() == 0 {
		return err
	}
	return skipDevice(c, r.DeviceID, store.ReasonDeviceRetired, at, counts)
}

const owedTo = `SELECT id FROM (SELECT id, device_id, status FROM pushes WHERE next_at IS NOT NULL ORDER BY next_at LIMIT ?)
	WHERE device_id = ? AND status <> 'sending'`

// skipDevice skips what is owed to a device. What is being sent just now is
// settled by whoever sends it.
func skipDevice(c *sqlitefile.Conn, device int64, reason string, at time.Time, counts *rules.Tally[bellhop.PushStatus]) error {
	return skipPushes(c, c.Prepare(owedTo).Int(driver.LookAhead).Int(device), reason, at, counts)
}

// NextPush implements [store.Outbox].
func (db *DB) NextPush(ctx context.Context) (next time.Time, err error) {
	err = db.proceed(ctx, "look for the next push", func(c *sqlitefile.Conn) error {
		next, err = nextPush(c)
		return err
	})
	return next, err
}

// nextPush asks for one fan-out, whichever it is: each is due since it is there.
func nextPush(c *sqlitefile.Conn) (next time.Time, err error) {
	_, err = c.Prepare(`SELECT min(coalesce(p, f), coalesce(f, p)) FROM
		(SELECT (SELECT min(next_at) FROM pushes WHERE next_at IS NOT NULL) AS p, (SELECT created_at FROM fanouts LIMIT 1) AS f)`).
		First(func(r sqlitefile.Row) { next = r.Time() })
	return next, err
}

// PushesOwed implements [store.Outbox]. What this process commits is told at
// once, what others do is looked for when the file has changed.
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

// watchEvery bounds how often the outbox is looked at for pushes that another
// process wrote.
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

// outboxMark tells two states of the outbox apart at the cost of two look-ups.
type outboxMark struct {
	last int64     // the newest push
	next time.Time // when the first is due
}

func (db *DB) mark(ctx context.Context) (m outboxMark, err error) {
	err = db.proceed(ctx, "look at the outbox", func(c *sqlitefile.Conn) (err error) {
		if m.last, err = c.Prepare(`SELECT max(id) FROM pushes`).One(); err != nil {
			return err
		}
		m.next, err = nextPush(c)
		return err
	})
	return m, err
}

func (m outboxMark) owesMoreThan(seen outboxMark) bool {
	return m.last > seen.last || !m.next.IsZero() && (seen.next.IsZero() || m.next.Before(seen.next))
}
