package bench

import (
	"bytes"
	"fmt"
	"regexp"
	"strconv"
	"time"

	"bellhop/shopify"
	"bellhop/simulate"
)

// template is one webhook request whose changing parts have been found, so that
// another order is made by writing over them: making orders from nothing would
// take more of the machine than checking their signatures does.
type template struct {
	shop string
	text []byte // head and body
	body int    // where the body begins
	zone *time.Location
	// offset is the zone's, in seconds.
	offset int
	sign   int // where the signature stands
	// Each part has its places in text, all with the same text.
	id, number, local, utc part
	digits, letters        []part
}

// part is one thing that differs from order to order.
type part struct {
	width int
	at    []int
}

const (
	idWidth     = 13 // Shopify's order ids have so many digits now
	numberWidth = 7
	localTime   = "2006-01-02T15:04:05"
	utcTime     = "2006-01-02T15:04:05.000000Z"
)

var (
	nameForm   = regexp.MustCompile(`"name":"#\d+"`)
	orderForm  = regexp.MustCompile(`"order_number":\d+`)
	countForm  = regexp.MustCompile(`"number":\d+`)
	timeForm   = regexp.MustCompile(`"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(Z|[+-]\d\d:\d\d)"`)
	idForm     = regexp.MustCompile(`\b\d{9,}\b`)
	tokenForm  = regexp.MustCompile(`\b(?:[a-z]*\d){3}[0-9a-z]{8,}\b`)
	uuidForm   = regexp.MustCompile(`\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b`)
	amountForm = regexp.MustCompile(`"([1-9]\d{2,}|[1-9]\d*\.\d{2,3})"`)
)

// newTemplate makes a template of a delivery of the Shopify twin's.
func newTemplate(host string, d *simulate.Delivery) (*template, error) {
	body := widen(d.Body)
	t := &template{shop: d.Shop, text: append(head(host, d, len(body)), body...)}
	t.body = len(t.text) - len(body)
	t.sign = bytes.Index(t.text, []byte(signaturePlace))
	t.utc = part{len(utcTime), []int{bytes.Index(t.text, []byte(utcTime))}}
	taken := make([]bool, len(t.text))
	t.mark(taken, &t.number, bytes.Repeat([]byte{'7'}, numberWidth))
	t.mark(taken, &t.id, strconv.AppendInt(nil, d.OrderID, 10))
	if len(t.id.at) == 0 || t.id.width != idWidth || len(t.number.at) == 0 {
		return nil, fmt.Errorf("make a template of an order: its id or number was not found")
	}
	if err := t.markTimes(taken); err != nil {
		return nil, err
	}
	t.letters = t.markAll(taken, uuidForm, 0)
	t.digits = t.markAll(taken, idForm, 0)
	t.letters = append(t.letters, t.markAll(taken, tokenForm, 0)...)
	t.digits = append(t.digits, t.markAll(taken, amountForm, 1)...)
	return t, nil
}

// widen gives the order's number as many digits as a long run needs.
func widen(body []byte) []byte {
	seven := bytes.Repeat([]byte{'7'}, numberWidth)
	for form, with := range map[*regexp.Regexp]string{
		nameForm: `"name":"#%s"`, orderForm: `"order_number":%s`, countForm: `"number":%s`,
	} {
		at := form.FindIndex(body)
		if at == nil {
			continue
		}
		body = bytes.Join([][]byte{body[:at[0]], fmt.Appendf(nil, with, seven), body[at[1]:]}, nil)
	}
	return body
}

// signaturePlace holds the place of a signature, 32 bytes in base64.
const signaturePlace = "SignatureSignatureSignatureSignatureSignatur"

// head is the request up to its body, with the headers that Shopify sends.
func head(host string, d *simulate.Delivery, length int) []byte {
	b := fmt.Appendf(nil, "POST /webhooks/shopify HTTP/1.1\r\nHost: %s\r\nUser-Agent: "+
		"Shopify-Captain-Hook\r\nContent-Length: %d\r\n", host, length)
	for _, h := range [...][2]string{
		{"Accept", "*/*"},
		{"Content-Type", "application/json"},
		{shopify.HeaderTopic, d.Topic},
		{shopify.HeaderHMAC, signaturePlace},
		{shopify.HeaderShop, d.Shop},
		{shopify.HeaderAPIVersion, simulate.APIVersion},
		{shopify.HeaderWebhookID, d.WebhookID},
		{shopify.HeaderEventID, d.EventID},
		{shopify.HeaderTriggeredAt, utcTime},
	} {
		b = fmt.Appendf(b, "%s: %s\r\n", h[0], h[1])
	}
	return append(b, "\r\n"...)
}

// mark finds all places of a text that no other part has taken.
func (t *template) mark(taken []bool, p *part, text []byte) {
	p.width = len(text)
	for from := t.body; ; {
		i := bytes.Index(t.text[from:], text)
		if i < 0 {
			return
		}
		from += i
		if !taken[from] {
			t.take(taken, p, from)
		}
		from += len(text)
	}
}

func (t *template) take(taken []bool, p *part, at int) {
	p.at = append(p.at, at)
	for i := range p.width {
		taken[at+i] = true
	}
}

// markTimes finds the times of placing and changing the order, to set them to the
// time of sending.
func (t *template) markTimes(taken []bool) error {
	t.local.width = len(localTime)
	for _, at := range timeForm.FindAllSubmatchIndex(t.text[t.body:], -1) {
		full := string(t.text[t.body+at[2] : t.body+at[5]])
		placed, err := time.Parse(time.RFC3339, full)
		if err != nil {
			return fmt.Errorf("make a template of an order: %w", err)
		}
		_, offset := placed.Zone()
		t.offset, t.zone = offset, time.FixedZone("", offset)
		t.take(taken, &t.local, t.body+at[2])
	}
	if t.zone == nil {
		return fmt.Errorf("make a template of an order: it has no time")
	}
	return nil
}

// markAll finds texts of a form, in the head too, and makes a part of each different
// one.
func (t *template) markAll(taken []bool, form *regexp.Regexp, group int) []part {
	var parts []part
	known := map[string]int{}
	for _, at := range form.FindAllSubmatchIndex(t.text, -1) {
		from, to := at[2*group], at[2*group+1]
		if t.overlaps(taken, from, to) {
			continue
		}
		text := string(t.text[from:to])
		i, ok := known[text]
		if !ok {
			i = len(parts)
			known[text] = i
			parts = append(parts, part{width: to - from})
		}
		t.take(taken, &parts[i], from)
	}
	return parts
}

// overlaps reports whether a place is taken already, or holds the signature or
// the time in the head.
func (t *template) overlaps(taken []bool, from, to int) bool {
	for i := from; i < to; i++ {
		if taken[i] || i >= t.sign && i < t.sign+len(signaturePlace) || i >= t.utc.at[0] && i < t.utc.at[0]+t.utc.width {
			return true
		}
	}
	return false
}
