package bellhop

import (
	"cmp"
	"slices"
	"time"
)

// History is what happened to an order since it was placed. Orders state it, and so do events of
// their own, in any order and repeatedly. Each kind is a set by Shopify's id, sorted by it.
type History struct {
	Refunds      []Refund      `json:"refunds,omitempty"`
	Fulfillments []Fulfillment `json:"fulfillments,omitempty"`
	Edits        []Edit        `json:"edits,omitempty"`
	Risks        []Risk        `json:"risks,omitempty"`
}

// Step is what all parts of a history have. The newest statement about an id wins.
type Step struct {
	ID   int64     `json:"id"`
	At   time.Time `json:"at"`
	Said Version   `json:"said"` // when Shopify said so
}

// Refund is money or goods that went back.
type Refund struct {
	Step
	Amount Amount `json:"amount,omitempty"` // "" when no money went back: a restock or an edit
	// Currency is that of Amount, where Shopify said only what the buyer got; "" is the order's.
	Currency string       `json:"currency,omitempty"`
	Note     string       `json:"note,omitempty"`
	Lines    []RefundLine `json:"lines,omitempty"`
}

// RefundLine is a line that went back.
type RefundLine struct {
	Item     int64  `json:"item"`
	Quantity int64  `json:"quantity"`
	Amount   Amount `json:"amount,omitempty"`
	Restock  string `json:"restock,omitempty"` // return, cancel, no_restock
}

// Fulfillment is a parcel.
type Fulfillment struct {
	Step
	Status   string         `json:"status,omitempty"`          // success, cancelled, failure, …
	Shipment string         `json:"shipment_status,omitempty"` // of the carrier: in_transit, delivered, …
	Carrier  string         `json:"carrier,omitempty"`
	Tracking []Tracking     `json:"tracking,omitempty"`
	Lines    []LineQuantity `json:"lines,omitempty"`
}

// Tracking is a parcel's number at its carrier.
type Tracking struct {
	Number string `json:"number,omitempty"`
	URL    string `json:"url,omitempty"` // http or https; "" for none
}

// Edit is a change of an order's lines.
type Edit struct {
	Step
	Added   []LineQuantity `json:"added,omitempty"`
	Removed []LineQuantity `json:"removed,omitempty"`
}

// Risk is an assessment of an order by one provider.
type Risk struct {
	Step
	Level    string `json:"level"` // low, medium, high, …
	Provider string `json:"provider,omitempty"`
}

// LineQuantity is some pieces of a line.
type LineQuantity struct {
	Item     int64 `json:"item"`
	Quantity int64 `json:"quantity"`
}

// MaxSteps bounds each kind of step of an order. The greatest ids stay.
const MaxSteps = 250

// Empty reports whether nothing happened.
func (h *History) Empty() bool {
	return len(h.Refunds) == 0 && len(h.Fulfillments) == 0 && len(h.Edits) == 0 && len(h.Risks) == 0
}

// Merge returns what h and g say together, and whether that is more than h says. It is
// commutative, associative and idempotent.
func (h History) Merge(g History) (m History, changed bool) {
	var r, f, e, k bool
	m.Refunds, r = merge(h.Refunds, g.Refunds)
	m.Fulfillments, f = merge(h.Fulfillments, g.Fulfillments)
	m.Edits, e = merge(h.Edits, g.Edits)
	m.Risks, k = merge(h.Risks, g.Risks)
	return m, r || f || e || k
}

// Outdates reports whether h has a newer statement about something that g says.
func (h History) Outdates(g History) bool {
	return outdates(h.Refunds, g.Refunds) || outdates(h.Fulfillments, g.Fulfillments) ||
		outdates(h.Edits, g.Edits) || outdates(h.Risks, g.Risks)
}

func (s Step) step() Step { return s }

type stepper interface{ step() Step }

func find[T stepper](all []T, id int64) (at int, there bool) {
	return slices.BinarySearchFunc(all, id, func(t T, id int64) int { return cmp.Compare(t.step().ID, id) })
}

// merge merges two sets. Without a change it returns the first itself.
func merge[T stepper](was, more []T) (all []T, changed bool) {
	all = was
	for _, s := range more {
		at, there := find(all, s.step().ID)
		if there && s.step().Said.Compare(all[at].step().Said) <= 0 || !there && at == 0 && len(all) >= MaxSteps {
			continue
		}
		if !changed {
			all, changed = slices.Clone(was), true
		}
		if there {
			all[at] = s
		} else {
			all = slices.Insert(all, at, s)
		}
	}
	return all[max(0, len(all)-MaxSteps):], changed
}

func outdates[T stepper](all, others []T) bool {
	return slices.ContainsFunc(others, func(s T) bool {
		at, there := find(all, s.step().ID)
		return there && all[at].step().Said.Compare(s.step().Said) > 0
	})
}

// EditedAt is the time of the newest edit; zero without one.
func (h *History) EditedAt() (at time.Time) {
	for i := range h.Edits {
		if h.Edits[i].At.After(at) {
			at = h.Edits[i].At
		}
	}
	return at
}

// RefundedAt is when money went back for the last time; zero if none did.
func (h *History) RefundedAt() (at time.Time) {
	for i := range h.Refunds {
		if r := &h.Refunds[i]; r.Amount != "" && r.At.After(at) {
			at = r.At
		}
	}
	return at
}

// Refund returns a refund of the history.
func (h *History) Refund(id int64) (r Refund, ok bool) {
	at, ok := find(h.Refunds, id)
	if !ok {
		return Refund{}, false
	}
	return h.Refunds[at], true
}
