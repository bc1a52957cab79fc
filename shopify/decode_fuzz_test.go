package shopify_test

import (
	"encoding/json"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"bellhop"
	"bellhop/shopify"
)

// understood are the topics whose bodies are read.
var understood = []string{
	shopify.TopicOrderCreate, shopify.TopicOrderEdited, shopify.TopicRefundCreate, shopify.TopicOrderDelete,
	shopify.TopicFulfillmentUpdate, shopify.TopicOrderRisk,
}

// safe matches the errors that are allowed: our own words, the names of fields that we know, and
// numbers.
var safe = regexp.MustCompile(`^[a-z_.0-9]+(, [a-z_]+)* (is|are|has) [a-z 0]+$|^the body is not (a JSON object|JSON from byte \d+ ` +
	`on|one of [a-z/_]+: it [a-z ]+)$`)

// FuzzDecode: whatever the body, Decode returns a permanent error that tells
// nothing of it, or a fact that a database can hold; and always the same.
func FuzzDecode(f *testing.F) {
	files, err := filepath.Glob("testdata/*.json")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		for i := range understood {
			f.Add(uint8(i), read(f, file))
			f.Add(uint8(i+22*len(understood)), read(f, file))
		}
	}
	for _, fields := range []string{
		`"name":"\u0000\ud800","updated_at":"0000-01-01T00:00:00-23:59"`,
		`"created_at":"2026-11-20T09:00:00+23:59","note":"` + strings.Repeat("架", 2800) + `"`,
		`"total_price":-0.005,"line_items":[{"id":-1,"quantity":-1,"price":"9999999999999999.99"},null]`,
		`"total_price_set":{"shop_money":null,"presentment_money":{"amount":5,"currency_code":"KWD"}}`,
		`"id":0,"order":{"id":9,"currency":"JPY","current_total_price":"7"}`,
	} {
		f.Add(uint8(0), []byte(`{"id":1,"currency":"USD","total_price":"1","line_items":[],`+fields+`}`))
	}
	f.Fuzz(func(t *testing.T, topic uint8, body []byte) {
		e := event(understood[int(topic)%len(understood)], body)
		if topic >= 128 { // as whoever forges the header says
			e.TriggeredAt = e.AcceptedAt.AddDate(int(topic), 0, 0)
		}
		fact, err := shopify.Decode(e)
		if again, err2 := shopify.Decode(e); !reflect.DeepEqual(fact, again) || !reflect.DeepEqual(err, err2) {
			t.Fatalf("%+v, %v the first time, then %+v, %v", fact, err, again, err2)
		}
		if err != nil {
			if !bellhop.IsPermanent(err) || !safe.MatchString(err.Error()) {
				t.Fatalf("the error is %q", err)
			}
			return
		}
		checkFact(t, fact)
	})
}

func checkFact(t *testing.T, f bellhop.Fact) {
	t.Helper()
	if f.Skip != "" {
		return
	}
	if f.OrderID <= 0 || f.Event == nil {
		t.Fatalf("a fact about nothing: %+v", f)
	}
	if _, err := json.Marshal(f); err != nil {
		t.Fatalf("a fact that can't be shown: %v", err)
	}
	if h := f.History; h != nil {
		checkHistory(t, h)
	}
	if o := f.Order; o != nil {
		checkOrder(t, o, f.OrderID)
	}
}

func checkOrder(t *testing.T, o *bellhop.Order, id int64) {
	t.Helper()
	checkHistory(t, &o.History)
	if o.ID != id || o.Total.Currency == "" || o.PlacedAt.IsZero() {
		t.Fatalf("an order without what it must have: %+v", o)
	}
	if o.Version.TriggeredAt.After(at("2026-11-20T15:01:01Z")) {
		t.Fatalf("the version is of a time to come: %v", o.Version.TriggeredAt)
	}
	if len(o.Items) > 1000 {
		t.Fatalf("%d items", len(o.Items))
	}
	texts := []string{o.Name, o.CustomerName, o.CustomerEmail, o.FinancialStatus, o.FulfillmentStatus}
	for _, i := range o.Items {
		texts = append(texts, i.Title, i.Variant, i.SKU)
	}
	for _, s := range texts {
		checkText(t, s, 512)
	}
	checkText(t, o.Note, 8<<10)
}

func checkHistory(t *testing.T, h *bellhop.History) {
	t.Helper()
	for i, r := range h.Refunds {
		if r.At.IsZero() || i > 0 && r.ID <= h.Refunds[i-1].ID {
			t.Fatalf("refunds at no time or out of order: %+v", h.Refunds)
		}
	}
	if again, changed := h.Merge(*h); changed || !reflect.DeepEqual(again, *h) {
		t.Fatalf("merged with itself: %+v, it was %+v", again, h)
	}
}

func checkText(t *testing.T, s string, limit int) {
	t.Helper()
	if len(s) > limit || !utf8.ValidString(s) || strings.Contains(s, "\x00") {
		t.Fatalf("a text of %d bytes: %.80q", len(s), s)
	}
}
