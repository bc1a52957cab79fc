package pipeline

import (
	"strconv"
	"strings"

	"bellhop"
	"bellhop/i18n"
	"bellhop/push"
	"bellhop/store"
)

// gatheredTag is the slot in a phone's drawer of a push for many orders.
const gatheredTag = "orders"

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
		m.Data["orders"] = strconv.Itoa(g.Orders)
		return m
	}
	if o.Kind == bellhop.PushTest { // it replaces the one before in the device's drawer
		m.Tag, m.TTL = "test", store.TestFor
		m.Title, m.Body = l.T("push.testTitle"), l.T("push.testBody", "Shop", o.Device.Shop)
		return m
	}
	order := o.Orders[0]
	id := strconv.FormatInt(order.ID, 10)
	m.Tag = "order-" + id
	m.Title = l.T(titles[o.Kind], "Order", order.Name)
	parts := []string{l.Money(order.Total)}
	if order.Items > 0 {
		parts = append(parts, l.N("push.items", order.Items))
	}
	if o.Shop.CustomerInPush && order.CustomerName != "" {
		parts = append(parts, order.CustomerName)
	}
	m.Body = strings.Join(parts, " · ")
	m.Data["order_id"] = id
	return m
}

// titles are the titles of each kind of push.
var titles = map[bellhop.PushKind]string{
	bellhop.PushOrderNew: "push.orderNew", bellhop.PushOrderPaid: "push.orderPaid",
	bellhop.PushOrderCancelled: "push.orderCancelled", bellhop.PushOrderRefunded: "push.orderRefunded",
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
