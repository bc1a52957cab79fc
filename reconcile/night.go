package reconcile

import (
	"bytes"
	"context"
	"crypto/sha256"
	"maps"
	"slices"
	"time"

	"bellhop"
	"bellhop/statement"
	"bellhop/store"
)

// nightDue is when the next nightly sweep begins: at night on the shop's clock, and not for all shops at once.
func (s *step) nightDue() time.Time {
	since := s.state.SweptAt
	if since.IsZero() {
		since = s.state.From
	}
	zone, err := time.LoadLocation(s.shop.Timezone)
	if err != nil {
		zone = time.UTC
	}
	y, m, d := since.In(zone).Date()
	at := time.Date(y, m, d, nightHour, 0, 0, 0, zone).Add(s.spread(time.Hour))
	if !at.After(since) {
		at = time.Date(y, m, d+1, nightHour, 0, 0, 0, zone).Add(s.spread(time.Hour))
	}
	return at.UTC()
}

// night compares whole all orders of the last days, since a change may leave updated_at as it was. Then it states the
// hours anew of which something is otherwise.
func (s *step) night(ctx context.Context) error {
	w, now := &s.state.Night, s.now()
	if !w.Running() {
		if now.Before(s.nightDue()) {
			return nil
		}
		*w = nights.begin(now.Add(-nightDays*24*time.Hour).Truncate(time.Hour), now.Add(-grace), now)
	}
	if w.Place.Before(w.To) {
		if err := s.room(ctx, &nights); err != nil {
			return err
		}
		if err := s.walk(ctx, w, &nights); err != nil {
			return err
		}
	}
	if done, err := s.restate(ctx, w); err != nil || !done {
		return err
	}
	s.Connector.Log.Info("compared the orders of the last days", "shop", s.state.Shop, "seen", w.Seen, "missing", w.Found,
		"different", w.Differed, "deleted", w.Deleted, "began", w.StartedAt)
	s.state.SweptAt, s.state.Troubles.Night = s.now(), w.Trouble
	s.state.Altered = slices.DeleteFunc(s.state.Altered, func(hour time.Time) bool { return now.Sub(hour) > alteredFor })
	s.beginOlder(w.From)
	*w = bellhop.Walk{}
	return s.save(ctx)
}

// restate goes through the closed hours of a nightly sweep. It waits for orders on their way, and reports whether it is
// done.
func (s *step) restate(ctx context.Context, w *bellhop.Walk) (done bool, err error) {
	newest, err := s.newest(ctx, w)
	if err != nil {
		return false, err
	}
	hour := w.Restated
	if hour.IsZero() {
		hour = w.From
	}
	for end := earliest(w.To, s.state.ClosedTo); hour.Before(end); hour = hour.Add(time.Hour) {
		if s.over(ctx) {
			return false, errLater
		}
		if was, closed := newest[hour]; closed {
			if settled, err := s.compareHour(ctx, w, hour, was); err != nil || !settled && s.young() {
				return false, err
			}
		}
		w.Restated = hour.Add(time.Hour)
	}
	return true, nil
}

// young reports whether an order is on its way that was sent not long ago.
func (s *step) young() bool {
	return slices.ContainsFunc(s.state.Pending, func(p bellhop.PendingOrder) bool { return p.Tries == 0 })
}

// newest returns the newest statement of each closed hour that a walk went over.
func (s *step) newest(ctx context.Context, w *bellhop.Walk) (map[time.Time]*bellhop.Statement, error) {
	all, err := statement.Of(ctx, s.Store, store.StatementQuery{Shop: s.state.Shop, From: w.From, To: w.To})
	newest := map[time.Time]*bellhop.Statement{}
	for i := range all {
		for hour := all[i].From.UTC(); hour.Before(all[i].To); hour = hour.Add(time.Hour) {
			newest[hour] = &all[i]
		}
	}
	return newest, err
}

// compareHour compares an hour with its newest statement, and states it anew where counts differ or lines were added or
// settled since. It reports false while the hour's orders here are not those of Shopify.
func (s *step) compareHour(ctx context.Context, w *bellhop.Walk, hour time.Time, was *bellhop.Statement) (
	settled bool, err error) {
	d, err := s.draft(ctx, w, inHours(w.Hours, hour))
	if err != nil {
		return false, err
	}
	if d.Shopify != d.Here {
		return false, nil
	}
	var before []byte
	if hour.Add(time.Hour).Equal(was.To) { // else nothing was in that hour
		d.Differed += was.Differed
		before, err = s.Store.StatementLines(ctx, s.state.Shop, was.Number)
		if bellhop.KindOf(err) == bellhop.NotFound {
			return true, nil // pruned with the ledger
		}
		if err != nil {
			return false, err
		}
		if bellhop.Hash(sha256.Sum256(before)) != was.LinesHash { // somebody altered what the statement covers
			s.altered(hour, 1)
			return true, nil
		}
	} else {
		was = &bellhop.Statement{MadeAt: was.MadeAt}
	}
	if sameCounts(was, &d.Statement) && bytes.Equal(before, d.lines) {
		return true, nil
	}
	altered, err := alterations(before, d.lines, was.MadeAt)
	if err != nil || altered > 0 {
		s.altered(hour, altered)
		return true, err
	}
	return true, s.make(ctx, d)
}

func sameCounts(a, b *bellhop.Statement) bool {
	return a.Shopify == b.Shopify && a.Here == b.Here && a.Webhook == b.Webhook && a.Backfill == b.Backfill &&
		a.Reconciled == b.Reconciled && a.Rung == b.Rung && maps.Equal(a.Quiet, b.Quiet)
}

// alterations counts the lines that somebody changed, removed or inserted since a statement.
func alterations(was, is []byte, made time.Time) (n int, err error) {
	before, err := statement.ParseLines(was)
	if err != nil {
		return 0, err
	}
	now, err := statement.ParseLines(is)
	for _, a := range statement.Alterations(before, now, made) {
		if a.Kind != statement.Settled {
			n++
		}
	}
	return n, err
}

// alteredFor is how long an altered hour is named. Nothing brings its lines back, as after a restored backup: bellhop
// verify finds them for as long as the ledger has the others.
const alteredFor = 30 * 24 * time.Hour

// altered keeps that the lines of a closed hour were altered. Its statement stays as it is.
func (s *step) altered(hour time.Time, lines int) {
	if lines == 0 || slices.ContainsFunc(s.state.Altered, hour.Equal) {
		return
	}
	s.Connector.Log.Error("lines of the ledger were altered in an hour that is closed", "shop", s.state.Shop,
		"hour", hour, "lines", lines, "fix", "see bellhop verify --db")
	s.state.Altered = append(s.state.Altered[max(0, len(s.state.Altered)-bellhop.MaxAltered+1):], hour)
}
