package pipeline

import (
	"context"
	"fmt"
	"time"

	"bellhop"
)

// ask has those orders fetched of which there only came a notice, where the shop is connected. It does so for each
// delivery of a notice: whoever recorded it before may have died right after. An event whose order it can't ask for
// gets the error, so that the host tries it again.
func (r *Recorder) ask(ctx context.Context, now time.Time, events []*bellhop.Event, all []Recorded) {
	asked := map[string][]int{} // by shop
	for i := range all {
		if code, _ := bellhop.ReasonParts(all[i].Reason); code == bellhop.ReasonIncomplete {
			asked[events[i].Shop] = append(asked[events[i].Shop], i)
		}
	}
	for shop, at := range asked {
		ids := make([]int64, len(at))
		for n, i := range at {
			ids[n] = all[i].OrderID
		}
		if err := r.askOrders(ctx, shop, now, ids); err != nil {
			for _, i := range at {
				all[i].Err = fmt.Errorf("ask for the orders of notices of %s: %w", shop, err)
			}
		}
	}
}

// askOrders does nothing where nobody connected the shop. It writes only what isn't asked for already: a shop may send
// many notices while it can't be compared, and its state is large then.
func (r *Recorder) askOrders(ctx context.Context, shop string, now time.Time, ids []int64) error {
	is, err := r.Store.Reconciliation(ctx, shop)
	if err != nil || is.Due.IsZero() || !is.AskOrders(now, ids...) {
		return err
	}
	return r.Store.UpdateReconciliation(ctx, shop, func(is *bellhop.Reconciliation) error {
		is.AskOrders(now, ids...)
		return nil
	})
}
