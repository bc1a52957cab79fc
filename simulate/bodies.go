package simulate

// orderBody appends a whole order, as all orders/* topics carry it except edited and delete. The
// keys and their order follow API version 2026-04, without those that are always null or empty in a
// small shop. A typical order has about 5 KB.
func (w *renderer) orderBody(st *orderState) {
	o := w.o
	w.add(`{"id":`, o.id, gid{"Order", o.id})
	w.orderHead(st)
	w.orderTotals(st)
	w.orderTail(st)
	w.people()
	w.add(`,"discount_applications":[],"fulfillments":[],"line_items":[`)
	for i := range o.lines {
		if i > 0 {
			w.add(",")
		}
		w.lineItem(o.line(i), st)
	}
	w.add(`],"payment_terms":null,"refunds":[]`)
	w.shippingLines()
	w.add(`}`)
}

func (w *renderer) orderHead(st *orderState) {
	o, reason := w.o, ""
	if !st.cancelled.IsZero() {
		reason = "customer"
	}
	w.add(`,"app_id":580111,"browser_ip":"203.0.113.7","buyer_accepts_marketing":false,"cancel_reason":`, orNull(reason),
		`,"cancelled_at":`, st.cancelled, `,"cart_token":"hWN`, base36(o.token),
		`","checkout_token":"`, base16(o.token^0x5555555555555555),
		`","client_details":{"accept_language":"en-US","browser_height":null,"browser_ip":"203.0.113.7",`+
			`"browser_width":null,"session_hash":null,"user_agent":"Mozilla\/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) `+
			`AppleWebKit\/605.1.15 (KHTML, like Gecko) Version\/18.1 Mobile\/15E148 Safari\/604.1"},"closed_at":null,`+
			`"confirmation_number":"`, base36(o.token%1e12), `","confirmed":true,"contact_email":`, orNull(o.email()),
		`,"created_at":`, o.placed, `,"currency":`, text(o.currency))
}

func (w *renderer) orderTotals(st *orderState) {
	o := w.o
	current, tax := o.total(), o.tax
	if !st.cancelled.IsZero() || st.financial == "refunded" {
		current, tax = 0, 0
	}
	w.add(price{"current_subtotal_price", max(0, current-tax-o.shipping)}, price{"current_total_discounts", 0},
		price{"current_total_price", current}, price{"current_total_tax", tax},
		`,"customer_locale":"en-US","device_id":null,"discount_codes":[],"duties_included":false,"email":`, text(o.email()),
		`,"estimated_taxes":false,"financial_status":`, text(st.financial),
		`,"fulfillment_status":`, orNull(st.fulfillment),
		`,"landing_site":"\/?utm_source=newsletter&utm_medium=email","landing_site_ref":null,"location_id":null,"name":`,
		text(o.name()), `,"note":`)
	if st.noteNull {
		w.add("null")
	} else {
		w.add(text(st.note))
	}
	w.add(`,"note_attributes":[],"number":`, o.number-1000, `,"order_number":`, o.number)
}

func (w *renderer) orderTail(st *orderState) {
	o := w.o
	w.add(`,"order_status_url":"https:\/\/`, o.shop, `\/548380009\/orders\/`, base16(o.token),
		`\/authenticate?key=made-up","payment_gateway_names":["shopify_payments"],"phone":null,"po_number":null,`+
			`"presentment_currency":`, text(o.presentment), `,"processed_at":`, o.placed,
		`,"reference":null,"referring_site":null,"source_identifier":null,"source_name":`, text(o.source),
		`,"source_url":null`, price{"subtotal_price", o.subtotal}, `,"tags":`, text(st.tags),
		`,"tax_exempt":false,"tax_lines":[],"taxes_included":false,"test":`, o.test,
		`,"token":"`, base16(o.token), `"`, price{"total_discounts", 0}, price{"total_line_items_price", o.subtotal},
		`,"total_outstanding":`, amount(0), price{"total_price", o.total()},
		`,"total_shipping_price_set":`, amounts(o.shipping), price{"total_tax", o.tax},
		`,"total_tip_received":"0.00","total_weight":0,"updated_at":`, st.updated, `,"user_id":null`)
}

// people appends the customer and the addresses. In most orders a withheld customer leaves null
// keys, not missing ones; a sale at the till has neither.
func (w *renderer) people() {
	o := w.o
	switch o.customer {
	case customerNone:
		if o.source != "pos" {
			w.add(`,"billing_address":null,"customer":null,"shipping_address":null`)
		}
	case customerWithheld:
		w.add(`,"billing_address":null,"customer":{"id":`, o.customerID,
			`,"created_at":null,"first_name":null,"last_name":null,"email":null,"phone":null,"default_address":null},`+
				`"shipping_address":null`)
	case customerFull:
		w.add(`,"billing_address":`)
		w.address()
		w.add(`,"customer":{"id":`, o.customerID, `,"first_name":`, text(o.buyer.first),
			`,"last_name":`, text(o.buyer.last), `,"email":`, text(o.email()),
			`,"state":"disabled","note":null,"verified_email":true,"multipass_identifier":null,"tax_exempt":false,`+
				`"phone":null,"currency":`, text(o.currency), `,"tax_exemptions":[]`, gid{"Customer", o.customerID},
			`},"shipping_address":`)
		w.address()
	}
}

func (w *renderer) address() {
	w.add(`{"first_name":`, text(w.o.buyer.first),
		`,"address1":"1 Example Street","phone":"555-0100","city":"Springfield","zip":"40003","province":"Kentucky",`+
			`"country":"United States","last_name":`, text(w.o.buyer.last),
		`,"address2":null,"company":null,"latitude":null,"longitude":null,"country_code":"US","province_code":"KY"}`)
}

func (w *renderer) lineItem(l line, st *orderState) {
	w.add(`{"id":`, l.id, gid{"LineItem", l.id}, `,"current_quantity":`, l.quantity,
		`,"fulfillment_service":"manual","fulfillment_status":`, orNull(st.fulfillment),
		`,"gift_card":false,"grams":0,"name":`, text(l.product.title), price{"price", l.price})
	if l.custom {
		w.add(`,"product_exists":false,"product_id":null,"properties":[]`)
	} else {
		w.add(`,"product_exists":true,"product_id":`, l.productID,
			`,"properties":[{"name":"_note","value":"{\"by\":\"web\"}"}]`)
	}
	w.add(`,"quantity":`, l.quantity, `,"requires_shipping":true`)
	if l.custom {
		w.add(`,"sku":null,"variant_id":null,"variant_title":null`)
	} else {
		w.add(`,"sku":`, text(l.product.sku), `,"variant_id":`, l.variantID, `,"variant_title":`, orNull(l.product.variant))
	}
	w.add(`,"taxable":true,"title":`, text(l.product.title), price{"total_discount", 0},
		`,"vendor":null,"tax_lines":[],"duties":[],"discount_allocations":[]}`)
}

func (w *renderer) shippingLines() {
	if w.o.shipping == 0 {
		w.add(`,"shipping_lines":[]`)
		return
	}
	w.add(`,"shipping_lines":[{"id":`, w.o.id+3, `,"carrier_identifier":null,"code":"Standard"`,
		price{"price", w.o.shipping}, `,"title":"Standard","tax_lines":[],"discount_allocations":[]}]`)
}

// editBody appends what orders/edited carries: the edit, not the order.
func (w *renderer) editBody(id int64, st *orderState) {
	w.add(`{"order_edit":{"id":`, id, `,"app_id":null,"created_at":`, st.updated, `,"committed_at":`, st.updated,
		`,"notify_customer":false,"order_id":`, w.o.id,
		`,"staff_note":"","user_id":null,"line_items":{"additions":[],"removals":[{"id":`, w.o.line(0).id,
		`,"delta":1}]},"discounts":{"line_item":{"additions":[],"removals":[]}},"shipping_lines":{"additions":[],`+
			`"removals":[]}}}`)
}

// refundBody appends the body of refunds/create. Its subtotal is a number beside texts, as in
// Shopify's own samples.
func (w *renderer) refundBody(id int64, st *orderState) {
	l := w.o.line(0)
	w.add(`{"id":`, id, `,"order_id":`, w.o.id, `,"created_at":`, st.updated,
		`,"note":"","user_id":null,"processed_at":`, st.updated, `,"restock":true`, gid{"Refund", id},
		`,"refund_line_items":[{"id":`, id+1, `,"line_item_id":`, l.id,
		`,"location_id":null,"quantity":1,"restock_type":"return","subtotal":`, decimal(l.price),
		`,"subtotal_set":`, amounts(l.price), `}],"transactions":[],"order_adjustments":[]}`)
}

// deleteBody appends what orders/delete carries.
func (w *renderer) deleteBody() { w.add(`{"id":`, w.o.id, `}`) }
