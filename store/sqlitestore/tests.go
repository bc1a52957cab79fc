package sqlitestore

import (
	"context"
	"time"

	"bellhop"
	"bellhop/internal/sqlitefile"
	"bellhop/store/rows"
	"bellhop/store/rules"
)

// A test push is a row without an order. A device has one at most.
const (
	testStatus = `SELECT p.status FROM pushes p WHERE p.shop_id = ? AND p.order_no = 0 AND p.device_id = ?
		AND p.kind = 'test'`
	putTest = `INSERT INTO pushes (shop_id, order_no, device_id, kind, status, attempts, created_at, next_at)
		VALUES (?,0,?,'test','pending',0,?,?)
		ON CONFLICT (shop_id, order_no, device_id, kind) DO UPDATE SET status = 'pending', attempts = 0,
			created_at = excluded.created_at, next_at = excluded.next_at, reason = NULL, first_attempt_at = NULL,
			sent_at = NULL, received_at = NULL, opened_at = NULL, gathered_since = NULL WHERE status <> 'sending'`
	listTests = `SELECT ` + rows.TestColumns + ` FROM pushes p JOIN devices d ON d.id = p.device_id
		WHERE p.shop_id = (SELECT id FROM shops WHERE domain = ?) AND p.order_no = 0 ORDER BY p.device_id`
)

// TestDevice implements [store.Devices].
func (db *DB) TestDevice(ctx context.Context, shop, installation string, at time.Time) error {
	err := db.write(ctx, "owe a device a test push", func(tx *sqlitefile.Tx) error {
		var own int64
		id, err := first(tx.Prepare(`SELECT d.shop_id, d.id FROM devices d JOIN shops s ON s.id = d.shop_id
			WHERE s.domain = ? AND d.installation = ? AND d.retired_at IS NULL`).Text(shop).Text(installation), "device",
			func(r sqlitefile.Row) int64 { own = r.Int(); return r.Int() })
		if err != nil {
			return err
		}
		var was bellhop.PushStatus
		_, err = tx.Prepare(testStatus).Int(own).Int(id).First(func(r sqlitefile.Row) { was = bellhop.PushStatus(r.Text()) })
		if err != nil || was == bellhop.PushSending {
			return err
		}
		if err := tx.Prepare(putTest).Int(own).Int(id).Time(at).Time(at).Exec(); err != nil {
			return err
		}
		var counts rules.Tally[bellhop.PushStatus]
		counts.Move(was, bellhop.PushPending)
		return flush(tx.Conn, pushTotals, &counts)
	})
	if err == nil {
		db.wake()
	}
	return err
}

// TestPushes implements [store.Devices].
func (db *DB) TestPushes(ctx context.Context, shop string) ([]bellhop.Push, error) {
	return list(ctx, db.read, "list pushes that try devices out", rows.PushOf[sqlitefile.Row](shop), listTests, shop)
}
