package sqlitestore_test

import (
	"fmt"
	"testing"

	"bellhop/internal/sqlitefile"
	"bellhop/store/storetest"
)

// TestOlderOrders has orders as a bellhop without documents and search index left them.
func TestOlderOrders(t *testing.T) {
	db, f := open(t)
	const shop = "a.myshopify.com"
	addShop(t, db, shop, 0)
	facts := freshFacts(shop, 1, 5)
	storetest.Older(t, db, facts, func() {
		must(t, f.Write(t.Context(), func(tx *sqlitefile.Tx) error {
			for _, s := range []string{
				`INSERT INTO items SELECT o.no * 65536 + i.key, i.value ->> 'id', i.value ->> 'title', i.value ->> 'variant',
				i.value ->> 'sku', i.value ->> 'quantity', i.value ->> 'price' FROM orders o, json_each(o.details, '$.items') i`,
				`UPDATE orders SET details = NULL, history = NULL, created_at = NULL, created_offset = NULL, current_total = NULL,
				pieces = NULL, sought = NULL, refund_id = ` + fmt.Sprint(storetest.OlderRefund) + `, refund_at = placed_at`,
				`INSERT INTO search (search) VALUES ('delete-all')`,
			} {
				if err := tx.Prepare(s).Exec(); err != nil {
					return err
				}
			}
			return nil
		}))
	})
}
