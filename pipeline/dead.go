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

// Foresee says what recording an event would come to now, as far as its body and
// its shop tell: recorded, skipped or dead, with the reason of the latter two.
func Foresee(e *bellhop.Event, shops map[string]bellhop.Shop) (outcome bellhop.Outcome, reason string, orderID int64) {
	f, err := decode(e)
	if err != nil {
		return bellhop.OutcomeDead, err.Error(), 0
	}
	shop, known := shops[e.Shop]
	if why := rules.SkipFor(f, known, shop); why != "" {
		return bellhop.OutcomeSkipped, why, 0
	}
	return bellhop.OutcomeRecorded, "", f.OrderID
}

// lookDropped is what is written down of who dropped a dead letter.
const lookDropped = "dead_letter.drop"

// DropDead gives dead letters up for good in somebody's name, all or none of them.
// Who it was is written down before anything is gone; the lines in the ledger stay,
// and say so. The bodies go.
func DropDead(ctx context.Context, q queue.DeadLetters, s interface {
	store.Looks
	DropDead(ctx context.Context, e *bellhop.Event, note string, at time.Time) error // of store.Ledger
}, who string, now time.Time, letters []queue.DeadEvent) error {
	now = now.UTC().Truncate(time.Microsecond)
	ids := make([]bellhop.EventID, len(letters))
	for i, l := range letters {
		ids[i] = l.Event.ID
		if err := s.AddLook(ctx, bellhop.Look{At: now, Email: who, What: lookDropped,
			About: ids[i].String()}); err != nil {
			return err
		}
	}
	if _, err := q.Drop(ctx, ids...); err != nil {
		return err
	}
	for _, l := range letters {
		note := fmt.Sprintf("dropped by %s at %s UTC; it was: %s", who, now.Format("2006-01-02 15:04"), l.Reason)
		if err := s.DropDead(ctx, l.Event, note, now); err != nil {
			return err
		}
	}
	return nil
}
