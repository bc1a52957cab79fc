package simulate

// Blank are the fields that each webhook about an order has, as nulls, for a short body of one's own that goes on with
// those that matter: "{" + Blank + `"id":1, …}`. Without them it would be one that a subscription cut down.
const Blank = `"name":null,"number":null,"order_number":null,"currency":null,"total_price":null,` +
	`"current_total_price":null,"financial_status":null,"fulfillment_status":null,"created_at":null,` +
	`"updated_at":null,"processed_at":null,"cancelled_at":null,"note":null,"test":null,`
