package pipeline

import (
	"fmt"
	"strconv"
	"strings"

	"bellhop"
	"bellhop/push"
	"bellhop/store"
)

// gatheredTag is the slot in a phone's drawer of the push that stands for many
// orders.
const gatheredTag = "orders"

// message says what a push says. It names nothing of the customer unless the
// shop turned that on.
func message(o store.Owed) push.Message {
	m := push.Message{Device: o.Device, TTL: pushTTL, Data: map[string]string{
		"kind": string(o.Kind),
		"shop": o.Device.Shop,
	}}
	if g := o.Gathered; g != nil {
		m.Tag = gatheredTag
		m.Title = fmt.Sprintf("%d new orders", g.Orders)
		if g.Total.Currency != "" {
			m.Body = amount(g.Total)
		}
		m.Data["orders"] = strconv.Itoa(g.Orders)
		return m
	}
	order := o.Orders[0]
	id := strconv.FormatInt(order.ID, 10)
	m.Tag = "order-" + id
	m.Title = "New order " + order.Name
	parts := []string{amount(order.Total)}
	switch {
	case order.Items == 1:
		parts = append(parts, "1 item")
	case order.Items > 1:
		parts = append(parts, fmt.Sprintf("%d items", order.Items))
	}
	if o.Shop.CustomerInPush && order.CustomerName != "" {
		parts = append(parts, order.CustomerName)
	}
	m.Body = strings.Join(parts, " · ")
	m.Data["order_id"] = id
	return m
}

// amount writes money with its currency and grouped thousands: "USD 1,204.50".
func amount(m bellhop.Money) string {
	s := m.String()
	sign := ""
	if strings.HasPrefix(s, "-") {
		sign, s = "-", s[1:]
	}
	whole, frac, point := strings.Cut(s, ".")
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if point {
		whole += "." + frac
	}
	return m.Currency + " " + sign + whole
}
