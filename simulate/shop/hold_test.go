package shop_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"bellhop/shopify/admin/schema"
	"bellhop/simulate/shop"
)

// samples are Shopify's own bodies of orders, by their names.
func samples(t *testing.T) map[string][]byte {
	t.Helper()
	files, err := filepath.Glob("../../shopify/testdata/orders_*.json")
	if err != nil || len(files) < 15 {
		t.Fatalf("%d samples: %v", len(files), err)
	}
	all := map[string][]byte{}
	for _, file := range files {
		body, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var in struct{ Order json.RawMessage }
		if json.Unmarshal(body, &in) == nil && in.Order != nil {
			body = in.Order
		}
		name := filepath.Base(file)
		if !strings.Contains(string(body), `"updated_at":"`) {
			continue // no order without its times
		}
		if !slices.ContainsFunc([]string{"edited", "delete", "risk"}, func(topic string) bool {
			return strings.HasPrefix(name, "orders_"+topic)
		}) {
			all[name] = body
		}
	}
	return all
}

// TestHoldOrder: a shop has an order of any body, and tells each field of it.
func TestHoldOrder(t *testing.T) {
	sdl, err := schema.Load("2026-10")
	if err != nil {
		t.Fatal(err)
	}
	for name, body := range samples(t) {
		r, c := byHand(t)
		r.must(r.SetScopes(domain, []string{"read_all_orders", "read_customers", "read_orders", "read_products"}))
		r.must(r.HoldOrder(domain, body))
		id := r.ids()[0]
		a := r.ask(`{order(id:"` + id + `"){` + everything(sdl, "Order") + `}}`)
		if len(a.Errors) > 0 || at(a.Data, "order", "id") != id {
			t.Errorf("%s: %.600s", name, a.text)
		}
		number, err := strconv.ParseInt(id[strings.LastIndex(id, "/")+1:], 10, 64)
		r.must(err)
		if o := r.orders()[number]; string(o.Body()) != string(body) {
			t.Errorf("%s: its body is another", name)
		}
		bulk, wrong := r.startBulk(strings.Replace(bulkOrders, "2026", "1999", 1), true)
		c.pass(time.Minute)
		if b := r.bulk(bulk); wrong != "" || b["objectCount"] != fmt.Sprint(len(r.file(b["url"]))) {
			t.Errorf("%s: in bulk %v %s", name, b, wrong)
		}
		if r.ChangeOrder(domain, number, shop.OrderChange{Change: "note"}) == nil {
			t.Errorf("%s: it changes", name)
		}
	}
	r, _ := byHand(t)
	for _, bad := range []string{"", "{}", `{"id":1,"created_at":"2026-11-30T09:00:00Z"}`, `{"id":"one"}`} {
		if r.HoldOrder(domain, []byte(bad)) == nil {
			t.Errorf("%s is an order", bad)
		}
	}
}
