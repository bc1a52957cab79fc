package simulate

// line is one line item.
type line struct {
	id, productID, variantID int64
	product                  product
	quantity                 int64
	price                    cash // of one
	kind                     lineKind
	properties               []attribute
	group                    int64 // of the bundle that it belongs to

	autoOff, codeOff cash // of all pieces: the discounts that nobody typed in, and that of the code
	net, tax         cash // of all pieces, after the discounts
}

type lineKind uint8

const (
	lineGoods  lineKind = iota
	lineGift            // a gift card: no discount, no tax, nothing to ship
	lineCustom          // typed in by hand: no product, no variant, no SKU
	lineTip
)

type attribute struct{ name, value string }

// line computes the i-th line item; those from o.lines on came by edits. The constants spread
// neighbouring seeds (splitmix64).
func (o *order) line(i int) line {
	l := o.bareLine(i)
	if i < o.lines {
		o.discount(i, &l)
	}
	l.net = l.price.times(l.quantity).minus(l.autoOff).minus(l.codeOff)
	switch {
	case l.kind == lineTip || l.kind == lineGift:
	case o.tax.included:
		l.tax = l.net.part(o.tax.points, 10_000+o.tax.points)
	default:
		l.tax = l.net.part(o.tax.points, 10_000)
	}
	return l
}

// bareLine is a line without discounts and tax.
func (o *order) bareLine(i int) line {
	z := (o.lineSeed + uint64(i)) * 0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z ^= z >> 27
	l := line{id: o.id*2 + 1 + int64(i)*7, quantity: 1 + int64(z>>60)/5}
	if o.tips > 0 && i == o.lines-1 {
		l.kind, l.product, l.quantity, l.price = lineTip, product{title: "Tip"}, 1, o.cash(o.tips)
		return l
	}
	l.product = products[z%uint64(len(products))]
	l.price = o.cash((1 + int64(z>>8%120)) * unitsPerDollar(o.currency) / 2)
	l.productID = 6_700_000_000_000 + int64(z>>16%100_000)
	l.variantID = 39_000_000_000_000 + int64(z>>16%1_000_000)
	l.properties = properties[min(z>>34%16, uint64(len(properties)-1))]
	switch {
	case l.product.gift:
		l.kind, l.properties = lineGift, nil
	case z>>40%16 == 0:
		l.kind, l.properties = lineCustom, nil
		l.product = product{title: l.product.title}
	}
	if i < o.bundle {
		l.group = o.id*3 + 1
	}
	return l
}

// discount computes the shares of a line in the order's discounts.
func (o *order) discount(i int, l *line) {
	if l.kind == lineTip || l.kind == lineGift {
		return
	}
	gross := l.price.times(l.quantity)
	if o.autoOff && i == o.firstGoods {
		l.autoOff = gross.part(1, 5)
	}
	switch o.code {
	case codePercent:
		l.codeOff = gross.minus(l.autoOff).part(1, 10)
	case codeFixed:
		l.codeOff = o.fixed.share(gross, o.goods)
		if i == o.firstGoods {
			l.codeOff = l.codeOff.plus(o.fixedRest)
		}
	}
}

// addUp computes what an order comes to when it is placed.
func (o *order) addUp() {
	o.firstGoods = -1
	for i := range o.lines {
		if l := o.bareLine(i); l.kind != lineTip && l.kind != lineGift {
			o.goods = o.goods.plus(l.price.times(l.quantity))
			if o.firstGoods < 0 {
				o.firstGoods = i
			}
		}
	}
	if o.firstGoods < 0 && o.code != codeShipping {
		o.code, o.autoOff = codeNone, false
	}
	if o.code == codeFixed { // what rounding leaves over is the first line's
		o.fixed = o.cash(min(5*unitsPerDollar(o.currency), o.goods.shop/2))
		o.fixedRest = o.fixed
		for i := range o.lines {
			if l := o.bareLine(i); l.kind != lineTip && l.kind != lineGift {
				o.fixedRest = o.fixedRest.minus(o.fixed.share(l.price.times(l.quantity), o.goods))
			}
		}
	}
	for i := range o.lines {
		l := o.line(i)
		if l.kind == lineTip {
			o.placed.tips = l.net
			continue
		}
		o.placed.subtotal = o.placed.subtotal.plus(l.net)
		o.placed.tax = o.placed.tax.plus(l.tax)
		o.placed.discounts = o.placed.discounts.plus(l.autoOff).plus(l.codeOff)
		o.coded = o.coded.plus(l.codeOff)
	}
	o.placed.shipping = o.shipping[0].plus(o.shipping[1])
	o.placed.discounts = o.placed.discounts.plus(o.shippingOff())
	o.coded = o.coded.plus(o.shippingOff())
	o.placed.total = o.total(o.placed).minus(o.shippingOff())
}

// total adds up sums.
func (o *order) total(s sums) cash {
	all := s.subtotal.plus(s.shipping).plus(s.tips)
	if !o.tax.included {
		all = all.plus(s.tax)
	}
	return all
}

// shippingOff is the discount of the first shipping line.
func (o *order) shippingOff() cash {
	if o.code == codeShipping {
		return o.shipping[0]
	}
	return cash{}
}

// lineView is a line of an order in one state.
type lineView struct {
	line
	current     int64 // without what was removed or refunded
	fulfillable int64
	fulfilled   int64
	returned    int64 // of the fulfilled ones
}

// at is what n pieces of a line come to, and their tax. Discounts and taxes of pieces are rounded
// so that steps add up.
func (l *lineView) at(n int64) (net, tax cash) {
	return l.net.part(n, l.quantity), l.tax.part(n, l.quantity)
}

// view is an order in one state.
type view struct {
	lines []lineView
	now   sums
}

// look computes the view of a state. It uses the memory of v again.
func (v *view) look(o *order, st *orderState) {
	v.lines = v.lines[:0]
	for i := range o.lines + st.added {
		l := lineView{line: o.line(i)}
		l.current = l.quantity
		if l.kind != lineTip {
			l.fulfillable = l.quantity
		}
		v.lines = append(v.lines, l)
	}
	for _, e := range st.edits {
		for _, r := range e.removed {
			l := &v.lines[r.line]
			l.current, l.fulfillable = l.current-r.pieces, l.fulfillable-r.pieces
		}
	}
	for i := range st.parcels {
		if st.parcels[i].status == "cancelled" {
			continue
		}
		for _, r := range st.parcels[i].lines {
			l := &v.lines[r.line]
			l.fulfilled, l.fulfillable = l.fulfilled+r.pieces, l.fulfillable-r.pieces
		}
	}
	for i := range st.refunds {
		for _, r := range st.refunds[i].lines {
			l := &v.lines[r.line]
			l.current -= r.pieces
			if r.restock == "return" {
				l.returned += r.pieces
			} else if l.kind != lineTip {
				l.fulfillable -= r.pieces
			}
		}
	}
	v.addUp(o, st)
}

// addUp computes what the order comes to now.
func (v *view) addUp(o *order, st *orderState) {
	v.now = sums{}
	for i := range v.lines {
		l := &v.lines[i]
		net, tax := l.at(l.current)
		if l.kind == lineTip {
			v.now.tips = v.now.tips.plus(net)
			continue
		}
		v.now.subtotal, v.now.tax = v.now.subtotal.plus(net), v.now.tax.plus(tax)
		v.now.discounts = v.now.discounts.plus(l.price.times(l.current).minus(net))
	}
	v.now.shipping = o.shipping[0].minus(o.shippingOff()).plus(o.shipping[1])
	if st.shippingRemoved {
		v.now.shipping = v.now.shipping.minus(o.shipping[1])
	}
	for i := range st.refunds {
		v.now.shipping = v.now.shipping.minus(st.refunds[i].shipping)
	}
	if st.cancelled.IsZero() {
		v.now.discounts = v.now.discounts.plus(o.shippingOff())
	}
	v.now.total = o.total(v.now)
}

// fulfillment is the order's status, from its lines; "" for null.
func (v *view) fulfillment(st *orderState) string {
	sent, open := false, false
	for i := range v.lines {
		sent = sent || v.lines[i].fulfilled > 0
		open = open || v.lines[i].fulfillable > 0
	}
	switch {
	case sent && open:
		return "partial"
	case sent:
		return "fulfilled"
	case !st.cancelled.IsZero():
		return "restocked"
	}
	return ""
}

// goods is what all lines cost before discounts.
func (v *view) goods(o *order) (sum cash) {
	for i := range o.lines {
		if l := &v.lines[i]; l.kind != lineTip {
			sum = sum.plus(l.price.times(l.quantity))
		}
	}
	return sum
}
