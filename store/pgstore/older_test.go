package pgstore_test

import (
	"fmt"
	"strings"
	"testing"

	"bellhop/store/storetest"
)

// TestOlderOrders has orders as a bellhop without documents and search index left them.
func TestOlderOrders(t *testing.T) {
	s := openURL(t, fresh(t))
	addShop(t, s, 0, "")
	facts := freshFacts(1, 5)
	storetest.Older(t, s, facts, func() {
		exec(t, s.url, `INSERT INTO items (shop_id, order_id, position, item_id, title, variant, sku, quantity, price)
		SELECT o.shop_id, v.order_id, v.position, v.item_id, v.title, v.variant, v.sku, v.quantity, v.price
			FROM order_items v JOIN orders o USING (shop_id, order_id)`,
			`UPDATE orders SET details = NULL, history = NULL, created_at = NULL, created_offset = NULL, current_total = NULL,
			pieces = NULL, tokens = NULL, refund_id = `+fmt.Sprint(storetest.OlderRefund)+`, refund_at = placed_at`)
	})
}

// TestOlderPeople has an older bellhop add and remove owners beside this one.
func TestOlderPeople(t *testing.T) {
	s := openURL(t, fresh(t))
	addShop(t, s, 0, "")
	storetest.OlderPeople(t, s, shop, func(query string) {
		exec(t, s.url, strings.Replace(query, "NOW", "now()", 1))
	})
}

// TestOlderErasing has an older bellhop erase a shop that this one compared.
func TestOlderErasing(t *testing.T) {
	s := openURL(t, fresh(t))
	storetest.OlderErasing(t, s, func(query string) { exec(t, s.url, query) })
}
