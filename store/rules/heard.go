package rules

import (
	"math"
	"slices"
	"time"

	"bellhop"
	"bellhop/store"
)

// Heard sums up the events of a shop and topic that were accepted in one [store.HeardSlot]. Sums of
// the same slot merge: the earliest First and the latest Last count, in any order.
type Heard struct {
	HeardKey
	First, Last time.Time
}

// HeardKey names a sum: the row of its shop, its topic, and when its slot begins, in seconds since
// 1970.
type HeardKey struct {
	Shop  int64
	Topic string
	Slot  int64
}

// SlotOf returns the beginning of a time's slot, in seconds since 1970.
func SlotOf(t time.Time) int64 { return t.Truncate(store.HeardSlot).Unix() }

// SlotBefore is the slot before which those of before a time begin; behind all for the zero time.
func SlotBefore(t time.Time) int64 {
	if t.IsZero() {
		return math.MaxInt64
	}
	return SlotOf(t)
}

// hear adds an event to its sum.
func (p *recordPlan) hear(shop int64, e *bellhop.Event) {
	k := HeardKey{Shop: shop, Topic: e.Topic, Slot: SlotOf(e.AcceptedAt)}
	h := p.heard[k]
	if h == nil {
		h = &Heard{HeardKey: k, First: e.AcceptedAt, Last: e.AcceptedAt}
		if p.heard == nil {
			p.heard = map[HeardKey]*Heard{}
		}
		p.heard[k], p.Heard = h, append(p.Heard, h)
	}
	if e.AcceptedAt.Before(h.First) {
		h.First = e.AcceptedAt
	}
	if e.AcceptedAt.After(h.Last) {
		h.Last = e.AcceptedAt
	}
}

// Silences finds the silences of a shop in its sums, of any topics and in any order: see
// [store.Statistics].
func Silences(heard []Heard, since time.Time, least time.Duration) (all []store.Silence) {
	slices.SortFunc(heard, func(a, b Heard) int { return a.First.Compare(b.First) })
	var last time.Time
	for _, h := range heard {
		if !last.IsZero() && h.First.Sub(last) >= least && h.First.After(since) {
			all = append(all, store.Silence{From: last, To: h.First})
		}
		if h.Last.After(last) {
			last = h.Last
		}
	}
	if !last.IsZero() {
		all = append(all, store.Silence{From: last})
	}
	return all[max(0, len(all)-store.MaxSilences):]
}
