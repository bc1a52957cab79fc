package sqlitestore

import (
	"context"
	"time"

	"bellhop"
	"bellhop/internal/sqlitefile"
	"bellhop/store/rows"
	"bellhop/store/rules"
)

// A push about no order is a row without one. A device has one of each kind at most.
const (
	testStatus = `SELECT p.status FROM pushes p WHERE p.shop_id = ? AND p.order_no = 0 AND p.device_id = ?
		AND p.kind = 'test'`
	ownersDevices = `SELECT d.id, p.status FROM devices d
		JOIN memberships m ON m.shop_id = d.shop_id AND m.person_id = d.person_id AND m.role = 'owner'
		LEFT JOIN pushes p ON p.shop_id = d.shop_id AND p.order_no = 0 AND p.device_id = d.id
			AND p.kind = 'shop.disconnected'
		WHERE d.shop_id = ? AND d.retired_at IS NULL`
	putOrderless = `INSERT INTO pushes (shop_id, order_no, device_id, kind, status, attempts, created_at, next_at)
		VALUES (?,0,?,?,'pending',0,?,?)
		ON CONFLICT (shop_id, order_no, device_id, kind) DO UPDATE SET status = 'pending', attempts = 0,
			created_at = excluded.created_at, next_at = excluded.next_at, reason = NULL, first_attempt_at = NULL,
			sent_at = NULL, received_at = NULL, opened_at = NULL, gathered_since = NULL WHERE status <> 'sending'`
	listTests = `SELECT ` + rows.TestColumns + ` FROM pushes p JOIN devices d ON d.id = p.device_id
		WHERE p.shop_id = (SELECT id FROM shops WHERE domain = ?) AND p.order_no = 0 AND p.kind = 'test'
		ORDER BY p.device_id`
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
		if err != nil {
			return err
		}
		return owe(tx.Conn, own, bellhop.PushTest, []toOwe{{id, was}}, at)
	})
	if err == nil {
		db.wake()
	}
	return err
}

// toOwe is a device to owe a push about no order, and the status of the one before; "" for none.
type toOwe struct {
	device int64
	was    bellhop.PushStatus
}

func owe(c *sqlitefile.Conn, shop int64, kind bellhop.PushKind, to []toOwe, at time.Time) error {
	var counts rules.Tally[bellhop.PushStatus]
	for _, d := range to {
		if d.was == bellhop.PushSending {
			continue
		}
		err := c.Prepare(putOrderless).Int(shop).Int(d.device).Text(string(kind)).Time(at).Time(at).Exec()
		if err != nil {
			return err
		}
		counts.Move(d.was, bellhop.PushPending)
	}
	return flush(c, pushTotals, &counts)
}

// oweDisconnected owes the owners' devices the push about a connection that is lost.
func oweDisconnected(c *sqlitefile.Conn, shop int64, at time.Time) error {
	to, err := sqlitefile.All(c.Prepare(ownersDevices).Int(shop), func(r sqlitefile.Row) toOwe {
		return toOwe{r.Int(), bellhop.PushStatus(r.Text())}
	})
	if err != nil {
		return err
	}
	return owe(c, shop, bellhop.PushDisconnected, to, at)
}

// TestPushes implements [store.Devices].
func (db *DB) TestPushes(ctx context.Context, shop string) ([]bellhop.Push, error) {
	return list(ctx, db.read, "list pushes that try devices out", rows.PushOf[sqlitefile.Row](shop), listTests, shop)
}
