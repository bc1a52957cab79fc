package shopify_test

import (
	"fmt"

	"bellhop"
	"bellhop/shopify"
	"bellhop/simulate"
)

// A webhook's way: check who signed the bytes, then read what they state.
func Example() {
	body := []byte(`{` + simulate.Blank + `"id":820982911946154508,"name":"#1042","currency":"JPY","total_price":"19800",` +
		`"created_at":"2026-11-22T09:00:00+09:00","line_items":[],"customer":{"first_name":"Ada","last_name":"Quill"}}`)
	signature := shopify.Sign("hush", body) // what Shopify puts into the header

	keys := shopify.Keys{App: shopify.NewSecret("hush")}
	signer, ok := keys.Verify(body, signature)
	fmt.Println(ok, signer)

	fact, err := shopify.Decode(&bellhop.Event{Topic: shopify.TopicOrderCreate, SignedBy: signer, Body: body})
	if err != nil {
		fmt.Println(err)
		return
	}
	o := fact.Order
	fmt.Println(o.ID, o.Name, o.Total, o.Total.Currency, o.CustomerName, o.FulfillmentStatus)

	fact, err = shopify.Decode(&bellhop.Event{Topic: shopify.TopicOrderCreate,
		Body: []byte(`{"id":1,"note":"Ring twice"}`)})
	fmt.Println(fact.OrderID, len(fact.Lacks), err)
	// Output:
	// true app
	// 820982911946154508 #1042 19800 JPY Ada Quill unfulfilled
	// 1 13 <nil>
}

func ExampleDecode_request() {
	fact, err := shopify.Decode(&bellhop.Event{Topic: shopify.TopicShopRedact,
		Body: []byte(`{"shop_id":548380009,"shop_domain":"shop.example"}`)})
	fmt.Println(fact.Request.Kind, err)
	// Output: shop/redact <nil>
}
