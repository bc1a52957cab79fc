package reconcile

import (
	"context"
	"time"

	"bellhop"
)

// wantsLook reports whether somebody asked for a look that no look served yet.
func (s *step) wantsLook() bool { return s.state.Asked.Look.After(s.state.Served.Look) }

// look compares what was updated since the last look.
func (s *step) look(ctx context.Context) error {
	w, now := &s.state.Look, s.now()
	if !w.Running() {
		if now.Before(s.state.LookDue) && !s.wantsLook() {
			return nil
		}
		s.state.Served.Look = s.state.Asked.Look
		s.state.LookDue = now.Add(lookEvery)
		*w = looks.begin(s.state.LookedTo.Add(-overlap), now.Add(-grace), now)
	}
	if err := s.walk(ctx, w, &looks); err != nil {
		return err
	}
	s.checkClock(w)
	s.state.LookedTo = s.sees(w)
	if w.Behind.IsZero() {
		s.state.CheckedAt = now
	} else { // what was updated later may be missing in the list, too
		s.state.LookedTo = earliest(s.state.LookedTo, latest(w.Behind, s.at.Add(-behindMost)))
		w.Trouble = ReasonIndexBehind
	}
	s.state.Troubles.Look = w.Trouble
	*w = bellhop.Walk{}
	return s.save(ctx)
}

// sees is up to when a look sees what was updated: our clock may be ahead of Shopify's.
func (s *step) sees(w *bellhop.Walk) time.Time { return earliest(w.To, s.at.Add(-grace)) }

// behindMost is how long looks go back for an order that Shopify's list lacks: it may never list it.
const behindMost = 24 * time.Hour

// clocksMost is how far our clock and Shopify's may differ without a word.
const clocksMost = 5 * time.Minute

// checkClock names clocks that differ.
func (s *step) checkClock(w *bellhop.Walk) {
	if s.now().Sub(s.at).Abs() > clocksMost {
		w.Trouble = ReasonClock
	}
}
