package reconcile_test

import (
	"context"
	"encoding/binary"
	"testing"
	"time"

	"bellhop"
	"bellhop/reconcile"
	"bellhop/simulate/shop"
	"bellhop/store"
	"bellhop/web"
)

// Somebody with the database alone changes a line, and takes it out of the blob beside the statement: at night bellhop
// itself signs a new statement of the changed line.
func TestAttackLaundered(t *testing.T) {
	r := ready(t)
	r.orders(demo, 5)
	r.run(90 * time.Minute)
	hour := start.Add(time.Hour)
	at := r.clock.Now()
	r.store.forged, r.store.now = hour, func() time.Time { return at }
	last, err := r.store.LastStatement(t.Context(), demo)
	r.must(err)
	r.run(26 * time.Hour)
	all, err := r.store.Statements(t.Context(), store.StatementQuery{Shop: demo, From: hour, To: hour.Add(time.Hour)})
	r.must(err)
	if len(all) != 1 || all[0].Number > last.Number {
		t.Errorf("the forged hour was signed: %d statements of it, number %d; altered %v", len(all), all[len(all)-1].Number,
			r.state(demo).Altered)
	}
}

// One blob that is no list of lines any more must not end the nightly sweep, and backfills behind it, for ever.
func TestAttackCutBlob(t *testing.T) {
	r := ready(t)
	r.orders(demo, 5)
	r.run(90 * time.Minute)
	r.store.cut = true
	r.run(26 * time.Hour)
	is := r.state(demo)
	if is.SweptAt.IsZero() || len(is.Altered) != 1 {
		t.Errorf("swept at %v, altered %v, reason %q since %v", is.SweptAt, is.Altered, is.Reason, is.Since)
	}
}

// One order that was missing, and whose event waited: it differed once, not once each time that it was sent again.
func TestHonestDiffered(t *testing.T) {
	r := ready(t)
	r.faults(demo, shop.Faults{Dropped: 1})
	r.stopped = true
	r.orders(demo, 1)
	r.run(50 * time.Minute)
	r.stopped = false
	r.run(3 * time.Hour)
	all, err := r.store.Statements(t.Context(), store.StatementQuery{Shop: demo})
	r.must(err)
	for _, s := range all {
		if s.Differed > s.Here {
			t.Errorf("%d of %d orders differed", s.Differed, s.Here)
		}
	}
}

// The process stands still between reading an hour's lines and the statement's time, and an event settles meanwhile.
func TestHonestPause(t *testing.T) {
	r := ready(t)
	r.orders(demo, 5)
	hour, once := start.Add(time.Hour), false
	r.store.pause = func(from time.Time) {
		if once || !from.Equal(hour) {
			return
		}
		once = true
		r.clock.set(r.clock.Now().Add(2 * time.Minute))
		at := hour.Add(30 * time.Minute)
		e := &bellhop.Event{Shop: demo, Topic: "orders/create", APIVersion: "2026-10", WebhookID: "late", TriggeredAt: at,
			AcceptedAt: at, SignedBy: bellhop.SignerApp, Body: []byte("{}")}
		binary.BigEndian.PutUint64(e.ID[:8], uint64(at.UnixMilli())<<16|0x7000)
		e.ID[8] = 0x80
		_, err := r.store.Record(t.Context(), []bellhop.Fact{{Event: e, At: r.clock.Now(), Skip: "late"}})
		r.must(err)
		r.clock.set(r.clock.Now().Add(2 * time.Minute))
	}
	r.run(3 * time.Hour)
	if !once {
		t.Fatal("the hour was not read")
	}
	r.unaltered(demo, r.state(demo))
}

// narrow is a queue that takes no order that was fetched.
type narrow struct{ reconcile.Queue }

func (narrow) Send(context.Context, ...*bellhop.Event) error {
	return bellhop.Errorf(bellhop.TooLarge, "body_too_large", "the event is too large")
}

// An order is missing, bellhop knows it, and can't send it: nobody may be told that all orders are here.
func TestAttackAllHere(t *testing.T) {
	r := ready(t)
	r.orders(demo, 3)
	r.run(10 * time.Minute)
	r.Reconciler.Queue = narrow{r.Reconciler.Queue}
	r.faults(demo, shop.Faults{Dropped: 1})
	r.orders(demo, 1)
	r.run(3 * time.Hour)
	m, err := web.ReadMonth(t.Context(), r.store, demo, "", r.clock.Now())
	r.must(err)
	if r.hasAll(demo) || m.Verdict() == web.VerdictAllHere {
		t.Errorf("it is %s, with the reason %q, %d missing, and open hours %+v", m.Verdict(), m.State.Reason, m.Missing(),
			m.State.Hours)
	}
}

// TestHoursBehindTheScopes: a shop was disabled for longer than read_orders reaches back. Its hours close again, and
// those that nobody can compare any more are named.
func TestHoursBehindTheScopes(t *testing.T) {
	r := ready(t)
	r.orders(demo, 3)
	r.run(0)
	closed := r.state(demo).ClosedTo
	disable := func(is bool) {
		r.must(r.store.UpdateShop(r.Context(), demo, func(s *bellhop.Shop) { s.Disabled = is }))
	}
	disable(true)
	r.run(time.Minute)
	r.clock.set(r.clock.Now().Add(61 * day))
	r.step()
	disable(false)
	r.until(2*time.Hour, "its hours are closed again", func() bool {
		return r.clock.Now().Sub(r.state(demo).ClosedTo) < 26*time.Hour
	})
	all := r.state(demo).Unchecked
	if len(all) != 1 || !all[0].From.Equal(closed) || all[0].To.Before(start.Add(day)) ||
		all[0].To.After(start.Add(3*day)) {
		t.Errorf("never checked: %v, the first from %v", all, closed)
	}
	m, err := web.ReadMonth(t.Context(), r.store, demo, start.Format("2006-01"), r.clock.Now())
	r.must(err)
	if m.Verdict() != web.VerdictPartly || m.Total().Here != 3 {
		t.Errorf("%s, with %d orders", m.Verdict(), m.Total().Here)
	}
}
