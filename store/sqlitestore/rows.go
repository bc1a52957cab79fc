package sqlitestore

import (
	"bellhop"
	"bellhop/internal/sqlitefile"
	"bellhop/store/driver"
	"bellhop/store/rows"
	"bellhop/store/rules"
)

// loadOrder loads an order, if it is there; with its owed pushes if they must go.
func loadOrder(c *sqlitefile.Conn, orders map[rules.OrderKey]*rules.StoredOrder, k rules.OrderKey, goes bool) (
	err error) {
	o := orders[k]
	if o == nil {
		o = &rules.StoredOrder{}
		s := &o.State
		found, err := c.Prepare(`SELECT no, deleted, version_updated_at, version_triggered_at, version_hash, edit_at, edit_id,
			refund_at, refund_id, financial_status, cancelled_at IS NOT NULL FROM orders WHERE shop_id = ? AND order_id = ?`).
			Int(k.Shop).Int(k.ID).First(func(r sqlitefile.Row) {
			o.Row, s.Deleted = r.Int(), r.Bool()
			s.Version = bellhop.Version{UpdatedAt: r.Time(), TriggeredAt: r.Time(), Hash: uint64(r.Int())}
			s.Edit = rows.Touch(r, bellhop.TouchEdit)
			s.Refund = rows.Touch(r, bellhop.TouchRefund)
			s.Paid = (&bellhop.Order{FinancialStatus: r.Text()}).WasPaid()
			s.Cancelled = r.Bool()
		})
		if err != nil || !found {
			return err
		}
		orders[k] = o
	}
	if goes && o.Owed == nil {
		o.Owed, err = loadPushes(c, owedOf, k.Shop, o.Row)
	}
	return err
}

// bindState binds rows.StateColumns.
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

// saveOrder saves an order's row. A row without content is no order yet, or no longer.
func saveOrder(c *sqlitefile.Conn, o *rules.OrderChange, a amounts) (err error) {
	switch {
	case o.Row == 0 && o.Content == nil:
		st := c.Prepare(`INSERT INTO orders (shop_id, order_id, ` + rows.StateColumns + `) VALUES (?,?,?,?,?,?,?,?,?,?)`).
			Int(o.Shop).Int(o.ID)
		err = bindState(st, o.State).Exec()
		o.Row = c.LastID()
		return err
	case o.Row == 0:
		return insertOrder(c, o, a)
	case o.Wiped:
		return wipe(c, o)
	case o.Content != nil:
		return updateOrder(c, o, a)
	}
	st := c.Prepare(`UPDATE orders SET (` + rows.StateColumns + `) = (?,?,?,?,?,?,?,?) WHERE no = ?`)
	return bindState(st, o.State).Int(o.Row).Exec()
}

// bindContent binds rows.ContentColumns.
func bindContent(st *sqlitefile.Stmt, o *bellhop.Order, a amounts) *sqlitefile.Stmt {
	st.Int(o.PlacedAt.UnixMicro()).Int(driver.Offset(o.PlacedAt)).Int(o.UpdatedAt.UnixMicro()).
		Int(driver.Offset(o.UpdatedAt)).Time(o.CancelledAt).Text(o.Name).Int(o.Number).Text(o.Total.Currency).Text(a.total)
	if o.Presentment == nil {
		st.Null().Null()
	} else {
		st.Text(o.Presentment.Currency).Text(a.presentment)
	}
	return st.TextOrNull(o.CustomerName).TextOrNull(o.CustomerEmail).TextOrNull(o.Note).Text(o.FinancialStatus).
		Text(o.FulfillmentStatus).Bool(o.Test).Int(int64(len(o.Items)))
}

// bindTrace binds rows.TraceColumns.
func bindTrace(st *sqlitefile.Stmt, first *bellhop.Fact) *sqlitefile.Stmt {
	e := first.Event
	return st.Text(string(bellhop.HandlingNew)).Time(e.TriggeredAt).Time(e.AcceptedAt).Time(first.At).
		TextOrNull(e.TraceParent)
}

func insertOrder(c *sqlitefile.Conn, o *rules.OrderChange, a amounts) error {
	st := c.Prepare(`INSERT INTO orders (shop_id, order_id, ` + rows.StateColumns + `, ` + rows.ContentColumns + `, ` +
		rows.TraceColumns + `) VALUES (?,?, ?,?,?,?,?,?,?,?, ?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?, ?,?,?,?,?)`).Int(o.Shop).
		Int(o.ID)
	if err := bindTrace(bindContent(bindState(st, o.State), o.Content.Order, a), o.First).Exec(); err != nil {
		return err
	}
	o.Row = c.LastID()
	return insertItems(c, o, a)
}

// updateOrder replaces an order's content. It sets handling and trace once, when the order
// comes after its touches.
func updateOrder(c *sqlitefile.Conn, o *rules.OrderChange, a amounts) error {
	st := c.Prepare(`UPDATE orders SET (` + rows.StateColumns + `, ` + rows.ContentColumns + `)
		= (?,?,?,?,?,?,?,?, ?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?) WHERE no = ?`)
	if err := bindContent(bindState(st, o.State), o.Content.Order, a).Int(o.Row).Exec(); err != nil {
		return err
	}
	if o.First != nil {
		st := c.Prepare(`UPDATE orders SET (` + rows.TraceColumns + `) = (?,?,?,?,?) WHERE no = ?`)
		if err := bindTrace(st, o.First).Int(o.Row).Exec(); err != nil {
			return err
		}
	} else if err := deleteItems(c, o.Row); err != nil {
		return err
	}
	return insertItems(c, o, a)
}

// itemKey is where the lines of an order begin; there are fewer than [driver.MaxLines].
func itemKey(no int64) int64 { return no * driver.MaxLines }

func deleteItems(c *sqlitefile.Conn, no int64) error {
	return c.Prepare(`DELETE FROM items WHERE key >= ? AND key < ?`).Int(itemKey(no)).Int(itemKey(no + 1)).Exec()
}

func insertItems(c *sqlitefile.Conn, o *rules.OrderChange, a amounts) error {
	for i := range o.Content.Order.Items {
		item := &o.Content.Order.Items[i]
		err := c.Prepare(`INSERT INTO items (key, item_id, title, variant, sku, quantity, price)
			VALUES (?,?,?,?,?,?,?)`).Int(itemKey(o.Row) + int64(i)).Int(item.ID).Text(item.Title).Text(item.Variant).
			Text(item.SKU).Int(item.Quantity).Text(a.prices[i]).Exec()
		if err != nil {
			return err
		}
	}
	return nil
}

// wipe leaves only an order's tombstone.
func wipe(c *sqlitefile.Conn, o *rules.OrderChange) error {
	err := c.Prepare(`UPDATE orders SET (` + rows.StateColumns + `, ` + rows.ContentColumns + `, ` + rows.TraceColumns + `)
		= (1,NULL,NULL,NULL,NULL,NULL,NULL,NULL, NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,
		NULL,NULL,NULL,NULL, NULL,NULL,NULL,NULL,NULL) WHERE no = ?`).Int(o.Row).Exec()
	if err != nil {
		return err
	}
	if err := deleteItems(c, o.Row); err != nil {
		return err
	}
	return c.Prepare(`DELETE FROM fanouts WHERE shop_id = ? AND order_no = ?`).Int(o.Shop).Int(o.Row).Exec()
}
