package sqlitestore

import (
	"context"
	"time"

	"bellhop"
	"bellhop/internal/sqlitefile"
	"bellhop/store"
)

// Record implements [store.Recorder]. What can be computed is computed before
// the writer is entered, since everybody shares it.
func (db *DB) Record(ctx context.Context, facts []bellhop.Fact) ([]bellhop.Result, error) {
	if len(facts) == 0 {
		return nil, nil
	}
	entries, err := prepare(facts)
	if err != nil {
		return nil, err
	}
	var results []bellhop.Result
	owed := false
	err = db.write(ctx, "record", func(tx *sqlitefile.Tx) (err error) {
		b := batch{tx: tx, shops: map[string]*shopRow{}}
		results, err = b.record(entries)
		owed = b.owed
		return err
	})
	if err != nil {
		return nil, err
	}
	if owed {
		db.wake()
	}
	return results, nil
}

// entry is a fact with what its rows need.
type entry struct {
	bellhop.Fact
	total, presentment string
	prices             []string
}

func prepare(facts []bellhop.Fact) ([]entry, error) {
	facts, err := store.CheckFacts(facts)
	if err != nil {
		return nil, err
	}
	entries := make([]entry, len(facts))
	for i := range facts {
		e := &entries[i]
		e.Fact = facts[i]
		if o := e.Order; o != nil {
			e.total = o.Total.String()
			if o.Presentment != nil {
				e.presentment = o.Presentment.String()
			}
			e.prices = make([]string, len(o.Items))
			for i, item := range o.Items {
				e.prices[i] = item.Price.String()
			}
		}
	}
	return entries, nil
}

// batch is one call of Record inside the writer. It keeps nothing beyond the
// call, since the transaction may be run again and other processes write too.
type batch struct {
	tx     *sqlitefile.Tx
	shops  map[string]*shopRow
	lines  store.Tally[bellhop.Outcome]
	pushes store.Tally[bellhop.PushStatus]
	pruned int64 // see unprune
	owed   bool
}

func (b *batch) record(entries []entry) ([]bellhop.Result, error) {
	var err error
	if b.pruned, err = prunedTo(b.tx.Conn); err != nil {
		return nil, err
	}
	results := make([]bellhop.Result, len(entries))
	for i := range entries {
		if results[i], err = b.one(&entries[i]); err != nil {
			return nil, err
		}
	}
	if err := b.touchShops(); err != nil {
		return nil, err
	}
	if err := flush(b.tx.Conn, ledgerTotals, &b.lines); err != nil {
		return nil, err
	}
	return results, flush(b.tx.Conn, pushTotals, &b.pushes)
}

// one records one fact.
func (b *batch) one(e *entry) (bellhop.Result, error) {
	seq, was, err := line(b.tx, e.Event)
	if err != nil {
		return bellhop.Result{}, err
	}
	if store.Settles(was) {
		return store.Redelivered(), nil
	}
	shop, err := b.shop(e.Event)
	if err != nil {
		return bellhop.Result{}, err
	}
	r, err := b.apply(shop, e)
	if err != nil {
		return r, err
	}
	b.lines.Move(was, r.Outcome)
	if err := b.unprune(seq); err != nil {
		return r, err
	}
	return r, writeLine(b.tx.Conn, seq, was, e.At, e.OrderID, r.Outcome, r.Reason)
}

func (b *batch) apply(shop *shopRow, e *entry) (bellhop.Result, error) {
	if skip := store.SkipFor(e.Fact, shop.id != 0, shop.is); skip != "" {
		return bellhop.Result{Outcome: bellhop.OutcomeSkipped, Reason: skip}, nil
	}
	no, s, err := loadState(b.tx.Conn, shop.id, e.OrderID)
	if err != nil {
		return bellhop.Result{}, err
	}
	m := store.Merge(s, e.Fact)
	if no, err = b.save(shop, no, s, m, e); err != nil || m.Result.Outcome != bellhop.OutcomeRecorded {
		return m.Result, err
	}
	for _, kind := range m.Owes {
		n, err := b.owe(shop, no, kind, e)
		if err != nil {
			return m.Result, err
		}
		m.Result.Pushes += n
	}
	return m.Result, b.tell(shop, m, s, e)
}

// save brings the order's row to the merged state and returns its number.
func (b *batch) save(shop *shopRow, no int64, s store.State, m store.Merged, e *entry) (int64, error) {
	c := b.tx.Conn
	switch {
	case m.Wipe && no != 0:
		return no, b.wipe(shop.id, no, e.At)
	case m.Content && no == 0:
		return insertOrder(c, shop.id, m.State, e)
	case m.Content:
		return no, updateOrder(c, no, m, e)
	case no == 0:
		return insertState(c, shop.id, e.OrderID, m.State)
	case m.Result.Outcome == bellhop.OutcomeRecorded, m.State.Version.Compare(s.Version) != 0:
		return no, updateState(c, no, m.State)
	}
	return no, nil
}

// tell adds to the stream what can be seen of the change.
func (b *batch) tell(shop *shopRow, m store.Merged, before store.State, e *entry) error {
	kind, tells := m.Tells(before)
	if !tells {
		return nil
	}
	return addChange(b.tx.Conn, store.Change{Kind: kind, OrderID: e.OrderID, At: e.At, TraceParent: e.Event.TraceParent}, shop.id)
}

// shopRow is what recording needs of a shop; id is 0 when there is none.
type shopRow struct {
	id       int64
	is       bellhop.Shop // what may keep its events from being recorded
	last     time.Time    // the newest of its events
	signedBy bellhop.Signer
	later    bool       // last is newer than what is stored
	phones   []phoneRow // in use; loaded once they are needed
	loaded   bool
}

func (b *batch) shop(e *bellhop.Event) (*shopRow, error) {
	s, ok := b.shops[e.Shop]
	if !ok {
		s = &shopRow{}
		_, err := b.tx.Prepare(`SELECT id, disabled, own_secret_only, last_event_at FROM shops WHERE domain = ?`).Text(e.Shop).
			First(func(r sqlitefile.Row) {
				s.id, s.is.Disabled, s.is.OwnSecretOnly, s.last = r.Int(), r.Bool(), r.Bool(), r.Time()
			})
		if err != nil {
			return nil, err
		}
		b.shops[e.Shop] = s
	}
	if e.AcceptedAt.After(s.last) {
		s.last, s.signedBy, s.later = e.AcceptedAt, e.SignedBy, true
	}
	return s, nil
}

func (b *batch) touchShops() error {
	for _, s := range b.shops {
		if s.id == 0 || !s.later {
			continue
		}
		err := b.tx.Prepare(`UPDATE shops SET last_event_at = ?, last_signed_by = ? WHERE id = ?`).
			Time(s.last).Text(string(s.signedBy)).Int(s.id).Exec()
		if err != nil {
			return err
		}
	}
	return nil
}

// phoneRow is what a new push needs of a device.
type phoneRow struct {
	id       int64
	freeAt   time.Time // when its budget has room again
	settings bellhop.Settings
}

// owe adds a push to each device of the shop that is in use and whose owner wants
// it. Of a new order the log says why one does not get any.
func (b *batch) owe(shop *shopRow, no int64, kind bellhop.PushKind, e *entry) (n int, err error) {
	if err := b.loadPhones(shop); err != nil {
		return 0, err
	}
	if len(shop.phones) == 0 && kind == bellhop.PushOrderNew {
		return 0, b.insertPush(shop.id, no, 0, kind, store.ReasonNoDevice, e.At, time.Time{})
	}
	for _, p := range shop.phones {
		wanted, why := store.Wants(p.settings, kind, e.amount())
		switch {
		case wanted:
			err = b.insertPush(shop.id, no, p.id, kind, "", e.At, store.DueAt(e.At, p.freeAt))
			n++
		case kind == bellhop.PushOrderNew:
			err = b.insertPush(shop.id, no, p.id, kind, why, e.At, time.Time{})
		}
		if err != nil {
			return n, err
		}
	}
	b.owed = b.owed || n > 0
	return n, nil
}

// amount is the order's, as far as the fact states it.
func (e *entry) amount() bellhop.Money {
	if e.Order == nil {
		return bellhop.Money{}
	}
	return e.Order.Total
}

func (b *batch) loadPhones(shop *shopRow) error {
	if shop.loaded {
		return nil
	}
	shop.loaded = true
	return b.tx.Prepare(`SELECT d.id, d.free_at, p.settings FROM devices d LEFT JOIN people p ON p.id = d.person_id
		WHERE d.shop_id = ? AND d.retired_at IS NULL ORDER BY d.id`).Int(shop.id).
		Each(func(r sqlitefile.Row) (err error) {
			p := phoneRow{id: r.Int(), freeAt: r.Time()}
			p.settings, err = store.ReadSettings(r.Text())
			shop.phones = append(shop.phones, p)
			return err
		})
}

// insertPush adds a push that is owed, or, with a reason, skipped. There is one of
// a kind for an order and device, ever.
func (b *batch) insertPush(shop, no, device int64, kind bellhop.PushKind, skipped string, at, due time.Time) error {
	status := bellhop.PushPending
	if skipped != "" {
		status = bellhop.PushSkipped
	}
	c := b.tx.Conn
	err := c.Prepare(`INSERT OR IGNORE INTO pushes (shop_id, order_no, device_id, kind, status, attempts, created_at, next_at, reason)
		VALUES (?,?,?,?,?,0,?,?,?)`).Int(shop).Int(no).Int(device).Text(string(kind)).
		Text(string(status)).Time(at).Time(due).TextOrNull(skipped).Exec()
	if err == nil && c.Changes() > 0 {
		b.pushes.Add(status, 1)
	}
	return err
}
