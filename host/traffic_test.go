package host

import (
	"context"
	"errors"
	"testing"
	"time"

	"bellhop/store"
)

// counted is a ledger with one busy second every day, the older the busier.
type counted struct {
	store.Statistics
	now   time.Time
	asked int
	fails bool
}

func (c *counted) Busiest(_ context.Context, from, to time.Time) (b store.Busiest, err error) {
	if c.fails {
		return b, errors.New("away")
	}
	c.asked++
	for day := range 10 {
		at := c.now.AddDate(0, 0, -day).Add(-time.Minute)
		if !at.Before(from) && at.Before(to) {
			b.Add(store.Busiest{All: 100, Second: int64(10 + day), At: at})
		}
	}
	return b, nil
}

func TestBusiestOfSevenDays(t *testing.T) {
	now := time.Date(2026, 11, 26, 9, 30, 0, 0, time.UTC)
	c := &counted{now: now}
	busy := &traffic{ledger: c}
	if err := busy.update(t.Context(), now); err != nil {
		t.Fatal(err)
	}
	want := store.Busiest{All: 700, Second: 16, At: now.AddDate(0, 0, -6).Add(-time.Minute)}
	if got := busy.sum(); got != want {
		t.Errorf("%+v, not %+v", got, want)
	}
	if c.asked != 7*24 {
		t.Errorf("asked %d times", c.asked)
	}
	// It counts no old hour again, and drops those before TrafficDays.
	c.asked = 0
	if err := busy.update(t.Context(), now.Add(24*time.Hour)); err != nil {
		t.Fatal(err)
	}
	if got := busy.sum(); got.Second != 15 || c.asked != 26 {
		t.Errorf("a day later %+v, asked %d times", got, c.asked)
	}
	c.fails = true
	if err := busy.update(t.Context(), now.Add(25*time.Hour)); err == nil {
		t.Error("no error")
	}
	if got := busy.sum(); got.Second != 15 {
		t.Errorf("forgotten: %+v", got)
	}
}
