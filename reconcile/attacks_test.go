package reconcile_test

import (
	"bytes"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"bellhop/simulate"
	"bellhop/simulate/shop"
)

// asks returns the body of a request, and leaves it there.
func asks(req *http.Request) string {
	if req.Body == nil {
		return ""
	}
	body, _ := io.ReadAll(req.Body)
	req.Body = io.NopCloser(bytes.NewReader(body))
	return string(body)
}

// fetches reports whether a request fetches an order.
func fetches(req *http.Request, id int64) bool {
	body := asks(req)
	return strings.Contains(body, `"operationName":"FetchOrders"`) &&
		strings.Contains(body, "Order/"+strconv.FormatInt(id, 10)+`"`)
}

// TestOneOrderThatNeverComes: Shopify always fails at one order. The others are found all the same.
func TestOneOrderThatNeverComes(t *testing.T) {
	r := ready(t)
	r.faults(demo, shop.Faults{Dropped: 1})
	bad := r.orders(demo, 1)[0]
	r.asked = func(req *http.Request) *http.Response {
		if !fetches(req, bad) {
			return nil
		}
		return &http.Response{StatusCode: 200, Header: http.Header{"Date": {r.shopifys().UTC().Format(http.TimeFormat)}},
			Body: io.NopCloser(strings.NewReader(
				`{"errors":[{"message":"Internal error","extensions":{"code":"INTERNAL_SERVER_ERROR"}}]}`))}
	}
	r.run(time.Minute)
	good := r.orders(demo, 5)
	r.run(30 * time.Minute)
	for _, id := range good {
		if _, there := r.here(demo, id); !there {
			t.Errorf("order %d is not here: one other order can't be fetched\n%s", id, r.text(demo))
		}
	}
	calls := r.calls["FetchOrders"] + r.calls["OrderHeads"]
	r.run(24 * time.Hour)
	t.Logf("requests of a day: %d; %s", r.calls["FetchOrders"]+r.calls["OrderHeads"]-calls, r.text(demo))
}

// TestBackfillLeavesFreshOrders: a backfill that somebody asked for meets a fresh order whose webhook is on the way.
func TestBackfillLeavesFreshOrders(t *testing.T) {
	r := ready(t)
	checked := r.state(demo).CheckedAt
	r.until(soon, "a look", func() bool { return r.state(demo).CheckedAt.After(checked) })
	r.faults(demo, shop.Faults{Delayed: 1, DelaySeconds: 600})
	id := r.orders(demo, 1)[0]
	r.clock.set(r.clock.Now().Add(4*time.Minute + 30*time.Second))
	r.must(r.twin.ChangeOrder(demo, id, shop.OrderChange{Change: simulate.ChangeNote}))
	r.clock.set(r.clock.Now().Add(40 * time.Second))
	_, err := r.Ask(r.Context(), demo, time.Time{})
	r.must(err)
	r.until(soon, "the order is here", func() bool { _, there := r.here(demo, id); return there })
	r.run(20 * time.Minute) // its webhooks come
	o, _ := r.here(demo, id)
	for _, p := range o.Pushes {
		if p.Reason == "backfill" {
			t.Errorf("the backfill silenced an order of %v ago: found by %q, push %+v", r.clock.Now().Sub(o.CreatedAt),
				o.Trace.Found, p)
		}
	}
	t.Logf("found %q %+v", o.Trace.Found, o.Pushes)
}

// TestScopeThatGoesDeletesNothing: the owner takes read_all_orders away while old orders are compared.
func TestScopeThatGoesDeletesNothing(t *testing.T) {
	r := newRig(t)
	all := append([]string{"read_all_orders"}, shop.DefaultScopes...)
	r.must(r.twin.SetScopes(demo, all))
	r.must(r.twin.Fill(demo, simulate.ShopifyOptions{Orders: 30}, start.Add(-200*24*time.Hour),
		start.Add(-100*24*time.Hour)))
	_, err := r.Connector.ClientCredentials(r.Context(), demo)
	r.must(err)
	r.until(time.Hour, "all is here", func() bool { is := r.state(demo); return r.hasAll(demo) && !is.Backfill.Running() })
	taken := false
	r.asked = func(req *http.Request) *http.Response {
		if body := asks(req); !taken && strings.Contains(body, `"operationName":"CountOrders"`) {
			taken = true
			r.must(r.twin.SetScopes(demo, shop.DefaultScopes))
		}
		return nil
	}
	_, err = r.Ask(r.Context(), demo, time.Time{})
	r.must(err)
	r.run(10 * time.Minute)
	gone := 0
	for id := range r.there(demo) {
		if _, there := r.here(demo, id); !there {
			gone++
		}
	}
	if gone > 0 || !taken {
		t.Errorf("%d orders of 30 were deleted here, and Shopify has all of them (taken: %t)", gone, taken)
	}
	r.must(r.twin.SetScopes(demo, all))
	r.run(26 * time.Hour)
	if !r.hasAll(demo) {
		t.Errorf("nor do they come back with the scope: %s", r.text(demo))
	}
}
