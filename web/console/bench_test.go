package console_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"bellhop"
	"bellhop/store/driver"
)

// manyOrders records orders of one shop, one a second.
func (r *rig) manyOrders(n int) {
	r.Helper()
	ctx := context.Background()
	facts := make([]bellhop.Fact, 0, 500)
	for i := range n {
		at := day.Add(time.Duration(i) * time.Second)
		o := &bellhop.Order{Shop: demo, ID: int64(i + 1), Version: bellhop.Version{UpdatedAt: at, TriggeredAt: at,
			Hash: uint64(i + 1)}, Name: fmt.Sprintf("#%d", 1000+i),
			Number: int64(1000 + i), Total: usd(int64(1000 + i%90000)), Current: usd(int64(1000 + i%90000)),
			CustomerName:    fmt.Sprintf("Customer %d", i%5000),
			FinancialStatus: "paid", PlacedAt: at, UpdatedAt: at,
			Details: bellhop.Details{Items: []bellhop.Item{{ID: 1, Title: "Tee", Quantity: 1, Price: "19.90"}}}}
		e := &bellhop.Event{Shop: demo, Topic: "orders/create", WebhookID: fmt.Sprint(i), TriggeredAt: at,
			AcceptedAt: at, SignedBy: bellhop.SignerApp, Body: []byte(`{}`)}
		binary.BigEndian.PutUint64(e.ID[8:], uint64(i+1))
		if facts = append(facts, bellhop.Fact{Event: e, At: at, OrderID: o.ID, Order: o}); len(facts) == cap(facts) ||
			i == n-1 {
			_, err := r.DB.Record(ctx, facts)
			must(r, err)
			facts = facts[:0]
		}
	}
}

// BenchmarkOrders loads the list of orders, as each open page does after a change, with
// 100,000 orders there.
func BenchmarkOrders(b *testing.B) {
	const orders = 100_000
	r := newRig(b)
	r.manyOrders(orders)
	for _, c := range []struct{ name, path string }{
		{"the first page", "/"},
		{"the last page", "/?cursor=" + driver.Cursor(day.Add(60*time.Second).UnixMicro(), 1)},
		{"handled, of which there are none", "/?show=handled"},
		{"cancelled, of which there are none", "/?show=cancelled"},
		{"one that is searched for", "/?q=" + url.QueryEscape("#1100")},
		{"nobody that is searched for", "/?q=nobody"},
	} {
		b.Run(c.name, func(b *testing.B) {
			request := httptest.NewRequest("GET", c.path, nil)
			withCookie(ownerSession)(request)
			handler := r.Site.Handler()
			b.ReportAllocs()
			for b.Loop() {
				w := httptest.NewRecorder()
				if handler.ServeHTTP(w, request); w.Code != http.StatusOK {
					b.Fatal(w.Code)
				}
			}
		})
	}
}
