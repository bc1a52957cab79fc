package console

import (
	"slices"
	"strings"
	"time"

	"bellhop"
)

// happening is something that happened to an order.
type happening struct {
	Label string
	At    time.Time
	When  string
	Lines []string
	Note  string
}

// happenings are what happened to an order, in its order.
func (v *visit) happenings(o *bellhop.Order) (all []happening) {
	add := func(label string, at time.Time, note string, lines ...string) {
		if !at.IsZero() {
			all = append(all, happening{label, at, v.Moment(at), lines, note})
		}
	}
	add(v.T("order.placed"), o.PlacedAt, "")
	h := &o.History
	for i := range h.Edits {
		e := &h.Edits[i]
		add(v.T("order.edited"), e.At, "", append(v.what("order.added", v.piecesOf(o, e.Added)),
			v.what("order.taken", v.piecesOf(o, e.Removed))...)...)
	}
	for i := range h.Fulfillments {
		f := &h.Fulfillments[i]
		add(v.label("parcel.", f.Status), f.At, "", v.piecesOf(o, f.Lines)...)
	}
	for i := range h.Refunds {
		r := &h.Refunds[i]
		label := v.T("order.restocked")
		if r.Amount != "" {
			label = v.T("order.refundedSum", "Amount", v.Money(o.Returned(r)))
		}
		var lines []bellhop.LineQuantity
		for _, l := range r.Lines {
			lines = append(lines, bellhop.LineQuantity{Item: l.Item, Quantity: l.Quantity})
		}
		add(label, r.At, r.Note, v.piecesOf(o, lines)...)
	}
	if len(h.Edits) == 0 {
		add(v.T("order.edited"), o.EditedAt, "")
	}
	if len(h.Refunds) == 0 { // an older bellhop kept only the time
		add(v.T("order.refunded"), o.RefundedAt, "")
	}
	if o.RedactedFor == bellhop.RedactedForRequest {
		add(v.T("order.redactedRequest"), o.RedactedAt, "")
	} else {
		add(v.T("order.redactedRetention"), o.RedactedAt, "")
	}
	add(v.T("order.cancelled"), o.CancelledAt, v.because(o.CancelReason))
	if o.ClosedAt != nil {
		add(v.T("order.closed"), *o.ClosedAt, "")
	}
	for i := range o.Steps {
		add(v.stepOf(&o.Steps[i]), o.Steps[i].At, "")
	}
	slices.SortStableFunc(all, func(a, b happening) int { return a.At.Compare(b.At) })
	return all
}

// stepOf says what was done so that somebody has an order.
func (v *visit) stepOf(s *bellhop.RotaStep) string {
	who := s.Email
	if who == "" {
		who = v.T("step.left")
	}
	if s.Kind == bellhop.StepEnded {
		return v.label("ending.", s.Reason)
	}
	return v.T("step."+string(s.Kind), "Who", who, "Until", v.Moment(s.Until))
}

// what puts things into words; nothing for none.
func (v *visit) what(words string, things []string) []string {
	if len(things) == 0 {
		return nil
	}
	return []string{v.T(words, "What", strings.Join(things, ", "))}
}

// detail is something else that people look for.
type detail struct {
	Label, Value string
	Bad          bool
}

func (v *visit) details(o *bellhop.Order) (all []detail) {
	add := func(words, value string, bad bool) {
		if value != "" {
			all = append(all, detail{v.T(words), value, bad})
		}
	}
	add("order.source", v.label("source.", o.Source), false)
	add("order.gateways", strings.Join(o.Gateways, ", "), false)
	add("order.codes", joined(o.DiscountCodes, func(c *bellhop.DiscountCode) string { return c.Code }), false)
	add("order.po", o.PONumber, false)
	add("order.tags", strings.Join(o.Tags, ", "), false)
	high := slices.ContainsFunc(o.History.Risks, func(r bellhop.Risk) bool { return strings.EqualFold(r.Level, "high") })
	add("order.risk", joined(o.History.Risks, func(r *bellhop.Risk) string {
		return spaced(v.label("risk.", strings.ToLower(r.Level)), brackets(r.Provider))
	}), high)
	add("order.cancelReason", v.because(o.CancelReason), false)
	add("order.return", v.label("returned.", strings.ToLower(o.ReturnStatus)), false)
	return all
}

func brackets(s string) string {
	if s == "" {
		return ""
	}
	return "(" + s + ")"
}

// because is why an order was cancelled. Catalogues can't have a word "other" beside others.
func (v *visit) because(reason string) string {
	if reason == "other" {
		reason = "unnamed"
	}
	return v.label("because.", reason)
}
