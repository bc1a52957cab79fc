package reconcile_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"bellhop"
	"bellhop/reconcile"
	"bellhop/simulate"
	"bellhop/simulate/shop"
)

// TestLongWalksLetOthersHaveTheirTurn: a backfill takes a short turn while other shops wait, and a long one alone.
func TestLongWalksLetOthersHaveTheirTurn(t *testing.T) {
	var others []string
	for i := range reconcile.AtOnce {
		others = append(others, fmt.Sprintf("other-%d.myshopify.com", i))
	}
	r := newRig(t, others...)
	for _, domain := range append(others, demo) {
		r.must(r.twin.Fill(domain, simulate.ShopifyOptions{Orders: 70}, start.Add(-50*day), start.Add(-time.Hour)))
	}
	r.connected(others...)
	r.asked = func(*http.Request) *http.Response { // each request takes its time
		r.clock.set(r.clock.Now().Add(time.Second))
		return nil
	}
	due, _, err := r.Due(t.Context())
	r.must(err)
	for _, one := range due {
		began := r.clock.Now()
		r.must(r.Keep(t.Context(), one))
		r.drain()
		if took := r.clock.Now().Sub(began); took > 12*time.Second || r.state(one.Shop).Backfill.Seen == 0 {
			t.Errorf("the turn of %s took %v; %+v", one.Shop, took, r.state(one.Shop).Backfill)
		}
	}
	for _, domain := range others {
		r.must(r.store.UpdateReconciliation(t.Context(), domain, func(is *bellhop.Reconciliation) error {
			is.Due = r.clock.Now().Add(time.Hour)
			return nil
		}))
	}
	r.must(r.Keep(t.Context(), r.state(demo)))
	if is := r.state(demo); is.Backfill.Running() && is.Backfill.Seen < 70 {
		t.Errorf("alone it saw %d orders in a turn", is.Backfill.Seen)
	}
}

// TestLostLease: a process that stood still until another one had its lease does not undo what that one saved.
func TestLostLease(t *testing.T) {
	r := ready(t)
	r.faults(demo, shop.Faults{Dropped: 1})
	r.orders(demo, 1)
	r.clock.set(r.clock.Now().Add(5 * time.Minute))
	slow, saved := r.process("slow", r.store), ""
	slow.Probe = func(at reconcile.Point) {
		if at == reconcile.PointSent && saved == "" {
			r.clock.set(r.clock.Now().Add(7 * time.Minute))
			r.step()
			saved = r.text(demo)
		}
	}
	r.must(slow.Keep(t.Context(), r.state(demo)))
	if saved == "" || r.text(demo) != saved {
		t.Errorf("of\n%s\nthe slow one made\n%s", saved, r.text(demo))
	}
}
