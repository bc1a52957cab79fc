package sqlitestore

import (
	"context"
	"math"
	"time"

	"bellhop"
	"bellhop/internal/sqlitefile"
	"bellhop/store"
	"bellhop/store/driver"
	"bellhop/store/rows"
)

const pushJoins = `CROSS JOIN orders o ON o.no = p.order_no LEFT JOIN devices d ON d.id = p.device_id`

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
		push := rows.PushOf[sqlitefile.Row](shop)
		return pushQuery(c, own, q, no, before, limit+1).Each(func(r sqlitefile.Row) error {
			if len(page.Pushes) == limit {
				page.Next = driver.Cursor(no, page.Pushes[limit-1].ID)
				return nil
			}
			no = r.Int()
			page.Pushes = append(page.Pushes, push(r))
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
	st := c.Prepare(`SELECT p.order_no, ` + rows.PushColumns + ` FROM pushes p ` + pushJoins + ` WHERE ` + where + `
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
		tried, err := first(tx.Prepare(`SELECT `+rows.Tried+` IS TRUE FROM pushes WHERE id = ?
			AND shop_id = (SELECT id FROM shops WHERE domain = ?)`).Int(id).Text(shop), "push", sqlitefile.Row.Bool)
		if err == nil && !tried {
			err = driver.NotSent()
		}
		if err != nil {
			return err
		}
		return tx.Prepare(query + ` WHERE id = ?`).Time(at).Int(id).Exec()
	})
}

// PushCounts implements [store.Statistics].
func (db *DB) PushCounts(ctx context.Context) (map[bellhop.PushStatus]int64, error) {
	return readTotals[bellhop.PushStatus](ctx, db, "count pushes", `SELECT status, n FROM push_totals`)
}
