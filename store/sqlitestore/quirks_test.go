package sqlitestore_test

import (
	"strings"
	"testing"

	"bellhop"
	"bellhop/internal/sqlitefile"
	"bellhop/store"
	"bellhop/store/sqlitestore"
	"bellhop/store/storetest"
)

// plan returns how SQLite would run a query.
func plan(t *testing.T, f *sqlitefile.File, query string) string {
	t.Helper()
	var steps []string
	must(t, f.Read(t.Context(), func(c *sqlitefile.Conn) error {
		return c.Prepare("EXPLAIN QUERY PLAN " + query).Each(func(r sqlitefile.Row) error {
			r.Int()
			r.Int()
			r.Int()
			steps = append(steps, r.Text())
			return nil
		})
	}))
	return strings.Join(steps, "; ")
}

// TestQueriesUseTheirIndex reads the plans of the hot paths and long lists.
func TestQueriesUseTheirIndex(t *testing.T) {
	_, f := open(t)
	list, handled := sqlitestore.ListText, []bellhop.Handling{bellhop.HandlingHandled}
	const newest = "orders_list (shop_id=? AND placed_at>? AND (placed_at,order_id)<(?,?))"
	for query, index := range map[string]string{
		// The walk begins at the cursor, so that a late page costs no more than the first.
		list(store.OrderQuery{}):                                 newest,
		list(store.OrderQuery{Since: day}):                       newest,
		list(store.OrderQuery{Handling: handled}):                "orders_by_handling (shop_id=? AND handling=?",
		list(store.OrderQuery{Financial: []string{"refunded"}}):  "orders_by_payment (shop_id=? AND financial_status=?",
		list(store.OrderQuery{Fulfillment: []string{"partial"}}): "orders_by_fulfillment (shop_id=?",
		list(store.OrderQuery{Cancelled: true}):                  "orders_cancelled (shop_id=?",
		list(store.OrderQuery{Test: true}):                       "orders_test (shop_id=?",
		list(store.OrderQuery{Sort: store.SortUpdated}):          "orders_by_update (shop_id=?",
		sqlitestore.OldOrders:                                    "orders_personal (updated_at<?)",
		`SELECT p.id FROM pushes p WHERE p.shop_id = ? AND p.next_at <= ? ORDER BY p.next_at, p.id LIMIT ?`: "pushes_due_by_shop",
		`SELECT min(next_at) FROM pushes WHERE next_at IS NOT NULL`:                                         "pushes_due",
		`SELECT p.id FROM pushes p WHERE p.shop_id = ? AND (p.order_no, p.id) < (?, ?)
			ORDER BY p.order_no DESC, p.id DESC LIMIT ?`: "sqlite_autoindex_pushes_1",
		`SELECT p.id FROM pushes p WHERE p.shop_id = ? AND (p.order_no, p.id) < (?, ?) AND p.status = ?
			AND p.status NOT BETWEEN 'pending' AND 'sent' ORDER BY p.order_no DESC, p.id DESC LIMIT ?`: "pushes_in_trouble",
		`SELECT l.seq FROM ledger l WHERE l.seq < ? AND l.outcome = ? AND l.outcome IN ('skipped', 'dead')
			ORDER BY l.seq DESC LIMIT ?`: "ledger_in_trouble",
		`SELECT l.seq FROM ledger l WHERE l.seq < ? AND l.order_id = ? ORDER BY l.seq DESC LIMIT ?`: "ledger_by_order",
	} {
		got := plan(t, f, query)
		if !strings.Contains(got, index) {
			t.Errorf("%s\nis run without %s: %s", query, index, got)
		}
		if strings.Contains(got, "TEMP B-TREE") && !strings.Contains(got, "LAST TERM") {
			t.Errorf("%s\nis sorted: %s", query, got)
		}
	}
}

// TestWindowsUseTheirIndex reads the plans of the look-ups of a time's orders, which are sorted by id afterwards.
func TestWindowsUseTheirIndex(t *testing.T) {
	_, f := open(t)
	for by, index := range map[store.Sort]string{store.SortCreated: "orders_by_creation (shop_id=? AND <expr>>?",
		store.SortUpdated: "orders_by_update (shop_id=? AND updated_at>?"} {
		if got := plan(t, f, sqlitestore.HeadsBetween(by)); !strings.Contains(got, index) {
			t.Errorf("a window of %s is read without %s: %s", by, index, got)
		}
	}
}

// TestStatementsUseTheirIndex: what a statement is made of is found by its hour, not by going over all of a shop.
func TestStatementsUseTheirIndex(t *testing.T) {
	_, f := open(t)
	for query, index := range map[string]string{
		sqlitestore.Stamps: "sqlite_autoindex_events_1 (id>? AND id<?)",
		sqlitestore.Fates:  "orders_by_creation (shop_id=? AND <expr>>? AND <expr><?)",
		sqlitestore.StatementsText(store.StatementQuery{}):          "sqlite_autoindex_statements_1 (shop_id=? AND number>?)",
		sqlitestore.StatementsText(store.StatementQuery{From: day}): "statements_by_time (shop_id=? AND to_at>?)",
		sqlitestore.StatementsText(store.StatementQuery{To: day}):   "statements_by_time (shop_id=? AND to_at>?)",
	} {
		if got := plan(t, f, query); !strings.Contains(got, index) {
			t.Errorf("%s\nis run without %s: %s", query, index, got)
		}
	}
	const pushes = "sqlite_autoindex_pushes_1 (shop_id=? AND order_no=?"
	if got := plan(t, f, sqlitestore.Fates); !strings.Contains(got, pushes) {
		t.Errorf("pushes are looked for: %s", got)
	}
}

// TestStreamIsCutShort fills the stream beyond its limit.
func TestStreamIsCutShort(t *testing.T) {
	db, f := open(t)
	addShop(t, db, "a.myshopify.com", 0)
	must(t, f.Write(t.Context(), func(tx *sqlitefile.Tx) error {
		return tx.Prepare(`INSERT INTO changes (seq, kind, shop_id, order_id, at)
			VALUES (1, 'order.updated', 1, 1, 1), (3000, 'order.updated', 1, 1, 1), (3001, 'order.updated', 1, 1, 1),
				(102990, 'order.updated', 1, 1, 1)`).Exec()
	}))
	_, err := db.Record(t.Context(), freshFacts("a.myshopify.com", 1, 20))
	must(t, err)
	first, err := db.FirstChange(t.Context())
	must(t, err)
	last, err := db.LastChange(t.Context())
	must(t, err)
	if first != 3_001 || last != 103_010 {
		t.Errorf("kept %d to %d", first, last)
	}
}

// TestShell queries the file as a person with a shell would.
func TestShell(t *testing.T) {
	db, f := open(t)
	addShop(t, db, "a.myshopify.com", 1)
	_, err := db.Record(t.Context(), freshFacts("a.myshopify.com", 1, 2))
	must(t, err)
	var got []string
	must(t, f.Read(t.Context(), func(c *sqlitefile.Conn) error {
		return c.Prepare(`SELECT order_name, position, sku, price, currency FROM order_items ORDER BY order_id, position`).
			Each(func(r sqlitefile.Row) error {
				got = append(got, strings.Join([]string{r.Text(), r.Text(), r.Text(), r.Text(), r.Text()}, " "))
				return nil
			})
	}))
	if len(got) != 6 || got[5] != "#2 2 TEE-2 19.90 USD" {
		t.Errorf("items %q", got)
	}
}

// TestWaitingBodiesStay drops no body that a queue in the same file still has to hand out.
func TestWaitingBodiesStay(t *testing.T) {
	db, f := open(t)
	addShop(t, db, "a.myshopify.com", 1)
	facts := freshFacts("a.myshopify.com", 1, 2)
	must(t, f.Write(t.Context(), func(tx *sqlitefile.Tx) error { _, err := tx.Append(facts[0].Event); return err }))
	drop := []bellhop.EventID{facts[0].Event.ID, facts[1].Event.ID}
	for want := range 2 {
		n, err := db.DropBodies(t.Context(), "a.myshopify.com", drop)
		must(t, err)
		if n != want {
			t.Errorf("dropped %d bodies, want %d", n, want)
		}
		_, err = db.Record(t.Context(), facts[1:])
		must(t, err)
	}
}

// TestClosedFile closes the store and the file while the store watches for pushes.
func TestClosedFile(t *testing.T) {
	db, f := open(t)
	addShop(t, db, "a.myshopify.com", 1)
	db.PushesOwed()
	must(t, db.Close())
	must(t, f.Close())
	if _, err := db.Record(t.Context(), freshFacts("a.myshopify.com", 1, 1)); bellhop.KindOf(err) != bellhop.Unavailable {
		t.Errorf("recording into a closed file: %v", err)
	}
	if _, err := db.Orders(t.Context(), "a.myshopify.com", store.OrderQuery{}); bellhop.KindOf(
		err) != bellhop.Unavailable {
		t.Errorf("reading a closed file: %v", err)
	}
}

// TestEraseShopLeavesTheQueue erases a shop with an event that a queue in the same file has yet, and checks that no
// place in the archive is given out again: a lease of the queue may still name it.
func TestEraseShopLeavesTheQueue(t *testing.T) {
	db, f := open(t)
	const shop = "a.myshopify.com"
	addShop(t, db, shop, 1)
	facts := freshFacts(shop, 0, 3)
	queued := freshFacts(shop, 10, 1)[0].Event
	places := appendTo(t, f, queued, facts[2].Event)
	_, err := db.Record(t.Context(), facts)
	must(t, err)
	for place, more := "", true; more; more = place != "" {
		done, err := db.EraseShop(t.Context(), shop, place, 10)
		must(t, err)
		place = done.Next
	}
	must(t, f.Read(t.Context(), func(c *sqlitefile.Conn) error {
		e, err := f.Event(c, places[0])
		if err == nil && (e == nil || e.ID != queued.ID || len(e.Body) == 0) {
			t.Errorf("the queue's event is %+v", e)
		}
		return err
	}))
	if next := appendTo(t, f, freshFacts(shop, 20, 1)[0].Event)[0]; next <= places[1]+2 {
		t.Errorf("the next event is at %d, the newest was at %d", next, places[1]+2)
	}
}

// TestEraseShopLeavesNoRow looks for rows of a shop that is not there.
func TestEraseShopLeavesNoRow(t *testing.T) {
	f := storetest.Erased(t, driver).(opened).file
	must(t, f.Read(t.Context(), func(c *sqlitefile.Conn) error {
		tables, err := sqlitefile.All(c.Prepare(`SELECT m.name FROM sqlite_schema m JOIN pragma_table_info(m.name) c
			WHERE m.type = 'table' AND c.name = 'shop_id'`), sqlitefile.Row.Text)
		if len(tables) < 10 {
			t.Errorf("only %v have a shop", tables)
		}
		for _, table := range tables {
			n, err := c.Prepare(`SELECT count(*) FROM ` + table + ` WHERE shop_id <> 0 AND shop_id NOT IN (SELECT id FROM shops)`).
				One()
			if n != 0 || err != nil {
				t.Errorf("%s has %d rows of no shop: %v", table, n, err)
			}
		}
		return err
	}))
}

// appendTo puts events into the archive, as a queue does.
func appendTo(t *testing.T, f *sqlitefile.File, events ...*bellhop.Event) (places []int64) {
	t.Helper()
	must(t, f.Write(t.Context(), func(tx *sqlitefile.Tx) error {
		places = nil
		for _, e := range events {
			at, err := tx.Append(e)
			if err != nil {
				return err
			}
			places = append(places, at)
		}
		return nil
	}))
	return places
}
