package sqlitestore

import (
	"cmp"
	"context"
	"strings"
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

// Orders implements [store.Orders]. One query reads a page.
func (db *DB) Orders(ctx context.Context, shop string, q store.OrderQuery) (page store.OrderPage, err error) {
	l, err := driver.ParseList(q)
	if err != nil || l.Hopeless {
		return page, err
	}
	read := db.read
	if l.Narrow() {
		done, err := db.turns.Take(ctx, shop)
		if err != nil {
			return page, err
		}
		defer done()
		read = db.search
	}
	err = read(ctx, "list orders", func(c *sqlitefile.Conn) error {
		own, err := shopID(c, shop)
		if err == nil && own != 0 {
			page, err = readPage(c, own, shop, &l)
		}
		return err
	})
	return page, err
}

func readPage(c *sqlitefile.Conn, own int64, shop string, l *driver.List) (page store.OrderPage, err error) {
	q, match, few := driver.Query{}, driver.MatchFTS5(shop, l.Words), false
	if l.Words != nil {
		n, err := c.Prepare(`SELECT count(*) FROM (SELECT 1 FROM search WHERE search MATCH ? LIMIT ?)`).Text(match).
			Int(fewFound + 1).One()
		if err != nil {
			return page, err
		}
		few = n <= int64(min(fewFound, l.Depth))
	}
	if few {
		q.Add(` FROM search CROSS JOIN orders o ON o.no = search.rowid WHERE search MATCH ? AND o.shop_id = ?`, match, own)
	} else {
		q.Add(` FROM orders o WHERE o.shop_id = ?`, own)
	}
	l.Where(&q, micro)
	until := ""
	if l.Narrow() && !few {
		var first, last int64
		if until, first, last, err = lookUntil(c, own, l, &q); err != nil {
			return page, err
		}
		if l.Words != nil { // + keeps SQLite from beginning with all that match
			q.Add(` AND +o.no IN (SELECT rowid FROM search WHERE search MATCH ? AND rowid BETWEEN ? AND ?)`, match, first, last)
		}
	}
	q.Add(l.Order()+` LIMIT ?`, int64(l.Limit+1))
	found, err := sqlitefile.All(prepare(c, `SELECT `+orderColumns+q.Text, q.Args), rows.OrderOf[sqlitefile.Row](shop))
	return l.Page(found, until), err
}

// lookUntil bounds a page that may pass over many orders. It returns the cursor behind the last one
// that the page looks at, "" if that is the last of all, and between which numbers they are.
func lookUntil(c *sqlitefile.Conn, own int64, l *driver.List, q *driver.Query) (
	until string, first, last int64, err error) {
	walk := driver.Query{}
	walk.Add(` FROM orders o WHERE o.shop_id = ?`, own)
	l.Behind(&walk, micro)
	looked := walk
	looked.Add(l.Order()+` LIMIT ?`, int64(l.Depth))
	_, err = prepare(c, `SELECT min(no), max(no) FROM (SELECT o.no`+looked.Text+`)`, looked.Args).First(
		func(r sqlitefile.Row) { first, last = r.Int(), r.Int() })
	if err != nil {
		return "", 0, 0, err
	}
	var at, id int64
	walk.Add(l.Order()+` LIMIT 1 OFFSET ?`, int64(l.Depth-1))
	there, err := prepare(c, `SELECT `+l.Column()+`, o.order_id`+walk.Text, walk.Args).First(
		func(r sqlitefile.Row) { at, id = r.Int(), r.Int() })
	if err == nil && there {
		until = l.Until(at, id)
	}
	if until != "" {
		q.Add(` AND (`+l.Column()+`, o.order_id) >= (?, ?)`, at, id)
	}
	return until, first, last, err
}

// micro is a time as this database keeps it.
func micro(at int64) any { return at }

// prepare makes a statement of a query for any database.
func prepare(c *sqlitefile.Conn, text string, args []any) *sqlitefile.Stmt {
	return c.Prepare(strings.ReplaceAll(text, "$", "?")).Bind(args...)
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
	own, no, err := findOrder(c, shop, id)
	if err == nil && no == 0 {
		err = driver.NotFound("order")
	}
	if err != nil {
		return o, err
	}
	if o, err = readDocumented(c, shop, no); err != nil {
		return o, err
	}
	_, err = c.Prepare(`SELECT ` + rows.StepColumns + ` FROM orders o WHERE o.no = ?`).Int(no).First(
		func(r sqlitefile.Row) { o.Steps = rows.Steps(r) })
	if err != nil {
		return o, err
	}
	o.Pushes, err = sqlitefile.All(c.Prepare(`SELECT `+rows.PushColumns+` FROM pushes p `+pushJoins+
		` WHERE p.shop_id = ? AND p.order_no = ? ORDER BY p.id`).Int(own).Int(no), rows.PushOf[sqlitefile.Row](shop))
	return o, err
}

// findOrder returns its shop's id and its number, 0 for an order that is not there.
func findOrder(c *sqlitefile.Conn, shop string, id int64) (own, no int64, err error) {
	_, err = c.Prepare(`SELECT o.shop_id, o.no FROM orders o
		WHERE o.shop_id = (SELECT id FROM shops WHERE domain = ?) AND o.order_id = ? AND o.placed_at IS NOT NULL`).
		Text(shop).Int(id).First(func(r sqlitefile.Row) { own, no = r.Int(), r.Int() })
	return own, no, err
}

// readDocumented reads an order without its pushes.
func readDocumented(c *sqlitefile.Conn, shop string, no int64) (o bellhop.Order, err error) {
	if o, err = readNo(c, no, shop); err == nil {
		o.Details, o.History, err = readDocuments(c, no)
	}
	return o, err
}

// readDocuments reads an order's details and history.
func readDocuments(c *sqlitefile.Conn, no int64) (d bellhop.Details, h bellhop.History, err error) {
	_, err = c.Prepare(`SELECT details, history FROM orders WHERE no = ?`).Int(no).First(func(r sqlitefile.Row) {
		d, h = rows.Details(r), rows.History(r)
	})
	if err == nil && d.Schema == 0 && d.Items == nil {
		d.Items, err = readItems(c, no)
	}
	return d, h, err
}

func readItems(c *sqlitefile.Conn, no int64) ([]bellhop.Item, error) {
	return sqlitefile.All(c.Prepare(`SELECT `+rows.ItemColumns+` FROM items i WHERE key >= ? AND key < ? ORDER BY key`).
		Int(itemKey(no)).Int(itemKey(no+1)), rows.Item)
}

// SetHandling implements [store.Orders].
func (db *DB) SetHandling(
	ctx context.Context, shop string, id int64, was, to bellhop.Handling, at time.Time,
	unless func(*bellhop.Order) error,
) (o bellhop.Order, err error) {
	var refused error
	ended := false
	o, err = put(ctx, db, "set an order's handling", func(tx *sqlitefile.Tx) (bellhop.Order, error) {
		o, err := readWhole(tx.Conn, shop, id)
		if err != nil {
			return o, err
		}
		if refused = driver.CheckHandling(&o, was, to, unless); refused != nil || o.Handling == to {
			return o, nil
		}
		o.Handling = to
		var b rules.TakeBefore
		row, err := loadTaking(tx.Conn, &b, shop, id)
		if err != nil {
			return o, err
		}
		own := b.Shop
		if t := b.Taking.Ends(bellhop.EndedHandled, at.UTC()); t != nil && to == bellhop.HandlingHandled {
			ended = true
			if err := saveTaking(tx.Conn, row, t); err != nil {
				return o, err
			}
		}
		err = tx.Prepare(`UPDATE orders SET handling = ? WHERE shop_id = ? AND order_id = ?`).
			Text(string(to)).Int(own).Int(id).Exec()
		if err != nil {
			return o, err
		}
		return o, addChange(tx.Conn, &rules.StreamRow{Kind: store.ChangeHandled, Shop: own, Order: id, At: at})
	})
	if err == nil && ended {
		db.wake()
	}
	return o, cmp.Or(err, refused)
}

// Unhandled implements [store.Orders].
func (db *DB) Unhandled(ctx context.Context, shop string, most int) (store.Unhandled, error) {
	return get(ctx, db.read, "count orders", func(c *sqlitefile.Conn) (n store.Unhandled, err error) {
		count := func(h bellhop.Handling, to *int) error {
			found, err := c.Prepare(`SELECT count(*) FROM (SELECT 1 FROM orders WHERE placed_at IS NOT NULL
				AND shop_id = (SELECT id FROM shops WHERE domain = ?) AND handling = ? LIMIT ?)`).
				Text(shop).Text(string(h)).Int(int64(most)).One()
			*to = int(found)
			return err
		}
		return n, cmp.Or(count(bellhop.HandlingNew, &n.New), count(bellhop.HandlingSeen, &n.Seen))
	})
}
