package store

import (
	"time"

	"bellhop"
)

// State is what [Merge] looks at of an order: nothing else decides. An order
// that was never heard of has the zero State.
type State struct {
	Version bellhop.Version // zero until the order itself came
	Edit    bellhop.Touch   // the newest; zero until there is one
	Refund  bellhop.Touch
	Deleted bool
}

// Merged is what a fact does to an order.
type Merged struct {
	State  State // after it
	Result bellhop.Result
	// Content is set when the fact's order replaces what is stored of it.
	Content bool
	// First is set when the order's content is seen for the first time.
	First bool
	// Wipe is set when the order was deleted just now: the content goes, the
	// tombstone stays.
	Wipe bool
	// Owes is set when the owner is to be told of a new order.
	Owes bool
}

// newFor is how long after it was placed an order is still news.
const newFor = 24 * time.Hour

// Merge says what a fact does to an order. It is commutative, associative and
// idempotent in State: an order's versions are a register in which the greatest
// wins, each kind of touch is another, and a tombstone beats all. Hence every
// shuffle of the same facts, with any repeated, ends in the same State.
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
	default:
		mergeContent(&m, s, f)
	}
	return m
}

// mergeContent keeps the newer version. The same body again is a duplicate even
// when it was triggered later, but the later time is kept, or else a third
// version between the two would win or lose by the order of arrival.
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
	m.Owes = m.First && f.At.Sub(f.Order.PlacedAt) <= newFor
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
