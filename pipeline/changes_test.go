package pipeline_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"bellhop"
	"bellhop/events"
	"bellhop/pipeline"
	"bellhop/store"
	"bellhop/store/driver"
)

// shelf is a store of one order.
type shelf struct {
	order  *bellhop.Order // nil once it was deleted
	pushes []bellhop.Push
	broken error
	asked  int
}

func (s *shelf) Order(_ context.Context, shop string, id int64) (bellhop.Order, error) {
	s.asked++
	switch {
	case s.broken != nil:
		return bellhop.Order{}, s.broken
	case s.order == nil || s.order.ID != id || s.order.Shop != shop:
		return bellhop.Order{}, driver.NotFound("order")
	}
	return *s.order, nil
}

// Pushes has pages of one.
func (s *shelf) Pushes(_ context.Context, _ string, q store.PushQuery) (page store.PushPage, err error) {
	if q.Cursor == "" && len(s.pushes) > 1 {
		page.Next = "more"
		page.Pushes = s.pushes[:1]
		return page, nil
	}
	return store.PushPage{Pushes: s.pushes[max(0, len(s.pushes)-1):]}, nil
}

// TestBuild builds an event for each kind of change, in order, and loads the order once.
func TestBuild(t *testing.T) {
	at := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	pushes := []bellhop.Push{{ID: 3, Status: bellhop.PushSent},
		{ID: 4, Status: bellhop.PushFailed, Reason: "unregistered"}}
	const shop = "demo.myshopify.com"
	kinds := []store.ChangeKind{store.ChangeRecorded, store.ChangeSettled, store.ChangeUpdated, store.ChangeHandled}
	var changes []store.Change
	for i, k := range kinds {
		changes = append(changes, store.Change{Seq: int64(10 + i), Kind: k, Shop: shop, OrderID: 7, PushID: 4, At: at,
			TraceParent: "trace"})
	}
	changes = append(changes, store.Change{Seq: 20, Kind: store.ChangeSettled, Shop: shop, PushID: 5,
		At: at}) // of no order: a test
	s := &shelf{order: &bellhop.Order{Shop: shop, ID: 7, Name: "#7", Total: bellhop.Money{Currency: "USD"},
		Pushes: pushes}, pushes: pushes}
	builder := &pipeline.EventBuilder{Store: s}
	built, err := builder.Build(t.Context(), "origin", changes)
	if err != nil {
		t.Fatal(err)
	}
	if s.asked != 1 || len(built) != len(kinds) {
		t.Errorf("the order was looked up %d times, %d events built", s.asked, len(built))
	}
	for i, e := range built {
		if string(e.Type) != string(kinds[i]) || e.Sequence != int64(10+i) || e.OrderID != 7 ||
			e.TraceParent != "trace" {
			t.Errorf("event %d is %+v", i, e)
		}
		known := false
		for _, kind := range events.Types() {
			known = known || kind == e.Type
		}
		if !known {
			t.Errorf("there is no type %s", e.Type)
		}
	}
	if p := built[1].Data.(events.SettledPush); p.Status != "failed" || p.OrderName != "#7" || p.Order != "7" ||
		p.OrderDeleted {
		t.Errorf("the push is shown as %+v", p)
	}

	s.order = nil
	if built, err = builder.Build(t.Context(), "origin", changes); err != nil {
		t.Fatal(err)
	}
	if o, ok := built[0].Data.(events.DeletedOrder); !ok || !o.Deleted || o.ID != "7" {
		t.Errorf("the deleted order is shown as %+v", built[0].Data)
	}
	if p := built[1].Data.(events.SettledPush); p.ID != "4" || p.Reason != "unregistered" || !p.OrderDeleted {
		t.Errorf("its push is shown as %+v", p)
	}

	s.broken = errors.New("the database is away")
	if _, err := builder.Build(t.Context(), "origin", changes); !errors.Is(err, s.broken) {
		t.Errorf("the error is %v", err)
	}
}
