package pipeline_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"bellhop"
	"bellhop/shopify"
	"bellhop/shopify/admin"
	"bellhop/simulate"
	"bellhop/simulate/shop"
	"bellhop/store"
)

// fetcher fetches orders from a twin as they are after a delivery. Its clock moves with the deliveries.
type fetcher struct {
	*testing.T
	twin  *shop.Twin
	api   *admin.Shop
	now   time.Time
	topic int // of the next event
}

// Most orders are fetched without the scope for customers.
var (
	fewerScopes = []string{"read_orders", "read_all_orders"}
	fetchScopes = []string{"read_orders", "read_all_orders", "read_customers"}
)

func newFetcher(t *testing.T) *fetcher {
	f := &fetcher{T: t}
	var err error
	f.twin, err = shop.New(shop.Options{Secret: app, App: "https://bellhop.example",
		Now: func() time.Time { return f.now }, Scopes: fetchScopes,
		Orders: simulate.ShopifyOptions{Shops: []string{domain}}})
	f.must(err)
	f.must(f.twin.Install(domain))
	token, err := f.twin.LastingToken(domain)
	f.must(err)
	wait := func(_ context.Context, d time.Duration) error { f.now = f.now.Add(d); return nil }
	a := &admin.App{Secret: app, Endpoint: "https://twin.example/{shop}", HTTP: &http.Client{Transport: f},
		Now: func() time.Time { return f.now }, Wait: wait}
	f.api = a.Shop(domain, token)
	return f
}

func (f *fetcher) must(err error) {
	f.Helper()
	if err != nil {
		f.Fatal(err)
	}
}

// RoundTrip asks the twin.
func (f *fetcher) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	f.twin.ServeHTTP(w, r)
	return w.Result(), nil
}

// after is an event of the order that a delivery is about, as Shopify has it then.
func (f *fetcher) after(d *simulate.Delivery) *bellhop.Event {
	f.Helper()
	topics := []string{bellhop.TopicBackfill, bellhop.TopicReconcile}
	f.topic++
	e := &bellhop.Event{ID: newID(f.T), Shop: domain, Topic: topics[f.topic%2], SignedBy: bellhop.SignerAPI,
		TriggeredAt: d.TriggeredAt.Truncate(time.Second), AcceptedAt: time.Now()}
	whole := d.Whole()
	if whole == nil {
		e.Body = fmt.Appendf(nil, `{"data":{"order":null,"shop":{"ianaTimezone":"Asia/Seoul"}},`+
			`"query_variables":{"orderId":"gid://shopify/Order/%d"}}`, d.OrderID)
		return e
	}
	if d.TriggeredAt.After(f.now) {
		f.now = d.TriggeredAt
	}
	f.must(f.twin.HoldOrder(domain, whole))
	scopes := fetchScopes
	if f.topic%3 > 0 {
		scopes = fewerScopes
	}
	got, err := f.api.FetchOrders(f.Context(), []int64{d.OrderID}, scopes)
	f.must(err)
	e.TriggeredAt, e.APIVersion, e.Body = got[0].At, got[0].Version, got[0].Body
	return e
}

// event is the Event of a delivery, whose data is that of a fetch after it. Some lack a field, and say nothing.
func (f *fetcher) event(d *simulate.Delivery, fetched *bellhop.Event) *bellhop.Event {
	f.Helper()
	body, action := map[string]any{}, "update"
	f.must(json.Unmarshal(fetched.Body, &body))
	switch order, _ := body["data"].(map[string]any)["order"].(map[string]any); {
	case order == nil:
		action = "delete"
	case d.Topic == shopify.TopicOrderCreate:
		action = "create"
	case f.topic%5 == 0:
		delete(order, "note")
	}
	body["topic"], body["action"], body["handle"] = shopify.EventTopic, action, shopify.EventHandle
	text, err := json.Marshal(body)
	f.must(err)
	return &bellhop.Event{ID: newID(f.T), Shop: domain, Topic: shopify.EventTopic + "/" + action,
		SignedBy: bellhop.SignerApp, TriggeredAt: d.TriggeredAt, AcceptedAt: time.Now(), Body: text}
}

// TestSourcesConverge records webhooks mixed with Events, and with what a backfill and reconciling fetched after each
// of them, in several shuffles and with repetitions: each ends in the same orders.
func TestSourcesConverge(t *testing.T) {
	deliveries, err := simulate.Generate(simulate.ShopifyOptions{Shops: []string{domain}, Secret: app, Seed: 7,
		Orders: 50, Updates: 0.4, FollowUps: 4})
	if err != nil {
		t.Fatal(err)
	}
	f := newFetcher(t)
	var events []*bellhop.Event
	for d := range deliveries {
		fetched := f.after(d)
		events = append(events, d.Event(newID(t), time.Now()), fetched, f.event(d, fetched))
	}
	rng := rand.New(rand.NewPCG(3, 4))
	found := map[string]int{}
	var want []bellhop.Order
	for shuffle := range 4 {
		all := append([]*bellhop.Event{}, events...)
		for range len(events) / 2 {
			e := *events[rng.IntN(len(events))]
			if all = append(all, &e); rng.IntN(2) == 0 { // the same again, and not the same event
				e.ID = newID(t)
			}
		}
		if shuffle > 0 {
			rng.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		}
		r := openRecorder(t, "sqlite:", []string{domain})
		recordAll(t, r, rng, all)
		got := wholeOrders(t, r.Store.(store.Store), found)
		if shuffle == 0 {
			want = got
		}
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("shuffle %d: %.2000s", shuffle, diff)
		}
	}
	won := winners(t, events, want)
	t.Logf("%d events, %d orders; found first by %v, in the end as %v said", len(events), len(want), found, won)
	if len(found) != 3 || len(won) != 3 {
		t.Errorf("found first by %v, in the end as %v said: some source had no part", found, won)
	}
}

// winners checks that each order is as the greatest version among the events says, and counts them by what brought it.
func winners(t *testing.T, events []*bellhop.Event, all []bellhop.Order) map[string]int {
	t.Helper()
	newest, named := map[int64]*bellhop.Order{}, map[int64]*bellhop.Order{}
	source := map[int64]string{}
	for _, e := range events {
		fact, err := shopify.Decode(e)
		if err != nil {
			t.Fatal(err)
		}
		was := named[fact.OrderID]
		if o := fact.Order; o != nil && o.Customer != nil && o.Customer.Name != "" &&
			(was == nil || o.Version.Compare(was.Version) > 0) {
			named[fact.OrderID] = o
		}
		was = newest[fact.OrderID]
		if fact.Order != nil && (was == nil || fact.Order.Version.Compare(was.Version) > 0) {
			source[fact.OrderID], _, _ = strings.Cut(e.Topic, "/")
			newest[fact.OrderID] = fact.Order
		}
	}
	won, kept := map[string]int{}, map[bool]int{}
	for i := range all {
		o := &all[i]
		won[source[o.ID]]++
		want, hidden := newest[o.ID], len(o.Kept)
		kept[hidden > 0]++
		if hidden > 0 { // who ordered is of the newest that shows it
			want.Customer = named[o.ID].Customer
		}
		if !cmp.Equal(o.Details, want.Details, cmpopts.IgnoreFields(bellhop.Details{}, "Kept", "Unsaid")) ||
			o.Version.Compare(want.Version) != 0 {
			t.Errorf("order %d is of version %+v, want %+v", o.ID, o.Version, want.Version)
		}
	}
	if len(kept) != 2 {
		t.Errorf("orders by whether they keep what is hidden: %v", kept)
	}
	return won
}

// wholeOrders reads all orders without what depends on who came first. It counts those in found.
func wholeOrders(t *testing.T, s store.Store, found map[string]int) (all []bellhop.Order) {
	t.Helper()
	page, err := s.Orders(t.Context(), domain, store.OrderQuery{Limit: 200})
	if err != nil || page.Next != "" {
		t.Fatal(page.Next, err)
	}
	for i := range page.Orders {
		o, err := s.Order(t.Context(), domain, page.Orders[i].ID)
		if err != nil {
			t.Fatal(err)
		}
		news := 0
		for _, p := range o.Pushes {
			if p.Kind == bellhop.PushOrderNew {
				news++
			}
		}
		if news != 1 {
			t.Errorf("order %d has %d lines of being new", o.ID, news)
		}
		found[o.Trace.Found]++
		o.Trace, o.Pushes = bellhop.Trace{}, nil
		all = append(all, o)
	}
	return all
}
