package rules

import (
	"time"

	"bellhop"
	"bellhop/store"
)

// request adds a request for personal data. From its commit on nothing of its person gets in: the facts
// behind it see its marks. It names the person itself, so that its body goes at once.
func (p *recordPlan) request(f *bellhop.Fact, l *LineChange) bellhop.Result {
	r := *f.Request
	p.Requests, l.DropsBody = append(p.Requests, &r), true
	if p.before.Marks == nil {
		p.before.Marks = map[bellhop.Mark]time.Time{}
	}
	for _, m := range r.Marks {
		until := MarkUntil(m, &r)
		if was, there := p.before.Marks[m]; !there || !was.IsZero() && until.After(was) {
			p.before.Marks[m] = until
		}
	}
	return bellhop.Result{Outcome: bellhop.OutcomeRecorded}
}

// MarkUntil returns the creation of the last order that a request's mark counts for; zero for all of them.
func MarkUntil(m bellhop.Mark, r *bellhop.PrivacyRequest) time.Time {
	if m.Kind() == bellhop.MarkOrder {
		return time.Time{}
	}
	return r.RequestedAt
}

// forgets reports whether a fact is about somebody whom its shop has to forget.
func (p *recordPlan) forgets(f *bellhop.Fact) bool { return f.Forgotten(p.before.Marks) }

// redacted returns a fact without personal data if its order may have none, and why. After retention a later
// change brings its data again.
func (p *recordPlan) redacted(s *State, f *bellhop.Fact) (bare *bellhop.Fact, why string) {
	switch {
	case s.RedactedFor == bellhop.RedactedForRequest || p.forgets(f):
		why = bellhop.RedactedForRequest
	case s.RedactedFor == "" || s.renewedBy(f):
		return f, ""
	default:
		why = s.RedactedFor
	}
	c := *f
	if f.Order != nil {
		o := *f.Order
		o.Redact()
		c.Order = &o
	}
	if f.History != nil {
		h := *f.History
		h.Redact()
		c.History = &h
	}
	return &c, why
}

// renewedBy reports whether a fact is of a later change of the order than what was redacted. Another statement of the
// same change, such as an Event beside a webhook or a delivery that came late, is not.
func (s *State) renewedBy(f *bellhop.Fact) bool {
	return f.Order != nil && f.Order.Version.UpdatedAt.After(s.Version.UpdatedAt)
}

// redact notes on an order that nothing personal is left of it, or that a newer version brought it again. One
// with content of before is redacted by [PlanRedact].
func (m *Merged) redact(before *State, why string, at time.Time) {
	s, forget := &m.State, why == bellhop.RedactedForRequest
	switch {
	case s.Deleted || before.RedactedFor == bellhop.RedactedForRequest:
	case forget && (m.Content || before.Version.IsZero() || before.RedactedFor != ""):
		s.History.Redact()
		s.RedactedFor, s.RedactedAt = bellhop.RedactedForRequest, at
	case why == "" && m.Content:
		s.RedactedFor, s.RedactedAt = "", time.Time{}
	}
}

// WholeOrder is a stored order with its content; Order is nil for one that has none.
type WholeOrder struct {
	OrderKey
	Domain string
	StoredOrder
	Order *bellhop.Order
}

// PlanRedact takes the personal data of orders away, and drops the bodies of their webhooks. It leaves out those
// that have none any more. What was taken away for a request stays so.
func PlanRedact(orders []WholeOrder, why string, at time.Time) *Recording {
	r := &Recording{}
	for i := range orders {
		o := &orders[i]
		s := o.State
		if s.Deleted || s.RedactedFor == bellhop.RedactedForRequest || s.RedactedFor == why {
			continue
		}
		s.History.Redact()
		s.RedactedFor, s.RedactedAt = why, at
		c := &OrderChange{OrderKey: o.OrderKey, Domain: o.Domain, Row: o.Row, State: s}
		r.Orders, r.Bodiless = append(r.Orders, c), append(r.Bodiless, c)
		if o.Order == nil {
			continue
		}
		bare := *o.Order
		bare.Redact()
		c.Content = &bellhop.Fact{OrderID: o.ID, Order: &bare}
		r.Stream = append(r.Stream, StreamRow{Kind: store.ChangeUpdated, Shop: o.Shop, Order: o.ID, At: at})
	}
	return r
}
