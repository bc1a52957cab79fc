package rules

import "bellhop"

// Reads reports whether a rule needs the content of an order beside its state: a fact that may hide some of its
// personal data, or leaves fields out, leaves these as they are known, and an older one may show what a newer one does
// not.
func Reads(s *State, f *bellhop.Fact) bool {
	return f.Order != nil && !s.Version.IsZero() && !s.Deleted &&
		(f.Order.Hides() || len(f.Order.Unsaid) > 0 || f.Order.Version.Compare(s.Version) < 0)
}

// content is an order's content before a fact; nil where nobody needs it.
func (o *OrderChange) content(v bellhop.Version) *bellhop.Order {
	is := o.known
	if o.Content != nil {
		is = o.Content.Order
	}
	if is == nil {
		return nil
	}
	c := *is
	c.Version = v // the same body may have been triggered again
	return &c
}

// keep lets an order keep what its newest version hides or leaves out. Of two versions the newer one's content gets
// parts of the older one's, whichever came first. It returns the fact as it is to be stored, and whether the fact is an
// older one that changes the content. Of an order that may have no personal data, for why, it keeps the rest.
func (o *OrderChange) keep(m *Merged, before *State, f *bellhop.Fact, why string) (*bellhop.Fact, bool) {
	was := o.content(before.Version)
	if f.Order == nil || was == nil || !m.Content && why != "" && before.RedactedFor == "" {
		return f, false // or it is redacted as it is
	}
	if why != "" {
		was.Redact()
	}
	if m.Content {
		return withKept(f, was), false
	}
	if !keepOf(was, f.Order) {
		return f, false
	}
	c := bellhop.Fact{Event: f.Event, OrderID: f.OrderID}
	if o.Content != nil {
		c = *o.Content
	}
	c.Order, o.Content = was, &c
	return f, true
}

// keepOf lets an order keep what it hides or leaves out, as an older version has it.
func keepOf(o, was *bellhop.Order) (changed bool) {
	hidden := o.KeepHidden(was)
	return o.KeepUnsaid(was) || hidden
}

// withKept returns a fact with what its order hides or leaves out, and an older version shows.
func withKept(f *bellhop.Fact, was *bellhop.Order) *bellhop.Fact {
	own := *f.Order
	if !keepOf(&own, was) {
		return f
	}
	c := *f
	c.Order = &own
	return &c
}
