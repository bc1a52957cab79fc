package bellhop_test

import (
	"slices"
	"testing"
	"time"

	"bellhop"
)

// TestAskOrders asks for each order once, and for a look where it can't name them all.
func TestAskOrders(t *testing.T) {
	now := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	r := bellhop.Reconciliation{Due: now.Add(time.Hour)}
	r.AskOrders(now, 7, 8, 7)
	r.AskOrders(now.Add(time.Second), 8)
	if !slices.Equal(r.Asked.Orders, []int64{7, 8}) || !r.Due.Equal(now) || !r.Asked.Look.IsZero() {
		t.Errorf("%+v, due %v", r.Asked, r.Due)
	}
	r = bellhop.Reconciliation{Due: now.Add(time.Hour), Reason: "unavailable"}
	r.AskOrders(now, 7)
	r.AskOrders(now.Add(30*time.Second), 8)
	if !r.Due.Equal(now.Add(time.Minute)) {
		t.Errorf("in trouble it is due at %v", r.Due)
	}
	if r.AskOrders(now, 0); !r.Asked.Look.Equal(now) || len(r.Asked.Orders) != 2 {
		t.Errorf("an order without an id: %+v", r.Asked)
	}
	r.Asked.Look = time.Time{}
	for id := range int64(bellhop.MaxPending) {
		r.AskOrders(now, 100+id)
	}
	if len(r.Asked.Orders) != bellhop.MaxAsked || !r.Asked.Look.Equal(now) {
		t.Errorf("a full list has %d orders, and a look is asked for at %v", len(r.Asked.Orders), r.Asked.Look)
	}
}

// TestAskedAlready: asking again changes nothing, until somebody began with what was asked for.
func TestAskedAlready(t *testing.T) {
	now := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	r := bellhop.Reconciliation{Due: now.Add(time.Hour)}
	for _, id := range []int64{7, 0} {
		if !r.AskOrders(now, id) || r.AskOrders(now.Add(time.Second), id) {
			t.Errorf("order %d: not asked for once: %+v", id, r.Asked)
		}
	}
	r.Served.Look = r.Asked.Look
	if later := now.Add(time.Second); !r.AskOrders(later, 0) || !r.Asked.Look.Equal(later) {
		t.Errorf("a look that began since: %+v", r.Asked)
	}
	if later := now.Add(2 * time.Minute); !r.AskOrders(later, 0) || !r.Asked.Look.Equal(later) {
		t.Errorf("a look that nobody began for long: %+v", r.Asked)
	}
	if r.Asked.Orders = nil; !r.AskOrders(now, 7) {
		t.Error("an order that somebody began to fetch isn't asked for again")
	}
}

func TestIncompleteReason(t *testing.T) {
	for want, lacks := range map[string][]string{
		"incomplete: a":                           {"a"},
		"incomplete: a, b, c, d, e":               {"a", "b", "c", "d", "e"},
		"incomplete: a, b, c, d, e (and 2 more)":  {"a", "b", "c", "d", "e", "f", "g"},
		"incomplete: errors: customer, errors: b": {"errors: customer", "errors: b"},
	} {
		got := bellhop.IncompleteReason(lacks)
		code, names := bellhop.ReasonParts(got)
		if got != want || code != bellhop.ReasonIncomplete || code+": "+names != want {
			t.Errorf("%q of %v: %q, %q", got, lacks, code, names)
		}
	}
	if code, names := bellhop.ReasonParts(bellhop.ReasonAppSecret); code != bellhop.ReasonAppSecret || names != "" {
		t.Errorf("%q, %q", code, names)
	}
}
