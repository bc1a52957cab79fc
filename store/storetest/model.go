package storetest

import (
	"maps"
	"slices"
	"time"

	"bellhop"
)

// model is the expected order, computed without Merge: the greatest version, the newest
// statement about each edit and refund, and nothing once it was deleted.
type model struct {
	deleted bool
	newest  *bellhop.Order
	named   *bellhop.Order // the newest that shows its customer
	edits   map[int64]bellhop.Edit
	refunds map[int64]bellhop.Refund
}

func (m *model) add(f bellhop.Fact) {
	switch {
	case f.Deleted:
		m.deleted = true
	case f.Order != nil:
		if m.newest == nil || f.Order.Version.Compare(m.newest.Version) > 0 {
			m.newest = f.Order
		}
		if f.Order.Customer != nil && (m.named == nil || f.Order.Version.Compare(m.named.Version) > 0) {
			m.named = f.Order
		}
		m.happened(&f.Order.History)
	default:
		m.happened(f.History)
	}
}

// shown is the newest version, with the customer of the newest that shows one.
func (m *model) shown() *bellhop.Order {
	o := *m.newest
	if m.named != nil {
		o.Customer, o.CustomerName, o.CustomerEmail = m.named.Customer, m.named.CustomerName, m.named.CustomerEmail
	}
	return &o
}

func (m *model) happened(h *bellhop.History) {
	for _, e := range h.Edits {
		if was, ok := m.edits[e.ID]; !ok || e.Said.Compare(was.Said) > 0 {
			m.edits[e.ID] = e
		}
	}
	for _, r := range h.Refunds {
		if was, ok := m.refunds[r.ID]; !ok || r.Said.Compare(was.Said) > 0 {
			m.refunds[r.ID] = r
		}
	}
}

// history is the model's, in the form of the store.
func (m *model) history() (h bellhop.History, edited, refunded time.Time) {
	for _, id := range slices.Sorted(maps.Keys(m.edits)) {
		h.Edits = append(h.Edits, m.edits[id])
		edited = latest(edited, m.edits[id].At)
	}
	for _, id := range slices.Sorted(maps.Keys(m.refunds)) {
		r := m.refunds[id]
		if h.Refunds = append(h.Refunds, r); r.Amount != "" {
			refunded = latest(refunded, r.At)
		}
	}
	return h, edited, refunded
}

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
