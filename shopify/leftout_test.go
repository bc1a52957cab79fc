package shopify_test

import (
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"bellhop"
	"bellhop/shopify"
	"bellhop/simulate"
)

// richBodies are orders that together have all that an order may have.
func richBodies(t *testing.T) (all [][]byte) {
	t.Helper()
	made, err := simulate.Generate(simulate.ShopifyOptions{Shops: []string{"harbour.myshopify.com"}, Secret: "s",
		Seed: 7, Orders: 20, Updates: 1, Now: func() time.Time { return at("2026-11-22T09:00:00Z") }})
	if err != nil {
		t.Fatal(err)
	}
	for d := range made {
		if d.Topic == shopify.TopicOrderUpdated {
			all = append(all, d.Body)
		}
	}
	rich, set := tree(t, read(t, "testdata/orders_create.v2026_04.json")).(jsonObject),
		jsonObject{"shop_money": jsonObject{"amount": "3.00", "currency_code": "USD"}}
	maps.Copy(rich, jsonObject{"taxes_included": true, "returns": []any{jsonObject{"id": 1, "status": "open"}},
		"line_item_groups": []any{jsonObject{"id": 5, "title": "A pair", "quantity": 2}}, "original_total_duties_set": set,
		"original_total_additional_fees_set": set, "current_total_duties_set": set,
		"current_total_additional_fees_set": set, "current_total_price_set": jsonObject{
			"shop_money":        jsonObject{"amount": rich["current_total_price"], "currency_code": "USD"},
			"presentment_money": jsonObject{"amount": "4.00", "currency_code": "EUR"}}})
	return append([][]byte{encoded(t, rich)}, append(orderBodies(t), all...)...)
}

// plainly is an order without what each body has of its own.
func plainly(o *bellhop.Order) *bellhop.Order {
	c := *o
	c.Version.Hash, c.Kept, c.Unsaid = 0, nil, nil
	signed(&c.History, 0)
	return &c
}

// TestWhatIsLeftOutStays takes each field at the top, of people and of places out of bodies, by itself: the body is
// then a notice, or with what is known it says what it said before. Refunds and parcels stay where they are kept.
func TestWhatIsLeftOutStays(t *testing.T) {
	kept := map[string]bool{} // that an order would be another one without
	tries := map[string]int{}
	leftOut := func(whole *bellhop.Order, body, from jsonObject, path, name string) {
		if tries[path]++; path == "id" || kept[path] && tries[path] > 3 || tries[path] > 20 {
			return
		}
		value := from[name]
		delete(from, name)
		f, err := shopify.Decode(event("orders/updated", encoded(t, body)))
		from[name] = value
		if len(f.Lacks) > 0 {
			return
		}
		if err != nil {
			t.Fatalf("without %s: %v", path, err)
		}
		ignored := cmpopts.IgnoreFields(bellhop.History{}, "Refunds", "Fulfillments")
		if !cmp.Equal(plainly(whole), plainly(f.Order), ignored) {
			kept[path] = true
		}
		f.Order.KeepHidden(whole)
		f.Order.KeepUnsaid(whole)
		if diff := cmp.Diff(plainly(whole), plainly(f.Order), ignored, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("without %s the order is another:\n%s", path, diff)
		}
	}
	for _, text := range richBodies(t) {
		body, _ := tree(t, text).(jsonObject)
		f, err := shopify.Decode(event("orders/updated", text))
		if err != nil || f.Order == nil {
			continue
		}
		if inner, ok := body["order"].(jsonObject); ok {
			body = inner
		}
		for name := range maps.Clone(body) {
			leftOut(f.Order, body, body, name, name)
			if part, ok := body[name].(jsonObject); ok && (name == "customer" || strings.HasSuffix(name, "_address")) {
				for inner := range maps.Clone(part) {
					leftOut(f.Order, body, part, name+"."+inner, inner)
				}
			}
		}
	}
	if t.Logf("%d fields: %v", len(kept), kept); len(kept) < 60 {
		t.Error("too few fields")
	}
}

// TestSaysThatThereIsNone: a null, an empty list and a name in other capitals or escaped say something.
func TestSaysThatThereIsNone(t *testing.T) {
	body := `{` + simulate.Blank + `"id":7,"currency":"USD","total_price":"1","line_items":[]`
	was := bellhop.Order{Total: bellhop.Money{Units: 100, Digits: 2, Currency: "USD"}}
	was.Version, was.Tags = bellhop.Version{Hash: 1}, []string{"old"}
	for more, want := range map[string]string{
		``:                                  "old",
		`,"tags":null`:                      "",
		`,"tags":""`:                        "",
		`,"tags":[]`:                        "",
		`,"tags":{}`:                        "",
		`,"tags":"new"`:                     "new",
		`,"TAGS":"new"`:                     "new",
		`,"t\u0061gs":"new"`:                "new",
		`,"tags":"other","tags":"new"`:      "new",
		`,"tags":"new","note":{"tags":1}`:   "new",
		`,"note":{"tags":"x"},"x":["tags"]`: "old",
	} {
		without := strings.Replace(body, `"tags":"",`, "", 1)
		f, err := shopify.Decode(event("orders/updated", []byte(without+more+`}`)))
		if err != nil || f.Order == nil {
			t.Fatalf("%s: %+v, %v", more, f, err)
		}
		f.Order.KeepUnsaid(&was)
		if got := strings.Join(f.Order.Tags, ","); got != want {
			t.Errorf("%s: %q, want %q", more, got, want)
		}
	}
}
