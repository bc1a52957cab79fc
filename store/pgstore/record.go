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
	"bellhop/store/rows"
	"bellhop/store/rules"
)

// Record implements [store.Recorder]: one round trip loads the rows that the facts name,
// another saves the rules' decisions. If another process added an order or event first, or
// after a deadlock, it starts over, alone.
func (db *DB) Record(ctx context.Context, facts []bellhop.Fact) ([]bellhop.Result, error) {
	return plan(ctx, db, "record", facts, rules.PlanRecord)
}

// Refill implements [store.Recorder].
func (db *DB) Refill(ctx context.Context, facts []bellhop.Fact) (int, error) {
	return plan(ctx, db, "refill orders", facts, rules.PlanRefill)
}

// plan loads what facts are about, and saves what a rule decides.
func plan[T any](
	ctx context.Context, db *DB, what string, facts []bellhop.Fact,
	rule func(rules.Before, []bellhop.Fact) (*rules.Recording, T),
) (T, error) {
	var result, none T
	facts, err := driver.CheckFacts(facts)
	if err != nil || len(facts) == 0 {
		return none, wrap(what, err)
	}
	if err := db.keepDictionary(ctx); err != nil {
		return none, wrap(what, err)
	}
	turn := takeTurn
	err = db.worker.Write(ctx, func(tx *postgres.Tx) error {
		l := loading{turn: turn, facts: facts, Before: rules.Before{Shops: map[string]*rules.StoredShop{},
			Lines: map[bellhop.EventID]rules.StoredLine{}, Orders: map[rules.OrderKey]*rules.StoredOrder{},
			Marks: map[bellhop.Mark]time.Time{}, Erased: map[string]bool{}}}
		turn = takeTurnAlone
		if err := tx.Do(l.load); err != nil {
			return err
		}
		if l.unmarked != "" {
			return &store.UnmarkedError{Shop: l.unmarked}
		}
		if err := l.loadKnown(tx); err != nil {
			return err
		}
		var s recording
		s.Recording, result = rule(l.Before, facts)
		s.writes = newWrites(db, &s.Changes)
		if err := s.loadSentOrders(tx); err != nil {
			return err
		}
		if err := tx.Commit(s.save); err != nil {
			return raced(err)
		}
		s.writes.committed(ctx)
		return nil
	})
	if err != nil {
		return none, wrap(what, err)
	}
	return result, nil
}

// loading is a call of Record as it finds the database.
type loading struct {
	rules.Before
	turn     string
	facts    []bellhop.Fact
	unmarked string // a shop that has to forget somebody, and of which a fact has no marks
}

const (
	// Of batches that add the same order all but one start over. Beside others that may happen
	// again and again; alone it can't.
	takeTurn      = `SELECT pg_advisory_xact_lock_shared(hashtext('bellhop record'))`
	takeTurnAlone = `SELECT pg_advisory_xact_lock(hashtext('bellhop record'))`

	loadShops = `SELECT s.domain, ` + rows.LoadedShopColumns + ` FROM ` + rows.LoadedShops + `
		WHERE s.domain = ANY($1)`
	loadReceivers = `SELECT s.domain, d.id, d.person_id, d.free_at, coalesce(p.settings, '')
		FROM shops s CROSS JOIN LATERAL (SELECT id, free_at, person_id FROM devices
			WHERE shop_id = s.id AND retired_at IS NULL ORDER BY id LIMIT $2) d LEFT JOIN people p ON p.id = d.person_id
		WHERE s.domain = ANY($1) ORDER BY d.id`
	// One look-up each, since the planner knows little of a fast-growing table; locked in
	// the order of the arguments.
	loadOrders = `SELECT o.* FROM unnest($1::text[], $2::bigint[]) AS k(domain, order_id) CROSS JOIN LATERAL
		(SELECT shop_id, order_id, ` + rows.LoadedColumns + `
			FROM orders WHERE shop_id = (SELECT id FROM shops WHERE domain = k.domain) AND order_id = k.order_id
			FOR NO KEY UPDATE) AS o`
	loadOwed = `SELECT p.* FROM unnest($1::text[], $2::bigint[]) AS k(domain, order_id) CROSS JOIN LATERAL
		(SELECT ` + pushRowColumns + ` FROM pushes p WHERE p.shop_id = (SELECT id FROM shops WHERE domain = k.domain)
			AND p.order_id = k.order_id AND p.next_at IS NOT NULL AND p.status <> 'sending' ORDER BY p.id FOR UPDATE) AS p`
)

// load queues the rows that the facts name, and locks them in a fixed order.
func (l *loading) load(q *postgres.Batch) {
	domains, ids := l.names()
	q.Exec(l.turn)
	q.Each(l.addLine, loadLines, ids)
	q.Rows(l.addShop, loadShops, domains)
	q.Rows(l.addReceiver, loadReceivers, domains, rules.FanOutAbove+1)
	l.loadForgetting(q, domains)
	if d, ids := l.keys(func(f *bellhop.Fact) bool { return true }); len(ids) > 0 {
		q.Rows(l.addOrder, loadOrders, d, ids)
	}
	if d, ids := l.keys(func(f *bellhop.Fact) bool { return f.Deleted }); len(ids) > 0 {
		q.Rows(l.addOwed, loadOwed, d, ids)
	}
}

// names lists the facts' shops and events, each once and in order.
func (l *loading) names() (domains []string, ids [][16]byte) {
	for i := range l.facts {
		e := l.facts[i].Event
		domains, ids = append(domains, e.Shop), append(ids, e.ID)
	}
	slices.Sort(domains)
	slices.SortFunc(ids, func(a, b [16]byte) int { return bytes.Compare(a[:], b[:]) })
	return slices.Compact(domains), slices.Compact(ids)
}

// orderName names an order by its shop's domain.
type orderName struct {
	domain string
	id     int64
}

// keys lists the facts' orders, each once and in order.
func (l *loading) keys(of func(*bellhop.Fact) bool) (domains []string, ids []int64) {
	var names []orderName
	for i := range l.facts {
		if f := &l.facts[i]; f.OrderID != 0 && of(f) {
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

func (l *loading) addLine(r pgx.Rows) error {
	id, was, err := scanLine(r)
	l.Lines[id] = was
	return err
}

func (l *loading) addShop(r *postgres.Row) {
	domain := r.Text()
	s := rows.LoadedShop(r)
	s.LastEventAt = time.Time{} // updateShops compares with the row that it locks
	l.Shops[domain] = &s
}

func (l *loading) addReceiver(r *postgres.Row) {
	if s := l.Shops[r.Text()]; s != nil { // another one may have added it since
		s.Receivers = append(s.Receivers, rows.Receiver(r))
	}
}

func (l *loading) addOrder(r *postgres.Row) {
	k := rules.OrderKey{Shop: r.Int(), ID: r.Int()}
	l.Orders[k] = &rules.StoredOrder{Row: 1, State: rows.State(r)}
}

func (l *loading) addOwed(r *postgres.Row) {
	p := rows.Owed(r)
	if o := l.Orders[rules.OrderKey{Shop: p.Shop, ID: p.Order}]; o != nil {
		o.Owed = append(o.Owed, p)
	}
}

// loadKnown loads the content of the orders of which the rule needs it.
func (l *loading) loadKnown(tx *postgres.Tx) error {
	var loads []func(*postgres.Batch)
	for i := range l.facts {
		f := &l.facts[i]
		s := l.Shops[f.Event.Shop]
		if s == nil {
			continue
		}
		o := l.Orders[rules.OrderKey{Shop: s.Row, ID: f.OrderID}]
		if o == nil || o.Known != nil || !rules.Reads(&o.State, f) {
			continue
		}
		w := &whole{}
		o.Known = &w.order
		loads = append(loads, func(b *postgres.Batch) { w.loadDocumented(b, f.Event.Shop, f.OrderID) })
	}
	if len(loads) == 0 {
		return nil
	}
	return tx.Do(func(b *postgres.Batch) {
		for _, load := range loads {
			load(b)
		}
	})
}
