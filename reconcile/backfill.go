package reconcile

import (
	"cmp"
	"context"
	"slices"
	"time"

	"bellhop"
	"bellhop/connect"
	"bellhop/shopify/admin"
	"bellhop/store"
)

// Ask asks for a backfill of a shop's orders that were created since a time; zero for all that the scopes cover.
// Whoever works on the shop carries it out: it is over once Served.Backfill is the time that Ask returns, or later, and
// none is under way.
func (r *Reconciler) Ask(ctx context.Context, shop string, since time.Time) (asked time.Time, err error) {
	asked = r.now()
	return asked, r.Store.UpdateReconciliation(ctx, shop, func(is *bellhop.Reconciliation) error {
		is.AskBackfill(since, asked)
		return nil
	})
}

// backfill fetches the orders that were there before bellhop was, the newest first.
func (s *step) backfill(ctx context.Context) error {
	w := &s.state.Backfill
	if !w.Running() {
		if !s.state.WantsBackfill() {
			return nil
		}
		if err := s.beginBackfill(ctx); err != nil {
			return err
		}
	}
	if w.Bulk != "" || w.Place.After(w.From) {
		if err := s.room(ctx, &backfills); err != nil {
			return err
		}
	}
	if w.Bulk != "" {
		if err := s.bulk(ctx, w); err != nil || w.Bulk != "" {
			return err
		}
	}
	if w.Place.After(w.From) {
		if err := s.walk(ctx, w, &backfills); err != nil {
			return err
		}
	}
	if slices.ContainsFunc(s.state.Pending, func(p bellhop.PendingOrder) bool { return p.Backfill && p.Tries == 0 }) {
		return nil // the rest is on its way
	}
	s.Connector.Log.Info("the backfill is done", "shop", s.state.Shop, "seen", w.Seen, "missing", w.Found, "different",
		w.Differed, "deleted", w.Deleted, "began", w.StartedAt)
	s.state.Backfilled, s.state.BackfilledAt = *w, s.now()
	*w = bellhop.Walk{}
	return s.save(ctx)
}

// beginBackfill begins where looks took over, so that it meets no order of which a webhook may be on its way.
func (s *step) beginBackfill(ctx context.Context) error {
	api, err := s.shopify(ctx)
	if err != nil {
		return err
	}
	now, from := s.now(), s.state.Asked.Since
	if oldest := now.Add(-recentOrders); !s.has(allOrders) && from.Before(oldest) {
		from = oldest
	}
	w := backfills.begin(from, s.state.LookedTo, now)
	total, exact, err := api.CountOrders(ctx, w.From, w.To)
	if err != nil {
		return err
	}
	w.Total = total
	if w.Bulk, err = s.beginBulk(ctx, &w, total, exact); err != nil {
		return err
	}
	s.state.Backfill, s.state.Served.Backfill = w, s.state.Asked.Backfill
	return s.save(ctx)
}

// beginBulk begins a bulk operation where there are many orders to fetch. It returns "" where there are few, or
// Shopify refuses: apps have to be allowed to.
func (s *step) beginBulk(ctx context.Context, w *bellhop.Walk, total int, exact bool) (string, error) {
	least := cmp.Or(s.BulkFrom, bulkFrom)
	if total <= least {
		return "", nil
	}
	here, err := s.countHere(ctx, w, total-least)
	if err != nil || exact && total-here <= least {
		return "", err
	}
	b, err := s.api.StartBulk(ctx, w.From, w.To, s.conn.Scopes)
	if err != nil && admin.RefusalOf(err) != "" {
		s.Connector.Log.Info("no bulk operation: orders are fetched page by page", "shop", s.state.Shop,
			"reason", admin.RefusalOf(err))
		return "", nil
	}
	return b.ID, err
}

// countHere counts the orders that are here, up to most.
func (s *step) countHere(ctx context.Context, w *bellhop.Walk, most int) (n int, err error) {
	for after := int64(0); n < most; {
		some, err := s.Store.HeadsBetween(ctx, s.state.Shop, store.SortCreated, w.From, w.To, after, store.WindowMost)
		if n += len(some); err != nil || len(some) < store.WindowMost {
			return n, err
		}
		after = some[len(some)-1].ID
	}
	return n, nil
}

// bulk records from a bulk operation's file the orders that are missing here. All others are left to the walk behind
// it, and so are all if it fails.
func (s *step) bulk(ctx context.Context, w *bellhop.Walk) error {
	api, err := s.shopify(ctx)
	if err != nil {
		return err
	}
	b, err := api.Bulk(ctx, w.Bulk)
	if err == nil && !b.Done {
		w.Total = max(w.Total, b.Orders)
		if s.now().Sub(w.StartedAt) < bulkMost {
			return nil
		}
		err = bellhop.Errorf(bellhop.Unavailable, string(admin.BulkFailed), "it is not done after a day")
	}
	before := w.BulkRead
	if err == nil {
		err = s.readBulk(ctx, w, b)
	}
	switch r := admin.RefusalOf(err); {
	case r == "" && err != nil, connect.AccessAfter(r) == bellhop.AccessLost:
		return err
	case r != "" && w.BulkRead > before: // a connection that ended does not say that the file is bad
		return errLater
	case r != "":
		s.Connector.Log.Warn("a bulk operation failed: orders are fetched page by page", "shop", s.state.Shop, "err", err)
	}
	w.Bulk = ""
	return s.save(ctx)
}

// readBulk goes on in the file behind the orders that were read before.
func (s *step) readBulk(ctx context.Context, w *bellhop.Walk, b admin.Bulk) error {
	s.onWalk = w
	defer func() { s.onWalk = nil }()
	var some []admin.FetchedOrder
	b.From = w.BulkAt
	err := s.api.ReadBulk(ctx, b, func(o admin.FetchedOrder) error {
		if some = append(some, o); len(some) < bulkAtOnce {
			return nil
		}
		err := s.fromBulk(ctx, w, some)
		if some = some[:0]; err == nil && s.over(ctx) {
			err = errLater
		}
		return err
	})
	if err == nil {
		err = s.fromBulk(ctx, w, some)
	}
	return err
}

// A file costs no points, and could come faster than webhooks are recorded. It is read no faster than Shopify's largest
// budget lets orders be fetched, and in small portions, since webhooks wait while one is recorded.
const (
	bulkAtOnce = 10
	bulkPause  = 100 * time.Millisecond
)

// fromBulk sends those of a file's orders that are missing here and whole in the file.
func (s *step) fromBulk(ctx context.Context, w *bellhop.Walk, some []admin.FetchedOrder) error {
	here, err := headsOf(ctx, s, some, func(o admin.FetchedOrder) int64 { return o.ID })
	if err != nil {
		return err
	}
	if err := s.room(ctx, &backfills); err != nil {
		return err
	}
	var found []finding
	for i := range some {
		o := &some[i]
		if here[o.ID] != nil || o.Partial || s.pending(o.ID) >= 0 {
			continue
		}
		f, err := s.judge(w, &backfills, &suspect{OrderHead: admin.OrderHead{ID: o.ID}, quiet: true}, o, nil)
		if err != nil {
			return err
		}
		if f != nil {
			found = append(found, *f)
		}
	}
	if err := s.send(ctx, w, &backfills, found); err != nil {
		return err
	}
	if len(found) > 0 {
		s.pause(ctx, bulkPause)
	}
	if len(some) > 0 {
		w.BulkRead, w.BulkAt = w.BulkRead+len(some), some[len(some)-1].End
	}
	return s.save(ctx)
}
