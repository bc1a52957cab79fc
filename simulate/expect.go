package simulate

import (
	"maps"
	"slices"

	"bellhop"
)

// OrderKey names an order.
type OrderKey struct {
	Shop string
	ID   int64
}

// Expected is the state that an order must end in, in whatever order its deliveries arrived.
type Expected struct {
	// Order is as the newest version has it, with the history of all deliveries. Its content is
	// zero unless Known. The owner's fields and the trace stay zero.
	Order    bellhop.Order
	Known    bool // a version of the order was taken, not only steps of its history
	Imported bool // it was placed so long ago that no phone rings
	Deleted  bool // a tombstone was taken: the order must not be shown
	// Unsure is set when another delivery for the order was tried and never
	// acknowledged: it may have been taken or not, and may be newer.
	Unsure bool
}

// Model computes the final state of orders from the accepted deliveries: the newest version wins,
// the newest statement about each step of an order's history wins, and a tombstone beats both. The
// order of adding does not matter.
type Model struct{ orders map[OrderKey]*modelled }

type modelled struct {
	newest  bellhop.Version
	says    *statement // of newest; nil while only steps are known
	refunds map[int64]bellhop.Refund
	parcels map[int64]bellhop.Fulfillment
	edits   map[int64]bellhop.Edit
	risks   map[int64]bellhop.Risk
	deleted bool
	taken   bool
	unsure  bool
}

// NewModel returns a model without orders.
func NewModel() *Model { return &Model{orders: map[OrderKey]*modelled{}} }

// Take adds a delivery that was acknowledged. Poison changes nothing.
func (m *Model) Take(d *Delivery) {
	if d.Poison != "" {
		return
	}
	o := m.order(d)
	o.taken = true
	if d.says.deleted {
		o.deleted = true
		return
	}
	if v := d.Version(); !v.IsZero() && (o.says == nil || v.Compare(o.newest) > 0) {
		o.newest, o.says = v, &d.says
	}
	h := d.history()
	o.refunds = newest(o.refunds, h.Refunds, func(s bellhop.Refund) bellhop.Step { return s.Step })
	o.parcels = newest(o.parcels, h.Fulfillments, func(s bellhop.Fulfillment) bellhop.Step { return s.Step })
	o.edits = newest(o.edits, h.Edits, func(s bellhop.Edit) bellhop.Step { return s.Step })
	o.risks = newest(o.risks, h.Risks, func(s bellhop.Risk) bellhop.Step { return s.Step })
}

// newest keeps the newest statement about each step. It is on purpose not what bellhop does.
func newest[S any](known map[int64]S, said []S, step func(S) bellhop.Step) map[int64]S {
	for _, s := range said {
		id := step(s).ID
		if known == nil {
			known = map[int64]S{}
		}
		if old, ok := known[id]; !ok || step(s).Said.Compare(step(old).Said) > 0 {
			known[id] = s
		}
	}
	return known
}

// byID lists the steps in the order of their ids.
func byID[S any](known map[int64]S) (all []S) {
	for _, id := range slices.Sorted(maps.Keys(known)) {
		all = append(all, known[id])
	}
	return all
}

// doubt notes a delivery that the endpoint may have taken or not.
func (m *Model) doubt(d *Delivery) {
	if d.Poison == "" {
		m.order(d).unsure = true
	}
}

func (m *Model) order(d *Delivery) *modelled {
	k := OrderKey{d.Shop, d.OrderID}
	o := m.orders[k]
	if o == nil {
		o = &modelled{}
		m.orders[k] = o
	}
	return o
}

// Expect returns the state of every order with an accepted delivery.
func (m *Model) Expect() map[OrderKey]Expected {
	out := make(map[OrderKey]Expected, len(m.orders))
	for k, o := range m.orders {
		if o.taken {
			out[k] = o.expected(k)
		}
	}
	return out
}

func (o *modelled) expected(k OrderKey) Expected {
	e := Expected{Order: bellhop.Order{Shop: k.Shop, ID: k.ID}, Deleted: o.deleted, Unsure: o.unsure}
	if o.says != nil {
		e.Known, e.Imported = true, o.says.order.imported()
		e.Order = *o.says.order.asOrder(&o.says.state, o.newest)
	}
	e.Order.History = bellhop.History{Refunds: byID(o.refunds), Fulfillments: byID(o.parcels), Edits: byID(o.edits),
		Risks: byID(o.risks)}
	for _, s := range o.edits {
		if s.At.After(e.Order.EditedAt) {
			e.Order.EditedAt = s.At
		}
	}
	for _, s := range o.refunds {
		if s.Amount != "" && s.At.After(e.Order.RefundedAt) {
			e.Order.RefundedAt = s.At
		}
	}
	return e
}
