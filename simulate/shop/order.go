package shop

import (
	"cmp"
	"encoding/json"
	"math/big"
	"strings"
)

// orderView is an order under the rights of the app that asks.
type orderView struct {
	document
	withheld  bool // names, addresses, e-mails and phones
	customers bool // the app may read customers
	noStatus  bool
}

// bag writes money as GraphQL does: without zeros at the end, but one behind the point.
func (o *orderView) bag(m money) object {
	side := func(r *big.Rat, currency string) object {
		amount := strings.TrimRight(r.FloatString(8), "0")
		if strings.HasSuffix(amount, ".") {
			amount += "0"
		}
		return object{"amount": amount, "currencyCode": currency}
	}
	return object{"shopMoney": side(m[0], o.text("currency")),
		"presentmentMoney": side(m[1], o.text("presentment_currency"))}
}

// personal is a text that an app needs an approval for.
func (o *orderView) personal(d document, key string) any {
	if o.withheld {
		return nil
	}
	return d.orNil(key)
}

// order is the order as the Admin API has it.
func (o *orderView) order() object {
	id := o.id("id")
	v := object{
		"id": gid("Order", id), "legacyResourceId": id, "name": o.text("name"), "number": o.int("order_number"),
		"confirmationNumber": o.orNil("confirmation_number"), "poNumber": o.orNil("po_number"),
		"createdAt": o.text("created_at"), "updatedAt": o.text("updated_at"), "processedAt": o.text("processed_at"),
		"cancelledAt": o.orNil("cancelled_at"), "closedAt": o.orNil("closed_at"),
		"cancelReason": o.upperOrNil("cancel_reason"), "test": o.on("test"), "confirmed": o.on("confirmed"),
		"edited": o.edited(), "currencyCode": o.text("currency"),
		"presentmentCurrencyCode": o.text("presentment_currency"), "taxesIncluded": o.on("taxes_included"),
		"displayFinancialStatus":   o.upperOrNil("financial_status"),
		"displayFulfillmentStatus": fulfillmentStatus(o.text("fulfillment_status")),
		"customAttributes":         each(o.list("note_attributes"), attribute), "tags": tags(o.text("tags")),
		"note": o.orNil("note"), "sourceName": o.orNil("source_name"), "sourceIdentifier": o.orNil("source_identifier"),
		"paymentGatewayNames": o.document["payment_gateway_names"], "customerLocale": o.orNil("customer_locale"),
		"discountCodes": codes(o.list("discount_codes")),
		"email":         o.personal(o.document, "email"), "phone": o.personal(o.document, "phone"),
		"statusPageUrl":   o.statusPage(),
		"shippingAddress": o.address("shipping_address"), "billingAddress": o.address("billing_address"),
		"customer":      resolver(func(map[string]any) (any, error) { return o.customer() }),
		"lineItems":     connection(o.list("line_items"), o.lineItem),
		"shippingLines": connection(o.list("shipping_lines"), o.shippingLine),
		"taxLines":      each(o.list("tax_lines"), o.taxLine),
		"fulfillments":  firstOf(o.list("fulfillments"), o.fulfillment),
		"refunds":       firstOf(o.list("refunds"), o.refund),
		"risk":          object{"recommendation": "NONE", "assessments": []any{}},
	}
	if o.noStatus {
		v["displayFinancialStatus"] = nil
	}
	o.sums(v)
	return v
}

// sums adds what the order comes to. An edit changes totalPriceSet, and refunds don't; originalTotalPriceSet is
// as it was placed.
func (o *orderView) sums(v object) {
	total, refunded := o.money("current_total_price_set"), none
	for _, r := range o.list("refunds") {
		total, refunded = total.plus(o.worth(r)), refunded.plus(o.paidBack(r))
	}
	outstanding := o.outstanding()
	received := o.money("current_total_price_set").minus(outstanding).plus(refunded)
	if o.text("cancelled_at") != "" {
		received = refunded
	}
	for key, m := range map[string]money{
		"totalPriceSet": total, "originalTotalPriceSet": o.money("total_price_set"),
		"currentTotalPriceSet": o.money("current_total_price_set"), "subtotalPriceSet": o.money("subtotal_price_set"),
		"currentSubtotalPriceSet": o.money("current_subtotal_price_set"), "totalTaxSet": o.money("total_tax_set"),
		"currentTotalTaxSet": o.money("current_total_tax_set"), "totalDiscountsSet": o.money("total_discounts_set"),
		"currentTotalDiscountsSet": o.money("current_total_discounts_set"),
		"totalShippingPriceSet":    o.money("total_shipping_price_set"),
		"totalTipReceivedSet":      o.inShops("total_tip_received"),
		"totalOutstandingSet":      outstanding, "totalReceivedSet": received, "totalRefundedSet": refunded,
	} {
		v[key] = o.bag(m)
	}
}

// worth is what a refund takes off the order, whether or not money went back.
func (o *orderView) worth(r document) money {
	sum := none
	for _, l := range r.list("refund_line_items") {
		sum = sum.plus(l.money("subtotal_set"))
		if !o.on("taxes_included") {
			sum = sum.plus(l.money("total_tax_set"))
		}
	}
	for _, a := range r.list("order_adjustments") {
		sum = sum.minus(a.money("amount_set"))
	}
	return sum
}

// paidBack is the money of a refund: all that it is worth, or none.
func (o *orderView) paidBack(r document) money {
	if len(r.list("transactions")) == 0 {
		return none
	}
	return o.worth(r)
}

func (o *orderView) outstanding() money { return o.inShops("total_outstanding") }

// inShops is an amount that webhooks have in the shop's currency alone; the buyer's is by the total's rate.
func (o *orderView) inShops(key string) money {
	amount, ok := new(big.Rat).SetString(o.text(key))
	if !ok {
		return none
	}
	buyers := amount
	if total := o.money("total_price_set"); total[0].Sign() > 0 {
		buyers = new(big.Rat).Quo(new(big.Rat).Mul(amount, total[1]), total[0])
	}
	return money{amount, buyers}
}

// edited reports whether an edit changed the order: then what it came to once isn't what it comes to without
// its refunds.
func (o *orderView) edited() bool {
	now := o.money("current_total_price_set")
	for _, r := range o.list("refunds") {
		now = now.plus(o.worth(r))
	}
	return now[0].Cmp(o.money("total_price_set")[0]) != 0
}

func (o *orderView) statusPage() string {
	if o.withheld {
		return "" // the schema allows no null
	}
	return o.text("order_status_url")
}

func fulfillmentStatus(s string) string {
	return cmp.Or(map[string]string{"fulfilled": "FULFILLED", "partial": "PARTIALLY_FULFILLED",
		"restocked": "RESTOCKED"}[s], "UNFULFILLED")
}

func tags(s string) []any {
	all := []any{}
	for tag := range strings.SplitSeq(s, ", ") {
		if tag != "" {
			all = append(all, tag)
		}
	}
	return all
}

func codes(all []document) []any {
	list := []any{}
	for _, c := range all {
		list = append(list, c.text("code"))
	}
	return list
}

func attribute(d document) object { return object{"key": d.text("name"), "value": d["value"]} }

func (o *orderView) taxLine(d document) object {
	rate, _ := d["rate"].(json.Number)
	r, _ := rate.Float64()
	return object{"title": d.text("title"), "rate": r, "ratePercentage": r * 100, "priceSet": o.bag(d.money("price_set"))}
}

// customer needs a scope of its own.
func (o *orderView) customer() (any, error) {
	if !o.customers {
		return nil, accessDenied("customer field", "read_customers")
	}
	c := o.doc("customer")
	if c == nil {
		return nil, nil
	}
	first, last := o.personal(c, "first_name"), o.personal(c, "last_name")
	name := strings.TrimSpace(c.text("first_name") + " " + c.text("last_name"))
	if o.withheld {
		name = "" // the schema allows no null
	}
	id := c.id("id")
	return object{"id": gid("Customer", id), "legacyResourceId": id, "displayName": name, "firstName": first,
		"lastName": last, "email": o.personal(c, "email"), "phone": o.personal(c, "phone"),
		"locale": cmp.Or(o.text("customer_locale"), "en"), "numberOfOrders": "1"}, nil
}

func (o *orderView) address(key string) any {
	a := o.doc(key)
	if a == nil {
		return nil
	}
	v := object{"id": gid("MailingAddress", o.id("id")) + "?model_name=Address", "formatted": []any{},
		"company": a.orNil("company"), "city": a.orNil("city"), "province": a.orNil("province"),
		"provinceCode": a.orNil("province_code"), "country": a.orNil("country"),
		"countryCodeV2": a.orNil("country_code"), "latitude": nil, "longitude": nil}
	for from, to := range map[string]string{"name": "name", "first_name": "firstName", "last_name": "lastName",
		"phone": "phone", "address1": "address1", "address2": "address2", "zip": "zip"} {
		v[to] = o.personal(a, from)
	}
	if !o.withheld {
		v["formatted"] = formatted(a)
	}
	return v
}

func formatted(a document) []any {
	lines := []any{}
	for _, key := range []string{"name", "company", "address1", "address2", "city", "country"} {
		if s := a.text(key); s != "" {
			lines = append(lines, s)
		}
	}
	return lines
}

func (o *orderView) shippingLine(l document) object {
	id := l.id("id")
	price, discounted := l.money("price_set"), l.money("discounted_price_set")
	current := discounted
	if l.on("is_removed") {
		current = none
	}
	return object{"id": gid("ShippingLine", id), "title": l.text("title"), "code": l.orNil("code"),
		"source": l.orNil("source"), "originalPriceSet": o.bag(price), "discountedPriceSet": o.bag(discounted),
		"currentDiscountedPriceSet": o.bag(current), "isRemoved": l.on("is_removed")}
}
