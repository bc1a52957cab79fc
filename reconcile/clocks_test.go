package reconcile_test

import (
	"testing"
	"time"

	"bellhop/reconcile"
)

// TestClocksApart: a webhook brings an order while a look is under way, and our clock is four minutes ahead of
// Shopify's. No list lacks it.
func TestClocksApart(t *testing.T) {
	r := newRig(t)
	r.behind = 4 * time.Minute
	r.connected()
	r.run(time.Minute)
	made := 0
	r.Probe = func(at reconcile.Point) {
		if at == reconcile.PointListed {
			made++
			r.orders(demo, 1)
			r.drain()
		}
	}
	for range 20 {
		r.run(time.Minute)
		if is := r.state(demo); is.Reason != "" {
			t.Fatalf("the reason is %s after %d orders", is.Reason, made)
		}
	}
	if made < 4 {
		t.Errorf("%d orders came while a look was under way", made)
	}
}

// TestSweepAfterDowntime: bellhop was away for a day. The hours of that day are closed within minutes.
func TestSweepAfterDowntime(t *testing.T) {
	r := ready(t)
	r.away = true
	var last time.Time
	for range 4 {
		r.run(6 * time.Hour)
		r.orders(demo, 1)
		last = r.clock.Now()
	}
	r.clock.set(last.Add(2 * time.Hour))
	r.away = false
	r.until(10*time.Minute, "its hours are closed", func() bool { return r.state(demo).ClosedTo.After(last) })
}
