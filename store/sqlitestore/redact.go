package sqlitestore

import (
	"context"
	"slices"
	"time"

	"bellhop"
	"bellhop/internal/sqlitefile"
	"bellhop/store"
	"bellhop/store/driver"
	"bellhop/store/rows"
	"bellhop/store/rules"
)

// loadForgetting finds out whether a shop has to forget somebody and, if it is missing, whether it was erased.
func loadForgetting(c *sqlitefile.Conn, shop string, missing bool, marked, gone map[string]bool) error {
	n, err := c.Prepare(`SELECT EXISTS (SELECT 1 FROM privacy_marks WHERE shop = ?)`).Text(shop).One()
	if err == nil && missing {
		gone[shop], err = erased(c, shop)
	}
	marked[shop] = n != 0
	return err
}

// erased reports whether a shop is unknown because it was erased, or is being.
func erased(c *sqlitefile.Conn, shop string) (bool, error) {
	n, err := c.Prepare(`SELECT EXISTS (SELECT 1 FROM privacy_requests WHERE shop = ?1 AND ` + rows.Erases + `)
		AND NOT EXISTS (SELECT 1 FROM shops WHERE domain = ?1)`).Text(shop).One()
	return n != 0, err
}

// loadMarks finds which of a fact's marks its shop has to forget.
func loadMarks(c *sqlitefile.Conn, f *bellhop.Fact, marks map[bellhop.Mark]time.Time) error {
	if driver.Unmarked(f) {
		return &store.UnmarkedError{Shop: f.Event.Shop}
	}
	return findMarks(c, f.Event.Shop, f.Marks, marks)
}

func findMarks(c *sqlitefile.Conn, shop string, of []bellhop.Mark, found map[bellhop.Mark]time.Time) error {
	for _, m := range of {
		_, err := c.Prepare(`SELECT until FROM privacy_marks WHERE shop = ? AND mark = ?`).Text(shop).Blob(m[:]).
			First(func(r sqlitefile.Row) { found[m] = r.Time() })
		if err != nil {
			return err
		}
	}
	return nil
}

// Marks implements [store.Privacy].
func (db *DB) Marks(ctx context.Context, shop string, of []bellhop.Mark) (map[bellhop.Mark]time.Time, error) {
	return get(ctx, db.read, "look for marks", func(c *sqlitefile.Conn) (map[bellhop.Mark]time.Time, error) {
		found := map[bellhop.Mark]time.Time{}
		return found, findMarks(c, shop, of, found)
	})
}

// AddMarks implements [store.Privacy].
func (db *DB) AddMarks(ctx context.Context, shop string, marks map[bellhop.Mark]time.Time) error {
	return db.write(ctx, "add marks", func(tx *sqlitefile.Tx) error {
		for m, until := range marks {
			if err := insertMark(tx.Conn, shop, m, until); err != nil {
				return err
			}
		}
		return nil
	})
}

// SettleMarks implements [store.Privacy]. Record reads marks inside the writer, so that none is under way that has not
// seen them.
func (db *DB) SettleMarks(context.Context) error { return nil }

// PersonalOrders implements [store.Privacy].
func (db *DB) PersonalOrders(ctx context.Context, shop string, after int64, limit int) (
	orders []bellhop.Order, next int64, err error) {
	if err := driver.CheckLimit(limit); err != nil {
		return nil, 0, err
	}
	err = db.proceed(ctx, "look for personal data", func(c *sqlitefile.Conn) error {
		orders, next = nil, 0
		size := 0
		err := c.Prepare(`SELECT o.no, o.order_id, o.deleted = 0 AND o.redacted_for IS NULL,
			coalesce(octet_length(o.details), 0) + coalesce(octet_length(o.history), 0), o.details, o.history, ` +
			rows.OrderColumns + `NULL FROM orders o WHERE o.shop_id = (SELECT id FROM shops WHERE domain = ?)
			AND o.order_id > ? ORDER BY o.order_id LIMIT ?`).Text(shop).Int(after).Int(int64(limit)).
			Each(func(r sqlitefile.Row) error {
				no, id, personal, bytes := r.Int(), r.Int(), r.Bool(), int(r.Int())
				if size += bytes; personal && size > store.ArchivedBytes && len(orders) > 0 {
					return errEnough
				}
				if next = id; !personal {
					return nil
				}
				o, err := personalOrder(c, r, no, shop)
				orders = append(orders, o)
				return err
			})
		return ignore(err, errEnough)
	})
	return orders, next, err
}

func personalOrder(c *sqlitefile.Conn, r sqlitefile.Row, no int64, shop string) (o bellhop.Order, err error) {
	d, h := rows.Details(r), rows.History(r)
	o = rows.OrderOf[sqlitefile.Row](shop)(r)
	if o.Details, o.History = d, h; d.Schema == 0 && d.Items == nil && !o.Version.IsZero() {
		o.Items, err = readItems(c, no)
	}
	return o, err
}

// RedactOrders implements [store.Privacy].
func (db *DB) RedactOrders(ctx context.Context, shop string, ids []int64, why string, at time.Time) (int, error) {
	if err := driver.CheckRedact(ids, why); err != nil {
		return 0, err
	}
	return put(ctx, db, "redact orders", func(tx *sqlitefile.Tx) (int, error) {
		own, err := shopID(tx.Conn, shop)
		if err != nil || own == 0 {
			return 0, err
		}
		var found []rules.WholeOrder
		for _, id := range slices.Compact(slices.Sorted(slices.Values(ids))) {
			w, err := wholeOrder(tx.Conn, shop, rules.OrderKey{Shop: own, ID: id})
			if err != nil {
				return 0, err
			}
			if w.Row != 0 {
				found = append(found, w)
			}
		}
		r := rules.PlanRedact(found, why, at)
		return len(r.Orders), save(tx, r, nil)
	})
}

// wholeOrder returns row 0 for a missing order.
func wholeOrder(c *sqlitefile.Conn, shop string, k rules.OrderKey) (w rules.WholeOrder, err error) {
	found := map[rules.OrderKey]*rules.StoredOrder{}
	if err := loadOrder(c, found, k, false); err != nil || found[k] == nil {
		return w, err
	}
	w = rules.WholeOrder{OrderKey: k, Domain: shop, StoredOrder: *found[k]}
	if w.State.Version.IsZero() {
		return w, nil
	}
	o, err := readNo(c, w.Row, shop)
	if err == nil {
		o.Details, o.History, err = readDocuments(c, w.Row)
	}
	w.Order = &o
	return w, err
}

// DropBodies implements [store.Privacy].
func (db *DB) DropBodies(ctx context.Context, shop string, events []bellhop.EventID) (int, error) {
	if err := driver.CheckDrop(events); err != nil {
		return 0, err
	}
	return put(ctx, db, "drop bodies", func(tx *sqlitefile.Tx) (n int, err error) {
		for _, id := range events { // the queue's are not settled yet
			err := tx.Prepare(`UPDATE events SET body = NULL, coding = 0 WHERE id = ? AND shop = ? AND body IS NOT NULL
				AND EXISTS (SELECT 1 FROM ledger WHERE seq = events.seq)`).Blob(id[:]).Text(shop).Exec()
			if err != nil {
				return 0, err
			}
			n += int(tx.Changes())
		}
		return n, nil
	})
}
