package driver

import (
	"encoding/json"
	"fmt"
	"time"

	"bellhop"
	"bellhop/store"
)

// maxBulk bounds an id of Shopify's; they have some dozens of characters.
const maxBulk = 4096

// CheckReconciliation returns r as it is kept.
func CheckReconciliation(r bellhop.Reconciliation) (bellhop.Reconciliation, error) {
	switch {
	case len(r.Pending) > bellhop.MaxPending:
		return r, bellhop.Invalidf("pending", "%d orders are pending: %d at most", len(r.Pending), bellhop.MaxPending)
	case len(r.Asked.Orders) > bellhop.MaxAsked:
		return r, bellhop.Invalidf("asked", "%d orders are asked for: %d at most", len(r.Asked.Orders), bellhop.MaxAsked)
	case max(len(r.Hours), len(r.Night.Hours)) > bellhop.MaxOpenHours:
		return r, bellhop.Invalidf("hours", "%d hours are open: %d at most", max(len(r.Hours), len(r.Night.Hours)),
			bellhop.MaxOpenHours)
	case len(r.Altered) > bellhop.MaxAltered:
		return r, bellhop.Invalidf("altered", "%d hours are altered: %d at most", len(r.Altered), bellhop.MaxAltered)
	case len(r.Backfill.Bulk) > maxBulk:
		return r, bellhop.Invalidf("bulk", "the id of a bulk operation has %d characters at most", maxBulk)
	}
	for _, at := range reconciledTimes(&r) {
		*at = at.UTC().Truncate(time.Microsecond)
	}
	return r, checkLength("reason", r.Reason, maxReason)
}

func walksOf(r *bellhop.Reconciliation) []*bellhop.Walk {
	return []*bellhop.Walk{&r.Look, &r.Sweep, &r.Night, &r.Older, &r.Backfill, &r.Backfilled}
}

func reconciledTimes(r *bellhop.Reconciliation) []*time.Time {
	all := []*time.Time{&r.Due, &r.Since, &r.ConnectedAt, &r.From, &r.CheckedAt, &r.LookedTo, &r.LookDue, &r.ClosedTo,
		&r.SweepDue, &r.SweptAt, &r.BackfilledAt, &r.OlderTo, &r.RequestsOn}
	for _, a := range []*bellhop.Asked{&r.Asked, &r.Served} {
		all = append(all, &a.Look, &a.Backfill, &a.Since)
	}
	for i := range r.Pending {
		all = append(all, &r.Pending[i].UpdatedAt, &r.Pending[i].At, &r.Pending[i].SentAt)
	}
	for i := range r.Altered {
		all = append(all, &r.Altered[i])
	}
	all = hoursOf(all, r.Hours)
	for _, w := range walksOf(r) {
		all = append(hoursOf(all, w.Hours), &w.From, &w.To, &w.StartedAt, &w.Place, &w.Behind, &w.Restated)
	}
	return all
}

func hoursOf(all []*time.Time, hours []bellhop.OpenHour) []*time.Time {
	for i := range hours {
		all = append(all, &hours[i].Hour)
	}
	return all
}

// ChangeReconciliation makes a change, and returns the result as it is kept. Its shop stays.
func ChangeReconciliation(was bellhop.Reconciliation, change func(*bellhop.Reconciliation) error) (
	bellhop.Reconciliation, error) {
	r := was
	if err := change(&r); err != nil {
		return r, err
	}
	r.Shop = was.Shop
	return CheckReconciliation(r)
}

// WriteReconciliation returns the document of a reconciliation, without its shop and when it is due: those are columns.
func WriteReconciliation(r *bellhop.Reconciliation) string {
	kept := *r
	kept.Shop, kept.Due = "", time.Time{}
	b, _ := json.Marshal(&kept) // plain fields
	return withoutNUL(b)
}

// ReadReconciliation reads the result of [WriteReconciliation]; nothing of "".
func ReadReconciliation(kept string) (r bellhop.Reconciliation, err error) {
	if kept == "" {
		return r, nil
	}
	if err := json.Unmarshal([]byte(kept), &r); err != nil {
		return r, fmt.Errorf("read how far a shop was compared: %w", err)
	}
	return r, nil
}

// CheckHeads refuses to look for too many orders at once.
func CheckHeads(ids []int64, most int) error {
	if len(ids) > most {
		return bellhop.Invalidf("orders", "%d orders at once: %d at most", len(ids), most)
	}
	return nil
}

// WindowColumn is the column, of an alias o, by which [store.Reconciling.HeadsBetween] finds orders.
func WindowColumn(by store.Sort, limit int) (string, error) {
	if limit > store.WindowMost {
		return "", bellhop.Invalidf("limit", "limit is %d: give 1 to %d", limit, store.WindowMost)
	}
	switch by {
	case store.SortCreated:
		return `coalesce(o.created_at, o.placed_at)`, CheckLimit(limit)
	case store.SortUpdated:
		return `o.updated_at`, CheckLimit(limit)
	}
	return "", bellhop.Invalidf("by", "orders of a time are found by created or updated")
}
