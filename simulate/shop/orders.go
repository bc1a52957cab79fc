package shop

import (
	"bytes"
	"encoding/json"
	"time"

	"bellhop/simulate"
)

// orders are a shop's orders.
type orders struct {
	keep  int
	byID  map[int64]*record
	ids   []int64 // in the order in which they were made, so that the oldest can be forgotten
	index index

	partOf map[int64]int64 // the orders of parcels and refunds
}

// record is an order as the shop has it; once it is deleted, that it was.
type record struct {
	latest *simulate.Delivery // without its body
	own    bool               // changed by [Twin.ChangeOrder]: what the generator says of it no longer fits
}

func (r *record) deleted() bool { return !r.latest.Known() }

func (o *orders) init(keep int) {
	o.keep, o.byID, o.partOf = keep, map[int64]*record{}, map[int64]int64{}
	o.index = index{keep: keep, shown: map[int64]*entry{}, sorted: map[sortKey][]*entry{}}
}

// take notes what happened to an order. Deliveries may come late: an older one changes nothing.
func (o *orders) take(d *simulate.Delivery, now time.Time) {
	if d.OrderID == 0 || d.Copy != simulate.CopyNone { // nonsense, or nothing new
		return
	}
	if r := o.byID[d.OrderID]; r != nil && (!d.TriggeredAt.After(r.latest.TriggeredAt) || r.deleted()) {
		return
	}
	o.index.add(newEntry(o.put(d)), now)
}

// put sets an order's newest delivery, and returns it without its body, which would fill the memory.
func (o *orders) put(d *simulate.Delivery) *simulate.Delivery {
	latest := *d
	latest.Body = nil
	r := o.byID[d.OrderID]
	if r == nil {
		r = &record{}
		o.byID[d.OrderID] = r
		o.ids = append(o.ids, d.OrderID)
		o.forget()
	}
	r.latest = &latest
	for _, id := range d.Parts() {
		o.partOf[id] = d.OrderID
	}
	return r.latest
}

// count is how many orders there are that weren't deleted.
func (o *orders) count() (n int) {
	for _, r := range o.byID {
		if !r.deleted() {
			n++
		}
	}
	return n
}

// forget keeps the number of orders bounded.
func (o *orders) forget() {
	if len(o.ids) > o.keep {
		for _, id := range o.byID[o.ids[0]].latest.Parts() {
			delete(o.partOf, id)
		}
		delete(o.byID, o.ids[0])
		o.index.forget(o.ids[0])
		o.ids = o.ids[1:]
	}
}

func readOrder(body []byte) document {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber() // ids pass 2^53
	var doc document
	if err := d.Decode(&doc); err != nil {
		panic(err) // the twin's own order
	}
	return doc
}

// allOrdersScope lifts the limit of read_orders, which covers what was created in so many days.
const (
	allOrdersScope = "read_all_orders"
	recentOrders   = 60 * 24 * time.Hour
)

// covered reports whether the app's scopes cover an order of that age.
func (s *shop) covered(created, now time.Time) bool {
	return s.has(allOrdersScope) || now.Sub(created) < recentOrders
}

// catchUp brings the index up to where it is by now.
func (s *shop) catchUp(now time.Time) {
	s.orders.index.show(now.Add(-time.Duration(s.faults.LagSeconds) * time.Second))
}

// indexed returns the index as it is by now, and narrows a match to what the app's scopes cover.
func (s *shop) indexed(match func(*entry) bool, now time.Time) (*index, func(*entry) bool) {
	s.catchUp(now)
	if s.has(allOrdersScope) {
		return &s.orders.index, match
	}
	oldest := now.Add(-recentOrders)
	return &s.orders.index, func(e *entry) bool { return time.Unix(e.created, 0).After(oldest) && match(e) }
}
