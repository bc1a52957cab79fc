package pgstore

import (
	"time"

	"bellhop"
	"bellhop/internal/postgres"
	"bellhop/store"
)

// Query is one that is worth planning well.
type Query struct {
	SQL  string
	Args []any
}

// Queries returns the driver's own queries by the index that each is to use.
func Queries() map[string]Query {
	const shop = "a.myshopify.com"
	now := time.Now()
	line := func(q store.LineQuery) Query {
		sql, args := lineQuery(q, bellhop.EventID{0xFF}, 50)
		return Query{sql, args}
	}
	return map[string]Query{
		"orders_list on orders":                                {listOrders, []any{shop, now, int64(1), past, "", "", "\n", 50}},
		"orders_pkey on orders":                                {loadOrders, []any{[]string{shop}, []int64{1}}},
		"events_pkey on events":                                {loadLines, []any{[][16]byte{{1}}}},
		"pushes_shop_id_order_id_device_id_kind_key on pushes": {loadOwed, []any{[]string{shop}, []int64{1}}},
		"pushes_due on pushes p":                               {`SELECT min(p.next_at) FROM pushes p WHERE p.next_at IS NOT NULL`, nil},
		"Index Scan Backward using events_p":                   line(store.LineQuery{Shop: shop}),
		"events_by_order on events":                            line(store.LineQuery{OrderID: 1}),
		"events_in_trouble on events":                          line(store.LineQuery{Outcome: bellhop.OutcomeDead}),
		"pushes_pkey on pushes":                                {updatePushes, []any{[]int64{1}, []string{"sent"}, []string{""}, []*time.Time{nil}, []*time.Time{nil}}},
		"items_pkey on items":                                  {deleteItems, []any{[]int64{1}, []int64{1}}},
		"events_to_prune on events":                            {`SELECT id FROM events WHERE accepted_at < $1 AND body IS NOT NULL AND outcome <> 'dead' ORDER BY accepted_at LIMIT 10`, []any{postgres.Always(past)}},
		"Index Scan using changes_pkey on ch":                  {listChanges, []any{int64(3000), shop, 10}},
	}
}
