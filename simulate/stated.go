package simulate

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"bellhop"
)

// asOrder returns the order as bellhop should know it in this state.
func (o *order) asOrder(st *orderState, v bellhop.Version) *bellhop.Order {
	var w view
	w.look(o, st)
	b := &bellhop.Order{
		Shop: o.shop, ID: o.id, Version: v, Name: o.name(), Number: o.number,
		Total: o.money(o.placed.total.shop), Current: o.money(w.now.total.shop),
		CustomerEmail: o.email(), Note: st.note,
		FinancialStatus: st.financial, FulfillmentStatus: cmp.Or(w.fulfillment(st), "unfulfilled"),
		Test: o.test, PlacedAt: o.processed, CreatedAt: o.created, UpdatedAt: st.updated, CancelledAt: st.cancelled,
		History: o.history(st, v),
	}
	switch o.customer {
	case customerFull:
		b.CustomerName = o.buyer.full
	case customerWithheld:
		if o.business {
			b.CustomerName = o.buyer.place.company
		}
	}
	if o.presentment != o.currency {
		m := o.buyersMoney(o.placed.total)
		b.Presentment = &m
	}
	for i := range w.lines {
		if l := &w.lines[i]; l.kind != lineTip {
			b.Pieces += l.current
		}
	}
	b.Details = o.details(st, &w)
	return b
}

func (o *order) details(st *orderState, w *view) bellhop.Details {
	d := bellhop.Details{
		Schema: 1, Placed: o.sums(o.placed), Now: o.sums(w.now), Outstanding: o.amount(st.outstanding(w)),
		TaxesIncluded: o.tax.included, Customer: o.asCustomer(), Billing: o.asAddress(o.business),
		Shipping: o.asAddress(false), ShippingLines: o.asShipping(st), Attributes: asAttributes(o.attributes),
		Gateways: o.gateways, Source: o.source, CancelReason: st.reason, ReturnStatus: st.returns,
	}
	d.Now.Tips = "" // Shopify says only what they were
	if o.presentment != o.currency {
		d.BuyersNow = bellhop.Amount(o.buyersMoney(w.now.total).String())
	}
	for i := range w.lines {
		d.Items = append(d.Items, o.asItem(&w.lines[i]))
	}
	if o.bundle > 0 {
		d.Groups = []bellhop.ItemGroup{{ID: o.id*3 + 1, Title: bundleTitle, Quantity: 1}}
	}
	if o.placed.tax.shop > 0 {
		d.TaxLines = []bellhop.TaxLine{{Title: o.tax.title, Rate: o.tax.rate, Price: o.amount(o.placed.tax)}}
	}
	if o.code != codeNone {
		d.DiscountCodes = []bellhop.DiscountCode{{Code: codes[o.code].code, Amount: o.amount(o.coded)}}
	}
	if st.tags != "" {
		d.Tags = strings.Split(st.tags, ", ")
	}
	if o.poNumber {
		d.PONumber = fmt.Sprintf("PO-%d", o.number)
	}
	if !st.closed.IsZero() {
		at := st.closed
		d.ClosedAt = &at
	}
	return d
}

func (o *order) sums(s sums) bellhop.Sums {
	return bellhop.Sums{Subtotal: o.amount(s.subtotal), Discounts: o.amount(s.discounts), Shipping: o.amount(s.shipping),
		Tax: o.amount(s.tax), Tips: o.amount(s.tips)}
}

func (o *order) asCustomer() *bellhop.Customer {
	c := &bellhop.Customer{Locale: o.buyer.place.locale}
	if o.customer == customerNone {
		return c
	}
	c.ID = o.customerID
	if o.customer == customerFull {
		c.Name, c.Email = o.buyer.full, o.email()
		if o.phoned {
			c.Phone = fmt.Sprint(o.buyer.place.mobile, o.phoneDigits())
		}
	}
	return c
}

func (o *order) asAddress(nameless bool) *bellhop.Address {
	if o.customer == customerNone {
		return nil
	}
	p := o.buyer.place
	a := &bellhop.Address{City: p.city, Province: p.province, ProvinceCode: p.provinceCode,
		Country: p.country, CountryCode: p.countryCode}
	if o.business {
		a.Company = p.company
	}
	if o.customer == customerWithheld {
		return a
	}
	a.Address1, a.Address2, a.Zip = p.address1, p.address2, p.zip
	a.Phone = fmt.Sprint(p.phone, o.phoneDigits())
	switch {
	case nameless:
	case p.familyFirst && !o.western:
		a.Name = o.buyer.last + o.buyer.first
	default:
		a.Name = o.buyer.full
	}
	return a
}

func (o *order) asItem(l *lineView) bellhop.Item {
	return bellhop.Item{
		ID: l.id, Title: l.product.title, Variant: l.product.variant, SKU: l.product.sku, Vendor: l.product.vendor,
		Quantity: l.quantity, Current: l.current, ToFulfil: l.fulfillable,
		Price: o.amount(l.price), Discount: o.someAmount(l.autoOff.plus(l.codeOff)), Total: o.amount(l.net),
		Tax: o.someAmount(l.tax), Properties: asAttributes(l.properties), Group: l.group,
		GiftCard: l.kind == lineGift, Tip: l.kind == lineTip, Custom: l.kind == lineCustom,
	}
}

func asAttributes(all []attribute) (to []bellhop.Attribute) {
	for _, a := range all {
		to = append(to, bellhop.Attribute{Name: a.name, Value: a.value})
	}
	return to
}

func (o *order) asShipping(st *orderState) (all []bellhop.ShippingLine) {
	p := o.buyer.place
	if o.shipping[0].shop > 0 {
		s := bellhop.ShippingLine{Title: p.shipping, Code: p.shippingCode, Price: o.amount(o.shipping[0]),
			Discount: o.someAmount(o.shippingOff())}
		if s.Code == s.Title { // which says nothing more
			s.Code = ""
		}
		all = append(all, s)
	}
	if o.shipping[1].shop > 0 {
		all = append(all, bellhop.ShippingLine{Title: p.express, Code: expressCode, Price: o.amount(o.shipping[1]),
			Removed: st.shippingRemoved})
	}
	return all
}

// history returns what an order's body says of refunds and parcels. v is the body's version.
func (o *order) history(st *orderState, v bellhop.Version) (h bellhop.History) {
	for i := range st.refunds {
		h.Refunds = append(h.Refunds, o.asRefund(&st.refunds[i], v))
	}
	for i := range st.parcels {
		h.Fulfillments = append(h.Fulfillments, o.asFulfillment(&st.parcels[i], v))
	}
	slices.SortFunc(h.Refunds, func(a, b bellhop.Refund) int { return cmp.Compare(a.ID, b.ID) })
	slices.SortFunc(h.Fulfillments, func(a, b bellhop.Fulfillment) int { return cmp.Compare(a.ID, b.ID) })
	return h
}

// said is a step as a body of version v states it.
func (h happening) said(v bellhop.Version, updated time.Time) bellhop.Step {
	v.UpdatedAt = updated.UTC()
	return bellhop.Step{ID: h.id, At: h.at, Said: v}
}

func (o *order) asRefund(r *refund, v bellhop.Version) bellhop.Refund {
	b := bellhop.Refund{Step: r.said(v, r.at), Note: r.note}
	for _, l := range r.lines {
		b.Lines = append(b.Lines, bellhop.RefundLine{Item: o.line(l.line).id, Quantity: l.pieces, Amount: o.amount(l.net),
			Restock: l.restock})
	}
	if len(r.payments) > 0 {
		b.Amount = o.amount(r.money())
	}
	return b
}

// money is what went back.
func (r *refund) money() (sum cash) {
	for _, p := range r.payments {
		sum = sum.plus(p)
	}
	return sum
}

func (o *order) asFulfillment(p *parcel, v bellhop.Version) bellhop.Fulfillment {
	b := bellhop.Fulfillment{Step: p.said(v, p.updated), Status: p.status, Shipment: p.shipment,
		Carrier: carriers[p.carrier].name, Lines: o.asPieces(p.lines)}
	for i := range p.labels {
		t := bellhop.Tracking{Number: fmt.Sprintf("EX%d%d", p.id, i)}
		if url := carriers[p.carrier].url; url != "" {
			t.URL = url + t.Number
		}
		b.Tracking = append(b.Tracking, t)
	}
	return b
}

func (o *order) asPieces(all []linePieces) (to []bellhop.LineQuantity) {
	for _, l := range all {
		to = append(to, bellhop.LineQuantity{Item: o.line(l.line).id, Quantity: l.pieces})
	}
	return to
}

// outstanding is what the buyer still owes.
func (st *orderState) outstanding(w *view) cash {
	due := w.now.total.minus(st.kept())
	if due.shop <= 0 || !st.cancelled.IsZero() {
		return cash{}
	}
	return due
}

// kept is what the shop has of the buyer's money.
func (st *orderState) kept() cash {
	kept := st.paid
	for i := range st.refunds {
		kept = kept.minus(st.refunds[i].money())
	}
	return kept
}

// stated returns the history that a body of one step alone states.
func (s *statement) stated(v bellhop.Version) (h bellhop.History) {
	o, st := s.order, &s.state
	switch s.step {
	case stepEdit:
		e := st.edits[len(st.edits)-1]
		h.Edits = []bellhop.Edit{{Step: e.said(v, e.at), Added: o.asPieces(e.added), Removed: o.asPieces(e.removed)}}
	case stepRefund:
		h.Refunds = []bellhop.Refund{o.asRefund(&st.refunds[len(st.refunds)-1], v)}
	case stepParcel:
		h.Fulfillments = []bellhop.Fulfillment{o.asFulfillment(&st.parcels[len(st.parcels)-1], v)}
	case stepRisk:
		r := st.risks[len(st.risks)-1]
		h.Risks = []bellhop.Risk{{Step: r.said(v, r.at), Level: r.level, Provider: riskProvider}}
	}
	return h
}
