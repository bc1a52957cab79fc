package reconcile

import (
	"context"
	"slices"
	"time"

	"bellhop"
	"bellhop/statement"
	"bellhop/store"
)

// close closes the hours of a sweep, the earliest first, until one has something left. Hours in which nothing was, here
// or there, wait for the next one in which something was, or for the end of their day.
func (s *step) close(ctx context.Context, w *bellhop.Walk) error {
	if err := s.stated(ctx, w); err != nil {
		return err
	}
	for hour := s.state.ClosedTo; hour.Before(w.To); hour = hour.Add(time.Hour) {
		at := s.open(hour)
		if at.Left > 0 {
			return nil
		}
		d, err := s.draft(ctx, w, at)
		switch {
		case err != nil:
			return err
		case d.Shopify != d.Here: // something came between: another sweep tells
			s.leave(&sweeps, hour)
			return nil
		case d.empty() && !d.To.Equal(endOfDay(hour)):
			continue
		}
		d.From = s.state.ClosedTo
		if err := s.make(ctx, d); err != nil {
			return err
		}
		s.closed(d.To)
		if err := s.save(ctx); err != nil {
			return err
		}
	}
	return nil
}

// stated moves on behind hours that have a statement already: the process died before it could say so.
func (s *step) stated(ctx context.Context, w *bellhop.Walk) error {
	all, err := s.Store.Statements(ctx, store.StatementQuery{Shop: s.state.Shop, From: s.state.ClosedTo, To: w.To,
		Limit: 200})
	for _, one := range all {
		if one.To.After(s.state.ClosedTo) {
			s.closed(one.To)
		}
	}
	return err
}

// open is what is known of an open hour.
func (s *step) open(hour time.Time) bellhop.OpenHour { return inHours(s.state.Hours, hour) }

func inHours(hours []bellhop.OpenHour, hour time.Time) bellhop.OpenHour {
	for _, h := range hours {
		if h.Hour.Equal(hour) {
			return h
		}
	}
	return bellhop.OpenHour{Hour: hour}
}

// closed moves on behind hours that have a statement.
func (s *step) closed(to time.Time) {
	s.state.ClosedTo, s.state.Sweeps = to, 0
	s.state.Hours = slices.DeleteFunc(s.state.Hours, func(h bellhop.OpenHour) bool { return h.Hour.Before(to) })
}

// draft is a statement that is not made yet, with its lines.
type draft struct {
	bellhop.Statement
	lines []byte
}

// empty reports whether nothing was in the hour.
func (d *draft) empty() bool { return d.Shopify == 0 && d.Here == 0 && len(d.lines) == 0 }

// rowsAtOnce is how many rows are read at once for a statement.
const rowsAtOnce = 5000

// draft counts an hour that a walk went over.
func (s *step) draft(ctx context.Context, w *bellhop.Walk, at bellhop.OpenHour) (*draft, error) {
	// It counts as made before its lines are read: what settles meanwhile came later.
	d := &draft{Statement: bellhop.Statement{Shop: s.state.Shop, From: at.Hour, To: at.Hour.Add(time.Hour),
		MadeAt: s.now(), CheckedAt: w.StartedAt, Shopify: at.Shopify, Differed: at.Differed}}
	var fates []store.Fate
	for after := int64(0); ; after = fates[len(fates)-1].Order {
		some, err := s.Store.Fates(ctx, d.Shop, d.From, d.To, after, rowsAtOnce)
		if err != nil {
			return nil, err
		}
		if fates = append(fates, some...); len(some) < rowsAtOnce {
			break
		}
	}
	statement.Count(&d.Statement, fates)
	var err error
	d.lines, err = statement.Lines(ctx, s.Store, d.Shop, d.From, d.To)
	return d, err
}

// make makes a statement of a draft and adds it to the shop's chain.
func (s *step) make(ctx context.Context, d *draft) error {
	key, err := s.Key(ctx)
	if err != nil {
		return err
	}
	last, err := s.Store.LastStatement(ctx, s.state.Shop)
	if err != nil {
		return err
	}
	made, err := statement.Make(d.Statement, last, d.lines, key)
	if err != nil {
		return err
	}
	if err := s.Store.AddStatement(ctx, made, d.lines); err != nil {
		return err
	}
	s.Probe.At(PointStated)
	return nil
}
