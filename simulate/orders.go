package simulate

import (
	"math/rand/v2"
	"strconv"
	"time"
)

// order is the part of an order that never changes; its versions share one. line computes the
// lines from lineSeed when they are needed, so that a run of a million orders fits in memory.
type order struct {
	shop        string
	id, number  int64
	created     time.Time // in the shop's zone, whole seconds
	processed   time.Time // the same, but for an import
	currency    string
	presentment string
	digits      int // of currency
	presDigits  int
	tax         tax
	lineSeed    uint64
	lines       int
	bundle      int   // how many lines, from the first on, make up a bundle
	tips        int64 // the last line is a tip, if above 0

	code             codeKind
	autoOff          bool // a discount of the first line that has no code
	fixed, fixedRest cash // of codeFixed, and what the first line gets beside its share
	goods            cash // before discounts, without gift cards and tips
	firstGoods       int
	shipping         [2]cash
	placed           sums
	coded            cash // the discount by code
	buyer            *person
	customer         customerKind
	customerID       int64
	business         bool // a company, whose bill names nobody
	western          bool // the given name is first in an address, whatever the language
	phoned           bool // the buyer left a number
	source           string
	poNumber         bool
	attributes       []attribute
	gateways         []string
	token            uint64
	test             bool
}

// codeKind is a discount that the buyer typed in.
type codeKind uint8

const (
	codeNone codeKind = iota
	codePercent
	codeFixed
	codeShipping
)

// codes are the codes with what Shopify says of them.
var codes = [...]struct{ code, kind, value string }{
	codePercent: {"WELCOME10", "percentage", "10.0"}, codeFixed: {"TAKE5", "fixed_amount", "5.0"},
	codeShipping: {"FREESHIP", "shipping", "100.0"},
}

// orderState is the part of an order that changes. Its lists are never changed in place, since
// states share them.
type orderState struct {
	updated         time.Time // in the shop's zone, whole seconds
	cancelled       time.Time
	closed          time.Time
	reason          string // of the cancellation
	financial       string
	note            string
	noteNull        bool
	tags            string
	returns         string // status of the return; "" for none
	added           int    // lines by edits
	shippingRemoved bool   // the second line
	paid            cash   // before refunds
	edits           []edit
	refunds         []refund
	parcels         []parcel
	risks           []risk
}

// happening is what all steps of an order's life have.
type happening struct {
	id int64
	at time.Time // in the shop's zone, whole seconds
}

type edit struct {
	happening
	added, removed []linePieces
	shipping       bool // removed, too
}

type linePieces struct {
	line   int
	pieces int64
}

type refund struct {
	happening
	note     string
	lines    []refundLine
	shipping cash
	payments []cash // what went back; none for a restock
}

type refundLine struct {
	linePieces
	restock  string
	net, tax cash
}

type parcel struct {
	happening
	updated          time.Time
	number           int64 // the order's first is 1
	status, shipment string
	carrier, labels  int
	lines            []linePieces
}

type risk struct {
	happening
	level string
}

// customerKind says how much of the customer Shopify shows to the app.
type customerKind uint8

const (
	customerFull     customerKind = iota
	customerNone                  // a sale at the till, or a draft without one
	customerWithheld              // the app may not see names: the fields are null
)

// newOrder makes up an order that is placed now.
func (g *generator) newOrder(now time.Time) (*order, orderState) {
	r := g.rng
	s := &g.shops[r.IntN(len(g.shops))]
	created := now.In(s.zone).Truncate(time.Second)
	s.nextID += 1 + int64(r.IntN(1<<15))
	o := &order{
		shop: s.domain, id: s.nextID, number: s.numbers.Add(1), created: created, processed: created,
		currency: s.currency, lineSeed: r.Uint64(), lines: lineCount(r), token: r.Uint64(),
		customerID: 5_900_000_000_000 + r.Int64N(1e9), source: "web", test: r.IntN(50) == 0,
	}
	if r.IntN(50) == 0 { // past 2^53, where JavaScript rounds
		o.id += 820_000_000_000_000_000
	}
	if r.IntN(200) == 0 { // an import
		o.processed = created.AddDate(-8, 0, -r.IntN(300))
	}
	g.chooseBuyer(o)
	g.chooseMoney(o)
	st := orderState{updated: created, financial: "paid", noteNull: true, paid: o.placed.total}
	if o.source == "web" && r.IntN(3) == 0 {
		st.financial, st.paid = "pending", cash{}
	}
	o.gateways = gatewaysOf(o, &st)
	if r.IntN(5) == 0 {
		st.note, st.noteNull = notes[r.IntN(len(notes))], false
	} else if r.IntN(4) == 0 {
		st.noteNull = false // "" is not the same as null
	}
	return o, st
}

// chooseMoney keeps most orders in the shop's currency.
func (g *generator) chooseMoney(o *order) {
	r := g.rng
	if !g.opt.OneCurrency && r.IntN(30) == 0 {
		o.currency = currencies[r.IntN(len(currencies))]
	}
	o.presentment = o.currency
	if r.IntN(8) == 0 {
		o.presentment = currencies[r.IntN(len(currencies))]
	}
	o.digits, o.presDigits, o.tax = digitsOf(o.currency), digitsOf(o.presentment), taxes[o.currency]
	dollar := unitsPerDollar(o.currency)
	if o.source == "web" {
		o.shipping[0] = o.cash(int64(r.IntN(12)) * dollar)
		if r.IntN(12) == 0 {
			o.shipping[1] = o.cash(int64(4+r.IntN(20)) * dollar)
		}
	}
	if r.IntN(25) == 0 {
		o.tips = int64(1+r.IntN(5)) * dollar
		o.lines++
	} else if o.lines > 1 && r.IntN(15) == 0 {
		o.bundle = 2
	}
	switch r.IntN(20) {
	case 0, 1:
		o.code = codePercent
	case 2:
		if o.lines <= 12 { // a small discount leaves nothing to each of many lines
			o.code = codeFixed
		}
	case 3:
		if o.shipping[0].shop > 0 {
			o.code = codeShipping
		}
	case 4:
		o.autoOff = true
	case 5:
		o.autoOff, o.code = true, codePercent
	}
	o.addUp()
}

// chooseBuyer says who bought and where.
func (g *generator) chooseBuyer(o *order) {
	r := g.rng
	o.buyer = &people[r.IntN(ordinaryPeople)]
	if r.IntN(8) == 0 {
		o.buyer = &people[r.IntN(len(people))]
	}
	o.western, o.phoned = r.IntN(2) == 0, r.IntN(4) == 0
	if r.IntN(25) == 0 {
		o.business, o.poNumber = true, r.IntN(2) == 0
	}
	o.attributes = noteAttributes[min(r.IntN(20), len(noteAttributes)-1)]
	switch r.IntN(25) {
	case 0, 1, 2:
		o.source = "pos"
		if r.IntN(3) > 0 {
			o.customer = customerNone
		}
	case 3:
		o.source = "shopify_draft_order"
		if r.IntN(2) == 0 {
			o.customer = customerNone
		}
	case 4:
		o.source = "580111" // an app's id
	case 5:
		o.customer = customerWithheld
	}
}

var (
	gatewayCash  = []string{"cash"}
	gatewayGift  = []string{"gift_card", "shopify_payments"}
	gatewayUsual = []string{"shopify_payments"}
	gatewayLater = []string{"Bank transfer"}
	gatewaysOwn  = map[string][]string{jp.locale: {jp.gateway}, kr.locale: {kr.gateway}}
)

func gatewaysOf(o *order, st *orderState) []string {
	own, ok := gatewaysOwn[o.buyer.place.locale]
	switch {
	case o.source == "pos":
		return gatewayCash
	case st.financial == "pending" && ok:
		return own
	case st.financial == "pending":
		return gatewayLater
	case o.token%16 == 0:
		return gatewayGift
	}
	return gatewayUsual
}

// lineCount is mostly one to three, and now and then as many as Shopify takes.
func lineCount(r *rand.Rand) int {
	switch p := r.IntN(2000); {
	case p < 1240:
		return 1
	case p < 1640:
		return 2
	case p < 1840:
		return 3
	case p < 1980:
		return 4 + r.IntN(9)
	case p < 1998:
		return 13 + r.IntN(48)
	default:
		return 61 + r.IntN(440)
	}
}

// email is the customer's address; "" where there is none.
func (o *order) email() string {
	if o.customer != customerFull {
		return ""
	}
	return "buyer" + strconv.FormatInt(o.customerID%1e9, 10) + "@example.com"
}

// phoneDigits are the last two of the buyer's numbers.
func (o *order) phoneDigits() int64 { return 10 + o.customerID%90 }

func (o *order) name() string { return "#" + strconv.FormatInt(o.number, 10) }

// imported reports whether the order is much older than its record at Shopify.
func (o *order) imported() bool { return o.processed.Before(o.created) }
