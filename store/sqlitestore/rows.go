package sqlitestore

import (
	"time"

	"bellhop"
	"bellhop/internal/sqlitefile"
	"bellhop/store"
	"bellhop/store/driver"
	"bellhop/store/rules"
)

// loadState returns no 0 for an order that was never heard of.
func loadState(c *sqlitefile.Conn, shop, orderID int64) (no int64, s rules.State, err error) {
	_, err = c.Prepare(`SELECT no, deleted, version_updated_at, version_triggered_at, version_hash,
		edit_at, edit_id, refund_at, refund_id, financial_status, cancelled_at IS NOT NULL FROM orders WHERE shop_id = ? AND order_id = ?`).
		Int(shop).Int(orderID).First(func(r sqlitefile.Row) {
		no, s.Deleted = r.Int(), r.Bool()
		s.Version = bellhop.Version{UpdatedAt: r.Time(), TriggeredAt: r.Time(), Hash: uint64(r.Int())}
		s.Edit = readTouch(r, bellhop.TouchEdit)
		s.Refund = readTouch(r, bellhop.TouchRefund)
		s.Paid = (&bellhop.Order{FinancialStatus: r.Text()}).WasPaid()
		s.Cancelled = r.Bool()
	})
	return no, s, err
}

func readTouch(r sqlitefile.Row, kind bellhop.TouchKind) bellhop.Touch {
	t := bellhop.Touch{At: r.Time(), ID: r.Int()}
	if t != (bellhop.Touch{}) {
		t.Kind = kind
	}
	return t
}

// stateColumns are what bindState binds.
const stateColumns = `deleted, version_updated_at, version_triggered_at, version_hash, edit_at, edit_id, refund_at, refund_id`

func bindState(st *sqlitefile.Stmt, s rules.State) *sqlitefile.Stmt {
	st.Bool(s.Deleted).Time(s.Version.UpdatedAt).Time(s.Version.TriggeredAt).Int(int64(s.Version.Hash))
	for _, t := range [...]bellhop.Touch{s.Edit, s.Refund} {
		if t.At.IsZero() && t.ID == 0 {
			st.Null().Null()
		} else {
			st.Time(t.At).Int(t.ID)
		}
	}
	return st
}

// insertState makes a row that is no order yet, or no longer.
func insertState(c *sqlitefile.Conn, shop, orderID int64, s rules.State) (no int64, err error) {
	st := c.Prepare(`INSERT INTO orders (shop_id, order_id, ` + stateColumns + `) VALUES (?,?,?,?,?,?,?,?,?,?)`).
		Int(shop).Int(orderID)
	err = bindState(st, s).Exec()
	return c.LastID(), err
}

func updateState(c *sqlitefile.Conn, no int64, s rules.State) error {
	st := c.Prepare(`UPDATE orders SET (` + stateColumns + `) = (?,?,?,?,?,?,?,?) WHERE no = ?`)
	return bindState(st, s).Int(no).Exec()
}

// contentColumns are what bindContent binds.
const contentColumns = `placed_at, placed_offset, updated_at, updated_offset, cancelled_at, name, number, currency, total,
	presentment_currency, presentment_total, customer_name, customer_email, note, financial_status,
	fulfillment_status, test, lines`

func bindContent(st *sqlitefile.Stmt, e *entry) *sqlitefile.Stmt {
	o := e.Order
	st.Int(o.PlacedAt.UnixMicro()).Int(driver.Offset(o.PlacedAt)).Int(o.UpdatedAt.UnixMicro()).Int(driver.Offset(o.UpdatedAt)).
		Time(o.CancelledAt).Text(o.Name).Int(o.Number).Text(o.Total.Currency).Text(e.total)
	if o.Presentment == nil {
		st.Null().Null()
	} else {
		st.Text(o.Presentment.Currency).Text(e.presentment)
	}
	return st.TextOrNull(o.CustomerName).TextOrNull(o.CustomerEmail).TextOrNull(o.Note).Text(o.FinancialStatus).
		Text(o.FulfillmentStatus).Bool(o.Test).Int(int64(len(o.Items)))
}

// traceColumns are what bindTrace binds.
const traceColumns = `handling, triggered_at, accepted_at, recorded_at, trace_parent`

func bindTrace(st *sqlitefile.Stmt, e *entry) *sqlitefile.Stmt {
	return st.Text(string(bellhop.HandlingNew)).Time(e.Event.TriggeredAt).Time(e.Event.AcceptedAt).Time(e.At).
		TextOrNull(e.Event.TraceParent)
}

func insertOrder(c *sqlitefile.Conn, shop int64, s rules.State, e *entry) (no int64, err error) {
	st := c.Prepare(`INSERT INTO orders (shop_id, order_id, ` + stateColumns + `, ` + contentColumns + `, ` + traceColumns + `)
		VALUES (?,?, ?,?,?,?,?,?,?,?, ?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?, ?,?,?,?,?)`).Int(shop).Int(e.OrderID)
	if err := bindTrace(bindContent(bindState(st, s), e), e).Exec(); err != nil {
		return 0, err
	}
	no = c.LastID()
	return no, insertItems(c, no, e)
}

// updateOrder replaces what is known of an order. Handling and trace are set
// once, when the order comes after what merely named it.
func updateOrder(c *sqlitefile.Conn, no int64, m rules.Merged, e *entry) error {
	st := c.Prepare(`UPDATE orders SET (` + stateColumns + `, ` + contentColumns + `)
		= (?,?,?,?,?,?,?,?, ?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?) WHERE no = ?`)
	if err := bindContent(bindState(st, m.State), e).Int(no).Exec(); err != nil {
		return err
	}
	if m.First {
		st := c.Prepare(`UPDATE orders SET (` + traceColumns + `) = (?,?,?,?,?) WHERE no = ?`)
		if err := bindTrace(st, e).Int(no).Exec(); err != nil {
			return err
		}
	} else if err := deleteItems(c, no); err != nil {
		return err
	}
	return insertItems(c, no, e)
}

// itemKey is where the lines of an order begin; there are fewer than
// [store.MaxLines].
func itemKey(no int64) int64 { return no * driver.MaxLines }

func deleteItems(c *sqlitefile.Conn, no int64) error {
	return c.Prepare(`DELETE FROM items WHERE key >= ? AND key < ?`).Int(itemKey(no)).Int(itemKey(no + 1)).Exec()
}

func insertItems(c *sqlitefile.Conn, no int64, e *entry) error {
	for i := range e.Order.Items {
		item := &e.Order.Items[i]
		err := c.Prepare(`INSERT INTO items (key, item_id, title, variant, sku, quantity, price)
			VALUES (?,?,?,?,?,?,?)`).Int(itemKey(no) + int64(i)).Int(item.ID).Text(item.Title).Text(item.Variant).
			Text(item.SKU).Int(item.Quantity).Text(e.prices[i]).Exec()
		if err != nil {
			return err
		}
	}
	return nil
}

// wipe leaves nothing of an order but its tombstone.
func (b *batch) wipe(shop, no int64, at time.Time) error {
	c := b.tx.Conn
	err := c.Prepare(`UPDATE orders SET (` + stateColumns + `, ` + contentColumns + `, ` + traceColumns + `)
		= (1,NULL,NULL,NULL,NULL,NULL,NULL,NULL, NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,
		NULL,NULL,NULL,NULL, NULL,NULL,NULL,NULL,NULL) WHERE no = ?`).Int(no).Exec()
	if err != nil {
		return err
	}
	if err := deleteItems(c, no); err != nil {
		return err
	}
	if err := c.Prepare(`DELETE FROM fanouts WHERE shop_id = ? AND order_no = ?`).Int(shop).Int(no).Exec(); err != nil {
		return err
	}
	st := c.Prepare(`SELECT id FROM pushes WHERE shop_id = ? AND order_no = ? AND next_at IS NOT NULL AND status <> 'sending'`).
		Int(shop).Int(no)
	return skipPushes(c, st, store.ReasonOrderDeleted, at, &b.pushes)
}
