package shopify_test

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"bellhop"
	"bellhop/shopify"
)

// answer is a fetched order whose fields a test sets.
func answer(fields string) []byte {
	return []byte(`{"data":{"order":{"id":"gid://shopify/Order/7","name":"#7","currencyCode":"USD","createdAt":` +
		`"2026-11-20T00:15:00Z","updatedAt":"2026-11-20T00:15:00Z","originalTotalPriceSet":{"shopMoney":{"amount":"9.5",` +
		`"currencyCode":"USD"}},"lineItems":{"nodes":[],"pageInfo":{"hasNextPage":false}}` + fields +
		`},"shop":{"ianaTimezone":"Asia/Seoul"}},"query_variables":{"orderId":"gid://shopify/Order/7"}}`)
}

func fetched(t *testing.T, body []byte) *bellhop.Order {
	t.Helper()
	f, err := shopify.Decode(event(bellhop.TopicReconcile, body))
	if err != nil || f.Order == nil {
		t.Fatalf("%s: %v", body, err)
	}
	return f.Order
}

func TestDecodeAnswerRefuses(t *testing.T) {
	whole := string(answer(""))
	without := func(old, new string) string {
		if !strings.Contains(whole, old) {
			t.Fatalf("%q is not in the answer", old)
		}
		return strings.Replace(whole, old, new, 1)
	}
	more := `{"nodes":[],"pageInfo":{"hasNextPage":true}}`
	for _, tt := range []struct{ name, body, want string }{
		{"no JSON", `{"data":{`, "the body is not JSON from byte 9 on"},
		{"nothing", `{}`, "query_variables.orderId is missing or no order's"},
		{"no variables", without(`"query_variables"`, `"x"`), "query_variables.orderId is missing or no order's"},
		{"of a product", without(`"orderId":"gid://shopify/Order/7"`, `"orderId":"gid://shopify/Product/7"`),
			"query_variables.orderId is missing or no order's"},
		{"no order", without(`"order":`, `"x":`), "data.order is missing"},
		{"no data", `{"data":null,"query_variables":{"orderId":"gid://shopify/Order/7"}}`, "data.order is missing"},
		{"of another order", without(`"id":"gid://shopify/Order/7"`, `"id":"gid://shopify/Order/8"`),
			"data.order.id is missing or not that of query_variables.orderId"},
		{"without an id", without(`"id":"gid`, `"x":"gid`),
			"data.order.id is missing or not that of query_variables.orderId"},
		{"a text", `{"data":{"order":"secret"},"query_variables":{"orderId":"gid://shopify/Order/7"}}`,
			"the body is not a JSON object"},
		{"without a total", without(`originalTotalPriceSet`, `currentTotalPriceSet`), "originalTotalPriceSet is missing"},
		{"a total of another form", without(`"9.5"`, `"secret"`), "total_price is not an amount of money"},
		{"without lines", without(`"lineItems"`, `"x"`), "line_items is missing"},
		{"lines of another form", without(`"nodes":[]`, `"nodes":5`), "line_items is missing"},
		{"without a currency", strings.ReplaceAll(whole, `"currencyCode":"USD"`, `"currencyCode":null`),
			"currency is missing"},
		{"lines cut off", without(`"hasNextPage":false`, `"hasNextPage":true`), "the order has more pages than the body"},
		{"shipping cut off", string(answer(`,"shippingLines":` + more)), "the order has more pages than the body"},
		{"a parcel cut off", string(answer(`,"fulfillments":[{"fulfillmentLineItems":` + more + `}]`)),
			"the order has more pages than the body"},
		{"a refund cut off", string(answer(`,"refunds":[{"transactions":` + more + `}]`)),
			"the order has more pages than the body"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := shopify.Decode(event(bellhop.TopicReconcile, []byte(tt.body)))
			if bellhop.KindOf(err) != bellhop.Invalid || !strings.Contains(err.Error(), tt.want) ||
				strings.Contains(err.Error(), "secret") {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestOnlyBellhopFetches: nobody signs a webhook's topic.
func TestOnlyBellhopFetches(t *testing.T) {
	for _, signer := range []bellhop.Signer{"", bellhop.SignerShop, bellhop.SignerApp, bellhop.SignerAppPrevious} {
		for _, topic := range []string{bellhop.TopicBackfill, bellhop.TopicReconcile} {
			e := event(topic, answer(""))
			e.SignedBy = signer
			if f, err := shopify.Decode(e); bellhop.CodeOf(err) != "body_kind" || f.Order != nil || f.Deleted {
				t.Errorf("%s by %q: %v", topic, signer, err)
			}
		}
	}
}

// TestWhatIsOddIsLeftOut, as of a webhook, and named.
func TestWhatIsOddIsLeftOut(t *testing.T) {
	o := fetched(t, answer(`,"note":{},"taxLines":[{"title":"VAT","priceSet":{"shopMoney":{"amount":"x"}}}],`+
		`"cancelledAt":"soon"`))
	for _, field := range []string{"note", "tax_lines.price", "cancelled_at"} {
		if !slices.Contains(o.Unread, field) {
			t.Errorf("%s is not among %v", field, o.Unread)
		}
	}
	if o.Note != "" || !o.CancelledAt.IsZero() || o.Total.String() != "9.50" {
		t.Errorf("got %+v", o)
	}
	body := bytes.Replace(answer(""), []byte("Asia/Seoul"), []byte("Mars/Olympus"), 1)
	if o := fetched(t, body); o.CreatedAt.Format("15:04Z07:00") != "00:15Z" {
		t.Errorf("in an unknown zone it was created at %s", o.CreatedAt)
	}
}

func TestStatuses(t *testing.T) {
	const partly = `,"fulfillments":[{"id":"gid://shopify/Fulfillment/1","status":"SUCCESS"}]`
	for fields, want := range map[string]string{
		`"displayFulfillmentStatus":"FULFILLED"`:            "fulfilled",
		`"displayFulfillmentStatus":"PARTIALLY_FULFILLED"`:  "partial",
		`"displayFulfillmentStatus":"RESTOCKED"`:            "restocked",
		`"displayFulfillmentStatus":"UNFULFILLED"`:          "unfulfilled",
		`"displayFulfillmentStatus":"ON_HOLD"`:              "unfulfilled",
		`"displayFulfillmentStatus":"ON_HOLD"` + partly:     "partial",
		`"displayFulfillmentStatus":"SOMETHING_NEW"`:        "unfulfilled",
		`"displayFulfillmentStatus":"UNFULFILLED"` + partly: "unfulfilled",
	} {
		if got := fetched(t, answer(","+fields)).FulfillmentStatus; got != want {
			t.Errorf("%s is %q, not %q", fields, got, want)
		}
	}
	sums := func(received, refunded string) string {
		return `,"totalReceivedSet":{"shopMoney":{"amount":"` + received + `"}},"totalRefundedSet":{"shopMoney":{"amount":"` +
			refunded + `"}}`
	}
	for fields, want := range map[string]string{
		`"displayFinancialStatus":"EXPIRED"`:                                   "expired",
		`"displayFinancialStatus":"PARTIALLY_PAID"`:                            "partially_paid",
		`"displayFinancialStatus":null,"fullyPaid":true,"unpaid":false`:        "paid",
		`"fullyPaid":false,"unpaid":true`:                                      "pending",
		`"fullyPaid":false,"unpaid":false`:                                     "partially_paid",
		`"fullyPaid":true,"unpaid":false` + sums("9.5", "0.0"):                 "paid",
		`"fullyPaid":true,"unpaid":false` + sums("9.5", "2.0"):                 "partially_refunded",
		`"fullyPaid":true,"unpaid":false` + sums("9.5", "9.50"):                "refunded",
		`"displayFinancialStatus":null`:                                        "",
		`"displayFinancialStatus":"PAID","fullyPaid":false` + sums("9.5", "2"): "paid",
	} {
		if got := fetched(t, answer(","+fields)).FinancialStatus; got != want {
			t.Errorf("%s is %q, not %q", fields, got, want)
		}
	}
	for display, want := range map[string]string{"NO_RETURN": "", "RETURN_REQUESTED": "requested", "IN_PROGRESS": "open",
		"RETURNED": "closed", "RETURN_FAILED": "canceled", "INSPECTION_COMPLETE": "open", "": ""} {
		if got := fetched(t, answer(`,"returnStatus":"`+display+`"`)).ReturnStatus; got != want {
			t.Errorf("%s is %q, not %q", display, got, want)
		}
	}
}

// TestTips are told from other lines without a product.
func TestTips(t *testing.T) {
	line := func(id, price, more string) string {
		return `{"id":"gid://shopify/LineItem/` + id + `","quantity":1,"nonFulfillableQuantity":1,"originalUnitPriceSet":` +
			`{"shopMoney":{"amount":"` + price + `","currencyCode":"USD"}}` + more + `}`
	}
	for _, tt := range []struct {
		name, tips string
		lines      []string
		want       []int64
	}{
		{"none", "0.0", []string{line("1", "0.0", "")}, nil},
		{"one", "5.0", []string{line("1", "5.0", ""), line("2", "7.0", "")}, []int64{1}},
		{"the other of two", "7.0", []string{line("1", "5.0", ""), line("2", "7.0", "")}, []int64{2}},
		{"two", "12.0", []string{line("1", "5.0", ""), line("2", "7.0", "")}, []int64{1, 2}},
		{"that nobody explains", "6.0", []string{line("1", "5.0", ""), line("2", "7.0", "")}, nil},
		{"a product", "5.0", []string{line("1", "5.0", `,"product":{"id":"gid://shopify/Product/1"}`)}, nil},
		{"a vendor", "5.0", []string{line("1", "5.0", `,"vendor":"V"`)}, nil},
		{"to be sent", "5.0", []string{line("1", "5.0", `,"requiresShipping":true`)}, nil},
		{"a fee that is worked at", "5.0", []string{line("1", "5.0", `,"nonFulfillableQuantity":0`), line("2", "5.0", "")},
			[]int64{2}},
	} {
		body := bytes.Replace(answer(`,"totalTipReceivedSet":{"shopMoney":{"amount":"`+tt.tips+`","currencyCode":"USD"}}`),
			[]byte(`"nodes":[]`), []byte(`"nodes":[`+strings.Join(tt.lines, ",")+`]`), 1)
		var got []int64
		for _, it := range fetched(t, body).Items {
			if it.Tip {
				got = append(got, it.ID)
			}
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s: tips are %v, not %v", tt.name, got, tt.want)
		}
	}
}

// TestAmountsHaveTheirZeros again, also those of currencies that are no country's.
func TestAmountsHaveTheirZeros(t *testing.T) {
	for _, tt := range [][3]string{{"55.0", "USD", "55.00"}, {"19800.0", "JPY", "19800"}, {"1.5", "KWD", "1.500"},
		{"55.0", "USDC", "55.00"}, {"55.123456", "USDC", "55.123456"}, {"5", "USD", "5.00"}, {"-2.5", "USD", "-2.50"}} {
		body := strings.ReplaceAll(string(answer("")), `"USD"`, `"`+tt[1]+`"`)
		body = strings.Replace(body, `"9.5"`, `"`+tt[0]+`"`, 1)
		if got := fetched(t, []byte(body)).Total; got.String() != tt[2] || got.Currency != tt[1] {
			t.Errorf("%v is %s %s", tt, got, got.Currency)
		}
	}
}

// FuzzDecodeAnswer: a spoilt answer never panics, and each error is bad input.
func FuzzDecodeAnswer(f *testing.F) {
	for _, file := range []string{"whole", "deleted"} {
		f.Add(read(f, "testdata/bellhop_reconcile."+file+".json"))
	}
	f.Add(answer(`,"refunds":[null,{"duties":[{"amountSet":{"shopMoney":{"amount":"1","currencyCode":"USD"}}}]}]`))
	f.Fuzz(func(t *testing.T, body []byte) {
		fact, err := shopify.Decode(event(bellhop.TopicBackfill, body))
		if err != nil {
			if bellhop.KindOf(err) != bellhop.Invalid {
				t.Errorf("%v", err)
			}
			return
		}
		if fact.Deleted == (fact.Order != nil) || fact.OrderID <= 0 {
			t.Errorf("got %+v", fact)
		}
		if _, err := json.Marshal(fact.Order); err != nil {
			t.Error(err)
		}
	})
}
