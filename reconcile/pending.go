package reconcile

import (
	"context"
	"slices"
	"time"

	"bellhop"
	"bellhop/shopify/admin"
	"bellhop/store"
)

// An order that was sent is recorded within seconds. One that isn't is fetched again, later from time to time: its
// event may be a dead letter.
const (
	pendingEvery  = time.Minute
	pendingMost   = time.Hour
	resendAfter   = 10 * time.Minute
	resendAtLeast = 24 * time.Hour
)

// agains fetch what was sent, and not recorded.
var agains = manner{name: "again", by: admin.HeadsByUpdated, whole: neither}

// awaits reports whether an order of Shopify's list was sent as it is there, and is on its way; or can't be had, as one
// that changes all the time, until it is tried again.
func (s *step) awaits(h *admin.OrderHead) bool {
	i := s.pending(h.ID)
	if i < 0 {
		return false
	}
	if p := &s.state.Pending[i]; p.At.IsZero() {
		return !p.Deleted
	} else {
		return !h.UpdatedAt.After(p.UpdatedAt)
	}
}

func (s *step) pending(id int64) int {
	return slices.IndexFunc(s.state.Pending, func(p bellhop.PendingOrder) bool { return p.ID == id })
}

// await notes an order that was sent, or has to be fetched again.
func (s *step) await(p bellhop.PendingOrder) {
	p.SentAt = s.now()
	if i := s.pending(p.ID); i >= 0 {
		s.state.Pending[i] = p
	} else {
		s.state.Pending = append(s.state.Pending, p)
	}
}

// drop drops what is recorded from the orders on their way. It returns those of the others that are here.
func (s *step) drop(ctx context.Context) (map[int64]*store.OrderHead, error) {
	here, err := headsOf(ctx, s, s.state.Pending, func(p bellhop.PendingOrder) int64 { return p.ID })
	if err != nil {
		return nil, err
	}
	s.state.Pending = slices.DeleteFunc(s.state.Pending, func(p bellhop.PendingOrder) bool {
		return isRecorded(&p, here[p.ID])
	})
	return here, nil
}

// take takes orders that others ask for off their list, as many as fit among those to fetch.
func (s *step) take(ctx context.Context) error {
	if len(s.state.Asked.Orders) == 0 {
		return nil
	}
	return s.put(ctx, func() {
		n := min(len(s.state.Asked.Orders), s.free())
		for _, id := range s.state.Asked.Orders[:n] {
			switch i := s.pending(id); {
			case i < 0:
				s.state.Pending = append(s.state.Pending, bellhop.PendingOrder{ID: id})
			case !s.state.Pending[i].Deleted: // it changed since it was sent
				s.state.Pending[i].At, s.state.Pending[i].SentAt = time.Time{}, time.Time{}
			}
		}
		s.state.Asked.Orders = s.state.Asked.Orders[n:]
	})
}

// free is how many more orders fit among those on their way and to fetch.
func (s *step) free() int { return max(0, bellhop.MaxPending-fetchAtOnce-len(s.state.Pending)) }

// settle drops what is recorded, and fetches what others asked for, and again what wasn't recorded in time.
func (s *step) settle(ctx context.Context) error {
	for {
		if more, err := s.settleSome(ctx); err != nil || !more {
			return err
		}
		if s.over(ctx) {
			return errLater
		}
	}
}

func (s *step) settleSome(ctx context.Context) (more bool, err error) {
	here, err := s.drop(ctx)
	if err != nil {
		return false, err
	}
	late := map[int64]bellhop.PendingOrder{}
	var suspects []suspect
	for _, p := range s.state.Pending {
		if len(late) < fetchAtOnce && !s.now().Before(againAt(&p)) {
			late[p.ID] = p
			one := suspect{OrderHead: admin.OrderHead{ID: p.ID}, gone: p.Deleted, quiet: p.Backfill}
			if h := here[p.ID]; h != nil {
				one.here, one.CreatedAt = true, h.CreatedAt
			}
			suspects = append(suspects, one)
		}
	}
	if len(late) == 0 {
		return false, nil
	}
	return true, s.again(ctx, late, suspects)
}

// againAt is when to fetch an order again, twice as late each time.
func againAt(p *bellhop.PendingOrder) time.Time {
	wait, most := resendAfter, resendAtLeast
	if p.At.IsZero() {
		wait, most = pendingEvery, pendingMost
	}
	return p.SentAt.Add(min(most, wait<<p.Tries))
}

// isRecorded reports whether what was sent of an order is here, or something newer.
func isRecorded(p *bellhop.PendingOrder, h *store.OrderHead) bool {
	switch {
	case h == nil:
		return p.Deleted
	case h.Deleted:
		return true
	case p.At.IsZero():
		return false
	case h.UpdatedAt.After(p.UpdatedAt) && !p.Deleted:
		return true
	}
	return !p.Deleted && h.UpdatedAt.Equal(p.UpdatedAt) && !h.SaidAt.Before(p.At)
}

// again fetches orders that were asked for, or were sent and not recorded.
func (s *step) again(ctx context.Context, late map[int64]bellhop.PendingOrder, suspects []suspect) error {
	before := slices.Clone(s.state.Pending)
	s.state.Pending = slices.DeleteFunc(s.state.Pending, func(p bellhop.PendingOrder) bool {
		_, again := late[p.ID]
		return again
	})
	if err := s.fetch(ctx, &bellhop.Walk{}, &agains, suspects); err != nil {
		s.state.Pending = before
		return err
	}
	for i := range s.state.Pending {
		p := &s.state.Pending[i]
		was, again := late[p.ID]
		first := was.Deleted && was.At.IsZero() && !p.At.IsZero()
		switch {
		case !again || first:
		case was.SentAt.IsZero(): // it was asked for
			p.Tries = was.Tries
		default:
			p.Tries = min(was.Tries+1, 8)
		}
	}
	return s.save(ctx)
}
