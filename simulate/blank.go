package simulate

// Blank are the fields that each webhook about an order has, as nulls, for a short body of one's own that goes on with
// those that matter: "{" + Blank + `"id":1, …}`. Without them it would be one that a subscription cut down.
const Blank = `"name":null,"number":null,"order_number":null,"currency":null,"total_price":null,` +
	`"current_total_price":null,"financial_status":null,"fulfillment_status":null,"created_at":null,` +
	`"updated_at":null,"processed_at":null,"cancelled_at":null,"note":null,"test":null,` +
	`"billing_address":null,"cancel_reason":null,"closed_at":null,"contact_email":null,` +
	`"current_shipping_price_set":null,"current_subtotal_price":null,"current_total_additional_fees_set":null,` +
	`"current_total_discounts":null,"current_total_duties_set":null,"current_total_price_set":null,` +
	`"current_total_tax":null,"customer":null,"customer_locale":null,"discount_codes":[],"email":null,` +
	`"fulfillments":[],"line_item_groups":[],"note_attributes":[],"original_total_additional_fees_set":null,` +
	`"original_total_duties_set":null,"payment_gateway_names":[],"phone":null,"po_number":null,"refunds":[],` +
	`"returns":[],"shipping_address":null,"shipping_lines":[],"source_name":null,"subtotal_price":null,"tags":"",` +
	`"tax_lines":[],"taxes_included":false,"total_discounts":null,"total_outstanding":null,"total_price_set":null,` +
	`"total_shipping_price_set":null,"total_tax":null,"total_tip_received":null,`

// BlankLine are the fields of a line, as [Blank] are those of an order.
const BlankLine = `"title":null,"variant_title":null,"sku":null,"vendor":null,"quantity":0,"current_quantity":null,` +
	`"fulfillable_quantity":null,"fulfillment_status":null,"price":null,"total_discount":null,` +
	`"discount_allocations":[],"tax_lines":[],"properties":[],"gift_card":false,"product_id":1,"variant_id":1,` +
	`"sales_line_item_group_id":null,`
