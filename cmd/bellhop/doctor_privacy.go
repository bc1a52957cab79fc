package main

import (
	"time"

	"bellhop"
	"bellhop/store"
	"bellhop/wire"
)

// personal reports the oldest personal data where nobody says how long it is kept, and exports that nobody fetched.
func (c *doctorCmd) personal(j *job, p *wire.Parts) (found []wire.Finding, err error) {
	if c.KeepPersonal == 0 {
		oldest, err := oldestPersonal(j, p.Store)
		if err != nil {
			return nil, err
		}
		if !oldest.IsZero() {
			found = append(found, wire.OK("personal data", "kept for ever, the oldest of an order that changed last on "+
				oldest.UTC().Format(time.DateOnly)+": BELLHOP_KEEP_PERSONAL is unset"))
		}
	}
	n, until, err := waitingExports(j, p.Store)
	if err != nil || n == 0 {
		return found, err
	}
	words := plural(n, "export") + " of customers' data that nobody fetched, the first until " +
		until.UTC().Format(time.DateOnly)
	return append(found, wire.Warn("exports", words,
		"tell the shops' owners: their console has them under Personal data")), nil
}

// oldestPersonal returns the last change of the oldest order with personal data; zero without one.
func oldestPersonal(j *job, s store.Erasing) (oldest time.Time, err error) {
	orders, err := s.OldOrders(j.ctx, j.now(), 1)
	if len(orders) > 0 {
		oldest = orders[0].UpdatedAt
	}
	return oldest, err
}

// waitingExports counts them, and returns when the first one goes.
func waitingExports(j *job, s store.Privacy) (n int, until time.Time, err error) {
	err = store.EachRequest(j.ctx, s, store.RequestQuery{}, func(r *bellhop.PrivacyRequest) error {
		if r.HasExport(j.now()) && r.FetchedAt.IsZero() {
			if n++; until.IsZero() || r.ExportUntil.Before(until) {
				until = r.ExportUntil
			}
		}
		return nil
	})
	return n, until, err
}
