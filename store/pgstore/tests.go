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

// A push about no order is a row without one. A device has one of each kind at most.
const (
	findTest = `SELECT d.shop_id, d.id, coalesce(p.status, '') FROM devices d
		LEFT JOIN pushes p ON p.shop_id = d.shop_id AND p.order_id = 0 AND p.device_id = d.id AND p.kind = 'test'
		WHERE d.shop_id = (SELECT id FROM shops WHERE domain = $1) AND d.installation = $2 AND d.retired_at IS NULL
		FOR UPDATE OF d`
	ownersDevices = `SELECT d.shop_id, d.id, coalesce(p.status, '') FROM devices d
		JOIN memberships m ON m.shop_id = d.shop_id AND m.person_id = d.person_id AND m.role = 'owner'
		LEFT JOIN pushes p ON p.shop_id = d.shop_id AND p.order_id = 0 AND p.device_id = d.id
			AND p.kind = 'shop.disconnected'
		WHERE d.shop_id = (SELECT id FROM shops WHERE domain = $1) AND d.retired_at IS NULL
		ORDER BY d.id FOR NO KEY UPDATE OF d`
	putOrderless = `INSERT INTO pushes AS p (shop_id, order_id, device_id, kind, status, attempts, created_at, next_at,
			reason)
		VALUES ($1, 0, $2, $3, 'pending', 0, $4, $4, '')
		ON CONFLICT (shop_id, order_id, device_id, kind) DO UPDATE SET status = 'pending', attempts = 0,
			created_at = excluded.created_at, next_at = excluded.next_at, reason = '', first_attempt_at = NULL,
			sent_at = NULL, received_at = NULL, opened_at = NULL, gathered_since = NULL`
	listTests = `SELECT ` + rows.TestColumns + ` FROM pushes p
		JOIN devices d ON d.id = p.device_id WHERE p.shop_id = (SELECT id FROM shops WHERE domain = $1) AND p.order_id = 0
		AND p.kind = 'test' ORDER BY p.device_id`
)

// TestDevice implements [store.Devices]. It locks the device's row against claims and other
// tests.
func (db *DB) TestDevice(ctx context.Context, shop, installation string, at time.Time) error {
	err := db.api.Write(ctx, func(tx *postgres.Tx) error {
		var to []toOwe
		err := tx.Do(func(b *postgres.Batch) { findToOwe(b, &to, findTest, shop, installation) })
		if err == nil && len(to) == 0 {
			err = driver.NotFound("device")
		}
		if err != nil {
			return err
		}
		w := newWrites(db, &rules.Changes{Wake: true})
		return w.commit(ctx, tx, func(b *postgres.Batch) { w.owe(b, bellhop.PushTest, to, at) })
	})
	return wrap("owe a device a test push", err)
}

// toOwe is a device to owe a push about no order, and the status of the one before; "" for none.
type toOwe struct {
	shop, device int64
	was          bellhop.PushStatus
}

func findToOwe(b *postgres.Batch, to *[]toOwe, query string, args ...any) {
	b.Each(func(r pgx.Rows) error {
		var d toOwe
		err := r.Scan(&d.shop, &d.device, postgres.TextTo(&d.was))
		*to = append(*to, d)
		return err
	}, query, args...)
}

// owe queues a push about no order to each of some devices.
func (w *writes) owe(b *postgres.Batch, kind bellhop.PushKind, to []toOwe, at time.Time) {
	for _, d := range to {
		if d.was == bellhop.PushSending {
			continue
		}
		w.Statuses.Move(d.was, bellhop.PushPending)
		b.Exec(putOrderless, d.shop, d.device, string(kind), postgres.Always(at))
	}
}

// TestPushes implements [store.Devices].
func (db *DB) TestPushes(ctx context.Context, shop string) ([]bellhop.Push, error) {
	return list(ctx, db.api, "list pushes that try devices out", rows.PushOf[*postgres.Row](shop), listTests, shop)
}
