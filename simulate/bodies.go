package simulate

import "strconv"

// orderBody appends a whole order, as all orders/* topics carry it except edited and delete. The
// keys and their order follow API version 2026-04, without those that are always null or empty in a
// small shop. A typical order has about 5 KB.
func (w *renderer) orderBody(st *orderState) {
	o := w.o
	w.raw(`{"id":`)
	w.int(o.id)
	w.gid("Order", o.id)
	w.orderHead(st)
	w.orderTotals(st)
	w.orderTail(st)
	w.people()
	w.raw(`,"discount_applications":[],"fulfillments":[],"line_items":[`)
	for i := range o.lines {
		if i > 0 {
			w.raw(",")
		}
		w.lineItem(o.line(i), st)
	}
	w.raw(`],"payment_terms":null,"refunds":[]`)
	w.shippingLines()
	w.raw(`}`)
}

func (w *renderer) orderHead(st *orderState) {
	o := w.o
	w.raw(`,"app_id":580111,"browser_ip":"203.0.113.7","buyer_accepts_marketing":false,"cancel_reason":`)
	if st.cancelled.IsZero() {
		w.raw("null")
	} else {
		w.raw(`"customer"`)
	}
	w.time("cancelled_at", st.cancelled)
	w.raw(`,"cart_token":"hWN`)
	w.b = strconv.AppendUint(w.b, o.token, 36)
	w.raw(`","checkout_token":"`)
	w.b = strconv.AppendUint(w.b, o.token^0x5555555555555555, 16)
	w.raw(`","client_details":{"accept_language":"en-US","browser_height":null,"browser_ip":"203.0.113.7",` +
		`"browser_width":null,"session_hash":null,"user_agent":"Mozilla\/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) ` +
		`AppleWebKit\/605.1.15 (KHTML, like Gecko) Version\/18.1 Mobile\/15E148 Safari\/604.1"},"closed_at":null,` +
		`"confirmation_number":"`)
	w.b = strconv.AppendUint(w.b, o.token%1e12, 36)
	w.raw(`","confirmed":true`)
	w.strOrNull("contact_email", o.email())
	w.time("created_at", o.placed)
	w.str("currency", o.currency)
}

func (w *renderer) orderTotals(st *orderState) {
	o := w.o
	current, tax := o.total(), o.tax
	if !st.cancelled.IsZero() || st.financial == "refunded" {
		current, tax = 0, 0
	}
	w.both("current_subtotal_price", "current_subtotal_price_set", max(0, current-tax-o.shipping))
	w.both("current_total_discounts", "current_total_discounts_set", 0)
	w.both("current_total_price", "current_total_price_set", current)
	w.both("current_total_tax", "current_total_tax_set", tax)
	w.raw(`,"customer_locale":"en-US","device_id":null,"discount_codes":[],"duties_included":false`)
	w.str("email", o.email())
	w.raw(`,"estimated_taxes":false`)
	w.str("financial_status", st.financial)
	w.strOrNull("fulfillment_status", st.fulfillment)
	w.raw(`,"landing_site":"\/?utm_source=newsletter&utm_medium=email","landing_site_ref":null,"location_id":null`)
	w.str("name", o.name())
	if st.noteNull {
		w.raw(`,"note":null`)
	} else {
		w.str("note", st.note)
	}
	w.raw(`,"note_attributes":[]`)
	w.num("number", o.number-1000)
	w.num("order_number", o.number)
}

func (w *renderer) orderTail(st *orderState) {
	o := w.o
	w.raw(`,"order_status_url":"https:\/\/`)
	w.raw(o.shop)
	w.raw(`\/548380009\/orders\/`)
	w.b = strconv.AppendUint(w.b, o.token, 16)
	w.raw(`\/authenticate?key=made-up","payment_gateway_names":["shopify_payments"],"phone":null,"po_number":null`)
	w.str("presentment_currency", o.presentment)
	w.time("processed_at", o.placed)
	w.raw(`,"reference":null,"referring_site":null,"source_identifier":null`)
	w.str("source_name", o.source)
	w.raw(`,"source_url":null`)
	w.both("subtotal_price", "subtotal_price_set", o.subtotal)
	w.str("tags", st.tags)
	w.raw(`,"tax_exempt":false,"tax_lines":[],"taxes_included":false,"test":`)
	w.b = strconv.AppendBool(w.b, o.test)
	w.raw(`,"token":"`)
	w.b = strconv.AppendUint(w.b, o.token, 16)
	w.raw(`"`)
	w.both("total_discounts", "total_discounts_set", 0)
	w.both("total_line_items_price", "total_line_items_price_set", o.subtotal)
	w.money("total_outstanding", 0)
	w.both("total_price", "total_price_set", o.total())
	w.set("total_shipping_price_set", o.shipping)
	w.both("total_tax", "total_tax_set", o.tax)
	w.raw(`,"total_tip_received":"0.00","total_weight":0`)
	w.time("updated_at", st.updated)
	w.raw(`,"user_id":null`)
}

// people appends the customer and the addresses. In most orders a withheld customer leaves null
// keys, not missing ones; a sale at the till has neither.
func (w *renderer) people() {
	o := w.o
	switch o.customer {
	case customerNone:
		if o.source != "pos" {
			w.raw(`,"billing_address":null,"customer":null,"shipping_address":null`)
		}
		return
	case customerWithheld:
		w.raw(`,"billing_address":null,"customer":{"id":`)
		w.int(o.customerID)
		w.raw(`,"created_at":null,"first_name":null,"last_name":null,"email":null,"phone":null,"default_address":null},` +
			`"shipping_address":null`)
		return
	}
	w.address("billing_address")
	w.raw(`,"customer":{"id":`)
	w.int(o.customerID)
	w.str("first_name", o.buyer.first)
	w.str("last_name", o.buyer.last)
	w.str("email", o.email())
	w.raw(`,"state":"disabled","note":null,"verified_email":true,"multipass_identifier":null,"tax_exempt":false,` +
		`"phone":null`)
	w.str("currency", o.currency)
	w.raw(`,"tax_exemptions":[]`)
	w.gid("Customer", o.customerID)
	w.raw(`}`)
	w.address("shipping_address")
}

func (w *renderer) address(k string) {
	w.key(k)
	w.raw(`{"first_name":`)
	w.b = appendText(w.b, w.o.buyer.first)
	w.raw(`,"address1":"1 Example Street","phone":"555-0100","city":"Springfield","zip":"40003","province":"Kentucky",` +
		`"country":"United States"`)
	w.str("last_name", w.o.buyer.last)
	w.raw(`,"address2":null,"company":null,"latitude":null,"longitude":null,"country_code":"US","province_code":"KY"}`)
}

func (w *renderer) lineItem(l line, st *orderState) {
	w.raw(`{"id":`)
	w.int(l.id)
	w.gid("LineItem", l.id)
	w.num("current_quantity", l.quantity)
	w.raw(`,"fulfillment_service":"manual"`)
	w.strOrNull("fulfillment_status", st.fulfillment)
	w.raw(`,"gift_card":false,"grams":0`)
	w.str("name", l.product.title)
	w.both("price", "price_set", l.price)
	if l.custom {
		w.raw(`,"product_exists":false,"product_id":null,"properties":[]`)
	} else {
		w.raw(`,"product_exists":true`)
		w.num("product_id", l.productID)
		w.raw(`,"properties":[{"name":"_note","value":"{\"by\":\"web\"}"}]`)
	}
	w.num("quantity", l.quantity)
	w.raw(`,"requires_shipping":true`)
	w.itemVariant(l)
	w.raw(`,"taxable":true`)
	w.str("title", l.product.title)
	w.both("total_discount", "total_discount_set", 0)
	w.raw(`,"vendor":null,"tax_lines":[],"duties":[],"discount_allocations":[]}`)
}

func (w *renderer) itemVariant(l line) {
	if l.custom {
		w.raw(`,"sku":null,"variant_id":null,"variant_title":null`)
		return
	}
	w.str("sku", l.product.sku)
	w.num("variant_id", l.variantID)
	w.strOrNull("variant_title", l.product.variant)
}

func (w *renderer) shippingLines() {
	if w.o.shipping == 0 {
		w.raw(`,"shipping_lines":[]`)
		return
	}
	w.raw(`,"shipping_lines":[{"id":`)
	w.int(w.o.id + 3)
	w.raw(`,"carrier_identifier":null,"code":"Standard"`)
	w.both("price", "price_set", w.o.shipping)
	w.raw(`,"title":"Standard","tax_lines":[],"discount_allocations":[]}]`)
}

// editBody appends what orders/edited carries: the edit, not the order.
func (w *renderer) editBody(id int64, st *orderState) {
	w.raw(`{"order_edit":{"id":`)
	w.int(id)
	w.raw(`,"app_id":null`)
	w.time("created_at", st.updated)
	w.time("committed_at", st.updated)
	w.raw(`,"notify_customer":false`)
	w.num("order_id", w.o.id)
	w.raw(`,"staff_note":"","user_id":null,"line_items":{"additions":[],"removals":[{"id":`)
	w.int(w.o.line(0).id)
	w.raw(`,"delta":1}]},"discounts":{"line_item":{"additions":[],"removals":[]}},"shipping_lines":{"additions":[],` +
		`"removals":[]}}}`)
}

// refundBody appends the body of refunds/create. Its subtotal is a number beside texts, as in
// Shopify's own samples.
func (w *renderer) refundBody(id int64, st *orderState) {
	l := w.o.line(0)
	w.raw(`{"id":`)
	w.int(id)
	w.num("order_id", w.o.id)
	w.time("created_at", st.updated)
	w.raw(`,"note":"","user_id":null`)
	w.time("processed_at", st.updated)
	w.raw(`,"restock":true`)
	w.gid("Refund", id)
	w.raw(`,"refund_line_items":[{"id":`)
	w.int(id + 1)
	w.raw(`,"line_item_id":`)
	w.int(l.id)
	w.raw(`,"location_id":null,"quantity":1,"restock_type":"return","subtotal":`)
	w.b = appendDecimal(w.b, l.price, w.o.digits)
	w.set("subtotal_set", l.price)
	w.raw(`}],"transactions":[],"order_adjustments":[]}`)
}

// deleteBody appends what orders/delete carries.
func (w *renderer) deleteBody() {
	w.raw(`{"id":`)
	w.int(w.o.id)
	w.raw(`}`)
}
