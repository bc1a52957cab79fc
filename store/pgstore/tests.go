package pgstore

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"bellhop"
	"bellhop/internal/postgres"
	"bellhop/store/driver"
	"bellhop/store/rows"
	"bellhop/store/rules"
)

// A test push is a row without an order. A device has one at most.
const (
	findTest = `SELECT d.shop_id, d.id, coalesce(p.status, '') FROM devices d
		LEFT JOIN pushes p ON p.shop_id = d.shop_id AND p.order_id = 0 AND p.device_id = d.id AND p.kind = 'test'
		WHERE d.shop_id = (SELECT id FROM shops WHERE domain = $1) AND d.installation = $2 AND d.retired_at IS NULL
		FOR UPDATE OF d`
	putTest = `INSERT INTO pushes AS p (shop_id, order_id, device_id, kind, status, attempts, created_at, next_at, reason)
		VALUES ($1, 0, $2, 'test', 'pending', 0, $3, $3, '')
		ON CONFLICT (shop_id, order_id, device_id, kind) DO UPDATE SET status = 'pending', attempts = 0,
			created_at = excluded.created_at, next_at = excluded.next_at, reason = '', first_attempt_at = NULL,
			sent_at = NULL, received_at = NULL, opened_at = NULL, gathered_since = NULL`
	listTests = `SELECT ` + rows.TestColumns + ` FROM pushes p
		JOIN devices d ON d.id = p.device_id WHERE p.shop_id = (SELECT id FROM shops WHERE domain = $1) AND p.order_id = 0
		ORDER BY p.device_id`
)

// TestDevice implements [store.Devices]. It locks the device's row against claims and other
// tests.
func (db *DB) TestDevice(ctx context.Context, shop, installation string, at time.Time) error {
	err := db.api.Write(ctx, func(tx *postgres.Tx) error {
		var own, id int64
		var was bellhop.PushStatus
		err := tx.Do(func(b *postgres.Batch) {
			b.Each(func(r pgx.Rows) error { return r.Scan(&own, &id, postgres.TextTo(&was)) }, findTest, shop, installation)
		})
		if err == nil && id == 0 {
			err = driver.NotFound("device")
		}
		if err != nil || was == bellhop.PushSending {
			return err
		}
		w := newWrites(db, &rules.Changes{Wake: true})
		w.Statuses.Move(was, bellhop.PushPending)
		return w.commit(ctx, tx, func(b *postgres.Batch) { b.Exec(putTest, own, id, postgres.Always(at)) })
	})
	return wrap("owe a device a test push", err)
}

// TestPushes implements [store.Devices].
func (db *DB) TestPushes(ctx context.Context, shop string) ([]bellhop.Push, error) {
	return list(ctx, db.api, "list pushes that try devices out", rows.PushOf[*postgres.Row](shop), listTests, shop)
}
