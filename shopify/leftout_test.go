package shopify_test

import (
	"maps"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bellhop"
	"bellhop/shopify"
	"bellhop/simulate"
)

// richBodies are orders of the simulated shop that together have all that an order may have.
func richBodies(t *testing.T) (all [][]byte) {
	t.Helper()
	made, err := simulate.Generate(simulate.ShopifyOptions{Shops: []string{"harbour.myshopify.com"}, Secret: "s",
		Seed: 7, Orders: 40, Updates: 1, Now: func() time.Time { return at("2026-11-22T09:00:00Z") }})
	if err != nil {
		t.Fatal(err)
	}
	for d := range made {
		if f, err := shopify.Decode(newest(d.Body)); d.Topic == shopify.TopicOrderUpdated && err == nil {
			if len(f.Lacks) > 0 {
				t.Fatalf("a whole body lacks %v", f.Lacks)
			}
			all = append(all, d.Body)
		}
	}
	return all
}

func newest(body []byte) *bellhop.Event {
	e := event("orders/updated", body)
	e.APIVersion = shopify.APIVersion
	return e
}

// unsure are the fields of which nobody can tell whether a body had them.
var unsure = regexp.MustCompile(`^(line_items\.tip_payment_|refunds\.(refund_shipping_lines|order_adjustments\.)|line_item_groups\.|returns\.)`)

// TestNothingLeftOutIsReadAsNothing takes each field out of orders, by itself: the body is then a notice, or with what
// is known of people it says what it said before.
func TestNothingLeftOutIsReadAsNothing(t *testing.T) {
	outcomes, tries := map[string]string{}, map[string]int{} // by path
	for _, body := range richBodies(t) {
		whole := decode(t, newest(body)).Order
		for path := range paths("", tree(t, body)) {
			if path == "id" || tries[path] == 2 || unsure.MatchString(path) || outcomes[path] == "a notice" {
				continue
			}
			tries[path]++
			cut := tree(t, body).(map[string]any)
			leaveOut(cut, strings.Split(path, "."))
			f, err := shopify.Decode(newest(encoded(t, cut)))
			if err != nil {
				t.Fatalf("without %s: %v", path, err)
			}
			if outcomes[path] = "a notice"; f.Order == nil {
				continue
			}
			outcomes[path] = "an order"
			f.Order.Version.Hash = whole.Version.Hash
			signed(&f.Order.History, whole.Version.Hash)
			f.Order.KeepHidden(whole)
			f.Order.KeepUnsaid(whole, f.Unsaid)
			f.Order.Kept = nil
			if diff := cmp.Diff(whole, f.Order); diff != "" {
				t.Fatalf("without %s the order is another; it left out %v\n%s\n%s", path, f.Unsaid, diff, body)
			}
		}
	}
	notices := 0
	for _, what := range outcomes {
		if what == "a notice" {
			notices++
		}
	}
	if t.Logf("%d of %d fields make a notice", notices, len(outcomes)); notices < 100 || len(outcomes)-notices < 100 {
		t.Error("too few of one kind")
	}
}

func decode(t *testing.T, e *bellhop.Event) bellhop.Fact {
	t.Helper()
	f, err := shopify.Decode(e)
	if err != nil || f.Order == nil {
		t.Fatalf("%+v, %v", f, err)
	}
	return f
}

// paths are those of a body's fields, without the places in lists.
func paths(prefix string, v any) map[string]bool {
	all := map[string]bool{}
	switch v := v.(type) {
	case []any:
		for _, one := range v {
			maps.Copy(all, paths(prefix, one))
		}
	case map[string]any:
		for name, value := range v {
			all[prefix+name] = true
			maps.Copy(all, paths(prefix+name+".", value))
		}
	}
	return all
}

// leaveOut takes a field out of an object, and of each element of a list.
func leaveOut(v any, path []string) {
	switch v := v.(type) {
	case []any:
		for _, one := range v {
			leaveOut(one, path)
		}
	case map[string]any:
		if len(path) == 1 {
			delete(v, path[0])
		} else {
			leaveOut(v[path[0]], path[1:])
		}
	}
}
