package rules

import (
	"cmp"
	"slices"

	"bellhop"
	"bellhop/store"
)

// Rings counts the pushes for a new order that have the same status and reason.
type Rings struct {
	Status bellhop.PushStatus
	Reason string
	N      int64
}

// Fate says whether somebody was rung for an order, or why not: see [store.Fate]. A fan-out that is not written yet
// counts as a pending push. One that found no device any more left no push.
func Fate(f *store.Fate, of []Rings) {
	if len(of) == 0 {
		f.Quiet = store.ReasonNoDevice
		return
	}
	first := slices.MinFunc(of, func(a, b Rings) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(b.N, a.N), cmp.Compare(a.why(), b.why()))
	})
	if f.Rung = rank(first) == rung; !f.Rung {
		f.Quiet = first.why()
	}
}

// What tells the most of an order comes first.
const (
	rung = iota
	owed
	failed
	skipped
)

func rank(r Rings) int {
	switch r.Status {
	case bellhop.PushSent, bellhop.PushUnknown:
		return rung
	case bellhop.PushFailed:
		return failed
	case bellhop.PushSkipped:
		return skipped
	}
	return owed
}

func (r Rings) why() string { return cmp.Or(r.Reason, string(r.Status)) }
