package pgstore

import (
	"context"
	"slices"
	"time"

	"bellhop"
	"bellhop/internal/postgres"
	"bellhop/store"
	"bellhop/store/driver"
	"bellhop/store/rows"
	"bellhop/store/rules"
)

const (
	loadMarks  = `SELECT mark, until FROM privacy_marks WHERE mark = ANY($2::bytea[]) AND shop = ANY($1)`
	loadMarked = `SELECT n.shop FROM unnest($1::text[]) n(shop) WHERE EXISTS (SELECT FROM privacy_marks m
		WHERE m.shop = n.shop) LIMIT 1`
	// Shops that are unknown because they were erased, or are being.
	loadErased = `SELECT shop FROM privacy_requests WHERE shop = ANY($1) AND ` + rows.Erases + `
		AND NOT EXISTS (SELECT FROM shops WHERE domain = privacy_requests.shop)`
)

// loadForgetting queues a look for what the shops have to forget of the facts.
func (l *loading) loadForgetting(b *postgres.Batch, domains []string) {
	var marks [][]byte
	var unmarked []string
	for i := range l.facts {
		f := &l.facts[i]
		for k := range f.Marks {
			marks = append(marks, f.Marks[k][:])
		}
		if driver.Unmarked(f) && !slices.Contains(unmarked, f.Event.Shop) {
			unmarked = append(unmarked, f.Event.Shop)
		}
	}
	b.Rows(func(r *postgres.Row) { l.Erased[r.Text()] = true }, loadErased, domains)
	if len(marks) > 0 {
		b.Rows(l.addMark, loadMarks, domains, marks)
	}
	if len(unmarked) > 0 {
		b.Rows(func(r *postgres.Row) { l.unmarked = r.Text() }, loadMarked, unmarked)
	}
}

func (l *loading) addMark(r *postgres.Row) {
	var m bellhop.Mark
	copy(m[:], r.Blob())
	l.Marks[m] = r.Time()
}

// Marks implements [store.Privacy].
func (db *DB) Marks(ctx context.Context, shop string, of []bellhop.Mark) (map[bellhop.Mark]time.Time, error) {
	l := loading{}
	marks := make([][]byte, len(of))
	for i := range of {
		marks[i] = of[i][:]
	}
	err := db.worker.Read(ctx, func(b *postgres.Batch) {
		l.Marks = map[bellhop.Mark]time.Time{}
		b.Rows(l.addMark, loadMarks, []string{shop}, marks)
	})
	return l.Marks, wrap("look for marks", err)
}

// AddMarks implements [store.Privacy].
func (db *DB) AddMarks(ctx context.Context, shop string, marks map[bellhop.Mark]time.Time) error {
	var rows postgres.Rows
	for m, until := range marks {
		rows.Next().Bytes(m[:]).Text(shop).Time(until)
	}
	err := db.worker.Once(ctx, func(b *postgres.Batch) { exec(b, insertMarks, &rows) })
	return wrap("add marks", err)
}

// SettleMarks implements [store.Privacy]: it waits for its turn, as Record does.
func (db *DB) SettleMarks(ctx context.Context) error {
	err := db.worker.Once(ctx, func(b *postgres.Batch) { b.Exec(takeTurnAlone) })
	return wrap("wait for what is being recorded", err)
}

// personalOrders bounds the documents.
const personalOrders = `SELECT o.order_id, NOT o.deleted AND o.redacted_for IS NULL, o.details::text,
	o.history::text, ` + rows.OrderColumns + `NULL FROM (SELECT o.*, sum(o.size) OVER (ORDER BY o.order_id) AS upto FROM
		(SELECT *, coalesce(octet_length(details::text), 0) + coalesce(octet_length(history::text), 0) AS size FROM orders
			WHERE shop_id = (SELECT id FROM shops WHERE domain = $1) AND order_id > $2 ORDER BY order_id LIMIT $3) o) o
	WHERE o.upto - o.size < $4 ORDER BY o.order_id`

// PersonalOrders implements [store.Privacy].
func (db *DB) PersonalOrders(ctx context.Context, shop string, after int64, limit int) (
	orders []bellhop.Order, next int64, err error) {
	if err := driver.CheckLimit(limit); err != nil {
		return nil, 0, err
	}
	err = db.worker.Read(ctx, func(b *postgres.Batch) {
		orders, next = nil, 0
		b.Rows(func(r *postgres.Row) {
			id, personal := r.Int(), r.Bool()
			if next = id; personal {
				d, h := rows.Details(r), rows.History(r)
				o := rows.OrderOf[*postgres.Row](shop)(r)
				o.Details, o.History = d, h
				orders = append(orders, o)
			}
		}, personalOrders, shop, after, int64(limit), int64(store.ArchivedBytes))
	})
	if err == nil {
		err = db.addItems(ctx, shop, orders)
	}
	return orders, next, wrap("look for personal data", err)
}

// addItems adds the lines of orders that were recorded before orders had details.
func (db *DB) addItems(ctx context.Context, shop string, orders []bellhop.Order) error {
	var older []*bellhop.Order
	for i := range orders {
		if o := &orders[i]; o.Schema == 0 && o.Items == nil && !o.Version.IsZero() {
			older = append(older, o)
		}
	}
	if len(older) == 0 {
		return nil
	}
	return db.worker.Read(ctx, func(b *postgres.Batch) {
		for _, o := range older {
			o.Items = nil
			all(b, &o.Items, rows.Item, selectItems, shop, o.ID)
		}
	})
}

// RedactOrders implements [store.Privacy].
func (db *DB) RedactOrders(ctx context.Context, shop string, ids []int64, why string, at time.Time) (n int, err error) {
	if err := driver.CheckRedact(ids, why); err != nil {
		return 0, err
	}
	ids = slices.Compact(slices.Sorted(slices.Values(ids)))
	err = db.worker.Write(ctx, func(tx *postgres.Tx) error {
		found, err := lockWhole(tx, shop, ids)
		if err != nil {
			return err
		}
		r := recording{Recording: rules.PlanRedact(found, why, at)}
		if n = len(r.Orders); n == 0 {
			return nil
		}
		r.writes = newWrites(db, &r.Changes)
		if err := tx.Commit(r.save); err != nil {
			return err
		}
		r.writes.committed(ctx)
		return nil
	})
	return n, wrap("redact orders", err)
}

// lockWhole locks orders, and loads them whole.
func lockWhole(tx *postgres.Tx, shop string, ids []int64) (found []rules.WholeOrder, err error) {
	wholes := make([]whole, len(ids))
	stored := map[int64]*rules.WholeOrder{}
	err = tx.Do(func(b *postgres.Batch) {
		b.Rows(func(r *postgres.Row) {
			k := rules.OrderKey{Shop: r.Int(), ID: r.Int()}
			stored[k.ID] = &rules.WholeOrder{OrderKey: k, Domain: shop,
				StoredOrder: rules.StoredOrder{Row: 1, State: rows.State(r)}}
		}, loadOrders, slices.Repeat([]string{shop}, len(ids)), ids)
		for i, id := range ids {
			wholes[i].load(b, shop, id)
		}
	})
	for i, id := range ids {
		if o := stored[id]; o != nil {
			if wholes[i].there {
				o.Order = &wholes[i].order
			}
			found = append(found, *o)
		}
	}
	return found, err
}

// DropBodies implements [store.Privacy].
func (db *DB) DropBodies(ctx context.Context, shop string, events []bellhop.EventID) (int, error) {
	if err := driver.CheckDrop(events); err != nil {
		return 0, err
	}
	ids := make([][16]byte, len(events))
	for i, id := range events {
		ids[i] = id
	}
	var n int64
	err := db.worker.Once(ctx, func(b *postgres.Batch) { b.Count(&n, dropBodies+` AND shop = $2`, ids, shop) })
	return int(n), wrap("drop bodies", err)
}
