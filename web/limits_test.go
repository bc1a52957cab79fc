package web

import (
	"fmt"
	"testing"
	"time"
)

func TestLimits(t *testing.T) {
	now := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	l := NewLimits(time.Minute, 2, 3)
	for i, want := range []time.Duration{0, 0, time.Minute, time.Minute} {
		if got := l.Take("a", now); got != want {
			t.Errorf("%d: wait %s, want %s", i, got, want)
		}
	}
	if got := l.Take("a", now.Add(45*time.Second)); got != 15*time.Second {
		t.Errorf("later: wait %s", got)
	}
	l.forget("a")
	if got := l.Take("a", now); got != 0 {
		t.Errorf("forgotten: wait %s", got)
	}
	for i := range 100 {
		l.Take(fmt.Sprint(i), now)
	}
	if len(l.byKey) != 3 || l.used.Len() != 3 {
		t.Errorf("%d keys are kept, and %d in the list", len(l.byKey), l.used.Len())
	}
}
