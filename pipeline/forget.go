package pipeline

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"bellhop"
	"bellhop/queue"
	"bellhop/store"
)

// How much one part of a search takes at once: webhooks must not wait for it.
const (
	ordersAtOnce = 100
	bodiesAtOnce = 100
)

// forget takes away all that names a customer. From the request's commit on the store lets nothing of them in, so that
// what waits in a queue is recorded without it. What becomes a dead letter meanwhile is found by another search, once
// the queue is drained.
func (w *work) forget(ctx context.Context) error {
	drained, err := w.drained(ctx)
	if err != nil || w.has(stepOrders) && !drained {
		return err
	}
	if err := w.Store.SettleMarks(ctx); err != nil {
		return err
	}
	p := newPerson(&w.r, w.lookUp)
	for _, step := range []func(context.Context, *person) error{
		w.forgetDead, w.forgetBodies, w.forgetExports, w.forgetOrders,
	} {
		if err := step(ctx, p); err != nil {
			return err
		}
	}
	if !drained {
		return nil
	}
	return w.clean(ctx)
}

// lookUp returns an order of the request's shop.
func (w *work) lookUp(ctx context.Context, id int64) (bellhop.Order, error) {
	return w.Store.Order(ctx, w.r.Shop, id)
}

func (w *work) forgetDead(ctx context.Context, p *person) error {
	named := func(e *bellhop.Event) (bool, error) { return p.in(ctx, e) }
	err := w.eachDead(ctx, named, fmt.Sprintf("dropped for request %d, to forget a customer", w.r.ID))
	if err != nil {
		return err
	}
	return w.done(ctx, stepDeadLetters, "")
}

// forgetBodies comes before the orders, with which the store drops the bodies that it knows to be theirs.
func (w *work) forgetBodies(ctx context.Context, p *person) error {
	var from bellhop.EventID
	if at := stepOf(&w.r, stepBodies).Place; at != "" {
		_ = from.UnmarshalText([]byte(at)) // the search begins anew
	}
	err := w.eachBody(ctx, from, func(after bellhop.EventID, batch []*bellhop.Event) error {
		var ids []bellhop.EventID
		var names []string
		for _, e := range batch {
			named, err := p.in(ctx, e)
			if err != nil {
				return err
			}
			if named {
				ids, names = append(ids, e.ID), append(names, e.ID.String())
			}
		}
		place := ""
		if after != (bellhop.EventID{}) {
			place = after.String()
		}
		if err := w.count(ctx, stepBodies, place, names); err != nil || len(ids) == 0 {
			return err
		}
		_, err := w.Store.DropBodies(ctx, w.r.Shop, ids)
		w.Probe.At(PointForgotten)
		return err
	})
	if err != nil {
		return err
	}
	return w.done(ctx, stepBodies, "")
}

// eachBody goes through the shop's kept events, some at a time. fn gets the place before them, too. If retention took
// the event at that place, it begins anew.
func (w *work) eachBody(ctx context.Context, from bellhop.EventID,
	fn func(after bellhop.EventID, batch []*bellhop.Event) error) error {
	for {
		if err := w.part(ctx); err != nil {
			return err
		}
		batch, err := w.Store.Archived(ctx, w.r.Shop, time.Time{}, from, bodiesAtOnce)
		if bellhop.KindOf(err) == bellhop.NotFound && from != (bellhop.EventID{}) {
			from = bellhop.EventID{}
			continue
		}
		if err != nil || len(batch) == 0 {
			return err
		}
		if err := fn(from, batch); err != nil {
			return err
		}
		from = batch[len(batch)-1].ID
	}
}

// forgetExports drops the exports that were made for the customer, or in which they are named.
func (w *work) forgetExports(ctx context.Context, p *person) error {
	for q := (store.RequestQuery{Shop: w.r.Shop, Limit: 200}); ; {
		page, err := w.Store.Requests(ctx, q)
		if err != nil {
			return err
		}
		for i := range page.Requests {
			if err := w.forgetExport(ctx, p, &page.Requests[i]); err != nil {
				return err
			}
		}
		if q.Cursor = page.Next; q.Cursor == "" {
			return w.done(ctx, stepExports, "")
		}
	}
}

func (w *work) forgetExport(ctx context.Context, p *person, r *bellhop.PrivacyRequest) error {
	if r.ExportAt.IsZero() || !r.ExportUntil.After(w.Now()) {
		return nil
	}
	if err := w.part(ctx); err != nil {
		return err
	}
	export, err := w.Store.PrivacyExport(ctx, w.r.Shop, r.ID)
	if bellhop.KindOf(err) == bellhop.NotFound {
		return nil
	}
	if err != nil || !p.inText(export) {
		return err
	}
	if err := w.count(ctx, stepExports, "", []string{strconv.FormatInt(r.ID, 10)}); err != nil {
		return err
	}
	now := w.Now()
	if err := w.Store.PutExport(ctx, r.ID, []byte("{}"), now); err != nil {
		return err
	}
	if _, err := w.Store.DropExports(ctx, now.Add(time.Microsecond), exportsAtOnce); err != nil {
		return err
	}
	w.Probe.At(PointForgotten)
	return w.Store.UpdateRequest(ctx, r.ID, func(r *bellhop.PrivacyRequest) error { r.ExportUntil = now; return nil })
}

func (w *work) forgetOrders(ctx context.Context, _ *person) error {
	from, _ := strconv.ParseInt(stepOf(&w.r, stepOrders).Place, 10, 64) // "" is the beginning
	err := w.eachOrder(ctx, from, func(after int64, orders []bellhop.Order) error {
		var ids []int64
		var names []string
		for i := range orders {
			ids, names = append(ids, orders[i].ID), append(names, strconv.FormatInt(orders[i].ID, 10))
		}
		if err := w.count(ctx, stepOrders, strconv.FormatInt(after, 10), names); err != nil || len(ids) == 0 {
			return err
		}
		_, err := w.Store.RedactOrders(ctx, w.r.Shop, ids, bellhop.RedactedForRequest, w.Now())
		w.Probe.At(PointForgotten)
		return err
	})
	if err != nil {
		return err
	}
	return w.done(ctx, stepOrders, "")
}

// eachOrder goes through the shop's orders that the request is about, some at a time. fn gets the place before them,
// too.
func (w *work) eachOrder(ctx context.Context, from int64, fn func(after int64, orders []bellhop.Order) error) error {
	for {
		if err := w.part(ctx); err != nil {
			return err
		}
		orders, next, err := w.Store.PersonalOrders(ctx, w.r.Shop, from, ordersAtOnce)
		if err != nil {
			return err
		}
		orders = slices.DeleteFunc(orders, func(o bellhop.Order) bool { return !w.r.Covers(&o) })
		if err := fn(from, orders); err != nil || next == 0 {
			return err
		}
		from = next
	}
}

// clean ends a request that took something away: nothing of it stays in the files, and the record names the backups.
func (w *work) clean(ctx context.Context) error {
	if err := w.Store.Scrub(ctx); err != nil {
		return err
	}
	backups, err := w.Store.Backups(ctx, w.Now())
	if err != nil {
		return err
	}
	known, err := w.known(ctx)
	if err != nil {
		return err
	}
	note, err := w.keeps(ctx)
	if err != nil {
		return err
	}
	now := w.Now()
	err = w.save(ctx, func(r *bellhop.PrivacyRequest) {
		*stepOf(r, stepQueue) = bellhop.PrivacyStep{What: stepQueue, At: now, Note: note}
		*stepOf(r, stepFiles) = bellhop.PrivacyStep{What: stepFiles, At: now}
		r.Backups = backups
	})
	if err != nil {
		return err
	}
	return w.conclude(ctx, known)
}

// keeps says for how long the queues may keep what nobody consumes.
func (w *work) keeps(ctx context.Context) (string, error) {
	longest := time.Duration(0)
	for _, q := range w.Queues {
		if k, ok := q.(queue.Retainer); ok {
			d, err := k.Retention(ctx)
			if err != nil {
				return "", err
			}
			longest = max(longest, d)
		}
	}
	if longest == 0 {
		return "", nil
	}
	return fmt.Sprintf("the queue's service keeps a copy that it hands out again for %d days at the most",
		(longest+24*time.Hour-1)/(24*time.Hour)), nil
}
