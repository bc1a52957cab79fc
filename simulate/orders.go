package simulate

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"bellhop"
)

// order is the part of an order that never changes; its versions share one. line computes the
// lines from lineSeed when they are needed, so that a run of a million orders fits in memory.
type order struct {
	shop        string
	id, number  int64
	placed      time.Time // in the shop's zone, whole seconds
	currency    string
	presentment string
	digits      int // of currency
	presDigits  int
	lineSeed    uint64
	lines       int
	subtotal    int64
	shipping    int64
	tax         int64
	buyer       person
	customer    customerKind
	customerID  int64
	source      string
	token       uint64
	test        bool
}

// orderState is the part of an order that changes.
type orderState struct {
	updated     time.Time // in the shop's zone, whole seconds
	cancelled   time.Time
	financial   string
	fulfillment string // "" is sent as null
	note        string
	noteNull    bool
	tags        string
}

// customerKind says how much of the customer Shopify shows to the app.
type customerKind uint8

const (
	customerFull     customerKind = iota
	customerNone                  // a sale at the till, or a draft without one
	customerWithheld              // the app may not see names: the fields are null
)

// line is one line item.
type line struct {
	id, productID, variantID int64
	product                  product
	quantity, price          int64
	custom                   bool // typed in by hand: no product, no variant, no SKU
}

// total is the buyer's price, in the currency's smallest unit.
func (o *order) total() int64 { return o.subtotal + o.shipping + o.tax }

// inPresentment converts an amount to the currency that the buyer saw.
func (o *order) inPresentment(units int64) int64 {
	if o.presentment == o.currency {
		return units
	}
	return units * unitsPerDollar(o.presentment) / unitsPerDollar(o.currency)
}

// line computes the i-th line item. The constants spread neighbouring seeds
// (splitmix64).
func (o *order) line(i int) line {
	z := (o.lineSeed + uint64(i)) * 0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z ^= z >> 27
	l := line{id: o.id*2 + 1 + int64(i)*7, quantity: 1 + int64(z>>60)/5}
	l.product = products[z%uint64(len(products))]
	l.price = (1 + int64(z>>8%120)) * unitsPerDollar(o.currency) / 2
	l.productID = 6_700_000_000_000 + int64(z>>16%100_000)
	l.variantID = 39_000_000_000_000 + int64(z>>16%1_000_000)
	l.custom = z>>40%16 == 0
	return l
}

// newOrder makes up an order that is placed now.
func (g *generator) newOrder(now time.Time) (*order, orderState) {
	r := g.rng
	s := &g.shops[r.IntN(len(g.shops))]
	placed := now.In(s.zone).Truncate(time.Second)
	s.nextID += 1 + int64(r.IntN(1<<15))
	o := &order{
		shop: s.domain, id: s.nextID, number: s.numbers.Add(1), placed: placed,
		currency: s.currency, lineSeed: r.Uint64(), lines: lineCount(r), token: r.Uint64(),
		customerID: 5_900_000_000_000 + r.Int64N(1e9), source: "web", test: r.IntN(50) == 0,
	}
	if r.IntN(50) == 0 { // past 2^53, where JavaScript rounds
		o.id += 820_000_000_000_000_000
	}
	g.chooseMoney(o)
	st := orderState{updated: placed, financial: "paid", tags: "", noteNull: true}
	g.chooseBuyer(o)
	if o.source == "web" && r.IntN(3) == 0 {
		st.financial = "pending"
	}
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
	o.digits = bellhop.CurrencyDigits(o.currency)
	o.presDigits = bellhop.CurrencyDigits(o.presentment)
	for i := range o.lines {
		l := o.line(i)
		o.subtotal += l.price * l.quantity
	}
	o.shipping = int64(r.IntN(12)) * unitsPerDollar(o.currency)
	o.tax = o.subtotal / 10
}

// chooseBuyer says who bought and where.
func (g *generator) chooseBuyer(o *order) {
	r := g.rng
	o.buyer = people[r.IntN(ordinaryPeople)]
	if r.IntN(8) == 0 {
		o.buyer = people[r.IntN(len(people))]
	}
	switch r.IntN(25) {
	case 0, 1, 2:
		o.source, o.shipping = "pos", 0
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

// asOrder returns the order as bellhop should know it in this state.
func (o *order) asOrder(st *orderState, v bellhop.Version) *bellhop.Order {
	b := &bellhop.Order{
		Shop: o.shop, ID: o.id, Version: v, Name: o.name(), Number: o.number,
		Total:         o.money(o.total()),
		CustomerEmail: o.email(), Note: st.note,
		FinancialStatus: st.financial, FulfillmentStatus: st.fulfillment,
		Test: o.test, PlacedAt: o.placed, UpdatedAt: st.updated, CancelledAt: st.cancelled,
	}
	if o.customer == customerFull {
		b.CustomerName = o.buyer.first + " " + o.buyer.last
	}
	if st.fulfillment == "" {
		b.FulfillmentStatus = "unfulfilled"
	}
	if o.presentment != o.currency {
		b.Presentment = &bellhop.Money{Units: o.inPresentment(o.total()), Digits: uint8(o.presDigits),
			Currency: o.presentment}
	}
	for i := range o.lines {
		b.Items = append(b.Items, o.asItem(i))
	}
	return b
}

func (o *order) asItem(i int) bellhop.Item {
	l := o.line(i)
	it := bellhop.Item{ID: l.id, Title: l.product.title, Quantity: l.quantity, Price: bellhop.Amount(o.money(l.price).String())}
	if !l.custom {
		it.Variant, it.SKU = l.product.variant, l.product.sku
	}
	return it
}

func (o *order) name() string { return fmt.Sprintf("#%d", o.number) }

func (o *order) money(units int64) bellhop.Money {
	return bellhop.Money{Units: units, Digits: uint8(o.digits), Currency: o.currency}
}
