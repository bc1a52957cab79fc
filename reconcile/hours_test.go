package reconcile

import (
	"testing"
	"time"

	"bellhop"
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
