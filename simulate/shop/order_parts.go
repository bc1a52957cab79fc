package shop

import (
	"cmp"
	"strings"
)

func (o *orderView) lineItem(l document) object {
	id, quantity, price := l.id("id"), l.int("quantity"), l.money("price_set")
	off := none
	for _, a := range l.list("discount_allocations") {
		off = off.plus(a.money("amount_set"))
	}
	byLine := l.money("total_discount_set")
	unit := price
	if quantity > 0 {
		unit = price.minus(byLine.part(quantity))
	}
	return object{
		"id": gid("LineItem", id), "title": l.text("title"), "name": l.text("name"),
		"variantTitle": l.orNil("variant_title"), "vendor": l.orNil("vendor"), "sku": l.orNil("sku"),
		"quantity": quantity, "currentQuantity": l.int("current_quantity"),
		"refundableQuantity": l.int("current_quantity"), "unfulfilledQuantity": l.int("fulfillable_quantity"),
		"requiresShipping": l.on("requires_shipping"), "isGiftCard": l.on("gift_card"), "taxable": l.on("taxable"),
		"customAttributes": each(l.list("properties"), attribute), "originalUnitPriceSet": o.bag(price),
		"discountedUnitPriceSet": o.bag(unit), "originalTotalSet": o.bag(price.times(quantity)),
		"discountedTotalSet": o.bag(price.times(quantity).minus(byLine)), "totalDiscountSet": o.bag(off),
		"taxLines": each(l.list("tax_lines"), o.taxLine), "product": product(l), "variant": variant(l),
	}
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

func (o *orderView) fulfillment(f document) object {
	id, pieces := f.id("id"), int64(0)
	for _, l := range f.list("line_items") {
		pieces += l.int("quantity")
	}
	tracking := []any{}
	numbers, _ := f["tracking_numbers"].([]any)
	urls, _ := f["tracking_urls"].([]any)
	for i, n := range numbers {
		t := object{"company": f.orNil("tracking_company"), "number": n, "url": nil}
		if i < len(urls) {
			t["url"] = urls[i]
		}
		tracking = append(tracking, t)
	}
	shipped := f.text("shipment_status")
	at := func(status string) any {
		if shipped == status {
			return f.text("updated_at")
		}
		return nil
	}
	return object{"id": gid("Fulfillment", id), "legacyResourceId": id, "name": f.text("name"),
		"status": f.upperOrNil("status"), "createdAt": f.text("created_at"), "updatedAt": f.text("updated_at"),
		"displayStatus": cmp.Or(strings.ToUpper(shipped), displayStatus(f)), "inTransitAt": at("in_transit"),
		"deliveredAt": at("delivered"), "estimatedDeliveryAt": nil, "totalQuantity": pieces,
		"trackingInfo": tracking,
		"fulfillmentLineItems": connection(f.list("line_items"), func(l document) object {
			return object{"id": gid("FulfillmentLineItem", l.id("id")+id), "quantity": l.int("quantity"),
				"lineItem": o.lineItem(l)}
		})}
}

func displayStatus(f document) string {
	if f.text("status") == "cancelled" {
		return "CANCELED"
	}
	return "FULFILLED"
}

func (o *orderView) refund(r document) object {
	id := r.id("id")
	return object{"id": gid("Refund", id), "legacyResourceId": id, "createdAt": r.text("created_at"),
		"updatedAt": r.text("created_at"), "note": r.orNil("note"), "totalRefundedSet": o.bag(o.paidBack(r)),
		"refundLineItems": connection(r.list("refund_line_items"), func(l document) object {
			quantity := max(1, l.int("quantity"))
			return object{"id": gid("RefundLineItem", l.id("id")), "quantity": quantity,
				"restockType": l.upperOrNil("restock_type"), "lineItem": o.lineItem(l.doc("line_item")),
				"priceSet": o.bag(l.money("subtotal_set").part(quantity)), "subtotalSet": o.bag(l.money("subtotal_set")),
				"totalTaxSet": o.bag(l.money("total_tax_set"))}
		})}
}
