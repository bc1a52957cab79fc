package simulate

import (
	"slices"
	"strconv"
	"time"
)

// life is an order that will still change.
type life struct {
	order *order
	state orderState
	left  int  // follow-ups still to come
	lasts bool // it is never deleted
}

// later plans the next thing in an order's life, if any is left.
func (g *generator) later(l *life) {
	if l.left--; l.left >= 0 {
		g.due.push(g.drawn+1+g.rng.IntN(100), l)
	}
}

// goOn makes one thing happen, and plans the next.
func (g *generator) goOn(l *life) {
	g.live(l)
	g.later(l)
}

// live makes one thing happen to an order. Like Shopify, the twin often reports one action under
// several topics, with the same event id.
func (g *generator) live(l *life) {
	event, st := g.touch(l), &l.state
	p := g.rng.IntN(100)
	switch open := st.cancelled.IsZero(); {
	case p < 3 && !l.lasts:
		g.deleted(l, event)
	case open && p < 75 && (st.financial == "pending" || st.financial == "partially_paid"):
		g.paid(l, event)
	case p < 35 && g.fulfilled(l, event, p < 25):
	case p < 40 && len(st.parcels) > 0 && st.parcels[len(st.parcels)-1].status == "success":
		g.underWay(l, event)
	case p < 52 && open && g.edited(l, event):
	case p < 68 && open && g.refunded(l, event):
	case p < 76 && open && g.cancelled(l, event):
	case p < 80:
		g.assessed(l, event)
	case p < 84 && len(st.parcels) > 0:
		st.returns = "open"
		g.report("orders/updated", event, l)
	case p < 88 && st.closed.IsZero():
		st.closed = st.updated
		g.report("orders/updated", event, l)
	default:
		g.noted(l, event)
	}
}

// touch begins a change of an order, and returns the id of its event.
func (g *generator) touch(l *life) (event string) {
	event = g.uuid()
	l.state.updated = g.now().In(l.order.created.Location()).Truncate(time.Second)
	g.view.look(l.order, &l.state)
	return event
}

func (g *generator) noted(l *life, event string) {
	st := &l.state
	st.tags = "tag" + strconv.Itoa(g.rng.IntN(100)) + ", VIP"
	st.note, st.noteNull = notes[g.rng.IntN(len(notes))], false
	g.report("orders/updated", event, l)
}

func (g *generator) report(topic, event string, l *life) {
	g.ready = append(g.ready, g.orderDelivery(topic, event, l.order, &l.state))
}

// both reports an action under its own topic, and half of the time under orders/updated too.
func (g *generator) both(topic, event string, l *life) {
	g.report(topic, event, l)
	if g.rng.IntN(2) == 0 {
		g.report("orders/updated", event, l)
	}
}

// happened reports a step of an order's life in a body of its own.
func (g *generator) happened(topic, event string, l *life, s stepKind, body func(*renderer)) {
	d := g.render(topic, event, l.order, &l.state, body)
	d.says = statement{order: l.order, state: l.state, step: s}
	g.ready = append(g.ready, d)
}

func (g *generator) deleted(l *life, event string) {
	l.left = 0
	d := g.render("orders/delete", event, l.order, &l.state, (*renderer).deletion)
	d.says = statement{order: l.order, deleted: true}
	g.ready = append(g.ready, d)
}

func (g *generator) paid(l *life, event string) {
	st := &l.state
	st.paid = st.paid.plus(st.outstanding(&g.view))
	st.financial = "paid"
	g.both("orders/paid", event, l)
}

// begin begins a step with an id from a range of its own.
func (g *generator) begin(from int64, st *orderState) happening {
	return happening{from + g.rng.Int64N(1e9), st.updated}
}

// fulfilled sends a parcel with all that is left, or with one piece. It reports whether there was
// anything to send.
func (g *generator) fulfilled(l *life, event string, all bool) bool {
	st := &l.state
	var sent []linePieces
	for i := range g.view.lines {
		if n := g.view.lines[i].fulfillable; n > 0 && (all || sent == nil) {
			if !all {
				n = 1
			}
			sent = append(sent, linePieces{i, n})
		}
	}
	if sent == nil {
		return false
	}
	p := parcel{happening: g.begin(255_000_000_000, st), updated: st.updated, number: int64(len(st.parcels)) + 1,
		status: "success", carrier: g.rng.IntN(len(carriers)), labels: min(2, g.rng.IntN(6)), lines: sent}
	st.parcels = append(slices.Clip(st.parcels), p)
	g.happened("fulfillments/create", event, l, stepParcel, func(w *renderer) { w.parcel(&p) })
	g.view.look(l.order, st)
	topic := "orders/partially_fulfilled"
	if g.view.fulfillment(st) == "fulfilled" {
		topic = "orders/fulfilled"
	}
	g.both(topic, event, l)
	return true
}

// underWay updates the newest parcel: it gets a label, moves, arrives, or never leaves.
func (g *generator) underWay(l *life, event string) {
	st := &l.state
	st.parcels = slices.Clone(st.parcels)
	p := &st.parcels[len(st.parcels)-1]
	p.updated, p.labels = st.updated, max(1, p.labels)
	switch {
	case p.shipment == "in_transit":
		p.shipment = "delivered"
	case p.shipment == "" && g.rng.IntN(5) == 0 && !g.hasReturned():
		p.status, p.labels = "cancelled", 0
	default:
		p.shipment = "in_transit"
	}
	g.happened("fulfillments/update", event, l, stepParcel, func(w *renderer) { w.parcel(p) })
	g.report("orders/updated", event, l)
}

func (g *generator) hasReturned() bool {
	return slices.ContainsFunc(g.view.lines, func(l lineView) bool { return l.returned > 0 })
}

// edited removes a piece that is not sent yet, or the second way of shipping, or adds a line. It
// reports whether there was anything to remove or add.
func (g *generator) edited(l *life, event string) bool {
	st := &l.state
	e := edit{happening: g.begin(78_000_000_000, st)}
	if g.rng.IntN(3) > 0 && st.added < 3 {
		e.added = []linePieces{{l.order.lines + st.added, l.order.line(l.order.lines + st.added).quantity}}
		st.added++
	}
	left := 0
	for i := range g.view.lines {
		left += int(g.view.lines[i].current)
	}
	for i := range g.view.lines {
		if v := &g.view.lines[i]; v.fulfillable > 0 && left > 1 && g.rng.IntN(2) == 0 {
			e.removed = []linePieces{{i, 1 + g.rng.Int64N(min(v.fulfillable, int64(left)-1))}}
			break
		}
	}
	if l.order.shipping[1].shop > 0 && !st.shippingRemoved && !g.shippingRefunded(st) {
		e.shipping, st.shippingRemoved = true, true
	}
	if e.added == nil && e.removed == nil && !e.shipping {
		return false
	}
	st.edits = append(slices.Clip(st.edits), e)
	g.view.look(l.order, st)
	if st.paid.shop > 0 && st.outstanding(&g.view).shop > 0 {
		st.financial = "partially_paid"
	}
	g.happened("orders/edited", event, l, stepEdit, func(w *renderer) { w.edit(&e) })
	g.report("orders/updated", event, l)
	return true
}

func (g *generator) shippingRefunded(st *orderState) bool {
	return slices.ContainsFunc(st.refunds, func(r refund) bool { return r.shipping.shop > 0 })
}

// refunded takes pieces of a line back, now and then the shipping or nothing else, and mostly gives
// money back. It reports whether there was anything to take back.
func (g *generator) refunded(l *life, event string) bool {
	st, r := &l.state, refund{happening: g.begin(929_000_000_000, &l.state)}
	if g.rng.IntN(4) > 0 {
		r.lines = g.takeBack()
	}
	if now := g.view.now.shipping; now.shop > 0 && (r.lines == nil || g.rng.IntN(4) == 0) {
		r.shipping = now
	}
	if r.lines == nil && r.shipping.shop == 0 {
		return false
	}
	money := l.order.worth(&r)
	if left := st.kept(); g.rng.IntN(6) > 0 && money.shop <= left.shop && money.buyer <= left.buyer {
		r.payments = g.payments(money)
	} else if r.shipping = (cash{}); r.lines == nil {
		return false
	}
	r.note = refundNotes[g.rng.IntN(len(refundNotes))]
	g.giveBack(l, event, r)
	g.report("orders/updated", event, l)
	return true
}

// takeBack picks some pieces of one line.
func (g *generator) takeBack() []refundLine {
	for i := range g.view.lines {
		v := &g.view.lines[i]
		r := refundLine{linePieces: linePieces{line: i}}
		switch {
		case v.fulfilled > v.returned:
			r.pieces, r.restock = 1+g.rng.Int64N(v.fulfilled-v.returned), "return"
		case v.fulfillable > 0:
			r.pieces, r.restock = 1+g.rng.Int64N(v.fulfillable), "cancel"
			if g.rng.IntN(3) == 0 {
				r.restock = "no_restock"
			}
		default:
			continue
		}
		return []refundLine{v.refunded(r)}
	}
	return nil
}

// refunded computes what pieces of a line are worth.
func (l *lineView) refunded(r refundLine) refundLine {
	net, tax := l.at(l.current)
	netLeft, taxLeft := l.at(l.current - r.pieces)
	r.net, r.tax = net.minus(netLeft), tax.minus(taxLeft)
	return r
}

// worth is the money for all that goes back.
func (o *order) worth(r *refund) cash {
	sum := r.shipping
	for _, l := range r.lines {
		sum = sum.plus(l.net)
		if !o.tax.included {
			sum = sum.plus(l.tax)
		}
	}
	return sum
}

// payments gives money back at once, or in two parts.
func (g *generator) payments(money cash) []cash {
	if first := money.part(1, 3); first.shop > 0 && first.buyer > 0 && g.rng.IntN(6) == 0 {
		return []cash{first, money.minus(first)}
	}
	return []cash{money}
}

// giveBack reports a refund.
func (g *generator) giveBack(l *life, event string, r refund) {
	st := &l.state
	st.refunds = append(slices.Clip(st.refunds), r)
	if len(r.payments) > 0 {
		st.financial = "partially_refunded"
		if st.kept().shop == 0 {
			st.financial = "refunded"
		}
	}
	g.happened("refunds/create", event, l, stepRefund, func(w *renderer) { w.refund(&r) })
}

// cancelled takes all back that an order still has, and the money with it. It reports whether the
// order could be cancelled: what is sent can't.
func (g *generator) cancelled(l *life, event string) bool {
	st, r := &l.state, refund{happening: g.begin(929_000_000_000, &l.state), shipping: g.view.now.shipping}
	for i := range g.view.lines {
		v := &g.view.lines[i]
		if v.fulfilled > 0 {
			return false
		}
		if v.current > 0 {
			r.lines = append(r.lines, v.refunded(refundLine{linePieces: linePieces{i, v.current}, restock: "cancel"}))
		}
	}
	st.cancelled, st.reason = st.updated, reasons[g.rng.IntN(len(reasons))]
	if money := l.order.worth(&r); money.shop > 0 && money == st.kept() {
		r.payments, r.note = g.payments(money), "Order canceled"
	} else if st.paid.shop == 0 {
		st.financial = "voided"
	}
	g.giveBack(l, event, r)
	g.both("orders/cancelled", event, l)
	return true
}

// assessed reports how risky somebody finds the order.
func (g *generator) assessed(l *life, event string) {
	st := &l.state
	r := risk{happening{7_000 + g.rng.Int64N(2), st.updated}, riskLevels[g.rng.IntN(len(riskLevels))]}
	st.risks = append(slices.Clip(st.risks), r)
	g.happened("orders/risk_assessment_changed", event, l, stepRisk, func(w *renderer) { w.risk(&r) })
}

var (
	reasons     = []string{"customer", "inventory", "fraud", "declined", "other"}
	riskLevels  = []string{"low", "medium", "high"}
	refundNotes = []string{"", "", "Wrong size", "사이즈 교환", "傷がありました", "Arrived broken 😢"}
)

// poisons are bodies that nobody can ever process, by their fault.
var poisons = []struct{ what, body string }{
	{"cut off", `{"id":820982911946154508,"name":"#1001","line_items":[{"id":1,"ti`},
	{"not JSON", `id=820982911946154508&name=%231001`},
	{"not an object", `["orders",820982911946154508]`},
	{"no id", `{"name":"#1001","total_price":"10.00","currency":"USD","line_items":[]}`},
	{"id is null", `{"id":null,"name":"#1001","total_price":"10.00","currency":"USD","line_items":[]}`},
	{"id is a text", `{"id":"gid:\/\/shopify\/Order\/x","name":"#1001","total_price":"10.00","currency":"USD"}`},
	{"lines are a text", `{"id":820982911946154508,"name":"#1001","total_price":"10.00","currency":"USD","line_items":"two"}`},
	{"price is an object", `{` + Blank + `"id":820982911946154508,"name":"#1001","total_price":{"amount":1},` +
		`"currency":"USD","line_items":[]}`},
}

// poison makes a delivery that is signed rightly and useless.
func (g *generator) poison() *Delivery {
	p := poisons[g.rng.IntN(len(poisons))]
	shop := g.shops[g.rng.IntN(len(g.shops))].domain
	d := g.deliver("orders/create", g.uuid(), shop, []byte(p.body))
	d.Poison = p.what
	return d
}
