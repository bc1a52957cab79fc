package web

import (
	"context"
	"time"

	"bellhop"
	"bellhop/store"
)

// MaxHandlings bounds how many orders are set at once: a page of them.
const MaxHandlings = 200

// HandlingChange sets an order from Was, "" for any, to To.
type HandlingChange struct {
	ID      int64
	Was, To bellhop.Handling
}

// HandlingResult is what became of one. Err is [bellhop.Conflict] if somebody else set the order meanwhile, and
// [bellhop.NotFound] if there is none.
type HandlingResult struct {
	HandlingChange
	Order bellhop.Order // as it is now
	Err   error
}

// SetHandlings sets several orders, one by one: those that were changed meanwhile or deleted don't keep the others.
// Another error ends it.
func SetHandlings(ctx context.Context, s store.Orders, shop string, all []HandlingChange, now time.Time) (
	results []HandlingResult, err error) {
	for _, c := range all {
		o, err := s.SetHandling(ctx, shop, c.ID, c.Was, c.To, now, nil)
		if kind := bellhop.KindOf(err); err != nil && kind != bellhop.Conflict && kind != bellhop.NotFound {
			return results, err
		}
		results = append(results, HandlingResult{c, o, err})
	}
	return results, nil
}
