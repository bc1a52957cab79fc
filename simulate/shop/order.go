package shop

import (
	"cmp"
	"encoding/json"
	"maps"
	"math/big"
	"slices"
	"strings"
	"time"
)

// orderView is an order under the rights of the app that asks.
type orderView struct {
	document
	rights
}

// lazily makes a member when it is asked for: an order has many, and a query a few.
func lazily(do func() any) resolver { return func(map[string]any) (any, error) { return do(), nil } }

func lazyEach(all []document, do func(document) object) resolver {
	return lazily(func() any { return each(all, do) })
}

// withScope is a member that needs a scope of its own.
func (o *orderView) withScope(scope, field string, do func() any) resolver {
	return func(map[string]any) (any, error) {
		if !o.scopes.has(scope) {
			return nil, accessDenied(field+" field", scope)
		}
		return do(), nil
	}
}

// approved is a member that an app needs an approval for.
func (o *orderView) approved(what string, do func() any) resolver {
	return func(map[string]any) (any, error) {
		if o.refused {
			return nil, notApproved(what)
		}
		return do(), nil
	}
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
	return object{"shopMoney": side(m[0], o.currency()), "presentmentMoney": side(m[1], o.buyersCurrency())}
}

// bags are members of money.
func (o *orderView) bags(all map[string]func() money) object {
	v := object{}
	for key, m := range all {
		v[key] = lazily(func() any { return o.bag(m()) })
	}
	return v
}

// bagOrNil is a member that is null where a webhook has nothing.
func (o *orderView) bagOrNil(key string) resolver {
	return lazily(func() any {
		if o.doc(key) == nil && o.amount(strings.TrimSuffix(key, "_set")) == "" {
			return nil
		}
		return o.bag(o.money(key))
	})
}

func (o *orderView) currency() string { return o.text("currency") }

func (o *orderView) buyersCurrency() string {
	return cmp.Or(o.text("presentment_currency"), o.currency())
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
		"createdAt": o.time("created_at"), "updatedAt": o.time("updated_at"),
		"processedAt": cmp.Or(o.time("processed_at"), o.time("created_at")),
		"cancelledAt": o.time("cancelled_at"), "closedAt": o.time("closed_at"),
		"cancelReason": o.upperOrNil("cancel_reason"), "test": o.on("test"), "confirmed": o.on("confirmed"),
		"edited": lazily(func() any { return o.edited() }), "currencyCode": o.currency(),
		"presentmentCurrencyCode": o.buyersCurrency(), "taxesIncluded": o.on("taxes_included"),
		"displayFinancialStatus":   o.upperOrNil("financial_status"),
		"displayFulfillmentStatus": fulfillmentStatus(o.text("fulfillment_status")),
		"customAttributes":         lazyEach(o.list("note_attributes"), attribute), "tags": tags(o.text("tags")),
		"note": o.orNil("note"), "sourceName": o.orNil("source_name"), "sourceIdentifier": o.orNil("source_identifier"),
		"paymentGatewayNames": o.texts("payment_gateway_names"), "customerLocale": o.orNil("customer_locale"),
		"discountCodes":   codes(o.list("discount_codes")),
		"email":           o.approved("email field", func() any { return o.personal(o.document, "email") }),
		"phone":           o.approved("phone field", func() any { return o.personal(o.document, "phone") }),
		"statusPageUrl":   o.statusPage(),
		"shippingAddress": o.approved("MailingAddress object", func() any { return o.address("shipping_address") }),
		"billingAddress":  o.approved("MailingAddress object", func() any { return o.address("billing_address") }),
		"customer":        o.customers(),
		"lineItems":       connection(o.list("line_items"), o.lineItem),
		"shippingLines":   resolver(o.shippingLines),
		"taxLines":        lazyEach(o.list("tax_lines"), o.taxLine),
		"fulfillments":    firstOf(o.list("fulfillments"), o.fulfillment),
		"refunds":         firstOf(o.list("refunds"), o.refund),
		"returnStatus":    o.returnStatus(),
		"risk":            object{"recommendation": "NONE", "assessments": []any{}},
	}
	if o.noStatus {
		v["displayFinancialStatus"] = nil
	}
	maps.Copy(v, o.sums())
	return v
}

// sums are what the order comes to. An edit changes totalPriceSet, and refunds don't; originalTotalPriceSet is
// as it was placed.
func (o *orderView) sums() object {
	v := o.bags(map[string]func() money{"totalPriceSet": o.beforeRefunds, "totalReceivedSet": o.received,
		"totalRefundedSet": o.refunded, "totalOutstandingSet": o.outstanding,
		"totalTipReceivedSet":   func() money { return o.inShops("total_tip_received") },
		"totalShippingPriceSet": o.shipping})
	for key, of := range map[string]string{
		"originalTotalPriceSet": "total_price_set", "currentTotalPriceSet": "current_total_price_set",
		"currentSubtotalPriceSet": "current_subtotal_price_set", "currentTotalTaxSet": "current_total_tax_set",
		"currentTotalDiscountsSet": "current_total_discounts_set", "currentShippingPriceSet": "current_shipping_price_set",
	} {
		v[key] = lazily(func() any { return o.bag(o.money(of)) })
	}
	for key, of := range map[string]string{
		"subtotalPriceSet": "subtotal_price_set", "totalTaxSet": "total_tax_set", "totalDiscountsSet": "total_discounts_set",
		"originalTotalDutiesSet": "original_total_duties_set", "currentTotalDutiesSet": "current_total_duties_set",
		"originalTotalAdditionalFeesSet": "original_total_additional_fees_set",
		"currentTotalAdditionalFeesSet":  "current_total_additional_fees_set",
	} {
		v[key] = o.bagOrNil(of)
	}
	status := o.text("financial_status")
	v["unpaid"] = slices.Contains([]string{"pending", "authorized", "voided", "expired"}, status)
	v["fullyPaid"] = lazily(func() any { return v["unpaid"] == false && o.outstanding()[0].Sign() == 0 })
	return v
}

// shipping is what sending cost when the order was placed. Older bodies have it in their lines alone.
func (o *orderView) shipping() money {
	if o.doc("total_shipping_price_set") != nil {
		return o.money("total_shipping_price_set")
	}
	sum := none
	for _, l := range o.list("shipping_lines") {
		sum = sum.plus(l.money("price_set"))
	}
	return sum
}

func (o *orderView) refunded() money {
	sum := none
	for _, r := range o.list("refunds") {
		sum = sum.plus(o.paidBack(r))
	}
	return sum
}

// beforeRefunds is what the order would come to without them.
func (o *orderView) beforeRefunds() money {
	sum := o.money("current_total_price_set")
	for _, r := range o.list("refunds") {
		sum = sum.plus(o.worth(r))
	}
	return sum
}

func (o *orderView) received() money {
	if o.text("cancelled_at") != "" {
		return o.refunded()
	}
	return o.money("current_total_price_set").minus(o.outstanding()).plus(o.refunded())
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
	amount, ok := new(big.Rat).SetString(o.amount(key))
	if !ok {
		return none
	}
	return money{amount, o.exchange(amount, 0)}
}

// exchange turns an amount of one side of money into the other's, by the rate of the order's total.
func (o *orderView) exchange(amount *big.Rat, from int) *big.Rat {
	total := o.money("total_price_set")
	if total[from].Sign() == 0 {
		return amount
	}
	r := new(big.Rat).Mul(amount, total[1-from])
	return r.Quo(r, total[from])
}

// edited reports whether an edit changed the order: then what it came to once isn't what it comes to without
// its refunds.
func (o *orderView) edited() bool {
	return o.beforeRefunds()[0].Cmp(o.money("total_price_set")[0]) != 0
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
	for tag := range strings.SplitSeq(s, ",") {
		if tag = strings.TrimSpace(tag); tag != "" {
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
	rate := cmp.Or(d.id("rate"), "0") // with the webhook's own digits
	r, _ := json.Number(rate).Float64()
	v := o.bags(map[string]func() money{"priceSet": func() money { return d.money("price_set") }})
	v["title"], v["rate"], v["ratePercentage"] = d.text("title"), json.Number(rate), r*100
	return v
}

func (o *orderView) customers() resolver {
	if o.refused && o.scopes.has("read_customers") {
		return o.approved("Customer object", o.customer)
	}
	return o.withScope("read_customers", "customer", o.customer)
}

func (o *orderView) customer() any {
	c := o.doc("customer")
	if c == nil {
		return nil
	}
	first, last := o.personal(c, "first_name"), o.personal(c, "last_name")
	name := strings.TrimSpace(c.text("first_name") + " " + c.text("last_name"))
	if o.withheld {
		name = "" // the schema allows no null
	}
	id, email, phone := c.id("id"), o.personal(c, "email"), o.personal(c, "phone")
	v := object{"id": gid("Customer", id), "legacyResourceId": id, "displayName": name, "firstName": first,
		"lastName": last, "email": email, "phone": phone, "defaultEmailAddress": nil, "defaultPhoneNumber": nil,
		"locale": cmp.Or(o.text("customer_locale"), "en"), "numberOfOrders": "1"}
	if email != nil {
		v["defaultEmailAddress"] = object{"emailAddress": email}
	}
	if phone != nil {
		v["defaultPhoneNumber"] = object{"phoneNumber": phone}
	}
	return v
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

// time is a time as GraphQL has it, in UTC; nil for none.
func (d document) time(key string) any {
	at, err := time.Parse(time.RFC3339, d.text(key))
	if err != nil {
		return d.orNil(key)
	}
	return stamp(at)
}
