package pipeline

import (
	"context"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"time"

	"bellhop"
	"bellhop/store"
)

// Replaced is a store whose place a restored one takes.
type Replaced interface {
	Requests(ctx context.Context, q store.RequestQuery) (store.RequestPage, error)
	PrivacyExport(ctx context.Context, shop string, id int64) ([]byte, error)
	// Forgets reports of each fact whether the shop has to forget whom it is about.
	Forgets(ctx context.Context, shop string, facts []bellhop.Fact) ([]bool, error)
}

// Restored is a store in an older state.
type Restored interface {
	store.Privacy
	store.Erasing
	Archived(ctx context.Context, shop string, since time.Time, after bellhop.EventID, limit int) ([]*bellhop.Event, error)
	Shop(ctx context.Context, domain string) (bellhop.Shop, error)
}

// Again counts what was taken away again.
type Again struct{ Requests, Shops, Orders, Bodies int }

// redactor redacts a restored store.
type redactor struct {
	from Replaced
	to   Restored
	now  time.Time
	done Again
}

// RedactAgain takes out of a restored store what the replaced one was asked to forget or erase since, and keeps the
// records of these requests. It may be repeated. Nothing may use the restored store yet.
func RedactAgain(ctx context.Context, from Replaced, to Restored, now time.Time) (Again, error) {
	a := redactor{from: from, to: to, now: now}
	missed, err := a.missed(ctx)
	if err != nil || len(missed) == 0 {
		return a.done, err
	}
	forget := map[string]bool{}
	for _, r := range missed {
		switch {
		case r.Kind == bellhop.RequestForget:
			forget[r.Shop] = true
		case r.Kind != bellhop.RequestGive && r.Outcome == bellhop.RequestDone:
			if err := a.erase(ctx, r.Shop, r.DoneAt); err != nil {
				return a.done, err
			}
		}
	}
	for _, shop := range slices.Sorted(maps.Keys(forget)) {
		if err := a.forget(ctx, shop); err != nil {
			return a.done, err
		}
	}
	for _, r := range slices.Backward(missed) {
		if err := a.record(ctx, r); err != nil {
			return a.done, err
		}
	}
	return a.done, to.Scrub(ctx)
}

// missedRequest is one that the restored store lacks, or has as an open one, by its id there.
type missedRequest struct {
	bellhop.PrivacyRequest
	there int64
}

// requestKey tells requests apart in any store.
type requestKey struct {
	shop     string
	kind     bellhop.RequestKind
	event    bellhop.EventID
	received time.Time
}

func keyOf(r *bellhop.PrivacyRequest) requestKey {
	return requestKey{r.Shop, r.Kind, r.Event, r.ReceivedAt}
}

// missed returns the newest first.
func (a *redactor) missed(ctx context.Context) (all []missedRequest, err error) {
	there := map[requestKey]bellhop.PrivacyRequest{}
	err = store.EachRequest(ctx, a.to, store.RequestQuery{}, func(r *bellhop.PrivacyRequest) error {
		there[keyOf(r)] = *r
		return nil
	})
	if err != nil {
		return nil, err
	}
	err = store.EachRequest(ctx, a.from, store.RequestQuery{}, func(r *bellhop.PrivacyRequest) error {
		if was, ok := there[keyOf(r)]; !ok || was.Open() && !r.Open() {
			all = append(all, missedRequest{*r, was.ID})
		}
		return nil
	})
	return all, err
}

// erase erases a shop, unless it was added after that.
func (a *redactor) erase(ctx context.Context, domain string, at time.Time) error {
	shop, err := a.to.Shop(ctx, domain)
	if err != nil && bellhop.KindOf(err) != bellhop.NotFound || err == nil && shop.AddedAt.After(at) {
		return err
	}
	if err == nil {
		a.done.Shops++
	}
	for place := ""; ; {
		step, err := a.to.EraseShop(ctx, domain, place, store.DropMost)
		if place = step.Next; place == "" || err != nil {
			return err
		}
	}
}

func (a *redactor) forget(ctx context.Context, shop string) error {
	if err := a.dropExports(ctx, shop); err != nil {
		return err
	}
	for after, more := int64(0), true; more; more = after != 0 {
		orders, next, err := a.to.PersonalOrders(ctx, shop, after, store.RedactMost)
		if err != nil {
			return err
		}
		if err := a.forgetOrders(ctx, shop, orders); err != nil {
			return err
		}
		after = next
	}
	var after bellhop.EventID
	for {
		events, err := a.to.Archived(ctx, shop, time.Time{}, after, store.RedactMost)
		if err != nil || len(events) == 0 {
			return err
		}
		after = events[len(events)-1].ID
		if err := a.forgetBodies(ctx, shop, events); err != nil {
			return err
		}
	}
}

func (a *redactor) forgetOrders(ctx context.Context, shop string, orders []bellhop.Order) error {
	facts := make([]bellhop.Fact, len(orders))
	for i := range orders {
		facts[i] = bellhop.Fact{OrderID: orders[i].ID, Order: &orders[i]}
	}
	forgotten, err := a.from.Forgets(ctx, shop, facts)
	if err != nil {
		return err
	}
	var ids []int64
	for i := range orders {
		if forgotten[i] {
			ids = append(ids, orders[i].ID)
		}
	}
	n, err := a.to.RedactOrders(ctx, shop, ids, bellhop.RedactedForRequest, a.now)
	a.done.Orders += n
	return err
}

func (a *redactor) forgetBodies(ctx context.Context, shop string, events []*bellhop.Event) error {
	var drop []bellhop.EventID
	for _, e := range events {
		forgotten, err := a.from.Forgets(ctx, shop, factsOf(e))
		if err != nil {
			return err
		}
		if slices.Contains(forgotten, true) {
			drop = append(drop, e.ID)
		}
	}
	n, err := a.to.DropBodies(ctx, shop, drop)
	a.done.Bodies += n
	return err
}

// What may name a person in a body that is no order's: ids, addresses and phone numbers.
var (
	numbers = regexp.MustCompile(`[0-9]{1,19}`)
	emails  = regexp.MustCompile(`[^\s"'<>,;:(){}\[\]\\]+@[^\s"'<>,;:(){}\[\]\\]+`)
	phones  = regexp.MustCompile(`\+?[0-9][0-9 ()./-]{4,30}[0-9]`)
)

// factsOf returns what an event says. Of a body that is no order's each number may be an id, and so on: it is as
// old as the event.
func factsOf(e *bellhop.Event) (all []bellhop.Fact) {
	f, err := decode(e)
	if err == nil && f.Order != nil {
		return []bellhop.Fact{f}
	}
	add := func(id int64, o bellhop.Order) {
		o.CreatedAt = e.AcceptedAt
		all = append(all, bellhop.Fact{OrderID: id, Order: &o})
	}
	body := unescape(e.Body)
	for _, s := range numbers.FindAll(body, -1) {
		if id, err := strconv.ParseInt(string(s), 10, 64); err == nil {
			add(id, bellhop.Order{Details: bellhop.Details{Customer: &bellhop.Customer{ID: id}}})
		}
	}
	for _, s := range emails.FindAll(body, -1) {
		add(0, bellhop.Order{CustomerEmail: string(s)})
	}
	for _, s := range phones.FindAll(body, -1) {
		add(0, bellhop.Order{Details: bellhop.Details{Customer: &bellhop.Customer{Phone: string(s)}}})
	}
	return all
}

// record keeps the record of a request, with an export that is still wanted.
func (a *redactor) record(ctx context.Context, r missedRequest) error {
	a.done.Requests++
	id := r.there
	if id == 0 {
		added, err := a.to.AddRequest(ctx, r.PrivacyRequest)
		if err != nil {
			return err
		}
		id = added.ID
	} else if err := a.to.UpdateRequest(ctx, id, func(to *bellhop.PrivacyRequest) error {
		*to = r.PrivacyRequest
		return nil
	}); err != nil {
		return err
	}
	if !r.HasExport(a.now) {
		return nil
	}
	export, err := a.from.PrivacyExport(ctx, r.Shop, r.ID)
	if bellhop.KindOf(err) == bellhop.NotFound {
		return nil
	}
	if err != nil {
		return err
	}
	return a.to.PutExport(ctx, id, export, r.ExportUntil)
}

// dropExports drops a shop's exports: nobody can tell whom they name.
func (a *redactor) dropExports(ctx context.Context, shop string) error {
	return store.EachRequest(ctx, a.to, store.RequestQuery{Shop: shop}, func(r *bellhop.PrivacyRequest) error {
		if !r.HasExport(a.now) {
			return nil
		}
		if err := a.to.DropExport(ctx, shop, r.ID); err != nil {
			return err
		}
		return a.to.UpdateRequest(ctx, r.ID, func(r *bellhop.PrivacyRequest) error { r.ExportUntil = a.now; return nil })
	})
}
