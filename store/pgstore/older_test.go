package pgstore_test

import (
	"testing"

	"bellhop"
	"bellhop/store"
)

// TestOlderOrders has orders as a bellhop without documents and search index left them.
func TestOlderOrders(t *testing.T) {
	s := openURL(t, fresh(t))
	addShop(t, s, 0, "")
	facts := freshFacts(1, 5)
	record(t, s, facts...)
	exec(t, s.url, `INSERT INTO items (shop_id, order_id, position, item_id, title, variant, sku, quantity, price)
		SELECT o.shop_id, v.order_id, v.position, v.item_id, v.title, v.variant, v.sku, v.quantity, v.price
			FROM order_items v JOIN orders o USING (shop_id, order_id)`,
		`UPDATE orders SET details = NULL, history = NULL, created_at = NULL, created_offset = NULL, current_total = NULL,
			pieces = NULL, tokens = NULL`)
	want := facts[4].Order
	found := func() int {
		page, err := s.Orders(t.Context(), shop, store.OrderQuery{Text: want.CustomerEmail})
		must(t, err)
		return len(page.Orders)
	}
	read := func() bellhop.Order {
		o, err := s.Order(t.Context(), shop, want.ID)
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
		if n, err := s.CatchUp(t.Context(), 2); err != nil || n != want {
			t.Errorf("catching up for the %d. time: %d, %v", i+1, n, err)
		}
	}
	if n := found(); n != 1 {
		t.Errorf("%d orders were found after catching up", n)
	}
	facts[4].Order.Schema = bellhop.DetailsSchema
	if n, err := s.Refill(t.Context(), facts[4:]); err != nil || n != 1 {
		t.Errorf("refilled %d, %v", n, err)
	}
	if o = read(); o.Schema != bellhop.DetailsSchema || len(o.Items) != 3 || o.Items[2].ToFulfil != 2 {
		t.Errorf("a refilled order is %+v", o)
	}
}
