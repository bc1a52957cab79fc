package driver

import (
	"encoding/json"
	"fmt"
	"time"

	"bellhop"
	"bellhop/store"
)

// maxCursor bounds a cursor and an id of Shopify's; they have some hundred characters.
const maxCursor = 4096

// CheckReconciliation returns r as it is kept.
func CheckReconciliation(r bellhop.Reconciliation) (bellhop.Reconciliation, error) {
	switch {
	case len(r.Pending) > bellhop.MaxPending:
		return r, bellhop.Invalidf("pending", "%d orders are pending: %d at most", len(r.Pending), bellhop.MaxPending)
	case len(r.Hours) > bellhop.MaxOpenHours:
		return r, bellhop.Invalidf("hours", "%d hours are open: %d at most", len(r.Hours), bellhop.MaxOpenHours)
	}
	for _, w := range walksOf(&r) {
		if len(w.Cursor) > maxCursor || len(w.Bulk) > maxCursor {
			return r, bellhop.Invalidf("cursor", "a walk's cursor has %d characters at most", maxCursor)
		}
	}
	for _, at := range reconciledTimes(&r) {
		*at = at.UTC().Truncate(time.Microsecond)
	}
	return r, checkLength("reason", r.Reason, maxReason)
}

func walksOf(r *bellhop.Reconciliation) []*bellhop.Walk {
	return []*bellhop.Walk{&r.Look, &r.Sweep, &r.Backfill}
}

func reconciledTimes(r *bellhop.Reconciliation) []*time.Time {
	all := []*time.Time{&r.Due, &r.Since, &r.From, &r.CheckedAt, &r.LookedTo, &r.ClosedTo, &r.SweptAt, &r.BackfilledAt,
		&r.RequestsOn}
	for _, w := range walksOf(r) {
		all = append(all, &w.From, &w.To, &w.StartedAt)
	}
	for i := range r.Hours {
		all = append(all, &r.Hours[i].Hour)
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
