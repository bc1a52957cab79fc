package shop

import (
	"cmp"
	"encoding/json"
	"math/big"
	"slices"
	"strings"
)

func (o *orderView) lineItem(l document) object {
	id, quantity := l.id("id"), l.int("quantity")
	current := l.intOr("current_quantity", quantity)
	unfulfillable := quantity - current
	if l.isTip() {
		unfulfillable = quantity
	}
	price := func() money { return l.money("price_set") }
	byLine := func() money { return l.money("total_discount_set") }
	v := o.bags(map[string]func() money{
		"originalUnitPriceSet":   price,
		"discountedUnitPriceSet": func() money { return price().minus(byLine().part(max(1, quantity))) },
		"originalTotalSet":       func() money { return price().times(quantity) },
		"discountedTotalSet":     func() money { return price().times(quantity).minus(byLine()) },
		"totalDiscountSet":       func() money { return allocated(l) },
	})
	for key, value := range map[string]any{
		"id": gid("LineItem", id), "title": l.text("title"), "name": l.text("name"),
		"variantTitle": l.orNil("variant_title"), "vendor": l.orNil("vendor"), "sku": l.orNil("sku"),
		"quantity": quantity, "currentQuantity": current, "refundableQuantity": current,
		"unfulfilledQuantity": l.intOr("fulfillable_quantity", current), "nonFulfillableQuantity": unfulfillable,
		"requiresShipping": l.on("requires_shipping"), "isGiftCard": l.on("gift_card"), "taxable": l.on("taxable"),
		"customAttributes": lazyEach(l.list("properties"), attribute), "taxLines": firstOf(l.list("tax_lines"), o.taxLine),
		"discountAllocations": o.allocations(l),
		"lineItemGroup":       lazily(func() any { return o.group(l.id("sales_line_item_group_id")) }),
		"product":             o.withScope("read_products", "product", func() any { return product(l) }),
		"variant":             o.withScope("read_products", "variant", func() any { return variant(l) }),
	} {
		v[key] = value
	}
	return v
}

// isTip reports whether a line is a tip, which nobody ever sends.
func (l document) isTip() bool {
	return l.text("tip_payment_gateway") != "" || l.text("tip_payment_method") != "" || l["tip"] != nil
}

// shares are the discounts of a line; older bodies have their sum alone.
func (l document) shares() []document {
	if l["discount_allocations"] == nil && l.money("total_discount_set")[0].Sign() > 0 {
		return []document{{"amount": l.amount("total_discount"), "discount_application_index": json.Number("-1")}}
	}
	return l.list("discount_allocations")
}

// allocated is a line's share in the order's discounts.
func allocated(l document) money {
	sum := none
	for _, a := range l.shares() {
		sum = sum.plus(a.money("amount_set"))
	}
	return sum
}

// allocations are the shares of a line in the order's discounts, which it names by their place.
func (o *orderView) allocations(l document) resolver {
	return lazily(func() any {
		return each(l.shares(), func(a document) object {
			v := o.bags(map[string]func() money{"allocatedAmountSet": func() money { return a.money("amount_set") }})
			v["discountApplication"] = o.application(int(a.int("discount_application_index")))
			return v
		})
	})
}

// applications are the types of discounts by the webhook's word.
var applications = map[string]string{"discount_code": "DiscountCodeApplication", "manual": "ManualDiscountApplication",
	"automatic": "AutomaticDiscountApplication", "script": "ScriptDiscountApplication"}

func (o *orderView) application(index int) object {
	var d document
	if all := o.list("discount_applications"); index >= 0 && index < len(all) {
		d = all[index]
	}
	return object{"__typename": cmp.Or(applications[d.text("type")], "ManualDiscountApplication"), "index": index,
		"code": d.text("code"), "title": cmp.Or(d.text("title"), d.text("description"))}
}

// group is the bundle that a line belongs to; nil for none.
func (o *orderView) group(id string) any {
	if id == "" {
		return nil
	}
	v := object{"id": gid("LineItemGroup", id), "title": "", "quantity": 1}
	for _, g := range o.list("line_item_groups") {
		if g.id("id") == id {
			v["title"], v["quantity"] = g.text("title"), g.int("quantity")
		}
	}
	return v
}

func product(l document) any {
	id := l.id("product_id")
	if id == "" {
		return nil
	}
	return object{"id": gid("Product", id), "legacyResourceId": id, "title": l.text("title")}
}

func variant(l document) any {
	id := l.id("variant_id")
	if id == "" {
		return nil
	}
	return object{"id": gid("ProductVariant", id), "legacyResourceId": id, "sku": l.orNil("sku"),
		"title": cmp.Or(l.text("variant_title"), "Default Title")}
}

// shippingLines leaves those that an edit removed out, unless it is asked for them.
func (o *orderView) shippingLines(args map[string]any) (any, error) {
	all := o.list("shipping_lines")
	if args["includeRemovals"] != true {
		all = slices.DeleteFunc(all, func(l document) bool { return l.on("is_removed") })
	}
	return connection(all, o.shippingLine)(args)
}

func (o *orderView) shippingLine(l document) object {
	price := func() money { return l.money("price_set") }
	discounted := func() money {
		if l.doc("discounted_price_set") == nil && l.text("discounted_price") == "" {
			return price().minus(allocated(l))
		}
		return l.money("discounted_price_set")
	}
	current := discounted
	if l.on("is_removed") {
		current = func() money { return none }
	}
	v := o.bags(map[string]func() money{"originalPriceSet": price, "discountedPriceSet": discounted,
		"currentDiscountedPriceSet": current})
	v["id"], v["title"], v["code"], v["source"] = gid("ShippingLine", l.id("id")), l.text("title"), l.orNil("code"),
		l.orNil("source")
	v["isRemoved"], v["discountAllocations"] = l.on("is_removed"), o.allocations(l)
	return v
}

func (o *orderView) fulfillment(f document) object {
	id, pieces := f.id("id"), int64(0)
	for _, l := range f.list("line_items") {
		pieces += l.int("quantity")
	}
	shipped := f.text("shipment_status")
	at := func(status string) any {
		if shipped == status {
			return f.time("updated_at")
		}
		return nil
	}
	return object{"__typename": "Fulfillment", "id": gid("Fulfillment", id), "legacyResourceId": id,
		"name": f.text("name"), "status": f.upperOrNil("status"),
		"createdAt": f.time("created_at"), "updatedAt": f.time("updated_at"),
		"displayStatus": cmp.Or(strings.ToUpper(shipped), displayStatus(f)), "inTransitAt": at("in_transit"),
		"deliveredAt": at("delivered"), "estimatedDeliveryAt": nil, "totalQuantity": pieces,
		"trackingInfo": firstOf(f.tracking(), func(t document) object { return object(t) }),
		"fulfillmentLineItems": connection(f.list("line_items"), func(l document) object {
			return object{"id": gid("FulfillmentLineItem", l.id("id")+id), "quantity": l.int("quantity"),
				"lineItem": o.lineItem(l)}
		})}
}

// tracking pairs a parcel's numbers with their links; either may be missing, and both where a carrier is known.
func (f document) tracking() (all []document) {
	numbers, urls := f.texts("tracking_numbers"), f.texts("tracking_urls")
	if n := f.text("tracking_number"); n != "" && len(numbers) == 0 {
		numbers = []any{n}
	}
	if u := f.text("tracking_url"); u != "" && len(urls) == 0 {
		urls = []any{u}
	}
	entries := max(len(numbers), len(urls))
	if f.text("tracking_company") != "" {
		entries = max(entries, 1)
	}
	for i := range entries {
		t := document{"company": f.orNil("tracking_company"), "number": nil, "url": nil}
		if i < len(numbers) {
			t["number"] = numbers[i]
		}
		if i < len(urls) {
			t["url"] = urls[i]
		}
		all = append(all, t)
	}
	return all
}

func displayStatus(f document) string {
	if f.text("status") == "cancelled" {
		return "CANCELED"
	}
	return "FULFILLED"
}

func (o *orderView) refund(r document) object {
	id := r.id("id")
	shipping, adjustments := r.shippingBack()
	v := o.bags(map[string]func() money{"totalRefundedSet": func() money { return o.paidBack(r) }})
	for key, value := range map[string]any{
		"__typename": "Refund", "id": gid("Refund", id), "legacyResourceId": id, "createdAt": r.time("created_at"),
		"updatedAt": r.time("created_at"), "processedAt": cmp.Or(r.time("processed_at"), r.time("created_at")),
		"note": r.orNil("note"), "duties": o.dutiesBack(r),
		"refundLineItems":     connection(r.list("refund_line_items"), o.refundLine),
		"refundShippingLines": connection(shipping, o.refundShippingLine),
		"orderAdjustments":    connection(adjustments, o.adjustment),
		"transactions":        connection(r.list("transactions"), o.transaction),
	} {
		v[key] = value
	}
	return v
}

func (o *orderView) refundLine(l document) object {
	quantity := max(1, l.int("quantity"))
	v := o.bags(map[string]func() money{
		"priceSet":    func() money { return l.money("subtotal_set").part(quantity) },
		"subtotalSet": func() money { return l.money("subtotal_set") },
		"totalTaxSet": func() money { return l.money("total_tax_set") },
	})
	v["id"], v["quantity"] = gid("RefundLineItem", l.id("id")), quantity
	v["restockType"], v["lineItem"] = l.upperOrNil("restock_type"), o.refundedLine(l)
	return v
}

// refundedLine is the line that pieces of went back. Webhooks have all of it, or its id alone.
func (o *orderView) refundedLine(l document) object {
	if item := l.doc("line_item"); item != nil {
		return o.lineItem(item)
	}
	for _, item := range o.list("line_items") {
		if item.id("id") == l.id("line_item_id") {
			return o.lineItem(item)
		}
	}
	return o.lineItem(document{"id": l["line_item_id"]})
}

// shippingBack tells the shipping that went back from other adjustments. Webhooks have it in a list of its own, or as
// adjustments of the opposite sign.
func (r document) shippingBack() (shipping, others []document) {
	shipping = r.list("refund_shipping_lines")
	listed := len(shipping) > 0
	for _, a := range r.list("order_adjustments") {
		switch isShipping := a.text("kind") == "shipping_refund"; {
		case !isShipping:
			others = append(others, a)
		case !listed:
			shipping = append(shipping, document{"id": a["id"], "negated": map[string]any(a)})
		}
	}
	return shipping, others
}

func (o *orderView) refundShippingLine(l document) object {
	amount := func(key, negated string) func() money {
		return func() money {
			if a := l.doc("negated"); a != nil {
				return none.minus(a.money(negated))
			}
			return l.money(key)
		}
	}
	v := o.bags(map[string]func() money{"subtotalAmountSet": amount("subtotal_amount_set", "amount_set"),
		"taxAmountSet": amount("tax_amount_set", "tax_amount_set")})
	v["id"] = gid("RefundShippingLine", l.id("id"))
	return v
}

func (o *orderView) adjustment(a document) object {
	v := o.bags(map[string]func() money{"amountSet": func() money { return a.money("amount_set") },
		"taxAmountSet": func() money { return a.money("tax_amount_set") }})
	v["id"], v["reason"] = gid("OrderAdjustment", a.id("id")), nil
	if a.text("kind") == "refund_discrepancy" {
		v["reason"] = "REFUND_DISCREPANCY"
	}
	return v
}

// transaction is in the buyer's currency; the shop's is by the order's rate.
func (o *orderView) transaction(t document) object {
	v := o.bags(map[string]func() money{"amountSet": func() money {
		amount, ok := new(big.Rat).SetString(t.amount("amount"))
		if !ok {
			return none
		}
		if t.text("currency") == o.currency() && o.currency() != o.buyersCurrency() {
			return money{amount, o.exchange(amount, 0)}
		}
		return money{o.exchange(amount, 1), amount}
	}})
	v["id"], v["gateway"] = gid("OrderTransaction", t.id("id")), t.orNil("gateway")
	v["kind"], v["status"] = strings.ToUpper(t.text("kind")), strings.ToUpper(t.text("status"))
	return v
}

// dutiesBack is one entry with all of a refund's duties, of which webhooks have the sum; none where it is zero.
func (o *orderView) dutiesBack(r document) resolver {
	return lazily(func() any {
		if r.money("total_duties_set")[0].Sign() == 0 {
			return []any{}
		}
		return []any{o.bags(map[string]func() money{"amountSet": func() money { return r.money("total_duties_set") }})}
	})
}

// returnStatuses are what GraphQL says of an order whose newest return has a webhook's word.
var returnStatuses = map[string]string{"requested": "RETURN_REQUESTED", "open": "IN_PROGRESS", "closed": "RETURNED",
	"canceled": "RETURN_FAILED"}

func (o *orderView) returnStatus() string {
	status := ""
	for _, r := range o.list("returns") {
		status = returnStatuses[r.text("status")]
	}
	return cmp.Or(status, "NO_RETURN")
}
