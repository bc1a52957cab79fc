package pgstore

import (
	"context"
	"encoding/binary"
	"math"
	"time"

	"bellhop"
	"bellhop/internal/postgres"
	"bellhop/store/driver"
	"bellhop/store/rows"
)

// placeOf and eventAt make a place in the ledger of an event's id, and back.
func placeOf(id bellhop.EventID) driver.Place {
	return driver.Place{int64(binary.BigEndian.Uint64(id[:8])), int64(binary.BigEndian.Uint64(id[8:]))}
}

func eventAt(p driver.Place) (id bellhop.EventID) {
	binary.BigEndian.PutUint64(id[:8], uint64(p[0]))
	binary.BigEndian.PutUint64(id[8:], uint64(p[1]))
	return id
}

const oldOrders = ` FROM orders o JOIN shops s ON s.id = o.shop_id WHERE o.updated_at < $1
	AND o.placed_at IS NOT NULL AND o.redacted_at IS NULL ORDER BY o.updated_at LIMIT $2`

// OldOrders implements [store.Erasing].
func (db *DB) OldOrders(ctx context.Context, before time.Time, limit int) ([]bellhop.Order, error) {
	if err := driver.CheckLimit(limit); err != nil {
		return nil, err
	}
	return list(ctx, db.worker, "look for old orders", rows.OrderOfAny[*postgres.Row],
		`SELECT s.domain, `+orderColumns+oldOrders, postgres.Always(before), min(limit, math.MaxInt32))
}

// PruneLedger implements [store.Erasing]. Events that somebody records have their turn next time.
func (db *DB) PruneLedger(ctx context.Context, before time.Time, limit int) (int, error) {
	if err := driver.CheckLimit(limit); err != nil {
		return 0, err
	}
	_, last := driver.IDsAround(before, before)
	var n int64
	err := db.worker.Once(ctx, func(b *postgres.Batch) {
		b.Exec(`UPDATE statements SET lines = NULL WHERE id IN (SELECT id FROM statements WHERE length(lines) > 0
			AND from_at < $1 ORDER BY from_at LIMIT $2 FOR UPDATE SKIP LOCKED)`, postgres.Always(before),
			min(limit, math.MaxInt32))
		b.Count(&n, `DELETE FROM events WHERE id IN (SELECT id FROM events WHERE id < $1 AND accepted_at < $2
			AND (outcome <> 'dead' OR body IS NULL) ORDER BY id LIMIT $3 FOR UPDATE SKIP LOCKED)`, postgres.ID(last),
			postgres.Always(before), min(limit, math.MaxInt32))
	})
	return int(n), wrap("drop old lines", err)
}

// Scrub implements [store.Erasing]. The server keeps what was deleted until a VACUUM FULL, which locks whole
// tables, and in its log.
func (db *DB) Scrub(context.Context) error { return nil }
