package pipeline

import (
	"context"
	"fmt"
	"time"

	"bellhop"
	"bellhop/store"
)

// Keep says how long data is kept; zero is for ever.
type Keep struct {
	Personal time.Duration // of an order, after its last change
	Ledger   time.Duration // lines, after their webhook came
	Accesses time.Duration // lines of the access log
}

// How much one part of retention takes, and how many parts a round has at the most: the next round goes on.
const (
	retainAtOnce  = 100
	retainParts   = 200
	exportsAtOnce = 50
	heardAtOnce   = 500 // small rows
	answersAtOnce = 500
)

// Retain drops a bounded part of what is older than it is to be kept, and exports that nobody can fetch any more,
// unless another process does.
func (p *Privacy) Retain(ctx context.Context, keep Keep) error {
	err := p.hold(ctx, RetentionLease, func(ctx context.Context, h *holding) error { return h.retain(ctx, keep) })
	return unlessBusy(err)
}

func (h *holding) retain(ctx context.Context, keep Keep) error {
	exports, err := h.repeat(ctx, exportsAtOnce, func() (int, error) {
		return h.Store.DropExports(ctx, h.Now(), exportsAtOnce)
	})
	if err != nil {
		return fmt.Errorf("drop old exports: %w", err)
	}
	_, err = h.repeat(ctx, answersAtOnce, func() (int, error) {
		return h.Store.PruneAnswers(ctx, h.Now().Add(-store.AnswersKept), answersAtOnce)
	})
	if err != nil {
		return fmt.Errorf("drop old answers: %w", err)
	}
	if err := h.retainHeard(ctx); err != nil {
		return fmt.Errorf("drop old sums of events: %w", err)
	}
	orders, lines, accesses := 0, 0, 0
	if keep.Personal > 0 {
		if orders, err = h.retainOrders(ctx, h.Now().Add(-keep.Personal)); err != nil {
			return fmt.Errorf("take personal data from old orders: %w", err)
		}
	}
	if keep.Ledger > 0 {
		before := h.Now().Add(-keep.Ledger)
		lines, err = h.repeat(ctx, retainAtOnce, func() (int, error) {
			return h.Store.PruneLedger(ctx, before, retainAtOnce)
		})
		if err != nil {
			return fmt.Errorf("drop old lines of the ledger: %w", err)
		}
	}
	if keep.Accesses > 0 {
		before := h.Now().Add(-keep.Accesses)
		accesses, err = h.repeat(ctx, retainAtOnce, func() (int, error) {
			return h.Store.PruneAccesses(ctx, before, retainAtOnce)
		})
		if err != nil {
			return fmt.Errorf("drop old lines of the access log: %w", err)
		}
	}
	if exports+orders+lines+accesses == 0 {
		return nil
	}
	h.Log.Info("dropped what was kept for long enough", "exports", exports, "orders", orders, "ledger", lines,
		"accesses", accesses)
	return h.Store.Scrub(ctx)
}

// repeat does something until it does less than most at once, for a bounded number of parts.
func (h *holding) repeat(ctx context.Context, most int, do func() (int, error)) (total int, err error) {
	for n, parts := most, 0; n == most && parts < retainParts; parts++ {
		if err := h.part(ctx); err != nil {
			return total, err
		}
		if n, err = do(); err != nil {
			return total, err
		}
		total += n
	}
	return total, nil
}

// retainHeard drops sums of events in which nobody looks for silences any more. They hold nothing personal.
func (h *holding) retainHeard(ctx context.Context) error {
	shops, err := h.Store.Shops(ctx)
	for i := 0; err == nil && i < len(shops); i++ {
		shop, before := shops[i].Domain, shops[i].LastEventAt.Add(-store.HeardTime)
		_, err = h.repeat(ctx, heardAtOnce, func() (int, error) {
			return h.Store.PruneHeard(ctx, shop, before, heardAtOnce)
		})
	}
	return err
}

// retainOrders takes personal data from orders that changed last before a time.
func (h *holding) retainOrders(ctx context.Context, before time.Time) (int, error) {
	return h.repeat(ctx, retainAtOnce, func() (total int, err error) {
		orders, err := h.Store.OldOrders(ctx, before, retainAtOnce)
		ids := map[string][]int64{}
		for i := range orders {
			ids[orders[i].Shop] = append(ids[orders[i].Shop], orders[i].ID)
		}
		for shop, of := range ids {
			n, err := h.Store.RedactOrders(ctx, shop, of, bellhop.RedactedForRetention, h.Now())
			if total += n; err != nil {
				return total, err
			}
		}
		return total, err
	})
}
