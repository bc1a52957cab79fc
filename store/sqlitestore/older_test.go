package sqlitestore_test

import (
	"testing"

	"bellhop"
	"bellhop/internal/sqlitefile"
	"bellhop/store"
)

// TestOlderOrders has orders as a bellhop without documents and search index left them.
func TestOlderOrders(t *testing.T) {
	db, f := open(t)
	const shop = "a.myshopify.com"
	addShop(t, db, shop, 0)
	facts := freshFacts(shop, 1, 5)
	_, err := db.Record(t.Context(), facts)
	must(t, err)
	must(t, f.Write(t.Context(), func(tx *sqlitefile.Tx) error {
		for _, s := range []string{
			`INSERT INTO items SELECT o.no * 65536 + i.key, i.value ->> 'id', i.value ->> 'title', i.value ->> 'variant',
				i.value ->> 'sku', i.value ->> 'quantity', i.value ->> 'price' FROM orders o, json_each(o.details, '$.items') i`,
			`UPDATE orders SET details = NULL, history = NULL, created_at = NULL, created_offset = NULL, current_total = NULL,
				pieces = NULL, sought = NULL`,
			`INSERT INTO search (search) VALUES ('delete-all')`,
		} {
			if err := tx.Prepare(s).Exec(); err != nil {
				return err
			}
		}
		return nil
	}))
	want := facts[4].Order
	found := func() int {
		page, err := db.Orders(t.Context(), shop, store.OrderQuery{Text: want.CustomerEmail})
		must(t, err)
		return len(page.Orders)
	}
	read := func() bellhop.Order {
		o, err := db.Order(t.Context(), shop, want.ID)
		must(t, err)
		return o
	}
	o := read()
	if o.Schema != 0 || len(o.Items) != 3 || o.Items[2].SKU != "TEE-2" || o.Items[2].Price != "19.90" ||
		o.Current != want.Total || !o.CreatedAt.Equal(want.PlacedAt) || o.Pieces != 3 {
		t.Errorf("an older order is %+v", o)
	}
	if n := found(); n != 0 {
		t.Errorf("%d orders were found without an index", n)
	}
	for i, want := range []int{2, 2, 1, 0} {
		if n, err := db.CatchUp(t.Context(), 2); err != nil || n != want {
			t.Errorf("catching up for the %d. time: %d, %v", i+1, n, err)
		}
	}
	if n := found(); n != 1 {
		t.Errorf("%d orders were found after catching up", n)
	}
	facts[4].Order.Details.Schema = bellhop.DetailsSchema
	if n, err := db.Refill(t.Context(), facts[4:]); err != nil || n != 1 {
		t.Errorf("refilled %d, %v", n, err)
	}
	if o = read(); o.Schema != bellhop.DetailsSchema || len(o.Items) != 3 || o.Items[2].ToFulfil != 2 {
		t.Errorf("a refilled order is %+v", o)
	}
}
