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
}

// raw appends JSON as it is.
func (w *renderer) raw(s string) { w.b = append(w.b, s...) }

func (w *renderer) int(n int64) { w.b = strconv.AppendInt(w.b, n, 10) }

// key begins a member that is not the first.
func (w *renderer) key(k string) {
	w.b = append(w.b, ',', '"')
	w.b = append(w.b, k...)
	w.b = append(w.b, '"', ':')
}

// str appends a member with a text, escaped as Shopify does.
func (w *renderer) str(k, s string) {
	w.key(k)
	w.b = appendText(w.b, s)
}

// strOrNull appends null for "".
func (w *renderer) strOrNull(k, s string) {
	if s == "" {
		w.key(k)
		w.raw("null")
		return
	}
	w.str(k, s)
}

func (w *renderer) num(k string, n int64) {
	w.key(k)
	w.int(n)
}

func (w *renderer) time(k string, t time.Time) {
	w.key(k)
	if t.IsZero() {
		w.raw("null")
		return
	}
	w.b = append(w.b, '"')
	w.b = t.AppendFormat(w.b, "2006-01-02T15:04:05-07:00")
	w.b = append(w.b, '"')
}

// amount appends a decimal in quotes.
func (w *renderer) amount(units int64, digits int) {
	w.b = append(w.b, '"')
	w.b = appendDecimal(w.b, units, digits)
	w.b = append(w.b, '"')
}

// money appends a member with an amount in the shop's currency.
func (w *renderer) money(k string, units int64) {
	w.key(k)
	w.amount(units, w.o.digits)
}

// set appends a member with an amount in both currencies.
func (w *renderer) set(k string, units int64) {
	w.key(k)
	w.raw(`{"shop_money":{"amount":`)
	w.amount(units, w.o.digits)
	w.raw(`,"currency_code":"`)
	w.raw(w.o.currency)
	w.raw(`"},"presentment_money":{"amount":`)
	w.amount(w.o.inPresentment(units), w.o.presDigits)
	w.raw(`,"currency_code":"`)
	w.raw(w.o.presentment)
	w.raw(`"}}`)
}

// both appends an amount and its set.
func (w *renderer) both(k, kSet string, units int64) {
	w.money(k, units)
	w.set(kSet, units)
}

// gid appends a member with Shopify's global id.
func (w *renderer) gid(kind string, id int64) {
	w.raw(`,"admin_graphql_api_id":"gid:\/\/shopify\/`)
	w.raw(kind)
	w.raw(`\/`)
	w.int(id)
	w.raw(`"`)
}

func appendDecimal(b []byte, units int64, digits int) []byte {
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
