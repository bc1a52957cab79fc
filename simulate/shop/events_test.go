package shop_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"bellhop/shopify"
	"bellhop/shopify/admin"
	"bellhop/shopify/admin/schema"
	"bellhop/simulate"
	"bellhop/simulate/shop"
)

// TestEventQueryFits asks the query of Events by each version, with the app's scopes and without that of customers.
func TestEventQueryFits(t *testing.T) {
	r := installed(t)
	for _, c := range []struct {
		scopes    []string
		customers bool
		cost      float64
	}{{admin.WantedScopes, true, 95}, {[]string{"read_orders"}, false, 92}, {[]string{"write_customers"}, true, 95}} {
		query := shopify.EventQuery(c.scopes)
		if strings.Contains(query, " customer {") != c.customers || strings.Contains(query, "product") ||
			strings.Count(query, "$") != 2 {
			t.Errorf("with %v it is %s", c.scopes, query)
		}
		for _, version := range schema.Versions() {
			a := r.askVersion(version, query, map[string]any{"orderId": "gid://shopify/Order/1"})
			if a.Errors != nil || a.Extensions.Cost.Requested != c.cost {
				t.Errorf("with %v by %s: %s", c.scopes, version, a.text)
			}
		}
	}
	more := strings.Replace(shopify.EventQuery(admin.WantedScopes), "lineItems(first: 45)", "lineItems(first: 46)", 1)
	if a := r.askVersion("2026-10", more, map[string]any{"orderId": "1"}); a.Extensions.Cost.Requested != 101 {
		t.Errorf("with one line more it is %s", a.text)
	}
}

// withEvents subscribes to Events in the app's configuration.
func withEvents(change ...func(*shop.Events)) func(*shop.Options) {
	e := shop.Events{URI: hooks, Handle: shopify.EventHandle, Query: shopify.EventQuery(admin.WantedScopes)}
	for _, c := range change {
		c(&e)
	}
	return func(o *shop.Options) { o.Events = []shop.Events{e} }
}

// eventBody is the body of an Event, as far as the tests look at it.
type eventBody struct {
	Topic, Action, Handle string
	Changed               struct{ Added, Updated, Removed []string } `json:"fields_changed"`
	Variables             struct{ OrderID string }                   `json:"query_variables"`
	Data                  struct{ Order map[string]any }
	Errors                []struct{ Path []any }
	URL                   string `json:"payload_url"`
	Bytes                 int    `json:"payload_size_bytes"`
	Expires               string `json:"expires_at"`
}

// events returns the Events that came.
func (r *rig) events() (all []eventBody, headers []http.Header) {
	for _, h := range r.hooks("") {
		if h.header.Get("Shopify-Topic") == "" {
			continue
		}
		var e eventBody
		if err := json.Unmarshal([]byte(h.body), &e); err != nil {
			r.t.Fatal(err)
		}
		all, headers = append(all, e), append(headers, h.header)
	}
	return all, headers
}

// TestEventsOfAnOrder sees an order come, change and go.
func TestEventsOfAnOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := installed(t, withEvents())
		r.run()
		r.must(r.MakeOrders(domain, simulate.ShopifyOptions{Orders: 1}))
		all, headers := r.events()
		if len(all) != 1 || len(r.hooks("")) != 1 {
			t.Fatalf("%d Events came, and %d webhooks", len(all), len(r.hooks(""))-len(all))
		}
		id := all[0].Variables.OrderID
		if all[0].Topic != "Order" || all[0].Action != "create" || all[0].Handle != "bellhop-orders" ||
			len(all[0].Changed.Added) != 1 || all[0].Data.Order["id"] != id || all[0].Errors != nil {
			t.Errorf("a new order is %+v", all[0])
		}
		e, err := shopify.ReadHeaders(headers[0])
		if err != nil || e.Topic != shopify.TopicEventCreate || e.Shop != domain || e.WebhookID == "" ||
			e.ShopifyEventID == "" || e.TriggeredAt.IsZero() || e.APIVersion != "2026-10" {
			t.Errorf("its headers are %v: %+v, %v", headers[0], e, err)
		}
		n, _ := shopify.OrderID(id)
		for i, c := range []shop.OrderChange{{Change: simulate.ChangeRefunded}, {Change: simulate.ChangeNote, Silent: true},
			{Change: simulate.ChangeDeleted}} {
			r.must(r.ChangeOrder(domain, n, c))
			if all, _ = r.events(); len(all) != []int{2, 2, 3}[i] {
				t.Fatalf("after %+v %d Events came", c, len(all))
			}
		}
		if u := all[1]; u.Action != "update" || !slices.Contains(u.Changed.Updated, "order[id: '"+id+"'].refunds") ||
			slices.Contains(u.Changed.Updated, "order[id: '"+id+"'].name") {
			t.Errorf("a refund is %+v", u.Changed)
		}
		if d := all[2]; d.Action != "delete" || d.Data.Order != nil || len(d.Changed.Removed) != 1 {
			t.Errorf("a deletion is %+v", d)
		}
	})
}

// TestEventsThatLackTheOrder has those in whose body something stands in the order's place.
func TestEventsThatLackTheOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := installed(t, withEvents(func(e *shop.Events) { e.Limit = 6000 }))
		r.run()
		r.must(r.SetScopes(domain, []string{"read_orders"}))
		r.must(r.MakeOrders(domain, simulate.ShopifyOptions{Orders: 1}))
		all, _ := r.events()
		if e := all[0]; e.Data.Order != nil || len(e.Errors) != 1 || len(e.Errors[0].Path) != 2 || e.URL != "" {
			t.Errorf("without the scope of customers it is %+v", e)
		}
		r.must(r.SetScopes(domain, admin.WantedScopes))
		r.must(r.MakeOrders(domain, simulate.ShopifyOptions{Orders: 20, Updates: 1}))
		stubs := 0
		all, _ = r.events()
		for _, e := range all[1:] {
			if e.URL != "" {
				stubs++
			}
			if stub := e.Bytes > 6000 && e.Expires != ""; stub != (e.URL != "") || stub && e.Data.Order != nil ||
				!stub && e.Data.Order == nil && e.Action != "delete" {
				t.Errorf("a large body is %+v", e)
			}
		}
		if stubs == 0 || stubs == len(all)-1 {
			t.Errorf("%d of %d bodies are too large", stubs, len(all)-1)
		}
	})
}

// TestEventsAreRetried as webhooks are, and come twice as often as those.
func TestEventsAreRetried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := installed(t, withEvents(), func(o *shop.Options) { o.Orders.Duplicates = 0.5 })
		r.answering(func(h hook) int {
			if len(r.got) <= 5 {
				return 503
			}
			return 200
		})
		r.run()
		r.must(r.MakeOrders(domain, simulate.ShopifyOptions{Orders: 40}))
		time.Sleep(5 * time.Hour)
		_, headers := r.events()
		times := map[string]int{}
		for _, h := range headers {
			times[h.Get("Shopify-Webhook-Id")]++
		}
		sum := r.Ledger().Summary()
		if sum.Events != len(times) || sum.Orders != 40 || sum.Acknowledged != sum.Events || sum.Failed != 5 ||
			sum.Copies == 0 || sum.Copies != sum.Events-40 || len(headers) != len(times)+5 {
			t.Errorf("%d requests: %s", len(headers), sum)
		}
	})
}

func TestQueriesThatShopifyRefuses(t *testing.T) {
	dear := strings.Replace(shopify.EventQuery(admin.WantedScopes), "lineItems(first: 45)", "lineItems(first: 91)", 1)
	for query, want := range map[string]string{
		"query Q($orderId: ID!) { order(id: $orderId) { nonsense } }": "nonsense",
		dear: "107 points",
	} {
		o := shop.Options{Secret: secret, App: app, Orders: simulate.ShopifyOptions{Shops: []string{domain}}}
		withEvents(func(e *shop.Events) { e.Query = query })(&o)
		if _, err := shop.New(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60s: %v", query, err)
		}
	}
}
