package pgstore

import (
	"bytes"
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"bellhop"
	"bellhop/internal/postgres"
	"bellhop/store"
	"bellhop/store/driver"
	"bellhop/store/rules"
)

// Record implements [store.Recorder]: one round trip loads what the facts are
// merged into, another writes what came of it. When another process brought
// a new order or event first, or two wait for each other, it is done again.
func (db *DB) Record(ctx context.Context, facts []bellhop.Fact) ([]bellhop.Result, error) {
	if len(facts) == 0 {
		return nil, nil
	}
	facts, err := driver.CheckFacts(facts)
	if err != nil {
		return nil, err
	}
	if err := db.keepDictionary(ctx); err != nil {
		return nil, err
	}
	var results []bellhop.Result
	err = db.worker.Write(ctx, func(tx *postgres.Tx) error {
		b := newBatch(db, facts)
		if err := tx.Do(b.load); err != nil {
			return err
		}
		results = make([]bellhop.Result, len(facts))
		for i := range facts {
			results[i] = b.one(&facts[i])
		}
		if err := tx.Commit(b.save); err != nil {
			return raced(err)
		}
		b.committed(ctx)
		return nil
	})
	if err != nil {
		return nil, wrap("record", err)
	}
	return results, nil
}

// batch is one call of Record inside a transaction.
type batch struct {
	*writes
	facts  []bellhop.Fact
	shops  map[string]*shopRow
	events map[bellhop.EventID]*line
	orders map[orderKey]*orderRow
	fresh  []*newPush
	fans   []*newPush              // fan-outs
	owedOf map[orderKey][]*pushRow // on their way, of orders that are deleted
	forget postgres.Rows           // the orders that are deleted

	portions rules.Portions
}

// shopRow is what recording needs of a shop; id is 0 when there is none.
type shopRow struct {
	id     int64
	is     bellhop.Shop     // what may keep its events from being recorded
	phones []rules.Receiver // in use, as many as are written to at once, and one more
	last   *bellhop.Event
}

type orderKey struct{ shop, id int64 }

// orderRow is an order as the batch leaves it.
type orderRow struct {
	orderKey
	stored  bool // there is a row
	state   rules.State
	dirty   bool
	content *bellhop.Fact // what replaces the content
	first   *bellhop.Fact // what brought the order
	wiped   bool
}

// newPush is a push that the batch adds; device is 0 when there was none.
type newPush struct {
	order   *orderRow
	device  int64
	kind    bellhop.PushKind
	skipped string // why it is not owed after all; "" when it is
	at, due time.Time
}

func newBatch(db *DB, facts []bellhop.Fact) *batch {
	return &batch{writes: newWrites(db), facts: facts, shops: map[string]*shopRow{}, owedOf: map[orderKey][]*pushRow{},
		events: make(map[bellhop.EventID]*line, len(facts)), orders: make(map[orderKey]*orderRow, len(facts))}
}

const (
	loadShops  = `SELECT domain, id, disabled, own_secret_only FROM shops WHERE domain = ANY($1)`
	loadPhones = `SELECT s.domain, d.id, d.free_at, coalesce(p.settings, '')
		FROM shops s CROSS JOIN LATERAL (SELECT id, free_at, person_id FROM devices
			WHERE shop_id = s.id AND retired_at IS NULL ORDER BY id LIMIT $2) d LEFT JOIN people p ON p.id = d.person_id
		WHERE s.domain = ANY($1) ORDER BY d.id`
	// Looked up one by one, since the planner knows little of a table that grows
	// fast, and locked in the order of the arguments.
	loadOrders = `SELECT o.* FROM unnest($1::text[], $2::bigint[]) AS k(domain, order_id) CROSS JOIN LATERAL
		(SELECT shop_id, order_id, deleted, version_updated_at, version_triggered_at, version_hash, edit_at, edit_id, refund_at, refund_id,
				financial_status, cancelled_at IS NOT NULL
			FROM orders WHERE shop_id = (SELECT id FROM shops WHERE domain = k.domain) AND order_id = k.order_id
			FOR NO KEY UPDATE) AS o`
	loadOwed = `SELECT p.* FROM unnest($1::text[], $2::bigint[]) AS k(domain, order_id) CROSS JOIN LATERAL
		(SELECT ` + pushRowColumns + ` FROM pushes p WHERE p.shop_id = (SELECT id FROM shops WHERE domain = k.domain)
			AND p.order_id = k.order_id AND p.next_at IS NOT NULL AND p.status <> 'sending' ORDER BY p.id FOR UPDATE) AS p`
)

// load queues what the facts are about. What is there is locked in a fixed order.
func (b *batch) load(q *postgres.Batch) {
	domains, ids := b.names()
	q.Each(b.addEvent, loadLines, ids)
	q.Each(b.addShop, loadShops, domains)
	q.Each(b.addPhone, loadPhones, domains, rules.FanOutAbove+1)
	if d, ids := b.keys(func(f *bellhop.Fact) bool { return true }); len(ids) > 0 {
		q.Each(b.addOrder, loadOrders, d, ids)
	}
	if d, ids := b.keys(func(f *bellhop.Fact) bool { return f.Deleted }); len(ids) > 0 {
		q.Each(b.addOwed, loadOwed, d, ids)
	}
}

// names lists the shops and events of the facts, each once and in order.
func (b *batch) names() (domains []string, ids [][16]byte) {
	for i := range b.facts {
		e := b.facts[i].Event
		domains, ids = append(domains, e.Shop), append(ids, e.ID)
	}
	slices.Sort(domains)
	slices.SortFunc(ids, func(a, b [16]byte) int { return bytes.Compare(a[:], b[:]) })
	return slices.Compact(domains), slices.Compact(ids)
}

// orderName is an order by its shop's name.
type orderName struct {
	domain string
	id     int64
}

// keys lists the orders of some facts, each once and in order.
func (b *batch) keys(of func(*bellhop.Fact) bool) (domains []string, ids []int64) {
	var names []orderName
	for i := range b.facts {
		if f := &b.facts[i]; f.OrderID != 0 && of(f) {
			names = append(names, orderName{f.Event.Shop, f.OrderID})
		}
	}
	slices.SortFunc(names, func(a, b orderName) int {
		return cmp.Or(cmp.Compare(a.domain, b.domain), cmp.Compare(a.id, b.id))
	})
	for _, n := range slices.Compact(names) {
		domains, ids = append(domains, n.domain), append(ids, n.id)
	}
	return domains, ids
}

func (b *batch) addEvent(r pgx.Rows) error {
	l := line{stored: true}
	var id bellhop.EventID
	err := r.Scan((*[16]byte)(&id), postgres.TextTo(&l.outcome))
	b.events[id] = &l
	return err
}

func (b *batch) addShop(r pgx.Rows) error {
	var domain string
	var s shopRow
	err := r.Scan(&domain, &s.id, &s.is.Disabled, &s.is.OwnSecretOnly)
	b.shops[domain] = &s
	return err
}

func (b *batch) addPhone(r pgx.Rows) error {
	var domain string
	p, err := readReceiver(r, &domain)
	if s := b.shops[domain]; s != nil { // another one may have added it since
		s.phones = append(s.phones, p)
	}
	return err
}

// readReceiver scans what comes before the columns too.
func readReceiver(r pgx.Rows, before ...any) (p rules.Receiver, err error) {
	var settings string
	err = r.Scan(append(before, &p.ID, postgres.TimeTo(&p.FreeAt), &settings)...)
	if err == nil {
		p.Settings, err = driver.ReadSettings(settings)
	}
	return p, err
}

func (b *batch) addOrder(r pgx.Rows) error {
	o := orderRow{stored: true}
	s := &o.state
	var hash int64
	var paid string
	err := r.Scan(&o.shop, &o.id, &s.Deleted, postgres.TimeTo(&s.Version.UpdatedAt), postgres.TimeTo(&s.Version.TriggeredAt),
		&hash, postgres.TimeTo(&s.Edit.At), postgres.IntTo(&s.Edit.ID), postgres.TimeTo(&s.Refund.At), postgres.IntTo(&s.Refund.ID),
		postgres.TextTo(&paid), &s.Cancelled)
	s.Version.Hash, s.Paid = uint64(hash), (&bellhop.Order{FinancialStatus: paid}).WasPaid()
	if s.Edit != (bellhop.Touch{}) {
		s.Edit.Kind = bellhop.TouchEdit
	}
	if s.Refund != (bellhop.Touch{}) {
		s.Refund.Kind = bellhop.TouchRefund
	}
	b.orders[o.orderKey] = &o
	return err
}

func (b *batch) addOwed(r pgx.Rows) error {
	p, err := readPushRow(r)
	k := orderKey{p.shop, p.order}
	b.owedOf[k] = append(b.owedOf[k], p)
	return err
}

// one records one fact.
func (b *batch) one(f *bellhop.Fact) bellhop.Result {
	l := b.events[f.Event.ID]
	if l == nil {
		l = &line{}
		b.events[f.Event.ID] = l
	}
	if rules.Settles(l.outcome) {
		return rules.Redelivered()
	}
	r := b.apply(f)
	b.lines.Move(l.outcome, r.Outcome)
	l.event, l.outcome, l.reason, l.orderID, l.at, l.changed = f.Event, r.Outcome, r.Reason, f.OrderID, f.At, true
	return r
}

func (b *batch) apply(f *bellhop.Fact) bellhop.Result {
	shop := b.shops[f.Event.Shop]
	if shop == nil {
		shop = &shopRow{}
		b.shops[f.Event.Shop] = shop
	}
	if shop.last == nil || f.Event.AcceptedAt.After(shop.last.AcceptedAt) {
		shop.last = f.Event
	}
	if skip := rules.SkipFor(*f, shop.id != 0, shop.is); skip != "" {
		return bellhop.Result{Outcome: bellhop.OutcomeSkipped, Reason: skip}
	}
	o := b.order(orderKey{shop.id, f.OrderID})
	before := o.state
	m := rules.Merge(before, *f)
	if m.Forget {
		b.forget.Next().Text(f.Event.Shop).Int(f.OrderID)
	}
	o.take(m, f)
	if m.Wipe {
		b.skip(b.owedOf[o.orderKey], store.ReasonOrderDeleted, f.At)
	}
	for _, kind := range m.Owes {
		m.Result.Pushes += b.owe(shop, o, kind, f)
	}
	if kind, tells := m.Tells(before); tells {
		b.tell(kind, shop.id, f.OrderID, 0, f.At, f.Event.TraceParent)
	}
	return m.Result
}

func (b *batch) order(k orderKey) *orderRow {
	o := b.orders[k]
	if o == nil {
		o = &orderRow{orderKey: k}
		b.orders[k] = o
	}
	return o
}

// take brings the row to the merged state.
func (o *orderRow) take(m rules.Merged, f *bellhop.Fact) {
	o.dirty = o.dirty || !o.stored || m.Result.Outcome == bellhop.OutcomeRecorded || m.State.Version.Compare(o.state.Version) != 0
	o.state = m.State
	switch {
	case m.Wipe:
		o.wiped, o.content, o.first = true, nil, nil
	case m.Content:
		o.content = f
		if m.First {
			o.first = f
		}
	}
}

// owe writes down what an order owes to the devices of the shop: a push each, or a
// fan-out if they are many.
func (b *batch) owe(shop *shopRow, o *orderRow, kind bellhop.PushKind, f *bellhop.Fact) (n int) {
	var total bellhop.Money
	if f.Order != nil {
		total = f.Order.Total
	}
	switch {
	case len(shop.phones) == 0 && kind == bellhop.PushOrderNew:
		b.fresh = append(b.fresh, &newPush{order: o, kind: kind, skipped: store.ReasonNoDevice, at: f.At})
	case b.portions.FansOut(len(shop.phones)):
		b.fans, n = append(b.fans, &newPush{order: o, kind: kind, at: f.At}), 1
	default:
		n = b.oweTo(shop.phones, o, kind, total, f.At)
	}
	b.owed = b.owed || n > 0
	return n
}

func (b *batch) oweTo(phones []rules.Receiver, o *orderRow, kind bellhop.PushKind, total bellhop.Money, at time.Time) (n int) {
	for _, p := range phones {
		due, skipped, noted := p.Owes(kind, total, at)
		if !noted {
			continue
		}
		b.fresh = append(b.fresh, &newPush{order: o, device: p.ID, kind: kind, skipped: skipped, at: at, due: due})
		if skipped == "" {
			n++
		}
	}
	return n
}

// changedOrders and changedLines list what is to be written, in the order of
// locks.
func (b *batch) changedOrders() (all []*orderRow) {
	for _, o := range b.orders {
		if o.dirty {
			all = append(all, o)
		}
	}
	slices.SortFunc(all, func(a, b *orderRow) int {
		return cmp.Or(cmp.Compare(a.shop, b.shop), cmp.Compare(a.id, b.id))
	})
	return all
}

func (b *batch) changedLines() (all []*line) {
	for _, l := range b.events {
		if l.changed {
			all = append(all, l)
		}
	}
	slices.SortFunc(all, func(a, b *line) int { return bytes.Compare(a.event.ID[:], b.event.ID[:]) })
	return all
}
