package statement

import (
	"iter"
	"slices"
	"strings"
	"time"

	"bellhop"
	"bellhop/store"
)

// Count fills in what became of an hour's orders: how many are here, what brought them, how late, and whom it rang.
func Count(s *bellhop.Statement, fates []store.Fate) {
	s.Here, s.Webhook, s.Backfill, s.Reconciled, s.Rung, s.Quiet = len(fates), 0, 0, 0, 0, map[string]int{}
	var late []time.Duration
	for _, f := range fates {
		switch f.Found {
		case "":
			s.Webhook++
			late = append(late, max(0, f.RecordedAt.Sub(f.CreatedAt)).Truncate(time.Microsecond))
		case bellhop.FoundBy(bellhop.TopicBackfill):
			s.Backfill++
		default:
			s.Reconciled++
		}
		if f.Rung {
			s.Rung++
		} else {
			s.Quiet[reason(f.Quiet)]++
		}
	}
	slices.Sort(late)
	s.P50, s.P99, s.Worst = percentile(late, 50), percentile(late, 99), percentile(late, 100)
}

// reason leaves out what a reason says beside its name: "gave_up: unavailable" is gave_up.
func reason(why string) string {
	name, _, _ := strings.Cut(why, ":")
	if !sound(map[string]int{name: 1}) {
		return "unnamed"
	}
	return name
}

// percentile returns the smallest duration that so many percent are not above; 0 of none.
func percentile(sorted []time.Duration, percent int) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[(len(sorted)*percent+99)/100-1]
}

// byHour returns for each hour which statement is the newest of it.
func byHour(all []bellhop.Statement) map[time.Time]int {
	newest := make(map[time.Time]int, len(all))
	for i := range all {
		for hour := range hours(all[i].From, all[i].To) {
			newest[hour] = i
		}
	}
	return newest
}

// hours are the hours of a time, by their beginnings in UTC: 24 at most, as no statement has more.
func hours(from, to time.Time) iter.Seq[time.Time] {
	return func(yield func(time.Time) bool) {
		hour := from.UTC()
		for n := 0; n < 24 && hour.Before(to) && yield(hour); n++ {
			hour = hour.Add(time.Hour)
		}
	}
}

// lastHour is the hour that a statement's orders and lines are of: the others are empty.
func lastHour(s *bellhop.Statement) time.Time { return s.To.UTC().Add(-time.Hour) }

// Latest returns the statements that say how hours are by now, by time: of an hour that was stated again only the
// newest. all are in the order of their numbers.
func Latest(all []bellhop.Statement) (latest []bellhop.Statement) {
	newest := byHour(all)
	for i := range all {
		if n, ok := newest[lastHour(&all[i])]; ok && n == i {
			latest = append(latest, all[i])
		}
	}
	slices.SortFunc(latest, func(a, b bellhop.Statement) int { return a.To.Compare(b.To) })
	return latest
}

// Total adds up the newest statements of some hours.
type Total struct {
	Hours                         int // that are closed
	Shopify, Here, Differed       int
	Webhook, Backfill, Reconciled int
	Rung                          int
	Quiet                         map[string]int
	Lines                         int
	Worst                         time.Duration
}

// Sum adds up statements, which are in the order of their numbers.
func Sum(all []bellhop.Statement) Total {
	t := Total{Hours: len(byHour(all)), Quiet: map[string]int{}}
	for _, s := range Latest(all) {
		t.Shopify, t.Here, t.Differed = t.Shopify+s.Shopify, t.Here+s.Here, t.Differed+s.Differed
		t.Webhook, t.Backfill, t.Reconciled = t.Webhook+s.Webhook, t.Backfill+s.Backfill, t.Reconciled+s.Reconciled
		t.Rung, t.Lines, t.Worst = t.Rung+s.Rung, t.Lines+s.Lines, max(t.Worst, s.Worst)
		for reason, n := range s.Quiet {
			t.Quiet[reason] += n
		}
	}
	return t
}

// Day is the sum of a day in UTC.
type Day struct {
	Day time.Time
	Total
}

// Days adds up statements by day, the earliest first.
func Days(all []bellhop.Statement) (days []Day) {
	byDay := map[time.Time][]bellhop.Statement{}
	for _, s := range all {
		day := s.From.UTC().Truncate(24 * time.Hour)
		byDay[day] = append(byDay[day], s)
	}
	for day, of := range byDay {
		days = append(days, Day{day, Sum(of)})
	}
	slices.SortFunc(days, func(a, b Day) int { return a.Day.Compare(b.Day) })
	return days
}
