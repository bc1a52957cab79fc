package shopify_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bellhop"
	"bellhop/shopify"
	"bellhop/simulate"
)

// A currency that nobody knows costs no order: its amounts stay as written.
func TestDecodeCurrencies(t *testing.T) {
	for _, tt := range []struct{ currency, sent, want string }{
		{"USD", "49.9", "49.90"}, {"USD", "49", "49.00"}, {"USD", "49.900", "49.90"},
		{"KRW", "12000", "12000"}, {"JPY", "19800.00", "19800"},
		{"KWD", "1.5", "1.500"}, {"BHD", "0.0010", "0.001"},
		{"USDC", "49.90", "49.90"}, {"USDC", "49.9", "49.9"}, {"USDC", "49", "49"}, {"USDC", "0.123456", "0.123456"},
		{"ZZZ", "7.10", "7.10"}, {"ZZZ", "0.00012", "0.00012"}, {"ZZZ", "7", "7"}, {"XBT", "0.1", "0.1"},
		{"STARS", "1250", "1250"}, {"HARBOUR-POINTS", "3.50", "3.50"}, {"Q", "7", "7"},
	} {
		o := decodeOrder(t, `,"currency":"`+tt.currency+`","total_price":"`+tt.sent+`","current_total_price":"`+tt.sent+
			`","subtotal_price":"`+tt.sent+`","line_items":[{"price":"`+tt.sent+`","quantity":1}]`)
		got := []string{o.Total.String(), o.Current.String(), string(o.Placed.Subtotal), string(o.Items[0].Price),
			string(o.Items[0].Total), o.Total.Currency}
		want := []string{tt.want, tt.want, tt.want, tt.want, tt.want, tt.currency}
		if diff := cmp.Diff(want, got); diff != "" || len(o.Unread) > 0 {
			t.Errorf("%s %s: %v\n%s", tt.sent, tt.currency, o.Unread, diff)
		}
	}
}

// What the buyer saw only decorates.
func TestDecodePresentment(t *testing.T) {
	for _, tt := range []struct{ currency, sent, want string }{
		{"USDC", "49.90", "49.90 USDC"}, {"USDC", "49.9", "49.9 USDC"}, {"STARS", "1250", "1250 STARS"},
		{"KRW", "68000", "68000 KRW"}, {"KWD", "15.3", "15.300 KWD"}, {"USD", "1.00", ""}, {"", "49.90", ""},
		{"USDC", "a lot", ""}, {strings.Repeat("X", 40), "1", "1 " + strings.Repeat("X", 32)},
	} {
		pair := `{"shop_money":{"amount":"1.00","currency_code":"USD"},"presentment_money":{"amount":"` + tt.sent +
			`","currency_code":"` + tt.currency + `"}}`
		o := decodeOrder(t, `,"presentment_currency":"`+tt.currency+`","total_price_set":`+pair+
			`,"current_total_price_set":`+pair)
		got := ""
		if o.Presentment != nil {
			got = o.Presentment.String() + " " + o.Presentment.Currency
		}
		want, _, _ := strings.Cut(tt.want, " ")
		if got != tt.want || string(o.BuyersNow) != want || o.Total.String() != "1.00" {
			t.Errorf("%s %s: the buyer saw %q, now %q; the total is %s", tt.sent, tt.currency, got, o.BuyersNow, o.Total)
		}
	}
}

// An edit removed the chair and two mugs of three. The vase went back for money, the hook without.
func TestDecodeEditedLines(t *testing.T) {
	o := decodeOrder(t, `,"total_price":"120.00","current_total_price":"70.00","line_items":[
		{"id":1,"title":"Lamp","quantity":1,"current_quantity":1,"fulfillable_quantity":1,"price":"70.00"},
		{"id":2,"title":"Removed chair","quantity":1,"current_quantity":0,"fulfillable_quantity":0,"price":"50.00"},
		{"id":3,"title":"Mug","quantity":3,"current_quantity":1,"fulfillable_quantity":1,"price":"0.00"},
		{"id":4,"title":"Vase","quantity":2,"current_quantity":0,"fulfillable_quantity":0,"price":"0.00"},
		{"id":5,"title":"Hook","quantity":2,"current_quantity":0,"fulfillable_quantity":0,"price":"0.00"}],
		"refunds":[{"id":8,"refund_line_items":[{"line_item_id":4,"quantity":2}],
			"transactions":[{"kind":"refund","status":"success","amount":"3.00","currency":"USD"}]},
			{"id":9,"refund_line_items":[{"line_item_id":5,"quantity":2}],"transactions":[]}]`)
	want := []bellhop.Item{
		{ID: 1, Title: "Lamp", Quantity: 1, Current: 1, ToFulfil: 1, Price: "70.00", Total: "70.00"},
		{ID: 2, Title: "Removed chair", Quantity: 1, Price: "50.00", Total: "50.00"},
		{ID: 3, Title: "Mug", Quantity: 3, Current: 1, ToFulfil: 1, Price: "0.00", Total: "0.00"},
		{ID: 4, Title: "Vase", Quantity: 2, Price: "0.00", Total: "0.00"},
		{ID: 5, Title: "Hook", Quantity: 2, Price: "0.00", Total: "0.00"},
	}
	if diff := cmp.Diff(want, o.Items); diff != "" {
		t.Error(diff)
	}
	for i, removed := range []bool{false, true, false, false, true} {
		if o.Removed(&o.Items[i]) != removed {
			t.Errorf("%s: removed is %t", o.Items[i].Title, !removed)
		}
	}
	if o.Total.String() != "120.00" || o.Current.String() != "70.00" || o.Pieces != 2 {
		t.Errorf("was %s, now %s, %d pieces", o.Total, o.Current, o.Pieces)
	}
}

// What an old body says of no current quantity is all that was ordered.
func TestDecodeLinesOfOldBodies(t *testing.T) {
	o := decodeOrder(t, `,"line_items":[{"id":1,"quantity":3,"price":"2.00","total_discount":"1.50"},
		{"id":2,"quantity":2,"fulfillment_status":"fulfilled"},{"id":3,"quantity":10,"current_quantity":null}]`)
	want := []bellhop.Item{
		{ID: 1, Quantity: 3, Current: 3, ToFulfil: 3, Price: "2.00", Discount: "1.50", Total: "4.50"},
		{ID: 2, Quantity: 2, Current: 2},
		{ID: 3, Quantity: 10, Current: 10, ToFulfil: 10},
	}
	if diff := cmp.Diff(want, o.Items); diff != "" || o.Pieces != 15 {
		t.Errorf("%d pieces\n%s", o.Pieces, diff)
	}
}

// A tip is no piece to pack. A gift card, a line that somebody typed in and a line of nothing are
// told apart.
func TestDecodeKindsOfLines(t *testing.T) {
	o := decodeOrder(t, `,"total_tip_received":"5.00","line_items":[
		{"id":1,"title":"Tee","variant_title":"M","sku":"T-1","quantity":1,"current_quantity":1,"fulfillable_quantity":1,"price":"50.00"},
		{"id":2,"variant_id":null,"product_id":null,"title":"Tip","price":"5.00","quantity":1,"sku":null,"gift_card":false,
			"product_exists":false,"tip_payment_gateway":"shopify_payments","tip_payment_method":"visa"},
		{"id":3,"variant_id":null,"product_id":null,"title":"Custom \"gift wrap\"","price":"2.00","quantity":1,"sku":"","variant_title":""},
		{"id":4,"title":"Gift card","gift_card":true,"price":"0.00","quantity":1,"sku":null,"variant_title":"$50"},
		{"id":5,"title":null,"price":null,"quantity":null,"sku":null,"variant_title":null},
		{"id":6,"variant_id":null,"product_id":null,"title":"Tip in cash","price":"1.00","quantity":1,"tip_payment_method":"cash"},
		{"id":7,"variant_id":null,"product_id":null,"title":"Gift card by hand","gift_card":true,"price":"9.00","quantity":2},
		{"id":8,"variant_id":null,"product_id":81,"title":"Of a deleted variant","price":"1.00","quantity":1}]`)
	want := []bellhop.Item{
		{ID: 1, Title: "Tee", Variant: "M", SKU: "T-1", Quantity: 1, Current: 1, ToFulfil: 1, Price: "50.00", Total: "50.00"},
		{ID: 2, Title: "Tip", Quantity: 1, Current: 1, Price: "5.00", Total: "5.00", Tip: true},
		{ID: 3, Title: `Custom "gift wrap"`, Quantity: 1, Current: 1, ToFulfil: 1, Price: "2.00", Total: "2.00", Custom: true},
		{ID: 4, Title: "Gift card", Variant: "$50", Quantity: 1, Current: 1, ToFulfil: 1, Price: "0.00", Total: "0.00", GiftCard: true},
		{ID: 5},
		{ID: 6, Title: "Tip in cash", Quantity: 1, Current: 1, Price: "1.00", Total: "1.00", Tip: true},
		{ID: 7, Title: "Gift card by hand", Quantity: 2, Current: 2, ToFulfil: 2, Price: "9.00", Total: "18.00", GiftCard: true},
		{ID: 8, Title: "Of a deleted variant", Quantity: 1, Current: 1, ToFulfil: 1, Price: "1.00", Total: "1.00"},
	}
	if diff := cmp.Diff(want, o.Items); diff != "" || o.Pieces != 6 || o.Placed.Tips != "5.00" {
		t.Errorf("%d pieces, tips of %s\n%s", o.Pieces, o.Placed.Tips, diff)
	}
}

// Nobody's name is shown as "" or "null", and a blank one hides no other.
func TestDecodeCustomers(t *testing.T) {
	const company = `"company":"Example Trading Co"`
	for _, tt := range []struct{ fields, name, email string }{
		{``, "", ""},
		{`,"customer":null,"email":"","contact_email":null,"billing_address":null,"shipping_address":null`, "", ""},
		{`,"customer":{},"billing_address":{},"shipping_address":{"name":null}`, "", ""},
		{`,"customer":{"id":9,"first_name":null,"last_name":null,"email":null,"default_address":null},"email":null`, "", ""},
		{`,"customer":{"id":9,"first_name":null,"email":"buyer@example.com"},"email":"ann@example.com",
			"billing_address":{"name":" ","first_name":null,` + company + `},"shipping_address":{"name":"",` + company + `}`,
			"Example Trading Co", "ann@example.com"},
		{`,"billing_address":{"name":"\u00a0"},"shipping_address":{"name":"Bo Quill",` + company + `}`, "Bo Quill", ""},
		{`,"billing_address":{"name":"",` + company + `},"shipping_address":{"name":"Bo Quill"}`, "Bo Quill", ""},
		{`,"billing_address":null,"shipping_address":{"first_name":" ",` + company + `}`, "Example Trading Co", ""},
		{`,"customer":{"first_name":" ","last_name":""},"billing_address":{"first_name":"Bo","last_name":"Quill"}`, "Bo Quill", ""},
	} {
		if o := decodeOrder(t, tt.fields); o.CustomerName != tt.name || o.CustomerEmail != tt.email || len(o.Unread) > 0 {
			t.Errorf("%s: %q, %q, left out %v", tt.fields, o.CustomerName, o.CustomerEmail, o.Unread)
		}
	}
}

// Shopify signs the bytes that it sends. The same body written otherwise has another signature.
func TestSignedEscapes(t *testing.T) {
	body := []byte(`{` + simulate.Blank + `"id":1,"currency":"USD","total_price":"49.90","line_items":[{"title":"T\u0065e \/ M","sku":"\ud83e\udd8a"}],` +
		`"note":"a b \/ â \u0026 \u003cb\u003e 👩‍💻 א \"q\" \\ tab\t` + "\u2028" + `\u2029"}`)
	keys := shopify.Keys{App: shopify.NewSecret("hush")}
	signature := shopify.Sign("hush", body)
	if _, ok := keys.Verify(body, signature); !ok {
		t.Error("the signature over the bytes does not hold")
	}
	var again any
	if err := json.Unmarshal(body, &again); err != nil {
		t.Fatal(err)
	}
	written, err := json.Marshal(again)
	if err != nil {
		t.Fatal(err)
	}
	for _, other := range [][]byte{written, bytes.ReplaceAll(body, []byte(`\/`), []byte(`/`)), append(body, '\n')} {
		if _, ok := keys.Verify(other, signature); ok {
			t.Errorf("the signature holds over %s", other)
		}
	}
	f, err := shopify.Decode(event("orders/create", body))
	if err != nil {
		t.Fatal(err)
	}
	if want := "a b / â & <b> 👩\u200d💻 א \"q\" \\ tab\t\u2028\u2029"; f.Order.Note != want {
		t.Errorf("the note is %q, want %q", f.Order.Note, want)
	}
	if it := f.Order.Items[0]; it.Title != "Tee / M" || it.SKU != "🦊" {
		t.Errorf("the line is %+v", it)
	}
}

// No database takes NUL everywhere, and a lone surrogate is no character.
func TestDecodeMendsAllText(t *testing.T) {
	const bad = `"a\u0000\ud800b"`
	o := decodeOrder(t, `,"name":`+bad+`,"note":"be\u0000fore \ud83d after \udc00 \ufffe x","email":`+bad+`,"tags":`+bad+`,
		"po_number":`+bad+`,"note_attributes":[{"name":`+bad+`,"value":`+bad+`}],"discount_codes":[{"code":`+bad+`}],
		"customer":{"first_name":`+bad+`,"phone":`+bad+`},"billing_address":{"city":`+bad+`},
		"shipping_lines":[{"title":`+bad+`}],"tax_lines":[{"title":`+bad+`}],"payment_gateway_names":[`+bad+`],
		"line_items":[{"title":`+bad+`,"sku":`+bad+`,"properties":[{"name":`+bad+`,"value":`+bad+`}]}],
		"refunds":[{"id":1,"note":`+bad+`}],"fulfillments":[{"id":2,"tracking_number":`+bad+`,"tracking_company":`+bad+`}]`)
	text, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(text, []byte("a\ufffd\ufffdb")); n != 22 || bytes.Contains(text, []byte(`\u0000`)) {
		t.Errorf("%d texts are mended in %s", n, text)
	}
	if want := "be\ufffdfore \ufffd after \ufffd \ufffe x"; o.Note != want {
		t.Errorf("the note is %q, want %q", o.Note, want)
	}
}

func TestDecodeMoneyAsNumbers(t *testing.T) {
	o := decodeOrder(t, `,"total_price":49.9,"current_total_price":0.1,"subtotal_price":1e1,"total_tax":12345678901234.56,
		"line_items":[{"quantity":3,"price":0.1},{"quantity":1,"price":0.30000000000000004}],
		"refunds":[{"id":1,"refund_line_items":[{"line_item_id":2,"quantity":1,"subtotal":195.66}],
			"transactions":[{"kind":"refund","status":"success","amount":5,"currency":"USD"}]}]`)
	got := []string{o.Total.String(), o.Current.String(), string(o.Placed.Tax), string(o.Items[0].Total),
		string(o.Items[1].Total), string(o.History.Refunds[0].Amount), string(o.History.Refunds[0].Lines[0].Amount)}
	want := []string{"49.90", "0.10", "12345678901234.56", "0.30", "0.30000000000000004", "5.00", "195.66"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"subtotal_price"}, o.Unread); diff != "" {
		t.Error(diff)
	}
}

// An import is placed when it was processed; what a body says of no time is as of the next best one.
func TestDecodePlaced(t *testing.T) {
	for _, tt := range []struct{ fields, placed, created string }{
		{`,"processed_at":"2018-03-01T10:00:00+09:00","created_at":"2026-11-20T09:00:00+09:00"`,
			"2018-03-01T10:00:00+09:00", "2026-11-20T09:00:00+09:00"},
		{`,"processed_at":null,"created_at":"2026-11-20T09:00:00+09:00"`, "2026-11-20T09:00:00+09:00", "2026-11-20T09:00:00+09:00"},
		{`,"processed_at":"2018-03-01T10:00:00Z"`, "2018-03-01T10:00:00Z", "2018-03-01T10:00:00Z"},
		{`,"processed_at":"soon","created_at":"2026-11-20T09:00:00Z"`, "2026-11-20T09:00:00Z", "2026-11-20T09:00:00Z"},
	} {
		o := decodeOrder(t, tt.fields)
		placed, created := o.PlacedAt.Format(time.RFC3339), o.CreatedAt.Format(time.RFC3339)
		if placed != tt.placed || created != tt.created {
			t.Errorf("%s: placed at %s, created at %s", tt.fields, placed, created)
		}
	}
}
