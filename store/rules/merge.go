// Package rules decides all changes in a store: what facts do to orders, what an order owes
// to which device, which pushes go out now, together or later, and their end. It is pure: a
// driver loads the input of a rule and saves its result.
package rules

import (
	"time"

	"bellhop"
	"bellhop/store"
)

// State is the part of an order that [Merge] reads. An unknown order has the zero State.
type State struct {
	Version bellhop.Version // zero until the order itself came
	Edit    bellhop.Touch   // the newest; zero until there is one
	Refund  bellhop.Touch
	Deleted bool
	// These follow from the newest version, and are no columns of their own.
	Paid, Cancelled bool
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
	// Owes lists what the owner may want a push for.
	Owes []bellhop.PushKind
}

// newFor is how long something is news.
const newFor = 24 * time.Hour

// Merge merges a fact into an order. It is commutative, associative and idempotent in
// State: an order's versions are a register in which the greatest wins, each kind of touch
// is another, and a tombstone beats all. So every shuffle of the same facts, with any
// repeated, ends in the same State.
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
	case f.Touch != nil && f.Touch.Kind == bellhop.TouchEdit:
		m.Result.Outcome = later(f.Touch.Compare(s.Edit))
		m.State.Edit = newest(s.Edit, *f.Touch)
	case f.Touch != nil:
		m.Result.Outcome = later(f.Touch.Compare(s.Refund))
		m.State.Refund = newest(s.Refund, *f.Touch)
		if s.Refund == (bellhop.Touch{}) && !s.Version.IsZero() && f.At.Sub(f.Touch.At) <= newFor {
			m.Owes = []bellhop.PushKind{bellhop.PushOrderRefunded}
		}
	default:
		mergeContent(&m, s, f)
	}
	return m
}

// mergeContent keeps the newer version. The same body again is a duplicate even if it was
// triggered later. It keeps the later time: else a third version between the two would win
// or lose by the order of arrival.
func mergeContent(m *Merged, s State, f bellhop.Fact) {
	v := f.Order.Version
	m.First = s.Version.IsZero()
	c := v.Compare(s.Version)
	m.Result.Outcome = later(c)
	if !m.First && v.Hash == s.Version.Hash && v.UpdatedAt.Equal(s.Version.UpdatedAt) {
		m.Result.Outcome = bellhop.OutcomeDuplicate
	}
	if c > 0 {
		m.State.Version = v
		m.Content = m.Result.Outcome == bellhop.OutcomeRecorded
	}
	if m.Content {
		m.State.Paid, m.State.Cancelled = f.Order.WasPaid(), !f.Order.CancelledAt.IsZero()
		m.Owes = news(m, s, f)
	}
}

// news returns what a newer version brings. A first version is news itself.
func news(m *Merged, s State, f bellhop.Fact) (kinds []bellhop.PushKind) {
	if m.First {
		if f.At.Sub(f.Order.PlacedAt) <= newFor {
			kinds = append(kinds, bellhop.PushOrderNew)
		}
		return kinds
	}
	if f.At.Sub(f.Order.UpdatedAt) > newFor {
		return nil
	}
	if m.State.Paid && !s.Paid {
		kinds = append(kinds, bellhop.PushOrderPaid)
	}
	if m.State.Cancelled && !s.Cancelled {
		kinds = append(kinds, bellhop.PushOrderCancelled)
	}
	return kinds
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

func newest(a, b bellhop.Touch) bellhop.Touch {
	if b.Compare(a) > 0 {
		return b
	}
	return a
}

// Change returns the stream's change: none for an order that has not come yet, and none
// where nothing changed.
func (m Merged) Change(before State) (kind store.ChangeKind, ok bool) {
	switch {
	case m.Result.Outcome != bellhop.OutcomeRecorded:
		return "", false
	case m.First:
		return store.ChangeRecorded, true
	}
	return store.ChangeUpdated, !before.Version.IsZero()
}
