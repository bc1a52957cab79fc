package sqlitestore

import (
	"context"
	"math"
	"time"

	"bellhop"
	"bellhop/internal/sqlitefile"
	"bellhop/store"
	"bellhop/store/driver"
	"bellhop/store/rules"
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
	facts, err := driver.CheckFacts(facts)
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
	lines  rules.Tally[bellhop.Outcome]
	pushes rules.Tally[bellhop.PushStatus]
	pruned int64 // see unprune
	forget bool  // the order of the fact at hand is deleted
	owed   bool

	portions rules.Portions
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
	if rules.Settles(was) {
		return rules.Redelivered(), nil
	}
	shop, err := b.shop(e.Event)
	if err != nil {
		return bellhop.Result{}, err
	}
	b.forget = false
	r, err := b.apply(shop, e)
	if err != nil {
		return r, err
	}
	b.lines.Move(was, r.Outcome)
	if err := b.unprune(seq); err != nil {
		return r, err
	}
	err = writeLine(b.tx.Conn, seq, was, e.At, e.OrderID, r.Outcome, r.Reason)
	if err == nil && b.forget {
		err = forgetBodies(b.tx.Conn, e.Event.Shop, e.OrderID)
	}
	return r, err
}

// forgetBodies drops the bodies of the webhooks of an order that is deleted.
func forgetBodies(c *sqlitefile.Conn, shop string, orderID int64) error {
	return c.Prepare(`UPDATE events SET body = NULL, coding = 0 WHERE seq IN (SELECT seq FROM ledger WHERE order_id = ?)
		AND shop = ? AND body IS NOT NULL`).Int(orderID).Text(shop).Exec()
}

func (b *batch) apply(shop *shopRow, e *entry) (bellhop.Result, error) {
	if skip := rules.SkipFor(e.Fact, shop.id != 0, shop.is); skip != "" {
		return bellhop.Result{Outcome: bellhop.OutcomeSkipped, Reason: skip}, nil
	}
	no, s, err := loadState(b.tx.Conn, shop.id, e.OrderID)
	if err != nil {
		return bellhop.Result{}, err
	}
	m := rules.Merge(s, e.Fact)
	b.forget = m.Forget
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
func (b *batch) save(shop *shopRow, no int64, s rules.State, m rules.Merged, e *entry) (int64, error) {
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
func (b *batch) tell(shop *shopRow, m rules.Merged, before rules.State, e *entry) error {
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
	later    bool             // last is newer than what is stored
	phones   []rules.Receiver // in use; loaded once they are needed
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

// owe writes down what an order owes to the devices of the shop: a push each, or a
// fan-out if they are many.
func (b *batch) owe(shop *shopRow, no int64, kind bellhop.PushKind, e *entry) (n int, err error) {
	if err := b.loadPhones(shop); err != nil {
		return 0, err
	}
	switch {
	case len(shop.phones) == 0 && kind == bellhop.PushOrderNew:
		return 0, b.insertPush(shop.id, no, 0, kind, store.ReasonNoDevice, e.At, time.Time{})
	case b.portions.FansOut(len(shop.phones)):
		b.owed = true
		return 1, b.insertFanOut(shop.id, no, kind, e.At)
	}
	n, err = b.oweTo(shop.phones, shop.id, no, kind, e.amount(), e.At)
	b.owed = b.owed || n > 0
	return n, err
}

func (b *batch) oweTo(phones []rules.Receiver, shop, no int64, kind bellhop.PushKind, total bellhop.Money, at time.Time) (n int, err error) {
	for _, p := range phones {
		due, skipped, noted := p.Owes(kind, total, at)
		if !noted {
			continue
		}
		if err := b.insertPush(shop, no, p.ID, kind, skipped, at, due); err != nil {
			return n, err
		}
		if skipped == "" {
			n++
		}
	}
	return n, nil
}

// amount is the order's, as far as the fact states it.
func (e *entry) amount() bellhop.Money {
	if e.Order == nil {
		return bellhop.Money{}
	}
	return e.Order.Total
}

// loadPhones loads as many as are written to at once, and one more.
func (b *batch) loadPhones(shop *shopRow) (err error) {
	if !shop.loaded {
		shop.loaded = true
		shop.phones, err = readPhones(b.tx.Conn, shop.id, 0, math.MaxInt64, rules.FanOutAbove+1)
	}
	return err
}

// readPhones finds devices of a shop that are in use, by their ids.
func readPhones(c *sqlitefile.Conn, shop, after, last int64, limit int) (phones []rules.Receiver, err error) {
	err = c.Prepare(`SELECT d.id, d.free_at, p.settings FROM devices d LEFT JOIN people p ON p.id = d.person_id
		WHERE d.shop_id = ? AND d.retired_at IS NULL AND d.id > ? AND d.id <= ? ORDER BY d.id LIMIT ?`).
		Int(shop).Int(after).Int(last).Int(int64(limit)).Each(func(r sqlitefile.Row) (err error) {
		p := rules.Receiver{ID: r.Int(), FreeAt: r.Time()}
		p.Settings, err = driver.ReadSettings(r.Text())
		phones = append(phones, p)
		return err
	})
	return phones, err
}

// insertPush adds a push that is owed, or, with a reason, skipped. There is one of
// a kind for an order and device, ever.
func (b *batch) insertPush(shop, no, device int64, kind bellhop.PushKind, skipped string, at, due time.Time) error {
	c, status := b.tx.Conn, bellhop.PushPending
	query := `INSERT OR IGNORE INTO pushes (shop_id, order_no, device_id, kind, created_at, status, attempts, next_at)
		VALUES (?,?,?,?,?,'pending',0,?)`
	if skipped != "" {
		status = bellhop.PushSkipped
		query = `INSERT OR IGNORE INTO pushes (shop_id, order_no, device_id, kind, created_at, status, attempts, reason)
		VALUES (?,?,?,?,?,'skipped',0,?)`
	}
	st := c.Prepare(query).Int(shop).Int(no).Int(device).Text(string(kind)).Time(at)
	if skipped != "" {
		st.Text(skipped)
	} else {
		st.Time(due)
	}
	err := st.Exec()
	if err == nil && c.Changes() > 0 {
		b.pushes.Add(status, 1)
	}
	return err
}
