package reconcile

import (
	"cmp"
	"context"
	"time"

	"bellhop"
)

// beginOlder begins a walk over orders that nightly sweeps no longer go over, since nobody says which of them were
// deleted. Each night has its part, where the one before ended, back to the oldest that the scopes surely cover.
func (s *step) beginOlder(end time.Time) {
	now := s.now()
	var oldest time.Time
	if !s.has(allOrders) {
		oldest = now.Add(-surelyRecent)
	}
	switch place := s.state.OlderTo; {
	case s.state.Older.Running(), s.state.WantsBackfill(), s.state.Backfill.Running(): // a backfill goes over all of them
		return
	case place.After(oldest) && place.Before(end):
		end = place
	}
	s.state.Older = olders.begin(oldest, end, now)
}

// older goes on with older orders. It looks at heads alone, and fetches whole what is missing here, older or not
// listed. No hour is closed or stated by it.
func (s *step) older(ctx context.Context) error {
	w := &s.state.Older
	if !w.Running() {
		return nil
	}
	if err := s.walk(ctx, w, &olders); err != nil {
		return err
	}
	s.Connector.Log.Info("compared older orders", "shop", s.state.Shop, "from", w.Place, "to", w.To, "seen", w.Seen,
		"missing", w.Found, "different", w.Differed, "began", w.StartedAt)
	if s.state.OlderTo = w.Place; !w.Place.After(w.From) {
		s.state.OlderTo = time.Time{}
	}
	s.state.Older = bellhop.Walk{}
	return s.save(ctx)
}

// enough reports whether a walk over older orders has done a night's part: a week at least, and more than that where
// orders are few.
func (s *step) enough(w *bellhop.Walk) bool {
	return w.Requests >= cmp.Or(s.Part, olderPart) && w.To.Sub(w.Place) >= olderDays*24*time.Hour
}
