package pgstore

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"bellhop"
	"bellhop/internal/postgres"
	"bellhop/store"
	"bellhop/store/driver"
	"bellhop/store/rules"
)

// SettlePushes implements [store.Outbox]. A notifier settles each push by a call
// of its own, and each transaction that tells the stream waits for the one
// before: they are gathered.
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

// settleAll does what was gathered. If the whole fails for what one of them
// holds, each is done by itself.
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
		s := settling{writes: newWrites(db), byID: map[int64]*pushRow{}, phones: map[int64]*retiring{}}
		if err := s.load(tx, jobs); err != nil {
			return err
		}
		for _, j := range jobs {
			j.Err = s.plan(j.What)
		}
		if err := s.retire(tx); err != nil {
			return err
		}
		err := tx.Commit(s.save)
		if err == nil {
			s.committed(ctx)
		}
		return err
	})
}

// settling is one transaction that settles pushes.
type settling struct {
	*writes
	byID    map[int64]*pushRow
	phones  map[int64]*retiring
	retired postgres.Rows
}

// retiring is a device that may be retired.
type retiring struct {
	value string
	inUse bool
	why   *store.Settled // by what it is retired
}

func (s *settling) load(tx *postgres.Tx, jobs []*postgres.Job[[]store.Settled]) error {
	var pushes, devices []int64
	for _, j := range jobs {
		for _, one := range j.What {
			pushes = append(pushes, one.Pushes...)
			if one.Retire != nil {
				devices = append(devices, one.Retire.DeviceID)
			}
		}
	}
	return tx.Do(func(b *postgres.Batch) {
		if len(devices) > 0 {
			b.Each(func(r pgx.Rows) error {
				var id int64
				p := &retiring{}
				err := r.Scan(&id, &p.value, &p.inUse)
				s.phones[id] = p
				return err
			}, `SELECT id, value, retired_at IS NULL FROM devices WHERE id = ANY($1) ORDER BY id FOR UPDATE`, devices)
		}
		b.Each(s.addPush, `SELECT `+pushRowColumns+` FROM pushes p WHERE p.id = ANY($1) ORDER BY p.id FOR UPDATE`, pushes)
	})
}

func (s *settling) addPush(r pgx.Rows) error {
	p, err := readPushRow(r)
	s.byID[p.id] = p
	return err
}

// plan takes in what one caller wants, all of it or nothing.
func (s *settling) plan(all []store.Settled) error {
	for _, one := range all {
		for _, id := range one.Pushes {
			if s.byID[id] == nil {
				return driver.NotFound("push")
			}
		}
	}
	for i := range all {
		s.planOne(&all[i])
	}
	return nil
}

func (s *settling) planOne(one *store.Settled) {
	for _, id := range one.Pushes {
		p := s.byID[id]
		switch rules.SettlementOf(*one, p.status, p.final) {
		case rules.SettleEnd:
			s.end(p, one.Status, one.Reason, one.At)
		case rules.SettleRetry:
			s.retry(p, *one)
		}
	}
	if r := one.Retire; r != nil {
		if d := s.phones[r.DeviceID]; d != nil && d.inUse && d.value == postgres.Text(r.Value) {
			d.inUse, d.why = false, one
		}
	}
}

// retire takes devices out of use and skips what they are owed.
func (s *settling) retire(tx *postgres.Tx) error {
	var ids []int64
	for id, d := range s.phones {
		if d.why != nil {
			ids = append(ids, id)
			s.retired.Next().Int(id).Always(d.why.At).Text(d.why.Retire.Reason)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	owed, err := owedPushes(tx, ids)
	if err != nil {
		return err
	}
	for _, p := range owed {
		if planned := s.byID[p.id]; planned != nil {
			p = planned
		}
		s.skip([]*pushRow{p}, store.ReasonDeviceRetired, s.phones[p.device].why.At)
	}
	return nil
}

var retireDevices = `UPDATE devices d SET retired_at = n.at, retired_for = n.reason
	FROM ` + postgres.Unnest("bigint timestamptz text") + ` AS n(id, at, reason) WHERE d.id = n.id`

func (s *settling) save(b *postgres.Batch) {
	if s.retired.Len() > 0 {
		b.Exec(retireDevices, s.retired.Args()...)
	}
	s.settle(b)
	s.finish(b)
}

// nextPush asks for one fan-out, whichever it is: each is due since it is there.
const nextPush = `least((SELECT min(next_at) FROM pushes WHERE next_at IS NOT NULL), (SELECT created_at FROM fanouts LIMIT 1))`

const resendPushes = `UPDATE pushes SET status = 'pending', reason = $2, next_at = $3, attempts = 0, first_attempt_at = NULL,
	gathered_since = NULL WHERE id = ANY($1)`

// ResendPushes implements [store.Outbox].
func (db *DB) ResendPushes(ctx context.Context, shop string, ids []int64, at time.Time) (n int, err error) {
	if err := driver.CheckResend(ids); err != nil || len(ids) == 0 {
		return 0, err
	}
	err = db.api.Write(ctx, func(tx *postgres.Tx) error {
		w := newWrites(db)
		var again []int64
		err := tx.Do(func(b *postgres.Batch) {
			b.Each(func(r pgx.Rows) error {
				p, err := readPushRow(r)
				if err == nil && p.final && rules.Resendable(p.status) && p.device != 0 {
					again = append(again, p.id)
					w.counts.Move(p.status, bellhop.PushPending)
				}
				return err
			}, `SELECT `+pushRowColumns+` FROM pushes p WHERE p.id = ANY($1) AND p.shop_id = (SELECT id FROM shops WHERE domain = $2)
				ORDER BY p.id FOR UPDATE`, ids, shop)
		})
		if err != nil {
			return err
		}
		err = tx.Commit(func(b *postgres.Batch) {
			b.Exec(resendPushes, again, store.ReasonResent, postgres.Always(at))
			w.finish(b)
		})
		if n, w.owed = len(again), true; err == nil {
			w.committed(ctx)
		}
		return err
	})
	return n, wrap("send pushes again", err)
}

// NextPush implements [store.Outbox].
func (db *DB) NextPush(ctx context.Context) (next time.Time, err error) {
	err = db.worker.Read(ctx, func(b *postgres.Batch) {
		b.Each(func(r pgx.Rows) error { return r.Scan(postgres.TimeTo(&next)) }, `SELECT `+nextPush)
	})
	return next, wrap("look for the next push", err)
}
