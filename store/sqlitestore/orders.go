package sqlitestore

import (
	"cmp"
	"context"
	"math"
	"time"

	"bellhop"
	"bellhop/internal/sqlitefile"
	"bellhop/store"
	"bellhop/store/driver"
	"bellhop/store/rows"
	"bellhop/store/rules"
)

// orderColumns are the columns for [rows.OrderOf], of a table or alias o.
const orderColumns = rows.OrderColumns +
	`(SELECT min(sent_at) FROM pushes WHERE shop_id = o.shop_id AND order_no = o.no)`

// Orders implements [store.Orders].
func (db *DB) Orders(ctx context.Context, shop string, q store.OrderQuery) (page store.OrderPage, err error) {
	placed, id := int64(math.MaxInt64), int64(math.MaxInt64)
	limit, err := driver.Page(q.Limit, q.Cursor, &placed, &id)
	if err != nil {
		return page, err
	}
	search, err := driver.ParseSearch(q)
	if err != nil {
		return page, err
	}
	read := db.read
	if q.Text != "" || q.Handling != "" {
		done, err := db.turns.Take(ctx, shop)
		if err != nil {
			return page, err
		}
		defer done()
		read = db.search
	}
	looked := 0
	err = read(ctx, "list orders", func(c *sqlitefile.Conn) error {
		own, err := shopID(c, shop)
		if err != nil || own == 0 {
			return err
		}
		return orderQuery(c, own, q, placed, id).Each(func(r sqlitefile.Row) error {
			no, at, order := r.Int(), r.Int(), r.Int()
			if looked == search.Depth {
				page.Next = driver.Cursor(placed, id)
				return errEnough
			}
			looked, placed, id = looked+1, at, order
			if search.Want != "" && !search.Matches(r.Text(), r.Int(), r.Text(), r.Text()) {
				return nil
			}
			if len(page.Orders) == limit {
				page.Next = driver.OrderCursor(&page.Orders[limit-1])
				return errEnough
			}
			o, err := readNo(c, no, shop)
			page.Orders = append(page.Orders, o)
			return err
		})
	})
	return page, ignore(err, errEnough)
}

// The lists walk the index orders_list backwards and stop once a page is full. They read
// the shown columns of the page's orders alone, since a search passes over many.
const (
	listOrders    = `FROM orders o WHERE o.shop_id = ? AND (o.placed_at, o.order_id) < (?, ?) AND o.placed_at >= ?`
	listHandling  = ` AND o.handling = ?`
	listCancelled = ` AND o.cancelled_at IS NOT NULL` // as the index orders_cancelled has it
	listOrder     = ` ORDER BY o.placed_at DESC, o.order_id DESC`
	matchNames    = `, o.name, o.number, o.customer_name, o.customer_email`
)

func orderQuery(c *sqlitefile.Conn, shop int64, q store.OrderQuery, placed, id int64) *sqlitefile.Stmt {
	columns, where := `o.no, o.placed_at, o.order_id`, listOrders
	if q.Text != "" {
		columns += matchNames
	}
	if q.Handling != "" {
		where += listHandling
	}
	if q.Cancelled {
		where += listCancelled
	}
	st := c.Prepare(`SELECT ` + columns + ` ` + where + listOrder).Int(shop).Int(placed).Int(id).Int(floor(q.Since))
	if q.Handling != "" {
		st.Text(string(q.Handling))
	}
	return st
}

func readNo(c *sqlitefile.Conn, no int64, shop string) (bellhop.Order, error) {
	return first(c.Prepare(`SELECT `+orderColumns+` FROM orders o WHERE o.no = ?`).Int(no), "order",
		rows.OrderOf[sqlitefile.Row](shop))
}

// Order implements [store.Orders].
func (db *DB) Order(ctx context.Context, shop string, id int64) (bellhop.Order, error) {
	return get(ctx, db.read, "read an order", func(c *sqlitefile.Conn) (bellhop.Order, error) {
		return readWhole(c, shop, id)
	})
}

func readWhole(c *sqlitefile.Conn, shop string, id int64) (o bellhop.Order, err error) {
	var own int64
	no, err := first(c.Prepare(`SELECT o.shop_id, o.no FROM orders o
		WHERE o.shop_id = (SELECT id FROM shops WHERE domain = ?) AND o.order_id = ? AND o.placed_at IS NOT NULL`).
		Text(shop).Int(id), "order", func(r sqlitefile.Row) int64 { own = r.Int(); return r.Int() })
	if err != nil {
		return o, err
	}
	if o, err = readNo(c, no, shop); err != nil {
		return o, err
	}
	if o.Items, err = readItems(c, no, o.Total.Currency); err != nil {
		return o, err
	}
	o.Pushes, err = sqlitefile.All(c.Prepare(`SELECT `+rows.PushColumns+` FROM pushes p `+pushJoins+
		` WHERE p.shop_id = ? AND p.order_no = ? ORDER BY p.id`).Int(own).Int(no), rows.PushOf[sqlitefile.Row](shop))
	return o, err
}

func readItems(c *sqlitefile.Conn, no int64, currency string) ([]bellhop.Item, error) {
	return sqlitefile.All(c.Prepare(`SELECT `+rows.ItemColumns+`? FROM items i WHERE key >= ? AND key < ? ORDER BY key`).
		Text(currency).Int(itemKey(no)).Int(itemKey(no+1)), rows.Item)
}

// SetHandling implements [store.Orders].
func (db *DB) SetHandling(
	ctx context.Context, shop string, id int64, was, to bellhop.Handling, at time.Time,
) (o bellhop.Order, err error) {
	var refused error
	o, err = put(ctx, db, "set an order's handling", func(tx *sqlitefile.Tx) (bellhop.Order, error) {
		o, err := readWhole(tx.Conn, shop, id)
		if err != nil {
			return o, err
		}
		if refused = driver.CheckHandling(o.Handling, was, to); refused != nil || o.Handling == to {
			return o, nil
		}
		o.Handling = to
		own, err := ownShop(tx.Conn, shop)
		if err != nil {
			return o, err
		}
		err = tx.Prepare(`UPDATE orders SET handling = ? WHERE shop_id = ? AND order_id = ?`).
			Text(string(to)).Int(own).Int(id).Exec()
		if err != nil {
			return o, err
		}
		return o, addChange(tx.Conn, &rules.StreamRow{Kind: store.ChangeHandled, Shop: own, Order: id, At: at})
	})
	return o, cmp.Or(err, refused)
}
