package rules

import "bellhop"

// PlanRefill decides what facts that were recorded before add to the orders that an older bellhop
// kept less of: the content of the body that is an order's version, and every step of its history.
// It leaves out what is not recorded yet, since that is news, and what was redacted. It adds no order, owes no
// push and changes neither the stream nor the ledger. It returns how many orders change.
func PlanRefill(before Before, facts []bellhop.Fact) (*Recording, int) {
	p := recordPlan{before: before, orders: map[OrderKey]*OrderChange{}, orderRoom: make([]OrderChange, len(facts))}
	for i := range facts {
		f := &facts[i]
		shop := before.Shops[f.Event.Shop]
		if f.OrderID == 0 || skipFor(f, shop) != "" || !settles(before.Lines[f.Event.ID].Outcome) ||
			before.Orders[OrderKey{shop.Row, f.OrderID}] == nil {
			continue
		}
		if o := p.order(shop, f); !o.State.Deleted && !f.Deleted && o.State.RedactedFor == "" && !p.forgets(f) {
			p.refill(o, f)
		}
	}
	return &p.Recording, len(p.Orders)
}

func (p *recordPlan) refill(o *OrderChange, f *bellhop.Fact) {
	m := Merged{State: o.State}
	if f.History != nil {
		m.happened(f.History)
	} else {
		m.happened(&f.Order.History)
		v, w := f.Order.Version, o.State.Version
		m.Content = v.Hash == w.Hash && v.UpdatedAt.Equal(w.UpdatedAt)
	}
	if m.Content {
		if len(m.State.History.Refunds) > 0 { // an older bellhop took a restock for a refund
			m.State.RefundedAt = m.State.History.RefundedAt()
		}
		if was := o.content(o.State.Version); was != nil {
			f = withKept(f, was)
		}
		o.Content = f
	}
	if !m.Content && !m.Happened {
		return
	}
	o.State, o.Happened = m.State, o.Happened || m.Happened
	if !o.changed {
		o.changed, p.Orders = true, append(p.Orders, o)
	}
}
