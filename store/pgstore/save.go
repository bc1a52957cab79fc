package pgstore

import (
	"slices"
	"strings"
	"time"

	"bellhop"
	"bellhop/internal/postgres"
	"bellhop/store"
	"bellhop/store/driver"
)

// What an order's row holds: its key, what decides which version is newer, what
// the order says, and what was set once when it came.
const (
	keyColumns     = `shop_id, order_id`
	stateColumns   = `deleted, version_updated_at, version_triggered_at, version_hash, edit_at, edit_id, refund_at, refund_id`
	contentColumns = `placed_at, placed_offset, updated_at, updated_offset, cancelled_at, name, number, currency, total,
		presentment_currency, presentment_total, customer_name, customer_email, note, financial_status, fulfillment_status,
		test, lines, sought`
	traceColumns = `handling, triggered_at, accepted_at, recorded_at, trace_parent`

	keyTypes     = `bigint bigint `
	stateTypes   = `bool timestamptz timestamptz bigint timestamptz bigint timestamptz bigint `
	contentTypes = `timestamptz bigint timestamptz bigint timestamptz text bigint text text text text text text text text text bool bigint text `
	traceTypes   = `text timestamptz timestamptz timestamptz text`
)

var (
	insertOrders = `INSERT INTO orders (` + keyColumns + `, ` + stateColumns + `, ` + contentColumns + `, ` + traceColumns + `)
		SELECT * FROM ` + postgres.Unnest(keyTypes+stateTypes+contentTypes+traceTypes)
	updateStates = `UPDATE orders o SET ` + assign(stateColumns) + ` FROM ` + postgres.Unnest(keyTypes+stateTypes) + `
		AS n(` + keyColumns + `, ` + stateColumns + `) WHERE o.shop_id = n.shop_id AND o.order_id = n.order_id`
	updateOrders = `UPDATE orders o SET ` + assign(stateColumns) + `, ` + assign(contentColumns) + ` FROM ` +
		postgres.Unnest(keyTypes+stateTypes+contentTypes) + ` AS n(` + keyColumns + `, ` + stateColumns + `, ` + contentColumns + `)
		WHERE o.shop_id = n.shop_id AND o.order_id = n.order_id`
	// The first content, or none any more, brings another trace.
	updateTraces = `UPDATE orders o SET ` + assign(traceColumns) + ` FROM ` + postgres.Unnest(keyTypes+traceTypes) + `
		AS n(` + keyColumns + `, ` + traceColumns + `) WHERE o.shop_id = n.shop_id AND o.order_id = n.order_id`
	// The bodies of the webhooks of orders that are deleted.
	forgetBodies = `UPDATE events e SET body = NULL, coding = 0 FROM ` + postgres.Unnest("text bigint") + ` AS n(shop, order_id)
		WHERE e.order_id = n.order_id AND e.shop = n.shop AND e.body IS NOT NULL`
	deleteItems = `DELETE FROM items i USING ` + postgres.Unnest(keyTypes) + ` AS n(` + keyColumns + `)
		WHERE i.shop_id = n.shop_id AND i.order_id = n.order_id`
	insertItems = `INSERT INTO items (shop_id, order_id, position, item_id, title, variant, sku, quantity, price)
		SELECT * FROM ` + postgres.Unnest("bigint bigint bigint bigint text text text bigint text")
	insertPushes = `INSERT INTO pushes (shop_id, order_id, device_id, kind, status, attempts, created_at, next_at, reason)
		SELECT shop_id, order_id, device_id, kind, status, 0, created_at, next_at, reason
		FROM ` + postgres.Unnest("bigint bigint bigint text text timestamptz timestamptz text") + `
			WITH ORDINALITY AS n(shop_id, order_id, device_id, kind, status, created_at, next_at, reason, nr) ORDER BY nr`
	// An order may be paid or cancelled again, and is pushed once. Only the database
	// knows, so that it counts them as well.
	insertFollowing = `WITH added AS (` + insertPushes + ` ON CONFLICT DO NOTHING RETURNING status)
		INSERT INTO push_totals AS t (status, n) SELECT status, count(*) FROM added GROUP BY status
		ON CONFLICT (status) DO UPDATE SET n = t.n + excluded.n`
	insertFanOuts = `INSERT INTO fanouts (shop_id, order_id, kind, after_id, last_id, created_at)
		SELECT n.shop_id, n.order_id, n.kind, 0, (SELECT max(id) FROM devices), n.at
		FROM ` + postgres.Unnest("bigint bigint text timestamptz") + ` AS n(shop_id, order_id, kind, at) ON CONFLICT DO NOTHING`
	deleteFanOuts = `DELETE FROM fanouts f USING ` + postgres.Unnest(keyTypes) + ` AS n(` + keyColumns + `)
		WHERE f.shop_id = n.shop_id AND f.order_id = n.order_id`
	// An older batch may come after a newer one.
	updateShops = `WITH n AS (SELECT s.id, n.at, n.signed_by FROM ` + postgres.Unnest("bigint timestamptz text") + ` AS n(id, at, signed_by)
			JOIN shops s USING (id) WHERE s.last_event_at IS NULL OR s.last_event_at < n.at ORDER BY s.id FOR NO KEY UPDATE OF s)
		UPDATE shops s SET last_event_at = n.at, last_signed_by = n.signed_by FROM n WHERE s.id = n.id`
)

// assign makes "a = n.a, b = n.b" of "a, b".
func assign(columns string) string {
	names := strings.Split(columns, ",")
	for i, n := range names {
		n = strings.TrimSpace(n)
		names[i] = n + " = n." + n
	}
	return strings.Join(names, ", ")
}

// save queues all that the batch came to.
func (b *batch) save(q *postgres.Batch) {
	b.saveOrders(q)
	b.db.saveLines(q, b.changedLines())
	if b.forget.Len() > 0 {
		q.Exec(forgetBodies, b.forget.Args()...)
	}
	b.saveFanOuts(q)
	b.savePushes(q)
	b.saveShops(q)
	b.finish(q)
	b.saveFollowing(q) // locks the totals, which come last
}

func (b *batch) saveOrders(q *postgres.Batch) {
	var inserted, states, updated, traces, emptied, items postgres.Rows
	for _, o := range b.changedOrders() {
		switch {
		case !o.stored:
			o.trace(o.fill(o.stateTo(o.key(&inserted))))
		case o.content == nil && !o.wiped:
			o.stateTo(o.key(&states))
		default:
			o.fill(o.stateTo(o.key(&updated)))
			o.key(&emptied)
			if o.first != nil || o.wiped {
				o.trace(o.key(&traces))
			}
		}
		if o.content != nil {
			o.items(&items)
		}
	}
	for _, s := range []struct {
		query string
		rows  *postgres.Rows
	}{{insertOrders, &inserted}, {updateStates, &states}, {updateOrders, &updated}, {updateTraces, &traces},
		{deleteItems, &emptied}, {insertItems, &items}} {
		if s.rows.Len() > 0 {
			q.Exec(s.query, s.rows.Args()...)
		}
	}
}

func (o *orderRow) key(r *postgres.Rows) *postgres.Rows { return r.Next().Int(o.shop).Int(o.id) }

func (o *orderRow) stateTo(r *postgres.Rows) *postgres.Rows {
	s := &o.state
	return r.Bool(s.Deleted).Time(s.Version.UpdatedAt).Time(s.Version.TriggeredAt).Int(int64(s.Version.Hash)).
		Time(s.Edit.At).IntOrNull(s.Edit.ID).Time(s.Refund.At).IntOrNull(s.Refund.ID)
}

// fill adds what the order says: nothing of one that has not come yet or was
// deleted.
func (o *orderRow) fill(r *postgres.Rows) *postgres.Rows {
	if o.content == nil {
		return fill(r.Time(time.Time{}).Int(0).Time(time.Time{}), &bellhop.Order{})
	}
	c := o.content.Order
	return fill(r.Always(c.PlacedAt).Int(driver.Offset(c.PlacedAt)).Always(c.UpdatedAt), c)
}

func fill(r *postgres.Rows, c *bellhop.Order) *postgres.Rows {
	var seen, amount string
	if c.Presentment != nil {
		seen, amount = c.Presentment.Currency, c.Presentment.String()
	}
	return r.Int(driver.Offset(c.UpdatedAt)).Time(c.CancelledAt).Text(c.Name).Int(c.Number).
		Text(c.Total.Currency).Text(c.Total.String()).Text(seen).Text(amount).Text(c.CustomerName).Text(c.CustomerEmail).
		Text(c.Note).Text(c.FinancialStatus).Text(c.FulfillmentStatus).Bool(c.Test).Int(int64(len(c.Items))).
		Text(sought(c))
}

// sought is what an order is searched by: see listOrders.
func sought(o *bellhop.Order) string {
	return strings.ToLower(o.Name + "\n" + o.CustomerName + "\n" + o.CustomerEmail)
}

// trace adds what is set once.
func (o *orderRow) trace(r *postgres.Rows) {
	if o.first == nil {
		r.Text("").Time(time.Time{}).Time(time.Time{}).Time(time.Time{}).TextOrNull("")
		return
	}
	e := o.first.Event
	r.Text(string(bellhop.HandlingNew)).Time(e.TriggeredAt).Time(e.AcceptedAt).Time(o.first.At).TextOrNull(e.TraceParent)
}

func (o *orderRow) items(r *postgres.Rows) {
	for i := range o.content.Order.Items {
		item := &o.content.Order.Items[i]
		o.key(r).Int(int64(i)).Int(item.ID).Text(item.Title).Text(item.Variant).Text(item.SKU).Int(item.Quantity).
			Text(item.Price.String())
	}
}

// saveFanOuts adds fan-outs, and drops those of orders that were deleted.
func (b *batch) saveFanOuts(q *postgres.Batch) {
	var added, dropped postgres.Rows
	for _, f := range b.fans {
		if !f.order.wiped {
			f.order.key(&added).Text(string(f.kind)).Always(f.at)
		}
	}
	for _, o := range b.changedOrders() {
		if o.wiped {
			o.key(&dropped)
		}
	}
	if added.Len() > 0 {
		q.Exec(insertFanOuts, added.Args()...)
	}
	if dropped.Len() > 0 {
		q.Exec(deleteFanOuts, dropped.Args()...)
	}
}

// savePushes adds those that new orders owe from now on.
func (b *batch) savePushes(q *postgres.Batch) {
	var rows postgres.Rows
	for _, p := range b.fresh {
		if p.kind == bellhop.PushOrderNew {
			b.counts.Add(p.fill(&rows), 1)
		}
	}
	if rows.Len() > 0 {
		q.Exec(insertPushes, rows.Args()...)
	}
	b.settle(q)
}

// saveFollowing adds what is owed of what happened to orders later.
func (b *batch) saveFollowing(q *postgres.Batch) {
	b.following(q, slices.DeleteFunc(b.fresh, func(p *newPush) bool { return p.kind == bellhop.PushOrderNew }))
}

// following adds pushes that may be there already.
func (b *batch) following(q *postgres.Batch, fresh []*newPush) {
	var rows postgres.Rows
	for _, p := range fresh {
		p.fill(&rows)
	}
	if rows.Len() > 0 {
		q.Exec(insertFollowing, rows.Args()...)
	}
}

// fill adds the push's row. If the order was deleted by a later fact, nobody has
// seen its pushes: they begin as skipped.
func (p *newPush) fill(r *postgres.Rows) bellhop.PushStatus {
	status, reason, due := bellhop.PushPending, p.skipped, p.due
	if p.order.wiped && reason == "" {
		reason, due = store.ReasonOrderDeleted, time.Time{}
	}
	if reason != "" {
		status = bellhop.PushSkipped
	}
	p.order.key(r).Int(p.device).Text(string(p.kind)).Text(string(status)).Time(p.at).Time(due).Text(reason)
	return status
}

func (b *batch) saveShops(q *postgres.Batch) {
	var rows postgres.Rows
	for _, s := range b.shops {
		if s.id != 0 && s.last != nil {
			rows.Next().Int(s.id).Always(s.last.AcceptedAt).Text(string(s.last.SignedBy))
		}
	}
	if rows.Len() > 0 {
		q.Exec(updateShops, rows.Args()...)
	}
}
