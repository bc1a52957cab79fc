package pgstore

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"bellhop"
	"bellhop/internal/bodies"
	"bellhop/internal/postgres"
	"bellhop/store"
	"bellhop/store/driver"
	"bellhop/store/rows"
	"bellhop/store/rules"
)

// eventColumns are the columns for readEvent.
const eventColumns = `e.id, e.shop, e.topic, e.api_version, e.webhook_id, e.shopify_event_id, e.triggered_at,
	e.accepted_at, e.signed_by`

func readEvent(r *postgres.Row) (e bellhop.Event) {
	copy(e.ID[:], r.Blob())
	e.Shop, e.Topic, e.APIVersion, e.WebhookID, e.ShopifyEventID = r.Text(), r.Text(), r.Text(), r.Text(), r.Text()
	e.TriggeredAt, e.AcceptedAt, e.SignedBy = r.Time(), r.Time(), bellhop.Signer(r.Text())
	return e
}

// loadLines locks in the order of the ids: see loadOrders.
const loadLines = `SELECT e.* FROM unnest($1::uuid[]) AS k(id) CROSS JOIN LATERAL
	(SELECT id, outcome, ` + rows.Unsigned + ` FROM events e WHERE id = k.id FOR NO KEY UPDATE) AS e`

var (
	insertEvents = `INSERT INTO events (id, shop, topic, api_version, webhook_id, shopify_event_id, triggered_at,
		accepted_at, signed_by, coding, body, outcome, reason, order_id, at)
		SELECT * FROM ` + postgres.Unnest("uuid text text text text text timestamptz timestamptz text "+
		"bigint bytea text text bigint timestamptz")
	dropBodies = `UPDATE events SET body = NULL, coding = 0 WHERE id = ANY($1::uuid[]) AND body IS NOT NULL`

	updateEvents = `UPDATE events e SET outcome = n.outcome, reason = n.reason, order_id = n.order_id, at = n.at
		FROM ` + postgres.Unnest("uuid text text bigint timestamptz") +
		` AS n(id, outcome, reason, order_id, at) WHERE e.id = n.id`

	replaceEvents = `UPDATE events e SET topic = n.topic, api_version = n.api_version, webhook_id = n.webhook_id,
		shopify_event_id = n.shopify_event_id, triggered_at = n.triggered_at, signed_by = n.signed_by, coding = n.coding,
		body = n.body FROM ` + postgres.Unnest("uuid text text text text text timestamptz timestamptz text bigint bytea") +
		` AS n(id, shop, topic, api_version, webhook_id, shopify_event_id, triggered_at, accepted_at, signed_by, coding,
			body) WHERE e.id = n.id`
)

func scanLine(r pgx.Rows) (id bellhop.EventID, was rules.StoredLine, err error) {
	was.Row = 1
	err = r.Scan((*[16]byte)(&id), postgres.TextTo(&was.Outcome), &was.Unsigned)
	return id, was, err
}

// Dead implements [store.Recorder].
func (db *DB) Dead(ctx context.Context, e *bellhop.Event, reason string, at time.Time) error {
	return db.dead(ctx, e, reason, at, func(*postgres.Batch) {})
}

// DropDead implements [store.Ledger].
func (db *DB) DropDead(ctx context.Context, e *bellhop.Event, note string, at time.Time) error {
	return db.dead(ctx, e, note, at, func(b *postgres.Batch) {
		b.Exec(`UPDATE events SET body = NULL, coding = 0 WHERE id = $1`, postgres.ID(e.ID))
	})
}

func (db *DB) dead(
	ctx context.Context, e *bellhop.Event, reason string, at time.Time, also func(*postgres.Batch),
) error {
	if err := db.keepDictionary(ctx); err != nil {
		return err
	}
	err := db.worker.Write(ctx, func(tx *postgres.Tx) error {
		var was rules.StoredLine
		var known, erased bool
		err := tx.Do(func(b *postgres.Batch) {
			b.Each(func(r pgx.Rows) (err error) { _, was, err = scanLine(r); return err }, loadLines, [][16]byte{e.ID})
			b.Rows(func(*postgres.Row) { known = true }, `SELECT 1 FROM shops WHERE domain = $1`, e.Shop)
			b.Rows(func(*postgres.Row) { erased = true }, loadErased, []string{e.Shop})
		})
		if err != nil {
			return err
		}
		r := rules.PlanDead(e, was, known, erased, reason, at)
		if r == nil {
			return nil
		}
		err = tx.Commit(func(b *postgres.Batch) {
			db.saveLines(b, r.Lines)
			also(b)
			newWrites(db, &r.Changes).finish(b)
		})
		return raced(err)
	})
	return wrap("note a dead event", err)
}

// saveLines queues lines, in the order of their events.
func (db *DB) saveLines(b *postgres.Batch, lines []*rules.LineChange) {
	slices.SortFunc(lines, func(a, b *rules.LineChange) int { return bytes.Compare(a.Event.ID[:], b.Event.ID[:]) })
	var inserted, replaced, updated postgres.Rows
	var dropped [][16]byte
	for _, l := range lines {
		var r *postgres.Rows
		if l.Row == 0 {
			r = db.fill(inserted.Next(), l)
		} else {
			r = updated.Next().ID(l.Event.ID)
		}
		if l.Row != 0 && l.Replaces {
			db.fill(replaced.Next(), l)
		} else if l.Row != 0 && l.DropsBody {
			dropped = append(dropped, l.Event.ID)
		}
		r.Text(string(l.Outcome)).Text(l.Reason).IntOrNull(l.OrderID).Always(l.At)
	}
	exec(b, insertEvents, &inserted)
	exec(b, replaceEvents, &replaced)
	exec(b, updateEvents, &updated)
	if len(dropped) > 0 {
		b.Exec(dropBodies, dropped)
	}
}

// fill adds a line's event to the archive's rows.
func (db *DB) fill(r *postgres.Rows, l *rules.LineChange) *postgres.Rows {
	if l.DropsBody || len(l.Event.Body) == 0 { // of an event that was never accepted
		return eventTo(r, l.Event).Int(0).Bytes(nil)
	}
	coding, body := db.pack(l.Event.Body)
	return eventTo(r, l.Event).Int(coding).Bytes(body)
}

func eventTo(r *postgres.Rows, e *bellhop.Event) *postgres.Rows {
	return r.ID(e.ID).Text(e.Shop).Text(e.Topic).Text(e.APIVersion).Text(e.WebhookID).Text(e.ShopifyEventID).
		Time(e.TriggeredAt).Always(e.AcceptedAt).Text(string(e.SignedBy))
}

// raced retries a transaction that added something another one added first.
func raced(err error) error {
	if postgres.IsUnique(err) {
		return postgres.Again(err)
	}
	return err
}

// Totals implements [store.Statistics].
func (db *DB) Totals(ctx context.Context) (map[bellhop.Outcome]int64, error) {
	return totals[bellhop.Outcome](ctx, db.api, "count the ledger", `SELECT outcome, n FROM ledger_totals WHERE n <> 0`)
}

func totals[K ~string](ctx context.Context, p *postgres.Pool, what, query string) (map[K]int64, error) {
	m := map[K]int64{}
	err := p.Read(ctx, func(b *postgres.Batch) { b.Rows(func(r *postgres.Row) { m[K(r.Text())] = r.Int() }, query) })
	return m, wrap(what, err)
}

// lineColumns are the columns for readLine.
const lineColumns = eventColumns + `, e.outcome, e.reason, e.order_id, e.at`

func readLine(r *postgres.Row) store.Line {
	return store.Line{Event: readEvent(r), Outcome: bellhop.Outcome(r.Text()), Reason: r.Text(), OrderID: r.Int(),
		At: r.Time()}
}

// lineCursor is a place in the ledger: the halves of an event's id.
func lineCursor(l *store.Line) string {
	id := &l.Event.ID
	return driver.Cursor(int64(binary.BigEndian.Uint64(id[:8])), int64(binary.BigEndian.Uint64(id[8:])))
}

// Lines implements [store.Ledger]. Newest first goes by the events' ids.
func (db *DB) Lines(ctx context.Context, q store.LineQuery) (page store.LinePage, err error) {
	high, low := int64(-1), int64(-1) // all bits: behind every id
	limit, err := driver.Page(q.Limit, q.Cursor, &high, &low)
	if err != nil {
		return page, err
	}
	var before bellhop.EventID
	binary.BigEndian.PutUint64(before[:8], uint64(high))
	binary.BigEndian.PutUint64(before[8:], uint64(low))
	query, args := lineQuery(q, before, limit+1)
	found, err := list(ctx, db.api, "list the ledger", readLine, query, args...)
	page.Lines, page.Next = driver.Cut(found, limit, lineCursor)
	return page, err
}

// lineQuery has only the conditions that narrow the list, so that an index fits.
func lineQuery(q store.LineQuery, before bellhop.EventID, limit int) (query string, args []any) {
	args = []any{postgres.ID(before)}
	var where strings.Builder
	and := func(column string, value any, given bool) {
		if given {
			args = append(args, value)
			fmt.Fprintf(&where, " AND e.%s = $%d", column, len(args))
		}
	}
	and("outcome", string(q.Outcome), q.Outcome != "")
	if q.Reason != "" { // the whole, or its code
		args = append(args, q.Reason)
		fmt.Fprintf(&where, " AND (e.reason = $%[1]d OR starts_with(e.reason, $%[1]d || ': '))", len(args))
	}
	and("shop", q.Shop, q.Shop != "")
	and("topic", q.Topic, q.Topic != "")
	and("webhook_id", q.WebhookID, q.WebhookID != "")
	and("order_id", q.OrderID, q.OrderID != 0)
	if q.OrderName != "" {
		args = append(args, q.OrderName)
		fmt.Fprintf(&where, ` AND e.order_id = ANY(ARRAY(SELECT o.order_id FROM shops s JOIN orders o ON o.shop_id = s.id
			AND o.name = $%[1]d)) AND (e.shop, e.order_id) IN (SELECT s.domain, o.order_id FROM shops s
			JOIN orders o ON o.shop_id = s.id AND o.name = $%[1]d)`, len(args))
	}
	if q.Outcome == bellhop.OutcomeSkipped || q.Outcome == bellhop.OutcomeDead {
		where.WriteString(" AND e.outcome IN ('skipped', 'dead')") // the words of the partial index
	}
	args = append(args, limit)
	return fmt.Sprintf(`SELECT %s FROM events e WHERE e.id < $1%s ORDER BY e.id DESC LIMIT $%d`, lineColumns,
		where.String(), len(args)), args
}

// Archived implements [store.Recorder]. Oldest first goes by the events' ids.
func (db *DB) Archived(ctx context.Context, shop string, since time.Time, after bellhop.EventID, limit int) (
	[]*bellhop.Event, error) {
	if err := driver.CheckLimit(limit); err != nil {
		return nil, err
	}
	there := after == bellhop.EventID{}
	var events []*bellhop.Event
	err := db.api.Read(ctx, func(b *postgres.Batch) {
		events = nil
		room := store.ArchivedBytes
		b.Each(func(r pgx.Rows) error { there = true; return nil }, `SELECT 1 FROM events WHERE id = $1`, postgres.ID(after))
		b.Rows(func(r *postgres.Row) {
			e, coding, stored := readEvent(r), r.Int(), r.Blob()
			if room -= bodies.Size(coding, stored); room < 0 && len(events) > 0 {
				return // and so do all that follow: packed, they are few
			}
			var err error
			e.Body, err = db.unpack(coding, stored)
			r.Fail(err)
			events = append(events, &e)
		}, archived, postgres.ID(after), shop, postgres.Always(since), limit, store.ArchivedBytes)
	})
	if err == nil && !there {
		err = driver.NotFound("event")
	}
	if err != nil {
		return nil, wrap("read the archive", err)
	}
	return events, nil
}

// archived bounds the packed bodies, of which it looks at the sizes alone.
const archived = `SELECT ` + eventColumns + `, e.coding, e.body FROM
	(SELECT e.*, sum(octet_length(e.body)) OVER (ORDER BY e.id) AS upto FROM
		(SELECT * FROM events WHERE id > $1 AND shop = $2 AND accepted_at >= $3 AND body IS NOT NULL
			ORDER BY id LIMIT $4) e) e
	WHERE e.upto - octet_length(e.body) < $5 ORDER BY e.id`

// Busiest implements [store.Statistics].
func (db *DB) Busiest(ctx context.Context, from, to time.Time) (found store.Busiest, err error) {
	first, last := driver.IDsOfWebhooks(from, to)
	err = db.api.Read(ctx, func(b *postgres.Batch) {
		found = store.Busiest{}
		b.Each(func(r pgx.Rows) error {
			return r.Scan(postgres.TimeTo(&found.At), &found.Second, &found.All)
		}, `SELECT date_trunc('second', accepted_at, 'UTC') AS second, count(*), (sum(count(*)) OVER ())::bigint FROM events
			WHERE id >= $1 AND id < $2 AND accepted_at >= $3 AND accepted_at < $4 AND `+rows.ByWebhook+`
			GROUP BY second ORDER BY 2 DESC, 1 LIMIT 1`,
			postgres.ID(first), postgres.ID(last), postgres.Always(from), postgres.Always(to))
	})
	if err != nil {
		return store.Busiest{}, wrap("find the busiest second", err)
	}
	return found, nil
}

// Prune implements [store.Recorder]. Events that are being recorded have their turn next
// time.
func (db *DB) Prune(ctx context.Context, before time.Time, limit int) (int, error) {
	if err := driver.CheckLimit(limit); err != nil {
		return 0, err
	}
	var n int64
	err := db.worker.Once(ctx, func(b *postgres.Batch) {
		b.Count(&n, `UPDATE events SET body = NULL, coding = 0 WHERE id IN
			(SELECT id FROM events WHERE accepted_at < $1 AND body IS NOT NULL AND outcome <> 'dead'
				ORDER BY accepted_at LIMIT $2 FOR NO KEY UPDATE SKIP LOCKED)`, postgres.Always(before), min(limit, math.MaxInt32))
	})
	return int(n), wrap("drop old bodies", err)
}
