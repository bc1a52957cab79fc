package simulate

import "time"

// Facts are what Shopify's search knows of an order, but for what [Delivery.Fulfillment] and [Delivery.Email] say.
type Facts struct {
	ID, Number                  int64
	Created, Updated, Processed time.Time // in the shop's zone
	Cancelled, Closed           time.Time // zero for none
	Financial, Source, Tags     string
	Test                        bool
}

// Facts returns the facts of the order after the delivery; zero but for ID with poison.
func (d *Delivery) Facts() Facts {
	o, st := d.says.order, &d.says.state
	switch {
	case d.says.given != nil:
		return d.says.given.facts
	case o == nil:
		return Facts{ID: d.OrderID}
	}
	return Facts{ID: o.id, Number: o.number, Created: o.created, Updated: st.updated, Processed: o.processed,
		Cancelled: st.cancelled, Closed: st.closed, Financial: st.financial, Source: o.source, Tags: st.tags, Test: o.test}
}

// Fulfillment is the order's status after the delivery; "" for null.
func (d *Delivery) Fulfillment() string {
	if d.says.given != nil {
		return d.says.given.fulfillment
	}
	var v view
	v.look(d.says.order, &d.says.state)
	return v.fulfillment(&d.says.state)
}

// Email is the customer's address; "" where there is none.
func (d *Delivery) Email() string {
	if d.says.given != nil {
		return d.says.given.email
	}
	return d.says.order.email()
}

// Known reports whether the delivery tells of an order that is there: not with poison, nor once it is deleted.
func (d *Delivery) Known() bool {
	return (d.says.order != nil || d.says.given != nil) && !d.says.deleted
}

// Parts are the ids of the order's parcels and refunds.
func (d *Delivery) Parts() (ids []int64) {
	if d.says.given != nil {
		return d.says.given.parts
	}
	for i := range d.says.state.parcels {
		ids = append(ids, d.says.state.parcels[i].id)
	}
	for i := range d.says.state.refunds {
		ids = append(ids, d.says.state.refunds[i].id)
	}
	return ids
}

// Lines counts the order's lines, its shipping lines, and those of them that an edit removed.
func (d *Delivery) Lines() (lines, shipping, removed int) {
	o, st := d.says.order, &d.says.state
	if g := d.says.given; g != nil {
		return g.lines, g.shipping, g.removed
	}
	for i, s := range o.shipping {
		switch {
		case s.shop == 0:
		case i == 1 && st.shippingRemoved:
			removed++
		default:
			shipping++
		}
	}
	return o.lines + st.added, shipping, removed
}
