package shopify_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bellhop"
	"bellhop/shopify"
	"bellhop/simulate"
)

// TestCutDownWebhooks: what include_fields leaves out is named, and the rest is no content.
func TestCutDownWebhooks(t *testing.T) {
	for body, want := range map[string]string{
		`{"id":7,"note":"leave at the door","updated_at":"2026-11-29T13:46:51+00:00"}`: "name number order_number currency " +
			"total_price financial_status fulfillment_status created_at processed_at cancelled_at test " +
			"line_items",
		`{"id":7}`: "name number order_number currency total_price financial_status " +
			"fulfillment_status created_at updated_at processed_at cancelled_at note test line_items",
		`{"order":{"id":7,` + strings.Replace(simulate.Blank, `"note":null,`, "", 1) + `"line_items":[]}}`: "note",
	} {
		f, err := shopify.Decode(event("orders/updated", []byte(body)))
		if err != nil {
			t.Fatalf("%s: %v", body, err)
		}
		if diff := cmp.Diff(strings.Fields(want), f.Lacks); diff != "" || f.OrderID != 7 || f.Order != nil {
			t.Errorf("%s: %+v\n%s", body, f, diff)
		}
	}
}

// TestCutDownSteps: refunds, parcels and edits are told by their fields, too, and name their order.
func TestCutDownSteps(t *testing.T) {
	for _, topic := range []string{"refunds/create", "fulfillments/create", "fulfillments/update", "orders/edited"} {
		d, err := simulate.Sample(simulate.ShopifyOptions{Shops: []string{"harbour.myshopify.com"}, Secret: "s",
			Seed: 5, Now: func() time.Time { return at("2026-11-22T09:00:00Z") }}, topic)
		if err != nil {
			t.Fatal(err)
		}
		e := event(topic, d.Body)
		e.APIVersion = shopify.APIVersion
		if f, err := shopify.Decode(e); err != nil || f.History == nil || len(f.Lacks) > 0 {
			t.Errorf("%s: %+v, %v", topic, f, err)
		}
		for _, path := range []string{"created_at", "line_items", "order_edit.created_at", "order_edit.line_items.additions",
			"transactions", "refund_line_items.quantity", "tracking_numbers"} {
			if !paths("", tree(t, d.Body))[path] {
				continue
			}
			cut := tree(t, d.Body).(map[string]any)
			leaveOut(cut, strings.Split(path, "."))
			e.Body = encoded(t, cut)
			f, err := shopify.Decode(e)
			if err != nil || f.OrderID != d.OrderID || f.History != nil || !slices.Equal(f.Lacks, []string{path}) {
				t.Errorf("%s without %s: %+v, %v", topic, path, f, err)
			}
		}
	}
}

// TestLineItemGroups came with a version that is newer than the oldest.
func TestLineItemGroups(t *testing.T) {
	for version, lacks := range map[string]int{"": 0, "2025-10": 0, "2026-01": 0, "2026-04": 1, "unstable": 1} {
		body := []byte(`{` + simulate.Blank + `"id":7,"currency":"USD","total_price":"1","line_items":[]}`)
		e := event("orders/updated", bytes.Replace(body, []byte(`"line_item_groups":[],`), nil, 1))
		e.APIVersion = version
		if f, err := shopify.Decode(e); err != nil || len(f.Lacks) != lacks {
			t.Errorf("%s: %v, %v", version, f.Lacks, err)
		}
	}
}

// TestWebhooksOfBefore2021 have no current_total_price: the total when they were placed stands for it.
func TestWebhooksOfBefore2021(t *testing.T) {
	for _, body := range orderBodies(t) {
		whole := jsonObject{}
		if err := json.Unmarshal(body, &whole); err != nil {
			t.Fatal(err)
		}
		maps.DeleteFunc(whole, func(name string, _ any) bool { return strings.HasPrefix(name, "current_") })
		f, err := shopify.Decode(event("orders/create", encoded(t, whole)))
		if err != nil || f.Order == nil || len(f.Lacks) > 0 || f.Order.Current != f.Order.Total {
			t.Errorf("%.200s: %+v, %v", body, f, err)
		}
	}
}

// TestNoWebhookLacksAnything of what a notice is told by: in each real body each field is there, and without any of
// them the body is a notice.
func TestNoWebhookLacksAnything(t *testing.T) {
	want := strings.Fields("id name number order_number currency total_price financial_status " +
		"fulfillment_status created_at updated_at processed_at cancelled_at note test line_items")
	for _, body := range orderBodies(t) {
		whole := map[string]json.RawMessage{}
		if err := json.Unmarshal(body, &whole); err != nil {
			t.Fatal(err)
		}
		for name := range whole {
			cut := maps.Clone(whole)
			delete(cut, name)
			text, err := json.Marshal(cut)
			if err != nil {
				t.Fatal(err)
			}
			f, err := shopify.Decode(event("orders/create", text))
			switch {
			case name == "id":
				if !bellhop.IsPermanent(err) {
					t.Errorf("without its id: %v", err)
				}
			case err != nil:
				t.Errorf("without %s: %v", name, err)
			case slices.Contains(want, name) != slices.Equal(f.Lacks, []string{name}), (f.Order == nil) != (len(f.Lacks) > 0):
				t.Errorf("without %s it lacks %v", name, f.Lacks)
			}
		}
	}
}
