package pgstore

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"bellhop"
	"bellhop/internal/postgres"
	"bellhop/store/driver"
	"bellhop/store/rows"
	"bellhop/store/rules"
)

// An order's row: its key, its version, its content, and the columns set once when it came.
const (
	keyColumns     = `shop_id, order_id`
	stateColumns   = rows.StateColumns
	contentColumns = rows.ContentColumns + `, tokens`
	traceColumns   = rows.TraceColumns

	keyTypes   = `bigint bigint `
	stateTypes = `bool timestamptz timestamptz bigint timestamptz timestamptz bigint jsonb
		timestamptz text `
	contentTypes = `timestamptz bigint timestamptz bigint timestamptz text bigint text text text text text text text text
		text bool bigint timestamptz bigint text bigint jsonb tsvector `
	traceTypes = `text timestamptz timestamptz timestamptz text text`
)

var (
	insertOrders = `INSERT INTO orders (` + keyColumns + `, ` + stateColumns + `, ` + contentColumns + `, ` +
		traceColumns + `) SELECT * FROM ` + postgres.Unnest(keyTypes+stateTypes+contentTypes+traceTypes)
	updateStates = `UPDATE orders o SET ` + assign(stateColumns) + ` FROM ` + postgres.Unnest(keyTypes+stateTypes) + `
		AS n(` + keyColumns + `, ` + stateColumns + `) WHERE o.shop_id = n.shop_id AND o.order_id = n.order_id`
	updateOrders = `UPDATE orders o SET ` + assign(stateColumns) + `, ` + assign(contentColumns) + ` FROM ` +
		postgres.Unnest(keyTypes+stateTypes+contentTypes) + ` AS n(` + keyColumns + `, ` + stateColumns + `, ` +
		contentColumns + `) WHERE o.shop_id = n.shop_id AND o.order_id = n.order_id`
	// The first content, or a wiped one, brings another trace.
	updateTraces = `UPDATE orders o SET ` + assign(traceColumns) + ` FROM ` + postgres.Unnest(keyTypes+traceTypes) + `
		AS n(` + keyColumns + `, ` + traceColumns + `) WHERE o.shop_id = n.shop_id AND o.order_id = n.order_id`
	updateTokens = `UPDATE orders o SET tokens = n.tokens FROM ` + postgres.Unnest(keyTypes+"tsvector") +
		` AS n(` + keyColumns + `, tokens) WHERE o.shop_id = n.shop_id AND o.order_id = n.order_id`
	// The bodies of deleted orders' webhooks.
	forgetBodies = `UPDATE events e SET body = NULL, coding = 0 FROM ` + postgres.Unnest("text bigint") +
		` AS n(shop, order_id) WHERE e.order_id = n.order_id AND e.shop = n.shop AND e.body IS NOT NULL`
	// The lines of orders that were recorded before orders had details.
	deleteItems = `DELETE FROM items i USING ` + postgres.Unnest(keyTypes) + ` AS n(` + keyColumns + `)
		WHERE i.shop_id = n.shop_id AND i.order_id = n.order_id`
	insertPushes = `INSERT INTO pushes (shop_id, order_id, device_id, kind, status, attempts, created_at, next_at, reason)
		SELECT shop_id, order_id, device_id, kind, status, 0, created_at, next_at, reason
		FROM ` + postgres.Unnest("bigint bigint bigint text text timestamptz timestamptz text") + `
			WITH ORDINALITY AS n(shop_id, order_id, device_id, kind, status, created_at, next_at, reason, nr) ORDER BY nr`
	// An order may be paid or cancelled again, and gets one push. Only the database knows,
	// so it counts them as well.
	insertFollowing = `WITH added AS (` + insertPushes + ` ON CONFLICT DO NOTHING RETURNING status)
		INSERT INTO push_totals AS t (status, n) SELECT status, count(*) FROM added GROUP BY status
		ON CONFLICT (status) DO UPDATE SET n = t.n + excluded.n`
	insertFanOuts = `INSERT INTO fanouts (shop_id, order_id, kind, after_id, last_id, created_at)
		SELECT n.shop_id, n.order_id, n.kind, 0, (SELECT max(id) FROM devices), n.at
		FROM ` + postgres.Unnest("bigint bigint text timestamptz") +
		` AS n(shop_id, order_id, kind, at) ON CONFLICT DO NOTHING`
	deleteFanOuts = `DELETE FROM fanouts f USING ` + postgres.Unnest(keyTypes) + ` AS n(` + keyColumns + `)
		WHERE f.shop_id = n.shop_id AND f.order_id = n.order_id`
	// An older batch may come after a newer one.
	updateShops = `WITH n AS (SELECT s.id, n.at, n.signed_by FROM ` + postgres.Unnest("bigint timestamptz text") +
		` AS n(id, at, signed_by) JOIN shops s USING (id) WHERE s.last_event_at IS NULL OR s.last_event_at < n.at
		ORDER BY s.id FOR NO KEY UPDATE OF s) UPDATE shops s SET last_event_at = n.at, last_signed_by = n.signed_by FROM n
		WHERE s.id = n.id`
)

// assign makes "a = n.a, b = n.b" of "a, b".
func assign(columns string) string { return assignFrom("n", columns) }

func assignFrom(row, columns string) string {
	names := strings.Split(columns, ",")
	for i, n := range names {
		n = strings.TrimSpace(n)
		names[i] = n + " = " + row + "." + n
	}
	return strings.Join(names, ", ")
}

// recording holds the changes of a call of Record, or of a portion of a fan-out.
type recording struct {
	*rules.Recording
	writes *writes
	sent   map[*rules.OrderChange]*whole // orders with new parcels, whose numbers a search finds
}

// loadSentOrders loads what the orders have to be found by beside their parcels.
func (s *recording) loadSentOrders(tx *postgres.Tx) error {
	s.sent = map[*rules.OrderChange]*whole{}
	for _, o := range s.Orders {
		if o.Happened && o.Content == nil && len(o.State.History.Fulfillments) > 0 && !o.State.Version.IsZero() {
			s.sent[o] = &whole{}
		}
	}
	if len(s.sent) == 0 {
		return nil
	}
	return tx.Do(func(b *postgres.Batch) {
		for o, w := range s.sent {
			w.load(b, o.Domain, o.ID)
		}
	})
}

// save queues all changes.
func (s recording) save(q *postgres.Batch) {
	s.saveOrders(q)
	s.writes.db.saveLines(q, s.Lines)
	execEach(q, forgetBodies, s.Bodiless, func(r *postgres.Rows, o *rules.OrderChange) { r.Text(o.Domain).Int(o.ID) })
	s.saveFanOuts(q)
	s.savePushes(q)
	execEach(q, updateShops, s.Shops, func(r *postgres.Rows, c *rules.ShopChange) {
		r.Int(c.Row).Always(c.LastEventAt).Text(string(c.SignedBy))
	})
	s.saveHeard(q)
	s.saveTold(q)
	saveRequests(q, s.Requests)
	s.writes.finish(q)
	saveFollowing(q, s.Owed, bellhop.PushOrderNew) // locks the totals, which come last
}

// exec queues a statement that writes rows, if there are any.
func exec(q *postgres.Batch, query string, rows *postgres.Rows, args ...any) {
	if rows.Len() > 0 {
		q.Exec(query, rows.Args(args...)...)
	}
}

// execEach is exec of a row for each of all.
func execEach[T any](q *postgres.Batch, query string, all []T, fill func(*postgres.Rows, T), args ...any) {
	var rows postgres.Rows
	for _, one := range all {
		fill(rows.Next(), one)
	}
	exec(q, query, &rows, args...)
}

func (s recording) saveOrders(q *postgres.Batch) {
	slices.SortFunc(s.Orders, func(a, b *rules.OrderChange) int {
		return cmp.Or(cmp.Compare(a.Shop, b.Shop), cmp.Compare(a.ID, b.ID))
	})
	var inserted, states, updated, traces, emptied, tokens, takings postgres.Rows
	for _, o := range s.Orders {
		var content *bellhop.Order
		if o.Content != nil {
			content = o.Content.Order
		}
		switch {
		case o.Row == 0:
			traceTo(contentTo(stateTo(keyTo(&inserted, o), &o.State), content, &o.State.History), o)
		case o.Content == nil && !o.Wiped:
			stateTo(keyTo(&states, o), &o.State)
			if w := s.sent[o]; w != nil && w.there {
				keyTo(&tokens, o).Text(driver.TokenText(&w.order, &o.State.History))
			}
		default:
			contentTo(stateTo(keyTo(&updated, o), &o.State), content, &o.State.History)
			keyTo(&emptied, o)
			if o.First != nil || o.Wiped {
				traceTo(keyTo(&traces, o), o)
			}
			if o.Wiped {
				takingTo(&takings, o.OrderKey, nil)
			}
		}
	}
	exec(q, insertOrders, &inserted)
	exec(q, updateStates, &states)
	exec(q, updateOrders, &updated)
	exec(q, updateTraces, &traces)
	for _, o := range s.Takings {
		if !o.Wiped {
			takingTo(&takings, o.OrderKey, o.State.Taking)
		}
	}
	exec(q, updateTakings, &takings)
	exec(q, deleteItems, &emptied)
	exec(q, updateTokens, &tokens)
}

func keyTo(r *postgres.Rows, o *rules.OrderChange) *postgres.Rows {
	return r.Next().Int(o.Shop).Int(o.ID)
}

func stateTo(r *postgres.Rows, s *rules.State) *postgres.Rows {
	return r.Bool(s.Deleted).Time(s.Version.UpdatedAt).Time(s.Version.TriggeredAt).Int(int64(s.Version.Hash)).
		Time(s.EditedAt).Time(s.RefundedAt).IntOrNull(s.RefundID).Bytes(document(driver.WriteHistory(&s.History))).
		Time(s.RedactedAt).TextOrNull(s.RedactedFor)
}

// contentTo adds the order's content: nothing of one that has not come yet or was deleted.
func contentTo(r *postgres.Rows, c *bellhop.Order, h *bellhop.History) *postgres.Rows {
	tokens := ""
	if c == nil {
		c = &bellhop.Order{}
		r.Time(time.Time{}).Int(0).Time(time.Time{})
	} else {
		tokens = driver.TokenText(c, h)
		r.Always(c.PlacedAt).Int(driver.Offset(c.PlacedAt)).Always(c.UpdatedAt)
	}
	var seen, amount string
	if c.Presentment != nil {
		seen, amount = c.Presentment.Currency, c.Presentment.String()
	}
	return r.Int(driver.Offset(c.UpdatedAt)).Time(c.CancelledAt).Text(c.Name).Int(c.Number).
		Text(c.Total.Currency).Text(c.Total.String()).Text(seen).Text(amount).Text(c.CustomerName).Text(c.CustomerEmail).
		Text(c.Note).Text(c.FinancialStatus).Text(c.FulfillmentStatus).Bool(c.Test).Int(int64(len(c.Items))).
		Time(c.CreatedAt).Int(driver.Offset(c.CreatedAt)).Text(c.Current.String()).Int(c.Pieces).Bytes(details(c)).
		Text(tokens)
}

// details is NULL for an order without content.
func details(o *bellhop.Order) []byte {
	if o.Version.IsZero() && o.Schema == 0 && o.Items == nil {
		return nil
	}
	return document(driver.WriteDetails(&o.Details))
}

// document is NULL for "".
func document(text string) []byte {
	if text == "" {
		return nil
	}
	return []byte(text)
}

// traceTo adds the columns set once.
func traceTo(r *postgres.Rows, o *rules.OrderChange) {
	if o.First == nil {
		r.Text("").Time(time.Time{}).Time(time.Time{}).Time(time.Time{}).TextOrNull("").TextOrNull("")
		return
	}
	e := o.First.Event
	r.Text(string(bellhop.HandlingNew)).Time(e.TriggeredAt).Time(e.AcceptedAt).Time(o.First.At).TextOrNull(e.TraceParent).
		TextOrNull(bellhop.FoundBy(e.Topic))
}

// saveFanOuts adds fan-outs, and drops those of deleted orders.
func (s recording) saveFanOuts(q *postgres.Batch) {
	var added, dropped postgres.Rows
	for _, f := range s.FanOuts {
		keyTo(&added, f.Order).Text(string(f.Kind)).Always(f.At)
	}
	for _, o := range s.Orders {
		if o.Wiped {
			keyTo(&dropped, o)
		}
	}
	exec(q, insertFanOuts, &added)
	exec(q, deleteFanOuts, &dropped)
}

// savePushes adds and counts the pushes of new orders.
func (s recording) savePushes(q *postgres.Batch) {
	var rows postgres.Rows
	for i := range s.Owed {
		if p := &s.Owed[i]; p.Kind == bellhop.PushOrderNew {
			pushTo(&rows, p)
			s.Statuses.Add(p.Status(), 1)
		}
	}
	exec(q, insertPushes, &rows)
	s.writes.settle(q)
}

// saveFollowing adds pushes that may be there already, and counts the added ones, except
// those of the kind but.
func saveFollowing(q *postgres.Batch, owed []rules.NewPush, but bellhop.PushKind) {
	var rows postgres.Rows
	for i := range owed {
		if p := &owed[i]; p.Kind != but {
			pushTo(&rows, p)
		}
	}
	exec(q, insertFollowing, &rows)
}

func pushTo(r *postgres.Rows, p *rules.NewPush) {
	keyTo(r, p.Order).Int(p.Device).Text(string(p.Kind)).Text(string(p.Status())).Time(p.At).Time(p.Due).Text(p.Skipped)
}
