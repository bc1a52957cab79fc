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

// OrderKey names an order.
type OrderKey struct {
	Shop string
	ID   int64
}

// LoadOrder loads an order that changes are about; nil for one that was deleted.
func LoadOrder(ctx context.Context, s interface {
	Order(ctx context.Context, shop string, id int64) (bellhop.Order, error)
}, k OrderKey) (*bellhop.Order, error) {
	o, err := s.Order(ctx, k.Shop, k.ID)
	switch {
	case err == nil:
		return &o, nil
	case bellhop.KindOf(err) == bellhop.NotFound:
		return nil, nil
	}
	return nil, fmt.Errorf("look up order %d of %s: %w", k.ID, k.Shop, err)
}

// PushOf returns a push of an order, with what the delivery log shows of the order;
// nil if the order has no such push.
func PushOf(o *bellhop.Order, id int64) *bellhop.Push {
	for _, p := range o.Pushes {
		if p.ID == id {
			p.Shop, p.OrderID, p.OrderName = o.Shop, o.ID, o.Name
			return &p
		}
	}
	return nil
}

// EventBuilder turns changes into events for other services.
type EventBuilder struct {
	Store interface {
		Order(ctx context.Context, shop string, id int64) (bellhop.Order, error)
		Pushes(ctx context.Context, shop string, q store.PushQuery) (store.PushPage, error)
	}
	Composer events.Composer
}

// lookUps bounds the look-ups at once.
const lookUps = 4

// Build returns an event for each change that is about an order, in their order. An
// event shows its order as it is now, which may be more than the change brought.
// origin is that of the relay.
func (b *EventBuilder) Build(ctx context.Context, origin string, changes []store.Change) ([]*events.Event, error) {
	changes = slices.DeleteFunc(slices.Clone(changes), func(c store.Change) bool { return c.OrderID == 0 }) // of a test
	subjects := map[OrderKey]*subject{}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(lookUps)
	for _, c := range changes {
		key := OrderKey{c.Shop, c.OrderID}
		s := subjects[key]
		if s == nil {
			s = &subject{}
			subjects[key] = s
			group.Go(func() error { return b.load(ctx, key, s) })
		}
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	built := make([]*events.Event, len(changes))
	for i, c := range changes {
		built[i] = b.event(origin, c, subjects[OrderKey{c.Shop, c.OrderID}])
	}
	return built, nil
}

// subject is an order that changes are about.
type subject struct {
	order *bellhop.Order // nil once it was deleted
	// pushes are those of a deleted order: the delivery log still has them.
	pushes map[int64]*bellhop.Push
}

func (b *EventBuilder) load(ctx context.Context, k OrderKey, s *subject) (err error) {
	if s.order, err = LoadOrder(ctx, b.Store, k); err != nil || s.order != nil {
		return err
	}
	s.pushes = map[int64]*bellhop.Push{}
	for q := (store.PushQuery{OrderID: k.ID, Limit: 200}); ; {
		page, err := b.Store.Pushes(ctx, k.Shop, q)
		if err != nil {
			return fmt.Errorf("look up the pushes of order %d of %s: %w", k.ID, k.Shop, err)
		}
		for i := range page.Pushes {
			s.pushes[page.Pushes[i].ID] = &page.Pushes[i]
		}
		if q.Cursor = page.Next; page.Next == "" {
			return nil
		}
	}
}

// event builds one event. Kinds of changes and types of events have the same names.
func (b *EventBuilder) event(origin string, c store.Change, s *subject) *events.Event {
	change := events.Change{Origin: origin, Seq: c.Seq, Type: events.Type(c.Kind), Shop: c.Shop, OrderID: c.OrderID,
		PushID: c.PushID, At: c.At, TraceParent: c.TraceParent}
	if c.Kind != store.ChangeSettled {
		return b.Composer.Order(change, s.order)
	}
	p := s.pushes[c.PushID]
	if s.order != nil {
		p = PushOf(s.order, c.PushID)
	}
	if p == nil { // no push is ever removed
		p = &bellhop.Push{ID: c.PushID}
	}
	return b.Composer.Push(change, p, s.order == nil)
}
