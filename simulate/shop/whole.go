package shop

import (
	"cmp"
	"context"
	"slices"
	"time"

	"bellhop"
	"bellhop/simulate"
)

// Fill gives a shop o.Orders orders that were placed between two times, at even distances, with no webhook and no
// lag of the index: they are there as if the shop had had them for long. o.Updates is the share that changed since.
// Where the shop then has more than Options.Keep, it forgets the oldest.
func (t *Twin) Fill(domain string, o simulate.ShopifyOptions, from, to time.Time) error {
	s, err := t.shop(domain)
	if err != nil {
		return err
	}
	if o.Orders <= 0 || o.Orders > t.opt.Keep || to.Before(from) || to.After(t.opt.Now()) {
		return bellhop.Invalidf("fill", "%d orders from %s to %s: give 1 to %d, and times that are over", o.Orders,
			stamp(from), stamp(to), t.opt.Keep)
	}
	all, err := simulate.Past(t.batch(s, o), from, to)
	if err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for d := range all {
		s.orders.index.fill(newEntry(s.orders.put(d)))
	}
	return nil
}

// HoldOrder gives a shop an order with a body of the caller's own, in the form of orders/create, or a newer version of
// it: at once in the index, and with no webhook.
func (t *Twin) HoldOrder(domain string, body []byte) error {
	return t.change(domain, func(s *shop) error {
		d, err := simulate.Given(domain, t.opt.Secret, t.opt.Now(), body)
		if err != nil {
			return err
		}
		s.orders.index.set(newEntry(s.orders.put(d)))
		return nil
	})
}

// batch is the options for orders that were asked for: other ones than all before.
func (t *Twin) batch(s *shop, o simulate.ShopifyOptions) simulate.ShopifyOptions {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.batches++
	o.Seed += t.opt.Orders.Seed + t.batches<<32
	o.Shops, o.Secret, o.Numbers, o.Now = []string{s.domain}, t.opt.Secret, t.opt.Orders.Numbers, t.opt.Now
	o.Place, o.OneCurrency = s.place, t.opt.Orders.OneCurrency
	return o
}

// Order is an order as its shop has it.
type Order struct {
	ID                   int64
	CreatedAt, UpdatedAt time.Time
	latest               *simulate.Delivery
}

// Body is the order in the form of orders/create, in its newest version.
func (o *Order) Body() []byte { return o.latest.Whole() }

// Orders returns all orders that a shop has, by id, whatever its index shows.
func (t *Twin) Orders(domain string) (all []Order, err error) {
	err = t.change(domain, func(s *shop) error {
		for id, r := range s.orders.byID {
			if f := r.latest.Facts(); !r.deleted() {
				all = append(all, Order{id, f.Created, f.Updated, r.latest})
			}
		}
		return nil
	})
	slices.SortFunc(all, func(a, b Order) int { return cmp.Compare(a.ID, b.ID) })
	return all, err
}

// OrdersByHour counts a shop's orders by the hour, in UTC, in which they were created.
func (t *Twin) OrdersByHour(domain string) (map[time.Time]int, error) {
	all, err := t.Orders(domain)
	hours := map[time.Time]int{}
	for _, o := range all {
		hours[o.CreatedAt.UTC().Truncate(time.Hour)]++
	}
	return hours, err
}

// DeletedOrders returns the ids of those that a shop once had, sorted.
func (t *Twin) DeletedOrders(domain string) (ids []int64, err error) {
	err = t.change(domain, func(s *shop) error {
		for id, r := range s.orders.byID {
			if r.deleted() {
				ids = append(ids, id)
			}
		}
		return nil
	})
	slices.Sort(ids)
	return ids, err
}

// OrderChange is what happens to an order.
type OrderChange struct {
	simulate.Change
	Still  bool // updated_at doesn't move
	Silent bool // no webhook tells of it
}

// ChangeOrder lets something happen to an order at once. Its webhooks go where those of [Twin.MakeOrders] go.
func (t *Twin) ChangeOrder(domain string, id int64, c OrderChange) error {
	s, err := t.shop(domain)
	if err != nil {
		return err
	}
	o := t.batch(s, simulate.ShopifyOptions{})
	t.mu.Lock()
	defer t.mu.Unlock()
	r := s.orders.byID[id]
	if r == nil {
		return bellhop.Errorf(bellhop.NotFound, "order", "%s has no order %d", domain, id)
	}
	all, err := r.latest.Then(o, c.Change)
	if err != nil {
		return err
	}
	r.own = true
	before := r.latest.Facts().Updated
	for _, d := range all {
		if c.Still {
			d = d.Still(t.opt.Secret, before)
		}
		if c.Silent {
			s.orders.take(d, t.opt.Now())
		} else {
			t.tell(s, d, t.opt.Now())
		}
	}
	return nil
}

// Flush delivers all webhooks that are due by Options.Now, one after another, and returns when none is left. A test
// whose clock moves by hand calls it instead of [Twin.Run], each time it has moved.
func (t *Twin) Flush(ctx context.Context) { t.sender.Flush(ctx) }
