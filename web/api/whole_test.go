package api_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"bellhop"
	"bellhop/store"
)

// wholeOrder gives an order all that it can have: a bundle with an engraving of which one piece went
// back, a line that an edit removed, a tip, a parcel.
func wholeOrder(o *bellhop.Order) {
	at := day
	o.Details = bellhop.Details{Schema: bellhop.DetailsSchema, TaxesIncluded: true, Outstanding: "12.50",
		BuyersNow: "350.00",
		Placed: bellhop.Sums{Subtotal: "380.00", Discounts: "20.00", Shipping: "15.00", Tax: "33.00", Duties: "1.00",
			Fees: "2.00", Tips: "5.00"},
		Now: bellhop.Sums{Subtotal: "360.00", Shipping: "15.00", Tax: "31.00"},
		Customer: &bellhop.Customer{ID: 207119551, Name: "홍길동", Email: "gildong@example.com", Phone: "+82 10-0000-0000",
			Locale: "ko-KR"},
		Billing: &bellhop.Address{Name: "홍길동", CountryCode: "KR"},
		Shipping: &bellhop.Address{Name: "홍길동", Company: "활빈당", Address1: "세종대로 1", Address2: "2층", City: "중구", Zip: "04524",
			Province: "서울특별시", ProvinceCode: "KR-11", Country: "대한민국", CountryCode: "KR", Phone: "+82 10-0000-0001"},
		Items: []bellhop.Item{
			{ID: 1, Title: "Ring", Variant: "M", SKU: "RING-M", Vendor: "Mori", Quantity: 2, Current: 1, ToFulfil: 1,
				Price: "200.00", Discount: "20.00", Total: "380.00", Tax: "33.00", Group: 5,
				Properties: []bellhop.Attribute{{Name: "Engraving", Value: "길동"}}},
			{ID: 2, Title: "Card", Quantity: 1, Price: "1.00", Total: "1.00", GiftCard: true},
			{ID: 3, Title: "Tip", Quantity: 1, Current: 1, Price: "5.00", Total: "5.00", Tip: true, Custom: true}},
		Groups: []bellhop.ItemGroup{{ID: 5, Title: "Wedding set", Quantity: 1}},
		ShippingLines: []bellhop.ShippingLine{{Title: "Express", Code: "EXP", Price: "16.00", Discount: "1.00",
			Removed: true}},
		TaxLines:      []bellhop.TaxLine{{Title: "VAT", Rate: "0.1", Price: "33.00"}},
		DiscountCodes: []bellhop.DiscountCode{{Code: "TENOFF", Amount: "20.00"}}, Tags: []string{"vip", "선물"},
		Attributes: []bellhop.Attribute{{Name: "Gift", Value: "축하해요"}, {Name: "_from", Value: "길동"}},
		Gateways:   []string{"bogus", "gift_card"},
		PONumber:   "PO-7", Source: "web", CancelReason: "customer", ReturnStatus: "open", ClosedAt: &at,
		Unread: []string{"line_items.tax_lines"}}
	step := func(id int64) bellhop.Step { return bellhop.Step{ID: id, At: day, Said: o.Version} }
	line := func(id int64) []bellhop.LineQuantity { return []bellhop.LineQuantity{{Item: id, Quantity: 1}} }
	o.History = bellhop.History{
		Refunds: []bellhop.Refund{{Step: step(11), Amount: "181.00", Note: "too small",
			Lines: []bellhop.RefundLine{{Item: 1, Quantity: 1, Amount: "181.00", Restock: "return"}}}, {Step: step(12)}},
		Fulfillments: []bellhop.Fulfillment{{Step: step(21), Status: "success", Shipment: "delivered", Carrier: "CJ",
			Tracking: []bellhop.Tracking{{Number: "6300", URL: "https://example.com/6300"}}, Lines: line(1)}},
		Edits: []bellhop.Edit{{Step: step(31), Added: line(1), Removed: line(2)}},
		Risks: []bellhop.Risk{{Step: step(41), Level: "high", Provider: "bogus"}}}
	o.Current, o.Pieces, o.CreatedAt = usd(22200), 1, day.Add(-time.Minute).In(o.PlacedAt.Location())
}

// TestWholeOrderHasTheShapeThatIsPromised compares all of an order beyond its list's shape.
func TestWholeOrderHasTheShapeThatIsPromised(t *testing.T) {
	r := newRig(t)
	r.Order(demo, 0, wholeOrder)
	got := r.Call("GET", "/v1/orders/820982911946154508", ownerSession, "").JSON(t)
	picked := map[string]any{}
	for _, name := range []string{"total", "current_total", "pieces", "created_at", "edited_at", "refunded_at", "items",
		"details", "history"} {
		picked[name] = got[name]
	}
	sameJSON(t, picked, `{"total":"403.00","current_total":"222.00","pieces":1,"created_at":"2026-11-22T17:59:00+09:00",
		"edited_at":"2026-11-22T09:00:00Z","refunded_at":"2026-11-22T09:00:00Z",
		"items":[
			{"id":"1","title":"Ring","variant":"M","sku":"RING-M","vendor":"Mori","quantity":2,"current_quantity":1,"to_fulfil":1,
			"removed":false,"price":"200.00","discount":"20.00","total":"380.00","tax":"33.00",
			"properties":[{"name":"Engraving","value":"길동"}],"bundle":"Wedding set","gift_card":false,"tip":false,"custom":false},
			{"id":"2","title":"Card","variant":"","sku":"","quantity":1,"current_quantity":0,"to_fulfil":0,"removed":true,
			"price":"1.00","total":"1.00","properties":[],"gift_card":true,"tip":false,"custom":false},
			{"id":"3","title":"Tip","variant":"","sku":"","quantity":1,"current_quantity":1,"to_fulfil":0,"removed":false,
			"price":"5.00","total":"5.00","properties":[],"gift_card":false,"tip":true,"custom":true}],
		"details":{"complete":true,"taxes_included":true,"refunded":"181.00","outstanding":"12.50","buyers_now":"350.00",
			"placed":{"subtotal":"380.00","discounts":"20.00","shipping":"15.00","tax":"33.00","duties":"1.00","fees":"2.00",
				"tips":"5.00"},
			"now":{"subtotal":"360.00","shipping":"15.00","tax":"31.00"},
			"contact":{"id":"207119551","name":"홍길동","email":"gildong@example.com","phone":"+82 10-0000-0000","locale":"ko-KR"},
			"billing_address":{"name":"홍길동","country_code":"KR"},
			"shipping_address":{"name":"홍길동","company":"활빈당","address1":"세종대로 1","address2":"2층","city":"중구","zip":"04524",
				"province":"서울특별시","province_code":"KR-11","country":"대한민국","country_code":"KR","phone":"+82 10-0000-0001"},
			"shipping_lines":[{"title":"Express","code":"EXP","price":"16.00","discount":"1.00","removed":true}],
			"tax_lines":[{"title":"VAT","rate":"0.1","price":"33.00"}],"discount_codes":[{"code":"TENOFF","amount":"20.00"}],
			"tags":["vip","선물"],"attributes":[{"name":"Gift","value":"축하해요"},{"name":"_from","value":"길동"}],"payment_gateways":["bogus","gift_card"],
			"po_number":"PO-7","source":"web","cancel_reason":"customer","return_status":"open",
			"closed_at":"2026-11-22T09:00:00Z","unread":["line_items.tax_lines"]},
		"history":{
			"refunds":[{"id":"11","at":"2026-11-22T09:00:00Z","amount":"181.00","currency":"USD","note":"too small",
				"lines":[{"item":"1","quantity":1,"amount":"181.00","restock":"return"}]},
				{"id":"12","at":"2026-11-22T09:00:00Z","amount":"","lines":[]}],
			"fulfillments":[{"id":"21","at":"2026-11-22T09:00:00Z","status":"success","shipment_status":"delivered",
				"carrier":"CJ","tracking":[{"number":"6300","url":"https://example.com/6300"}],
				"lines":[{"item":"1","quantity":1}]}],
			"edits":[{"id":"31","at":"2026-11-22T09:00:00Z","added":[{"item":"1","quantity":1}],
				"removed":[{"item":"2","quantity":1}]}],
			"risks":[{"at":"2026-11-22T09:00:00Z","level":"high","provider":"bogus"}]}}`)
}

// TestListsAreBrief names all that a list says of an order.
func TestListsAreBrief(t *testing.T) {
	r := newRig(t)
	r.Device(demo, "phone-1")
	r.Order(demo, 0, wholeOrder)
	got := r.Call("GET", "/v1/orders", ownerSession, "").JSON(t)["orders"].([]any)
	delete(got[0].(map[string]any), "version")
	sameJSON(t, got, `[{"id":"820982911946154508","shop":"demo.myshopify.com","name":"#1000","number":1000,
		"currency":"USD","total":"403.00","current_total":"222.00","pieces":1,
		"presentment":{"currency":"EUR","total":"372.11"},"customer":{"name":"Jo Lee","email":"jo@example.com"},"note":"",
		"financial_status":"paid","fulfillment_status":"unfulfilled","handling":"new","test":false,
		"placed_at":"2026-11-22T18:00:00+09:00","created_at":"2026-11-22T17:59:00+09:00",
		"updated_at":"2026-11-22T18:00:00+09:00","recorded_at":"2026-11-22T09:00:02Z","cancelled_at":null,
		"edited_at":"2026-11-22T09:00:00Z","refunded_at":"2026-11-22T09:00:00Z",
		"trace":{"triggered_at":"2026-11-22T09:00:00Z","accepted_at":"2026-11-22T09:00:01Z",
			"recorded_at":"2026-11-22T09:00:02Z","pushed_at":null}}]`)
}

// TestTheDocumentDescribesAnswers checks answers against their shapes in the API's document, which may
// not lack a field.
func TestTheDocumentDescribesAnswers(t *testing.T) {
	r := newRig(t)
	r.Device(demo, "phone-1")
	r.Order(demo, 0, wholeOrder)
	r.Order(demo, 1, func(o *bellhop.Order) { o.Presentment, o.Details = nil, bellhop.Details{} })
	shape := described(r)
	for path, name := range map[string]string{"/v1/orders": "OrderPage", "/v1/orders/820982911946154508": "WholeOrder",
		"/v1/orders/820982911946154509": "WholeOrder", "/v1/pushes": "PushPage", "/v1/me": "Me", "/v1/me/data": "Account",
		"/v1/settings": "Settings", "/v1/devices": "DeviceList", "/v1/shop": "ShopSettings", "/v1/people": "MemberList",
		"/v1/invitations": "InvitationList", "/v1/access-log": "AccessPage", "/v1/statement?hours=true": "Statement",
		"/v1/privacy/requests": "PrivacyPage", "/v1/orders/1": "Problem", "/v1/orders?limit=0": "Problem",
		"/v1/shops": "Problem"} {
		if err := shape(name).Validate(any(r.Call("GET", path, ownerSession, "").JSON(t))); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
	for path, name := range map[string]string{"/v1/shops": "ShopPage", "/v1/shops/" + demo: "Shop",
		"/v1/shops/" + demo + "/tokens": "TokenList"} {
		if err := shape(name).Validate(any(r.Call("GET", path, operatorSession, "").JSON(t))); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// described finds the shapes of the document, which here name all fields.
func described(r *rig) func(name string) *jsonschema.Schema {
	r.Helper()
	doc := r.Call("GET", "/v1/openapi.json", "", "").JSON(r)
	each(doc, func(_ string, v any) {
		if m, ok := v.(map[string]any); ok && m["type"] == "object" && m["properties"] != nil {
			m["additionalProperties"] = false
		}
	})
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	must(r, c.AddResource("openapi.json", doc))
	return func(name string) *jsonschema.Schema {
		r.Helper()
		schema, err := c.Compile("openapi.json#/components/schemas/" + name)
		must(r, err)
		return schema
	}
}

// TestTheDocumentDescribesTheStream compares events with their shapes.
func TestTheDocumentDescribesTheStream(t *testing.T) {
	r := newRig(t)
	shape := described(r)("StreamEvent")
	r.Device(demo, "phone-0")
	r.Order(demo, 0)
	events, _ := r.follow("/v1/stream?last_event_id=99999", ownerSession)
	var names []string
	check := func() {
		t.Helper()
		e := next(t, events)
		var data any
		must(t, json.Unmarshal([]byte(e.data), &data))
		if err := shape.Validate(map[string]any{"id": e.id, "event": e.name, "data": data}); err != nil {
			t.Errorf("%+v: %v", e, err)
		}
		names = append(names, e.name)
	}
	check()
	r.Order(demo, 1)
	check()
	owed, err := r.DB.ClaimPushes(t.Context(), r.Clock.Now(), store.Slots{Free: 10}, time.Minute)
	must(t, err)
	must(t, r.DB.SettlePushes(t.Context(),
		[]store.Settled{{Pushes: owed[0].Pushes, Status: bellhop.PushSent, At: r.Clock.Now()}}))
	check()
	e := &bellhop.Event{ID: bellhop.EventID{9}, Shop: demo, Topic: "orders/delete", AcceptedAt: day,
		SignedBy: bellhop.SignerApp, Body: []byte("{}")}
	_, err = r.DB.Record(t.Context(), []bellhop.Fact{{Event: e, At: day, OrderID: 820982911946154509, Deleted: true}})
	must(t, err)
	check()
	if want := "reset order.recorded push.settled order.updated"; strings.Join(names, " ") != want {
		t.Errorf("came %v, want %s", names, want)
	}
}
