package pgstore_test

import (
	"context"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"bellhop"
	"bellhop/store"
	"bellhop/store/pgstore"
	"bellhop/store/storetest"
)

// TestTextThatPostgresRefuses records, and searches for, texts that PostgreSQL can't store.
func TestTextThatPostgresRefuses(t *testing.T) {
	s := openURL(t, fresh(t))
	addShop(t, s, 1, bellhop.FormData)
	odd, good := fact(1, 1), fact(2, 1)
	odd.Order.Note, odd.Order.CustomerName, odd.Event.WebhookID = "a\x00b", "Jo\xff", "w\x00"
	odd.Order.Items[0].Title = "\x00"
	for _, r := range record(t, s, odd, good) {
		if r.Outcome != bellhop.OutcomeRecorded {
			t.Errorf("result %+v", r)
		}
	}
	o, err := s.Order(t.Context(), shop, odd.OrderID)
	must(t, err)
	if o.Note != "a\uFFFDb" || o.CustomerName != "Jo\uFFFD" || o.Items[0].Title != "\uFFFD" {
		t.Errorf("order %+v", o)
	}
	page, err := s.Orders(t.Context(), shop, store.OrderQuery{Text: "\x00"})
	must(t, err)
	lines, err := s.Lines(t.Context(), store.LineQuery{WebhookID: "w\x00"})
	must(t, err)
	if len(page.Orders) != 0 || len(lines.Lines) != 1 {
		t.Errorf("found %d orders, %d lines", len(page.Orders), len(lines.Lines))
	}
	must(t, s.Dead(t.Context(), fact(3, 1).Event, "no\x00reason", day))
	owed, err := s.ClaimPushes(t.Context(), day.AddDate(0, 0, 1), store.Slots{Free: 10}, 1e9)
	must(t, err)
	must(t, s.SettlePushes(t.Context(),
		[]store.Settled{{Pushes: owed[0].Pushes, Status: bellhop.PushFailed, Reason: "\x00\xff", At: day}}))
}

func TestHugeOrder(t *testing.T) {
	s := openURL(t, fresh(t))
	addShop(t, s, 0, "")
	huge := fact(1, 1)
	for len(huge.Order.Items) < 500 {
		huge.Order.Items = append(huge.Order.Items, huge.Order.Items[0])
	}
	huge.Event.Body = []byte(strings.Repeat("x", 600_000))
	record(t, s, huge)
	o, err := s.Order(t.Context(), shop, huge.OrderID)
	must(t, err)
	events, err := s.Archived(t.Context(), shop, day, bellhop.EventID{}, 10)
	must(t, err)
	if len(o.Items) != 500 || len(events) != 1 || string(events[0].Body) != string(huge.Event.Body) {
		t.Errorf("%d items, %d events", len(o.Items), len(events))
	}
}

func exec(t testing.TB, url string, statements ...string) {
	t.Helper()
	c, err := pgx.Connect(context.Background(), url)
	must(t, err)
	defer c.Close(context.Background())
	for _, s := range statements {
		_, err := c.Exec(context.Background(), s)
		must(t, err)
	}
}

// TestEraseShopLeavesNoRow looks for rows of a shop that is not there.
func TestEraseShopLeavesNoRow(t *testing.T) {
	s := storetest.Erased(t, driver(openNew)).(opened)
	c, err := pgx.Connect(t.Context(), s.url)
	must(t, err)
	defer c.Close(context.Background())
	rows, err := c.Query(t.Context(), `SELECT table_name FROM information_schema.columns JOIN information_schema.tables
		USING (table_schema, table_name) WHERE column_name = 'shop_id' AND table_type = 'BASE TABLE'`)
	must(t, err)
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	must(t, err)
	if len(tables) < 10 {
		t.Errorf("only %v have a shop", tables)
	}
	for _, table := range tables {
		var n int
		must(t, c.QueryRow(t.Context(), `SELECT count(*) FROM `+table+
			` WHERE shop_id <> 0 AND shop_id NOT IN (SELECT id FROM shops)`).Scan(&n))
		if n != 0 {
			t.Errorf("%s has %d rows of no shop", table, n)
		}
	}
}

// TestStreamIsCutShort fills the stream beyond its limit.
func TestStreamIsCutShort(t *testing.T) {
	s := openURL(t, fresh(t))
	addShop(t, s, 0, "")
	exec(t, s.url, `INSERT INTO changes (seq, kind, shop_id, order_id, at) SELECT n, 'order.updated', 1, 1, now()
		FROM unnest('{1,3000,3001,102990}'::bigint[]) AS n`, `UPDATE stream SET last = 102990`)
	record(t, s, freshFacts(1, 20)...)
	first, err := s.FirstChange(t.Context())
	must(t, err)
	last, err := s.LastChange(t.Context())
	must(t, err)
	if first != 102_990 || last != 103_010 { // 3,011 and later are kept
		t.Errorf("kept %d to %d", first, last)
	}
}

// TestDeadTwiceAtOnce makes several give up an event that is in no archive yet.
func TestDeadTwiceAtOnce(t *testing.T) {
	s := openURL(t, fresh(t))
	addShop(t, s, 0, "")
	e := fact(1, 1).Event
	errs := make(chan error, 8)
	for range cap(errs) {
		go func() { errs <- s.Dead(context.Background(), e, "not JSON", day) }()
	}
	for range cap(errs) {
		must(t, <-errs)
	}
	totals, err := s.Totals(t.Context())
	must(t, err)
	if totals[bellhop.OutcomeDead] != 1 {
		t.Errorf("totals %v", totals)
	}
}

// TestQueriesUseTheirIndex reads the plans of the hot paths and long lists in grown tables.
func TestQueriesUseTheirIndex(t *testing.T) {
	s := openURL(t, fresh(t))
	addShop(t, s, 2, bellhop.FormData)
	for i := range 20 {
		record(t, s, freshFacts(1+i*200, 200)...)
	}
	exec(t, s.url, `INSERT INTO items (shop_id, order_id, position, item_id, title, variant, sku, quantity, price)
		SELECT 1, n, 0, n, '', '', '', 1, '1' FROM generate_series(1, 4000) n`, `ANALYZE`)
	c, err := pgx.Connect(t.Context(), s.url)
	must(t, err)
	defer c.Close(context.Background())
	for index, q := range pgstore.Queries() {
		rows, err := c.Query(t.Context(), "EXPLAIN "+q.SQL, append([]any{pgx.QueryExecModeCacheDescribe}, q.Args...)...)
		must(t, err)
		plan, err := pgx.CollectRows(rows, pgx.RowTo[string])
		must(t, err)
		if got := strings.Join(plan, "\n"); !strings.Contains(got, index) || strings.Contains(got, "Seq Scan on orders") ||
			strings.Contains(got, "Seq Scan on pushes") || strings.Contains(got, "Seq Scan on events") {
			t.Errorf("%s\nis run without %s:\n%s", q.SQL, index, got)
		}
	}
}
