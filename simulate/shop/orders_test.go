package shop_test

import (
	"encoding/json"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"bellhop"
	"bellhop/shopify"
	"bellhop/simulate"
	"bellhop/simulate/shop"
)

// withOrders is a rig whose shop has orders. It is for a bubble of synctest.
func withOrders(t *testing.T, o simulate.ShopifyOptions, with ...func(*shop.Options)) *rig {
	t.Helper()
	r := installed(t, with...)
	r.run()
	r.must(r.MakeOrders(domain, o))
	synctest.Wait()
	return r
}

// ids returns the global ids of all orders, by a walk over pages.
func (r *rig) ids() (all []string) {
	return r.walk("sortKey:ID", 7)
}

// walk pages through orders with some arguments.
func (r *rig) walk(args string, size int) (all []string) {
	r.t.Helper()
	after := ""
	for {
		r.must(r.SetPoints(domain, 2000))
		page := r.good(fmt.Sprintf(`{orders(first:%d %s %s){nodes{id} pageInfo{hasNextPage endCursor}}}`, size, after, args))["orders"]
		for _, n := range at(page, "nodes").([]any) {
			all = append(all, at(n, "id").(string))
		}
		if at(page, "pageInfo", "hasNextPage") != true {
			return all
		}
		after = fmt.Sprintf("after:%q", at(page, "pageInfo", "endCursor"))
	}
}

// value reads an amount, and checks how it is written.
func value(t *testing.T, bag any) *big.Rat {
	t.Helper()
	text, _ := at(bag, "shopMoney", "amount").(string)
	_, cents, ok := strings.Cut(text, ".")
	r, good := new(big.Rat).SetString(text)
	if !ok || !good || len(cents) > 1 && strings.HasSuffix(cents, "0") {
		t.Fatalf("an amount is %q", text)
	}
	return r
}

// TestOrdersAreTheWebhooks: what GraphQL has of each order is what the newest webhook says, as bellhop decodes it.
func TestOrdersAreTheWebhooks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := installed(t)
		for _, topic := range []string{"ORDERS_CREATE", "ORDERS_UPDATED", "ORDERS_PAID", "ORDERS_CANCELLED",
			"ORDERS_FULFILLED", "ORDERS_PARTIALLY_FULFILLED", "ORDERS_DELETE"} {
			if _, wrong := r.subscribe(topic, hooks); wrong != "" {
				t.Fatal(wrong)
			}
		}
		r.run()
		r.must(r.MakeOrders(domain, simulate.ShopifyOptions{Orders: 200, Updates: 1, FollowUps: 8}))
		newest := map[int64]*bellhop.Order{}
		gone := 0
		all := r.hooks("")
		slices.SortFunc(all, func(a, b hook) int { return a.triggered().Compare(b.triggered()) })
		for _, h := range all {
			if h.topic() == "orders/delete" {
				var d struct{ ID int64 }
				r.must(json.Unmarshal([]byte(h.body), &d))
				delete(newest, d.ID)
				gone++
				continue
			}
			f, err := shopify.Decode(&bellhop.Event{Shop: domain, Topic: h.topic(), Body: []byte(h.body),
				AcceptedAt: time.Now()})
			r.must(err)
			newest[f.Order.ID] = f.Order
		}
		if len(newest) < 150 || gone == 0 {
			t.Fatalf("%d orders, %d deleted", len(newest), gone)
		}
		for id, o := range newest {
			r.must(r.SetPoints(domain, 2000))
			got := r.good(fmt.Sprintf(`{order(id:"gid://shopify/Order/%d"){name legacyResourceId updatedAt
				cancelledAt displayFinancialStatus displayFulfillmentStatus note email tags
				originalTotalPriceSet{shopMoney{amount}} currentTotalPriceSet{shopMoney{amount}}
				totalOutstandingSet{shopMoney{amount}} lineItems(first:1){nodes{id quantity currentQuantity}}}}`, id))["order"]
			if at(got, "legacyResourceId") != fmt.Sprint(id) || at(got, "name") != o.Name {
				t.Errorf("order %d is %v", id, got)
			}
			same := func(what string, is, want any) {
				t.Helper()
				if fmt.Sprint(is) != fmt.Sprint(want) {
					t.Errorf("%s: %s is %v, and %v in the webhook", o.Name, what, is, want)
				}
			}
			amount := func(what, field, want string) {
				t.Helper()
				w, _ := new(big.Rat).SetString(want)
				if w == nil {
					w = new(big.Rat)
				}
				same(what, value(t, at(got, field)).RatString(), w.RatString())
			}
			amount("the total", "originalTotalPriceSet", o.Total.String())
			amount("what it is now", "currentTotalPriceSet", o.Current.String())
			amount("what is owed", "totalOutstandingSet", string(o.Details.Outstanding))
			same("its payment", strings.ToLower(at(got, "displayFinancialStatus").(string)), o.FinancialStatus)
			sent := map[any]string{"FULFILLED": "fulfilled", "PARTIALLY_FULFILLED": "partial", "RESTOCKED": "restocked",
				"UNFULFILLED": "unfulfilled"}
			same("its parcels", sent[at(got, "displayFulfillmentStatus")], o.FulfillmentStatus)
			changed, err := time.Parse(time.RFC3339, at(got, "updatedAt").(string))
			r.must(err)
			same("its change", changed.UTC(), o.UpdatedAt.UTC())
			same("its tags", at(got, "tags"), o.Details.Tags)
			line := at(got, "lineItems", "nodes", 0)
			same("its first line", at(line, "id"), fmt.Sprintf("gid://shopify/LineItem/%d", o.Details.Items[0].ID))
			same("of it", at(line, "quantity"), o.Details.Items[0].Quantity)
			same("of it now", at(line, "currentQuantity"), o.Details.Items[0].Current)
		}
	})
}

func TestPagesOfOrders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := withOrders(t, simulate.ShopifyOptions{Orders: 60, Updates: 0.5})
		all := r.ids()
		for _, key := range []string{"PROCESSED_AT", "CREATED_AT", "UPDATED_AT", "ORDER_NUMBER", "ID"} {
			up := r.walk("sortKey:"+key, 11)
			down := r.walk("reverse:true sortKey:"+key, 13)
			slices.Reverse(down)
			if !slices.Equal(up, down) {
				t.Errorf("by %s it isn't the same both ways", key)
			}
			slices.Sort(up)
			sorted := slices.Sorted(slices.Values(all))
			if len(slices.Compact(up)) != len(all) || !slices.Equal(up, sorted) {
				t.Errorf("by %s there are %d of %d", key, len(up), len(all))
			}
		}
		if byDefault := r.walk("", 9); !slices.Equal(byDefault, r.walk("sortKey:PROCESSED_AT", 9)) {
			t.Error("the default is not PROCESSED_AT")
		}
		last := r.good(`{orders(last:3 sortKey:ID){nodes{id} pageInfo{hasPreviousPage startCursor}}}`)["orders"]
		if at(last, "nodes", 2, "id") != all[len(all)-1] || at(last, "pageInfo", "hasPreviousPage") != true {
			t.Errorf("the last are %v", last)
		}
		before := r.good(fmt.Sprintf(`{orders(last:2 before:%q sortKey:ID){nodes{id}}}`,
			at(last, "pageInfo", "startCursor")))["orders"]
		if at(before, "nodes", 1, "id") != all[len(all)-4] {
			t.Errorf("before them are %v", before)
		}
		for _, args := range []string{"(reverse:true)", "(first:251)", "(first:-1)", `(first:1,after:"nonsense")`} {
			if a := r.ask("{orders" + args + "{nodes{id}}}"); len(a.Errors) == 0 || a.Data != nil {
				t.Errorf("%s: %s", args, a.text)
			}
		}
	})
}

func TestSearches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := withOrders(t, simulate.ShopifyOptions{Orders: 50})
		time.Sleep(time.Hour)
		later := time.Now().UTC().Format(time.RFC3339)
		r.must(r.MakeOrders(domain, simulate.ShopifyOptions{Orders: 20, Updates: 1, FollowUps: 6}))
		synctest.Wait()
		all := r.ids()
		count := func(query string) int {
			t.Helper()
			a := r.askVersion("2026-10", `query($q:String){ordersCount(query:$q){count precision}}`, map[string]any{"q": query})
			n, ok := at(a.Data, "ordersCount", "count").(float64)
			if !ok || len(a.Extensions.Search) > 0 && len(a.Extensions.Search[0].Warnings) > 0 {
				t.Errorf("%s: %s", query, a.text)
			}
			return int(n)
		}
		id := all[0][strings.LastIndex(all[0], "/")+1:]
		for query, want := range map[string]int{
			"":                             len(all),
			"id:" + id:                     1,
			"id:>=" + id:                   len(all),
			"-id:" + id:                    len(all) - 1,
			"created_at:<'" + later + "'":  50,
			"created_at:>='" + later + "'": len(all) - 50,
			`updated_at:>="` + later + `" AND updated_at:<=2099-01-01`: len(all) - 50,
			"processed_at:>2099-01-01":                                 0,
			"status:any":                                               len(all),
			"name:#1001":                                               1, "name:1001 OR name:1002": 2, "#1003": 1,
			"(name:1001 OR name:1002) AND NOT name:1002": 1,
		} {
			if n := count(query); n != want {
				t.Errorf("%s finds %d, want %d", query, n, want)
			}
		}
		if n := count("status:open") + count("status:closed OR status:cancelled"); n != len(all) {
			t.Errorf("open and not are %d of %d", n, len(all))
		}
		if n := count("financial_status:paid") + count("-financial_status:paid"); n != len(all) {
			t.Errorf("paid and not are %d of %d", n, len(all))
		}
		if n := count("test:true") + count("test:false"); n != len(all) {
			t.Errorf("tests and not are %d of %d", n, len(all))
		}
		a := r.ask("{ordersCount(limit:10){count precision}}")
		if at(a.Data, "ordersCount", "count") != 10.0 || at(a.Data, "ordersCount", "precision") != "AT_LEAST" {
			t.Errorf("up to 10: %s", a.text)
		}
		// What Shopify doesn't know matches all, and only a warning says so.
		a = r.ask(`{orders(first:100 query:"changed_at:>2099-01-01 AND status:any"){nodes{id}}}`)
		if n := at(a.Data, "orders", "nodes").([]any); len(n) != len(all) || len(a.Extensions.Search) != 1 ||
			a.Extensions.Search[0].Path[0] != "orders" || a.Extensions.Search[0].Warnings[0].Code != "invalid_field" ||
			a.Extensions.Search[0].Warnings[0].Field != "changed_at" {
			t.Errorf("an unknown field: %d of %d, %+v", len(n), len(all), a.Extensions.Search)
		}
		a = r.ask(`{orders(first:1 query:"updated_at:>soon"){nodes{id}}}`)
		if a.Extensions.Search[0].Warnings[0].Code != "invalid_value" {
			t.Errorf("an odd time: %+v", a.Extensions.Search)
		}
	})
}

// TestTheIndexLags: lists are behind, and order(id) is not.
func TestTheIndexLags(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := withOrders(t, simulate.ShopifyOptions{Orders: 5})
		before := r.ids()
		time.Sleep(time.Minute)
		r.must(r.SetFaults(domain, shop.Faults{LagSeconds: 30}))
		if _, wrong := r.subscribe("ORDERS_CREATE", hooks); wrong != "" {
			t.Fatal(wrong)
		}
		r.must(r.MakeOrders(domain, simulate.ShopifyOptions{Orders: 1}))
		var made struct {
			ID string `json:"admin_graphql_api_id"`
		}
		r.must(json.Unmarshal([]byte(r.hooks("orders/create")[0].body), &made))
		if got := r.good(`{order(id:"` + made.ID + `"){id}}`); at(got, "order", "id") != made.ID {
			t.Errorf("by its id: %v", got)
		}
		time.Sleep(29 * time.Second)
		if now := r.ids(); !slices.Equal(now, before) {
			t.Errorf("after 29 s the list has %v", now)
		}
		time.Sleep(time.Second)
		if now := r.ids(); len(now) != len(before)+1 {
			t.Errorf("after 30 s the list has %v", now)
		}
	})
}

func TestOrdersOfTheLast60Days(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := withOrders(t, simulate.ShopifyOptions{Orders: 5})
		id := r.ids()[0]
		time.Sleep(60 * 24 * time.Hour)
		r.token = r.grant(200, "grant_type", "client_credentials")["access_token"].(string)
		r.must(r.MakeOrders(domain, simulate.ShopifyOptions{Orders: 2}))
		synctest.Wait()
		if n := len(r.ids()); n != 2 {
			t.Errorf("read_orders covers %d orders", n)
		}
		if got := r.good(`{order(id:"` + id + `"){id}}`); got["order"] != nil {
			t.Errorf("an older one is %v", got)
		}
		r.must(r.SetScopes(domain, []string{"read_orders", "read_all_orders"}))
		if n := len(r.ids()); n != 7 {
			t.Errorf("read_all_orders covers %d orders", n)
		}
	})
}

func TestOrdersAsFaultsShowThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := withOrders(t, simulate.ShopifyOptions{Orders: 12}, func(o *shop.Options) { o.Keep = 10 })
		if n := len(r.ids()); n != 10 {
			t.Errorf("it remembers %d orders", n)
		}
		r.must(r.SetFaults(domain, shop.Faults{NullStatus: true}))
		got := r.good(`{orders(first:1){nodes{displayFinancialStatus}}}`)
		if at(got, "orders", "nodes", 0) == nil || at(got, "orders", "nodes", 0, "displayFinancialStatus") != nil {
			t.Errorf("the status is %v", got)
		}
		for _, id := range []string{"1", "gid://shopify/Order/1"} {
			if got := r.good(`{order(id:"` + id + `"){id}}`); got["order"] != nil {
				t.Errorf("an unknown order is %v", got)
			}
		}
		if a := r.ask(`{order(id:"gid://shopify/Product/1"){id}}`); len(a.Errors) == 0 {
			t.Errorf("what is no order's id: %s", a.text)
		}
	})
}
