package simulate

const (
	bundleTitle  = "Gift set"
	expressCode  = "express"
	riskProvider = "Example Fraud Check"
)

// orderBody appends a whole order, as all orders/* topics carry it except edited, delete and
// risk_assessment_changed. The keys and their order follow API version 2026-04, without those that
// are always null or empty in a small shop and that bellhop does not read. A typical order has about 6 KB.
func (w *renderer) orderBody(st *orderState) {
	o := w.o
	w.add(`{"id":`, o.id, gid{"Order", o.id})
	w.orderHead(st)
	w.orderNow(st)
	w.orderTail(st)
	w.people()
	w.discountApplications()
	w.add(`,"fulfillments":[`)
	for i := range st.parcels {
		w.comma(i)
		w.parcel(&st.parcels[i])
	}
	w.add(`],"line_items":[`)
	for i := range w.v.lines {
		w.comma(i)
		l := &w.v.lines[i]
		w.lineItem(l, l.quantity)
	}
	w.add(`],"payment_terms":null,"refunds":[`)
	for i := range st.refunds {
		w.comma(i)
		w.refund(&st.refunds[i])
	}
	w.add(`]`)
	w.shippingLines(st)
	if st.returns == "" {
		w.add(`,"returns":[]`)
	} else {
		w.add(`,"returns":[{"id":`, o.id+9, gid{"Return", o.id + 9}, `,"name":`, text(o.name()+"-R1"),
			`,"status":`, text(st.returns), `}]`)
	}
	w.groups()
	w.add(`}`)
}

func (w *renderer) orderHead(st *orderState) {
	o := w.o
	w.add(`,"app_id":580111,"browser_ip":"203.0.113.7","buyer_accepts_marketing":false,"cancel_reason":`, orNull(st.reason),
		`,"cancelled_at":`, st.cancelled, `,"cart_token":"hWN`, base36(o.token),
		`","checkout_token":"`, base16(o.token^0x5555555555555555),
		`","client_details":{"accept_language":`, text(o.buyer.place.locale),
		`,"browser_height":null,"browser_ip":"203.0.113.7","browser_width":null,"session_hash":null,"user_agent":"Mozilla\/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) `+
			`AppleWebKit\/605.1.15 (KHTML, like Gecko) Version\/18.1 Mobile\/15E148 Safari\/604.1"},"closed_at":`, st.closed,
		`,"confirmation_number":"`, base36(o.token%1e12), `","confirmed":true,"contact_email":`, orNull(o.email()),
		`,"created_at":`, o.created, `,"currency":`, text(o.currency))
}

func (w *renderer) orderNow(st *orderState) {
	o, now := w.o, &w.v.now
	w.add(`,"current_shipping_price_set":`, amounts(now.shipping), price{"current_subtotal_price", now.subtotal},
		`,"current_total_additional_fees_set":null`, price{"current_total_discounts", now.discounts},
		`,"current_total_duties_set":null`, price{"current_total_price", now.total},
		price{"current_total_tax", now.tax}, `,"customer_locale":`, text(o.buyer.place.locale), `,"device_id":null`)
	if o.code == codeNone {
		w.add(`,"discount_codes":[]`)
	} else {
		w.add(`,"discount_codes":[{"code":`, text(codes[o.code].code), `,"amount":`, amount(o.coded),
			`,"type":`, text(codes[o.code].kind), `}]`)
	}
	w.add(`,"duties_included":false,"email":`, text(o.email()),
		`,"estimated_taxes":false,"financial_status":`, text(st.financial),
		`,"fulfillment_status":`, orNull(w.v.fulfillment(st)),
		`,"landing_site":"\/?utm_source=newsletter&utm_medium=email","landing_site_ref":null,"location_id":null,"name":`,
		text(o.name()), `,"note":`)
	if st.noteNull {
		w.add("null")
	} else {
		w.add(text(st.note))
	}
	w.attributes(`,"note_attributes":`, o.attributes)
	w.add(`,"number":`, o.number-1000, `,"order_number":`, o.number)
}

func (w *renderer) orderTail(st *orderState) {
	o := w.o
	w.add(`,"order_status_url":"https:\/\/`, o.shop, `\/548380009\/orders\/`, base16(o.token),
		`\/authenticate?key=made-up","original_total_additional_fees_set":null,"original_total_duties_set":null`+
			`,"payment_gateway_names":[`)
	for i, name := range o.gateways {
		w.comma(i)
		w.add(text(name))
	}
	w.add(`],"phone":null,"po_number":`)
	if o.poNumber {
		w.add(`"PO-`, o.number, `"`)
	} else {
		w.add("null")
	}
	w.add(`,"presentment_currency":`, text(o.presentment), `,"processed_at":`, o.processed,
		`,"reference":null,"referring_site":null,"source_identifier":null,"source_name":`, text(o.source),
		`,"source_url":null`, price{"subtotal_price", o.placed.subtotal}, `,"tags":`, text(st.tags),
		`,"tax_exempt":false`)
	w.taxLines(o.placed.tax)
	w.add(`,"taxes_included":`, o.tax.included, `,"test":`, o.test, `,"token":"`, base16(o.token), `"`,
		price{"total_discounts", o.placed.discounts}, price{"total_line_items_price", w.v.goods(o)},
		`,"total_outstanding":`, amount(st.outstanding(w.v)), price{"total_price", o.placed.total},
		`,"total_shipping_price_set":`, amounts(o.placed.shipping), price{"total_tax", o.placed.tax},
		`,"total_tip_received":`, amount(o.placed.tips), `,"total_weight":0,"updated_at":`, st.updated, `,"user_id":null`)
}

func (w *renderer) taxLines(of cash) {
	if of.shop == 0 {
		w.add(`,"tax_lines":[]`)
		return
	}
	t := &w.o.tax
	w.add(`,"tax_lines":[{"price":`, amount(of), `,"rate":`, t.rate, `,"title":`, text(t.title),
		`,"price_set":`, amounts(of), `,"channel_liable":false}]`)
}

func (w *renderer) attributes(key string, all []attribute) {
	w.add(key, `[`)
	for i, a := range all {
		w.comma(i)
		w.add(`{"name":`, text(a.name), `,"value":`, text(a.value), `}`)
	}
	w.add(`]`)
}

// people appends the customer and the addresses. In most orders a withheld customer leaves null
// keys, not missing ones, and of the address what names nobody; a sale at the till has neither.
func (w *renderer) people() {
	o := w.o
	switch o.customer {
	case customerNone:
		if o.source != "pos" {
			w.add(`,"billing_address":null,"customer":null,"shipping_address":null`)
		}
		return
	case customerWithheld:
		w.address(`,"billing_address":`, true)
		w.add(`,"customer":{"id":`, o.customerID,
			`,"created_at":null,"first_name":null,"last_name":null,"email":null,"phone":null,"default_address":null}`)
	case customerFull:
		w.address(`,"billing_address":`, o.business)
		w.add(`,"customer":{"id":`, o.customerID, `,"first_name":`, text(o.buyer.first),
			`,"last_name":`, text(o.buyer.last), `,"email":`, text(o.email()),
			`,"state":"disabled","note":null,"verified_email":true,"multipass_identifier":null,"tax_exempt":false,"phone":`)
		if o.phoned {
			w.add(`"`, o.buyer.place.mobile, o.phoneDigits(), `"`)
		} else {
			w.add("null")
		}
		w.add(`,"currency":`, text(o.currency), `,"tax_exemptions":[]`, gid{"Customer", o.customerID}, `}`)
	}
	w.address(`,"shipping_address":`, false)
}

func (w *renderer) address(key string, nameless bool) {
	o, p := w.o, w.o.buyer.place
	company := ""
	if o.business {
		company = p.company
	}
	if o.customer == customerWithheld {
		w.add(key, `{"first_name":null,"address1":null,"phone":null,"city":`, text(p.city), `,"zip":null,"last_name":null,`+
			`"address2":null,"latitude":null,"longitude":null,"name":null`)
	} else {
		first, last := o.buyer.first, o.buyer.last
		if nameless {
			first, last = "", ""
		}
		w.add(key, `{"first_name":`, text(first), `,"address1":`, text(p.address1), `,"phone":"`, p.phone, o.phoneDigits(),
			`","city":`, text(p.city), `,"zip":`, text(p.zip), `,"last_name":`, text(last), `,"address2":`, orNull(p.address2),
			`,"latitude":null,"longitude":null,"name":`)
		if p.familyFirst && !o.western {
			w.joined(last, "", first)
		} else {
			w.joined(first, " ", last)
		}
	}
	w.add(`,"company":`, orNull(company), `,"province":`, orNull(p.province), `,"country":`, text(p.country),
		`,"country_code":`, text(p.countryCode), `,"province_code":`, orNull(p.provinceCode), `}`)
}

// joined appends two texts as one, escaped.
func (w *renderer) joined(a, between, b string) {
	w.b = appendText(w.b, a)
	w.b = append(w.b[:len(w.b)-1], between...)
	from := len(w.b)
	w.b = appendText(w.b, b)
	w.b = append(w.b[:from], w.b[from+1:]...)
}

func (w *renderer) discountApplications() {
	o := w.o
	w.add(`,"discount_applications":[`)
	if o.autoOff {
		w.add(`{"target_type":"line_item","type":"automatic","value":"20.0","value_type":"percentage",` +
			`"allocation_method":"each","target_selection":"entitled","title":"Bestseller week"}`)
	}
	if o.code != codeNone {
		if o.autoOff {
			w.add(",")
		}
		c := &codes[o.code]
		target, kind := "line_item", c.kind
		if o.code == codeShipping {
			target, kind = "shipping_line", "percentage"
		}
		w.add(`{"target_type":`, text(target), `,"type":"discount_code","value":`, text(c.value),
			`,"value_type":`, text(kind), `,"allocation_method":"across","target_selection":"all","code":`, text(c.code), `}`)
	}
	w.add(`]`)
}

// allocations appends the shares in the discounts, by their place in discount_applications.
func (w *renderer) allocations(auto, code cash) {
	w.add(`,"discount_allocations":[`)
	if auto.shop > 0 {
		w.add(`{"amount":`, amount(auto), `,"amount_set":`, amounts(auto), `,"discount_application_index":0}`)
	}
	if code.shop > 0 {
		index := int64(0)
		if w.o.autoOff {
			index = 1
		}
		if auto.shop > 0 {
			w.add(",")
		}
		w.add(`{"amount":`, amount(code), `,"amount_set":`, amounts(code), `,"discount_application_index":`, index, `}`)
	}
	w.add(`]`)
}

// lineItem appends a line, or a part of it in a parcel.
func (w *renderer) lineItem(l *lineView, quantity int64) {
	w.add(`{"id":`, l.id, gid{"LineItem", l.id}, `,"current_quantity":`, l.current,
		`,"fulfillable_quantity":`, l.fulfillable, `,"fulfillment_service":"manual","fulfillment_status":`)
	switch {
	case l.fulfilled > 0 && l.fulfillable == 0:
		w.add(`"fulfilled"`)
	case l.fulfilled > 0:
		w.add(`"partial"`)
	default:
		w.add("null")
	}
	w.add(`,"gift_card":`, l.kind == lineGift, `,"grams":0,"name":`)
	if l.product.variant == "" {
		w.add(text(l.product.title))
	} else {
		w.joined(l.product.title, " - ", l.product.variant)
	}
	w.add(price{"price", l.price})
	if l.kind == lineCustom || l.kind == lineTip {
		w.add(`,"product_exists":false,"product_id":null`)
	} else {
		w.add(`,"product_exists":true,"product_id":`, l.productID)
	}
	w.attributes(`,"properties":`, l.properties)
	w.add(`,"quantity":`, quantity, `,"requires_shipping":`, l.kind == lineGoods || l.kind == lineCustom)
	w.add(`,"sales_line_item_group_id":`)
	if l.group == 0 {
		w.add("null")
	} else {
		w.add(l.group)
	}
	if l.kind == lineCustom || l.kind == lineTip {
		w.add(`,"sku":null,"variant_id":null,"variant_title":null`)
	} else {
		w.add(`,"sku":`, text(l.product.sku), `,"variant_id":`, l.variantID, `,"variant_title":`, orNull(l.product.variant))
	}
	if l.kind == lineTip {
		w.add(`,"tip_payment_gateway":"shopify_payments","tip_payment_method":"visa"`)
	}
	w.add(`,"taxable":`, l.tax.shop > 0, `,"title":`, text(l.product.title), price{"total_discount", l.autoOff},
		`,"vendor":`, orNull(l.product.vendor))
	w.taxLines(l.tax)
	w.add(`,"duties":[]`)
	w.allocations(l.autoOff, l.codeOff)
	w.add(`}`)
}

func (w *renderer) shippingLines(st *orderState) {
	o, p := w.o, w.o.buyer.place
	w.add(`,"shipping_lines":[`)
	if o.shipping[0].shop > 0 {
		w.shippingLine(o.id+3, p.shipping, p.shippingCode, o.shipping[0], o.shippingOff(), false)
	}
	if o.shipping[1].shop > 0 {
		if o.shipping[0].shop > 0 {
			w.add(",")
		}
		w.shippingLine(o.id+4, p.express, expressCode, o.shipping[1], cash{}, st.shippingRemoved)
	}
	w.add(`]`)
}

func (w *renderer) shippingLine(id int64, title, code string, of, off cash, removed bool) {
	w.add(`{"id":`, id, `,"carrier_identifier":null,"code":`, text(code), price{"discounted_price", of.minus(off)},
		`,"is_removed":`, removed, `,"phone":null`, price{"price", of},
		`,"requested_fulfillment_service_id":null,"source":"shopify","title":`, text(title), `,"tax_lines":[]`)
	w.allocations(cash{}, off)
	w.add(`}`)
}

func (w *renderer) groups() {
	if w.o.bundle == 0 {
		w.add(`,"line_item_groups":[]`)
		return
	}
	w.add(`,"line_item_groups":[{"id":`, w.o.id*3+1, `,"title":"`+bundleTitle+`","quantity":1,"variant_id":null,`+
		`"variant_sku":null,"product_id":null,"properties":[]}]`)
}

func (w *renderer) comma(i int) {
	if i > 0 {
		w.raw(",")
	}
}
