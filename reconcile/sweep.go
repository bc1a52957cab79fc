package reconcile

import (
	"context"
	"slices"
	"time"

	"bellhop"
)

// sweep compares all orders of the hours that are over and not closed, and closes those in which nothing is left.
func (s *step) sweep(ctx context.Context) error {
	w, now := &s.state.Sweep, s.now()
	if !w.Running() {
		s.giveUp(now)
		to := s.sweepTo(now)
		if now.Before(s.state.SweepDue) || !to.After(s.state.ClosedTo) {
			return nil
		}
		*w = sweeps.begin(s.state.ClosedTo, to, now)
		for i := range s.state.Hours {
			s.state.Hours[i].Shopify, s.state.Hours[i].Left = 0, 0
		}
	}
	if err := s.walk(ctx, w, &sweeps); err != nil {
		return err
	}
	s.checkClock(w)
	switch {
	case !w.Behind.IsZero():
		w.Trouble = ReasonIndexBehind
	case s.at.Before(w.To.Add(sweepLag - clocksMost)): // at Shopify the last hour isn't over for long
		s.state.SweepDue = now.Add(sweepLag)
		return s.endSweep(ctx)
	}
	if err := s.close(ctx, w); err != nil {
		return err
	}
	s.state.SweepDue = s.sweepAgain(w, s.now())
	return s.endSweep(ctx)
}

// giveUp moves on behind hours that no sweep can compare any more, as after two months without access.
func (s *step) giveUp(now time.Time) {
	from, to := s.state.ClosedTo, now.Add(time.Hour-surelyRecent).Truncate(time.Hour)
	if s.has(allOrders) || !to.After(from) {
		return
	}
	s.Connector.Log.Error("hours were never checked, and the app may no longer see their orders", "shop", s.state.Shop,
		"from", from, "to", to)
	if n := len(s.state.Unchecked); n > 0 && s.state.Unchecked[n-1].To.Equal(from) {
		s.state.Unchecked[n-1].To = to
	} else {
		s.state.Unchecked = append(s.state.Unchecked, bellhop.Span{From: from, To: to})
	}
	s.closed(to)
}

func (s *step) endSweep(ctx context.Context) error {
	s.state.Troubles.Sweep = s.state.Sweep.Trouble
	s.state.Sweep = bellhop.Walk{}
	return s.save(ctx)
}

// sweepTo is the end of what is over, in the day of the hours that come next.
func (s *step) sweepTo(now time.Time) time.Time {
	over := now.Add(-sweepLag).Truncate(time.Hour)
	return earliest(over, endOfDay(s.state.ClosedTo))
}

func endOfDay(at time.Time) time.Time { return at.Truncate(24 * time.Hour).Add(24 * time.Hour) }

// sweepNext is when to sweep the hour that begins at a time.
func (s *step) sweepNext(hour time.Time) time.Time {
	return hour.Add(time.Hour + sweepLag + s.spread(sweepLag/5))
}

// sweepAgain is when to sweep again. Where something is left in an hour, bellhop waits a minute longer each time.
func (s *step) sweepAgain(w *bellhop.Walk, now time.Time) time.Time {
	left := slices.ContainsFunc(s.state.Hours, func(h bellhop.OpenHour) bool { return h.Left > 0 && h.Hour.Before(w.To) })
	switch {
	case left || w.Trouble == ReasonIndexBehind:
		s.state.Sweeps++
		return now.Add(min(time.Hour, time.Duration(s.state.Sweeps)*time.Minute))
	case s.sweepTo(now).After(w.To): // a day was over in between
		return now
	}
	return s.sweepNext(w.To)
}

// hour is what is known of the hour of an order that a walk has met; nil where nobody keeps it.
func (s *step) hour(m *manner, created time.Time) *bellhop.OpenHour {
	hours, hour := &s.state.Hours, created.UTC().Truncate(time.Hour)
	switch {
	case m == &nights:
		hours = &s.state.Night.Hours
	case m.quiet || hour.Before(s.state.ClosedTo):
		return nil
	}
	return hourIn(hours, hour)
}

// leave notes that something is left to do in an order's hour: it is not closed.
func (s *step) leave(m *manner, created time.Time) {
	if hour := s.hour(m, created); hour != nil {
		hour.Left++
	}
}

// hourIn finds an hour, and adds it if it is missing. Where there is no room the latest one goes: the sweep that comes
// to it counts anew.
func hourIn(hours *[]bellhop.OpenHour, hour time.Time) *bellhop.OpenHour {
	i, there := slices.BinarySearchFunc(*hours, hour, func(h bellhop.OpenHour, hour time.Time) int {
		return h.Hour.Compare(hour)
	})
	switch {
	case there:
	case i == bellhop.MaxOpenHours:
		return nil
	default:
		*hours = (*hours)[:min(len(*hours), bellhop.MaxOpenHours-1)]
		*hours = slices.Insert(*hours, i, bellhop.OpenHour{Hour: hour})
	}
	return &(*hours)[i]
}
