package pipeline

import (
	"slices"
	"strconv"
	"strings"

	"bellhop"
	"bellhop/i18n"
	"bellhop/push"
	"bellhop/store"
)

// gatheredTag is the slot in a phone's drawer of a push for many orders.
const gatheredTag = "orders"

// categoryTake names the action of taking an order.
const categoryTake = "order.take"

// message is the push's text and data, in the device's language. It names nothing
// of the customer unless the shop turned that on.
func message(o store.Owed) push.Message {
	l := i18n.For(o.Settings.Language, o.Device.Locale)
	m := push.Message{Device: o.Device, TTL: pushTTL, Data: map[string]string{
		"kind":    string(o.Kind),
		"shop":    o.Device.Shop,
		"push_id": strconv.FormatInt(o.Pushes[0], 10), // for the receipt
	}}
	if g := o.Gathered; g != nil {
		m.Tag = gatheredTag
		m.Title, m.Body = gathered(l, g)
		if waiting(o.Orders) {
			m.Level = push.Urgent
			m.Title, m.Body = l.N("push.waiting", len(o.Orders)), ""
		}
		m.Data["orders"] = strconv.Itoa(g.Orders)
		return m
	}
	if o.Kind.Rings() {
		m.Level, m.Category = push.Urgent, categoryTake
	}
	if o.Kind == bellhop.PushTest { // it replaces the one before in the device's drawer
		m.Tag, m.TTL = "test", store.TestFor
		m.Title, m.Body = l.T("push.testTitle"), l.T("push.testBody", "Shop", o.Device.Shop)
		return m
	}
	if o.Kind == bellhop.PushDisconnected {
		m.Tag = "disconnected"
		m.Title, m.Body = l.T("push.disconnectedTitle"), l.T("push.disconnectedBody", "Shop", o.Device.Shop)
		return m
	}
	order := o.Orders[0]
	id := strconv.FormatInt(order.ID, 10)
	m.Tag = "order-" + id
	occasion, refund := o.Kind.Split()
	if o.Kind.Rings() { // it takes the place of what the device showed of the order
		m.Data["ring"], refund = strconv.FormatInt(refund, 10), 0
	}
	// An order may have no name.
	m.Title = strings.Join(strings.Fields(l.T(titles[occasion], "Order", order.Name)), " ")
	m.Data["kind"], m.Data["order_id"] = string(occasion), id
	if refund != 0 {
		m.Tag += "-refund-" + strconv.FormatInt(refund, 10)
		m.Data["refund_id"] = strconv.FormatInt(refund, 10)
	}
	m.Body = body(l, occasion, &order, o.Shop.CustomerInPush)
	return m
}

// body says how much it is about, and how many pieces. A refund says what went back.
func body(l *i18n.Locale, occasion bellhop.PushKind, order *store.OrderBrief, customer bool) string {
	var parts []string
	if order.Test {
		parts = append(parts, l.T("push.testOrder"))
	}
	switch {
	case occasion == bellhop.PushOrderRefunded && order.Refunded.Currency == "": // an older bellhop did not keep it
	case occasion == bellhop.PushOrderRefunded:
		parts = append(parts, l.T("push.refundOf", "Amount", l.Money(order.Refunded), "Total", l.Money(order.Total)))
	case occasion == bellhop.PushOrderCancelled:
		parts = append(parts, l.Money(order.Total))
	default:
		parts = append(parts, l.Money(order.Current))
	}
	if order.Pieces > 0 && occasion != bellhop.PushOrderRefunded {
		parts = append(parts, l.N("push.items", order.Pieces))
	}
	if customer && order.CustomerName != "" {
		parts = append(parts, order.CustomerName)
	}
	return strings.Join(parts, " · ")
}

// titles are the titles of each kind of push.
var titles = map[bellhop.PushKind]string{
	bellhop.PushOrderNew: "push.orderNew", bellhop.PushOrderPaid: "push.orderPaid",
	bellhop.PushOrderCancelled: "push.orderCancelled", bellhop.PushOrderRefunded: "push.orderRefunded",
	bellhop.PushOrderRing: "push.orderRing",
}

// waiting reports whether all orders of a message wait for somebody to take them.
func waiting(all []store.OrderBrief) bool {
	return !slices.ContainsFunc(all, func(o store.OrderBrief) bool { return !o.Kind.Rings() })
}

// gathered says how many orders are new, their sum, and how many other changes
// there are.
func gathered(l *i18n.Locale, g *store.Gathering) (title, body string) {
	if g.Orders == 0 {
		return l.N("push.changes", g.Changes), ""
	}
	var parts []string
	if g.Total.Currency != "" {
		parts = append(parts, l.Money(g.Total))
	}
	if g.Changes > 0 {
		parts = append(parts, l.N("push.changes", g.Changes))
	}
	return l.N("push.orders", g.Orders), strings.Join(parts, " · ")
}
