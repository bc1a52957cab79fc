package statement_test

import (
	"maps"
	"testing"
	"time"

	"bellhop"
	"bellhop/statement"
	"bellhop/store"
)

func TestCount(t *testing.T) {
	at := day.Add(9 * time.Hour)
	var fates []store.Fate
	for i := range 100 { // 10 ms to a second late
		fates = append(fates, store.Fate{Order: int64(i + 1), CreatedAt: at, Rung: i%2 == 0, Quiet: "quiet_hours",
			RecordedAt: at.Add(time.Duration(i+1) * 10 * time.Millisecond)})
	}
	fates = append(fates,
		store.Fate{CreatedAt: at, RecordedAt: at.Add(time.Hour), Found: "backfill", Quiet: "backfill"},
		store.Fate{CreatedAt: at, RecordedAt: at.Add(time.Hour), Found: "reconcile", Rung: true})
	s := bellhop.Statement{Quiet: map[string]int{"left": 1}, Rung: 9}
	statement.Count(&s, fates)
	if s.Here != 102 || s.Webhook != 100 || s.Backfill != 1 || s.Reconciled != 1 || s.Rung != 51 ||
		!maps.Equal(s.Quiet, map[string]int{"quiet_hours": 50, "backfill": 1}) {
		t.Errorf("counted %+v", s)
	}
	if s.P50 != 500*time.Millisecond || s.P99 != 990*time.Millisecond || s.Worst != time.Second {
		t.Errorf("late by %s, %s and %s", s.P50, s.P99, s.Worst)
	}
	statement.Count(&s, nil)
	if s.Here != 0 || s.P50 != 0 || s.Worst != 0 || len(s.Quiet) != 0 {
		t.Errorf("of nothing: %+v", s)
	}
	statement.Count(&s, []store.Fate{{CreatedAt: at, RecordedAt: at.Add(-time.Second), Rung: true}})
	if s.Worst != 0 { // Shopify's clock is ahead of ours
		t.Errorf("late by %s", s.Worst)
	}
}

// A reason that says more than its name can't keep an hour open: statements have names alone.
func TestCountReasons(t *testing.T) {
	s := bellhop.Statement{Shop: "demo.myshopify.com", From: day, To: day.Add(time.Hour)}
	statement.Count(&s, []store.Fate{{Quiet: "gave_up: unavailable"}, {Quiet: "gave_up: quota"}, {Quiet: "Odd words"}})
	if !maps.Equal(s.Quiet, map[string]int{"gave_up": 2, "unnamed": 1}) {
		t.Errorf("%v", s.Quiet)
	}
	if _, err := statement.Make(s, bellhop.Statement{Shop: s.Shop}, nil, keyOf(1)); err != nil {
		t.Error(err)
	}
}

func TestDays(t *testing.T) {
	c := sample(t)
	c.add(t, 30, 31, line(30, 1, bellhop.OutcomeRecorded))
	days := statement.Days(c.all)
	if len(days) != 2 || !days[0].Day.Equal(day) {
		t.Fatalf("%+v", days)
	}
	// 09:00 was stated twice: 4 and 3 orders are there, not 3 and 4 and 3.
	if d := days[0]; d.Here != 7 || d.Hours != 15 || d.Lines != 7 || d.Quiet["backfill"] != 2 {
		t.Errorf("the first day is %+v", d)
	}
	if d := days[1]; d.Here != 1 || d.Hours != 1 {
		t.Errorf("the second day is %+v", d)
	}
	latest := statement.Latest(c.all)
	if len(latest) != 4 || latest[0].Number != 4 || latest[1].Number != 2 {
		t.Errorf("the newest are %+v", latest)
	}
}
