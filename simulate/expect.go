package simulate

import "bellhop"

// OrderKey names an order.
type OrderKey struct {
	Shop string
	ID   int64
}

// Expected is the state that an order must end in, in whatever order its deliveries arrived.
type Expected struct {
	// Order is as the newest version has it, with EditedAt and RefundedAt of the touches. Its
	// content is zero unless Known. The owner's fields and the trace stay zero.
	Order   bellhop.Order
	Known   bool // a version of the order was taken, not only touches
	Deleted bool // a tombstone was taken: the order must not be shown
	// Unsure is set when another delivery for the order was tried and never
	// acknowledged: it may have been taken or not, and may be newer.
	Unsure bool
}

// Model computes the final state of orders from the accepted deliveries: the newest version wins,
// the newest touch of each kind wins, and a tombstone beats both. The order of adding does not
// matter.
type Model struct{ orders map[OrderKey]*modelled }

type modelled struct {
	newest  bellhop.Version
	says    *statement // of newest; nil while only touches are known
	history bellhop.History
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
	switch {
	case d.says.deleted:
		o.deleted = true
	case d.says.history != nil:
		o.history, _ = o.history.Merge(*d.says.history)
	default:
		if v := d.Version(); o.says == nil || v.Compare(o.newest) > 0 {
			o.newest, o.says = v, &d.says
		}
	}
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
		e.Known = true
		e.Order = *o.says.order.asOrder(&o.says.state, o.newest)
	}
	e.Order.EditedAt = o.history.EditedAt()
	e.Order.RefundedAt = o.history.RefundedAt()
	return e
}
