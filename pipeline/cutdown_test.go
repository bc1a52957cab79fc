package pipeline_test

import (
	"encoding/json"
	"maps"
	"math/rand/v2"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bellhop"
	"bellhop/pipeline"
	"bellhop/shopify"
	"bellhop/simulate"
	"bellhop/store"
)

// cut takes fields out of an object as a query without them would: each in all elements of a list. taken keeps what
// was decided of a path.
func cut(v any, path string, taken map[string]bool, takes func() bool) {
	switch v := v.(type) {
	case []any:
		for _, one := range v {
			cut(one, path, taken, takes)
		}
	case map[string]any:
		for name, value := range v {
			at := path + "." + name
			if _, known := taken[at]; !known { // no query asks for nothing of an object, as without the code
				taken[at] = !strings.HasSuffix(at, ".discountApplication.code") && takes()
			}
			if taken[at] {
				delete(v, name)
			} else {
				cut(value, at, taken, takes)
			}
		}
	}
}

// TestCutDownEventsLoseNothing records a whole order, and then newer Events of it that have random subsets of our
// query's fields: what was known of the order stays, whatever they lack.
func TestCutDownEventsLoseNothing(t *testing.T) {
	whole, err := os.ReadFile("../shopify/testdata/bellhop_reconcile.whole.json")
	if err != nil {
		t.Fatal(err)
	}
	r := openRecorder(t, "sqlite:", []string{domain})
	rng := rand.New(rand.NewPCG(8, 9))
	outcomes := map[bellhop.Outcome]int{}
	var want bellhop.Order
	for n := range 160 {
		var body map[string]any
		if err := json.Unmarshal(whole, &body); err != nil {
			t.Fatal(err)
		}
		order := body["data"].(map[string]any)["order"].(map[string]any)
		body["topic"], body["action"], body["handle"] = shopify.EventTopic, "update", shopify.EventHandle
		if n > 0 {
			rare := 1 + rng.IntN(200)
			cut(body["data"], "", map[string]bool{}, func() bool { return rng.IntN(rare) == 0 })
			if _, ok := order["updatedAt"]; ok {
				order["updatedAt"] = time.Date(2026, 11, 22, 10, 0, n, 0, time.UTC).Format(time.RFC3339)
			}
			if rng.IntN(8) == 0 { // as an app of fewer scopes asks
				delete(order, "customer")
			}
		}
		text, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		done := r.Record(t.Context(), []*bellhop.Event{{ID: newID(t), Shop: domain, Topic: shopify.TopicEventUpdate,
			SignedBy: bellhop.SignerApp, AcceptedAt: time.Now(), Body: text}})[0]
		if done.Err != nil {
			t.Fatalf("%v\n%s", done.Err, text)
		}
		outcomes[done.Outcome]++
		got, err := r.Store.(store.Store).Order(t.Context(), domain, done.OrderID)
		if err != nil && done.OrderID != 0 {
			t.Fatalf("%+v, %v", done, err)
		}
		if n == 0 {
			want = got
		}
		if done.OrderID != 0 && n > 0 {
			if diff := differences(plain(want), plain(got)); diff != "" {
				t.Fatalf("%s took something away: %s\n%s", text, done.Reason, diff)
			}
		}
	}
	t.Logf("%v", outcomes)
	if outcomes[bellhop.OutcomeSkipped] < 50 || outcomes[bellhop.OutcomeRecorded] < 3 {
		t.Errorf("too few of one kind: %v", outcomes)
	}
}

// TestCutDownWebhooksLoseNothing does so with webhooks that lack random ones of the fields that tell a cut, or of all
// others: what was known of the order stays, be it that the webhook is a notice or an order of which some fields
// are kept.
func TestCutDownWebhooksLoseNothing(t *testing.T) {
	r := openRecorder(t, "sqlite:", []string{domain})
	rng := rand.New(rand.NewPCG(10, 11))
	outcomes := map[bellhop.Outcome]int{}
	record := func(at int, body any) pipeline.Recorded {
		text, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		done := r.Record(t.Context(), []*bellhop.Event{{ID: newID(t), Shop: domain, Topic: shopify.TopicOrderUpdated,
			APIVersion: shopify.APIVersion, SignedBy: bellhop.SignerApp, AcceptedAt: time.Now(), Body: text,
			TriggeredAt: time.Date(2026, 11, 22, 10, 0, at, 0, time.UTC)}})[0]
		if done.Err != nil {
			t.Fatalf("%v\n%s", done.Err, text)
		}
		outcomes[done.Outcome]++
		return done
	}
	for _, whole := range longest(t, 12) {
		var want bellhop.Order
		for n := range 25 {
			var body map[string]any
			if err := json.Unmarshal(whole, &body); err != nil {
				t.Fatal(err)
			}
			body["updated_at"] = time.Date(2026, 11, 22, 10, 0, n, 0, time.UTC).Format(time.RFC3339)
			people := n%2 == 0
			if n > 0 {
				rare := 1 + rng.IntN(200)
				for name, value := range body { // without an id it is no notice of any order
					switch part := slices.Contains(peoplesFields, name); {
					case part:
						cut(value, "."+name, map[string]bool{}, func() bool { return rng.IntN(rare) == 0 })
						if rng.IntN(rare) == 0 || people && rng.IntN(4) == 0 {
							delete(body, name)
						}
					case people && slices.Contains(lesserFields, name) && rng.IntN(rare) == 0:
						delete(body, name)
					case !people && slices.Contains(sureFields, name) && rng.IntN(8) == 0:
						delete(body, name)
					}
				}
			}
			done := record(n, body)
			got, err := r.Store.(store.Store).Order(t.Context(), domain, done.OrderID)
			if err != nil {
				t.Fatalf("%+v, %v", done, err)
			}
			if n == 0 {
				want = got
			}
			if diff := differences(plain(want), plain(got)); diff != "" {
				t.Fatalf("%v took something away: %s\n%s", body, done.Reason, diff)
			}
		}
	}
	if t.Logf("%v", outcomes); outcomes[bellhop.OutcomeSkipped] < 70 || outcomes[bellhop.OutcomeRecorded] < 70 {
		t.Errorf("too few of one kind: %v", outcomes)
	}
}

// sureFields tell a webhook that was cut down.
var sureFields = strings.Fields(`name number currency total_price financial_status fulfillment_status note test
	line_items`)

var lesserFields = strings.Fields(`cancel_reason closed_at current_shipping_price_set current_subtotal_price
	current_total_additional_fees_set current_total_discounts current_total_duties_set current_total_price
	current_total_price_set current_total_tax customer_locale discount_codes fulfillments line_item_groups
	note_attributes original_total_additional_fees_set original_total_duties_set payment_gateway_names po_number
	refunds returns shipping_lines source_name subtotal_price tags tax_lines taxes_included total_discounts
	total_outstanding total_price_set total_shipping_price_set total_tax total_tip_received`)

var peoplesFields = strings.Fields("customer billing_address shipping_address email contact_email phone")

// longest returns the bodies of orders that have the most to say.
func longest(t *testing.T, n int) (all [][]byte) {
	t.Helper()
	made, err := simulate.Generate(simulate.ShopifyOptions{Shops: []string{domain}, Secret: "s", Seed: 7, Orders: 200,
		Updates: 1, Now: func() time.Time { return time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC) }})
	if err != nil {
		t.Fatal(err)
	}
	orders := map[int64][]byte{}
	for d := range made {
		if d.Topic == shopify.TopicOrderUpdated && len(d.Body) > len(orders[d.OrderID]) {
			orders[d.OrderID] = d.Body
		}
	}
	all = slices.SortedFunc(maps.Values(orders), func(a, b []byte) int { return len(b) - len(a) })
	return all[:n]
}

// differences words how two orders differ. Only a difference is for cmp, which takes ten times as long.
func differences(a, b bellhop.Order) string {
	if reflect.DeepEqual(a, b) {
		return ""
	}
	return cmp.Diff(a, b)
}

// plain is an order without what each version has of its own.
func plain(o bellhop.Order) bellhop.Order {
	o.Version, o.UpdatedAt, o.Trace, o.Kept, o.Unsaid = bellhop.Version{}, time.Time{}, bellhop.Trace{}, nil, nil
	o.History.Refunds, o.History.Fulfillments = slices.Clone(o.History.Refunds), slices.Clone(o.History.Fulfillments)
	for i := range o.History.Refunds {
		o.History.Refunds[i].Said = bellhop.Version{}
	}
	for i := range o.History.Fulfillments {
		o.History.Fulfillments[i].Said = bellhop.Version{}
	}
	return o
}
