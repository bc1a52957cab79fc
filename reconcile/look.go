package reconcile

import (
	"context"

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
	if w.Behind.IsZero() {
		s.state.LookedTo, s.state.CheckedAt = w.To, now
	} else { // what was updated later may be missing in the list, too
		s.state.LookedTo = earliest(w.To, w.Behind)
		s.reason = ReasonIndexBehind
	}
	*w = bellhop.Walk{}
	return s.save(ctx)
}
