package pipeline

import (
	"bytes"
	"context"
	"strconv"
	"strings"
	"unicode/utf8"

	"bellhop"
)

// person finds out which events are about the subject of a request.
type person struct {
	request *bellhop.PrivacyRequest
	order   func(ctx context.Context, id int64) (bellhop.Order, error)

	ids          map[int64]bool // the customer's, and those of the orders that the request names
	email, phone string         // folded; phone only where nothing else says who it is
	orders       map[int64]bool // whether orders are the person's, as far as it was asked
}

func newPerson(r *bellhop.PrivacyRequest, order func(context.Context, int64) (bellhop.Order, error)) *person {
	p := &person{request: r, order: order, ids: map[int64]bool{}, email: bellhop.FoldEmail(r.Subject.Email),
		orders: map[int64]bool{}}
	if r.Subject.CustomerID != 0 {
		p.ids[r.Subject.CustomerID] = true
	}
	for _, id := range r.Subject.Orders {
		p.ids[id] = true
	}
	if r.Subject.ByPhone() {
		p.phone = bellhop.FoldPhone(r.Subject.Phone)
	}
	return p
}

// in reports whether an event is about the person. A body that is no order's is searched as text, unless somebody who
// was to be forgotten is a customer again since.
func (p *person) in(ctx context.Context, e *bellhop.Event) (bool, error) {
	if e.ID == p.request.Event {
		return false, nil // the request's own body goes when it is recorded
	}
	f, err := decode(e)
	if err == nil && f.Named() != nil && p.request.Covers(f.Named()) {
		return true, nil
	}
	if err == nil && f.OrderID != 0 {
		if own, err := p.owns(ctx, f.OrderID); own || err != nil || f.Order != nil {
			return own, err
		}
	}
	if p.request.Kind == bellhop.RequestForget && e.AcceptedAt.After(p.request.ReceivedAt) {
		return false, nil
	}
	return p.inText(e.Body), nil
}

// mostAsked bounds the answers that owns remembers.
const mostAsked = 10_000

// owns reports whether a stored order is the person's, or was forgotten with them.
func (p *person) owns(ctx context.Context, id int64) (bool, error) {
	if own, asked := p.orders[id]; asked {
		return own, nil
	}
	o, err := p.order(ctx, id)
	if err != nil && bellhop.KindOf(err) != bellhop.NotFound {
		return false, err
	}
	own := p.ids[id] || err == nil && (p.request.Covers(&o) ||
		p.request.Kind == bellhop.RequestForget && o.RedactedFor == bellhop.RedactedForRequest)
	if len(p.orders) >= mostAsked {
		clear(p.orders)
	}
	p.orders[id] = own
	return own, nil
}

// inText looks for what names the person in text, such as JSON, also where it is cut off.
func (p *person) inText(text []byte) bool {
	text = bytes.ToLower(unescape(text))
	return p.email != "" && holdsEmail(text, []byte(p.email)) || len(p.ids) > 0 && p.holdsID(text) ||
		p.phone != "" && holdsPhone(text, p.phone)
}

// unescape puts characters in the place of JSON's \u escapes. Two halves of one that takes two are in no address.
func unescape(text []byte) []byte {
	if !bytes.Contains(text, []byte(`\u`)) {
		return text
	}
	out := make([]byte, 0, len(text))
	for i := 0; i < len(text); i++ {
		if text[i] == '\\' && i+6 <= len(text) && text[i+1] == 'u' {
			if c, err := strconv.ParseUint(string(text[i+2:i+6]), 16, 16); err == nil {
				out, i = utf8.AppendRune(out, rune(c)), i+5
				continue
			}
		}
		out = append(out, text[i])
	}
	return out
}

// holdsEmail reports whether an address is in text, and not only the end or the beginning of another one.
func holdsEmail(text, email []byte) bool {
	for {
		i := bytes.Index(text, email)
		if i < 0 {
			return false
		}
		before, after := text[:i], text[i+len(email):]
		if (len(before) == 0 || !isAddress(before[len(before)-1])) && !isLonger(after) {
			return true
		}
		text = after
	}
}

func isAddress(c byte) bool {
	return isDigit(c) || isLetter(c) || strings.IndexByte("._%+-", c) >= 0
}

// isLonger reports whether what follows an address belongs to its domain.
func isLonger(after []byte) bool {
	if len(after) > 1 && after[0] == '.' {
		after = after[1:]
	} else if len(after) > 0 && after[0] == '.' {
		return false
	}
	return len(after) > 0 && (isDigit(after[0]) || isLetter(after[0]) || after[0] == '-')
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// isLetter takes text in lower case.
func isLetter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 0x80 }

// holdsID reports whether one of the ids is a number in text. One between letters is a part of a token.
func (p *person) holdsID(text []byte) bool {
	for len(text) > 0 {
		n := 0
		for n < len(text) && (isDigit(text[n]) || isLetter(text[n])) {
			n++
		}
		if id, err := strconv.ParseInt(string(text[:n]), 10, 64); n > 0 && err == nil && p.ids[id] {
			return true
		}
		text = text[min(n+1, len(text)):]
	}
	return false
}

// holdsPhone reports whether a number is in text, however it is written.
func holdsPhone(text []byte, phone string) bool {
	for len(text) > 0 {
		n := 0
		for n < len(text) && (isDigit(text[n]) || bytes.IndexByte([]byte("+-() ./"), text[n]) >= 0) {
			n++
		}
		if n > 0 && bellhop.FoldPhone(string(text[:n])) == phone {
			return true
		}
		text = text[min(n+1, len(text)):]
	}
	return false
}
