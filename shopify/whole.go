package shopify

import (
	"strings"

	"bellhop"
)

// webhookFields are what each webhook about an order has had in all of Shopify's versions, if only as a null. One that
// lacks any of them is cut down, by its subscription's include_fields or by Amazon's limit. Customers' data is not
// among them: Shopify withholds it from apps. Nor is current_total_price, which bodies of before 2021 have not.
var webhookFields = strings.Fields(`id name number order_number currency total_price financial_status
	fulfillment_status created_at updated_at processed_at cancelled_at note test line_items`)

// whole reports whether a body surely has all of [webhookFields]. Nearly all have.
func (o *order) whole() bool {
	return o.Name != "" && o.Number != 0 && o.OrderNumber != 0 && o.Currency != "" && o.TotalPrice != "" &&
		o.FinancialStatus != "" && o.FulfillmentStatus != "" && o.CreatedAt != "" && o.UpdatedAt != "" &&
		o.ProcessedAt != "" && o.CancelledAt != "" && o.Note != "" && o.Test != flagAbsent &&
		len(o.LineItems) > 0
}

// cutDown names the fields that an order's body lacks. One that lacks some and is about something else is no order.
func cutDown(e *bellhop.Event) (l lacks, err error) {
	var body map[string]any
	if err := unmarshal(e.Body, &body); err != nil {
		return nil, err
	}
	if inner, ok := body["order"].(map[string]any); ok && body["id"] == nil { // the envelope of the REST API
		body = inner
	}
	for _, of := range [...]string{"order_id", "myshopify_domain", "shop_domain", "shop_id", "previous"} {
		if _, ok := body[of]; ok {
			return nil, otherKind(e.Topic, "it is about something else than an order")
		}
	}
	for _, name := range webhookFields {
		if _, ok := body[name]; !ok {
			l.add(name)
		}
	}
	return l, nil
}

// OnlyID is the reason of a webhook whose body is nothing but its order's id: Amazon EventBridge has no room for a
// larger one, or the subscription's include_fields ask for no more.
func OnlyID() string { return bellhop.IncompleteReason(webhookFields[1:]) }
