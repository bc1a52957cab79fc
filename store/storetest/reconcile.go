package storetest

import (
	"errors"
	"slices"
	"sync"
	"time"

	"bellhop"
	"bellhop/store"
)

// fullReconciliation has every field set.
func fullReconciliation(domain string) bellhop.Reconciliation {
	r := filled[bellhop.Reconciliation]()
	r.Shop = domain
	return r
}

// reconcile keeps how far a shop was compared.
func (f *fixture) reconcile(domain string, as bellhop.Reconciliation) {
	f.Helper()
	f.must(f.s.UpdateReconciliation(f.ctx, domain, func(r *bellhop.Reconciliation) error { *r = as; return nil }))
}

func (f *fixture) reconciliation(domain string) bellhop.Reconciliation {
	f.Helper()
	return must(f.s.Reconciliation(f.ctx, domain))(f)
}

// reconciliations keeps every field, and lists what is due.
func reconciliations(f *fixture) {
	f.addShop(shop, other, second, third)
	list := func(due time.Time, limit int) (shops []string) {
		f.Helper()
		for _, r := range must(f.s.Reconciliations(f.ctx, due, limit))(f) {
			shops = append(shops, r.Shop)
		}
		return shops
	}
	nothing := func(*bellhop.Reconciliation) error { return nil }
	f.kind(bellhop.NotFound, errOf(f.s.Reconciliation(f.ctx, nobody)))
	f.kind(bellhop.NotFound, f.s.UpdateReconciliation(f.ctx, nobody, nothing))
	f.equal("none is kept", f.reconciliation(shop), bellhop.Reconciliation{Shop: shop})
	f.equal("none", len(list(time.Time{}, 1)), 0)

	one, refused := fullReconciliation(shop), errors.New("no")
	lost := func(r *bellhop.Reconciliation) error { *r = fullReconciliation(other); return refused }
	f.must(f.s.UpdateReconciliation(f.ctx, shop, func(r *bellhop.Reconciliation) error {
		f.equal("a new one", *r, bellhop.Reconciliation{Shop: shop})
		*r = fullReconciliation(other) // the shop can't change
		return nil
	}))
	for _, domain := range []string{shop, third} {
		if err := f.s.UpdateReconciliation(f.ctx, domain, lost); !errors.Is(err, refused) {
			f.Errorf("got %v", err)
		}
	}
	f.equal("none is added", list(time.Time{}, 1), []string{shop})
	f.whole("reconciliation", f.reconciliation(shop), one)
	f.whole("listed", must(f.s.Reconciliations(f.ctx, time.Time{}, 0))(f), []bellhop.Reconciliation{one})
	f.whole("due", must(f.s.Reconciliations(f.ctx, one.Due, 1))(f), []bellhop.Reconciliation{one})
	f.must(f.s.UpdateReconciliation(f.ctx, shop, func(r *bellhop.Reconciliation) error {
		f.equal("as it is", *r, one)
		return nil
	}))

	f.reconcile(second, bellhop.Reconciliation{Due: at(2)})
	f.reconcile(other, bellhop.Reconciliation{Due: at(3).Add(1999), Reason: "unavailable"})
	f.reconcile(third, bellhop.Reconciliation{})
	f.equal("in microseconds", f.reconciliation(other).Due, at(3).Add(time.Microsecond))
	f.equal("all", list(time.Time{}, 0), []string{shop, other, second, third})
	f.equal("the longest due first", list(at(4), 9), []string{second, other, shop})
	f.equal("at most", list(at(9), 2), []string{second, other})
	f.equal("not yet due", list(at(2), 9), []string{second})
	f.equal("none is due", len(list(at(1), 9)), 0)
	f.kind(bellhop.Invalid, errOf(f.s.Reconciliations(f.ctx, at(9), 0)))

	for what, change := range map[string]func(*bellhop.Reconciliation){
		"pending": func(r *bellhop.Reconciliation) { r.Pending = slices.Repeat(r.Pending, bellhop.MaxPending+1) },
		"asked":   func(r *bellhop.Reconciliation) { r.Asked.Orders = make([]int64, bellhop.MaxAsked+1) },
		"hours":   func(r *bellhop.Reconciliation) { r.Hours = slices.Repeat(r.Hours, bellhop.MaxOpenHours+1) },
		"bulk":    func(r *bellhop.Reconciliation) { r.Backfill.Bulk = long },
		"reason":  func(r *bellhop.Reconciliation) { r.Reason = long },
	} {
		err := f.s.UpdateReconciliation(f.ctx, shop, func(r *bellhop.Reconciliation) error { change(r); return nil })
		if bellhop.KindOf(err) != bellhop.Invalid {
			f.Errorf("%s: %v", what, err)
		}
	}
	f.s = f.d.Reopen(f.T, f.s)
	f.equal("unchanged", f.reconciliation(shop), one)
}

// reconciliationsInTurn changes one from two openings at once, from its first time on: no change is lost.
func reconciliationsInTurn(f *fixture) {
	f.addShop(shop)
	const each = 20
	var wg sync.WaitGroup
	for _, s := range []store.Store{f.s, f.d.Another(f.T, f.s)} {
		wg.Go(func() {
			for range each {
				err := s.UpdateReconciliation(f.ctx, shop, func(r *bellhop.Reconciliation) error { r.Requests++; return nil })
				if err != nil {
					f.Error(err)
				}
			}
		})
	}
	wg.Wait()
	f.equal("requests", f.reconciliation(shop).Requests, 2*each)
}

// headOf is an order's head, as a fact brings it.
func headOf(fact bellhop.Fact) store.OrderHead {
	o := fact.Order
	return store.OrderHead{ID: o.ID, CreatedAt: o.CreatedAt.UTC(), UpdatedAt: o.UpdatedAt.UTC(),
		SaidAt: o.Version.TriggeredAt, Schema: bellhop.DetailsSchema}
}

// headsOfOrders asks for orders by their ids.
func headsOfOrders(f *fixture) {
	f.addShop(shop, other)
	seoul := time.FixedZone("", 9*3600)
	first, big, theirs := f.order(shop, 7, 1), f.order(shop, 1<<62, 5), f.order(other, 8, 9)
	first.Order.PlacedAt, first.Order.CreatedAt = at(-999), at(3).In(seoul) // an import
	first.Order.UpdatedAt = first.Order.UpdatedAt.In(seoul)
	f.record(first, big, theirs, f.order(other, 7, 99), f.order(shop, 20, 1), f.deletion(shop, 20), f.deletion(shop, 21),
		f.edit(shop, 30, 1, 1)) // a touch
	heads := func(domain string, ids ...int64) []store.OrderHead {
		f.Helper()
		return must(f.s.OrderHeads(f.ctx, domain, ids))(f)
	}
	f.whole("head", heads(shop, 7), []store.OrderHead{headOf(first)}, "Deleted")
	f.equal("by id", heads(shop, 1<<62, 99, 30, 8, 7, 21, 20, 7), []store.OrderHead{headOf(first),
		{ID: 20, Deleted: true}, {ID: 21, Deleted: true}, headOf(big)})
	f.equal("another shop's", heads(other, 8, 20), []store.OrderHead{headOf(theirs)})
	f.equal("nobody's", len(heads(nobody, 7)), 0)
	f.equal("of none", len(heads(shop)), 0)
	f.kind(bellhop.Invalid, errOf(f.s.OrderHeads(f.ctx, shop, make([]int64, store.HeadsMost+1))))
	f.equal("at most", len(heads(shop, make([]int64, store.HeadsMost)...)), 0)
	newer := f.order(shop, 7, 50)
	f.record(newer)
	f.equal("newer", heads(shop, 7), []store.OrderHead{headOf(newer)})
	f.redact(bellhop.RedactedForRetention, at(1), 7)
	f.equal("redacted", heads(shop, 7), []store.OrderHead{headOf(newer)})
}

// headsOfATime looks for the orders that were created or updated in a time.
func headsOfATime(f *fixture) {
	f.addShop(shop, other)
	var all []bellhop.Fact
	for i, created := range []int{10, 30, 10, 20, 20, 20, 10} {
		id := int64(i + 1)
		fact := f.order(shop, id, 99-created-i) // updated in another order
		fact.Order.CreatedAt, fact.Order.PlacedAt = at(created), at(-created)
		same := f.order(other, id, 7)
		same.Order.CreatedAt = at(created)
		all = append(all, fact)
		f.record(same)
	}
	f.record(all...)
	f.record(f.order(shop, 8, 1), f.deletion(shop, 8), f.edit(shop, 9, 1, 15))
	find := func(by store.Sort, from, to int, after int64, limit int) (ids []int64) {
		f.Helper()
		for _, h := range must(f.s.HeadsBetween(f.ctx, shop, by, at(from), at(to), after, limit))(f) {
			if h != headOf(all[h.ID-1]) {
				f.Errorf("got %+v, want %+v", h, headOf(all[h.ID-1]))
			}
			ids = append(ids, h.ID)
		}
		return ids
	}
	created, updated := store.SortCreated, store.SortUpdated
	f.equal("from on", find(created, 10, 20, 0, 9), []int64{1, 3, 7})
	f.equal("but for to", find(created, 11, 30, 0, 9), []int64{4, 5, 6})
	f.equal("all", find(created, 10, 31, 0, 9), []int64{1, 2, 3, 4, 5, 6, 7})
	f.equal("before them", len(find(created, -50, 10, 0, 9)), 0)
	f.equal("no time", len(find(created, 20, 20, 0, 9)), 0)
	f.equal("of equal times a page", find(created, 10, 21, 0, 4), []int64{1, 3, 4, 5})
	f.equal("the next", find(created, 10, 21, 5, 4), []int64{6, 7})
	f.equal("the last", len(find(created, 10, 21, 7, 4)), 0)
	// They were updated at 89, 68, 87, 76, 75, 74 and 83.
	f.equal("updated", find(updated, 75, 87, 0, 9), []int64{4, 5, 7})
	f.equal("a page of updated ones", find(updated, 74, 90, 3, 2), []int64{4, 5})
	f.equal("nobody's", len(must(f.s.HeadsBetween(f.ctx, nobody, created, at(0), at(99), 0, 9))(f)), 0)
	for _, by := range []store.Sort{"", store.SortPlaced, "total"} {
		f.kind(bellhop.Invalid, errOf(f.s.HeadsBetween(f.ctx, shop, by, at(0), at(99), 0, 9)))
	}
	for _, limit := range []int{-1, 0, store.WindowMost + 1} {
		f.kind(bellhop.Invalid, errOf(f.s.HeadsBetween(f.ctx, shop, created, at(0), at(99), 0, limit)))
	}
	moved := f.order(shop, 2, 99)
	moved.Order.CreatedAt = at(12)
	all[1] = moved
	f.record(moved)
	f.equal("moved", find(created, 11, 13, 0, 9), []int64{2})
	f.kind(bellhop.Invalid, errOf(f.s.Orders(f.ctx, shop, store.OrderQuery{Sort: created})))
}

// wholeOrders reads orders with all that is compared.
func wholeOrders(f *fixture) {
	f.addShopWithPhone(bellhop.FormData)
	f.addShop(other)
	full := f.order(shop, 7, 1)
	full.Order.Details, full.Order.History = filled[bellhop.Details](), filled[bellhop.History]()
	f.record(full, f.order(shop, 1<<62, 1), f.order(other, 7, 2), f.order(other, 8, 1), f.order(shop, 20, 1),
		f.deletion(shop, 20), f.edit(shop, 30, 1, 1))
	unpushed := func(id int64) bellhop.Order {
		o := f.getOrder(id)
		o.Pushes = nil
		return o
	}
	got := must(f.s.WholeOrders(f.ctx, shop, []int64{1 << 62, 99, 30, 20, 8, 7, 7}))(f)
	f.equal("by id", got, []bellhop.Order{unpushed(7), unpushed(1 << 62)})
	f.equal("details", got[0].Details, full.Order.Details)
	f.equal("history", got[0].History, full.Order.History)
	theirs := must(f.s.WholeOrders(f.ctx, other, []int64{7, 20}))(f)
	f.equal("another shop's", []any{len(theirs), theirs[0].Version}, []any{1, f.order(other, 7, 2).Order.Version})
	f.equal("nobody's", len(must(f.s.WholeOrders(f.ctx, nobody, []int64{7}))(f)), 0)
	f.kind(bellhop.Invalid, errOf(f.s.WholeOrders(f.ctx, shop, make([]int64, store.WholeMost+1))))
}
