package pgstore

import (
	"context"
	"time"

	"bellhop/internal/postgres"
	"bellhop/store"
	"bellhop/store/rows"
)

// addRefusals locks the rows in one order, so that processes do not deadlock.
var addRefusals = `INSERT INTO refusals (slot, shop, reason, n, at)
	SELECT * FROM ` + postgres.Unnest("timestamptz text text bigint timestamptz") +
	` AS r(slot, shop, reason, n, at) ORDER BY 1, 2, 3 ON CONFLICT (slot, shop, reason) DO UPDATE
		SET n = refusals.n + excluded.n, at = greatest(refusals.at, excluded.at)`

// AddRefusals implements [store.Refusals].
func (db *DB) AddRefusals(ctx context.Context, more []store.Refusal, now time.Time) error {
	err := db.api.Once(ctx, func(b *postgres.Batch) {
		execEach(b, addRefusals, more, func(rows *postgres.Rows, r store.Refusal) {
			rows.Always(r.Slot()).Text(r.Shop).Text(r.Reason).Int(r.Count).Always(r.At)
		})
		b.Exec(`DELETE FROM refusals WHERE at < $1`, postgres.Always(now.Add(-store.RefusalsKept)))
	})
	return wrap("count refusals", err)
}

// Refusals implements [store.Refusals].
func (db *DB) Refusals(ctx context.Context, since time.Time) ([]store.Refusal, error) {
	return list(ctx, db.api, "list refusals", rows.Refusal, `SELECT shop, reason, sum(n)::bigint, max(at)
		FROM refusals WHERE at >= $1 GROUP BY shop, reason ORDER BY 4 DESC, shop, reason`, postgres.Always(since))
}
