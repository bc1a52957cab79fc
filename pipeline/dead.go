package pipeline

import (
	"context"
	"fmt"
	"time"

	"bellhop"
	"bellhop/queue"
	"bellhop/store"
	"bellhop/store/rules"
)

// Foresee predicts what recording an event would do now, by its body and its shop:
// record it, skip it or make it a dead letter, with the reason of the latter two.
func Foresee(e *bellhop.Event, shops []bellhop.Shop) (outcome bellhop.Outcome, reason string, orderID int64) {
	f, err := decode(e)
	if err != nil {
		return bellhop.OutcomeDead, err.Error(), 0
	}
	before := rules.Before{Shops: map[string]*rules.StoredShop{}}
	for _, s := range shops {
		if s.Domain == e.Shop {
			before.Shops[e.Shop] = &rules.StoredShop{Shop: s}
		}
	}
	_, results := rules.PlanRecord(before, []bellhop.Fact{f})
	return results[0].Outcome, results[0].Reason, f.OrderID
}

// DeadLetters returns the dead letters with these ids. Without ids it returns all, but not their
// bodies.
func DeadLetters(ctx context.Context, q interface {
	queue.DeadLetters
	Depth(context.Context) (queue.Depth, error)
}, ids ...bellhop.EventID) (all []queue.DeadEvent, err error) {
	if len(ids) == 0 {
		d, err := q.Depth(ctx)
		if err != nil || d.Dead == 0 {
			return nil, err
		}
		return q.DeadLetters(ctx, queue.Cursor{}, d.Dead)
	}
	for _, id := range ids {
		d, err := q.DeadLetter(ctx, id)
		if err != nil {
			return nil, err
		}
		all = append(all, d)
	}
	return all, nil
}

// DropDead drops dead letters for good in somebody's name, all or none of them. It
// logs who did it before anything is gone. The bodies go; the lines in the ledger
// stay, and say who.
func DropDead(ctx context.Context, q queue.DeadLetters, s interface {
	store.AccessLog
	store.Ledger
}, who string, now time.Time, dead []queue.DeadEvent) error {
	now = now.UTC().Truncate(time.Microsecond)
	ids := make([]bellhop.EventID, len(dead))
	for i, d := range dead {
		ids[i] = d.Event.ID
		if err := s.AddAccess(ctx, bellhop.Access{Shop: d.Event.Shop, At: now, By: who, What: bellhop.AccessDropped,
			About: ids[i].String()}); err != nil {
			return err
		}
	}
	if _, err := q.Drop(ctx, ids...); err != nil {
		return err
	}
	for _, d := range dead {
		note := fmt.Sprintf("dropped by %s at %s UTC; it was: %s", who, now.Format("2006-01-02 15:04"), d.Reason)
		if err := s.DropDead(ctx, d.Event, note, now); err != nil {
			return err
		}
	}
	return nil
}
