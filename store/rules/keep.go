package rules

import "bellhop"

// Reads reports whether a rule needs the content of an order beside its state: a fact that may hide some of its
// personal data, or says nothing of it, leaves that as it is known, and an older one may show what a newer one hides.
func Reads(s *State, f *bellhop.Fact) bool {
	return f.Order != nil && !s.Version.IsZero() && !s.Deleted && s.RedactedFor == "" &&
		(f.Order.Hides() || len(f.Unsaid) > 0 || f.Order.Version.Compare(s.Version) < 0)
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

// keep lets an order keep what its newest version hides. Of two versions the newer one's content gets parts of the
// older one's, whichever came first. It returns the fact as it is to be stored, and whether the fact is an older one
// that changes the content.
func (o *OrderChange) keep(m *Merged, v bellhop.Version, f *bellhop.Fact) (*bellhop.Fact, bool) {
	was := o.content(v)
	if f.Order == nil || was == nil {
		return f, false
	}
	if m.Content {
		return withKept(f, was), false
	}
	if !was.KeepHidden(f.Order) {
		return f, false
	}
	c := bellhop.Fact{Event: f.Event, OrderID: f.OrderID}
	if o.Content != nil {
		c = *o.Content
	}
	c.Order, o.Content = was, &c
	return f, true
}

// withKept returns a fact with what its order hides or leaves out, and an older version shows.
func withKept(f *bellhop.Fact, was *bellhop.Order) *bellhop.Fact {
	own := *f.Order
	hidden, unsaid := own.KeepHidden(was), own.KeepUnsaid(was, f.Unsaid)
	if !hidden && !unsaid {
		return f
	}
	c := *f
	c.Order = &own
	return &c
}
