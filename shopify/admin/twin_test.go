package admin_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"bellhop"
	"bellhop/reconcile"
	"bellhop/shopify"
	"bellhop/shopify/admin"
	"bellhop/simulate"
	"bellhop/simulate/shop"
)

// allScopes are all that bellhop may be granted.
var allScopes = []string{"read_all_orders", "read_customers", "read_fulfillments", "read_orders", "read_products"}

// twin is the twin of a shop in this process, and an App that asks it.
type twin struct {
	*shop.Twin
	t      *testing.T
	app    *admin.App
	token  string
	before func(operation string) // of each request
	late   atomic.Int64           // that its clock is ahead, in nanoseconds
	whole  bool                   // it gives no parts of files
}

// pass lets time pass in the shop.
func (w *twin) pass(d time.Duration) { w.late.Add(int64(d)) }

func newTwin(t *testing.T) *twin {
	t.Helper()
	w := &twin{t: t}
	var err error
	w.Twin, err = shop.New(shop.Options{ClientID: clientID, Secret: secret, App: "https://bellhop.example",
		Now:    func() time.Time { return time.Now().Add(time.Duration(w.late.Load())) },
		Orders: simulate.ShopifyOptions{Shops: []string{domain}, Seed: 21}})
	w.must(err)
	w.must(w.SetScopes(domain, allScopes))
	s := httptest.NewServer(http.HandlerFunc(w.serve))
	t.Cleanup(s.Close)
	w.app = &admin.App{ClientID: clientID, Secret: secret, Endpoint: s.URL + "/{shop}",
		Wait: func(context.Context, time.Duration) error { return w.SetPoints(domain, 2000) }}
	got, err := w.app.ClientCredentials(t.Context(), domain)
	w.must(err)
	w.token = got.Token
	return w
}

func (w *twin) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *twin) serve(out http.ResponseWriter, r *http.Request) {
	if strings.HasSuffix(r.URL.Path, "/graphql.json") {
		raw := readAll(w.t, r)
		var q struct{ OperationName string }
		w.must(json.Unmarshal(raw, &q))
		if w.before != nil {
			w.before(q.OperationName)
		}
	}
	if w.whole {
		r.Header.Del("Range")
	}
	w.ServeHTTP(out, r)
}

func (w *twin) shop() *admin.Shop { return w.app.Shop(domain, w.token) }

// fetch returns the orders as bellhop decodes them.
func (w *twin) fetch(ids ...int64) (all []*bellhop.Order) {
	w.t.Helper()
	got, err := w.shop().FetchOrders(w.t.Context(), ids, allScopes)
	w.must(err)
	for _, o := range got {
		f, err := shopify.Decode(&bellhop.Event{Shop: domain, Topic: bellhop.TopicReconcile, TriggeredAt: o.At,
			AcceptedAt: o.At, SignedBy: bellhop.SignerAPI, Body: o.Body})
		if err != nil || f.Order == nil {
			w.t.Fatalf("%s: %v", o.Body, err)
		}
		all = append(all, f.Order)
	}
	return all
}

// event returns an order as the Event of our query brings it: its data is what the same fields are in a fetch.
func (w *twin) event(id int64) *bellhop.Order {
	w.t.Helper()
	got, err := w.shop().FetchOrders(w.t.Context(), []int64{id}, allScopes)
	w.must(err)
	var body map[string]any
	w.must(json.Unmarshal(got[0].Body, &body))
	body["topic"], body["action"], body["handle"] = shopify.EventTopic, "update", shopify.EventHandle
	text, err := json.Marshal(body)
	w.must(err)
	f, err := shopify.Decode(&bellhop.Event{Shop: domain, Topic: shopify.TopicEventUpdate, TriggeredAt: got[0].At,
		AcceptedAt: got[0].At, SignedBy: bellhop.SignerApp, Body: text})
	if err != nil || f.Order == nil {
		w.t.Fatalf("%s: lacks %v, %v", text, f.Lacks, err)
	}
	return f.Order
}

// rewritten is a body as EventBridge writes it again within its envelope.
func rewritten(t *testing.T, body []byte) []byte {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var root any
	if err := d.Decode(&root); err != nil {
		t.Fatal(err)
	}
	text, err := json.MarshalIndent(map[string]any{"payload": root}, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	var envelope struct{ Payload json.RawMessage }
	if err := json.Unmarshal(text, &envelope); err != nil {
		t.Fatal(err)
	}
	return envelope.Payload
}

func webhook(t *testing.T, body []byte) *bellhop.Order {
	t.Helper()
	f, err := shopify.Decode(&bellhop.Event{Shop: domain, Topic: "orders/updated", TriggeredAt: noon, AcceptedAt: noon,
		Body: body})
	if err != nil {
		t.Fatal(err)
	}
	f.Order.Unsaid = nil // a fetch says all
	return f.Order
}

// told is an order that a webhook brought, and the same one fetched, without what only one of the two ways tells. It
// changes both.
func told(hook, fetched *bellhop.Order) (h, f *bellhop.Order) {
	plain(reflect.ValueOf(hook).Elem())
	plain(reflect.ValueOf(fetched).Elem())
	if hook.Now.Shipping == "" { // older bodies have no such sum
		fetched.Now.Shipping = ""
	}
	if hook.Groups == nil { // nor the names of bundles
		fetched.Groups = nil
	}
	for _, all := range [][]bellhop.Fulfillment{hook.History.Fulfillments, fetched.History.Fulfillments} {
		for i := range all {
			if all[i].Tracking == nil { // Shopify may name a carrier only beside a number
				all[i].Carrier = ""
			}
		}
	}
	return hook, fetched
}

// diffOf looks for words only where values differ: cmp takes a thousand times as long to find them equal, and even
// longer with the race detector.
func diffOf[T any](a, b T) string {
	if reflect.DeepEqual(a, b) {
		return ""
	}
	return cmp.Diff(a, b, cmpopts.EquateEmpty())
}

// plain takes away what differs from event to event, and writes equal values equally.
func plain(v reflect.Value) {
	switch p := v.Addr().Interface().(type) {
	case *bellhop.Version:
		*p = bellhop.Version{}
		return
	case *time.Time:
		*p = p.Truncate(time.Second)
		return
	case *bellhop.Amount:
		*p = short(*p)
		return
	case *bellhop.Money:
		if p.Currency != "" {
			*p, _ = bellhop.ParseMoney(string(short(bellhop.Amount(p.String()))), p.Currency)
		}
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			plain(v.Field(i))
		}
	case reflect.Pointer:
		if !v.IsNil() {
			plain(v.Elem())
		}
	case reflect.Slice:
		for i := range v.Len() {
			plain(v.Index(i))
		}
	}
}

// short leaves out zeros that a currency which is no country's may have, such as USDC.
func short(a bellhop.Amount) bellhop.Amount {
	whole, decimals, _ := strings.Cut(string(a), ".")
	for strings.HasSuffix(decimals, "0") && len(decimals) > 2 {
		decimals = decimals[:len(decimals)-1]
	}
	return bellhop.Amount(strings.TrimSuffix(whole+"."+decimals, "."))
}

// sample is one of Shopify's bodies, bare, with the times that each order has.
func sample(t *testing.T, file string) []byte {
	t.Helper()
	body, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var root map[string]json.RawMessage
	if err := json.Unmarshal(body, &root); err != nil {
		t.Fatal(err)
	}
	if inner := root["order"]; inner != nil {
		root = nil
		if err := json.Unmarshal(inner, &root); err != nil {
			t.Fatal(err)
		}
	}
	// GraphQL has one e-mail address of an order.
	if email := string(root["email"]); email == "" || email == "null" || email == `""` {
		root["email"] = root["contact_email"]
	}
	for _, name := range []string{"created_at", "updated_at", "processed_at"} {
		if at := string(root[name]); at == "" || at == "null" {
			root[name] = json.RawMessage(`"2026-11-20T09:15:00-05:00"`)
		}
	}
	if body, err = json.Marshal(root); err != nil {
		t.Fatal(err)
	}
	return body
}

// apart are samples of no order, of ten years ago, and of an order that lacks nearly all: the twin can't hold those.
var apart = []string{"_edited.", "_delete.", "_risk_", "v2016", "rest_envelope", "price_set_only", "null_everything"}

// TestBothWaysTellTheSame: an order that a webhook brings, and the same one fetched, are one order.
func TestBothWaysTellTheSame(t *testing.T) {
	files, err := filepath.Glob("../testdata/orders_*.json")
	if err != nil || len(files) < 15 {
		t.Fatalf("%d samples: %v", len(files), err)
	}
	compared := 0
	for _, file := range files {
		name := filepath.Base(file)
		if slices.ContainsFunc(apart, func(kind string) bool { return strings.Contains(name, kind) }) {
			continue
		}
		compared++
		t.Run(strings.TrimSuffix(name, ".json"), func(t *testing.T) {
			w, body := newTwin(t), sample(t, file)
			w.must(w.HoldOrder(domain, body))
			hook := webhook(t, body)
			fetched := w.fetch(hook.ID)[0]
			if d := reconcile.Differ(hook, fetched); d != nil {
				t.Errorf("they differ in %v", d)
			}
			if diff := cmp.Diff(told(hook, fetched)); diff != "" {
				t.Errorf("a webhook (-) and a fetch (+):\n%s", diff)
			}
			_, again := told(webhook(t, body), w.event(hook.ID))
			if diff := cmp.Diff(fetched, again); diff != "" {
				t.Errorf("a fetch (-) and an Event (+):\n%s", diff)
			}
			_, inner := told(w.event(hook.ID), webhook(t, rewritten(t, body)))
			if diff := cmp.Diff(hook, inner); diff != "" {
				t.Errorf("a webhook (-) and the one in an envelope (+):\n%s", diff)
			}
		})
	}
	if compared < 10 {
		t.Errorf("only %d orders were compared", compared)
	}
}

// TestMadeUpOrdersTellTheSame: also those of the twin, with all that happens to an order.
func TestMadeUpOrdersTellTheSame(t *testing.T) {
	w := newTwin(t)
	w.must(w.Fill(domain, simulate.ShopifyOptions{Orders: 400, Updates: 1}, time.Now().Add(-50*24*time.Hour), time.Now()))
	all, err := w.Orders(domain)
	w.must(err)
	var ids []int64
	for _, o := range all {
		ids = append(ids, o.ID)
	}
	for i, got := range w.fetch(ids...) {
		want := webhook(t, all[i].Body())
		if d := reconcile.Differ(want, got); d != nil {
			t.Errorf("order %d differs in %v", want.ID, d)
		}
		if diff := diffOf(told(want, got)); diff != "" {
			t.Fatalf("a webhook (-) and a fetch (+):\n%s\n%s", diff, all[i].Body())
		}
	}
}

func readAll(t *testing.T, r *http.Request) []byte {
	raw, err := io.ReadAll(r.Body)
	if err != nil {
		t.Error(err)
	}
	r.Body = io.NopCloser(bytes.NewReader(raw))
	return raw
}

// long is an order of so many lines, half of which went out in one parcel and came back in one refund.
func long(lines int) []byte {
	const amounts = `"price":"1.00","price_set":{"shop_money":{"amount":"1.00","currency_code":"USD"},` +
		`"presentment_money":{"amount":"1.00","currency_code":"USD"}}`
	var items, sent, back []string
	for i := range lines {
		id := 1000 + i
		items = append(items, fmt.Sprintf(`{"id":%d,"title":"Line %d","vendor":"Harbour","quantity":2,"current_quantity":2,`+
			`"fulfillable_quantity":2,"product_id":7,"variant_id":8,%s}`, id, i, amounts))
		if i%2 == 0 {
			sent = append(sent, fmt.Sprintf(`{"id":%d,"quantity":1}`, id))
			back = append(back, fmt.Sprintf(`{"id":%d,"line_item_id":%d,"quantity":1,"restock_type":"return","subtotal":"1.00",`+
				`"subtotal_set":{"shop_money":{"amount":"1.00","currency_code":"USD"},"presentment_money":{"amount":"1.00",`+
				`"currency_code":"USD"}}}`, 5000+i, id))
		}
	}
	return []byte(fmt.Sprintf(`{"id":820000111222333500,"name":"#500","number":500,"order_number":500,"currency":"USD",`+
		`"cancelled_at":null,"fulfillment_status":null,"note":null,"test":false,`+
		`"presentment_currency":"USD","total_price":"99.00","total_price_set":{"shop_money":{"amount":"99.00",`+
		`"currency_code":"USD"},"presentment_money":{"amount":"99.00","currency_code":"USD"}},"current_total_price_set":{"shop_money":{"amount":`+
		`"98.00","currency_code":"USD"},"presentment_money":{"amount":"98.00","currency_code":"USD"}},"created_at":%[1]q,`+
		`"updated_at":%[1]q,"processed_at":%[1]q,"financial_status":"paid","line_items":[%[2]s],"fulfillments":[{"id":1,`+
		`"status":"success","created_at":%[1]q,"updated_at":%[1]q,"line_items":[%[3]s]}],"refunds":[{"id":2,`+
		`"created_at":%[1]q,"refund_line_items":[%[4]s]}]}`, time.Now().Add(-time.Hour).Format(time.RFC3339),
		strings.Join(items, ","), strings.Join(sent, ","), strings.Join(back, ",")))
}

// TestOrdersOfManyLines are whole, whatever part of them is long.
func TestOrdersOfManyLines(t *testing.T) {
	for lines, requests := range map[int]int{2: 1, 10: 1, 11: 2, 100: 4, 500: 5 + 3 + 3 + 1} {
		w, body := newTwin(t), long(lines) // the next second's body says another time
		w.must(w.HoldOrder(domain, body))
		s := w.shop()
		got, err := s.FetchOrders(t.Context(), []int64{820000111222333500}, allScopes)
		w.must(err)
		f, err := shopify.Decode(&bellhop.Event{Shop: domain, Topic: bellhop.TopicBackfill, SignedBy: bellhop.SignerAPI,
			TriggeredAt: got[0].At, AcceptedAt: got[0].At, Body: got[0].Body})
		w.must(err)
		o := f.Order
		if len(o.Items) != lines || len(o.History.Fulfillments[0].Lines) != (lines+1)/2 ||
			len(o.History.Refunds[0].Lines) != (lines+1)/2 {
			t.Errorf("of %d lines: %d, %d sent, %d back", lines, len(o.Items), len(o.History.Fulfillments[0].Lines),
				len(o.History.Refunds[0].Lines))
		}
		if d := reconcile.Differ(webhook(t, body), o); d != nil && !slices.Equal(d, []string{"updated_at"}) {
			t.Errorf("of %d lines: it differs in %v", lines, d)
		}
		asked, points := s.Spent()
		if asked != requests || points > 2000 {
			t.Errorf("an order of %d lines took %d requests and %d points", lines, asked, points)
		}
		t.Logf("an order of %d lines: %d requests, %d points, %d bytes", lines, asked, points, len(got[0].Body))
	}
}

// TestOrdersChangeMeanwhile: whatever happens to an order between two requests, what comes out is one version of it.
func TestOrdersChangeMeanwhile(t *testing.T) {
	const id = 820000111222333500
	for name, c := range map[string]struct {
		changes int
		want    admin.Refusal
	}{"once": {1, ""}, "twice": {2, ""}, "each time": {99, admin.Changing}} {
		w := newTwin(t)
		w.must(w.HoldOrder(domain, long(40)))
		changed := 0
		w.before = func(operation string) {
			if operation != "FetchOrders" && changed < c.changes {
				changed++
				body := strings.Replace(string(long(40+changed)), `"updated_at":"20`, `"updated_at":"2`+fmt.Sprint(changed%9), 1)
				w.must(w.HoldOrder(domain, []byte(body)))
			}
		}
		got, err := w.shop().FetchOrders(t.Context(), []int64{id}, allScopes)
		if admin.RefusalOf(err) != c.want || c.want == "" && err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil {
			continue
		}
		f, err := shopify.Decode(&bellhop.Event{Shop: domain, Topic: bellhop.TopicReconcile, SignedBy: bellhop.SignerAPI,
			TriggeredAt: got[0].At, AcceptedAt: got[0].At, Body: got[0].Body})
		if err != nil || len(f.Order.Items) != 40+changed {
			t.Errorf("%s: %d lines after %d changes: %v", name, len(f.Order.Items), changed, err)
		}
	}
}

// TestWhatScopesAllow is asked for, and no more: one field that the app may not see spoils a whole answer.
func TestWhatScopesAllow(t *testing.T) {
	w := newTwin(t)
	w.must(w.Fill(domain, simulate.ShopifyOptions{Orders: 20}, time.Now().Add(-90*24*time.Hour), time.Now()))
	all, err := w.Orders(domain)
	w.must(err)
	var ids []int64
	for _, o := range all {
		ids = append(ids, o.ID)
	}
	for _, scopes := range [][]string{{"read_orders"}, {"read_customers", "read_orders"},
		{"read_all_orders", "read_orders"}, {"read_all_orders", "read_orders", "read_products", "write_customers"}} {
		w.must(w.SetScopes(domain, scopes))
		got, err := w.shop().FetchOrders(t.Context(), ids, scopes)
		w.must(err)
		customers, missing := 0, 0
		for i, o := range got {
			if old := time.Since(all[i].CreatedAt) > 60*24*time.Hour; o.Missing != (old && scopes[0] != "read_all_orders") {
				t.Errorf("%v: of %s ago: missing %t", scopes, time.Since(all[i].CreatedAt), o.Missing)
			}
			if o.Missing {
				missing++
			}
			if strings.Contains(string(o.Body), `"customer":{`) {
				customers++
			}
		}
		may := slices.Contains(scopes, "read_customers") || slices.Contains(scopes, "write_customers")
		if may != (customers > 0) || missing == len(ids) {
			t.Errorf("%v: %d customers, %d missing", scopes, customers, missing)
		}
	}
	// A scope that was taken away meanwhile is a refusal, not an order without its customer.
	w.must(w.SetScopes(domain, []string{"read_all_orders", "read_orders"}))
	got, err := w.shop().FetchOrders(t.Context(), ids, allScopes)
	if admin.RefusalOf(err) != admin.ScopeMissing || got != nil {
		t.Errorf("got %d orders: %v", len(got), err)
	}
	w.must(w.SetScopes(domain, []string{"read_products"}))
	_, err = w.shop().FetchOrders(t.Context(), ids, []string{"read_products"})
	if admin.RefusalOf(err) != admin.ScopeMissing {
		t.Errorf("without read_orders: %v", err)
	}
}

// TestWithheldPeople: an app that isn't approved for them gets orders without names, and no difference. Nor is it one
// that Shopify names no financial status.
func TestWithheldPeople(t *testing.T) {
	for _, c := range []struct {
		faults  shop.Faults
		updates float64
	}{{shop.Faults{Protected: shop.ProtectedFields}, 1}, {shop.Faults{NullStatus: true}, 0}} {
		w := newTwin(t)
		w.must(w.Fill(domain, simulate.ShopifyOptions{Orders: 40, Updates: c.updates}, time.Now().Add(-24*time.Hour),
			time.Now()))
		all, err := w.Orders(domain)
		w.must(err)
		w.must(w.SetFaults(domain, c.faults))
		for _, o := range all {
			known, got := webhook(t, o.Body()), w.fetch(o.ID)[0]
			if d := reconcile.Differ(known, got); d != nil {
				t.Errorf("%+v: order %d differs in %v: %s and %s", c.faults, o.ID, d, known.FinancialStatus,
					got.FinancialStatus)
			}
			if c.faults.Protected != "" && (got.CustomerEmail != "" || got.Customer != nil && got.Customer.Name != "") {
				t.Errorf("%+v: order %d is of %+v", c.faults, o.ID, got.Customer)
			}
		}
	}
}

// TestRefusedPeople: Shopify may refuse customers' data with an error. Then bellhop leaves it out, and asks for it no
// more.
func TestRefusedPeople(t *testing.T) {
	w := newTwin(t)
	w.must(w.Fill(domain, simulate.ShopifyOptions{Orders: 20}, time.Now().Add(-24*time.Hour), time.Now()))
	all, err := w.Orders(domain)
	w.must(err)
	w.must(w.SetFaults(domain, shop.Faults{Protected: shop.ProtectedPeople}))
	s := w.shop()
	for _, o := range all {
		got, err := s.FetchOrders(t.Context(), []int64{o.ID}, allScopes)
		w.must(err)
		f, err := shopify.Decode(&bellhop.Event{Shop: domain, Topic: bellhop.TopicReconcile, SignedBy: bellhop.SignerAPI,
			TriggeredAt: got[0].At, AcceptedAt: got[0].At, Body: got[0].Body})
		w.must(err)
		if d := reconcile.Differ(webhook(t, o.Body()), f.Order); d != nil || !f.Order.Hides() {
			t.Errorf("order %d differs in %v, and hides its customer: %t", o.ID, d, f.Order.Hides())
		}
	}
	if asked, _ := s.Spent(); asked != len(all)+1 {
		t.Errorf("%d requests for %d orders", asked, len(all))
	}
	w.must(w.SetFaults(domain, shop.Faults{Protected: shop.ProtectedOrders}))
	_, err = w.shop().FetchOrders(t.Context(), []int64{all[0].ID}, allScopes)
	if admin.RefusalOf(err) != admin.ProtectedData {
		t.Errorf("of orders that are refused: %v", err)
	}
}

// TestHeadsAndCounts of a shop, page by page, and over an index that lags.
func TestHeadsAndCounts(t *testing.T) {
	w := newTwin(t)
	from, to := time.Now().Add(-50*time.Hour).Truncate(time.Second), time.Now()
	w.must(w.Fill(domain, simulate.ShopifyOptions{Orders: 600, Updates: 0.3}, from, to))
	all, err := w.Orders(domain)
	w.must(err)
	for _, by := range []admin.HeadsBy{admin.HeadsByCreated, admin.HeadsByUpdated} {
		for _, newest := range []bool{false, true} {
			q := admin.HeadQuery{By: by, From: from.Add(10 * time.Hour), To: from.Add(45 * time.Hour), Newest: newest}
			when := func(h admin.OrderHead) time.Time {
				if by == admin.HeadsByUpdated {
					return h.UpdatedAt
				}
				return h.CreatedAt
			}
			var heads []admin.OrderHead
			for page := (admin.HeadPage{Next: "first"}); page.Next != ""; q.Cursor = page.Next {
				page, err = w.shop().OrderHeads(t.Context(), q)
				w.must(err)
				heads = append(heads, page.Heads...)
			}
			want := map[int64]admin.OrderHead{}
			for _, o := range all {
				h := admin.OrderHead{ID: o.ID, CreatedAt: o.CreatedAt.UTC().Truncate(time.Second),
					UpdatedAt: o.UpdatedAt.UTC().Truncate(time.Second)}
				if !when(h).Before(q.From) && when(h).Before(q.To) {
					want[o.ID] = h
				}
			}
			for i, h := range heads {
				if want[h.ID] != h || i > 0 && when(heads[i-1]).After(when(h)) != newest && !when(heads[i-1]).Equal(when(h)) {
					t.Errorf("by %s: place %d has %+v", by, i, h)
				}
			}
			if len(heads) != len(want) || len(heads) < 300 {
				t.Errorf("by %s: %d heads of %d", by, len(heads), len(want))
			}
		}
	}
	n, exact, err := w.shop().CountOrders(t.Context(), from, to.Add(time.Hour))
	if err != nil || n != 600 || !exact {
		t.Errorf("it counts %d, %t: %v", n, exact, err)
	}
	_, err = w.shop().OrderHeads(t.Context(), admin.HeadQuery{Cursor: "x"})
	if admin.RefusalOf(err) != admin.InvalidCursor {
		t.Errorf("a cursor of another query: %v", err)
	}
}

// TestBulkTellsTheSame: the file of a bulk operation has the orders that are fetched by id.
func TestBulkTellsTheSame(t *testing.T) {
	w := newTwin(t)
	from := time.Now().Add(-50 * 24 * time.Hour)
	w.must(w.Fill(domain, simulate.ShopifyOptions{Orders: 150, Updates: 0.5}, from, time.Now()))
	s := w.shop()
	b, err := s.StartBulk(t.Context(), from, time.Now(), allScopes)
	w.must(err)
	for range 100 {
		if b, err = s.Bulk(t.Context(), b.ID); err != nil || b.Done {
			break
		}
		w.pass(time.Second)
	}
	w.must(err)
	whole, partial := 0, 0
	w.must(s.ReadBulk(t.Context(), b, func(o admin.FetchedOrder) error {
		f, err := shopify.Decode(&bellhop.Event{Shop: domain, Topic: bellhop.TopicBackfill, SignedBy: bellhop.SignerAPI,
			TriggeredAt: o.At, AcceptedAt: o.At, Body: o.Body})
		if err != nil {
			return err
		}
		got := w.fetch(o.ID)[0]
		if o.Partial {
			partial++
			got.History = bellhop.History{}
		} else {
			whole++
		}
		if diff := diffOf(told(got, f.Order)); diff != "" {
			t.Errorf("by id (-) and in bulk (+):\n%s", diff)
		}
		return nil
	}))
	if whole+partial != 150 || whole < 20 || partial < 20 {
		t.Errorf("%d whole orders and %d others", whole, partial)
	}
}

// TestReadBulkGoesOn: whoever reads the file from an order's end on gets the orders behind it, whether or not the
// server has parts of files to give.
func TestReadBulkGoesOn(t *testing.T) {
	w := newTwin(t)
	w.must(w.Fill(domain, simulate.ShopifyOptions{Orders: 30}, time.Now().Add(-time.Hour), time.Now()))
	s := w.app.Shop(domain, w.token)
	b, err := s.StartBulk(t.Context(), time.Now().Add(-2*time.Hour), time.Now(), allScopes)
	w.must(err)
	w.pass(time.Minute)
	b, err = s.Bulk(t.Context(), b.ID)
	w.must(err)
	read := func(from int64) (all []admin.FetchedOrder) {
		b.From = from
		w.must(s.ReadBulk(t.Context(), b, func(o admin.FetchedOrder) error {
			all = append(all, o)
			return nil
		}))
		return all
	}
	whole := read(0)
	if len(whole) != 30 {
		t.Fatalf("%d orders", len(whole))
	}
	for _, parts := range []bool{true, false} {
		if !parts {
			w.whole = true
		}
		for n := range whole {
			if diff := diffOf(whole[n+1:], read(whole[n].End)); diff != "" {
				t.Fatalf("parts: %v, behind order %d: %s", parts, n, diff)
			}
		}
	}
}
