package reconcile_test

import (
	"strings"
	"testing"
	"time"

	"bellhop"
	"bellhop/reconcile"
	"bellhop/shopify/admin"
	"bellhop/simulate"
	"bellhop/simulate/shop"
)

// How soon something has to be found that a look sees, and what only the nightly sweep sees, which begins within an
// hour.
const (
	soon  = 10 * time.Minute
	night = 25 * time.Hour
)

// ready connects shops and lets an hour pass, so that looks have their rhythm.
func ready(t *testing.T, shops ...string) *rig {
	r := newRig(t, shops...)
	r.connected(shops...)
	r.run(time.Hour)
	return r
}

// closes lets time pass until the hour that is now is closed, and compares all statements with Shopify's counts.
func (r *rig) closes(what string) {
	r.Helper()
	hour := r.clock.Now().Truncate(time.Hour)
	r.until(26*time.Hour, "the hour of "+what+" is closed", func() bool { return r.state(demo).ClosedTo.After(hour) })
	if n := r.closedRight(demo); n < 2 {
		r.Errorf("%d hours are closed", n)
	}
}

// TestWhatLooksFind: what webhooks did not bring is here within ten minutes, and its hour closes.
func TestWhatLooksFind(t *testing.T) {
	for name, fault := range map[string]func(r *rig){
		"webhooks are dropped": func(r *rig) {
			r.faults(demo, shop.Faults{Dropped: 1})
			r.orders(demo, 30)
		},
		"webhooks come a day late": func(r *rig) {
			r.faults(demo, shop.Faults{Delayed: 1, DelaySeconds: 24 * 60 * 60})
			r.orders(demo, 10)
		},
		"the index lags": func(r *rig) {
			r.faults(demo, shop.Faults{Dropped: 1, LagSeconds: 30})
			r.orders(demo, 10)
		},
		"the budget is spent": func(r *rig) {
			r.faults(demo, shop.Faults{Dropped: 1})
			r.orders(demo, 30)
			r.must(r.twin.SetPoints(demo, 0))
		},
		"the subscriptions are gone": func(r *rig) {
			r.must(r.twin.DropSubscriptions(demo, ""))
			r.orders(demo, 10)
		},
		"changes are dropped": func(r *rig) {
			ids := r.orders(demo, 10)
			r.run(time.Minute)
			r.faults(demo, shop.Faults{Dropped: 1})
			r.must(r.twin.ChangeOrder(demo, ids[3], shop.OrderChange{Change: simulate.ChangeNote}))
			r.must(r.twin.ChangeOrder(demo, ids[5], shop.OrderChange{Change: simulate.ChangeCancelled}))
			r.must(r.twin.ChangeOrder(demo, ids[7], shop.OrderChange{Change: simulate.ChangeRefunded}))
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := ready(t)
			fault(r)
			r.until(soon, "all is here", func() bool { return r.hasAll(demo) })
			r.faults(demo, shop.Faults{})
			r.closes(name)
			if name != "webhooks come a day late" {
				return
			}
			r.run(26 * time.Hour) // they and a nightly sweep change nothing
			if is := r.state(demo); !r.hasAll(demo) || is.Reason != "" || len(is.Pending) != 0 || r.closedRight(demo) < 12 {
				t.Errorf("a day later: %s\n%s", r.text(demo), r.log.String())
			}
		})
	}
}

// TestAwayForAnHour: what came while no process ran is here within ten minutes after the start.
func TestAwayForAnHour(t *testing.T) {
	r := ready(t)
	r.away = true
	r.orders(demo, 20)
	r.run(time.Hour)
	r.orders(demo, 20)
	r.away = false
	r.until(soon, "all is here", func() bool { return r.hasAll(demo) })
	r.closes("the start")
}

// TestSilentChange: a change that neither moves updated_at nor comes as a webhook is found at night.
func TestSilentChange(t *testing.T) {
	r := ready(t)
	id := r.orders(demo, 10)[4]
	r.run(3 * time.Hour)
	r.must(r.twin.ChangeOrder(demo, id, shop.OrderChange{Change: simulate.ChangeNote, Still: true, Silent: true}))
	was, _ := r.here(demo, id)
	took := r.until(night, "the change is here", func() bool {
		is, _ := r.here(demo, id)
		return is.Note != was.Note || len(is.Tags) != len(was.Tags)
	})
	if took < 3*time.Hour {
		t.Errorf("something else than the nightly sweep found it: after %v", took)
	}
	if is, _ := r.here(demo, id); !is.UpdatedAt.Equal(was.UpdatedAt) {
		t.Error("the test moved updated_at")
	}
}

// TestLostDeletion: an order is deleted, and no webhook says so.
func TestLostDeletion(t *testing.T) {
	for name, age := range map[string]time.Duration{"in an open hour": 0, "days ago": 3 * 24 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			r := ready(t)
			ids := r.orders(demo, 10)
			r.run(age + time.Minute)
			r.must(r.twin.ChangeOrder(demo, ids[4], shop.OrderChange{Change: simulate.ChangeDeleted, Silent: true}))
			r.until(night, "the order is deleted here", func() bool { _, there := r.here(demo, ids[4]); return !there })
			for _, id := range append(ids[:4:4], ids[5:]...) {
				if _, there := r.here(demo, id); !there {
					t.Errorf("order %d is gone, too", id)
				}
			}
			r.run(26 * time.Hour) // a closed hour is stated again
			r.closedRight(demo)
		})
	}
}

// TestDeletionIsNotBelieved: orders that are too old for the scopes are not there, and that says nothing.
func TestDeletionIsNotBelieved(t *testing.T) {
	r := newRig(t)
	old := simulate.ShopifyOptions{Orders: 20}
	r.must(r.twin.Fill(demo, old, start.Add(-59*24*time.Hour), start.Add(-50*24*time.Hour)))
	r.connected()
	r.run(10 * time.Minute)
	if !r.hasAll(demo) {
		t.Fatal("the backfill left something out")
	}
	r.clock.set(start.Add(8 * 24 * time.Hour)) // some are older than 60 days now
	_, err := r.Ask(t.Context(), demo, start.Add(-70*24*time.Hour))
	r.must(err)
	r.run(10 * time.Minute)
	if !r.hasAll(demo) {
		t.Error("an order that Shopify no longer shows was taken for deleted")
	}
}

// TestRefusals: each is named with the time since when, nothing is closed meanwhile, and once it is over all is found.
func TestRefusals(t *testing.T) {
	cut := func(r *rig) { r.faults(demo, shop.Faults{Dropped: 1, Broken: shop.BrokenCut}) }
	heal := func(r *rig) { r.faults(demo, shop.Faults{Dropped: 1}) }
	for name, test := range map[string]struct {
		trouble, over func(*rig)
		reason        string
	}{
		"cut answers": {cut, heal, string(admin.Unavailable)},
		"no JSON":     {func(r *rig) { r.faults(demo, shop.Faults{Dropped: 1, Broken: shop.BrokenHTML}) }, heal, string(admin.Unavailable)},
		"frozen":      {func(r *rig) { r.faults(demo, shop.Faults{Dropped: 1, Away: 402}) }, heal, string(admin.ShopUnavailable)},
		"not allowed": {func(r *rig) { r.faults(demo, shop.Faults{Dropped: 1, NotAllowed: true}) }, heal, string(admin.AddressNotAllowed)},
		"scope missing": {func(r *rig) {
			heal(r)
			r.must(r.twin.SetScopes(demo, []string{"read_products"}))
		}, func(r *rig) { r.must(r.twin.SetScopes(demo, shop.DefaultScopes)) }, string(admin.ScopeMissing)},
		"token gone": {func(r *rig) {
			heal(r)
			r.must(r.store.UpdateConnection(r.Context(), demo, func(c *bellhop.Connection) error {
				c.Token, c.Grant, c.ExpiresAt = "shpat_revoked", bellhop.GrantToken, time.Time{}
				return nil
			}))
		}, func(r *rig) {
			_, err := r.Connector.ClientCredentials(r.Context(), demo)
			r.must(err)
		}, string(admin.AccessRevoked)},
		"disabled": {func(r *rig) {
			heal(r)
			r.must(r.store.UpdateShop(r.Context(), demo, func(s *bellhop.Shop) { s.Disabled = true }))
		}, func(r *rig) {
			r.must(r.store.UpdateShop(r.Context(), demo, func(s *bellhop.Shop) { s.Disabled = false }))
		}, reconcile.ReasonShopDisabled},
		"nobody records": {func(r *rig) {
			r.stopped = true
			r.orders(demo, 30)
			heal(r)
		}, func(r *rig) { r.stopped = false }, reconcile.ReasonQueueBehind},
	} {
		t.Run(name, func(t *testing.T) {
			r := ready(t)
			test.trouble(r)
			closed := r.state(demo).ClosedTo
			r.orders(demo, 10)
			r.until(soon, "it is named", func() bool { return r.state(demo).Reason == test.reason })
			since := r.state(demo).Since
			r.run(2*time.Hour + time.Minute)
			is := r.state(demo)
			if is.Reason != test.reason || !is.Since.Equal(since) || is.ClosedTo.After(closed) || is.CheckedAt.After(since) {
				t.Errorf("after two hours: %s since %v, checked at %v, closed to %v", is.Reason, is.Since, is.CheckedAt,
					is.ClosedTo)
			}
			n, advice := strings.Count(r.log.String(), "reason="+test.reason+" advice="), reconcile.Advice(test.reason)
			if n != 1 || advice == "" {
				t.Errorf("the log names it %d times, with the advice %q", n, advice)
			}
			test.over(r)
			// bellhop tries each hour, a third of it sooner or later
			r.until(82*time.Minute, "all is here once it is over", func() bool { return r.hasAll(demo) })
			r.faults(demo, shop.Faults{})
			r.until(2*time.Hour, "the hours are closed", func() bool { return r.state(demo).ClosedTo.After(since) })
			r.closedRight(demo)
			if is := r.state(demo); is.Reason != "" || !is.Since.IsZero() {
				t.Errorf("once it is over: %s since %v", is.Reason, is.Since)
			}
		})
	}
}

// TestIndexNeverCatchesUp: no hour is closed of which Shopify's list lacks orders, and looks go on.
func TestIndexNeverCatchesUp(t *testing.T) {
	r := ready(t)
	r.run(15*time.Minute + 5*time.Minute) // the first hour is closed
	closed := r.state(demo).ClosedTo
	r.faults(demo, shop.Faults{LagSeconds: 1_000_000_000})
	ids := r.orders(demo, 10)
	r.until(2*time.Hour, "it is named", func() bool { return r.state(demo).Reason == reconcile.ReasonIndexBehind })
	r.run(3 * time.Hour)
	if is := r.state(demo); is.ClosedTo.After(closed.Add(time.Hour)) || is.Reason != reconcile.ReasonIndexBehind {
		t.Errorf("%s; closed to %v", is.Reason, is.ClosedTo)
	}
	for _, id := range ids {
		if _, there := r.here(demo, id); !there {
			t.Errorf("order %d was taken for deleted", id)
		}
	}
	r.faults(demo, shop.Faults{})
	r.until(2*time.Hour, "the hour is closed once it has caught up", func() bool {
		return r.state(demo).ClosedTo.After(closed)
	})
	r.closedRight(demo)
}

// TestClockAhead: bellhop's clock is half an hour ahead of Shopify's. It is named, nothing is missed, and no hour is
// closed that isn't over at Shopify.
func TestClockAhead(t *testing.T) {
	r := ready(t)
	r.behind = 30 * time.Minute
	r.faults(demo, shop.Faults{Dropped: 1})
	for range 12 {
		r.orders(demo, 2)
		r.run(5 * time.Minute)
	}
	if is := r.state(demo); is.Reason != reconcile.ReasonClock {
		t.Errorf("the reason is %q", is.Reason)
	}
	r.until(soon+r.behind, "all is here", func() bool { return r.hasAll(demo) })
	r.run(2 * time.Hour)
	r.closedRight(demo)
}
