package shopify_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"bellhop"
	"bellhop/shopify"
)

// refunded decodes a refund as a body of its own, and as part of an order in euros.
func refunded(t *testing.T, fields string) (alone, within bellhop.Refund) {
	t.Helper()
	body := `{"id":5,"order_id":1,"created_at":"2026-11-20T14:00:00Z"` + fields + `}`
	f, err := shopify.Decode(event("refunds/create", []byte(body)))
	if err != nil {
		t.Fatal(err)
	}
	o := decodeOrder(t, `,"currency":"EUR","refunds":[`+body+`]`)
	if len(o.Unread) > 0 {
		t.Errorf("%s: left out %v", fields, o.Unread)
	}
	return f.History.Refunds[0], o.History.Refunds[0]
}

func paidBack(amount, currency, rest string) string {
	return fmt.Sprintf(`,"transactions":[{"kind":"refund","status":"success","amount":%q,"currency":%q}%s]`,
		amount, currency, rest)
}

func pair(shops, buyers string) string {
	return `{"shop_money":{"amount":"` + shops + `","currency_code":"EUR"},"presentment_money":{"amount":"` + buyers +
		`","currency_code":"USD"}}`
}

// A restock, an edit and what failed give no money back.
func TestDecodeRefundsWithoutMoney(t *testing.T) {
	const line = `,"refund_line_items":[{"id":5,"quantity":1,"line_item_id":14,"restock_type":"cancel","subtotal":0.0,"total_tax":0.0}]`
	for _, fields := range []string{
		``, line, line + `,"transactions":[]`, line + `,"transactions":null`, `,"transactions":[{}]`,
		line + paidBack("0.00", "EUR", ""), line + paidBack("-1.00", "EUR", ""),
		`,"transactions":[{"kind":"refund","status":"failure","amount":"5.00","currency":"EUR"}]`,
		`,"transactions":[{"kind":"refund","status":"error","amount":"5.00","currency":"EUR"}]`,
		`,"transactions":[{"kind":"void","status":"success","amount":"5.00","currency":"EUR"}]`,
		`,"transactions":[{"kind":"sale","status":"success","amount":"5.00","currency":"EUR"}]`,
		`,"refund_line_items":[{"line_item_id":14,"quantity":1,"subtotal":"9.00","subtotal_set":` + pair("9.00", "10.00") + `}],"transactions":[]`,
	} {
		alone, within := refunded(t, fields)
		if alone.Amount != "" || within.Amount != "" {
			t.Errorf("%s: %q by itself, %q within the order", fields, alone.Amount, within.Amount)
		}
		h := bellhop.History{Refunds: []bellhop.Refund{alone}}
		if !h.RefundedAt().IsZero() {
			t.Errorf("%s: refunded at %v", fields, h.RefundedAt())
		}
	}
	alone, _ := refunded(t, line)
	if diff := cmp.Diff([]bellhop.RefundLine{{Item: 14, Quantity: 1, Restock: "cancel"}}, alone.Lines); diff != "" {
		t.Error(diff)
	}
}

// The amount is in the shop's currency, whatever the buyer paid in. An order's own body and that of
// the refund say the same.
func TestDecodeRefundedAmounts(t *testing.T) {
	line := func(set, tax string) string {
		return `{"line_item_id":14,"quantity":1,"subtotal":9.0,"subtotal_set":` + set + `,"total_tax_set":` + tax + `}`
	}
	shipping := `{"kind":"shipping_refund","amount":"-4.00","amount_set":` + pair("-4.00", "-4.40") +
		`,"tax_amount_set":` + pair("-0.40", "-0.44") + `}`
	shipped := `,"refund_shipping_lines":[{"subtotal_amount_set":` + pair("4.00", "4.40") +
		`,"tax_amount_set":` + pair("0.40", "0.44") + `}]`
	for _, tt := range []struct{ name, fields, want string }{
		{"the shop's own", paidBack("5.00", "EUR", ""), "5.00"},
		{"without a currency", `,"transactions":[{"kind":"refund","amount":"5.00"}],"total_duties_set":` + pair("0.00", "0.00"), "5.00"},
		{"in two payments", paidBack("5.00", "EUR", `,{"kind":"refund","status":"pending","amount":"2.50","currency":"EUR"}`), "7.50"},
		{"one failed", paidBack("5.00", "EUR", `,{"kind":"refund","status":"failure","amount":"2.50","currency":"EUR"}`), "5.00"},
		{"a line and its tax", `,"refund_line_items":[` + line(pair("9.00", "9.90"), pair("0.90", "0.99")) + `]` + paidBack("10.89", "USD", ""), "9.90"},
		{"a line with its tax in it", `,"refund_line_items":[` + line(pair("9.00", "9.90"), pair("0.90", "0.99")) + `]` + paidBack("9.90", "USD", ""), "9.00"},
		{"digits that differ", `,"refund_line_items":[` + line(pair("9.00", "9.9"), pair("0.90", "0.99")) + `]` +
			paidBack("3.300001", "USD", `,{"kind":"refund","status":"success","amount":"6.599999","currency":"USD"}`), "9.00"},
		{"shipping as an adjustment", `,"order_adjustments":[` + shipping + `]` + paidBack("4.84", "USD", ""), "4.40"},
		{"shipping as a line", shipped + paidBack("4.84", "USD", ""), "4.40"},
		{"shipping as both", shipped + `,"order_adjustments":[` + shipping + `]` + paidBack("4.84", "USD", ""), "4.40"},
		{"only an amount", `,"order_adjustments":[{"kind":"refund_discrepancy","amount":"-5.00","amount_set":` +
			pair("-5.00", "-5.50") + `}]` + paidBack("5.50", "USD", ""), "5.00"},
		{"less than the line", `,"refund_line_items":[` + line(pair("9.00", "9.90"), pair("0.00", "0.00")) +
			`],"order_adjustments":[{"kind":"refund_discrepancy","amount_set":` + pair("2.00", "2.20") + `}]` +
			paidBack("7.70", "USD", ""), "7.00"},
		{"with duties", `,"refund_line_items":[` + line(pair("9.00", "9.90"), pair("0.00", "0.00")) +
			`],"total_duties_set":` +
			pair("1.00", "1.10") + paidBack("11.00", "USD", ""), "10.00"},
	} {
		alone, within := refunded(t, tt.fields)
		if string(alone.Amount) != tt.want || string(within.Amount) != tt.want {
			t.Errorf("%s: %q by itself, %q within the order, want %s", tt.name, alone.Amount, within.Amount, tt.want)
		}
	}
}

// A body without sets says only what the buyer got: the amount never passes for one in the shop's
// currency. The body of a refund alone does not say which that is.
func TestDecodeRefundInTheBuyersCurrency(t *testing.T) {
	type returned struct {
		Amount   bellhop.Amount
		Currency string
	}
	line := `,"refund_line_items":[{"line_item_id":14,"quantity":1,"subtotal":9.0,"total_tax":0.9}]`
	for _, tt := range []struct {
		fields        string
		alone, within returned
		shown         string
	}{
		{paidBack("10.89", "USD", ""), returned{"10.89", "USD"}, returned{"10.89", "USD"}, "10.89 USD"},
		{line + paidBack("10.89", "USD", ""), returned{"10.89", "USD"}, returned{"10.89", "USD"}, "10.89 USD"},
		{paidBack("1089", "JPY", ""), returned{"1089", "JPY"}, returned{"1089", "JPY"}, "1089 JPY"},
		{line + paidBack("9.90", "EUR", ""), returned{"9.90", "EUR"}, returned{"9.90", ""}, "9.90 EUR"},
	} {
		alone, within := refunded(t, tt.fields)
		o := bellhop.Order{Total: bellhop.Money{Currency: "EUR", Digits: 2}}
		for i, r := range []bellhop.Refund{alone, within} {
			if got, want := (returned{r.Amount, r.Currency}), []returned{tt.alone, tt.within}[i]; got != want {
				t.Errorf("%s: %+v, want %+v", tt.fields, got, want)
			}
			if m := o.Returned(&r); m.String()+" "+m.Currency != tt.shown {
				t.Errorf("%s is shown as %s %s", tt.fields, m, m.Currency)
			}
			o.History.Refunds = append(o.History.Refunds, r)
		}
		if sum, own := o.Refunded(), tt.within.Currency == ""; own != (sum.Units > 0) {
			t.Errorf("%s adds up to %s", tt.fields, sum)
		}
	}
}

// A refund that an import brings happened when it was processed, but was said when it was created.
func TestDecodeImportedRefund(t *testing.T) {
	alone, within := refunded(t, `,"processed_at":"2018-03-02T10:00:00+09:00"`+paidBack("5.00", "EUR", ""))
	for _, r := range []bellhop.Refund{alone, within} {
		if !r.At.Equal(at("2018-03-02T01:00:00Z")) || !r.Said.UpdatedAt.Equal(at("2026-11-20T14:00:00Z")) {
			t.Errorf("%+v", r.Step)
		}
	}
}

// Partial refunds add up.
func TestDecodePartialRefunds(t *testing.T) {
	o := decodeOrder(t, `,"total_price":"408.00","financial_status":"partially_refunded","refunds":[{"id":12`+
		paidBack("7.25", "USD", "")+`},{"id":11`+paidBack("5.00", "USD", "")+`},{"id":13,"transactions":[]}]`)
	var got []string
	for _, r := range o.History.Refunds {
		got = append(got, fmt.Sprint(r.ID, " ", r.Amount))
	}
	if diff := cmp.Diff([]string{"11 5.00", "12 7.25", "13 "}, got); diff != "" {
		t.Error(diff)
	}
	if sum := o.Refunded(); sum.String() != "12.25" || sum.Currency != "USD" {
		t.Errorf("%s %s", sum, sum.Currency)
	}
}
