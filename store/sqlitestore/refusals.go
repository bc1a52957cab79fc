package sqlitestore

import (
	"context"
	"time"

	"bellhop/internal/sqlitefile"
	"bellhop/store"
	"bellhop/store/rows"
)

// AddRefusals implements [store.Refusals].
func (db *DB) AddRefusals(ctx context.Context, more []store.Refusal, now time.Time) error {
	return db.write(ctx, "count refusals", func(tx *sqlitefile.Tx) error {
		for _, r := range more {
			err := tx.Prepare(`INSERT INTO refusals (slot, shop, reason, n, at) VALUES (?,?,?,?,?)
				ON CONFLICT (slot, shop, reason) DO UPDATE SET n = n + excluded.n, at = max(at, excluded.at)`).
				Int(micros(r.Slot())).Text(r.Shop).Text(r.Reason).Int(r.Count).Int(micros(r.At)).Exec()
			if err != nil {
				return err
			}
		}
		return tx.Prepare(`DELETE FROM refusals WHERE at < ?`).Int(micros(now.Add(-store.RefusalsKept))).Exec()
	})
}

// Refusals implements [store.Refusals].
func (db *DB) Refusals(ctx context.Context, since time.Time) ([]store.Refusal, error) {
	return list(ctx, db.read, "list refusals", rows.Refusal, `SELECT shop, reason, sum(n), max(at) FROM refusals
		WHERE at >= ? GROUP BY shop, reason ORDER BY 4 DESC, shop, reason`, micros(since))
}
