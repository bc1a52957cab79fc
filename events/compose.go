package events

import (
	"fmt"
	"time"

	"bellhop"
)

// Change is a change that an event reports.
type Change struct {
	// Origin names this sequence of changes among all others, such as those of
	// another store.
	Origin      string
	Seq         int64
	Type        Type
	Shop        string
	OrderID     int64
	PushID      int64 // with [PushSettled]
	At          time.Time
	TraceParent string
}

// Composer makes events.
type Composer struct {
	// Customer adds the customer and the order's note to events.
	Customer bool
}

// Order makes an event about an order. o is nil when the order was deleted
// meanwhile.
func (c Composer) Order(ch Change, o *bellhop.Order) *Event {
	if o == nil {
		return ch.event(DeletedOrder{ID: id(ch.OrderID), Shop: ch.Shop, Deleted: true})
	}
	data := WholeOrderOf(o)
	if !c.Customer {
		data.Customer, data.Note = nil, nil
		data.hideCustomer()
	}
	return ch.event(data)
}

// hideCustomer leaves out what is about a person, or what a person wrote.
func (o *Order) hideCustomer() {
	d := o.Details
	d.Contact, d.Billing, d.Shipping, d.Attributes, d.PONumber = nil, nil, nil, nil, ""
	for i := range *o.Items {
		(*o.Items)[i].Properties = []bellhop.Attribute{}
	}
	for i := range o.History.Refunds {
		o.History.Refunds[i].Note = ""
	}
	for i := range o.History.Fulfillments {
		o.History.Fulfillments[i].Tracking = []bellhop.Tracking{}
	}
}

// Push makes an event about a push. gone is true when its order was deleted meanwhile.
func (c Composer) Push(ch Change, p *bellhop.Push, gone bool) *Event {
	data := SettledPush{Push: PushOf(p), OrderDeleted: gone}
	data.Shop, data.Order = ch.Shop, id(ch.OrderID)
	return ch.event(data)
}

// event makes an event with an id that depends on the change alone. The time is
// part of it, since a database that was restored from a backup gives out the same
// numbers again.
func (ch Change) event(data any) *Event {
	return &Event{ID: fmt.Sprintf("%s-%d-%d", ch.Origin, ch.Seq, ch.At.UnixMicro()), Shop: ch.Shop, Type: ch.Type,
		OrderID: ch.OrderID, Time: ch.At, Sequence: ch.Seq, TraceParent: ch.TraceParent, Data: data}
}
