package console

import (
	"net/url"
	"time"

	"bellhop/store"
	"bellhop/web"
)

// filterForm is the form of further filters. Its dates are days of the reader's.
type filterForm struct {
	*frame
	web.OrderFilter
	From, Until string
	On          bool   // one of them is used
	Clear       string // the list without them
	Export      string // the list as CSV; "" for operators
	Selects     []selection
}

// selection is one choice of the form.
type selection struct {
	Name, Label string
	Options     []option
}

type option struct {
	Value, Label string
	On           bool
}

// dated returns a query in which days of the reader's clock are times: "before" is after the
// form's last day.
func (v *visit) dated(asked url.Values) url.Values {
	to := url.Values{}
	for name, values := range asked {
		to[name] = values
	}
	for name, days := range map[string]int{"since": 0, "before": 1} {
		if day, err := time.ParseInLocation(time.DateOnly, asked.Get(name), v.zone); err == nil {
			to.Set(name, day.AddDate(0, 0, days).Format(time.RFC3339))
		}
	}
	return to
}

// day is the reader's day of a time; "" for none.
func (v *visit) day(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return v.In(t).Format(time.DateOnly)
}

func (v *visit) filterForm(a *askedOrders) *filterForm {
	f := a.filter
	form := &filterForm{frame: &v.frame, OrderFilter: f, From: v.day(f.Since),
		Clear: v.Path("/", "show", a.show, "q", f.Q)}
	if !f.Before.IsZero() {
		form.Until = v.day(f.Before.Add(-time.Nanosecond))
	}
	f.Q, f.Handling = "", ""
	form.On = f != web.OrderFilter{}
	if !v.masks() {
		form.Export = v.Path(web.ExportPath, append(a.pairs, "show", a.show, "sort", "")...)
	}
	if v.looks() {
		return form // the script leaves the form on the page alone
	}
	add := func(name, label, on string, options ...option) {
		s := selection{Name: name, Label: v.T(label)}
		for _, o := range options {
			o.On = o.Value == on
			s.Options = append(s.Options, o)
		}
		form.Selects = append(form.Selects, s)
	}
	statuses := func(prefix string, values ...string) []option {
		all := []option{{Label: v.T("orders.any")}}
		for _, value := range values {
			all = append(all, option{Value: value, Label: v.label(prefix, value)})
		}
		return all
	}
	either := []option{{Label: v.T("orders.any")}, {Value: "true", Label: v.T("orders.only")},
		{Value: "false", Label: v.T("orders.without")}}
	add("financial_status", "orders.payment", f.Financial, statuses("paid.", "pending", "authorized", "partially_paid",
		"paid", "partially_refunded", "refunded", "voided", "expired")...)
	add("fulfillment_status", "orders.shipment", f.Fulfillment, statuses("fulfilled.", "unfulfilled", "partial",
		"fulfilled", "restocked")...)
	add("cancelled", "orders.ofCancelled", f.Cancelled, either...)
	add("test", "orders.ofTests", f.Test, either...)
	add("found", "orders.source", f.Found, option{Label: v.T("orders.any")},
		option{Value: store.FoundByWebhook, Label: v.T("statement.webhook")},
		option{Value: "backfill", Label: v.T("statement.fetched")}, option{Value: "reconcile", Label: v.T("statement.found")})
	add("sort", "orders.sort", f.Sort, option{Label: v.T("orders.byPlaced")},
		option{Value: "updated", Label: v.T("orders.byUpdated")})
	return form
}
