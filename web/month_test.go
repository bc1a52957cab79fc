package web_test

import (
	"cmp"
	"context"
	"testing"
	"time"

	"bellhop"
	"bellhop/store"
	"bellhop/web"
)

// openMonth is a shop of which no hour of the month is closed, with an order an hour.
type openMonth struct {
	web.MonthStore
	begin   time.Time
	closed  time.Time     // hours until then are; zero for none
	minutes time.Duration // after which an hour has its order
	longest time.Duration // that somebody asked for at once
}

func (o *openMonth) Shop(context.Context, string) (bellhop.Shop, error) {
	return bellhop.Shop{Domain: "demo.myshopify.com", Timezone: "Asia/Kolkata"}, nil
}

func (o *openMonth) Reconciliation(context.Context, string) (bellhop.Reconciliation, error) {
	return bellhop.Reconciliation{From: o.begin, ClosedTo: cmp.Or(o.closed, o.begin)}, nil
}

func (o *openMonth) Statements(context.Context, store.StatementQuery) ([]bellhop.Statement, error) {
	return nil, nil
}

func (o *openMonth) Fates(_ context.Context, _ string, from, to time.Time, after int64, _ int) (
	fates []store.Fate, err error) {
	o.longest = max(o.longest, to.Sub(from))
	for at := from.Truncate(time.Hour).Add(o.minutes); at.Before(to) && after == 0; at = at.Add(time.Hour) {
		if !at.Before(from) {
			fates = append(fates, store.Fate{Order: int64(len(fates) + 1), CreatedAt: at, RecordedAt: at})
		}
	}
	return fates, nil
}

// TestOpenHoursAreReadByDay: a page of fates goes through all orders of its time, so that a month at once takes long.
func TestOpenHoursAreReadByDay(t *testing.T) {
	begin := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	o := &openMonth{begin: begin}
	m, err := web.ReadMonth(t.Context(), o, "demo.myshopify.com", "", begin.Add(20*24*time.Hour+30*time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	if o.longest > 24*time.Hour {
		t.Errorf("it asked for %v at once", o.longest)
	}
	if n := m.Total().Here; n != 20*24+1 || len(m.Open) != n || m.More {
		t.Errorf("%d orders in %d open hours, and more: %v", n, len(m.Open), m.More)
	}
}

// TestHoursAreWhole: where months begin at half an hour of UTC, the hour that a month ends in is counted to its end.
func TestHoursAreWhole(t *testing.T) {
	begin := time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC)
	// In Kolkata November begins at 18:30.
	o := &openMonth{begin: begin, closed: begin.AddDate(0, 0, 30).Add(12 * time.Hour), minutes: 45 * time.Minute}
	here := func(month string, want int) {
		t.Helper()
		m, err := web.ReadMonth(t.Context(), o, "demo.myshopify.com", month, begin.AddDate(0, 0, 31).Add(time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		if n := m.Total().Here; n != want || len(m.Open) != want {
			t.Errorf("%s: %d orders in %d open hours, want %d", month, n, len(m.Open), want)
		}
	}
	here("2026-10", 7) // from noon on
	here("2026-11", 6)
}
