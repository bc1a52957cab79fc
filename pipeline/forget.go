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
	if err := w.wait(ctx); err != nil {
		return err
	}
	if err := w.Store.SettleMarks(ctx); err != nil {
		return err
	}
	p := newPerson(&w.r, w.lookUp)
	err := w.pass(ctx, []step{
		{stepDeadLetters, func(ctx context.Context) error { return w.forgetDead(ctx, p) }},
		{stepBodies, func(ctx context.Context) error { return w.forgetBodies(ctx, p) }},
		{stepExports, func(ctx context.Context) error { return w.eachExport(ctx, p.inText) }},
		{stepOrders, w.forgetOrders},
	})
	if err != nil || !w.has(stepQueue) {
		return err
	}
	return w.clean(ctx)
}

// lookUp returns an order of the request's shop.
func (w *work) lookUp(ctx context.Context, id int64) (bellhop.Order, error) {
	return w.Store.Order(ctx, w.r.Shop, id)
}

func (w *work) forgetDead(ctx context.Context, p *person) error {
	named := func(e *bellhop.Event) (bool, error) { return p.in(ctx, e) }
	return w.eachDead(ctx, named, fmt.Sprintf("dropped for request %d, to forget a customer", w.r.ID))
}

// forgetBodies comes before the orders, with which the store drops the bodies that it knows to be theirs.
func (w *work) forgetBodies(ctx context.Context, p *person) error {
	var from bellhop.EventID
	if at := stepOf(&w.r, stepBodies).Place; at != "" {
		_ = from.UnmarshalText([]byte(at)) // without it the search begins anew
	}
	return w.eachBody(ctx, from, func(batch []*bellhop.Event) error {
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
		if len(ids) > 0 {
			if err := w.count(ctx, stepBodies, names); err != nil {
				return err
			}
			if _, err := w.Store.DropBodies(ctx, w.r.Shop, ids); err != nil {
				return err
			}
			w.Probe.At(PointForgotten)
		}
		return w.place(ctx, stepBodies, batch[len(batch)-1].ID.String())
	})
}

// eachBody goes through the shop's kept events, some at a time. If retention took the event at its place, it begins
// anew.
func (w *work) eachBody(ctx context.Context, from bellhop.EventID, fn func([]*bellhop.Event) error) error {
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
		if err := fn(batch); err != nil {
			return err
		}
		from = batch[len(batch)-1].ID
	}
}

// eachExport goes through the shop's exports. It drops those that del chooses, and notes which are gone.
func (w *work) eachExport(ctx context.Context, del func(export []byte) bool) error {
	return store.EachRequest(ctx, w.Store, store.RequestQuery{Shop: w.r.Shop}, func(r *bellhop.PrivacyRequest) error {
		if !r.HasExport(w.Now()) {
			return nil
		}
		return w.dropExport(ctx, r, del)
	})
}

func (w *work) dropExport(ctx context.Context, r *bellhop.PrivacyRequest, del func(export []byte) bool) error {
	if err := w.part(ctx); err != nil {
		return err
	}
	now := w.Now()
	export, err := w.Store.PrivacyExport(ctx, w.r.Shop, r.ID)
	switch {
	case bellhop.KindOf(err) == bellhop.NotFound: // the record doesn't say so yet
	case err != nil || !del(export):
		return err
	default:
		if err := w.count(ctx, stepExports, []string{strconv.FormatInt(r.ID, 10)}); err != nil {
			return err
		}
		if err := w.Store.DropExport(ctx, w.r.Shop, r.ID); err != nil {
			return err
		}
		w.Probe.At(PointForgotten)
	}
	return w.Store.UpdateRequest(ctx, r.ID, func(r *bellhop.PrivacyRequest) error { r.ExportUntil = now; return nil })
}

func (w *work) forgetOrders(ctx context.Context) error {
	from, _ := strconv.ParseInt(stepOf(&w.r, stepOrders).Place, 10, 64) // "" is the beginning
	return w.eachOrder(ctx, from, func(orders []bellhop.Order, next int64) error {
		var ids []int64
		var names []string
		for i := range orders {
			ids, names = append(ids, orders[i].ID), append(names, strconv.FormatInt(orders[i].ID, 10))
		}
		if len(ids) > 0 {
			if err := w.count(ctx, stepOrders, names); err != nil {
				return err
			}
			_, err := w.Store.RedactOrders(ctx, w.r.Shop, ids, bellhop.RedactedForRequest, w.Now())
			if err != nil {
				return err
			}
			w.Probe.At(PointForgotten)
		}
		return w.place(ctx, stepOrders, strconv.FormatInt(next, 10))
	})
}

// eachOrder goes through the shop's orders that the request is about, some at a time. fn gets the place behind them,
// too.
func (w *work) eachOrder(ctx context.Context, from int64, fn func(orders []bellhop.Order, next int64) error) error {
	for {
		if err := w.part(ctx); err != nil {
			return err
		}
		orders, next, err := w.Store.PersonalOrders(ctx, w.r.Shop, from, ordersAtOnce)
		if err != nil {
			return err
		}
		orders = slices.DeleteFunc(orders, func(o bellhop.Order) bool { return !w.r.Covers(&o) })
		if err := fn(orders, next); err != nil || next == 0 {
			return err
		}
		from = next
	}
}

// clean ends a request that took something away: nothing of it stays in the files, and the record names the backups.
func (w *work) clean(ctx context.Context) error {
	// Whom it is about goes first, so that the scrub takes it out of the files, too.
	if err := w.save(ctx, func(r *bellhop.PrivacyRequest) { r.Subject = bellhop.Subject{} }); err != nil {
		return err
	}
	if err := w.scrub(ctx); err != nil {
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
	err = w.save(ctx, func(r *bellhop.PrivacyRequest) {
		stepOf(r, stepFiles).At, r.Backups = w.Now(), backups
		for i := range r.Steps {
			r.Steps[i].Doing = nil
		}
	})
	if err != nil {
		return err
	}
	return w.conclude(ctx, known)
}

// scrub sees to it that nothing that was taken away stays in files.
func (w *work) scrub(ctx context.Context) error {
	for _, q := range w.Queues {
		if p, keeps := q.(queue.Pruner); keeps {
			if err := p.Scrub(ctx); err != nil {
				return err
			}
		}
	}
	return w.Store.Scrub(ctx)
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
