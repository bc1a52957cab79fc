package reconcile_test

import (
	"fmt"
	"testing"
	"time"

	"bellhop"
	"bellhop/reconcile"
	"bellhop/shopify"
	"bellhop/simulate"
	"bellhop/simulate/shop"
)

// notices sends Events that only say of which orders something changed.
func (r *rig) notices(ids ...int64) {
	r.Helper()
	for _, id := range ids {
		e := &bellhop.Event{ID: bellhop.NewEventID(r.clock.Now()), Shop: demo, Topic: shopify.TopicEventCreate,
			TriggeredAt: r.clock.Now(), AcceptedAt: r.clock.Now(), SignedBy: bellhop.SignerApp,
			Body: fmt.Appendf(nil, `{"topic":"Order","action":"create","handle":"bellhop-orders","query_variables":`+
				`{"orderId":%q},"data":{"order":{"id":%[1]q}}}`, shopify.GlobalOrderID(id))}
		r.must(r.queue.Send(r.Context(), e))
	}
}

// areHere reports whether all these orders are.
func (r *rig) areHere(ids []int64) bool {
	for _, id := range ids {
		if _, there := r.here(demo, id); !there {
			return false
		}
	}
	return true
}

// TestNoticesAreFetched at once, each order once, as many as they are.
func TestNoticesAreFetched(t *testing.T) {
	r := ready(t)
	r.faults(demo, shop.Faults{Dropped: 1})
	ids := r.orders(demo, 65)
	checked, calls := r.state(demo).CheckedAt, r.calls["FetchOrders"]
	r.notices(ids...)
	r.notices(ids...)
	r.step() // records and fetches
	if !r.areHere(ids) || !r.state(demo).CheckedAt.Equal(checked) {
		t.Fatalf("not all are here before the next look: %s", r.text(demo))
	}
	if n := r.calls["FetchOrders"] - calls; n > 12 {
		t.Errorf("it took %d requests", n)
	}
	for _, id := range ids {
		o, _ := r.here(demo, id)
		if len(o.Pushes) != 1 || o.Pushes[0].Reason == "backfill" || o.Trace.Found != "reconcile" {
			t.Errorf("order %d is as nobody wants it: found by %q, %+v", id, o.Trace.Found, o.Pushes)
		}
	}
	r.closes("the notices")
}

// TestNoticesGoFirst: an order that is asked for while a backfill is under way is fetched before the backfill goes on.
func TestNoticesGoFirst(t *testing.T) {
	r := ready(t)
	r.must(r.twin.Fill(demo, simulate.ShopifyOptions{Orders: 100}, start.AddDate(0, 0, -30), start.AddDate(0, 0, -20)))
	r.faults(demo, shop.Faults{Dropped: 1})
	var asked int64
	r.Probe = func(p reconcile.Point) {
		if p == reconcile.PointSaved && asked == 0 && !r.state(demo).Backfill.StartedAt.IsZero() {
			asked = r.orders(demo, 1)[0]
			r.notices(asked)
			r.drain()
		}
	}
	_, err := r.Ask(r.Context(), demo, time.Time{})
	r.must(err)
	r.step()
	if w := r.state(demo).Backfill; w.Seen >= 100 {
		t.Errorf("the backfill went on to its end: %+v", w)
	}
	r.step()
	if _, there := r.here(demo, asked); asked == 0 || !there {
		t.Errorf("order %d is not here: %s", asked, r.text(demo))
	}
}

// TestNoticeOfNothing: the order of a notice was deleted since, or nobody says which it is.
func TestNoticeOfNothing(t *testing.T) {
	r := ready(t)
	r.notices(999)
	r.step()
	if is := r.state(demo); len(is.Pending)+len(is.Asked.Orders) > 0 || is.Reason != "" {
		t.Errorf("what is not there is still asked for: %s", r.text(demo))
	}
	r.faults(demo, shop.Faults{Dropped: 1})
	ids := r.orders(demo, 1)
	r.clock.set(r.clock.Now().Add(3 * time.Minute)) // a look waits so long for webhooks
	r.must(r.queue.Send(r.Context(), &bellhop.Event{ID: bellhop.NewEventID(r.clock.Now()), Shop: demo,
		Topic: shopify.TopicEventUpdate, AcceptedAt: r.clock.Now(), SignedBy: bellhop.SignerApp,
		Body: []byte(`{"payload_url":"https://elsewhere.example/1","payload_size_bytes":2000000}`)}))
	r.step()
	if !r.areHere(ids) {
		t.Errorf("nobody looked: %s", r.text(demo))
	}
}

// TestNoticesWait while the shop can't be asked, and are fetched once it can.
func TestNoticesWait(t *testing.T) {
	r := ready(t)
	r.faults(demo, shop.Faults{Dropped: 1})
	ids := r.orders(demo, 3)
	r.faults(demo, shop.Faults{Dropped: 1, Broken: shop.BrokenServer})
	r.notices(ids...)
	r.run(5 * time.Minute)
	if is := r.state(demo); len(is.Pending) != 3 || is.Reason == "" {
		t.Fatalf("they don't wait: %s", r.text(demo))
	}
	r.faults(demo, shop.Faults{Dropped: 1})
	r.notices(ids[0])
	r.until(2*time.Minute, "they are here", func() bool { return r.areHere(ids) })
}
