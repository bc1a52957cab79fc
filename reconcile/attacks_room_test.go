package reconcile_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"bellhop"
	"bellhop/simulate/shop"
)

// TestOrdersThatNobodyRecords hold up no others, and are named.
func TestOrdersThatNobodyRecords(t *testing.T) {
	r := ready(t)
	r.must(r.store.UpdateReconciliation(t.Context(), demo, func(is *bellhop.Reconciliation) error {
		for id := range int64(1000) {
			is.Pending = append(is.Pending, bellhop.PendingOrder{ID: id + 1, UpdatedAt: start, At: start,
				SentAt: r.clock.Now(), Tries: 3, Missing: true})
		}
		return nil
	}))
	r.faults(demo, shop.Faults{Dropped: 1})
	id := r.orders(demo, 1)[0]
	r.until(soon, "the other is here", func() bool { _, there := r.here(demo, id); return there })
	if is := r.state(demo); is.Reason != "unrecorded" || is.Missing() < 1000 {
		t.Errorf("it says %q, and %d are missing", is.Reason, is.Missing())
	}
}

// TestBulkThatNeverEnds: bellhop asks for it later from time to time, and takes pages after a day.
func TestBulkThatNeverEnds(t *testing.T) {
	r := newRig(t)
	r.BulkFrom = 10
	r.fill(20)
	asked := 0
	r.asked = func(req *http.Request) *http.Response {
		if !strings.Contains(asks(req), `"operationName":"Bulk"`) {
			return nil
		}
		asked++
		return r.says(req, func(body string) string { return strings.Replace(body, "COMPLETED", "RUNNING", 1) })
	}
	r.connected()
	r.run(2 * time.Hour)
	if asked < 20 || asked > 60 || r.state(demo).Backfill.Bulk == "" {
		t.Errorf("%d requests in two hours", asked)
	}
	r.clock.set(start.Add(day + time.Minute))
	r.until(soon, "the backfill is done", func() bool { return !r.state(demo).BackfilledAt.IsZero() })
	if !r.hasAll(demo) {
		t.Error("it left something out")
	}
}
