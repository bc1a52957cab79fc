package reconcile

import (
	"testing"
	"time"

	"bellhop"
	"bellhop/connect"
)

// TestHoursThatAreFull: an hour that a sweep comes to has room, whatever is known of later ones.
func TestHoursThatAreFull(t *testing.T) {
	first := time.Date(2026, 8, 1, 0, 0, 0, 0, time.UTC)
	var hours []bellhop.OpenHour
	for i := range bellhop.MaxOpenHours {
		hourIn(&hours, first.Add(time.Duration(i+1)*time.Hour)).Left++
	}
	last := first.Add((bellhop.MaxOpenHours + 1) * time.Hour)
	if hourIn(&hours, last) != nil {
		t.Error("a later hour has room, too")
	}
	hourIn(&hours, first).Left++
	if n := len(hours); n != bellhop.MaxOpenHours || !hours[0].Hour.Equal(first) || hours[0].Left != 1 ||
		!hours[n-1].Hour.Equal(last.Add(-2*time.Hour)) {
		t.Errorf("%d hours from %v to %v", n, hours[0], hours[n-1])
	}
}

// TestHoursOpenForTooLong: sweeps that find differences again and again are named, once they had time for it.
func TestHoursOpenForTooLong(t *testing.T) {
	now := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	s := &step{Reconciler: &Reconciler{Connector: &connect.Connector{Now: func() time.Time { return now }}}}
	for _, c := range []struct {
		age     time.Duration
		left    int
		sweeps  bool
		partly  string
		because string
	}{
		{8 * time.Hour, 1, false, ReasonOpen, "it should be closed"},
		{8 * time.Hour, 0, false, "", "nothing is left: no sweep came to it yet"},
		{7 * time.Hour, 1, false, "", "the next sweep may close it"},
		{8 * time.Hour, 1, true, "", "a sweep is under way, and counts anew"},
	} {
		s.state = bellhop.Reconciliation{Hours: []bellhop.OpenHour{{Hour: now.Add(-c.age), Left: c.left}}}
		if c.sweeps {
			s.state.Sweep.StartedAt = now
		}
		if got := s.partly(); got != c.partly {
			t.Errorf("%+v: %q", c, got)
		}
	}
}

// TestPartOfANight: a walk over older orders takes a week a night, however many requests that needs, and more where
// orders are few.
func TestPartOfANight(t *testing.T) {
	to, s := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC), &step{Reconciler: &Reconciler{}}
	for _, c := range []struct {
		requests, days int
		enough         bool
	}{{olderPart - 1, 52, false}, {olderPart, 7, true}, {10 * olderPart, 6, false}} {
		w := bellhop.Walk{To: to, Place: to.AddDate(0, 0, -c.days), Requests: c.requests}
		if got := s.enough(&w); got != c.enough {
			t.Errorf("after %d requests and %d days: %v", c.requests, c.days, got)
		}
	}
}
