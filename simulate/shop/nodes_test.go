package shop_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"bellhop/simulate"
	"bellhop/simulate/shop"
)

func global(kind string, id any) string { return fmt.Sprintf("gid://shopify/%s/%v", kind, id) }

// TestNodes: orders by their ids, past the index, and their parcels and refunds.
func TestNodes(t *testing.T) {
	r, c := byHand(t)
	r.must(r.SetFaults(domain, shop.Faults{LagSeconds: 1_000_000_000}))
	r.must(r.Fill(domain, simulate.ShopifyOptions{Orders: 1}, c.Now().Add(-61*24*time.Hour), c.Now()))
	var old int64
	for id := range r.orders() {
		old = id
	}
	r.must(r.MakeOrders(domain, simulate.ShopifyOptions{Orders: 40}))
	r.sent("")
	var ids []any
	for id := range r.orders() {
		if id != old {
			ids = append(ids, global("Order", id))
		}
	}
	gone := strings.TrimPrefix(ids[0].(string), "gid://shopify/Order/")
	var goneID int64
	fmt.Sscan(gone, &goneID)
	r.must(r.ChangeOrder(domain, goneID, shop.OrderChange{Change: "deleted"}))
	for id := range r.orders() {
		if id != old {
			r.must(r.ChangeOrder(domain, id, shop.OrderChange{Change: "fulfilled"}))
			r.must(r.ChangeOrder(domain, id, shop.OrderChange{Change: "refunded"}))
		}
	}
	asked := append(slices.Clone(ids), global("Order", 1), global("Order", old), global("Product", 1))
	a := r.askVersion("2026-10", `query($ids:[ID!]!){nodes(ids:$ids){id ...on Order{updatedAt fulfillments{id} refunds{id}}}}`,
		map[string]any{"ids": asked})
	nodes, _ := a.Data["nodes"].([]any)
	if len(a.Errors) > 0 || len(nodes) != len(asked) {
		t.Fatal(a.text)
	}
	for i, n := range nodes {
		if i == 0 || i >= len(ids) {
			if n != nil {
				t.Errorf("%v is %v", asked[i], n)
			}
			continue
		}
		if at(n, "id") != asked[i] || at(n, "updatedAt") != c.Now().Format(time.RFC3339) {
			t.Errorf("%v is %v", asked[i], n)
		}
		for _, kind := range []string{"fulfillments", "refunds"} {
			id := at(n, kind, 0, "id").(string)
			got := r.good(fmt.Sprintf(`{node(id:%q){id ...on Fulfillment{fulfillmentLineItems(first:1){nodes{lineItem{id}}}}
				...on Refund{transactions(first:2){nodes{kind amountSet{shopMoney{amount}}}}}}}`, id))
			if at(got, "node", "id") != id {
				t.Errorf("%s is %v", id, got)
			}
		}
	}
	if got := r.good(`{node(id:"gid://shopify/Refund/1"){id}}`); got["node"] != nil {
		t.Errorf("no refund is %v", got)
	}
	if a := r.ask(`{nodes(ids:["nonsense"]){id}}`); len(a.Errors) != 1 {
		t.Error(a.text)
	}
	a = r.askVersion("2026-10", `query($ids:[ID!]!){nodes(ids:$ids){id}}`, map[string]any{"ids": make([]string, 251)})
	if a.code() != "MAX_INPUT_SIZE_EXCEEDED" {
		t.Error(a.text)
	}
	if a := r.ask(`{orders(first:50){nodes{id}}}`); len(at(a.Data, "orders", "nodes").([]any)) != 0 {
		t.Errorf("the index knows: %s", a.text)
	}
}

// TestTheDateIsTheTwins: what Shopify answers is dated by the twin's clock.
func TestTheDateIsTheTwins(t *testing.T) {
	r, c := byHand(t)
	req, err := http.NewRequest("POST", "/"+domain+"/admin/api/2026-10/graphql.json",
		strings.NewReader(`{"query":"{shop{id}}"}`))
	r.must(err)
	if got := r.serve(req).Header().Get("Date"); got != c.Now().Format(http.TimeFormat) {
		t.Errorf("it is %s", got)
	}
}

// TestCosts: what Shopify was seen to answer.
func TestCosts(t *testing.T) {
	r, c := byHand(t)
	r.must(r.Fill(domain, simulate.ShopifyOptions{Orders: 300}, c.Now().Add(-time.Hour), c.Now()))
	r.must(r.SetScopes(domain, []string{"read_orders", "read_products"}))
	var id, other int64
	for have, o := range r.orders() { // one with a line and a way of shipping
		body := string(o.Body())
		if strings.Count(body, `"current_quantity"`) == 1 && strings.Count(body, `"is_removed"`) == 1 &&
			!strings.Contains(body, `"variant_id":null`) {
			id, other = have, id
		}
	}
	order := fmt.Sprintf(`order(id:%q)`, global("Order", id))
	three := fmt.Sprintf("%q %q %q", global("Order", id), global("Order", other), global("Order", 1))
	for _, c := range []struct {
		query             string
		requested, actual float64
	}{
		{`{orders(first:1){nodes{id}}}`, 3, 3},
		{`{webhookSubscriptions(first:3){nodes{id} pageInfo{endCursor}}}`, 5, 5},
		{`{` + order + `{id totalPriceSet{shopMoney{amount}} note}}`, 1, 1},
		{`{` + order + `{lineItems(first:50){nodes{id variant{id}}}}}`, 17, 5},
		{`{` + order + `{shippingLines(first:5){nodes{id}} refunds{id}}}`, 7, 4},
		{`{orders(first:250){nodes{id createdAt} pageInfo{hasNextPage}}}`, 11, 11},
		{`{orders(first:250){edges{node{id createdAt}}}}`, 11, 11},
		{`mutation{bulkOperationCancel(id:"x"){bulkOperation{id}}}`, 10, 10},
		{`{nodes(ids:[` + three + `]){id}}`, 3, 2},
	} {
		a := r.ask(c.query)
		if got := a.Extensions.Cost; got.Requested != c.requested || got.Actual != c.actual {
			t.Errorf("%s costs %v, and in fact %v; want %v and %v: %.300s", c.query, got.Requested, got.Actual, c.requested,
				c.actual, a.text)
		}
	}
}

// TestScopesOfFields: each part of an order that needs a scope of its own is refused without it, and null.
func TestScopesOfFields(t *testing.T) {
	r, c := byHand(t)
	r.must(r.Fill(domain, simulate.ShopifyOptions{Orders: 3}, c.Now().Add(-time.Hour), c.Now()))
	const fields = `query($customers:Boolean!,$products:Boolean!){orders(first:3){nodes{id
		customer@include(if:$customers){id}
		lineItems(first:1){nodes{id product@include(if:$products){id} variant@include(if:$products){id}}}}}}`
	for _, scope := range []string{"customers", "products"} {
		for _, has := range []bool{false, true} {
			given := []string{"read_orders"}
			if has {
				given = append(given, "read_"+scope)
			}
			r.must(r.SetScopes(domain, given))
			with := map[string]any{"customers": false, "products": false}
			with[scope] = true
			a := r.askVersion("2026-10", fields, with)
			if has && len(a.Errors) > 0 || !has && (a.code() != "ACCESS_DENIED" ||
				a.Errors[0].Extensions["requiredAccess"] != "`read_"+scope+"` access scope.") {
				t.Errorf("%s, granted: %v: %.400s", scope, has, a.text)
			}
		}
	}
}
