package shop

import (
	"bytes"
	"encoding/json"
	"slices"
	"time"

	"bellhop/simulate"
)

// orders are a shop's orders.
type orders struct {
	keep int
	byID map[int64]*record
	ids  []int64 // in the order in which they were made, so that the oldest can be forgotten
}

// record is an order as the shop has it, and as the index of orders, which lags behind, does.
type record struct {
	latest  *simulate.Delivery // without its body
	deleted bool
	indexed []version // oldest first; the newest is what the shop has
}

// version is an order at a time, as searches see it.
type version struct {
	at      time.Time // since when
	deleted bool
	facts
}

// facts are what orders are searched and sorted by.
type facts struct {
	ID          int64      `json:"id"`
	Number      int64      `json:"order_number"`
	Name        string     `json:"name"`
	Email       string     `json:"email"`
	Created     time.Time  `json:"created_at"`
	Updated     time.Time  `json:"updated_at"`
	Processed   time.Time  `json:"processed_at"`
	Cancelled   *time.Time `json:"cancelled_at"`
	Closed      *time.Time `json:"closed_at"`
	Financial   string     `json:"financial_status"`
	Fulfillment string     `json:"fulfillment_status"`
	Source      string     `json:"source_name"`
	Tags        string     `json:"tags"`
	Test        bool       `json:"test"`
}

func (o *orders) init(keep int) { o.keep, o.byID = keep, map[int64]*record{} }

// take notes what happened to an order. Deliveries may come late: an older one changes nothing.
func (o *orders) take(d *simulate.Delivery, now time.Time, lag time.Duration) {
	body, deleted := d.Whole(), d.Topic == "orders/delete"
	if body == nil && !deleted || d.Copy != simulate.CopyNone {
		return
	}
	r := o.byID[d.OrderID]
	if r == nil {
		r = &record{}
		o.byID[d.OrderID] = r
		o.ids = append(o.ids, d.OrderID)
		o.forget()
	} else if !d.TriggeredAt.After(r.latest.TriggeredAt) || r.deleted {
		return
	}
	v := version{at: now, deleted: deleted, facts: facts{ID: d.OrderID}}
	if !deleted {
		if err := json.Unmarshal(body, &v.facts); err != nil {
			panic(err) // the twin's own order
		}
	}
	latest := *d
	latest.Body = nil // would fill the memory
	r.latest, r.deleted = &latest, deleted
	r.indexed = append(r.indexed, v)
	for len(r.indexed) > 1 && !r.indexed[1].at.After(now.Add(-lag)) {
		r.indexed = slices.Delete(r.indexed, 0, 1)
	}
}

// forget keeps the number of orders bounded.
func (o *orders) forget() {
	if len(o.ids) > o.keep {
		delete(o.byID, o.ids[0])
		o.ids = o.ids[1:]
	}
}

// at returns what an index shows that knows nothing newer than a time; nil for nothing.
func (r *record) at(t time.Time) *version {
	for i := len(r.indexed) - 1; i >= 0; i-- {
		if v := &r.indexed[i]; !v.at.After(t) {
			if v.deleted {
				return nil
			}
			return v
		}
	}
	return nil
}

// body is the order as it is now; nil once it is deleted.
func (r *record) body() document {
	if r.deleted {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(r.latest.Whole()))
	d.UseNumber() // ids pass 2^53
	var doc document
	if err := d.Decode(&doc); err != nil {
		panic(err) // the twin's own order
	}
	return doc
}

// lag is how far the index is behind.
func (s *shop) lag() time.Duration { return time.Duration(s.faults.LagSeconds) * time.Second }

// allOrdersScope lifts the limit of read_orders, which covers what was created in so many days.
const (
	allOrdersScope = "read_all_orders"
	recentOrders   = 60 * 24 * time.Hour
)

// covered reports whether the app's scopes cover an order of that age.
func (s *shop) covered(created, now time.Time) bool {
	return s.has(allOrdersScope) || now.Sub(created) < recentOrders
}

// search returns the indexed orders that a query finds, sorted.
func (s *shop) search(match func(*facts) bool, key sortKey, now time.Time) (found []*facts) {
	seen := now.Add(-s.lag())
	for _, r := range s.orders.byID {
		if v := r.at(seen); v != nil && s.covered(v.Created, now) && match(&v.facts) {
			found = append(found, &v.facts)
		}
	}
	slices.SortFunc(found, func(a, b *facts) int { return key.position(a).compare(key.position(b)) })
	return found
}
