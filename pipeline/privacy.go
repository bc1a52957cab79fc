package pipeline

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"bellhop"
	"bellhop/queue"
	"bellhop/store"
)

// Privacy carries out requests to give, forget or erase personal data, in small parts. Each part may be
// repeated, and what was done is saved with the request: another process goes on where one died.
type Privacy struct {
	Store   PrivacyStore
	Queues  []PersonalQueue
	Process string // this one's name, for the record
	Now     func() time.Time
	Log     *slog.Logger
	Probe   Probe
}

// PrivacyStore is what requests for personal data need of the store.
type PrivacyStore interface {
	store.Privacy
	store.Erasing
	store.Backups
	store.Leases
	store.AccessLog
	store.Answers
	Archived(ctx context.Context, shop string, since time.Time, after bellhop.EventID, limit int) ([]*bellhop.Event, error)
	Order(ctx context.Context, shop string, id int64) (bellhop.Order, error)
	DropDead(ctx context.Context, e *bellhop.Event, note string, at time.Time) error
	Shops(ctx context.Context) ([]bellhop.Shop, error)
	Shop(ctx context.Context, domain string) (bellhop.Shop, error)
	Connection(ctx context.Context, shop string) (bellhop.Connection, error)
	LastEvents(ctx context.Context, shop string, before time.Time) (map[string]time.Time, error)
}

// PersonalQueue is a queue that may hold personal data: what waits, and its dead letters.
type PersonalQueue interface {
	queue.DeadLetters
	Depth(ctx context.Context) (queue.Depth, error)
}

// The points of carrying out a request, in their order. Each is passed once for a part.
const (
	PointCounted   Point = "privacy.counted"   // things of a part are counted, and still there
	PointForgotten Point = "privacy.forgotten" // they are gone, nothing is saved
	PointExported  Point = "privacy.exported"  // an export is kept, the request doesn't say so
	PointErased    Point = "privacy.erased"    // a part of a shop is gone, nothing is saved
	PointClosed    Point = "privacy.closed"    // the request is done
)

// PrivacyPoints lists the points of carrying out requests.
func PrivacyPoints() []Point {
	return []Point{PointCounted, PointForgotten, PointExported, PointErased, PointClosed}
}

const (
	// One process at a time carries out requests, and one does what retention asks for.
	PrivacyLease   = "privacy"
	RetentionLease = "retention"
	// A part takes seconds at the most; another process takes over the work of a dead one after the lease.
	privacyTerm  = 2 * time.Minute
	privacyRenew = 30 * time.Second
	// A round goes on for so long, and ends the request under way.
	roundTime = time.Minute
)

// Round carries out what is open, unless another process does: of each shop the oldest, then of each the next one. A
// request that fails holds up no other. Nor do many: a round ends after a while, and the next one sees what came.
func (p *Privacy) Round(ctx context.Context) error {
	began := p.Now()
	open, err := p.openRequests(ctx)
	if err != nil || len(open) == 0 {
		return err
	}
	err = p.hold(ctx, PrivacyLease, func(ctx context.Context, h *holding) error {
		var failed []error
		for _, id := range open {
			if err := h.carry(ctx, id); err != nil {
				failed = append(failed, err)
			}
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if p.Now().Sub(began) > roundTime {
				break
			}
		}
		return errors.Join(failed...)
	})
	return unlessBusy(err)
}

// Run carries out one request, as far as it can be now, and returns it.
func (p *Privacy) Run(ctx context.Context, id int64) (bellhop.PrivacyRequest, error) {
	err := p.hold(ctx, PrivacyLease, func(ctx context.Context, h *holding) error { return h.carry(ctx, id) })
	if err != nil {
		return bellhop.PrivacyRequest{}, err
	}
	return p.Store.Request(ctx, "", id)
}

// openRequests lists the open requests in turns: of each shop the oldest, then of each the next one.
func (p *Privacy) openRequests(ctx context.Context) (ids []int64, err error) {
	type request struct {
		id   int64
		shop string
		turn int
	}
	var all []request
	err = store.EachRequest(ctx, p.Store, store.RequestQuery{Open: true}, func(r *bellhop.PrivacyRequest) error {
		all = append(all, request{id: r.ID, shop: r.Shop})
		return nil
	})
	if err != nil {
		return nil, err
	}
	slices.Reverse(all)
	turns := map[string]int{}
	for i := range all {
		turns[all[i].shop]++
		all[i].turn = turns[all[i].shop]
	}
	slices.SortStableFunc(all, func(a, b request) int { return cmp.Compare(a.turn, b.turn) })
	for _, r := range all {
		ids = append(ids, r.id)
	}
	return ids, nil
}

// CodePrivacyBusy is the code of the error that another process carries out requests.
const CodePrivacyBusy = "privacy_busy"

func unlessBusy(err error) error {
	if bellhop.CodeOf(err) == CodePrivacyBusy {
		return nil
	}
	return err
}

// holding is the lease of one who carries out requests.
type holding struct {
	*Privacy
	lease   store.Lease
	renewed time.Time
}

// hold does something while no other process does.
func (p *Privacy) hold(ctx context.Context, name string, do func(context.Context, *holding) error) error {
	h := &holding{Privacy: p, renewed: p.Now()}
	holder := p.Process + "-" + rand.Text()[:10]
	var err error
	if h.lease, err = p.Store.TakeLease(ctx, name, holder, h.renewed, privacyTerm); err != nil {
		return err
	}
	if h.lease.Holder != holder {
		return bellhop.Errorf(bellhop.Unavailable, CodePrivacyBusy,
			"another process takes personal data away right now: try again in %v", privacyTerm)
	}
	defer h.release(ctx)
	return do(ctx, h)
}

// part renews the lease now and then. The work calls it before each part.
func (h *holding) part(ctx context.Context) error {
	now := h.Now()
	if err := ctx.Err(); err != nil || now.Sub(h.renewed) < privacyRenew {
		return err
	}
	h.lease.Until = now.Add(privacyTerm)
	if err := h.Store.MoveLease(ctx, h.lease); err != nil {
		return fmt.Errorf("go on taking personal data away: %w", err)
	}
	h.renewed = now
	return nil
}

// release works also when the process ends.
func (h *holding) release(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	h.lease.Until = h.Now()
	if err := h.Store.MoveLease(ctx, h.lease); err != nil && bellhop.KindOf(err) != bellhop.Conflict {
		h.Log.Warn("release a lease", "lease", h.lease.Name, "err", err)
	}
}

// carry carries out a request as far as it can be now. Its error says which request, and nothing of whom.
func (h *holding) carry(ctx context.Context, id int64) error {
	r, err := h.Store.Request(ctx, "", id)
	if err != nil || !r.Open() {
		return err
	}
	w := &work{holding: h, r: r}
	switch r.Kind {
	case bellhop.RequestGive:
		err = w.give(ctx)
	case bellhop.RequestForget:
		err = w.forget(ctx)
	case bellhop.RequestErase, bellhop.RequestEraseNow:
		err = w.erase(ctx)
	default:
		err = fmt.Errorf("a newer bellhop made it: there is no request %q", r.Kind)
	}
	if err != nil {
		return fmt.Errorf("carry out request %d of %s for personal data: %w", id, r.Shop, err)
	}
	return nil
}
