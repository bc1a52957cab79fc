package pipeline

import (
	"context"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"

	"bellhop"
	"bellhop/events"
	"bellhop/store"
)

// EventBuilder turns changes into events for other services.
type EventBuilder struct {
	Store interface {
		Order(ctx context.Context, shop string, id int64) (bellhop.Order, error)
		Pushes(ctx context.Context, shop string, q store.PushQuery) (store.PushPage, error)
	}
	Composer events.Composer
}

// lookUps is how many orders are looked up at once.
const lookUps = 4

// Build returns an event for each change that is about an order, in their order. An
// event shows its order as it is now, which may be more than the change brought.
// origin is that of the relay.
func (b *EventBuilder) Build(ctx context.Context, origin string, changes []store.Change) ([]*events.Event, error) {
	changes = slices.DeleteFunc(slices.Clone(changes), func(c store.Change) bool { return c.OrderID == 0 }) // of a test
	orders := map[orderKey]*subject{}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(lookUps)
	for _, c := range changes {
		key := orderKey{c.Shop, c.OrderID}
		s := orders[key]
		if s == nil {
			s = &subject{}
			orders[key] = s
			group.Go(func() error { return b.look(ctx, key, s) })
		}
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	built := make([]*events.Event, len(changes))
	for i, c := range changes {
		built[i] = b.event(origin, c, orders[orderKey{c.Shop, c.OrderID}])
	}
	return built, nil
}

type orderKey struct {
	shop string
	id   int64
}

// subject is an order that changes are about, with its pushes.
type subject struct {
	order  *bellhop.Order // nil once it was deleted
	pushes map[int64]*bellhop.Push
}

// look loads an order. The delivery log still has the pushes of a deleted one.
func (b *EventBuilder) look(ctx context.Context, k orderKey, s *subject) error {
	s.pushes = map[int64]*bellhop.Push{}
	o, err := b.Store.Order(ctx, k.shop, k.id)
	switch {
	case err == nil:
		s.order = &o
		for i := range o.Pushes {
			o.Pushes[i].OrderName = o.Name
			s.pushes[o.Pushes[i].ID] = &o.Pushes[i]
		}
		return nil
	case bellhop.KindOf(err) != bellhop.NotFound:
		return fmt.Errorf("look up order %d of %s: %w", k.id, k.shop, err)
	}
	for q := (store.PushQuery{OrderID: k.id, Limit: 200}); ; {
		page, err := b.Store.Pushes(ctx, k.shop, q)
		if err != nil {
			return fmt.Errorf("look up the pushes of order %d of %s: %w", k.id, k.shop, err)
		}
		for i := range page.Pushes {
			s.pushes[page.Pushes[i].ID] = &page.Pushes[i]
		}
		if q.Cursor = page.Next; page.Next == "" {
			return nil
		}
	}
}

// event composes one event. Kinds of changes and types of events have the same
// names.
func (b *EventBuilder) event(origin string, c store.Change, s *subject) *events.Event {
	change := events.Change{Origin: origin, Seq: c.Seq, Type: events.Type(c.Kind), Shop: c.Shop, OrderID: c.OrderID,
		PushID: c.PushID, At: c.At, TraceParent: c.TraceParent}
	if c.Kind != store.ChangeSettled {
		return b.Composer.Order(change, s.order)
	}
	p := s.pushes[c.PushID]
	if p == nil { // no push is ever removed
		p = &bellhop.Push{ID: c.PushID}
	}
	return b.Composer.Push(change, p, s.order == nil)
}
