package main

import (
	"testing"
	"time"

	"bellhop/store"
)

// TestGaps tells nights, which a shop is used to, from a gap.
func TestGaps(t *testing.T) {
	day := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	silence := func(from, hours int) store.Silence {
		at := day.Add(time.Duration(from) * time.Hour)
		return store.Silence{From: at, To: at.Add(time.Duration(hours) * time.Hour)}
	}
	all := []store.Silence{silence(0, 5), silence(24, 6), silence(48, 5), silence(72, 23), silence(120, 24),
		{From: day.Add(150 * time.Hour)}}
	if got := gapsIn(all, day.Add(-time.Hour)); len(got) != 1 || got[0] != all[4] {
		t.Errorf("gaps %v", got)
	}
	if got := gapsIn([]store.Silence{silence(0, 1), silence(2, 5)}, day); len(got) != 1 {
		t.Errorf("an hour, then five: %v", got)
	}
}
