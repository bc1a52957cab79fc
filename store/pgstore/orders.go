package pgstore

import (
	"context"
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

// fewFound is up to how many orders a search reads and sorts. Beyond it, the list is walked from its
// newest order on until a page is full.
const fewFound = 10_000

// ofShop begins the conditions of a list.
const ofShop = ` FROM orders o WHERE o.shop_id = (SELECT id FROM shops WHERE domain = ?)`

// Orders implements [store.Orders]. One query reads a page.
func (db *DB) Orders(ctx context.Context, shop string, q store.OrderQuery) (page store.OrderPage, err error) {
	l, err := driver.ParseList(q)
	if err != nil || l.Hopeless {
		return page, err
	}
	if l.Narrow() {
		done, err := db.turns.Take(ctx, shop)
		if err != nil {
			return page, err
		}
		defer done()
	}
	text, until, err := db.pageQuery(ctx, shop, &l)
	if err != nil {
		return page, wrap("list orders", err)
	}
	found, err := list(ctx, db.api, "list orders", rows.OrderOf[*postgres.Row](shop), `SELECT `+orderColumns+text.Text,
		text.Args...)
	if err != nil {
		return page, err
	}
	return l.Page(found, until), nil
}

// pageQuery is all of a page's query but the columns.
func (db *DB) pageQuery(ctx context.Context, shop string, l *driver.List) (text driver.Query, until string, err error) {
	match, few := driver.MatchTSQuery(shop, l.Words), false
	if l.Words != nil {
		most, n := int64(min(fewFound, l.Depth)), int64(0)
		err := db.api.Read(ctx, func(b *postgres.Batch) {
			value(b, &n, `SELECT count(*) FROM (SELECT 1 FROM orders WHERE tokens @@ $1::tsquery LIMIT $2) AS found`, match,
				most+1)
		})
		if err != nil {
			return text, "", err
		}
		few = n <= most
	}
	if few { // OFFSET keeps PostgreSQL from walking the list
		text.Add(` FROM (SELECT * FROM orders o WHERE o.tokens @@ ?::tsquery OFFSET 0) o
			WHERE o.shop_id = (SELECT id FROM shops WHERE domain = ?)`, match, shop)
	} else {
		text.Add(ofShop, shop)
	}
	l.At = min(l.At, far.UnixMicro())
	l.Where(&text, micro)
	if l.Words != nil && !few { // IS TRUE keeps it from beginning with all that match
		text.Add(` AND (o.tokens @@ ?::tsquery) IS TRUE`, match)
	}
	if l.Narrow() && !few {
		if until, err = db.lookUntil(ctx, shop, l, &text); err != nil {
			return text, "", err
		}
	}
	text.Add(l.Order()+` LIMIT ?`, int64(l.Limit+1))
	return text, until, nil
}

// far is after every order.
var far = time.Date(200_000, 1, 1, 0, 0, 0, 0, time.UTC)

// micro is a time as this database takes it.
func micro(at int64) any { return postgres.Always(time.UnixMicro(at)) }

// lookUntil bounds a page that may pass over many orders. It returns the cursor behind the last one
// that the page looks at; "" if that is the last of all.
func (db *DB) lookUntil(ctx context.Context, shop string, l *driver.List, text *driver.Query) (string, error) {
	var walk driver.Query
	walk.Add(`SELECT `+l.Column()+`, o.order_id`+ofShop, shop)
	l.Behind(&walk, micro)
	walk.Add(l.Order()+` LIMIT 1 OFFSET ?`, int64(l.Depth-1))
	last, err := list(ctx, db.api, "list orders", func(r *postgres.Row) [2]int64 {
		return [2]int64{r.Time().UnixMicro(), r.Int()}
	}, walk.Text, walk.Args...)
	if err != nil || len(last) == 0 {
		return "", err
	}
	at, id := last[0][0], last[0][1]
	until := l.Until(at, id)
	if until != "" {
		text.Add(` AND (`+l.Column()+`, o.order_id) >= (?, ?)`, micro(at), id)
	}
	return until, nil
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
	selectOrder = `SELECT o.details::text, o.history::text, ` + rows.StepColumns + `, ` + orderColumns + ` FROM orders o
		WHERE o.placed_at IS NOT NULL AND o.` + ofOrder
	// The lines of an order that was recorded before orders had details.
	selectItems = `SELECT ` + rows.ItemColumns + ` FROM items i WHERE ` + ofOrder + ` ORDER BY i.position`
)

// load queues an order's parts. A deleted order still has its pushes.
func (w *whole) load(b *postgres.Batch, shop string, id int64) {
	w.loadDocumented(b, shop, id)
	all(b, &w.order.Pushes, rows.PushOf[*postgres.Row](shop), selectPushes+`WHERE p.`+ofOrder+` ORDER BY p.id`, shop, id)
}

// loadDocumented queues an order's parts but for its pushes.
func (w *whole) loadDocumented(b *postgres.Batch, shop string, id int64) {
	*w = whole{}
	b.Rows(func(r *postgres.Row) {
		d, h, steps := rows.Details(r), rows.History(r), rows.Steps(r)
		w.order, w.there = rows.OrderOf[*postgres.Row](shop)(r), true
		w.order.Details, w.order.History, w.order.Steps = d, h, steps
	}, selectOrder, shop, id)
	all(b, &w.order.Items, rows.Item, selectItems, shop, id)
}

// SetHandling implements [store.Orders].
func (db *DB) SetHandling(
	ctx context.Context, shop string, id int64, was, to bellhop.Handling, at time.Time,
	unless func(*bellhop.Order) error,
) (bellhop.Order, error) {
	var o whole
	var refused error
	err := db.api.Write(ctx, func(tx *postgres.Tx) error {
		var before rules.TakeBefore
		err := tx.Do(func(b *postgres.Batch) {
			lockTaking(b, &before, shop, id)
			o.load(b, shop, id)
		})
		own := before.Shop
		switch {
		case err != nil:
			return err
		case !o.there:
			return driver.NotFound("order")
		}
		if refused = driver.CheckHandling(&o.order, was, to, unless); refused != nil || o.order.Handling == to {
			return nil
		}
		o.order.Handling = to
		w := newWrites(db, &rules.Changes{Stream: []rules.StreamRow{{Kind: store.ChangeHandled, Shop: own, Order: id,
			At: at}}})
		var t *rules.Taking
		if to == bellhop.HandlingHandled {
			t = before.Taking.Ends(bellhop.EndedHandled, at.UTC())
		}
		w.Wake = t != nil
		return w.commit(ctx, tx, func(b *postgres.Batch) {
			if t != nil {
				exec(b, updateTakings, takingTo(&postgres.Rows{}, before.OrderKey, t))
			}
			b.Exec(`UPDATE orders SET handling = $3 WHERE shop_id = $1 AND order_id = $2`, own, id, string(to))
		})
	})
	if err != nil {
		return bellhop.Order{}, wrap("set an order's handling", err)
	}
	return o.order, refused
}

// CatchUp implements [store.Recorder].
func (db *DB) CatchUp(ctx context.Context, limit int) (int, error) {
	if err := driver.CheckLimit(limit); err != nil {
		return 0, err
	}
	n := 0
	err := db.worker.Write(ctx, func(tx *postgres.Tx) error {
		type older struct {
			shop, id int64
			domain   string
		}
		var found []older
		err := tx.Do(func(b *postgres.Batch) {
			found = nil
			all(b, &found, func(r *postgres.Row) older { return older{r.Int(), r.Int(), r.Text()} },
				`SELECT o.shop_id, o.order_id, s.domain FROM orders o JOIN shops s ON s.id = o.shop_id
					WHERE o.tokens IS NULL AND o.placed_at IS NOT NULL ORDER BY o.shop_id DESC, o.order_id DESC LIMIT $1
					FOR NO KEY UPDATE OF o SKIP LOCKED`, int64(limit))
		})
		if n = len(found); err != nil || n == 0 {
			return err
		}
		orders := make([]whole, n)
		err = tx.Do(func(b *postgres.Batch) {
			for i, o := range found {
				orders[i].load(b, o.domain, o.id)
			}
		})
		if err != nil {
			return err
		}
		return tx.Commit(func(b *postgres.Batch) {
			execEach(b, updateTokens, found, func(r *postgres.Rows, o older) {
				w := &orders[r.Len()-1].order
				r.Int(o.shop).Int(o.id).Text(driver.TokenText(w, &w.History))
			})
		})
	})
	return n, wrap("bring older orders into the search index", err)
}

// Unhandled implements [store.Orders].
func (db *DB) Unhandled(ctx context.Context, shop string, most int) (n store.Unhandled, err error) {
	err = db.api.Read(ctx, func(b *postgres.Batch) {
		count := func(h bellhop.Handling, to *int) {
			value(b, to, `SELECT count(*) FROM (SELECT FROM orders WHERE placed_at IS NOT NULL
				AND shop_id = (SELECT id FROM shops WHERE domain = $1) AND handling = $2 LIMIT $3) AS counted`, shop, string(h), most)
		}
		count(bellhop.HandlingNew, &n.New)
		count(bellhop.HandlingSeen, &n.Seen)
	})
	return n, wrap("count orders", err)
}
