package console

import (
	"html/template"
	"net/url"
	"strings"
	"time"

	"bellhop"
	"bellhop/store"
	"bellhop/web"
)

// orderView is the page of one order.
type orderView struct {
	*frame
	orderRow
	Fulfilled string
	Admin     string // its page in Shopify's admin
	Older     bool   // an older bellhop recorded it
	Redacted  string // when and why its personal data was taken away
	Unread    string // fields that could not be read, in words

	Items  []itemRow
	ToSend string
	Sum    []sumRow

	Shipping, Billing *addressView
	Same              bool // both are the same
	Email             string
	Mail, Tel         template.URL // "" for none
	Phone             string
	Note              string
	Attributes        []bellhop.Attribute
	About             []detail

	Parcels  []parcel
	Happened []happening
	Steps    []step
	Whole    string // how long from Shopify to the push; "" when it did not come so far
	Pushes   []pushRow

	Masked   bool
	Accesses []string // who saw it unmasked
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

func (c *Console) showOrder(v *visit) error {
	o, err := c.order(v)
	if err != nil {
		return err
	}
	if o.Handling == bellhop.HandlingNew && v.looked() {
		o, err = c.Store.SetHandling(v.Context(), v.Shop, o.ID, bellhop.HandlingNew, bellhop.HandlingSeen, c.Now(), nil)
		if err != nil && bellhop.KindOf(err) != bellhop.Conflict {
			return err
		}
	}
	view := v.orderView(&o)
	if v.Person.Role == bellhop.RoleOperator {
		if view.Accesses, err = c.accesses(v, &o); err != nil {
			return err
		}
	}
	return c.show(v, "order", view)
}

// order loads the order that a page is about.
func (c *Console) order(v *visit) (o bellhop.Order, err error) {
	v.At = "orders"
	n, err := web.ParseID(v.PathValue("id"), "order")
	if err != nil {
		return o, err
	}
	if err := v.live(c); err != nil {
		return o, err
	}
	return c.Store.Order(v.Context(), v.Shop, n)
}

func aboutOrder(o *bellhop.Order) string { return o.Shop + "/" + web.ID(o.ID) }

// showPersonal shows an operator an order unmasked, after it recorded who asked and why. The page
// does not follow changes: it would be masked again.
func (c *Console) showPersonal(v *visit) error {
	o, err := c.order(v)
	if err != nil {
		return err
	}
	why := strings.TrimSpace(v.PostForm.Get("why"))
	if why == "" || len(why) > maxWhy {
		return bellhop.Invalidf("why", "why is a reason of up to %d bytes", maxWhy)
	}
	access := bellhop.Access{Shop: o.Shop, At: c.Now().UTC().Truncate(time.Microsecond), By: v.Person.Email,
		What: bellhop.AccessOrder + ": " + why, About: aboutOrder(&o)}
	if err := c.Store.AddAccess(v.Context(), access); err != nil {
		return err
	}
	c.Log.InfoContext(v.Context(), "an order's personal data was shown", "order", o.ID, "shop", o.Shop,
		"person", v.Person.ID)
	v.unmasked, v.Live = true, false
	view := v.orderView(&o)
	if view.Accesses, err = c.accesses(v, &o); err != nil {
		return err
	}
	return c.show(v, "order", view)
}

// maxWhy bounds a reason.
const maxWhy = 800

// accesses lists who saw an order unmasked.
func (c *Console) accesses(v *visit, o *bellhop.Order) (all []string, err error) {
	page, err := c.Store.Accesses(v.Context(), store.AccessQuery{About: aboutOrder(o), Limit: 20})
	for _, a := range page.Accesses {
		if why, ok := strings.CutPrefix(a.What, bellhop.AccessOrder+": "); ok {
			all = append(all, v.T("order.access", "Who", a.By, "When", v.Moment(a.At), "Why", why))
		}
	}
	return all, err
}

// masks reports whether personal data is hidden from the visitor.
func (v *visit) masks() bool { return v.who.Masks() && !v.unmasked }

// looked reports whether somebody of the shop sees the page. An operator is none, a browser may preload
// a page, and another site's page may open it unasked.
func (v *visit) looked() bool {
	from := v.Header.Get("Sec-Fetch-Site")
	return v.Person.Role != bellhop.RoleOperator && from != "cross-site" && from != "same-site" &&
		!strings.Contains(v.Header.Get("Sec-Purpose"), "prefetch")
}

func (v *visit) orderView(o *bellhop.Order) *orderView {
	same := o.Shipping != nil && o.Billing != nil && *o.Shipping == *o.Billing
	if v.masks() {
		m := web.MaskOrder(*o)
		o = &m
	}
	view := &orderView{
		frame: &v.frame, orderRow: v.orderRow(o), Fulfilled: v.label("fulfilled.", o.FulfillmentStatus),
		Admin: adminURL(o, web.ID(o.ID)), Older: o.Schema == 0, Sum: v.sumRows(o),
		Shipping: addressOf(o.Shipping), Billing: addressOf(o.Billing),
		Same: same, Email: o.CustomerEmail, Note: o.Note, Attributes: visible(o.Attributes), About: v.details(o),
		Parcels: v.parcels(o), Happened: v.happenings(o), Steps: v.steps(o), Pushes: web.Each(o.Pushes, v.pushRow),
		Masked: v.masks(),
	}
	if at := strings.Index(o.CustomerEmail, "@"); at > 0 {
		view.Mail = template.URL("mailto:" + url.PathEscape(o.CustomerEmail))
	}
	if c := o.Customer; c != nil {
		view.Phone, view.Tel = c.Phone, tel(c.Phone)
	}
	if !o.RedactedAt.IsZero() {
		view.Redacted = v.T("order.redacted."+o.RedactedFor, "When", v.Moment(o.RedactedAt))
	}
	if n := len(o.Unread); n > 0 {
		view.Unread = v.N("order.unread", n, "Fields", strings.Join(o.Unread, ", "))
	}
	var toSend int64
	for i := range o.Items {
		view.Items = append(view.Items, v.itemRow(o, &o.Items[i]))
		toSend += o.Items[i].ToFulfil
	}
	if toSend > 0 && !view.Older {
		view.ToSend = v.T("order.toSend", "N", v.count(toSend))
	}
	if t := o.Trace; !t.PushedAt.IsZero() && !t.TriggeredAt.IsZero() {
		whole := "order.whole"
		if t.Found != "" {
			whole = "order.wholeFound"
		}
		view.Whole = v.T(whole, "Span", v.Span(t.PushedAt.Sub(t.TriggeredAt)))
	}
	return view
}

// SlipPath is the path of the packing slip.
func (o *orderView) SlipPath() string { return "/orders/" + web.ID(o.ID) + "/slip" }

// copies is a button that copies the element with an id.
type copies struct {
	*frame
	Of string
}

// Copies is the button for an element.
func (o *orderView) Copies(id string) copies { return copies{o.frame, id} }

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
		if s.label == "order.triggered" && o.Trace.Found != "" {
			out.Label = v.label("order.found.", o.Trace.Found)
		}
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
