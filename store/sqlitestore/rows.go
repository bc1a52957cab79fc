package sqlitestore

import (
	"cmp"
	"strings"

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
		found, err := c.Prepare(`SELECT no, ` + rows.LoadedColumns + ` FROM orders WHERE shop_id = ? AND order_id = ?`).
			Int(k.Shop).Int(k.ID).First(func(r sqlitefile.Row) { o.Row, o.State = r.Int(), rows.State(r) })
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

// loadKnown loads an order's content if the rule needs it for a fact.
func loadKnown(c *sqlitefile.Conn, o *rules.StoredOrder, f *bellhop.Fact) error {
	if o == nil || o.Known != nil || !rules.Reads(&o.State, f) {
		return nil
	}
	known, err := readDocumented(c, f.Event.Shop, o.Row)
	o.Known = &known
	return err
}

// bindState binds rows.StateColumns.
func bindState(st *sqlitefile.Stmt, s *rules.State) *sqlitefile.Stmt {
	return st.Bool(s.Deleted).Time(s.Version.UpdatedAt).Time(s.Version.TriggeredAt).Int(int64(s.Version.Hash)).
		Time(s.EditedAt).Time(s.RefundedAt).Int(s.RefundID).TextOrNull(driver.WriteHistory(&s.History)).
		Time(s.RedactedAt).TextOrNull(s.RedactedFor)
}

// saveOrder saves an order's row. A row without content is no order yet, or no longer. t is the content's, if it
// was written before.
func saveOrder(c *sqlitefile.Conn, o *rules.OrderChange, t *texts) (err error) {
	if t == nil && o.Content != nil {
		t = textsOf(o.Content.Order)
	}
	switch {
	case o.Row == 0 && o.Content == nil:
		err = bindState(c.Prepare(insertState).Int(o.Shop).Int(o.ID), &o.State).Exec()
		o.Row = c.LastID()
		return err
	case o.Row == 0:
		if err := saveSought(c, o, t); err != nil {
			return err
		}
		st := bindState(c.Prepare(insertOrder).Int(o.Shop).Int(o.ID), &o.State)
		if err := bindTrace(bindContent(st, o.Content.Order, t), o.First).Exec(); err != nil {
			return err
		}
		o.Row = c.LastID()
		return insertSought(c, o.Row, t)
	case o.Wiped:
		return wipe(c, o)
	case o.Content != nil:
		return updateContent(c, o, t)
	}
	if err := bindState(c.Prepare(updateState), &o.State).Int(o.Row).Exec(); err != nil {
		return err
	}
	return seekParcels(c, o)
}

// The statements that write an order's row.
var (
	insertState = `INSERT INTO orders (` + keyColumns + `, ` + rows.StateColumns + `) VALUES (` +
		marks(keyColumns, rows.StateColumns) + `)`
	insertOrder = `INSERT INTO orders (` + keyColumns + `, ` + rows.StateColumns + `, ` + contentColumns + `, ` +
		rows.TraceColumns + `) VALUES (` + marks(keyColumns, rows.StateColumns, contentColumns, rows.TraceColumns) + `)`
	updateState = `UPDATE orders SET (` + rows.StateColumns + `) = (` + marks(rows.StateColumns) + `) WHERE no = ?`
	updateOrder = `UPDATE orders SET (` + rows.StateColumns + `, ` + contentColumns + `) = (` +
		marks(rows.StateColumns, contentColumns) + `) WHERE no = ?`
	wipeOrder = `UPDATE orders SET (` + rows.StateColumns + `, ` + contentColumns + `, ` + rows.TraceColumns + `) = (` +
		strings.Replace(marks(rows.StateColumns, contentColumns, rows.TraceColumns), "?", "1", 1) + `) WHERE no = ?`
	updateTrace = `UPDATE orders SET (` + rows.TraceColumns + `) = (` + marks(rows.TraceColumns) + `) WHERE no = ?`
)

const keyColumns = `shop_id, order_id`

// marks returns a question mark for each of the columns.
func marks(columns ...string) string {
	n := strings.Count(strings.Join(columns, ","), ",") + 1
	return strings.Repeat("?,", n-1) + "?"
}

// contentColumns are bindContent's columns.
const contentColumns = rows.ContentColumns + `, sought`

func bindContent(st *sqlitefile.Stmt, o *bellhop.Order, t *texts) *sqlitefile.Stmt {
	st.Int(o.PlacedAt.UnixMicro()).Int(driver.Offset(o.PlacedAt)).Int(o.UpdatedAt.UnixMicro()).
		Int(driver.Offset(o.UpdatedAt)).
		Time(o.CancelledAt).Text(o.Name).Int(o.Number).Text(o.Total.Currency).Text(t.total)
	if o.Presentment == nil {
		st.Null().Null()
	} else {
		st.Text(o.Presentment.Currency).Text(t.presentment)
	}
	return st.TextOrNull(o.CustomerName).TextOrNull(o.CustomerEmail).TextOrNull(o.Note).Text(o.FinancialStatus).
		Text(o.FulfillmentStatus).Bool(o.Test).Int(int64(len(o.Items))).
		Time(o.CreatedAt).Int(driver.Offset(o.CreatedAt)).Text(t.current).Int(o.Pieces).Text(t.details).Int(t.sought)
}

// bindTrace binds rows.TraceColumns.
func bindTrace(st *sqlitefile.Stmt, first *bellhop.Fact) *sqlitefile.Stmt {
	e := first.Event
	return st.Text(string(bellhop.HandlingNew)).Time(e.TriggeredAt).Time(e.AcceptedAt).Time(first.At).
		TextOrNull(e.TraceParent).TextOrNull(bellhop.FoundBy(e.Topic))
}

// updateContent replaces an order's content. It sets handling and trace once, when the order
// comes after steps of its history.
func updateContent(c *sqlitefile.Conn, o *rules.OrderChange, t *texts) error {
	if err := saveSought(c, o, t); err != nil {
		return err
	}
	st := bindState(c.Prepare(updateOrder), &o.State)
	if err := bindContent(st, o.Content.Order, t).Int(o.Row).Exec(); err != nil {
		return err
	}
	if o.First != nil {
		return bindTrace(c.Prepare(updateTrace), o.First).Int(o.Row).Exec()
	}
	return deleteItems(c, o.Row)
}

// itemKey is where the lines begin of an order that was recorded before orders had details; it has
// fewer than [driver.MaxLines].
func itemKey(no int64) int64 { return no * driver.MaxLines }

func deleteItems(c *sqlitefile.Conn, no int64) error {
	return c.Prepare(`DELETE FROM items WHERE key >= ? AND key < ?`).Int(itemKey(no)).Int(itemKey(no + 1)).Exec()
}

// wipe leaves only an order's tombstone.
func wipe(c *sqlitefile.Conn, o *rules.OrderChange) error {
	st := c.Prepare(wipeOrder)
	for range strings.Count(wipeOrder, "?") - 1 {
		st.Null()
	}
	err := cmp.Or(st.Int(o.Row).Exec(), deleteSought(c, o.Row), saveTaking(c, o.Row, nil))
	if err != nil {
		return err
	}
	if err := deleteItems(c, o.Row); err != nil {
		return err
	}
	return c.Prepare(`DELETE FROM fanouts WHERE shop_id = ? AND order_no = ?`).Int(o.Shop).Int(o.Row).Exec()
}
