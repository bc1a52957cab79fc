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

// oldOrders is a step through a shop's orders by their last change.
const oldOrders = ` FROM orders o WHERE o.shop_id = (SELECT id FROM shops WHERE domain = $1) AND o.placed_at IS NOT NULL
	AND (o.updated_at, o.order_id) > ($2, $3) AND o.updated_at < $4 ORDER BY o.updated_at, o.order_id`

// OldOrders implements [store.Erasing].
func (db *DB) OldOrders(ctx context.Context, shop string, before time.Time, place string, limit int) (
	found []bellhop.Order, next string, err error) {
	w, err := driver.OldWalk(place, limit)
	if err != nil {
		return nil, "", err
	}
	from := []any{shop, postgres.Always(time.UnixMicro(w.At[0])), w.At[1], postgres.Always(before), driver.EraseAhead}
	err = db.worker.Read(ctx, func(b *postgres.Batch) {
		found = nil
		all(b, &found, rows.OrderOf[*postgres.Row](shop), `SELECT `+orderColumns+` FROM (SELECT o.*`+oldOrders+` LIMIT $5) o
			WHERE o.redacted_at IS NULL ORDER BY o.updated_at, o.order_id LIMIT $6`,
			append(from, min(limit, math.MaxInt32))...)
		b.Rows(func(r *postgres.Row) { w.End(r.Time().UnixMicro(), r.Int()) }, `SELECT o.updated_at, o.order_id`+oldOrders+
			` LIMIT 1 OFFSET $5 - 1`, from...)
	})
	if err != nil {
		return nil, "", wrap("look for old orders", err)
	}
	return found, w.Next(found), nil
}

// PruneLedger implements [store.Erasing]. Events that somebody records have their turn next time.
func (db *DB) PruneLedger(ctx context.Context, before time.Time, limit int) (int, error) {
	if err := driver.CheckLimit(limit); err != nil {
		return 0, err
	}
	_, last := driver.IDsAround(before, before)
	var n int64
	err := db.worker.Once(ctx, func(b *postgres.Batch) {
		b.Count(&n, `DELETE FROM events WHERE id IN (SELECT id FROM events WHERE id < $1 AND accepted_at < $2
			AND (outcome <> 'dead' OR body IS NULL) ORDER BY id LIMIT $3 FOR UPDATE SKIP LOCKED)`, postgres.ID(last),
			postgres.Always(before), min(limit, math.MaxInt32))
	})
	return int(n), wrap("drop old lines", err)
}

// Scrub implements [store.Erasing]. The server keeps what was deleted until a VACUUM FULL, which locks whole
// tables, and in its log.
func (db *DB) Scrub(context.Context) error { return nil }
