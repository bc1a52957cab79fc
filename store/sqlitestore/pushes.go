package sqlitestore

import (
	"context"
	"math"
	"time"

	"bellhop"
	"bellhop/internal/sqlitefile"
	"bellhop/store"
	"bellhop/store/driver"
)

// pushColumns are the columns for readPush, of p and pushJoins.
const (
	pushColumns = `p.id, o.order_id, o.name, p.device_id, d.installation, p.kind, p.status, p.attempts, p.reason,
		o.accepted_at, p.created_at, p.next_at, p.sent_at, p.received_at, p.opened_at`
	pushJoins = `CROSS JOIN orders o ON o.no = p.order_no LEFT JOIN devices d ON d.id = p.device_id`
)

func readPush(r sqlitefile.Row, shop string) bellhop.Push {
	return bellhop.Push{Shop: shop, ID: r.Int(), OrderID: r.Int(), OrderName: r.Text(), DeviceID: r.Int(),
		Installation: r.Text(), Kind: bellhop.PushKind(r.Text()), Status: bellhop.PushStatus(r.Text()),
		Attempts: int(r.Int()), Reason: r.Text(), AcceptedAt: r.Time(), CreatedAt: r.Time(), NextAt: r.Time(),
		SentAt: r.Time(), ReceivedAt: r.Time(), OpenedAt: r.Time()}
}

func pushOf(shop string) func(sqlitefile.Row) bellhop.Push {
	return func(r sqlitefile.Row) bellhop.Push { return readPush(r, shop) }
}

// Pushes implements [store.Deliveries]. Newest first goes by the order, so that one
// index finds an order's pushes and lists a shop's.
func (db *DB) Pushes(ctx context.Context, shop string, q store.PushQuery) (page store.PushPage, err error) {
	no, before := int64(math.MaxInt64), int64(math.MaxInt64)
	limit, err := driver.Page(q.Limit, q.Cursor, &no, &before)
	if err != nil {
		return page, err
	}
	if q.Status != "" {
		if _, err := bellhop.ParsePushStatus(string(q.Status)); err != nil {
			return page, err
		}
	}
	err = db.search(ctx, "list pushes", func(c *sqlitefile.Conn) error {
		own, err := shopID(c, shop)
		if err != nil || own == 0 {
			return err
		}
		return pushQuery(c, own, q, no, before, limit+1).Each(func(r sqlitefile.Row) error {
			if len(page.Pushes) == limit {
				page.Next = driver.Cursor(no, page.Pushes[limit-1].ID)
				return nil
			}
			no = r.Int()
			page.Pushes = append(page.Pushes, readPush(r, shop))
			return nil
		})
	})
	return page, err
}

func pushQuery(c *sqlitefile.Conn, shop int64, q store.PushQuery, no, before int64, limit int) *sqlitefile.Stmt {
	where := `p.shop_id = ? AND (p.order_no, p.id) < (?, ?)`
	switch q.Status {
	case "":
	case bellhop.PushUnknown, bellhop.PushFailed, bellhop.PushSkipped:
		where += ` AND p.status = ? AND p.status NOT BETWEEN 'pending' AND 'sent'` // the words of the partial index
	default:
		where += ` AND p.status = ?`
	}
	if q.OrderID != 0 {
		where += ` AND p.order_no = (SELECT no FROM orders WHERE shop_id = ? AND order_id = ?)`
	}
	st := c.Prepare(`SELECT p.order_no, ` + pushColumns + ` FROM pushes p ` + pushJoins + ` WHERE ` + where + `
		ORDER BY p.order_no DESC, p.id DESC LIMIT ?`).Int(shop).Int(no).Int(before)
	if q.Status != "" {
		st.Text(string(q.Status))
	}
	if q.OrderID != 0 {
		st.Int(shop).Int(q.OrderID)
	}
	return st.Int(int64(limit))
}

// PushReceipt implements [store.Deliveries].
func (db *DB) PushReceipt(ctx context.Context, shop string, id int64, opened bool, at time.Time) error {
	query := `UPDATE pushes SET received_at = coalesce(received_at, ?)`
	if opened {
		query = `UPDATE pushes SET opened_at = coalesce(opened_at, ?)`
	}
	return db.write(ctx, "note a receipt", func(tx *sqlitefile.Tx) error {
		return change(tx, "push", query+` WHERE id = ? AND shop_id = (SELECT id FROM shops WHERE domain = ?)`, at, id, shop)
	})
}

// PushCounts implements [store.Statistics].
func (db *DB) PushCounts(ctx context.Context) (m map[bellhop.PushStatus]int64, err error) {
	err = db.read(ctx, "count pushes", func(c *sqlitefile.Conn) (err error) {
		m, err = readTotals[bellhop.PushStatus](c, `SELECT status, n FROM push_totals`)
		return err
	})
	return m, err
}
