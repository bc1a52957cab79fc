package simulate

import (
	"strconv"
	"time"

	"bellhop"
)

// life is an order that will still change.
type life struct {
	order *order
	state orderState
	left  int // follow-ups still to come
}

// later plans the next thing in an order's life.
func (g *generator) later(l *life) { g.due.push(g.drawn+1+g.rng.IntN(100), l) }

// live makes one thing happen to an order. Like Shopify, the twin often reports one action under
// two topics, with the same body and event id.
func (g *generator) live(l *life) {
	st, event := &l.state, g.uuid()
	st.updated = g.now().In(l.order.placed.Location()).Truncate(time.Second)
	l.left--
	switch p := g.rng.IntN(100); {
	case p < 3:
		g.deleted(l, event)
	case st.financial == "pending":
		st.financial = "paid"
		g.both("orders/paid", event, l)
	case p < 35 && st.fulfillment == "":
		st.fulfillment = "fulfilled"
		g.both("orders/fulfilled", event, l)
	case p < 45 && st.fulfillment == "":
		st.fulfillment = "partial"
		g.both("orders/partially_fulfilled", event, l)
	case p < 55:
		g.edited(l, event)
	case p < 68:
		g.refunded(l, event)
	case p < 78 && st.cancelled.IsZero():
		st.cancelled = st.updated
		g.both("orders/cancelled", event, l)
	default:
		st.tags = "tag" + strconv.Itoa(g.rng.IntN(100)) + ", VIP"
		st.note, st.noteNull = notes[g.rng.IntN(len(notes))], false
		g.report("orders/updated", event, l)
	}
	if l.left > 0 {
		g.later(l)
	}
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

func (g *generator) deleted(l *life, event string) {
	l.left = 0
	d := g.render("orders/delete", event, l.order, (*renderer).deleteBody)
	d.says = statement{order: l.order, deleted: true}
	g.ready = append(g.ready, d)
}

func (g *generator) edited(l *life, event string) {
	id := 78_000_000_000 + g.rng.Int64N(1e9)
	d := g.render("orders/edited", event, l.order, func(w *renderer) { w.editBody(id, &l.state) })
	g.happened(l, d, bellhop.History{Edits: []bellhop.Edit{{Step: step(id, l.state.updated, d)}}})
	g.report("orders/updated", event, l)
}

func (g *generator) refunded(l *life, event string) {
	id := 929_000_000_000 + g.rng.Int64N(1e9)
	l.state.financial = "partially_refunded"
	d := g.render("refunds/create", event, l.order, func(w *renderer) { w.refundBody(id, &l.state) })
	g.happened(l, d, bellhop.History{Refunds: []bellhop.Refund{{Step: step(id, l.state.updated, d)}}})
	g.report("orders/updated", event, l)
}

func (g *generator) happened(l *life, d *Delivery, h bellhop.History) {
	d.says = statement{order: l.order, history: &h}
	g.ready = append(g.ready, d)
}

func step(id int64, at time.Time, d *Delivery) bellhop.Step {
	return bellhop.Step{ID: id, At: at, Said: bellhop.Version{UpdatedAt: at.UTC(),
		TriggeredAt: d.TriggeredAt.Truncate(time.Microsecond), Hash: d.Hash}}
}

// poisons are bodies that nobody can ever process, by their fault.
var poisons = []struct{ what, body string }{
	{"cut off", `{"id":820982911946154508,"name":"#1001","line_items":[{"id":1,"ti`},
	{"not JSON", `id=820982911946154508&name=%231001`},
	{"not an object", `["orders",820982911946154508]`},
	{"no id", `{"name":"#1001","total_price":"10.00","currency":"USD","line_items":[]}`},
	{"id is null", `{"id":null,"name":"#1001","total_price":"10.00","currency":"USD","line_items":[]}`},
	{"id is a text", `{"id":"gid:\/\/shopify\/Order\/x","name":"#1001","total_price":"10.00","currency":"USD"}`},
	{"lines are a text", `{"id":820982911946154508,"name":"#1001","total_price":"10.00","currency":"USD","line_items":"two"}`},
	{"price is an object", `{"id":820982911946154508,"name":"#1001","total_price":{"amount":1},"currency":"USD","line_items":[]}`},
}

// poison makes a delivery that is signed rightly and useless.
func (g *generator) poison() *Delivery {
	p := poisons[g.rng.IntN(len(poisons))]
	shop := g.shops[g.rng.IntN(len(g.shops))].domain
	d := g.deliver("orders/create", g.uuid(), shop, []byte(p.body))
	d.Poison = p.what
	return d
}
