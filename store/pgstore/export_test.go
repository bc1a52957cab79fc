package pgstore

import (
	"context"
	"time"

	"bellhop"
	"bellhop/internal/postgres"
	"bellhop/store"
	"bellhop/store/driver"
	"bellhop/store/rules"
)

// Query is a query worth planning well.
type Query struct {
	SQL  string
	Args []any
}

// Queries returns the driver's own queries by the index that each must use.
func Queries() map[string]Query {
	const shop = "a.myshopify.com"
	now := time.Now()
	turns := []any{postgres.Always(now), []int64{1}, []int64{9}, []int64(nil)}
	line := func(q store.LineQuery) Query {
		sql, args := lineQuery(q, bellhop.EventID{0xFF}, 50)
		return Query{sql, args}
	}
	listed := func(q store.OrderQuery) Query {
		l, _ := driver.ParseList(q)
		l.At = far.UnixMicro()
		text := driver.Query{}
		text.Add(`SELECT o.order_id`+ofShop, shop)
		l.Where(&text, micro)
		text.Add(l.Order() + ` LIMIT 50`)
		return Query{text.Text, text.Args}
	}
	window := func(by store.Sort) Query {
		column, _ := driver.WindowColumn(by, 1)
		hour := []any{shop, postgres.Always(now), postgres.Always(now.Add(time.Hour)), int64(0), 9}
		return Query{headsBetween(column), hour}
	}
	handled := []bellhop.Handling{bellhop.HandlingHandled}
	return map[string]Query{
		"orders_by_creation on orders":                         window(store.SortCreated),
		"orders_by_update on orders o":                         window(store.SortUpdated),
		"orders_list on orders":                                listed(store.OrderQuery{}),
		"orders_cancelled on orders":                           listed(store.OrderQuery{Cancelled: true}),
		"orders_by_handling on orders":                         listed(store.OrderQuery{Handling: handled}),
		"orders_by_payment on orders":                          listed(store.OrderQuery{Financial: []string{"refunded"}}),
		"orders_by_fulfillment on orders":                      listed(store.OrderQuery{Fulfillment: []string{"partial"}}),
		"orders_test on orders":                                listed(store.OrderQuery{Test: true}),
		"orders_by_update on orders":                           listed(store.OrderQuery{Sort: store.SortUpdated}),
		"orders_pkey on orders":                                {loadOrders, []any{[]string{shop}, []int64{1}}},
		"events_pkey on events":                                {loadLines, []any{[][16]byte{{1}}}},
		"pushes_shop_id_order_id_device_id_kind_key on pushes": {loadOwed, []any{[]string{shop}, []int64{1}}},
		"pushes_due on pushes p":                               {`SELECT min(p.next_at) FROM pushes p WHERE p.next_at IS NOT NULL`, nil},
		"pushes_due_by_shop on pushes":                         {findDue, turns},
		"Index Scan Backward using events_p":                   line(store.LineQuery{Shop: shop}),
		"events_by_order on events":                            line(store.LineQuery{OrderID: 1}),
		"events_in_trouble on events":                          line(store.LineQuery{Outcome: bellhop.OutcomeDead}),
		"pushes_pkey on pushes":                                {updatePushes, []any{[]int64{1}, []string{"sent"}, []string{""}, []*time.Time{nil}, []*time.Time{nil}}},
		"items_pkey on items":                                  {deleteItems, []any{[]int64{1}, []int64{1}}},
		"orders_personal on orders":                            {`SELECT o.order_id` + oldOrders, []any{postgres.Always(now), 100}},
		"events_to_prune on events":                            {`SELECT id FROM events WHERE accepted_at < $1 AND body IS NOT NULL AND outcome <> 'dead' ORDER BY accepted_at LIMIT 10`, []any{postgres.Always(time.Unix(0, 0))}},
		"Index Scan using changes_pkey on ch":                  {listChanges, []any{int64(3000), shop, 10}},
	}
}

// BareInserts adds the rows that Record would add for new facts to the same tables, and
// does nothing else: the yardstick for Record. seq is the last number of the stream so far.
func (db *DB) BareInserts(ctx context.Context, shop int64, devices []int64, seq int64, facts []bellhop.Fact) error {
	s := &rules.StoredShop{Row: shop}
	for _, d := range devices {
		s.Receivers = append(s.Receivers, rules.Receiver{ID: d})
	}
	var r recording
	r.Recording, _ = rules.PlanRecord(rules.Before{Shops: map[string]*rules.StoredShop{facts[0].Event.Shop: s}}, facts)
	r.writes = newWrites(db, &r.Changes)
	return db.worker.Once(ctx, func(q *postgres.Batch) {
		r.saveOrders(q)
		db.saveLines(q, r.Lines)
		r.savePushes(q)
		q.Exec(`INSERT INTO changes (seq, kind, shop_id, order_id, push_id, at, trace_parent)
			SELECT $7 + n.nr, n.kind, n.shop_id, n.order_id, n.push_id, n.at, n.trace
			FROM `+postgres.Unnest("text bigint bigint bigint timestamptz text")+
			` WITH ORDINALITY AS n(kind, shop_id, order_id, push_id, at, trace, nr)`,
			r.writes.streamRows().Args(seq)...)
	})
}
