package reconcile_test

import (
	"testing"
	"time"

	"bellhop/reconcile"
	"bellhop/simulate"
	"bellhop/simulate/shop"
	"bellhop/store"
	"bellhop/web"
)

// nightly lets a night pass, and nothing of the day before it. Processes die in its walk over older orders at each of
// some points.
func (r *rig) nightly(points ...reconcile.Point) {
	r.Helper()
	next := r.clock.Now().Truncate(day).Add(2*time.Hour + 55*time.Minute) // the shop's clock is UTC
	if !next.After(r.clock.Now()) {
		next = next.Add(day)
	}
	r.clock.set(next)
	for _, point := range points {
		died := false
		for n := 0; !died && n < 90; n++ {
			died = r.dies(func(at reconcile.Point) bool { is := r.state(demo); return at == point && is.Older.Running() })
			r.drain()
			r.clock.set(r.clock.Now().Add(time.Minute))
		}
		if !died {
			r.Fatalf("no process died at %s\n%s", point, r.text(demo))
		}
		r.clock.set(r.clock.Now().Add(5 * time.Minute)) // the dead one's lease runs out
	}
	r.until(2*time.Hour, "the night is over", func() bool {
		is := r.state(demo)
		return is.SweptAt.After(next) && !is.Older.Running() && len(is.Pending) == 0
	})
}

// TestOlderOrders: each night has its part of the orders that nightly sweeps no longer go over. It finds those that
// were deleted, and those that are missing; the next ones find nothing, and write nothing.
func TestOlderOrders(t *testing.T) {
	r := newRig(t)
	r.Part = 1
	r.must(r.twin.SetInfo(demo, shop.Info{Timezone: "UTC"}))
	r.must(r.twin.Fill(demo, simulate.ShopifyOptions{Orders: 300}, start.Add(-56*day), start.Add(-8*day)))
	r.connected()
	r.until(time.Hour, "the backfill is done", func() bool { return !r.state(demo).BackfilledAt.IsZero() })
	var gone []int64
	for _, age := range []time.Duration{16 * day, 40 * day, 55 * day} {
		for id, o := range r.there(demo) {
			if d := start.Sub(o.CreatedAt) - age; d.Abs() < 2*time.Hour {
				r.must(r.twin.ChangeOrder(demo, id, shop.OrderChange{Change: simulate.ChangeDeleted, Silent: true}))
				gone = append(gone, id)
				break
			}
		}
	}
	isGone := func(i int) bool { _, there := r.here(demo, gone[i]); return !there }
	r.must(r.twin.Fill(demo, simulate.ShopifyOptions{Orders: 3}, start.Add(-30*day), start.Add(-29*day)))
	before := r.state(demo)
	if len(gone) != 3 || r.hasAll(demo) {
		t.Fatal("nothing is to be found")
	}

	r.nightly(reconcile.PointListed, reconcile.PointFetched, reconcile.PointSent, reconcile.PointSaved)
	if is := r.state(demo); !isGone(0) || !isGone(1) || isGone(2) || !r.hasAll(demo) || is.OlderTo.IsZero() {
		t.Errorf("after its first night: %v %v %v\n%s", isGone(0), isGone(1), isGone(2), r.text(demo))
	}
	r.nightly()
	is := r.state(demo)
	if !isGone(2) || !is.OlderTo.IsZero() {
		t.Errorf("after its second night\n%s", r.text(demo))
	}
	change, err := r.store.LastChange(t.Context())
	r.must(err)
	clear(r.calls)
	r.nightly()
	after, err := r.store.LastChange(t.Context())
	r.must(err)
	if after != change || r.calls["FetchOrders"] > 0 {
		t.Errorf("a night over the same orders: changes %d to %d, calls %v", change, after, r.calls)
	}
	if r.state(demo).OlderTo.IsZero() {
		t.Error("it did not begin anew")
	}
	if n := len(r.there(demo)); n != 300 {
		t.Errorf("%d orders are left", n)
	}
	r.closedRight(demo)
	if is.Unchecked != nil || before.From != is.From {
		t.Error(r.text(demo))
	}
}

// TestDeletedLater: an order that is deleted after a week was here when its hour was stated: the statement stays.
func TestDeletedLater(t *testing.T) {
	r := ready(t)
	id := r.orders(demo, 2)[0]
	r.until(2*time.Hour, "its hour is closed", func() bool { return r.state(demo).ClosedTo.After(start.Add(time.Hour)) })
	r.clock.set(start.Add(9 * day))
	r.must(r.twin.ChangeOrder(demo, id, shop.OrderChange{Change: simulate.ChangeDeleted}))
	r.until(time.Hour, "a night is over", func() bool {
		is := r.state(demo)
		return is.SweptAt.After(start.Add(8*day)) && !is.Older.Running()
	})
	all, err := r.store.Statements(t.Context(), store.StatementQuery{Shop: demo, From: start,
		To: start.Add(2 * time.Hour)})
	r.must(err)
	if _, there := r.here(demo, id); there || len(all) != 1 || all[0].Shopify != 2 || all[0].Here != 2 {
		t.Errorf("the order is here: %t; of its hour there is %+v", there, all)
	}
	r.unaltered(demo, r.state(demo))
	m, err := web.ReadMonth(t.Context(), r.store, demo, start.Format("2006-01"), r.clock.Now())
	r.must(err)
	if n := m.Total().Here; n != 2 || m.Verdict() != web.VerdictAllHere {
		t.Errorf("%s, with %d orders", m.Verdict(), n)
	}
}
