package reconcile

import (
	"cmp"
	"context"
	"slices"
	"time"

	"bellhop"
	"bellhop/shopify/admin"
	"bellhop/store"
)

// manner is what makes one kind of walk another than the others.
type manner struct {
	name   string
	by     admin.HeadsBy
	sort   store.Sort
	newest bool // the newest orders come first
	quiet  bool // nobody is rung for what it finds
	// whole says which orders are fetched, beside those that are missing here or older.
	whole func(*store.OrderHead) bool
	// strict walks close hours: an order that is deleted here and still listed there keeps its hour open.
	strict bool
	long   bool // it may take hours
	parts  bool // it ends with its part of a night
}

func neither(*store.OrderHead) bool { return false }

var (
	looks = manner{name: "look", by: admin.HeadsByUpdated, sort: store.SortUpdated,
		whole: neither}
	sweeps = manner{name: "sweep", by: admin.HeadsByCreated, sort: store.SortCreated,
		whole: neither, strict: true}
	nights = manner{name: "night", by: admin.HeadsByCreated, sort: store.SortCreated,
		whole: func(*store.OrderHead) bool { return true }, strict: true, long: true}
	olders = manner{name: "older", by: admin.HeadsByCreated, sort: store.SortCreated, newest: true,
		whole: neither, long: true, parts: true}
	backfills = manner{name: "backfill", by: admin.HeadsByCreated, sort: store.SortCreated, newest: true, quiet: true,
		long: true, whole: func(h *store.OrderHead) bool { return h.Schema == 0 }}
)

// when is the time that a walk goes by.
func (m *manner) when(h *admin.OrderHead) time.Time {
	if m.by == admin.HeadsByUpdated {
		return h.UpdatedAt
	}
	return h.CreatedAt
}

// before is the place of a walk that has done all in front of a time and nothing of that time's second: Shopify
// compares whole seconds.
func (m *manner) before(at time.Time) time.Time {
	at = at.Truncate(time.Second)
	if m.newest {
		at = at.Add(time.Second)
	}
	return at
}

// window is the part of a walk from its place to another one, further on.
func (m *manner) window(w *bellhop.Walk, edge time.Time) (from, to time.Time) {
	if m.newest {
		return edge, w.Place
	}
	return w.Place, edge
}

// begin begins a walk.
func (m *manner) begin(from, to, now time.Time) bellhop.Walk {
	w := bellhop.Walk{From: from, To: to, Place: from, StartedAt: now}
	if m.newest {
		w.Place = to
	}
	return w
}

// page is all that Shopify lists of a walk from its place to the page's edge.
type page struct {
	heads []admin.OrderHead // in the walk's direction
	edge  time.Time
	last  bool
}

// walk goes on with a walk. It returns nil when the walk or its part is over, errLater or errFull if there is more
// to do.
func (s *step) walk(ctx context.Context, w *bellhop.Walk, m *manner) error {
	s.onWalk = w
	defer func() { s.onWalk = nil }()
	for moved := false; ; moved = true {
		if m.parts && s.enough(w) {
			return nil
		}
		if moved && s.yields(ctx, m) {
			return errLater
		}
		p, err := s.page(ctx, w, m)
		if err != nil {
			return err
		}
		s.Probe.At(PointListed)
		if err := s.compare(ctx, w, m, &p); err != nil || p.last {
			return err
		}
	}
}

// page reads a page of heads. The last second of one that isn't the last is left to the next page, which begins with
// that second: a place is a time, and no cursor of Shopify's that ends some day.
func (s *step) page(ctx context.Context, w *bellhop.Walk, m *manner) (p page, err error) {
	api, err := s.shopify(ctx)
	if err != nil {
		return p, err
	}
	q := admin.HeadQuery{By: m.by, Newest: m.newest}
	q.From, q.To = m.window(w, w.To)
	p.edge = w.To
	if m.newest {
		q.From, p.edge = w.From, w.From
	}
	for {
		got, err := api.OrderHeads(ctx, q)
		if err != nil {
			return p, err
		}
		s.at = got.At
		p.heads = append(p.heads, got.Heads...)
		if p.last = got.Next == ""; p.last || len(p.heads) == 0 {
			return p, nil
		}
		edge := m.before(m.when(&p.heads[len(p.heads)-1]))
		if !edge.Equal(m.before(m.when(&p.heads[0]))) {
			p.heads, p.edge = p.heads[:m.inside(p.heads, edge)], edge
			return p, nil
		}
		q.Cursor = got.Next // more orders in a second than in a page
	}
}

// inside counts the heads in front of a place.
func (m *manner) inside(heads []admin.OrderHead, edge time.Time) int {
	n := slices.IndexFunc(heads, func(h admin.OrderHead) bool {
		if at := m.when(&h); m.newest {
			return at.Before(edge)
		} else {
			return !at.Before(edge)
		}
	})
	if n < 0 {
		return len(heads)
	}
	return n
}

// suspect is an order to fetch whole.
type suspect struct {
	admin.OrderHead
	here bool // it is recorded
	gone bool // it is here, and Shopify doesn't list it
	// quiet: nobody is rung for it, as for all that a backfill finds.
	quiet bool
}

// compare compares a page with what is here. It saves how far it has come after each portion of orders that it fetched
// whole.
func (s *step) compare(ctx context.Context, w *bellhop.Walk, m *manner, p *page) error {
	suspects, err := s.suspects(ctx, w, m, p)
	if err != nil {
		return err
	}
	for moved := false; ; moved = true {
		edge, n, done := p.edge, min(len(suspects), fetchAtOnce), int64(0)
		if n > 0 {
			if moved && s.yields(ctx, m) {
				return errLater
			}
			if err := s.fetch(ctx, w, m, suspects[:n]); err != nil {
				return err
			}
		}
		if n < len(suspects) {
			edge = m.before(m.when(&suspects[n].OrderHead))
			if last := &suspects[n-1].OrderHead; m.before(m.when(last)).Equal(edge) {
				done = last.ID
			}
		}
		suspects = suspects[n:]
		s.pass(w, m, p, edge)
		w.Done = done
		if err := s.save(ctx); err != nil || len(suspects) == 0 {
			return err
		}
	}
}

// pass moves a walk to a place behind what was compared.
func (s *step) pass(w *bellhop.Walk, m *manner, p *page, edge time.Time) {
	n := m.inside(p.heads, edge)
	for _, h := range p.heads[:n] {
		if hour := s.hour(m, h.CreatedAt); hour != nil && m.strict {
			hour.Shopify++
		}
	}
	w.Seen, w.Place, p.heads = w.Seen+n, edge, p.heads[n:]
}

// suspects lists the orders of a page that have to be fetched whole, in the walk's direction.
func (s *step) suspects(ctx context.Context, w *bellhop.Walk, m *manner, p *page) (all []suspect, err error) {
	here, err := headsOf(ctx, s, p.heads, func(h admin.OrderHead) int64 { return h.ID })
	if err != nil {
		return nil, err
	}
	listed := make(map[int64]bool, len(p.heads))
	for _, h := range p.heads {
		listed[h.ID] = true
		is := here[h.ID]
		switch {
		case is != nil && is.Deleted:
			if m.strict { // an order is deleted for good: the list is behind
				s.leave(m, h.CreatedAt)
				behind(w, h.UpdatedAt)
			}
		case s.awaits(&h):
			s.leave(m, h.CreatedAt)
		case is == nil, is.UpdatedAt.Before(h.UpdatedAt), !is.CreatedAt.Equal(h.CreatedAt), m.whole(is):
			all = append(all, suspect{OrderHead: h, here: is != nil, quiet: m.quiet})
		}
	}
	gone, err := s.unlisted(ctx, w, m, p, listed)
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(append(all, gone...), func(o suspect) bool { return m.done(w, &o.OrderHead) })
	slices.SortStableFunc(all, func(a, b suspect) int {
		if m.newest {
			a, b = b, a
		}
		return cmp.Or(m.before(m.when(&a.OrderHead)).Compare(m.before(m.when(&b.OrderHead))), cmp.Compare(a.ID, b.ID))
	})
	return all, nil
}

// done reports whether a walk fetched an order of its place's second before: a second may have more orders than a step
// can fetch.
func (m *manner) done(w *bellhop.Walk, o *admin.OrderHead) bool {
	if w.Done == 0 || !m.before(m.when(o)).Equal(w.Place) {
		return false
	}
	if m.newest {
		return o.ID >= w.Done
	}
	return o.ID <= w.Done
}

// headsOf returns those of some orders that are here.
func headsOf[T any](ctx context.Context, s *step, orders []T, id func(T) int64) (map[int64]*store.OrderHead, error) {
	here := make(map[int64]*store.OrderHead, len(orders))
	for some := range slices.Chunk(orders, store.HeadsMost) {
		ids := make([]int64, len(some))
		for i, o := range some {
			ids[i] = id(o)
		}
		known, err := s.Store.OrderHeads(ctx, s.state.Shop, ids)
		if err != nil {
			return nil, err
		}
		for _, h := range known {
			here[h.ID] = &h
		}
	}
	return here, nil
}

// unlisted lists the orders that are here, and that Shopify's page lacks. Some may be deleted.
func (s *step) unlisted(ctx context.Context, w *bellhop.Walk, m *manner, p *page, listed map[int64]bool) (
	all []suspect, err error) {
	from, to := m.window(w, p.edge)
	const limit = store.HeadsMost
	for after := int64(0); ; {
		known, err := s.Store.HeadsBetween(ctx, s.state.Shop, m.sort, from, to, after, limit)
		if err != nil {
			return nil, err
		}
		for _, h := range known {
			at := admin.OrderHead{ID: h.ID, CreatedAt: h.CreatedAt, UpdatedAt: h.UpdatedAt}
			if !listed[h.ID] && s.covered(h.CreatedAt) && !s.awaits(&at) {
				all = append(all, suspect{OrderHead: at, here: true, gone: true, quiet: m.quiet})
			}
			after = h.ID
		}
		switch {
		case len(known) < limit:
			return all, nil
		case len(all) > mostYoung: // nobody deletes so many: the list is broken
			return nil, stuck(ReasonIndexBehind)
		}
	}
}

// behind notes an order that Shopify's list should have had.
func behind(w *bellhop.Walk, updated time.Time) {
	if w.Behind.IsZero() || updated.Before(w.Behind) {
		w.Behind = updated
	}
}
