package sqlitestore_test

import (
	"fmt"
	"strings"
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

// TestOlderPeople has an older bellhop add and remove owners beside this one.
func TestOlderPeople(t *testing.T) {
	db, f := open(t)
	addShop(t, db, "a.myshopify.com", 0)
	storetest.OlderPeople(t, db, "a.myshopify.com", func(query string) {
		must(t, f.Write(t.Context(), func(tx *sqlitefile.Tx) error {
			return tx.Prepare(strings.Replace(query, "NOW", "1", 1)).Exec()
		}))
	})
}

// TestOlderErasing has an older bellhop erase a shop that this one compared.
func TestOlderErasing(t *testing.T) {
	db, f := open(t)
	storetest.OlderErasing(t, db, func(query string) {
		must(t, f.Write(t.Context(), func(tx *sqlitefile.Tx) error { return tx.Prepare(query).Exec() }))
	})
}
