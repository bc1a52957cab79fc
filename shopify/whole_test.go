package shopify_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

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

// TestSmallBodies: a script's order, or an archive's, may have no more than all webhooks ever had, in any version.
func TestSmallBodies(t *testing.T) {
	for _, version := range []string{"", "2016-04", shopify.APIVersion, "unstable"} {
		e := event("orders/create", []byte(`{"id":7,"name":"#7","number":7,"order_number":1007,"currency":"USD",
			"total_price":"9.90","financial_status":"paid","fulfillment_status":null,"created_at":"2026-11-22T09:00:00Z",
			"updated_at":"2026-11-22T09:00:00Z","processed_at":null,"cancelled_at":null,"note":null,"test":false,
			"line_items":[{"id":1,"title":"Tee","quantity":2,"price":"4.95"}]}`))
		e.APIVersion = version
		if f, err := shopify.Decode(e); err != nil || f.Order == nil || len(f.Lacks) > 0 || len(f.Order.Items) != 1 {
			t.Errorf("%q: %+v, %v", version, f, err)
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
