package simulate

import (
	"iter"
	"time"
)

// Past makes Options.Orders orders that were placed between two times, oldest first, at even distances. Each is one
// delivery, of the newest change, without body and signature, so that 100,000 are made in about a second;
// [Delivery.Whole] renders the order. A share of Options.Updates changed since, but none was deleted. Of the rates and
// clocks of the options none counts.
func Past(o ShopifyOptions, from, to time.Time) (iter.Seq[*Delivery], error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	return func(yield func(*Delivery) bool) {
		g := newGenerator(&o)
		g.bodiless = true
		step := to.Sub(from) / time.Duration(max(1, o.Orders))
		for i := range o.Orders {
			if !yield(g.past(from.Add(time.Duration(i)*step), to)) {
				return
			}
		}
	}, nil
}

// past makes an order, and lets happen what did until a time.
func (g *generator) past(at, until time.Time) *Delivery {
	g.ready, g.start, g.triggered = g.ready[:0], at, time.Time{}
	order, st := g.newOrder(g.now())
	g.ready = append(g.ready, g.orderDelivery("orders/create", g.uuid(), order, &st))
	if g.chance(g.opt.Updates) {
		l := &life{order: order, state: st, lasts: true}
		for range 1 + g.rng.IntN(g.opt.FollowUps) {
			g.start = g.start.Add(time.Duration(g.rng.Int64N(int64(until.Sub(g.start))/4 + 1)))
			g.live(l)
		}
	}
	return g.ready[len(g.ready)-1]
}
