package reconcile

import (
	"context"
	"time"

	"bellhop"
	"bellhop/internal/wait"
	"bellhop/shopify"
	"bellhop/shopify/admin"
)

// fetch fetches orders whole, compares them, and sends events of those that are missing here or differ.
func (s *step) fetch(ctx context.Context, w *bellhop.Walk, m *manner, suspects []suspect) error {
	if err := s.room(ctx, m); err != nil {
		return err
	}
	fetched, err := s.whole(ctx, suspects)
	if err == nil {
		err = s.stillCovered(ctx, suspects, fetched)
	}
	if err != nil {
		return err
	}
	// The orders here are read after those there: a webhook that came between has the newer ones here.
	here, err := s.recorded(ctx, suspects)
	if err != nil {
		return err
	}
	s.Probe.At(PointFetched)
	var found []finding
	for i := range suspects {
		f, err := s.judge(w, m, &suspects[i], fetched[suspects[i].ID], here[suspects[i].ID])
		if err != nil {
			return err
		}
		if f != nil {
			found = append(found, *f)
		}
	}
	return s.send(ctx, w, m, found)
}

// room waits while many events wait, as long as the step has time: webhooks come first. It keeps the state small, too.
func (s *step) room(ctx context.Context, m *manner) error {
	for {
		if len(s.state.Pending) >= mostWaiting {
			if _, err := s.drop(ctx); err != nil {
				return err
			}
		}
		d, err := s.Queue.Depth(ctx)
		switch {
		case err != nil:
			return stuckBy(ReasonQueueBehind, err)
		case d.Waiting < mostWaiting && s.keepsMore():
			return nil
		case s.yields(ctx, m):
			return errFull
		}
		s.pause(ctx, roomPause)
	}
}

// keepsMore reports whether the state has room for orders on their way. Those that were sent again have room of their
// own, so that orders that nobody can record hold up no others.
func (s *step) keepsMore() bool {
	all, young := len(s.state.Pending)+fetchAtOnce, fetchAtOnce
	for i := range s.state.Pending {
		if s.state.Pending[i].Tries == 0 {
			young++
		}
	}
	return all <= bellhop.MaxPending && young <= mostYoung
}

// roomPause is how often a walk looks whether the queue has room.
const roomPause = 250 * time.Millisecond

// pause waits as calls of Shopify do.
func (s *step) pause(ctx context.Context, d time.Duration) {
	if injected := s.Connector.App.Wait; injected != nil {
		injected(ctx, d)
		return
	}
	wait.Pause(ctx, d)
}

// whole fetches orders. One that changes all the time is left out.
func (s *step) whole(ctx context.Context, suspects []suspect) (map[int64]*admin.FetchedOrder, error) {
	api, err := s.shopify(ctx)
	if err != nil {
		return nil, err
	}
	ids := make([]int64, len(suspects))
	for i := range suspects {
		ids[i] = suspects[i].ID
	}
	all := make(map[int64]*admin.FetchedOrder, len(ids))
	fetch := func(ids ...int64) error {
		got, err := api.FetchOrders(ctx, ids, s.conn.Scopes)
		for i := range got {
			all[got[i].ID] = &got[i]
		}
		return err
	}
	if err = fetch(ids...); !mayBeOne(err) {
		return all, err
	}
	for _, id := range ids { // one of them is in the way: the others are as good
		if all[id] != nil {
			continue
		}
		err := fetch(id)
		if err != nil && !s.isOne(ctx, err) {
			return nil, err
		}
		if err != nil {
			s.Connector.Log.Warn("an order can't be fetched: bellhop tries again later", "shop", s.state.Shop,
				"order", id, "err", err)
		}
	}
	return all, nil
}

// mayBeOne reports whether an error may be about a single order.
func mayBeOne(err error) bool {
	r := admin.RefusalOf(err)
	return r == admin.Changing || r == admin.Unavailable || bellhop.CodeOf(err) == ReasonQuery
}

// isOne reports whether the error of an order that was fetched alone is its own: Shopify answers other questions.
func (s *step) isOne(ctx context.Context, err error) bool {
	if admin.RefusalOf(err) == admin.Changing {
		return true
	}
	if !mayBeOne(err) {
		return false
	}
	_, other := s.api.Scopes(ctx)
	return other == nil
}

// recorded returns those of the orders that are here, whole.
func (s *step) recorded(ctx context.Context, suspects []suspect) (map[int64]*bellhop.Order, error) {
	var ids []int64
	for i := range suspects {
		ids = append(ids, suspects[i].ID)
	}
	orders, err := s.Store.WholeOrders(ctx, s.state.Shop, ids)
	if err != nil {
		return nil, err
	}
	all := make(map[int64]*bellhop.Order, len(orders))
	for i := range orders {
		all[orders[i].ID] = &orders[i]
	}
	return all, nil
}

// What is wrong with an order that was found.
const (
	kindMissing   = "missing"
	kindDifferent = "different"
	kindDeleted   = "deleted"
)

// finding is an order to send.
type finding struct {
	bellhop.PendingOrder
	kind    string
	created time.Time
	event   *bellhop.Event
}

// judge compares an order with what is here. It returns nil if nothing is to be sent.
func (s *step) judge(w *bellhop.Walk, m *manner, o *suspect, is *admin.FetchedOrder, was *bellhop.Order) (
	*finding, error) {
	switch {
	case is == nil: // it changes, or can't be fetched
		s.putOff(m, o, was == nil)
		return nil, nil
	case is.Missing:
		return s.deleted(m, o, is, was)
	}
	topic := bellhop.TopicReconcile
	if o.quiet {
		topic = bellhop.TopicBackfill
	}
	e := s.event(is, topic)
	fact, err := shopify.Decode(e)
	if err == nil && fact.Order == nil {
		err = stuck(ReasonQuery)
	}
	if bellhop.KindOf(err) == bellhop.Invalid {
		s.Connector.Log.Error("an order of Shopify's can't be read", "shop", s.state.Shop, "order", o.ID, "err", err)
		s.putOff(m, o, was == nil)
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	there := fact.Order
	if o.quiet && !there.UpdatedAt.Before(s.state.LookedTo) {
		return nil, nil // its webhook may be on the way, and rings: a look comes to it
	}
	if o.gone && s.lists(w, m, there) {
		s.leave(m, o.CreatedAt)
		behind(w, there.UpdatedAt)
		if m == &looks && s.at.Sub(there.UpdatedAt) > behindMost {
			s.Connector.Log.Warn("Shopify's list has lacked an order for a day: looks go on without it",
				"shop", s.state.Shop, "order", o.ID)
		}
	}
	f := &finding{bellhop.PendingOrder{ID: o.ID, UpdatedAt: there.UpdatedAt, At: is.At,
		Backfill: o.quiet}, kindDifferent, there.CreatedAt, e}
	switch {
	case was == nil && o.here: // it was deleted meanwhile
		return nil, nil
	case was == nil:
		f.Missing, f.kind = true, kindMissing
		if f.Backfill = there.CreatedAt.Before(s.state.From); f.Backfill { // bellhop was not there: no webhook was missed
			e.Topic = bellhop.TopicBackfill
		} else {
			e.Topic = bellhop.TopicReconcile
		}
	case there.Version.Compare(was.Version) <= 0, // a webhook came meanwhile
		len(Differ(was, there)) == 0:
		return nil, nil
	}
	return f, nil
}

// putOff leaves an order to be fetched again, later from time to time.
func (s *step) putOff(m *manner, o *suspect, missing bool) {
	s.leave(m, o.CreatedAt)
	p := bellhop.PendingOrder{ID: o.ID, Missing: missing, Backfill: o.quiet}
	if i := s.pending(o.ID); i >= 0 {
		p.Tries = s.state.Pending[i].Tries
	}
	s.await(p)
}

// stillCovered reads the scopes again when Shopify lacks orders that read_orders alone does not cover: they were
// deleted only if the app may see them even now.
func (s *step) stillCovered(ctx context.Context, suspects []suspect, fetched map[int64]*admin.FetchedOrder) (
	err error) {
	for i := range suspects {
		o := &suspects[i]
		if f := fetched[o.ID]; f != nil && f.Missing && o.here && s.has(allOrders) && !s.recent(o.CreatedAt) {
			s.conn.Scopes, err = s.api.Scopes(ctx)
			return err
		}
	}
	return nil
}

// deleted judges an order that Shopify no longer has. A deletion is for good, so that it takes two answers, a minute
// apart, neither of them about an order that Shopify just listed.
func (s *step) deleted(m *manner, o *suspect, is *admin.FetchedOrder, was *bellhop.Order) (*finding, error) {
	if was == nil || !s.covered(was.CreatedAt) {
		return nil, nil
	}
	if !o.gone || m != &agains {
		s.leave(m, o.CreatedAt)
		if o.gone {
			s.await(bellhop.PendingOrder{ID: o.ID, Deleted: true})
		}
		return nil, nil
	}
	e := s.event(is, bellhop.TopicReconcile)
	return &finding{bellhop.PendingOrder{ID: o.ID, At: is.At, Deleted: true}, kindDeleted, was.CreatedAt, e}, nil
}

// listSlack is for how long Shopify's list may lack an order that a look could see.
const listSlack = time.Minute

// lists reports whether Shopify's list should have an order that a walk did not find in it.
func (s *step) lists(w *bellhop.Walk, m *manner, o *bellhop.Order) bool {
	return m.by == admin.HeadsByCreated ||
		o.UpdatedAt.Before(s.sees(w).Add(-listSlack)) && !o.UpdatedAt.Before(w.From)
}

// event makes an event of an order that was fetched. It counts as triggered when Shopify answered.
func (s *step) event(f *admin.FetchedOrder, topic string) *bellhop.Event {
	now := s.now()
	return &bellhop.Event{ID: bellhop.NewEventID(now), Shop: s.state.Shop, Topic: topic, APIVersion: f.Version,
		TriggeredAt: f.At, AcceptedAt: now, SignedBy: bellhop.SignerAPI, Body: f.Body}
}

// send sends what was found. It returns once the events are durable.
func (s *step) send(ctx context.Context, w *bellhop.Walk, m *manner, found []finding) error {
	if len(found) == 0 {
		return nil
	}
	events := make([]*bellhop.Event, len(found))
	for i := range found {
		events[i] = found[i].event
	}
	err := s.Queue.Send(ctx, events...)
	if bellhop.KindOf(err) == bellhop.TooLarge {
		return s.sendAlone(ctx, w, m, found)
	}
	if err != nil {
		return stuckBy(ReasonQueueBehind, err)
	}
	s.Probe.At(PointSent)
	for i := range found {
		s.sent(w, m, &found[i])
	}
	return nil
}

// sendAlone sends one by one, and leaves out those that the queue never takes.
func (s *step) sendAlone(ctx context.Context, w *bellhop.Walk, m *manner, found []finding) error {
	if len(found) > 1 {
		for i := range found {
			if err := s.send(ctx, w, m, found[i:i+1]); err != nil {
				return err
			}
		}
		return nil
	}
	f := &found[0]
	s.Connector.Log.Error("an order is larger than the queue takes", "shop", s.state.Shop, "order", f.ID,
		"bytes", len(f.event.Body))
	w.Trouble = ReasonTooLarge
	s.putOff(m, &suspect{OrderHead: admin.OrderHead{ID: f.ID, CreatedAt: f.created}, quiet: f.Backfill}, f.Missing)
	return nil
}

// sent notes an order whose event is durable.
func (s *step) sent(w *bellhop.Walk, m *manner, f *finding) {
	switch f.kind {
	case kindMissing:
		w.Found++
	case kindDifferent:
		w.Differed++
	case kindDeleted:
		w.Deleted++
	}
	s.await(f.PendingOrder)
	s.leave(m, f.created)
	if hour := s.hour(m, f.created); hour != nil && m != &agains { // an order that is sent again differed before
		hour.Differed++
	}
	s.Metrics.found(m.name, f.kind)
}
