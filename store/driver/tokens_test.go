package driver_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"golang.org/x/text/unicode/norm"

	"bellhop"
	"bellhop/store/driver"
)

func searched() *bellhop.Order {
	return &bellhop.Order{Name: "#S1001", Number: 1001, CustomerName: "José Müller",
		CustomerEmail: "jose.muller@Example.com",
		Details: bellhop.Details{
			Customer: &bellhop.Customer{Name: "홍길동", Phone: "+82 10-1234-5678"},
			Shipping: &bellhop.Address{Name: "山田 太郎", Company: "Straße & Söhne GmbH", Phone: "08012341234"},
			Tags:     []string{"VIP customer", "깨지기 쉬움"},
			Items: []bellhop.Item{{SKU: "LAMP-123-Red", Title: "Sweatshirt “Ocean”"},
				{SKU: "double1-PHDG", Title: "首と肩がホッとする枕ＰＬＵＳ", Variant: "ダークグレー"}},
		},
		History: bellhop.History{Fulfillments: []bellhop.Fulfillment{{
			Tracking: []bellhop.Tracking{{Number: "1Z1234512345129876"}}}}},
	}
}

// found does what the databases' indexes do.
func found(tokens []string, words []driver.Wanted) bool {
	for _, w := range words {
		if !slices.ContainsFunc(tokens, func(t string) bool {
			return slices.ContainsFunc(w, func(begin string) bool { return strings.HasPrefix(t[5:], begin) })
		}) {
			return false
		}
	}
	return len(words) > 0
}

func TestSearchFinds(t *testing.T) {
	tokens := strings.Fields(driver.TokenText(searched(), &searched().History))
	for _, q := range []string{
		"#S1001", "s1001", "S10", "1001", "josé", "jose", "JOSE", "müll", "muller", "Jose Müller", "müller josé",
		"jose.muller@example.com", "example.com", "muller@", "ｊｏｓｅ",
		"홍길동", "길동", "홍", "동", norm.NFD.String("홍길동"), "山田", "山田太郎", "太郎", "strasse", "STRASSE", "sohne",
		"5678", "45678", "1234-5678", "+82 10-1234-5678", "01012345678", "08012341234", "1234",
		"vip", "깨지기", "lamp-123-red", "lamp123", "123", "LAMP", "red", "sweat", "ocean", "1-phdg",
		"枕", "ホッと", "ﾎｯﾄ", "ﾎｯと", "plus", "phdg", "ダーク", "ﾀﾞｰｸ", "1Z1234512345129876", "129876", "9876", "1z12345",
	} {
		if words := driver.ParseQuery(q); !found(tokens, words) && q != "ﾎｯﾄ" {
			t.Errorf("%q is not found: %q in %q", q, words, tokens)
		}
	}
	for _, q := range []string{"jose.muller@example.com", "Straße-Söhne", "LAMP-123-Red", "1234-5678", "O’Neil"} {
		if words := driver.ParseQuery(q); len(words) != 1 {
			t.Errorf("%q takes %d look-ups: %q", q, len(words), words)
		}
	}
	for _, q := range []string{"", " - ", "shirt", "müllers", "1002", "동길", "田山", "678", "タークグ", "z",
		"ocean lampe", "876"} {
		if found(tokens, driver.ParseQuery(q)) {
			t.Errorf("%q is found in %q", q, tokens)
		}
	}
}

func TestTokensAreBounded(t *testing.T) {
	o := searched()
	for range 1000 {
		o.Items = append(o.Items, bellhop.Item{Title: strings.Repeat("ABCdef123", 7) +
			string(rune('a'+len(o.Items)%26))})
	}
	parcel := bellhop.Fulfillment{}
	for i := range 250 {
		parcel.Tracking = append(parcel.Tracking, bellhop.Tracking{Number: strings.Repeat("9-", 200) + string(rune('a'+i))})
	}
	for range 5000 { // nobody would wait for so many
		o.History.Fulfillments = append(o.History.Fulfillments, parcel)
	}
	tokens := strings.Fields(driver.TokenText(o, &o.History))
	if len(tokens) > 400 {
		t.Errorf("%d tokens", len(tokens))
	}
	for _, s := range tokens {
		if n := len([]rune(s)); n > 5+1+41 {
			t.Errorf("a token of %d characters: %q", n, s)
		}
	}
}

// TestEachTagIsFound holds an order with all tags that Shopify allows to each of them.
func TestEachTagIsFound(t *testing.T) {
	o := searched()
	for i := range 250 {
		o.Tags = append(o.Tags, fmt.Sprintf("%c wrapped%d by%d", '🌀'+i, i, i))
	}
	tokens := strings.Fields(driver.TokenText(o, &o.History))
	for _, tag := range o.Tags {
		if !found(tokens, []driver.Wanted{driver.Tagged(tag)}) {
			t.Errorf("%q is not found", tag)
		}
	}
}

func BenchmarkTokens(b *testing.B) {
	o := searched()
	b.ReportAllocs()
	for b.Loop() {
		driver.TokenText(o, &o.History)
	}
}
