package reconcile_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"bellhop/shopify"
	"bellhop/simulate"
	"bellhop/simulate/shop"
)

// other is another program of the same app in a shop: it asks for so many points, again and again.
type other struct {
	*rig
	points int
	every  time.Duration
	due    time.Time

	token            string
	ids              [50]string // of orders that it asks for
	asked, throttled int
}

// TestOthersHaveHalf lets another program spend half of the points that a shop's budget gets a second, while a backfill
// goes page by page and takes the rest. However it spreads them, Shopify never finds it too early.
func TestOthersHaveHalf(t *testing.T) {
	for _, o := range []other{{points: 50, every: time.Second}, {points: 250, every: 5 * time.Second},
		{points: 500, every: 10 * time.Second}, {points: 1000, every: 20 * time.Second}} {
		t.Run(fmt.Sprintf("%d points every %v", o.points, o.every), func(t *testing.T) {
			r := newRig(t)
			r.must(r.twin.Fill(demo, simulate.ShopifyOptions{Orders: 200, Updates: 0.3},
				start.Add(-59*day), start.Add(-time.Hour)))
			r.faults(demo, shop.Faults{Bulk: shop.BulkForbidden})
			r.connected()
			all, err := r.twin.Orders(demo)
			r.must(err)
			for i := range o.ids {
				o.ids[i] = shopify.GlobalOrderID(all[i].ID)
			}
			o.rig, o.due = r, r.clock.Now()
			o.token, err = r.twin.LastingToken(demo)
			r.must(err)
			r.Connector.App.Wait = func(_ context.Context, d time.Duration) error { o.pass(d); return nil }
			r.asked = func(*http.Request) *http.Response { o.pass(200 * time.Millisecond); return nil }
			for r.state(demo).BackfilledAt.IsZero() {
				r.step()
				o.pass(time.Second)
			}
			w := r.state(demo).Backfilled
			took := r.state(demo).BackfilledAt.Sub(w.StartedAt)
			t.Logf("the backfill spent %.0f points a second in %v, the other %.0f; it was throttled %d of %d times",
				float64(w.Points)/took.Seconds(), took.Round(time.Second), float64(o.points)/o.every.Seconds(), o.throttled,
				o.asked)
			if o.throttled > 0 || o.asked < 4 {
				t.Errorf("of %d requests %d were too early", o.asked, o.throttled)
			}
		})
	}
}

// pass lets time pass, in which the other program asks whenever it is due.
func (o *other) pass(d time.Duration) {
	for end := o.clock.Now().Add(d); ; o.due = o.due.Add(o.every) {
		if o.due.After(end) {
			o.clock.set(end)
			return
		}
		if o.due.After(o.clock.Now()) {
			o.clock.set(o.due)
		}
		o.ask()
	}
}

// ask spends points: an order by its id costs one.
func (o *other) ask() {
	query := "query Other($ids: [ID!]!) {"
	for i := range o.points / len(o.ids) {
		query += fmt.Sprintf(" n%d: nodes(ids: $ids) { id }", i)
	}
	body, err := json.Marshal(map[string]any{"query": query + " }", "operationName": "Other",
		"variables": map[string]any{"ids": o.ids}})
	o.must(err)
	req := httptest.NewRequest(http.MethodPost, "/"+demo+"/admin/api/2026-10/graphql.json", bytes.NewReader(body))
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Shopify-Access-Token", o.token)
	answer := httptest.NewRecorder()
	o.twin.ServeHTTP(answer, req)
	var got struct {
		Errors     []struct{ Extensions struct{ Code string } }
		Extensions struct {
			Cost struct{ RequestedQueryCost, ActualQueryCost int }
		}
	}
	o.must(json.Unmarshal(answer.Body.Bytes(), &got))
	o.asked++
	switch cost := got.Extensions.Cost; {
	case len(got.Errors) > 0 && got.Errors[0].Extensions.Code == "THROTTLED":
		o.throttled++
	case len(got.Errors) > 0 || cost.ActualQueryCost != o.points:
		o.Fatalf("it should cost %d points: %s", o.points, answer.Body)
	}
}
