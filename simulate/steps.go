package simulate

// refund appends a refund as in an order, and as the body of refunds/create. Its subtotals are
// numbers beside texts, as in Shopify's own samples.
func (w *renderer) refund(r *refund) {
	w.add(`{"id":`, r.id, gid{"Refund", r.id}, `,"created_at":`, r.at, `,"note":`, text(r.note), `,"order_id":`, w.o.id,
		`,"processed_at":`, r.at, `,"restock":`, len(r.lines) > 0, `,"user_id":null,"order_adjustments":[`)
	if r.shipping.shop > 0 {
		back := cash{}.minus(r.shipping)
		w.add(`{"id":`, r.id+1, `,"amount":`, amount(back), `,"amount_set":`, amounts(back), `,"kind":"shipping_refund",`+
			`"order_id":`, w.o.id, `,"reason":"Shipping refund","refund_id":`, r.id, price{"tax_amount", cash{}}, `}`)
	}
	w.add(`],"transactions":[`)
	for i, p := range r.payments {
		w.comma(i)
		w.add(`{"id":`, r.id+10+int64(i), gid{"OrderTransaction", r.id + 10 + int64(i)}, `,"amount":`)
		w.amount(p.buyer, w.o.presDigits)
		w.add(`,"authorization":null,"created_at":`, r.at, `,"currency":`, text(w.o.presentment),
			`,"error_code":null,"gateway":`, text(w.o.gateways[0]), `,"kind":"refund","message":null,"order_id":`, w.o.id,
			`,"processed_at":`, r.at, `,"status":"success","test":`, w.o.test, `}`)
	}
	w.add(`],"refund_line_items":[`)
	for i := range r.lines {
		l := &r.lines[i]
		item := &w.v.lines[l.line]
		w.comma(i)
		w.add(`{"id":`, r.id+20+int64(i), `,"line_item_id":`, item.id, `,"location_id":null,"quantity":`, l.pieces,
			`,"restock_type":`, text(l.restock), `,"subtotal":`, decimal(l.net), `,"subtotal_set":`, amounts(l.net),
			`,"total_tax":`, decimal(l.tax), `,"total_tax_set":`, amounts(l.tax), `,"line_item":`)
		w.lineItem(item, item.quantity)
		w.add(`}`)
	}
	w.add(`],"duties":[],"total_duties_set":`, amounts(cash{}), `}`)
}

// parcel appends a fulfillment as in an order, and as the body of fulfillments/*.
func (w *renderer) parcel(p *parcel) {
	c := &carriers[p.carrier]
	w.add(`{"id":`, p.id, gid{"Fulfillment", p.id}, `,"created_at":`, p.at,
		`,"location_id":null,"name":"`, w.o.name(), `.`, p.number, `","order_id":`, w.o.id, `,"origin_address":{},"receipt":{},"service":"manual","shipment_status":`,
		orNull(p.shipment), `,"status":`, text(p.status), `,"tracking_company":`, text(c.name), `,"tracking_number":`)
	w.label(p, "", 0)
	w.labels(`,"tracking_numbers":[`, p, "")
	w.add(`,"tracking_url":`)
	if c.url == "" {
		w.add(`null,"tracking_urls":[]`)
	} else {
		w.label(p, c.url, 0)
		w.labels(`,"tracking_urls":[`, p, c.url)
	}
	w.add(`,"updated_at":`, p.updated, `,"line_items":[`)
	for i, l := range p.lines {
		w.comma(i)
		w.lineItem(&w.v.lines[l.line], l.pieces)
	}
	w.add(`]}`)
}

// label appends the number of a parcel's i-th label, or its link; null without labels.
func (w *renderer) label(p *parcel, url string, i int) {
	if p.labels == 0 {
		w.add("null")
		return
	}
	w.b = appendText(w.b, url)
	w.b = w.b[:len(w.b)-1]
	w.add(`EX`, p.id, int64(i), `"`)
}

func (w *renderer) labels(key string, p *parcel, url string) {
	w.add(key)
	for i := range p.labels {
		w.comma(i)
		w.label(p, url, i)
	}
	w.add(`]`)
}

// edit appends what orders/edited carries: the edit, not the order.
func (w *renderer) edit(e *edit) {
	w.add(`{"order_edit":{"id":`, e.id, `,"app_id":null,"created_at":`, e.at, `,"committed_at":`, e.at,
		`,"notify_customer":false,"order_id":`, w.o.id, `,"staff_note":"","user_id":null,"line_items":{"additions":[`)
	w.deltas(e.added)
	w.add(`],"removals":[`)
	w.deltas(e.removed)
	w.add(`]},"discounts":{"line_item":{"additions":[],"removals":[]}},"shipping_lines":{"additions":[],"removals":[`)
	if e.shipping {
		w.add(`{"id":`, w.o.id+4, `}`)
	}
	w.add(`]}}}`)
}

func (w *renderer) deltas(all []linePieces) {
	for i, l := range all {
		w.comma(i)
		w.add(`{"id":`, w.v.lines[l.line].id, `,"delta":`, l.pieces, `}`)
	}
}

// risk appends what orders/risk_assessment_changed carries.
func (w *renderer) risk(r *risk) {
	w.add(`{"provider_id":`, r.id, `,"provider_title":"`+riskProvider+`","risk_level":`, text(r.level),
		`,"created_at":`, r.at, `,"order_id":`, w.o.id,
		`,"admin_graphql_api_order_id":"gid:\/\/shopify\/Order\/`, w.o.id, `"}`)
}

// deletion appends what orders/delete carries.
func (w *renderer) deletion() { w.add(`{"id":`, w.o.id, `}`) }
