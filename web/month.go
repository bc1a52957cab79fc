package web

import (
	"cmp"
	"context"
	"slices"
	"time"

	"bellhop"
	"bellhop/statement"
	"bellhop/store"
)

// MonthStore is what a month's statement needs of the store.
type MonthStore interface {
	store.Shops
	store.Statements
	store.Reconciling
}

// Month says what Shopify has of the orders that a shop got in a month beside what is here. Days and months are those
// on the shop's clock; an hour belongs to the day that it begins in. bellhop statement makes one of any time, for the
// verdict.
type Month struct {
	Shop     bellhop.Shop
	Zone     *time.Location
	Now      time.Time
	From, To time.Time
	State    bellhop.Reconciliation
	Closed   []bellhop.Statement // the newest statement of each hour that is closed, by time
	// Open are the hours that are not, as they are here by now, and with what the newest sweep found in them: Shopify
	// is -1 where nobody has counted. They have no number.
	Open []bellhop.Statement
	More bool // there are more orders in the open hours than were counted
}

// Verdict is what can be said of a month.
type Verdict string

// Verdicts.
const (
	VerdictAllHere      Verdict = "all_here"       // all that Shopify shows is here
	VerdictMissing      Verdict = "missing"        // some are not here yet, and on their way
	VerdictNotChecked   Verdict = "not_checked"    // nobody can tell since CheckedAt, for the reason of the state
	VerdictPartly       Verdict = "partly_checked" // some hours were never compared, and nobody can any more
	VerdictNotYet       Verdict = "not_yet"        // the first comparison is under way
	VerdictBefore       Verdict = "before"         // the shop was connected later
	VerdictNotConnected Verdict = "not_connected"  // nobody connected the shop
)

// ReasonNotRunning is why a shop is not checked that nothing keeps from being checked.
const ReasonNotRunning = "not_running"

const (
	// Checks come every five minutes. One of this age is not current any more, if something keeps the next one away;
	// one that is lateCheck old never is.
	staleCheck = 10 * time.Minute
	lateCheck  = 30 * time.Minute
	// maxOpen bounds the orders of open hours that are counted at once.
	maxOpen = 10 * store.FatesMost
)

// ReadMonth reads a month such as 2026-11 of a shop, "" for the one that is under way.
func ReadMonth(ctx context.Context, from MonthStore, shop, month string, now time.Time) (m *Month, err error) {
	m = &Month{Now: now.UTC()}
	if m.Shop, err = from.Shop(ctx, shop); err != nil {
		return nil, err
	}
	if m.Zone, err = time.LoadLocation(m.Shop.Timezone); err != nil {
		m.Zone = time.UTC
	}
	if err := m.parse(month); err != nil {
		return nil, err
	}
	if m.State, err = from.Reconciliation(ctx, shop); err != nil {
		return nil, err
	}
	all, err := statement.Of(ctx, from, store.StatementQuery{Shop: shop, From: m.From, To: m.To})
	if err != nil {
		return nil, err
	}
	for _, s := range statement.Latest(all) {
		if m.has(s.To) {
			m.Closed = append(m.Closed, s)
		}
	}
	return m, m.readOpen(ctx, from)
}

// FirstYear is that of Shopify's first orders.
const FirstYear = 2006

func (m *Month) parse(month string) error {
	y, mon, _ := m.Now.In(m.Zone).Date()
	m.From = time.Date(y, mon, 1, 0, 0, 0, 0, m.Zone)
	if month != "" {
		at, err := time.ParseInLocation("2006-01", month, m.Zone)
		if err != nil || at.After(m.From) || at.Year() < FirstYear {
			return bellhop.Invalidf("month", "give a month such as %s, and none that is yet to come", m.From.Format("2006-01"))
		}
		m.From = at
	}
	m.To = m.From.AddDate(0, 1, 0)
	return nil
}

// has reports whether a statement that ends at a time is of the month: its orders are those of its last hour.
func (m *Month) has(to time.Time) bool {
	hour := to.Add(-time.Hour)
	return !hour.Before(m.From) && hour.Before(m.To)
}

// readOpen counts the orders of the hours that are not closed.
func (m *Month) readOpen(ctx context.Context, from store.Statements) error {
	if m.State.From.IsZero() {
		return nil
	}
	left := maxOpen
	for _, s := range append(m.Unchecked(), bellhop.Span{From: latest(m.State.ClosedTo, m.From),
		To: earliest(m.To, m.Now)}) {
		if err := m.readSpan(ctx, from, s.From, s.To, &left); err != nil {
			return err
		}
	}
	return nil
}

// readSpan counts the orders of open hours. The last one is read to its end: a month may end within it.
func (m *Month) readSpan(ctx context.Context, from store.Statements, begin, end time.Time, left *int) error {
	end = end.Add(time.Hour - 1).UTC().Truncate(time.Hour)
	for day := begin; day.Before(end) && !m.More; {
		next := earliest(day.UTC().Truncate(24*time.Hour).Add(24*time.Hour), end)
		hours, err := m.fates(ctx, from, day, next, left)
		if err != nil {
			return err
		}
		for hour := day.UTC().Truncate(time.Hour); hour.Before(next); hour = hour.Add(time.Hour) {
			m.open(hour, hours[hour])
		}
		day = next
	}
	return nil
}

// fates reads what became of the orders of a day at most: each page of a question goes through all orders of its time.
func (m *Month) fates(ctx context.Context, from store.Statements, begin, end time.Time, left *int) (
	map[time.Time][]store.Fate, error) {
	hours := map[time.Time][]store.Fate{}
	for after := int64(0); ; {
		some, err := from.Fates(ctx, m.Shop.Domain, begin, end, after, store.FatesMost)
		if err != nil {
			return nil, err
		}
		for _, f := range some {
			hour := f.CreatedAt.UTC().Truncate(time.Hour)
			hours[hour] = append(hours[hour], f)
			after = f.Order
		}
		*left -= len(some)
		if m.More = *left <= 0; m.More || len(some) < store.FatesMost {
			return hours, nil
		}
	}
}

// open adds an open hour, unless nothing is known of it.
func (m *Month) open(hour time.Time, fates []store.Fate) {
	s := bellhop.Statement{Shop: m.Shop.Domain, From: hour, To: hour.Add(time.Hour), Shopify: -1}
	statement.Count(&s, fates)
	for _, h := range m.State.Hours {
		if h.Hour.Equal(hour) {
			s.Differed = h.Differed
			if h.Shopify > 0 {
				s.Shopify = h.Shopify
			}
		}
	}
	if m.has(s.To) && (s.Here > 0 || s.Shopify > 0 || s.Differed > 0) {
		m.Open = append(m.Open, s)
	}
}

func latest(all ...time.Time) time.Time   { return slices.MaxFunc(all, time.Time.Compare) }
func earliest(all ...time.Time) time.Time { return slices.MinFunc(all, time.Time.Compare) }

// Total sums up the month. Shopify is what the closed hours say.
func (m *Month) Total() statement.Total { return total(m.Closed, m.Open) }

func total(closed, open []bellhop.Statement) statement.Total {
	t, rest := statement.Sum(closed), statement.Sum(open)
	t.Here, t.Differed, t.Webhook = t.Here+rest.Here, t.Differed+rest.Differed, t.Webhook+rest.Webhook
	t.Backfill, t.Reconciled, t.Rung = t.Backfill+rest.Backfill, t.Reconciled+rest.Reconciled, t.Rung+rest.Rung
	t.Worst = max(t.Worst, rest.Worst)
	for reason, n := range rest.Quiet {
		t.Quiet[reason] += n
	}
	return t
}

// Day is a day of a month.
type Day struct {
	At     time.Time // its midnight
	Closed bool      // all of its hours are
	statement.Total
}

// Days lists the days of the month since the shop was connected, the newest first.
func (m *Month) Days() (days []Day) {
	if m.State.From.IsZero() {
		return nil
	}
	end := earliest(m.To, m.Now)
	for at := m.From; at.Before(end); at = at.AddDate(0, 0, 1) {
		next := at.AddDate(0, 0, 1)
		if !next.After(m.State.From) {
			continue
		}
		days = append([]Day{{at, !next.After(m.State.ClosedTo) && !m.unchecked(at, next), total(m.HoursOf(at))}}, days...)
	}
	return days
}

// HoursOf returns the closed hours of a day and the open ones.
func (m *Month) HoursOf(day time.Time) (closed, open []bellhop.Statement) {
	next := day.AddDate(0, 0, 1)
	of := func(all []bellhop.Statement) (some []bellhop.Statement) {
		for _, s := range all {
			if hour := s.To.Add(-time.Hour); !hour.Before(day) && hour.Before(next) {
				some = append(some, s)
			}
		}
		return some
	}
	return of(m.Closed), of(m.Open)
}

// Missing counts the orders of the month that Shopify has and that are not here, as far as anybody knows.
func (m *Month) Missing() int {
	t := statement.Sum(m.Closed)
	n := max(0, t.Shopify-t.Here)
	if m.State.ClosedTo.Before(m.To) {
		n += m.State.Missing()
	}
	return n
}

// Verdict says what can be said of the month.
func (m *Month) Verdict() Verdict {
	s := &m.State
	switch {
	case s.From.IsZero() && s.Due.IsZero():
		return VerdictNotConnected
	case !s.From.IsZero() && !m.To.After(s.From):
		return VerdictBefore
	case NotChecked(s, m.Now) != "":
		return VerdictNotChecked
	case s.CheckedAt.IsZero() || !s.LookedTo.After(m.From):
		return VerdictNotYet
	case m.Missing() > 0:
		return VerdictMissing
	case len(m.Unchecked()) > 0:
		return VerdictPartly
	}
	return VerdictAllHere
}

// LastCompared is until when a shop was compared with Shopify, or since when nobody could.
func LastCompared(s *bellhop.Reconciliation) time.Time {
	if s.CheckedAt.IsZero() {
		return cmp.Or(s.Since, s.ConnectedAt)
	}
	return s.CheckedAt
}

// Unchecked are times of the month that were never compared.
func (m *Month) Unchecked() (all []bellhop.Span) {
	for _, s := range m.State.Unchecked {
		if s.From.Before(m.To) && m.From.Before(s.To) {
			all = append(all, bellhop.Span{From: latest(s.From, m.From), To: earliest(s.To, m.To)})
		}
	}
	return all
}

func (m *Month) unchecked(from, to time.Time) bool {
	return slices.ContainsFunc(m.State.Unchecked, func(s bellhop.Span) bool {
		return s.From.Before(to) && from.Before(s.To)
	})
}

// NotChecked returns the reason why a shop is not compared with Shopify any more; "" where it is, although perhaps not
// to the end, and for the first minutes of some trouble. It is for shops that somebody connected.
func NotChecked(s *bellhop.Reconciliation, now time.Time) string {
	last := latest(s.CheckedAt, s.ConnectedAt)
	switch age := now.Sub(last); {
	case s.Reason != "" && !s.CheckedAt.After(s.Since) && age > staleCheck:
		return s.Reason
	case !last.IsZero() && age > lateCheck:
		return ReasonNotRunning
	}
	return ""
}
