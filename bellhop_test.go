package bellhop_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"

	"bellhop"
)

func TestParseMoney(t *testing.T) {
	for _, test := range []struct{ amount, currency, want string }{
		{"403.00", "USD", "403.00"},
		{"403", "USD", "403.00"},
		{"0.5", "USD", "0.50"},
		{"0", "USD", "0.00"},
		{"-12.30", "EUR", "-12.30"},
		{"-0.05", "EUR", "-0.05"},
		{"19800", "JPY", "19800"},
		{"19800.00", "JPY", "19800"},
		{"19800.5", "JPY", "19800.5"}, // more digits than the currency has stay exact
		{"1.2345", "KWD", "1.2345"},
		{"1.2", "KWD", "1.200"},
		{"0001.50", "USD", "1.50"},
		{"9999999999999999.99", "USD", "9999999999999999.99"},
		{"0.10000000000", "USD", "0.10"},
	} {
		m, err := bellhop.ParseMoney(test.amount, test.currency)
		if err != nil || m.String() != test.want || m.Currency != test.currency {
			t.Errorf("%s %s: %q, %v; want %q", test.amount, test.currency, m, err, test.want)
		}
	}
	for _, bad := range []string{"", ".", "1.", ".5", "-", "+1", "1e3", "1,000", " 1", "1 ", "0x1", "NaN", "1.2.3",
		"٣", "99999999999999999999", "0.0000000000000000001", strings.Repeat("9", 400)} {
		if m, err := bellhop.ParseMoney(bad, "USD"); bellhop.KindOf(err) != bellhop.Invalid {
			t.Errorf("%q is taken for %v, %v", bad, m, err)
		}
	}
	if _, err := bellhop.ParseMoney("1", ""); err == nil {
		t.Error("money without a currency is taken")
	}
}

func TestMoneyRoundTripsAndAdds(t *testing.T) {
	currencies := rapid.SampledFrom([]string{"USD", "JPY", "KWD", "CLF"})
	rapid.Check(t, func(t *rapid.T) {
		currency := currencies.Draw(t, "currency")
		draw := func(name string) bellhop.Money {
			digits := rapid.IntRange(bellhop.CurrencyDigits(currency), 8).Draw(t, name+" digits")
			return bellhop.Money{Units: rapid.Int64Range(-1e15, 1e15).Draw(t, name), Digits: uint8(digits),
				Currency: currency}
		}
		a, b := draw("a"), draw("b")
		again, err := bellhop.ParseMoney(a.String(), currency)
		if err != nil || float(again) != float(a) {
			t.Fatalf("%v comes back as %v, %v", a, again, err)
		}
		if ab, ok := a.Add(b); ok {
			if ba, _ := b.Add(a); ba != ab {
				t.Fatalf("%v + %v depends on the order: %v, %v", a, b, ab, ba)
			}
			if want := float(a) + float(b); math.Abs(float(ab)-want) > math.Abs(want)*1e-9+1e-6 {
				t.Fatalf("%v + %v = %v, want about %v", a, b, ab, want)
			}
		}
	})
}

func float(m bellhop.Money) float64 { return float64(m.Units) / math.Pow10(int(m.Digits)) }

func TestMoneyDoesNotAddWhatDoesNotFit(t *testing.T) {
	usd := bellhop.Money{Units: math.MaxInt64, Digits: 2, Currency: "USD"}
	for _, other := range []bellhop.Money{
		{Units: 1, Digits: 2, Currency: "EUR"},
		{Units: 1, Digits: 2, Currency: "USD"},
		{Units: 1, Digits: 3, Currency: "USD"},
	} {
		if sum, ok := usd.Add(other); ok {
			t.Errorf("%v + %v = %v", usd, other, sum)
		}
	}
}

// TestEventIDBeginsWithItsTime: ids are of the time that they are made for, and in its order.
func TestEventIDBeginsWithItsTime(t *testing.T) {
	at := time.Date(2026, 11, 30, 11, 59, 59, 999_998_000, time.UTC)
	var before bellhop.EventID
	for i := range 4 {
		id := bellhop.NewEventID(at.Add(time.Duration(i) * time.Microsecond))
		hour := at.Add(time.Duration(i) * time.Microsecond).Truncate(time.Millisecond).UnixMilli()
		if text := id.String(); !strings.HasPrefix(strings.ReplaceAll(text, "-", ""), fmt.Sprintf("%012x7", hour)) ||
			!strings.ContainsRune("89ab", rune(text[19])) || bytes.Compare(before[:], id[:]) >= 0 {
			t.Errorf("%s behind %s, of the milliseconds %x", text, before, hour)
		}
		before = id
	}
}

func TestEventIDReadsAsText(t *testing.T) {
	id := bellhop.EventID{0x01, 0xa2, 15: 0xff}
	if back, err := bellhop.ParseEventID(id.String()); back != id || err != nil {
		t.Errorf("%s comes back as %s, %v", id, back, err)
	}
	out, err := json.Marshal(map[string]any{"event": id})
	if err != nil || string(out) != `{"event":"01a20000-0000-0000-0000-0000000000ff"}` {
		t.Errorf("in JSON: %s, %v", out, err)
	}
	var back struct{ Event bellhop.EventID }
	if err := json.Unmarshal(out, &back); err != nil || back.Event != id {
		t.Errorf("from JSON: %s, %v", back.Event, err)
	}
	for _, bad := range []string{"", "x", id.String()[1:], id.String() + "0", strings.ReplaceAll(id.String(), "-", "0"),
		"g" + id.String()[1:]} {
		if _, err := bellhop.ParseEventID(bad); bellhop.KindOf(err) != bellhop.Invalid {
			t.Errorf("%q is taken for an event id: %v", bad, err)
		}
	}
}

// TestEventIDOf: what comes again is the same event, and ids go by their times.
func TestEventIDOf(t *testing.T) {
	at := time.Date(2026, 11, 30, 9, 0, 0, 123456789, time.UTC)
	id := bellhop.EventIDOf(at, "demo.myshopify.com", "1")
	if !strings.HasPrefix(id.String(), "01a22bae-b6fb-8") || id != bellhop.EventIDOf(at, "demo.myshopify.com", "1") {
		t.Errorf("the id is %s", id)
	}
	for name, other := range map[string]bellhop.EventID{
		"another text":  bellhop.EventIDOf(at, "demo.myshopify.com", "2"),
		"another limit": bellhop.EventIDOf(at, "demo.myshopify.com1", ""),
		"another time":  bellhop.EventIDOf(at.Add(time.Millisecond), "demo.myshopify.com", "1"),
	} {
		if other == id {
			t.Errorf("%s: the same id", name)
		}
	}
}

func TestParseShopDomain(t *testing.T) {
	for _, good := range []string{"demo.myshopify.com", "Demo-2.MyShopify.com", "a.myshopify.com"} {
		if d, err := bellhop.ParseShopDomain(good); err != nil || d != strings.ToLower(good) {
			t.Errorf("%q: %q, %v", good, d, err)
		}
	}
	for _, bad := range []string{"", "demo", ".myshopify.com", "myshopify.com", "demo.myshopify.com.example.org",
		"demo.example.org",
		"-demo.myshopify.com", "de mo.myshopify.com", "a.b.myshopify.com", "demo/.myshopify.com", "dém.myshopify.com",
		"demo.myshopify.com\n", "https://demo.myshopify.com", strings.Repeat("a", 300) + ".myshopify.com"} {
		if _, err := bellhop.ParseShopDomain(bad); bellhop.KindOf(err) != bellhop.Invalid {
			t.Errorf("%q is taken for a shop", bad)
		}
	}
}

// TestBudgets holds each form's bucket to both of FCM's limits: a window takes the burst and its refill.
func TestClipCutsBetweenCharacters(t *testing.T) {
	for _, text := range []string{"plain text", "가나다라", "a가나다", "\xff\xfe\xfd\xfc"} {
		for n := range len(text) + 2 {
			got := bellhop.Clip(text, n)
			if n >= len(text) && got != text || len(got) > n+len("…") && n < len(text) ||
				utf8.ValidString(text) && !utf8.ValidString(got) {
				t.Errorf("%q cut to %d is %q", text, n, got)
			}
		}
	}
}

func TestBudgets(t *testing.T) {
	most := func(b bellhop.Budget, window time.Duration) int { return b.Burst + int(window/b.Refill) }
	data := bellhop.BudgetOf(bellhop.FormData)
	if n := most(data, time.Minute); n > 240 {
		t.Errorf("%d data messages in a minute: FCM takes 240", n)
	}
	if n := most(data, time.Hour); n > 5000 {
		t.Errorf("%d data messages in an hour: FCM takes 5,000", n)
	}
	if b := bellhop.BudgetOf(bellhop.FormNotification); b.Burst > 20 || b.Refill < 3*time.Minute {
		t.Errorf("collapsible messages: %+v; FCM takes 20, then one in 3 minutes", b)
	}
}

func TestKinds(t *testing.T) {
	cause := errors.New("the cause")
	err := fmt.Errorf("doing: %w", &bellhop.Error{Kind: bellhop.Invalid, Message: "the message", Cause: cause})
	if bellhop.KindOf(err) != bellhop.Invalid || !bellhop.IsPermanent(err) || !errors.Is(err, cause) {
		t.Errorf("%v: kind %d, permanent %v", err, bellhop.KindOf(err), bellhop.IsPermanent(err))
	}
	if bellhop.KindOf(cause) != bellhop.Internal || bellhop.IsPermanent(cause) || bellhop.IsPermanent(nil) {
		t.Error("an error without a kind is ours, and may pass")
	}
	_, h := bellhop.ParseHandling("done")
	_, s := bellhop.ParsePushStatus("gone")
	if bellhop.KindOf(h) != bellhop.Invalid || bellhop.KindOf(s) != bellhop.Invalid {
		t.Errorf("made-up words are taken: %v, %v", h, s)
	}
}

// What can be added up can be stored: a sum that ParseMoney would not read again is none.
func TestMoneyStaysReadable(t *testing.T) {
	most, err := bellhop.ParseMoney("999999999999999999", "JPY")
	if err != nil {
		t.Fatal(err)
	}
	one := bellhop.Money{Units: 1, Currency: "JPY"}
	if sum, ok := most.Add(one); ok {
		t.Errorf("a sum of 19 digits: %v", sum)
	}
	if product, ok := most.Times(2); ok {
		t.Errorf("a product of 19 digits: %v", product)
	}
	if sum, ok := most.Sub(one); !ok || sum.String() != "999999999999999998" {
		t.Errorf("got %v, %t", sum, ok)
	}
}
