package shopify_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"bellhop"
	"bellhop/shopify"
)

// jsonObject is a JSON object that a test changes.
type jsonObject = map[string]any

// wholeEvent is an Event that has all of a whole order.
func wholeEvent(t testing.TB, action string) jsonObject {
	t.Helper()
	var o jsonObject
	if err := json.Unmarshal(read(t, "testdata/bellhop_reconcile.whole.json"), &o); err != nil {
		t.Fatal(err)
	}
	o["topic"], o["action"], o["handle"] = "Order", action, "bellhop-orders"
	o["fields_changed"] = jsonObject{"updated": []any{"order.note"}}
	return o
}

func orderIn(o jsonObject) jsonObject { return o["data"].(jsonObject)["order"].(jsonObject) }

func encoded(t testing.TB, o jsonObject) []byte {
	t.Helper()
	body, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

func decodeEvent(t testing.TB, topic string, o jsonObject) bellhop.Fact {
	t.Helper()
	f, err := shopify.Decode(event(topic, encoded(t, o)))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// TestDecodeEvent: an Event that has all fields is the order, as if bellhop had fetched it.
func TestDecodeEvent(t *testing.T) {
	want := fetched(t, read(t, "testdata/bellhop_reconcile.whole.json"))
	for _, topic := range []string{shopify.TopicEventCreate, shopify.TopicEventUpdate} {
		_, action, _ := strings.Cut(topic, "/")
		for _, handle := range []string{"bellhop-orders", "renamed", ""} {
			o := wholeEvent(t, action)
			o["handle"] = handle
			f := decodeEvent(t, topic, o)
			if f.Order == nil || f.OrderID != want.ID || len(f.Lacks) > 0 || f.Skip != "" {
				t.Fatalf("%s of %q: %+v", topic, handle, f)
			}
			f.Order.Version.Hash = want.Version.Hash
			said := cmpopts.IgnoreFields(bellhop.Version{}, "Hash")
			if diff := cmp.Diff(want, f.Order, said); diff != "" {
				t.Errorf("%s: %s", topic, diff)
			}
		}
	}
}

// TestEventNotices: an Event that lacks anything of our query is no content.
func TestEventNotices(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(o jsonObject)
		want   []string
	}{
		"a field":    {func(o jsonObject) { delete(orderIn(o), "note") }, []string{"note"}},
		"two fields": {func(o jsonObject) { delete(orderIn(o), "tags"); delete(orderIn(o), "note") }, []string{"note", "tags"}},
		"a field of every line": {func(o jsonObject) {
			for _, l := range orderIn(o)["lineItems"].(jsonObject)["nodes"].([]any) {
				delete(l.(jsonObject), "sku")
			}
		}, []string{"lineItems.sku"}},
		"a field of the last line": {func(o jsonObject) {
			all := orderIn(o)["lineItems"].(jsonObject)["nodes"].([]any)
			delete(all[len(all)-1].(jsonObject), "title")
		}, []string{"lineItems.title"}},
		"a part of the customer": {func(o jsonObject) { delete(orderIn(o)["customer"].(jsonObject), "firstName") },
			[]string{"customer.firstName"}},
		"the shop's zone": {func(o jsonObject) { delete(o["data"].(jsonObject), "shop") }, []string{"shop"}},
		"more lines": {func(o jsonObject) {
			orderIn(o)["lineItems"].(jsonObject)["pageInfo"].(jsonObject)["hasNextPage"] = true
		}, []string{"lineItems (more than 5)"}},
		"pages": {func(o jsonObject) { delete(orderIn(o)["shippingLines"].(jsonObject), "pageInfo") },
			[]string{"shippingLines.pageInfo"}},
		"an amount":  {func(o jsonObject) { orderIn(o)["subtotalPriceSet"] = 5 }, []string{"subtotalPriceSet"}},
		"a code":     {func(o jsonObject) { codeOf(o, jsonObject{"__typename": "X"}) }, []string{codePath}},
		"the order":  {func(o jsonObject) { o["data"].(jsonObject)["order"] = nil }, []string{"data.order"}},
		"data":       {func(o jsonObject) { delete(o, "data") }, []string{"data"}},
		"data, null": {func(o jsonObject) { o["data"] = nil }, []string{"data"}},
		"errors": {func(o jsonObject) {
			o["errors"] = []any{jsonObject{"message": "secret", "path": []any{"order", "lineItems", "nodes", 0, "sku"}},
				jsonObject{"message": "secret"}, jsonObject{"path": []any{"jo@example.com"}}}
		}, []string{"errors: lineItems.sku", "errors: of no field", `errors: "jo@example.com"`}},
		"errors by their other name": {func(o jsonObject) {
			delete(o, "data")
			o["query_errors"] = []any{jsonObject{"message": "secret", "path": []any{"order", "customer"}}}
		}, []string{"errors: customer"}},
		"errors by both names, and a list that is null": {func(o jsonObject) {
			o["errors"] = []any{}
			o["query_errors"] = []any{jsonObject{"path": []any{"order", "lineItems"}}}
			orderIn(o)["lineItems"] = nil
		}, []string{"errors: lineItems"}},
		"a list that is null": {func(o jsonObject) { orderIn(o)["refunds"] = nil }, []string{"refunds"}},
		"a page of nothing": {func(o jsonObject) {
			orderIn(o)["lineItems"].(jsonObject)["nodes"] = []any{nil}
		}, []string{"lineItems.nodes"}},
		"errors of another form": {func(o jsonObject) { o["errors"] = "secret" }, []string{"errors"}},
		"a body elsewhere": {func(o jsonObject) {
			delete(o, "data")
			o["payload_url"], o["payload_size_bytes"] = "https://elsewhere.example/x", 2_000_000
		}, []string{"data (it is at payload_url)"}},
	} {
		t.Run(name, func(t *testing.T) {
			o := wholeEvent(t, "update")
			id := orderIn(o)["id"].(string)
			tt.change(o)
			f := decodeEvent(t, shopify.TopicEventUpdate, o)
			if diff := cmp.Diff(tt.want, f.Lacks); diff != "" || f.Order != nil || f.Deleted || f.Skip != "" {
				t.Errorf("%+v\n%s", f, diff)
			}
			if shopify.GlobalOrderID(f.OrderID) != id {
				t.Errorf("it is about order %d", f.OrderID)
			}
			if o["handle"] = "theirs"; decodeEvent(t, shopify.TopicEventUpdate, o).Skip != "other_handle: theirs" {
				t.Errorf("of another handle: %+v", f)
			}
		})
	}
}

const codePath = "lineItems.discountAllocations.discountApplication.code"

// codeOf sets what gave a discount on a line.
func codeOf(o jsonObject, application jsonObject) {
	lines := orderIn(o)["lineItems"].(jsonObject)["nodes"].([]any)
	for _, l := range lines {
		for _, a := range l.(jsonObject)["discountAllocations"].([]any) {
			a.(jsonObject)["discountApplication"] = application
		}
	}
}

// TestWhatAnEventMayLack depends on the app's scopes, or on what gave a discount.
func TestWhatAnEventMayLack(t *testing.T) {
	o := wholeEvent(t, "update")
	delete(orderIn(o), "customer")
	codeOf(o, jsonObject{})
	for _, l := range orderIn(o)["lineItems"].(jsonObject)["nodes"].([]any) {
		delete(l.(jsonObject), "product")
	}
	maps.DeleteFunc(orderIn(o)["lineItems"].(jsonObject)["pageInfo"].(jsonObject), func(k string, _ any) bool {
		return k == "endCursor"
	})
	o["errors"], o["query_errors"] = nil, []any{}
	if f := decodeEvent(t, shopify.TopicEventUpdate, o); f.Order == nil || len(f.Lacks) > 0 {
		t.Errorf("%+v", f)
	}
}

// TestDeletedByEvent: only the signed body's own word deletes.
func TestDeletedByEvent(t *testing.T) {
	body := func(fields string) []byte {
		return []byte(`{"topic":"Order","handle":"theirs"` + fields + `}`)
	}
	const id = `,"query_variables":{"orderId":"gid://shopify/Order/7"}`
	f, err := shopify.Decode(event(shopify.TopicEventDelete, body(`,"action":"delete","data":{"order":null}`+id)))
	if err != nil || !f.Deleted || f.OrderID != 7 || f.Order != nil {
		t.Errorf("%+v, %v", f, err)
	}
	for want, fields := range map[string][]string{
		"body_field": {id, `,"action":"delete","data":{"order":null}`,
			`,"action":"delete","query_variables":{"orderId":"gid://shopify/Product/7"}`},
		"body_kind": {`,"action":"update"` + id, `,"action":"create"` + id},
	} {
		for _, fields := range fields {
			f, err := shopify.Decode(event(shopify.TopicEventDelete, body(fields)))
			if bellhop.CodeOf(err) != want || f.Deleted {
				t.Errorf("%s: %+v, %v", fields, f, err)
			}
		}
	}
}

// TestOtherBodies: nobody signs a delivery's topic.
func TestOtherBodies(t *testing.T) {
	o := wholeEvent(t, "create")
	for _, topic := range []string{shopify.TopicEventUpdate, shopify.TopicEventDelete} {
		if _, err := shopify.Decode(event(topic, encoded(t, o))); bellhop.CodeOf(err) != "body_kind" {
			t.Errorf("%s: %v", topic, err)
		}
	}
	o["topic"] = "Product"
	for _, body := range [][]byte{encoded(t, o), []byte(`{}`), read(t, "testdata/orders_create.usd.json"),
		read(t, "testdata/orders_delete.above_2_53.json")} {
		if _, err := shopify.Decode(event(shopify.TopicEventCreate, body)); bellhop.CodeOf(err) != "body_kind" {
			t.Errorf("%.80s: %v", body, err)
		}
	}
	event2 := encoded(t, wholeEvent(t, "create"))
	for _, topic := range slices.Concat(shopify.Wanted(), shopify.Compliance()) {
		if f, err := shopify.Decode(event(topic, event2)); err == nil {
			t.Errorf("%s: %+v", topic, f)
		}
	}
	for _, topic := range []string{"Order/archive", "Product/update", "order/update"} {
		if f, err := shopify.Decode(event(topic, event2)); err != nil || f.Skip != bellhop.ReasonTopicUnhandled {
			t.Errorf("%s: %+v, %v", topic, f, err)
		}
	}
}

// FuzzDecodeEvent: a spoilt Event never panics, each error is bad input, and a notice names no more than it may.
func FuzzDecodeEvent(f *testing.F) {
	whole := encoded(f, wholeEvent(f, "update"))
	f.Add(whole)
	f.Add([]byte(`{"topic":"Order","action":"update","handle":"x","data":{"order":{"id":"gid://shopify/Order/7"}},` +
		`"query_variables":{"orderId":"gid://shopify/Order/7"},"errors":[{"message":"m","path":["order",0,"note"]}]}`))
	f.Add([]byte(`{"payload_url":"https://elsewhere.example","expires_at":null}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, topic := range []string{shopify.TopicEventUpdate, shopify.TopicEventDelete} {
			fact, err := shopify.Decode(event(topic, body))
			if err != nil {
				if bellhop.KindOf(err) != bellhop.Invalid {
					t.Errorf("%v", err)
				}
				continue
			}
			states := 0
			for _, is := range []bool{fact.Order != nil, fact.Deleted, fact.Skip != "", len(fact.Lacks) > 0} {
				if is {
					states++
				}
			}
			if states != 1 || fact.Order != nil && fact.OrderID != fact.Order.ID || fact.Deleted && fact.OrderID <= 0 {
				t.Errorf("got %+v", fact)
			}
			if reason := bellhop.IncompleteReason(fact.Lacks); len(reason) > 512 || !utf8.ValidString(reason+fact.Skip) {
				t.Errorf("the reason is %q", reason)
			}
		}
	})
}
