package simulate

import (
	"strconv"
	"time"
)

// renderer appends a body in Shopify's shape: minified, "/" written as "\/",
// money as strings in the currency's own digits. It appends to one buffer and
// allocates nothing, since load tests need tens of thousands of bodies a
// second.
type renderer struct {
	b []byte
	o *order
	v *view // of the state to write
}

// The values that stand between the JSON as it is, beside whole numbers, and times,
// of which zero is null.
type (
	text    string // escaped as Shopify does
	orNull  string // the same; null for ""
	base36  uint64
	base16  uint64
	decimal cash     // an amount in the shop's currency
	amount  cash     // the same in quotes
	amounts cash     // an amount in both currencies
	price   struct { // a member with an amount in the shop's currency, and one in both
		key  string
		cash cash
	}
	gid struct { // a member with Shopify's global id
		kind string
		id   int64
	}
)

// add appends JSON as it is, and values. It must not call itself, or all of them are
// allocated.
func (w *renderer) add(parts ...any) {
	for _, part := range parts {
		switch p := part.(type) {
		case string:
			w.b = append(w.b, p...)
		case int64:
			w.b = strconv.AppendInt(w.b, p, 10)
		case bool:
			w.b = strconv.AppendBool(w.b, p)
		case time.Time:
			w.time(p)
		case text:
			w.b = appendText(w.b, string(p))
		case orNull:
			w.textOrNull(string(p))
		case base36:
			w.b = strconv.AppendUint(w.b, uint64(p), 36)
		case base16:
			w.b = strconv.AppendUint(w.b, uint64(p), 16)
		case decimal:
			w.b = appendDecimal(w.b, p.shop, w.o.digits)
		case amount:
			w.amount(p.shop, w.o.digits)
		case amounts:
			w.amounts(cash(p))
		case price:
			w.raw(`,"`, p.key, `":`)
			w.amount(p.cash.shop, w.o.digits)
			w.raw(`,"`, p.key, `_set":`)
			w.amounts(p.cash)
		case gid:
			w.raw(`,"admin_graphql_api_id":"gid:\/\/shopify\/`, p.kind, `\/`)
			w.b = append(strconv.AppendInt(w.b, p.id, 10), '"')
		}
	}
}

// raw appends JSON as it is.
func (w *renderer) raw(parts ...string) {
	for _, p := range parts {
		w.b = append(w.b, p...)
	}
}

func (w *renderer) textOrNull(s string) {
	if s == "" {
		w.b = append(w.b, "null"...)
		return
	}
	w.b = appendText(w.b, s)
}

func (w *renderer) time(t time.Time) {
	if t.IsZero() {
		w.b = append(w.b, "null"...)
		return
	}
	w.b = t.AppendFormat(w.b, `"2006-01-02T15:04:05-07:00"`)
}

func (w *renderer) amount(units int64, digits int) {
	w.b = append(w.b, '"')
	w.b = appendDecimal(w.b, units, digits)
	w.b = append(w.b, '"')
}

func (w *renderer) amounts(c cash) {
	w.raw(`{"shop_money":{"amount":`)
	w.amount(c.shop, w.o.digits)
	w.raw(`,"currency_code":"`, w.o.currency, `"},"presentment_money":{"amount":`)
	w.amount(c.buyer, w.o.presDigits)
	w.raw(`,"currency_code":"`, w.o.presentment, `"}}`)
}

func appendDecimal(b []byte, units int64, digits int) []byte {
	if units < 0 {
		b, units = append(b, '-'), -units
	}
	if digits == 0 {
		return strconv.AppendInt(b, units, 10)
	}
	scale := int64(1)
	for range digits {
		scale *= 10
	}
	b = strconv.AppendInt(b, units/scale, 10)
	b = append(b, '.')
	for rest := units % scale; scale > 1; {
		scale /= 10
		b = append(b, byte('0'+rest/scale))
		rest %= scale
	}
	return b
}

const hexDigits = "0123456789abcdef"

// appendText appends s as a JSON string. It copies runs of bytes that need no
// escape, which is nearly all of them.
func appendText(b []byte, s string) []byte {
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= 0x20 && c != '"' && c != '\\' && c != '/' {
			continue
		}
		b = append(b, s[start:i]...)
		start = i + 1
		b = appendEscape(b, c)
	}
	b = append(b, s[start:]...)
	return append(b, '"')
}

func appendEscape(b []byte, c byte) []byte {
	switch c {
	case '\n':
		return append(b, '\\', 'n')
	case '\r':
		return append(b, '\\', 'r')
	case '\t':
		return append(b, '\\', 't')
	case '"', '\\', '/':
		return append(b, '\\', c)
	}
	return append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
}
