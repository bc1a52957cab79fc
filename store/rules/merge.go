// Package rules decides all changes in a store: what facts do to orders, what an order owes
// to which device, which pushes go out now, together or later, and their end. It is pure: a
// driver loads the input of a rule and saves its result.
package rules

import (
	"cmp"
	"time"

	"bellhop"
	"bellhop/store"
)

// State is the part of an order that [Merge] reads. An unknown order has the zero State.
type State struct {
	Version bellhop.Version // zero until the order itself came
	History bellhop.History
	Deleted bool
	// The newest of the history, or of what an older bellhop recorded of it.
	EditedAt, RefundedAt time.Time
	// RefundID is the last refund that an older bellhop recorded, without a history; 0 if none. That one
	// and those before it are no news.
	RefundID int64
	// These follow from the newest version, and are no columns of their own.
	Paid, Cancelled bool

	// When its personal data was taken away, and why. For a request it stays so, whatever comes.
	RedactedAt  time.Time
	RedactedFor string
	// Taking is nil for an order that nobody took and that never rang. No fact changes it but by ending it.
	Taking *Taking
}

// Merged is what a fact does to an order.
type Merged struct {
	State  State // after it
	Result bellhop.Result
	// Content is set when the fact's order replaces the stored one.
	Content bool
	// First is set when the order's content comes for the first time.
	First bool
	// Wipe is set when the fact deletes the order: the content goes, the tombstone stays.
	Wipe bool
	// Happened is set when the order's history changed.
	Happened bool
	// News lists what the owner may want a push for.
	News []News
}

// News is something new of an order.
type News struct {
	Kind  bellhop.PushKind
	Quiet string // the reason for which nobody gets a push; "" where the owners decide
}

// newFor is how long something is news.
const newFor = 24 * time.Hour

// Merge merges a fact into an order. It is commutative, associative and idempotent in
// State: an order's versions are a register in which the greatest wins, so are the versions of
// each step of its history, and a tombstone beats all. So every shuffle of the same facts, with
// any repeated, ends in the same State.
func Merge(s State, f bellhop.Fact) Merged {
	m := Merged{State: s}
	switch {
	case f.Deleted && s.Deleted:
		m.Result.Outcome = bellhop.OutcomeDuplicate
	case f.Deleted:
		m.State, m.Wipe = State{Deleted: true}, true
		m.Result.Outcome = bellhop.OutcomeRecorded
	case s.Deleted:
		m.Result = bellhop.Result{Outcome: bellhop.OutcomeStale, Reason: "order_deleted"}
	case f.History != nil:
		m.Result.Outcome = m.happened(f.History)
		m.News = refunds(&m, s, f, nil)
	default:
		mergeContent(&m, s, f)
	}
	return m
}

// happened merges into the history. What it knew already was the same, or newer.
func (m *Merged) happened(h *bellhop.History) bellhop.Outcome {
	was := m.State.History
	m.State.History, m.Happened = was.Merge(*h)
	if !m.Happened {
		if was.Outdates(*h) {
			return bellhop.OutcomeStale
		}
		return bellhop.OutcomeDuplicate
	}
	m.State.EditedAt = newest(m.State.EditedAt, was.EditedAt(), m.State.History.EditedAt())
	m.State.RefundedAt = newest(m.State.RefundedAt, was.RefundedAt(), m.State.History.RefundedAt())
	return bellhop.OutcomeRecorded
}

// mergeContent keeps the newer version. The same body again is a duplicate even if it was
// triggered later. It keeps the later time: else a third version between the two would win
// or lose by the order of arrival.
func mergeContent(m *Merged, s State, f bellhop.Fact) {
	v := f.Order.Version
	m.First = s.Version.IsZero()
	c := v.Compare(s.Version)
	m.Result.Outcome = later(c)
	if s.has(v) {
		m.Result.Outcome = bellhop.OutcomeDuplicate
	}
	m.happened(&f.Order.History)
	if c > 0 {
		m.State.Version = v
		m.Content = m.Result.Outcome == bellhop.OutcomeRecorded
	}
	if m.Content {
		m.State.Paid, m.State.Cancelled = f.Order.WasPaid(), !f.Order.CancelledAt.IsZero()
		m.News = news(m, s, f)
	}
	m.News = refunds(m, s, f, m.News)
}

// has reports whether a version is the body that the order has.
func (s *State) has(v bellhop.Version) bool {
	return !s.Version.IsZero() && v.Hash == s.Version.Hash && v.UpdatedAt.Equal(s.Version.UpdatedAt)
}

// news returns what a newer version brings. A first version is news itself.
func news(m *Merged, s State, f bellhop.Fact) (all []News) {
	if m.First {
		n := News{Kind: bellhop.PushOrderNew, Quiet: cmp.Or(backfilled(&f), old(f.At, f.Order.PlacedAt))}
		if n.Quiet == "" && m.State.Cancelled {
			n.Quiet = store.ReasonCancelled
		}
		return []News{n}
	}
	quiet := noNews(&f, f.Order.UpdatedAt)
	if m.State.Paid && !s.Paid {
		all = append(all, News{Kind: bellhop.PushOrderPaid, Quiet: quiet})
	}
	if m.State.Cancelled && !s.Cancelled {
		all = append(all, News{Kind: bellhop.PushOrderCancelled, Quiet: quiet})
	}
	return all
}

// old returns the reason for which something that happened at a time is no news.
func old(now, at time.Time) string {
	if now.Sub(at) > newFor {
		return store.ReasonOld
	}
	return ""
}

// backfilled returns the reason for which nothing is news that was fetched when a shop was connected.
func backfilled(f *bellhop.Fact) string {
	if f.Event.Topic == bellhop.TopicBackfill {
		return store.ReasonBackfill
	}
	return ""
}

// noNews returns the reason for which a change of an order at a time is none. What follows an import
// within a day, such as its payment, belongs to the import.
func noNews(f *bellhop.Fact, at time.Time) string {
	if why := backfilled(f); why != "" {
		return why
	}
	o := f.Order
	if o != nil && o.CreatedAt.Sub(o.PlacedAt) > newFor && old(f.At, o.CreatedAt) == "" {
		return store.ReasonOld
	}
	return old(f.At, at)
}

// refunds adds the money that went back since, or before the order came: each refund is news by
// itself. Older ones say nothing of an order that comes for the first time.
func refunds(m *Merged, s State, f bellhop.Fact, all []News) []News {
	if m.State.Version.IsZero() || !m.Happened && !m.First {
		return all
	}
	known := func(r *bellhop.Refund) bool {
		if s.Version.IsZero() {
			return noNews(&f, r.At) != ""
		}
		before, ok := s.History.Refund(r.ID)
		return ok && before.Amount != "" || r.ID <= s.RefundID
	}
	for i := range m.State.History.Refunds {
		if r := &m.State.History.Refunds[i]; r.Amount != "" && !known(r) {
			all = append(all, News{Kind: bellhop.RefundKind(r.ID), Quiet: noNews(&f, r.At)})
		}
	}
	return all
}

func later(c int) bellhop.Outcome {
	switch {
	case c > 0:
		return bellhop.OutcomeRecorded
	case c == 0:
		return bellhop.OutcomeDuplicate
	}
	return bellhop.OutcomeStale
}

// newest is a time of the history as it is now. One that did not follow from the history before is
// what an older bellhop kept, and stays unless something newer happened.
func newest(kept, was, now time.Time) time.Time {
	if kept.Equal(was) || now.After(kept) {
		return now
	}
	return kept
}

// Change returns the stream's change: none for an order that has not come yet, and none
// where nothing changed.
func (m Merged) Change(before State) (kind store.ChangeKind, ok bool) {
	switch {
	case m.Result.Outcome != bellhop.OutcomeRecorded && !m.Happened: // an older body may tell of a refund
		return "", false
	case m.First:
		return store.ChangeRecorded, true
	}
	return store.ChangeUpdated, !before.Version.IsZero()
}
