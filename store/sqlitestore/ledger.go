package sqlitestore

import (
	"context"
	"math"
	"strings"
	"time"

	"bellhop"
	"bellhop/internal/sqlitefile"
	"bellhop/store"
	"bellhop/store/driver"
	"bellhop/store/rows"
	"bellhop/store/rules"
)

// loadLine returns row 0 for an event without a row in the archive.
func loadLine(c *sqlitefile.Conn, id bellhop.EventID) (l rules.StoredLine, err error) {
	_, err = c.Prepare(`SELECT e.seq, l.outcome, ` + rows.Unsigned + `
		FROM events e LEFT JOIN ledger l ON l.seq = e.seq WHERE e.id = ?`).Blob(id[:]).First(func(r sqlitefile.Row) {
		l.Row, l.Outcome, l.Unsigned = r.Int(), bellhop.Outcome(r.Text()), r.Bool()
	})
	return l, err
}

// saveLines saves lines, and adds missing events to the archive. The next Prune looks again
// at dead or unsettled events that it passed by.
func saveLines(tx *sqlitefile.Tx, lines []*rules.LineChange) (err error) {
	first := int64(math.MaxInt64)
	for _, l := range lines {
		if err := keepEvent(tx, l); err != nil {
			return err
		}
		if err := writeLine(tx.Conn, l); err != nil {
			return err
		}
		if l.Outcome != bellhop.OutcomeDead { // which Prune passes by
			first = min(first, l.Row)
		}
	}
	return tx.Prepare(`UPDATE pruned SET seq = ? WHERE seq >= ?`).Int(first - 1).Int(first).Exec()
}

// keepEvent puts an event into the archive, and drops its body if the line says so.
func keepEvent(tx *sqlitefile.Tx, l *rules.LineChange) (err error) {
	e := l.Event
	if l.DropsBody {
		bare := *e
		bare.Body, e = nil, &bare
	}
	switch {
	case l.Row == 0:
		l.Row, err = tx.Append(e)
	case l.Replaces:
		err = tx.Replace(l.Row, e)
	case l.DropsBody:
		err = dropBody(tx.Conn, l.Row)
	}
	return err
}

func dropBody(c *sqlitefile.Conn, seq int64) error {
	return c.Prepare(`UPDATE events SET body = NULL, coding = 0 WHERE seq = ? AND body IS NOT NULL`).Int(seq).Exec()
}

func writeLine(c *sqlitefile.Conn, l *rules.LineChange) error {
	query := `INSERT INTO ledger (outcome, at, order_id, reason, seq) VALUES (?,?,?,?,?)`
	if l.Was != "" {
		query = `UPDATE ledger SET outcome = ?, at = ?, order_id = ?, reason = ? WHERE seq = ?`
	}
	return c.Prepare(query).Text(string(l.Outcome)).Time(l.At).IntOrNull(l.OrderID).TextOrNull(l.Reason).Int(l.Row).Exec()
}

// Dead implements [store.Recorder].
func (db *DB) Dead(ctx context.Context, e *bellhop.Event, reason string, at time.Time) error {
	return db.dead(ctx, e, reason, at, false)
}

// DropDead implements [store.Ledger].
func (db *DB) DropDead(ctx context.Context, e *bellhop.Event, note string, at time.Time) error {
	return db.dead(ctx, e, note, at, true)
}

func (db *DB) dead(ctx context.Context, e *bellhop.Event, reason string, at time.Time, drop bool) error {
	return db.write(ctx, "note a dead event", func(tx *sqlitefile.Tx) error {
		was, err := loadLine(tx.Conn, e.ID)
		if err != nil {
			return err
		}
		gone, err := erased(tx.Conn, e.Shop)
		if err != nil {
			return err
		}
		known, err := tx.Prepare(`SELECT EXISTS (SELECT 1 FROM shops WHERE domain = ?)`).Text(e.Shop).One()
		if err != nil {
			return err
		}
		r := rules.PlanDead(e, was, known != 0, gone, reason, at)
		if r == nil {
			return nil
		}
		if err := save(tx, r, nil); err != nil || !drop {
			return err
		}
		return dropBody(tx.Conn, r.Lines[0].Row)
	})
}

// Totals implements [store.Statistics].
func (db *DB) Totals(ctx context.Context) (map[bellhop.Outcome]int64, error) {
	return readTotals[bellhop.Outcome](ctx, db, "count the ledger", `SELECT outcome, n FROM ledger_totals`)
}

// Lines implements [store.Ledger].
func (db *DB) Lines(ctx context.Context, q store.LineQuery) (page store.LinePage, err error) {
	before := int64(1<<63 - 1)
	limit, err := driver.Page(q.Limit, q.Cursor, &before)
	if err != nil {
		return page, err
	}
	var last int64
	err = db.search(ctx, "list the ledger", func(c *sqlitefile.Conn) error {
		return lineQuery(c, q, before, limit+1).Each(func(r sqlitefile.Row) error {
			if len(page.Lines) == limit {
				page.Next = driver.Cursor(last)
				return nil
			}
			var l store.Line
			last, l = readLine(r)
			page.Lines = append(page.Lines, l)
			return nil
		})
	})
	return page, err
}

// lineColumns are the columns for readLine, of the aliases e and l.
const lineColumns = sqlitefile.EventColumns + `, l.outcome, l.reason, l.order_id, l.at`

func readLine(r sqlitefile.Row) (seq int64, l store.Line) {
	a := sqlitefile.ScanEvent(r)
	return a.Seq, store.Line{Event: *a.Event, Outcome: bellhop.Outcome(r.Text()), Reason: r.Text(), OrderID: r.Int(),
		At: r.Time()}
}

// lineQuery walks the ledger backwards, by an index where one fits, and looks up each
// line's event.
func lineQuery(c *sqlitefile.Conn, q store.LineQuery, before int64, limit int) *sqlitefile.Stmt {
	var where strings.Builder
	var args []string
	and := func(column, value string) {
		if value != "" {
			where.WriteString(" AND " + column + " = ?")
			args = append(args, value)
		}
	}
	and("l.outcome", string(q.Outcome))
	if q.Reason != "" { // the whole, or its code
		where.WriteString(" AND (l.reason = ? OR substr(l.reason, 1, length(?) + 2) = ? || ': ')")
		args = append(args, q.Reason, q.Reason, q.Reason)
	}
	and("e.shop", q.Shop)
	and("e.topic", q.Topic)
	and("e.webhook_id", q.WebhookID)
	if q.OrderName != "" {
		// CROSS JOIN: by the index, shop after shop.
		where.WriteString(` AND l.order_id IN (SELECT o.order_id FROM shops s CROSS JOIN orders o ON o.shop_id = s.id
			AND o.name = ?) AND EXISTS (SELECT 1 FROM shops s CROSS JOIN orders o ON o.shop_id = s.id AND o.order_id = l.order_id
				WHERE s.domain = e.shop AND o.name = ?)`)
		args = append(args, q.OrderName, q.OrderName)
	}
	if q.OrderID != 0 {
		where.WriteString(" AND l.order_id = ?")
	}
	if q.Outcome == bellhop.OutcomeSkipped || q.Outcome == bellhop.OutcomeDead {
		where.WriteString(" AND l.outcome IN ('skipped', 'dead')") // the words of the partial index
	}
	st := c.Prepare(`SELECT ` + lineColumns + `
		FROM ledger l CROSS JOIN events e ON e.seq = l.seq
		WHERE l.seq < ?` + where.String() + ` ORDER BY l.seq DESC LIMIT ?`).Int(before)
	for _, a := range args {
		st.Text(a)
	}
	if q.OrderID != 0 {
		st.Int(q.OrderID)
	}
	return st.Int(int64(limit))
}

// Archived implements [store.Recorder]. Oldest first is the order of the archive.
func (db *DB) Archived(ctx context.Context, shop string, since time.Time, after bellhop.EventID, limit int) (
	events []*bellhop.Event, err error) {
	if err := driver.CheckLimit(limit); err != nil {
		return nil, err
	}
	err = db.search(ctx, "read the archive", func(c *sqlitefile.Conn) error {
		from, err := c.Find(after)
		if err == nil && from == 0 && after != (bellhop.EventID{}) {
			err = driver.NotFound("event")
		}
		if err != nil {
			return err
		}
		size := 0
		err = c.Prepare(`SELECT ` + sqlitefile.EventColumns + `, ` + sqlitefile.BodyColumns + `
			FROM events e WHERE e.seq > ? AND e.shop = ? AND e.accepted_at >= ? AND e.body IS NOT NULL ORDER BY e.seq
			LIMIT ?`).Int(from).Text(shop).Int(floor(since)).Int(int64(limit)).Each(func(r sqlitefile.Row) (err error) {
			e := sqlitefile.ScanEvent(r).Event
			if e.Body, err = db.file.ScanBody(c, r); err != nil {
				return err
			}
			if size += len(e.Body); size > store.ArchivedBytes && len(events) > 0 {
				return errEnough
			}
			events = append(events, e)
			return nil
		})
		return ignore(err, errEnough)
	})
	return events, err
}

// Busiest implements [store.Statistics]. It counts by itself, since SQLite would sort the
// events first, and in parts, so that it never holds the log for long.
func (db *DB) Busiest(ctx context.Context, from, to time.Time) (found store.Busiest, err error) {
	const atOnce = 100_000
	at, last := driver.IDsOfWebhooks(from, to)
	in := map[int64]int64{} // each second
	for n := atOnce; n == atOnce && err == nil; {
		n = 0
		err = db.search(ctx, "find the busiest second", func(c *sqlitefile.Conn) error {
			return c.Prepare(`SELECT id, accepted_at, EXISTS (SELECT 1 FROM ledger WHERE seq = events.seq) FROM events
				WHERE id > ? AND id < ? AND ` + rows.ByWebhook + ` ORDER BY id LIMIT ?`).
				Blob(at[:]).Blob(last[:]).Int(atOnce).Each(func(r sqlitefile.Row) error {
				n++
				copy(at[:], r.Blob())
				if accepted := r.Time(); r.Bool() && !accepted.Before(from) && accepted.Before(to) {
					in[accepted.Unix()]++
				}
				return nil
			})
		})
	}
	for second, n := range in {
		found.Add(store.Busiest{At: time.Unix(second, 0).UTC(), Second: n, All: n})
	}
	return found, err
}

// floor is a lower bound that lets everything through when t is zero.
func floor(t time.Time) int64 {
	if t.IsZero() {
		return -1 << 63
	}
	return t.UnixMicro()
}

// Prune implements [store.Recorder]. It goes through the archive in its order, up to the
// first event that is too young, and remembers the place. saveLines brings it back to
// unsettled events.
func (db *DB) Prune(ctx context.Context, before time.Time, limit int) (int, error) {
	if err := driver.CheckLimit(limit); err != nil {
		return 0, err
	}
	for {
		from, to, old, err := db.oldBodies(ctx, before, limit)
		if err != nil || to == from {
			return 0, err
		}
		if n, err := db.dropBodies(ctx, from, to, old); err != nil || n > 0 {
			return n, err
		}
	}
}

// oldBodies finds old bodies beside the writer, so that a long search holds up nobody:
// those of old, from from to to in the archive.
func (db *DB) oldBodies(ctx context.Context, before time.Time, limit int) (from, to int64, old []int64, err error) {
	err = db.proceed(ctx, "look for old bodies", func(c *sqlitefile.Conn) (err error) {
		if from, err = prunedTo(c); err != nil {
			return err
		}
		to = from
		return c.Prepare(`SELECT seq, accepted_at < ?, body IS NOT NULL FROM events WHERE seq > ? ORDER BY seq`).
			Int(before.UnixMicro()).Int(from).Each(func(r sqlitefile.Row) error {
			seq, isOld, hasBody := r.Int(), r.Bool(), r.Bool()
			if !isOld || len(old) == limit {
				return errEnough
			}
			if to = seq; hasBody {
				old = append(old, seq)
			}
			return nil
		})
	})
	return from, to, old, ignore(err, errEnough)
}

// dropBodies drops the bodies of settled events.
func (db *DB) dropBodies(ctx context.Context, from, to int64, old []int64) (int, error) {
	return put(ctx, db, "drop old bodies", func(tx *sqlitefile.Tx) (int, error) {
		dropped := 0
		for _, seq := range old {
			err := tx.Prepare(`UPDATE events SET body = NULL, coding = 0 WHERE seq = ?
				AND (SELECT outcome FROM ledger WHERE seq = events.seq) <> 'dead'`).Int(seq).Exec()
			if err != nil {
				return 0, err
			}
			dropped += int(tx.Changes())
		}
		return dropped, tx.Prepare(`UPDATE pruned SET seq = ? WHERE seq = ?`).Int(to).Int(from).Exec()
	})
}

func prunedTo(c *sqlitefile.Conn) (int64, error) {
	return c.Prepare(`SELECT seq FROM pruned`).One()
}
