package console

import (
	"strings"
	"time"

	"bellhop"
	"bellhop/web"
)

// orderView is the page of one order.
type orderView struct {
	*frame
	orderRow
	Email, Note string
	Fulfilled   string
	Presentment string // what the buyer saw; "" when it was the shop's currency
	Items       []itemRow
	Steps       []step
	Whole       string // how long from Shopify to the push; "" when it did not come so far
	Pushes      []pushRow
	Happened    []happening
}

type itemRow struct {
	Title, Variant, SKU, Quantity, Price string
}

// step is one step of the order's way from Shopify to the phone.
type step struct {
	Label string
	At    time.Time
	Clock string
	After string // since the step before
	Blank string // shown before it comes so far
	Late  bool   // a step that should be immediate was late
}

// happening is a later event of the order.
type happening struct{ Label, When string }

func (c *Console) showOrder(v *visit) error {
	v.At = "orders"
	n, err := web.ParseID(v.PathValue("id"), "order")
	if err != nil {
		return err
	}
	if err := v.live(c); err != nil {
		return err
	}
	o, err := c.Store.Order(v.Context(), v.Shop, n)
	if err != nil {
		return err
	}
	if o.Handling == bellhop.HandlingNew && v.looked() {
		o, err = c.Store.SetHandling(v.Context(), v.Shop, n, bellhop.HandlingNew, bellhop.HandlingSeen, c.Now())
		if err != nil && bellhop.KindOf(err) != bellhop.Conflict {
			return err
		}
	}
	return c.show(v, "order", v.orderView(&o))
}

// looked reports whether the owner sees the page. An operator is no owner, a browser may preload
// a page, and another site's page may open it unasked.
func (v *visit) looked() bool {
	from := v.Header.Get("Sec-Fetch-Site")
	return v.Person.Role == bellhop.RoleOwner && from != "cross-site" && from != "same-site" &&
		!strings.Contains(v.Header.Get("Sec-Purpose"), "prefetch")
}

func (v *visit) orderView(o *bellhop.Order) *orderView {
	view := &orderView{frame: &v.frame, orderRow: v.orderRow(o), Email: o.CustomerEmail, Note: o.Note,
		Fulfilled: v.label("fulfilled.", o.FulfillmentStatus), Steps: v.steps(o), Pushes: web.Each(o.Pushes, v.pushRow)}
	if o.Presentment != nil {
		view.Presentment = v.T("order.paidIn", "Amount", v.Money(*o.Presentment))
	}
	for _, it := range o.Items {
		view.Items = append(view.Items, itemRow{it.Title, it.Variant, it.SKU, v.Number(int(it.Quantity)),
			v.Money(o.In(it.Price))})
	}
	if t := o.Trace; !t.PushedAt.IsZero() && !t.TriggeredAt.IsZero() {
		view.Whole = v.T("order.whole", "Span", v.Span(t.PushedAt.Sub(t.TriggeredAt)))
	}
	for _, h := range []struct {
		label string
		at    time.Time
	}{{"order.cancelled", o.CancelledAt}, {"order.edited", o.EditedAt}, {"order.refunded", o.RefundedAt}} {
		if !h.at.IsZero() {
			view.Happened = append(view.Happened, happening{v.T(h.label), v.Moment(h.at)})
		}
	}
	return view
}

func (v *visit) steps(o *bellhop.Order) (steps []step) {
	var before time.Time
	for _, s := range []struct {
		label string
		at    time.Time
	}{
		{"order.triggered", o.Trace.TriggeredAt}, {"order.accepted", o.Trace.AcceptedAt},
		{"order.recorded", o.Trace.RecordedAt},
		{"order.pushed", o.Trace.PushedAt}, {"order.received", received(o.Pushes)},
	} {
		out := step{Label: v.T(s.label), At: s.at}
		switch {
		case !s.at.IsZero():
			out.Clock = v.Seconds(v.In(s.at))
			if !before.IsZero() {
				out.After = v.T("order.after", "Span", v.Span(s.at.Sub(before)))
			}
			out.Late = s.label == "order.pushed" && v.late(o.Trace.AcceptedAt, s.at) != ""
			before = s.at
		case s.label == "order.received" && len(o.Pushes) > 0 && o.Pushes[0].Reason == "gathered":
			out.Blank = v.reason("gathered")
		case s.label == "order.received" && !o.Trace.PushedAt.IsZero():
			out.Blank = v.T("order.unreported")
		case s.label == "order.pushed" && len(o.Pushes) > 0:
			out.Blank = v.T("push." + string(o.Pushes[0].Status))
		case s.label == "order.received" && len(o.Pushes) > 0:
			out.Blank = v.T("app.none")
		default:
			out.Blank = v.T("order.notYet")
		}
		steps = append(steps, out)
	}
	return steps
}

// received is when the first phone confirmed a push.
func received(pushes []bellhop.Push) (first time.Time) {
	for _, p := range pushes {
		if !p.ReceivedAt.IsZero() && (first.IsZero() || p.ReceivedAt.Before(first)) {
			first = p.ReceivedAt
		}
	}
	return first
}
