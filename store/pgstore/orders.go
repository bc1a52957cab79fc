package pgstore

import (
	"context"
	"math"
	"time"

	"bellhop"
	"bellhop/internal/postgres"
	"bellhop/store"
	"bellhop/store/driver"
	"bellhop/store/rows"
	"bellhop/store/rules"
)

// orderColumns are the columns for [rows.OrderOf], of a table or alias o.
const orderColumns = rows.OrderColumns +
	`(SELECT min(sent_at) FROM pushes p WHERE p.shop_id = o.shop_id AND p.order_id = o.order_id)`

// A list walks the index orders_list backwards from the end of the page before. A query
// narrows the rows to candidates; [driver.Search] decides.
const (
	listOrders = `SELECT ` + orderColumns + ` FROM orders o
	WHERE o.shop_id = (SELECT id FROM shops WHERE domain = $1) AND (o.placed_at, o.order_id) < ($2, $3)
	AND o.placed_at >= $4 AND (o.placed_at, o.order_id) >= ($9, $10)
		AND ($5 = '' OR o.handling = $5)
		AND ($6 = '' OR strpos(o.sought, $6) > 0 OR strpos(o.sought, $7) > 0 OR o.number::text = $7)`
	onlyCancelled = ` AND o.cancelled_at IS NOT NULL` // as the index orders_cancelled has it
	newestFirst   = ` ORDER BY o.placed_at DESC, o.order_id DESC LIMIT $8`
)

// place is where a page of orders begins.
type place struct {
	before time.Time
	id     int64
}

// far is after every order, and long before every order.
var (
	far  = time.Date(200_000, 1, 1, 0, 0, 0, 0, time.UTC)
	past = time.Date(-4_000, 1, 1, 0, 0, 0, 0, time.UTC)
)

// Orders implements [store.Orders].
func (db *DB) Orders(ctx context.Context, shop string, q store.OrderQuery) (page store.OrderPage, err error) {
	micros, id := far.UnixMicro(), int64(math.MaxInt64)
	limit, err := driver.Page(q.Limit, q.Cursor, &micros, &id)
	if err != nil {
		return page, err
	}
	from := place{time.UnixMicro(micros), id}
	search, err := driver.ParseSearch(q)
	if err != nil {
		return page, err
	}
	if q.Since.IsZero() {
		q.Since = past
	}
	last := place{past, math.MinInt64} // of the page
	if q.Text != "" || q.Handling != "" {
		done, err := db.turns.Take(ctx, shop)
		if err != nil {
			return page, err
		}
		defer done()
	}
	if q.Text != "" {
		if last, err = db.lastLooked(ctx, shop, q, from, search.Depth); err != nil {
			return page, err
		}
	}
	for {
		found, err := db.ordersFrom(ctx, shop, q, search, from, last, limit+1)
		if err != nil {
			return store.OrderPage{}, err
		}
		for i := range found {
			if o := &found[i]; search.Matches(o.Name, o.Number, o.CustomerName, o.CustomerEmail) {
				page.Orders = append(page.Orders, *o)
			}
		}
		switch {
		case len(page.Orders) > limit:
			page.Orders, page.Next = driver.Cut(page.Orders, limit, driver.OrderCursor)
			return page, nil
		case len(found) <= limit:
			if last.before != past {
				page.Next = driver.Cursor(last.before.UnixMicro(), last.id)
			}
			return page, nil
		}
		from = place{found[limit].PlacedAt, found[limit].ID}
	}
}

// lastLooked returns the last order that a page looks at, if there are more.
func (db *DB) lastLooked(ctx context.Context, shop string, q store.OrderQuery, from place, looks int) (
	last place, err error) {
	last = place{past, math.MinInt64}
	err = db.api.Read(ctx, func(b *postgres.Batch) {
		one(b, &last, func(r *postgres.Row) place { return place{r.Time(), r.Int()} }, `SELECT o.placed_at, o.order_id
		FROM orders o WHERE o.shop_id = (SELECT id FROM shops WHERE domain = $1) AND (o.placed_at, o.order_id) < ($2, $3)
		AND o.placed_at >= $4 ORDER BY o.placed_at DESC, o.order_id DESC OFFSET $5 LIMIT 1`,
			shop, postgres.Always(from.before), from.id, postgres.Always(q.Since), looks-1)
	})
	return last, wrap("list orders", err)
}

func (db *DB) ordersFrom(
	ctx context.Context, shop string, q store.OrderQuery, s driver.Search, from, last place, limit int,
) ([]bellhop.Order, error) {
	query := listOrders
	if q.Cancelled {
		query += onlyCancelled
	}
	return list(ctx, db.api, "list orders", rows.OrderOf[*postgres.Row](shop),
		query+newestFirst, shop, postgres.Always(from.before), from.id, postgres.Always(q.Since), string(q.Handling),
		s.Want, orNone(s.Bare), limit, postgres.Always(last.before), last.id)
}

// orNone keeps "" from matching everywhere.
func orNone(s string) string {
	if s == "" {
		return "\n\n"
	}
	return s
}

// Order implements [store.Orders].
func (db *DB) Order(ctx context.Context, shop string, id int64) (bellhop.Order, error) {
	var w whole
	err := db.api.Read(ctx, func(b *postgres.Batch) { w.load(b, shop, id) })
	if err == nil && !w.there {
		err = driver.NotFound("order")
	}
	if err != nil {
		return bellhop.Order{}, wrap("read an order", err)
	}
	return w.order, nil
}

// whole is an order with its items and pushes.
type whole struct {
	order bellhop.Order
	there bool
}

const (
	ofOrder     = `shop_id = (SELECT id FROM shops WHERE domain = $1) AND order_id = $2`
	selectOrder = `SELECT ` + orderColumns + ` FROM orders o WHERE o.placed_at IS NOT NULL AND o.` + ofOrder
	selectItems = `SELECT ` + rows.ItemColumns + `o.currency FROM items i JOIN orders o USING (shop_id, order_id)
		WHERE ` + ofOrder + ` ORDER BY i.position`
)

// load queues an order's parts. A deleted order still has its pushes.
func (w *whole) load(b *postgres.Batch, shop string, id int64) {
	*w = whole{}
	b.Rows(func(r *postgres.Row) { w.order, w.there = rows.OrderOf[*postgres.Row](shop)(r), true }, selectOrder, shop, id)
	all(b, &w.order.Items, rows.Item, selectItems, shop, id)
	all(b, &w.order.Pushes, rows.PushOf[*postgres.Row](shop), selectPushes+`WHERE p.`+ofOrder+` ORDER BY p.id`, shop, id)
}

const lockOrder = `SELECT s.id FROM shops s JOIN orders o ON o.shop_id = s.id
	WHERE s.domain = $1 AND o.order_id = $2 FOR NO KEY UPDATE OF o`

// SetHandling implements [store.Orders].
func (db *DB) SetHandling(
	ctx context.Context, shop string, id int64, was, to bellhop.Handling, at time.Time,
) (bellhop.Order, error) {
	var o whole
	var own int64
	var refused error
	err := db.api.Write(ctx, func(tx *postgres.Tx) error {
		err := tx.Do(func(b *postgres.Batch) {
			value(b, &own, lockOrder, shop, id)
			o.load(b, shop, id)
		})
		switch {
		case err != nil:
			return err
		case !o.there:
			return driver.NotFound("order")
		}
		if refused = driver.CheckHandling(o.order.Handling, was, to); refused != nil || o.order.Handling == to {
			return nil
		}
		o.order.Handling = to
		w := newWrites(db, &rules.Changes{Stream: []rules.StreamRow{{Kind: store.ChangeHandled, Shop: own, Order: id,
			At: at}}})
		return w.commit(ctx, tx, func(b *postgres.Batch) {
			b.Exec(`UPDATE orders SET handling = $3 WHERE shop_id = $1 AND order_id = $2`, own, id, string(to))
		})
	})
	if err != nil {
		return bellhop.Order{}, wrap("set an order's handling", err)
	}
	return o.order, refused
}
