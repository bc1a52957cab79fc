package bench

import (
	"bufio"
	"bytes"
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"hash"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/klauspost/compress/zstd"

	"bellhop/shopify"
	"bellhop/simulate"
)

// Webhooks makes signed orders/create webhooks of about 5 KB, as Shopify sends
// them: minified, "/" escaped, with all keys. All differ in id, number, time,
// line items' ids, tokens and amounts. They go round the shops in turn.
type Webhooks struct {
	secret    string
	seed      uint64
	shops     []string
	templates []*template // those of one shop stand as far apart as there are shops
	first     int64
	made      atomic.Int64
	kept      []kept // of those made first
}

// kept is what is remembered of a webhook.
type kept struct {
	due          atomic.Int64 // ns since 1970
	acknowledged atomic.Bool
}

// WebhookOptions are the options of [NewWebhooks].
type WebhookOptions struct {
	Host   string   // of the Host header
	Shops  []string // at least one
	Secret string
	Seed   uint64
	First  int64 // id of the first order; others count up from it. 0 is 5,000,000,000,000
	Keep   int   // how many orders to remember
	// Basic leaves out orders with characters that SQS refuses, or that its
	// stand-in does: those beyond Unicode's basic plane, such as emoji.
	Basic bool
}

// firstOrder is the smallest made-up id.
const firstOrder int64 = 5_000_000_000_000

// perShop is how many templates one shop has, when there is one: few enough to stay in the
// processor's cache.
const perShop = 64

// NewWebhooks prepares the requests that [Webhooks.For] hands out.
func NewWebhooks(o WebhookOptions) (*Webhooks, error) {
	w := &Webhooks{secret: o.Secret, seed: o.Seed, shops: o.Shops, first: cmp.Or(o.First, firstOrder),
		kept: make([]kept, o.Keep)}
	each := max(1, perShop/len(o.Shops))
	w.templates = make([]*template, each*len(o.Shops))
	for i, shop := range o.Shops {
		all, err := templatesOf(o, shop, each)
		if err != nil {
			return nil, err
		}
		for k, t := range all {
			w.templates[k*len(o.Shops)+i] = t
		}
	}
	return w, nil
}

// fixedOrders are the twin's orders of seed 1 as it made them in November 2026, one a line: webhook
// id, event id, body. They stay the same while the twin grows, so that figures can be compared.
//
//go:embed orders.zst
var fixedOrders []byte

// shopPlace holds the place of the shop's domain in fixedOrders.
const shopPlace = "SHOP"

// templatesOf makes n fixed orders those of one shop.
func templatesOf(o WebhookOptions, shop string, n int) (all []*template, err error) {
	unpack, err := zstd.NewReader(bytes.NewReader(fixedOrders))
	if err != nil {
		return nil, fmt.Errorf("unpack the orders to load with: %w", err)
	}
	defer unpack.Close()
	lines := bufio.NewScanner(unpack)
	for len(all) < n && lines.Scan() {
		if o.Basic && !basic(lines.Bytes()) {
			continue
		}
		d, err := deliveryOf(lines.Text(), shop)
		if err != nil {
			return nil, err
		}
		t, err := newTemplate(o.Host, d)
		if err != nil {
			return nil, err
		}
		all = append(all, t)
	}
	return all, lines.Err()
}

// deliveryOf reads a line of fixedOrders.
func deliveryOf(line, shop string) (*simulate.Delivery, error) {
	ids, body, _ := strings.Cut(line, " {")
	d := &simulate.Delivery{Shop: shop, Topic: shopify.TopicOrderCreate,
		Body: []byte("{" + strings.Replace(body, shopPlace, shop, 1))}
	_, err := fmt.Sscanf(ids+" "+body, `%s %s "id":%d`, &d.WebhookID, &d.EventID, &d.OrderID)
	if err != nil {
		return nil, fmt.Errorf("read an order to load with: %w", err)
	}
	return d, nil
}

func basic(body []byte) bool {
	return !bytes.ContainsFunc(body, func(r rune) bool { return r > 0xFFFD })
}

// again makes other webhooks of the same shops.
func (w *Webhooks) again(first int64, keep int) *Webhooks {
	return &Webhooks{
		secret: w.secret, seed: w.seed, shops: w.shops, first: first, templates: w.templates, kept: make([]kept, keep),
	}
}

// Made is how many there are so far.
func (w *Webhooks) Made() int64 { return w.made.Load() }

// Due returns when the webhook of an order was due; false when it is not known.
func (w *Webhooks) Due(order int64) (time.Time, bool) {
	i := order - w.first
	if i < 0 || i >= int64(len(w.kept)) || i >= w.Made() {
		return time.Time{}, false
	}
	ns := w.kept[i].due.Load()
	return time.Unix(0, ns), ns != 0
}

// Acknowledged returns the remembered orders whose webhook was answered 2xx, with their shops.
func (w *Webhooks) Acknowledged() map[int64]string {
	all := map[int64]string{}
	for i := range w.kept {
		if w.kept[i].acknowledged.Load() {
			all[w.first+int64(i)] = w.shops[i%len(w.shops)]
		}
	}
	return all
}

// For returns the maker of one connection's requests.
func (w *Webhooks) For(conn int) Requests {
	return &webhookRequests{
		all: w, mac: hmac.New(sha256.New, []byte(w.secret)),
		rng: rand.New(rand.NewPCG(w.seed, uint64(conn)+uint64(w.first))),
	}
}

type webhookRequests struct {
	all  *Webhooks
	mac  hash.Hash
	rng  *rand.Rand
	sum  [sha256.Size]byte
	num  []byte
	last int64 // made, counted from 0
	// Writing a time takes longer than copying it, and most requests are due
	// in the same second as the one before.
	second     int64
	offset     int // of the shop's zone
	local, utc []byte
}

// Append implements [Requests].
func (r *webhookRequests) Append(b []byte, due time.Time) []byte {
	n := r.all.made.Add(1) - 1
	r.last = n
	if n < int64(len(r.all.kept)) {
		r.all.kept[n].due.Store(due.UnixNano())
	}
	t := r.all.templates[n%int64(len(r.all.templates))]
	from := len(b)
	b = append(b, t.text...)
	r.vary(b[from:], t, n, due)
	r.mac.Reset()
	r.mac.Write(b[from+t.body:])
	base64.StdEncoding.Encode(b[from+t.sign:], r.mac.Sum(r.sum[:0]))
	return b
}

// Answered implements [Answered].
func (r *webhookRequests) Answered() {
	if r.last < int64(len(r.all.kept)) {
		r.all.kept[r.last].acknowledged.Store(true)
	}
}

// vary makes another order of a copy of t.
func (r *webhookRequests) vary(text []byte, t *template, n int64, due time.Time) {
	r.num = strconv.AppendInt(r.num[:0], r.all.first+n, 10)
	t.id.write(text, r.num)
	r.num = strconv.AppendInt(r.num[:0], 1_000_000+n%9_000_000, 10)
	t.number.write(text, r.num)
	r.noteDue(due, t)
	t.local.write(text, r.local)
	t.utc.write(text, r.utc)
	for i := range t.digits {
		r.draw(text, &t.digits[i], "0123456789")
	}
	for i := range t.letters {
		r.draw(text, &t.letters[i], "0123456789abcdef")
	}
}

// noteDue writes down when a webhook is due, in the shop's zone and in UTC.
func (r *webhookRequests) noteDue(due time.Time, t *template) {
	if second := due.Unix(); second != r.second || t.offset != r.offset || len(r.utc) == 0 {
		r.second, r.offset = second, t.offset
		r.local = due.In(t.zone).AppendFormat(r.local[:0], localTime)
		r.utc = due.UTC().AppendFormat(r.utc[:0], utcTime)
	}
	micros := due.Nanosecond() / 1000
	for i := len(utcTime) - 2; i > len(localTime); i-- { // the digits between the point and the Z
		r.utc[i] = byte('0' + micros%10)
		micros /= 10
	}
}

func (p *part) write(text, value []byte) {
	for _, at := range p.at {
		copy(text[at:at+p.width], value)
	}
}

// draw puts random characters into a part. The first stays, so that a number
// keeps its length, and so do the point of an amount and the hyphens of a UUID.
func (r *webhookRequests) draw(text []byte, p *part, alphabet string) {
	first := text[p.at[0] : p.at[0]+p.width]
	random, left := uint64(0), 0
	for i := 1; i < len(first); i++ {
		if first[i] == '.' || first[i] == '-' {
			continue
		}
		if left == 0 {
			random, left = r.rng.Uint64(), 8
		}
		first[i] = alphabet[byte(random)%byte(len(alphabet))]
		random, left = random>>8, left-1
	}
	for _, at := range p.at[1:] {
		copy(text[at:at+p.width], first)
	}
}
