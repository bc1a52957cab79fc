package simulate

import (
	"time"

	"bellhop"
)

// Change is something that happens to an order.
type Change string

// The changes.
const (
	ChangeNote      Change = "note" // another note, and other tags
	ChangePaid      Change = "paid"
	ChangeFulfilled Change = "fulfilled" // a parcel with all that isn't sent yet
	ChangeEdited    Change = "edited"
	ChangeRefunded  Change = "refunded"
	ChangeCancelled Change = "cancelled"
	ChangeDeleted   Change = "deleted"
)

// changes make a change happen, and report whether it could.
var changes = map[Change]func(g *generator, l *life, event string) bool{
	ChangeNote: func(g *generator, l *life, event string) bool { g.noted(l, event); return true },
	ChangePaid: func(g *generator, l *life, event string) bool {
		if !l.state.cancelled.IsZero() || l.state.outstanding(&g.view).shop <= 0 {
			return false
		}
		g.paid(l, event)
		return true
	},
	ChangeFulfilled: func(g *generator, l *life, event string) bool { return g.fulfilled(l, event, true) },
	ChangeEdited:    whileOpen((*generator).edited),
	ChangeRefunded:  whileOpen((*generator).refunded),
	ChangeCancelled: whileOpen((*generator).cancelled),
	ChangeDeleted:   func(g *generator, l *life, event string) bool { g.deleted(l, event); return true },
}

// changeTries are for changes that pick at random what they change, and may find nothing there.
const changeTries = 20

func whileOpen(do func(*generator, *life, string) bool) func(*generator, *life, string) bool {
	return func(g *generator, l *life, event string) bool {
		for range changeTries {
			if l.state.cancelled.IsZero() && do(g, l, event) {
				return true
			}
		}
		return false
	}
}

// Then makes the deliveries of a change of d's order, which is as it is after d. Of the options Secret, Seed and Now
// count. It is a conflict where the order can't change so, such as one that was deleted.
func (d *Delivery) Then(o ShopifyOptions, c Change) ([]*Delivery, error) {
	o.Shops = []string{d.Shop}
	if err := o.check(); err != nil {
		return nil, err
	}
	do := changes[c]
	if do == nil {
		return nil, bellhop.Invalidf("change", "%q is no change of an order: give one such as %s",
			bellhop.Clip(string(c), 20), ChangeNote)
	}
	if d.says.order == nil || d.says.deleted {
		return nil, bellhop.Errorf(bellhop.NotFound, "order", "%s has no order %d that can change", d.Shop, d.OrderID)
	}
	g, l := newGenerator(&o), &life{order: d.says.order, state: d.says.state}
	g.triggered = d.TriggeredAt // what follows is newer
	if !do(g, l, g.touch(l)) {
		return nil, bellhop.Errorf(bellhop.Conflict, "change", "order %d of %s can't be %s as it is", d.OrderID, d.Shop, c)
	}
	return g.ready, nil
}

// Still returns the delivery as if its change had left the order's updated_at as it was before, as Shopify has been
// seen to do.
func (d *Delivery) Still(secret string, before time.Time) *Delivery {
	c := *d
	if c.says.order == nil || c.says.deleted {
		return &c
	}
	c.says.state.updated = before.In(c.says.order.created.Location())
	if c.says.step != stepNone {
		return &c // its body has no updated_at of the order
	}
	return c.WithBody(secret, c.Whole())
}
