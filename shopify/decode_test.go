package shopify_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cespare/xxhash/v2"
	"github.com/google/go-cmp/cmp"

	"bellhop"
	"bellhop/shopify"
	"bellhop/simulate"
)

func at(s string) time.Time {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		panic(err)
	}
	return t
}

func event(topic string, body []byte) *bellhop.Event {
	e := &bellhop.Event{
		Shop:        "harbour.myshopify.com",
		Topic:       topic,
		TriggeredAt: at("2026-11-20T15:00:00.987654321Z"),
		AcceptedAt:  at("2026-11-20T15:00:01Z"),
		Body:        body,
	}
	if bellhop.Fetched(topic) {
		e.SignedBy = bellhop.SignerAPI
	}
	return e
}

// Each file in testdata has the name of its topic and of its peculiarity. The v… ones have all that
// Shopify's own samples of those years have.
func TestDecodeGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no bodies in testdata: %v", err)
	}
	for _, file := range files {
		name, _, _ := strings.Cut(filepath.Base(file), ".")
		topic := strings.Replace(name, "_", "/", 1)
		t.Run(strings.TrimSuffix(filepath.Base(file), ".json"), func(t *testing.T) {
			body := read(t, file)
			f, err := shopify.Decode(event(topic, body))
			if err != nil {
				t.Fatal(err)
			}
			f.Event = nil
			golden(t, strings.TrimSuffix(file, ".json")+".golden", body, f)
		})
	}
}

// golden compares a fact with the one that somebody wrote down by reading the body. What the file
// leaves out is zero. Only the hashes of the body are computed. It compares texts, since times are
// equal in any offset.
func golden(t *testing.T, file string, body []byte, got bellhop.Fact) {
	t.Helper()
	var want bellhop.Fact
	dec := json.NewDecoder(bytes.NewReader(read(t, file)))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&want); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	if o := want.Order; o != nil {
		o.Version.Hash = xxhash.Sum64(body)
		signed(&o.History, o.Version.Hash)
	}
	if want.History != nil {
		signed(want.History, xxhash.Sum64(body))
	}
	if diff := cmp.Diff(shown(t, want), shown(t, got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}

func signed(h *bellhop.History, hash uint64) {
	for i := range h.Refunds {
		h.Refunds[i].Said.Hash = hash
	}
	for i := range h.Fulfillments {
		h.Fulfillments[i].Said.Hash = hash
	}
	for i := range h.Edits {
		h.Edits[i].Said.Hash = hash
	}
	for i := range h.Risks {
		h.Risks[i].Said.Hash = hash
	}
}

func shown(t *testing.T, f bellhop.Fact) string {
	t.Helper()
	text, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func read(t testing.TB, file string) []byte {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestDecodeRefuses(t *testing.T) {
	deep := strings.Repeat("[", 20000) + strings.Repeat("]", 20000)
	for _, tt := range []struct{ name, topic, body, want string }{
		{"empty", "orders/create", ``, "the body is not JSON from byte 0 on"},
		{"not JSON", "orders/create", `secret`, "the body is not JSON from byte 1 on"},
		{"null", "orders/create", `null`, "id is missing or not above 0"},
		{"a list", "orders/create", `[]`, "the body is not a JSON object"},
		{"cut off", "orders/create", `{"id":1,"name":"se`, "the body is not JSON from byte 18 on"},
		{"more behind it", "orders/create", `{"id":1} secret`, "the body is not JSON from byte 10 on"},
		{"a wrong type before no JSON", "orders/create", `{"id":1,"tags":{"x":1},"name":"se`, "the body is not JSON from byte 33 on"},
		{"a wrong number before no JSON", "orders/create", `{"id":"1","name":"se`, "the body is not JSON from byte 20 on"},
		{"a wrong list before no JSON", "orders/create", `{"id":1,"line_items":5,"tags":{},"name":"se`, "the body is not JSON from byte 43 on"},
		{"too deep", "orders/create", `{"x":` + deep + `}`, "the body is not JSON from byte 10005 on"},
		{"garbage in a skipped part", "orders/create", `{"id":1,"x":{"y":01}}`, "the body is not JSON from byte 19 on"},
		{"id of another type", "orders/create", `{"id":"secret"}`, "id has the wrong type"},
		{"id too large", "orders/create", `{"id":9223372036854775808}`, "id has the wrong type"},
		{"id not whole", "orders/create", `{"id":1.5}`, "id has the wrong type"},
		{"id 0", "orders/create", `{` + simulate.Blank + `"id":0,"currency":"USD","total_price":"1"}`, "id is missing or not above 0"},
		{"id negative", "orders/create", `{` + simulate.Blank + `"id":-4,"currency":"USD","total_price":"1"}`, "id is missing or not above 0"},
		{"no id", "orders/create", `{"currency":"USD","total_price":"1"}`, "id is missing or not above 0"},
		{"no id in the envelope", "orders/create", `{"order":{"currency":"USD","total_price":"1"}}`, "id is missing or not above 0"},
		{"null for a currency", "orders/create", `{` + simulate.Blank + `"id":1,"total_price":"1","line_items":[]}`, "currency is missing"},
		{"blank currency", "orders/create", `{` + simulate.Blank + `"id":1,"total_price":"1","currency":" ","line_items":[]}`, "currency is missing"},
		{"endless currency", "orders/create", `{` + simulate.Blank + `"id":1,"total_price":"1","currency":"` + strings.Repeat("X", 33) + `","line_items":[]}`, "currency is no currency"},
		{"no total", "orders/create", `{` + simulate.Blank + `"id":1,"currency":"USD","line_items":[]}`, "total_price is missing"},
		{"lines of another type", "orders/create", `{` + simulate.Blank + `"id":1,"currency":"USD","total_price":"1","line_items":{"secret":1}}`, "line_items has the wrong type"},
		{"currency of another type", "orders/create", `{"id":1,"currency":5,"total_price":"1","line_items":[]}`, "currency has the wrong type"},
		{"total of another type", "orders/create", `{` + simulate.Blank + `"id":1,"currency":"USD","line_items":[],"total_price":{"secret":1}}`, "total_price is not an amount of money"},
		{"total no amount", "orders/create", `{` + simulate.Blank + `"id":1,"currency":"USD","line_items":[],"total_price":"secret"}`, "total_price is not an amount of money"},
		{"total with an exponent", "orders/create", `{` + simulate.Blank + `"id":1,"currency":"USD","line_items":[],"total_price":1e3}`, "total_price is not an amount of money"},
		{"edit of nothing", "orders/edited", `{"order_edit":null}`, "order_edit.order_id is missing or not above 0"},
		{"an order for an edit", "orders/edited", `{"id":1}`, "order_edit.order_id is missing or not above 0"},
		{"edit, not JSON", "orders/edited", `{`, "the body is not JSON from byte 1 on"},
		{"refund of nothing", "refunds/create", `{"id":1}`, "order_id is missing or not above 0"},
		{"refund, not JSON", "refunds/create", `}`, "the body is not JSON from byte 1 on"},
		{"deletion of nothing", "orders/delete", `{}`, "id is missing or not above 0"},
		{"deletion, not JSON", "orders/delete", ``, "the body is not JSON from byte 0 on"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f, err := shopify.Decode(event(tt.topic, []byte(tt.body)))
			if err == nil {
				t.Fatalf("accepted as %+v", f)
			}
			if !bellhop.IsPermanent(err) {
				t.Errorf("%v is not permanent", err)
			}
			if err.Error() != tt.want {
				t.Errorf("the error is %q, want %q", err, tt.want)
			}
			if !reflect.DeepEqual(f, bellhop.Fact{}) {
				t.Errorf("a fact comes with the error: %+v", f)
			}
		})
	}
}

// decodeOrder decodes an order that has all it must and the given fields.
func decodeOrder(t *testing.T, fields string) *bellhop.Order {
	t.Helper()
	f, err := shopify.Decode(event("orders/create", []byte(`{`+simulate.Blank+
		`"id":1,"currency":"USD","total_price":"1.00","line_items":[]`+fields+`}`)))
	if err != nil {
		t.Fatal(err)
	}
	return f.Order
}

func TestDecodeFallsBack(t *testing.T) {
	const address = `{"name":"Of the address"}`
	for _, tt := range []struct{ fields, name, email string }{
		{``, "", ""},
		{`,"customer":{"first_name":" Ada ","last_name":null},"billing_address":` + address, "Ada", ""},
		{`,"customer":{"first_name":null,"last_name":"Quill"}`, "Quill", ""},
		{`,"customer":{"first_name":""},"billing_address":` + address, "Of the address", ""},
		{`,"customer":null,"billing_address":null,"shipping_address":` + address, "Of the address", ""},
		{`,"email":"a@x","contact_email":"b@x","customer":{"email":"c@x"}`, "", "a@x"},
		{`,"email":"","contact_email":"b@x","customer":{"email":"c@x"}`, "", "b@x"},
		{`,"email":null,"contact_email":null,"customer":{"email":"c@x"}`, "", "c@x"},
	} {
		if o := decodeOrder(t, tt.fields); o.CustomerName != tt.name || o.CustomerEmail != tt.email {
			t.Errorf("%s: %q, %q", tt.fields, o.CustomerName, o.CustomerEmail)
		}
	}
}

// What does not make an order is left out where it can't be read, and named.
func TestDecodeLeavesOut(t *testing.T) {
	for _, tt := range []struct{ fields, unread string }{
		{`,"line_items":[{},{"price":"secret"}]`, "line_items.1.price"},
		{`,"line_items":["secret"]`, "line_items.0"},
		{`,"line_items":[{"title":["secret"]}]`, "line_items.0.title"},
		{`,"line_items":[{"quantity":1.5}]`, "line_items.0.quantity"},
		{`,"total_price_set":{"presentment_money":{"amount":"x","currency_code":"EUR"}}`, "total_price_set.presentment_money"},
		{`,"total_price_set":{"presentment_money":{"amount":"1","currency_code":["€"]}}`,
			"total_price_set.presentment_money.currency_code"},
		{`,"created_at":"secret"`, "created_at"},
		{`,"created_at":"9999-12-31T23:59:59-05:00"`, "created_at"},
		{`,"updated_at":"2026-11-20T00:00:00+24:00"`, "updated_at"},
		{`,"customer":["secret"],"billing_address":5,"tags":{}`, "billing_address customer tags"},
		{`,"tags":{}`, "tags"},
		{`,"refunds":[{"id":1,"transactions":[{"kind":"refund","amount":"free","currency":"USD"}]}]`, "refunds.transactions.amount"},
		{`,"tax_lines":[{"rate":"much"}],"shipping_lines":[{"price":"x"}]`, "shipping_lines.price tax_lines.rate"},
		{`,"tax_lines":[{"price":"x"}],"total_tax":"1e3","note_attributes":"x"`, "note_attributes tax_lines.price total_tax"},
		{`,"refunds":[{"id":1,"created_at":"x"}],"fulfillments":[{"id":"x"}]`, "fulfillments.0.id refunds.created_at"},
	} {
		o := decodeOrder(t, tt.fields)
		slices.Sort(o.Unread)
		if got := strings.Join(o.Unread, " "); got != tt.unread {
			t.Errorf("%s: left out %q, want %q", tt.fields, got, tt.unread)
		}
	}
}

func TestDecodeTimes(t *testing.T) {
	triggered := at("2026-11-20T15:00:00.987654Z")
	o := decodeOrder(t, `,"created_at":"","updated_at":"0001-01-01T00:00:00Z"`)
	if !o.Version.UpdatedAt.Equal(triggered) || !o.Version.TriggeredAt.Equal(triggered) {
		t.Errorf("the version is %+v", o.Version)
	}
	if !o.UpdatedAt.Equal(triggered) || !o.PlacedAt.Equal(triggered) {
		t.Errorf("updated at %v, placed at %v", o.UpdatedAt, o.PlacedAt)
	}
	o = decodeOrder(t, `,"processed_at":"2026-11-20T15:00:00-03:30","updated_at":"2026-11-20T15:00:00.1234567+09:00"`)
	if got := o.PlacedAt.Format(time.RFC3339); got != "2026-11-20T15:00:00-03:30" {
		t.Errorf("placed at %v", got)
	}
	if !o.Version.UpdatedAt.Equal(at("2026-11-20T06:00:00.123456Z")) {
		t.Errorf("the version is of %v", o.Version.UpdatedAt)
	}
}

func TestDecodeWithoutAnyTime(t *testing.T) {
	e := event("orders/create", []byte(`{`+simulate.Blank+`"id":1,"currency":"USD","total_price":"1","line_items":null}`))
	e.TriggeredAt = time.Time{}
	f, err := shopify.Decode(e)
	if err != nil {
		t.Fatal(err)
	}
	if !f.Order.PlacedAt.Equal(e.AcceptedAt) || !f.Order.Version.UpdatedAt.IsZero() || f.Order.Version.IsZero() {
		t.Errorf("placed at %v, version %+v", f.Order.PlacedAt, f.Order.Version)
	}
}

// TestDecodeOfATimeToCome: nobody signs when a webhook was triggered. It is no newer than those that follow it.
func TestDecodeOfATimeToCome(t *testing.T) {
	bodies := map[string]string{"refunds/create": `{"id":1,"order_id":2}`,
		"orders/updated": `{` + simulate.Blank + `"id":1,"currency":"USD","total_price":"1","line_items":[]}`}
	for topic := range bodies {
		e := event(topic, []byte(bodies[topic]))
		e.TriggeredAt = e.AcceptedAt.AddDate(50, 0, 0)
		f, err := shopify.Decode(e)
		if err != nil {
			t.Fatal(err)
		}
		var said bellhop.Version
		if f.Order != nil {
			said = f.Order.Version
		} else {
			said = f.History.Refunds[0].Said
		}
		if want := e.AcceptedAt.Add(time.Minute); !said.TriggeredAt.Equal(want) {
			t.Errorf("%s: triggered at %v, want %v", topic, said.TriggeredAt, want)
		}
	}
}

func TestDecodeBoundsText(t *testing.T) {
	long := strings.Repeat("架", 10000)
	items := strings.Repeat(`{"title":"x"},`, 1200) + `{}`
	o := decodeOrder(t, `,"name":"`+long+`","note":"a`+long+`","line_items":[`+items+`]`)
	if o.Name != strings.Repeat("架", 170) {
		t.Errorf("the name has %d bytes", len(o.Name))
	}
	if o.Note != "a"+strings.Repeat("架", 2730) {
		t.Errorf("the note has %d bytes", len(o.Note))
	}
	if len(o.Items) != 1000 {
		t.Errorf("%d items", len(o.Items))
	}
}

func TestDecodeMendsText(t *testing.T) {
	o := decodeOrder(t, `,"name":"a\u0000b","note":"`+"\xff"+`\ud800 \/ \ud83d\ude00"`)
	if o.Name != "a\ufffdb" {
		t.Errorf("the name is %q", o.Name)
	}
	if o.Note != "\ufffd\ufffd / 😀" {
		t.Errorf("the note is %q", o.Note)
	}
}
