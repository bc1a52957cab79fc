package reconcile_test

import (
	"bytes"
	"context"
	"os"
	"runtime/debug"
	"strconv"
	"testing"
	"time"

	"bellhop/simulate"
	"bellhop/simulate/shop"
	"bellhop/wire"
	"bellhop/wire/wiretest"
)

// TestLargeBackfill measures what a backfill of BACKFILL_ORDERS orders costs, page by page and by a bulk operation:
// requests, points of Shopify's budget, minutes by that budget, and memory. The budget fills up by the test's own
// clock, and half of it is left to others. What the twin and SQLite need counts as memory, too.
func TestLargeBackfill(t *testing.T) {
	if os.Getenv("BACKFILL_ORDERS") == "" {
		t.Skip("it takes minutes: make backfill")
	}
	orders := fromEnv(t, "BACKFILL_ORDERS", 0)
	ways := map[string]shop.BulkFault{"by pages": shop.BulkForbidden, "by a bulk operation": shop.BulkFine}
	for name, fault := range ways {
		t.Run(name, func(t *testing.T) {
			r := newRigOn(t, wire.Storage{Dir: wiretest.Dir(t), DB: "sqlite:", Queue: "sqlite:"}) // nothing runs beside it
			r.must(r.twin.Fill(demo, simulate.ShopifyOptions{Orders: orders, Updates: 0.3},
				start.Add(-59*day), start.Add(-time.Minute)))
			r.faults(demo, shop.Faults{Bulk: fault})
			r.connected()
			r.Connector.App.Wait = func(ctx context.Context, d time.Duration) error {
				r.drain() // a worker records meanwhile
				return r.wait(ctx, d)
			}
			debug.FreeOSMemory()
			before, most := resident(t), 0
			for r.state(demo).BackfilledAt.IsZero() {
				r.step()
				most = max(most, resident(t))
				if due := r.state(demo).Due; due.After(r.clock.Now()) {
					r.clock.set(due)
				}
			}
			w := r.state(demo).Backfilled
			t.Logf("%d orders, %d of them from a bulk operation: %d requests, %d points, %v; %d MiB resident, %d before",
				w.Seen, w.BulkRead, w.Requests, w.Points, r.state(demo).BackfilledAt.Sub(w.StartedAt).Round(time.Second),
				most>>20, before>>20)
			p := &proof{rig: r}
			if n := len(p.idsHere(demo)); n != orders {
				t.Errorf("%d of %d orders are here", n, orders)
			}
		})
	}
}

// resident is the memory of this process, in bytes.
func resident(t *testing.T) int {
	t.Helper()
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Skip("it needs Linux to read how much memory it has")
	}
	pages, err := strconv.Atoi(string(bytes.Fields(text)[1]))
	if err != nil {
		t.Fatal(err)
	}
	return pages * os.Getpagesize()
}
