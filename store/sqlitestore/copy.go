package sqlitestore

import (
	"cmp"
	"context"
	"fmt"

	"bellhop"
	"bellhop/internal/sqlitefile"
	"bellhop/store"
	"bellhop/store/driver"
	"bellhop/store/move"
	"bellhop/store/rows"
	"bellhop/store/rules"
)

var _ move.Mover = (*DB)(nil)

// countRows counts the rows of a table. Counters are no rows.
func countRows(c *sqlitefile.Conn, t move.Table) (int64, error) {
	from := string(t)
	switch t {
	case move.TableCounters:
		return 0, nil
	case move.TableEvents:
		from = `ledger`
	case move.TablePushes:
		from += ` WHERE order_no <> 0`
	case move.TableMarkKey:
		from += rows.WhereMarked
	case move.TableSigningKey:
		from += rows.WhereStated
	}
	return c.Prepare(`SELECT count(*) FROM ` + from).One()
}

// Identity implements [move.Mover].
func (db *DB) Identity(ctx context.Context) (move.Identity, error) {
	return get(ctx, db.read, "look at the store", readIdentity)
}

// Count implements [move.Mover].
func (db *DB) Count(ctx context.Context, t move.Table) (int64, error) {
	return get(ctx, db.read, "count rows", func(c *sqlitefile.Conn) (int64, error) {
		if t == move.TableCounters {
			x := exporter{c: c}
			err := x.counters()
			return int64(x.Len()), err
		}
		return countRows(c, t)
	})
}

func readIdentity(c *sqlitefile.Conn) (i move.Identity, err error) {
	_, err = c.Prepare(`SELECT id, copied_from, copied_mark, copy_finished FROM identity`).First(func(r sqlitefile.Row) {
		i.ID = r.Text()
		if source, mark, finished := r.Text(), r.Text(), r.Bool(); source != "" {
			i.Copy = &move.Note{Source: source, Mark: mark, Finished: finished, Tables: map[move.Table]move.Progress{}}
		}
	})
	if err != nil || i.Copy == nil {
		return i, err
	}
	err = c.Prepare(`SELECT name, next, done, n FROM copied`).Each(func(r sqlitefile.Row) error {
		i.Copy.Tables[move.Table(r.Text())] = move.Progress{Next: r.Text(), Done: r.Bool(), Rows: r.Int()}
		return nil
	})
	return i, err
}

// BeginCopy implements [move.Mover]. The archive keeps the events of an unfinished copy,
// since a queue in the same file may need them too.
func (db *DB) BeginCopy(ctx context.Context, source, mark string) error {
	return db.write(ctx, "begin a copy", func(tx *sqlitefile.Tx) error {
		i, err := readIdentity(tx.Conn)
		if err != nil {
			return err
		}
		if i.Copy == nil || i.Copy.Finished {
			if err := empty(tx.Conn); err != nil {
				return err
			}
		}
		for _, clear := range [...]string{`DELETE FROM copied`, `DELETE FROM sessions`, `DELETE FROM links`,
			`DELETE FROM networks`, `DELETE FROM tokens`, `DELETE FROM operator_tokens`,
			`DELETE FROM invitations`, `DELETE FROM people`, `DELETE FROM devices`,
			`DELETE FROM connections`, `DELETE FROM reconciliations`, `DELETE FROM heard`, `DELETE FROM key_check`,
			`DELETE FROM statements`, `DELETE FROM signing_key`, `DELETE FROM shops`,
			`DELETE FROM items`, `INSERT INTO search (search) VALUES ('delete-all')`, `DELETE FROM orders`,
			`DELETE FROM pushes`, `DELETE FROM fanouts`, `DELETE FROM push_totals`,
			`DELETE FROM ledger`, `DELETE FROM ledger_totals`, `DELETE FROM changes`, `DELETE FROM relays`,
			`DELETE FROM looks`, `DELETE FROM backups`, `DELETE FROM privacy_exports`, `DELETE FROM privacy_requests`,
			`DELETE FROM privacy_marks`, `DELETE FROM mark_key`,
			`DELETE FROM sqlite_sequence WHERE name IN ('people', 'tokens', 'devices', 'privacy_requests')`,
			`UPDATE pruned SET seq = 0`} {
			if err := tx.Prepare(clear).Exec(); err != nil {
				return err
			}
		}
		return tx.Prepare(`UPDATE identity SET copied_from = ?, copied_mark = ?, copy_finished = 0`).Text(source).Text(mark).
			Exec()
	})
}

// empty returns an error that names the first table with rows.
func empty(c *sqlitefile.Conn) error {
	for _, t := range move.Tables() {
		if n, err := countRows(c, t); err != nil {
			return err
		} else if n > 0 {
			return move.NotEmpty(t)
		}
	}
	return nil
}

// Import implements [move.Mover].
func (db *DB) Import(ctx context.Context, t move.Table, c move.Chunk, after, next string) error {
	return db.write(ctx, "import", func(tx *sqlitefile.Tx) error {
		i, err := readIdentity(tx.Conn)
		if err != nil {
			return err
		}
		if !i.Copy.At(t, after) {
			return move.CopiedElsewhere()
		}
		im := importer{tx: tx, shops: map[string]int64{}}
		if err := im.chunk(&c); err != nil {
			return err
		}
		return tx.Prepare(`INSERT INTO copied (name, next, done, n) VALUES (?,?,?,?)
			ON CONFLICT (name) DO UPDATE SET next = excluded.next, done = excluded.done, n = n + excluded.n`).
			Text(string(t)).Text(next).Bool(next == "").Int(int64(c.Len())).Exec()
	})
}

// EndCopy implements [move.Mover].
func (db *DB) EndCopy(ctx context.Context, good bool) error {
	return db.write(ctx, "end a copy", func(tx *sqlitefile.Tx) error {
		if good {
			return tx.Prepare(`UPDATE identity SET copy_finished = 1 WHERE copied_from IS NOT NULL`).Exec()
		}
		return tx.Prepare(`UPDATE identity SET copied_mark = '' WHERE copy_finished = 0`).Exec()
	})
}

// importer adds the rows of one chunk inside the writer.
type importer struct {
	tx    *sqlitefile.Tx
	shops map[string]int64 // by domain
	err   error            // of the first shop or order that is missing
}

func (im *importer) chunk(c *move.Chunk) error {
	for _, err := range [...]error{
		addAll(im, c.Shops, im.shop), addAll(im, c.Connections, im.connection),
		addAll(im, c.Reconciliations, im.reconciliation), addAll(im, c.People, im.person),
		addAll(im, c.Sessions, im.session), addAll(im, c.Invitations, im.invitation),
		addAll(im, c.OperatorTokens, im.operatorToken), addAll(im, c.Tokens, im.token),
		addAll(im, c.Devices, im.device), addAll(im, c.Orders, im.order), addAll(im, c.Pushes, im.push),
		addAll(im, c.FanOuts, im.fanOut), addAll(im, c.Events, im.event), addAll(im, c.Heard, im.heard),
		addAll(im, c.Changes, im.change), addAll(im, c.Relays, im.relay), addAll(im, c.Accesses, im.access),
		addAll(im, c.Requests, im.request), addAll(im, c.Exports, im.export), addAll(im, c.Marks, im.mark),
		addAll(im, c.MarkKeys, im.markKey), addAll(im, c.Statements, im.statement),
		addAll(im, c.SigningKeys, im.signingKey),
		addAll(im, c.Backups, im.backup), addAll(im, c.Counters, im.counter),
	} {
		if err != nil {
			return err
		}
	}
	return nil
}

// addAll stops at a missing shop, too: the transaction then drops the row that names it.
func addAll[T any](im *importer, rows []T, add func(*T) error) error {
	for i := range rows {
		err := add(&rows[i])
		if err = cmp.Or(im.err, err); err != nil {
			return err
		}
	}
	return nil
}

// own returns a shop's id in this store.
func (im *importer) own(domain string) int64 {
	if id := im.shops[domain]; id != 0 {
		return id
	}
	id, err := ownShop(im.tx.Conn, domain)
	im.shops[domain], im.err = id, cmp.Or(im.err, err)
	return id
}

func (im *importer) shop(s *bellhop.Shop) error { return insertShop(im.tx.Conn, s) }

func (im *importer) connection(c *bellhop.Connection) error {
	return putConnection(im.tx.Conn, im.own(c.Shop), c)
}

func (im *importer) reconciliation(r *bellhop.Reconciliation) error {
	return putReconciliation(im.tx.Conn, im.own(r.Shop), r)
}

func (im *importer) heard(h *move.HeardRow) error {
	k := rules.HeardKey{Shop: im.own(h.Shop), Topic: h.Topic, Slot: rules.SlotOf(h.First)}
	return saveHeard(im.tx.Conn, []*rules.Heard{{HeardKey: k, First: h.First, Last: h.Last}})
}

func (im *importer) person(p *bellhop.Person) error {
	_, err := insertPerson(im.tx, *p)
	return err
}

func (im *importer) invitation(i *bellhop.Invitation) error {
	return insertInvitation(im.tx.Conn, im.own(i.Shop), i)
}

func (im *importer) operatorToken(t *bellhop.Token) error { return insertOperatorToken(im.tx.Conn, t) }

func (im *importer) session(s *bellhop.Session) error { return insertSession(im.tx.Conn, s) }

func (im *importer) token(t *bellhop.Token) error {
	return im.tx.Prepare(`INSERT INTO tokens (id, shop_id, name, hash, created_at, last_used_at) VALUES (?,?,?,?,?,?)`).
		Int(t.ID).Int(im.own(t.Shop)).Text(t.Name).Blob(t.Hash[:]).Int(micros(t.CreatedAt)).Time(t.LastUsedAt).Exec()
}

func (im *importer) device(d *move.DeviceRow) error {
	st := im.tx.Prepare(`INSERT INTO devices (id, shop_id, person_id, installation, kind, value, platform, form, locale,
			timezone, added_at, seen_at, retired_at, retired_for, free_at, spent, rung, spent_at, gathered_orders,
			gathered_changes, gathered_total, gathered_currency, gathered_since, name, session_id)
			VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)`).
		Int(d.ID).Int(im.own(d.Shop)).Int(d.PersonID).Text(d.Installation).Text(string(d.Kind)).Text(d.Value).
		Text(string(d.Platform)).Text(string(d.Form)).Text(d.Locale).Text(d.Timezone).Int(micros(d.AddedAt)).
		Int(micros(d.SeenAt)).Time(d.RetiredAt).TextOrNull(d.RetiredFor).Time(d.FreeAt)
	return bindAllowance(st, d.Allowance).Text(d.Name).Int(d.SessionID).Exec()
}

func (im *importer) order(o *move.OrderRow) error {
	change := &rules.OrderChange{OrderKey: rules.OrderKey{Shop: im.own(o.Shop), ID: o.ID}, State: o.State}
	if o.Order == nil {
		return saveOrder(im.tx.Conn, change, nil)
	}
	t := o.Order.Trace
	facts := []bellhop.Fact{{Event: &bellhop.Event{Topic: bellhop.TopicOf(t.Found), TriggeredAt: t.TriggeredAt,
		AcceptedAt: t.AcceptedAt, TraceParent: t.TraceParent},
		At: t.RecordedAt, OrderID: o.ID, Order: versioned(o)}}
	facts, err := driver.CheckFacts(facts)
	if err != nil {
		return err
	}
	change.Content, change.First = &facts[0], &facts[0]
	err = saveOrder(im.tx.Conn, change, textsOf(facts[0].Order))
	if err == nil && o.State.Taking != nil {
		err = saveTaking(im.tx.Conn, change.Row, o.State.Taking)
	}
	if err != nil || o.Order.Handling == bellhop.HandlingNew {
		return err
	}
	return im.tx.Prepare(`UPDATE orders SET handling = ? WHERE no = ?`).Text(string(o.Order.Handling)).Int(change.Row).
		Exec()
}

// versioned returns the order with its version, as facts have it.
func versioned(o *move.OrderRow) *bellhop.Order {
	with := *o.Order
	with.Version = o.State.Version
	return &with
}

// ownOrder returns a shop's id and an order's number in this store.
func (im *importer) ownOrder(domain string, id int64) (shop, no int64) {
	shop = im.own(domain)
	no, err := im.tx.Prepare(`SELECT no FROM orders WHERE shop_id = ? AND order_id = ?`).Int(shop).Int(id).One()
	if err == nil && no == 0 {
		err = fmt.Errorf("order %d, to which a push belongs, is missing", id)
	}
	im.err = cmp.Or(im.err, err)
	return shop, no
}

func (im *importer) fanOut(f *move.FanOutRow) error {
	shop, no := im.ownOrder(f.Shop, f.OrderID)
	return im.tx.Prepare(`INSERT INTO fanouts (shop_id, order_no, kind, after_id, last_id, created_at)
		VALUES (?,?,?,?,?,?)`).Int(shop).Int(no).Text(string(f.Kind)).Int(f.After).Int(f.Last).Int(micros(f.CreatedAt)).Exec()
}

func (im *importer) push(p *move.PushRow) error {
	shop, no := im.ownOrder(p.Shop, p.OrderID)
	return im.tx.Prepare(`INSERT INTO pushes (id, shop_id, order_no, device_id, kind, status, attempts, created_at,
		next_at, reason, sent_at, received_at, opened_at, first_attempt_at, gathered_since)
		VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)`).Int(p.ID).Int(shop).Int(no).Int(p.DeviceID).Text(string(p.Kind)).
		Text(string(p.Status)).Int(int64(p.Attempts)).Int(micros(p.CreatedAt)).Time(p.NextAt).TextOrNull(p.Reason).
		Time(p.SentAt).Time(p.ReceivedAt).Time(p.OpenedAt).Time(p.FirstAttemptAt).Time(p.GatheredSince).Exec()
}

// event adds an event with its line. It may be in the archive already, from a queue in the
// same file or a dropped copy.
func (im *importer) event(l *store.Line) error {
	e := &l.Event
	seq, err := im.tx.Find(e.ID)
	switch {
	case err != nil:
		return err
	case seq != 0 && e.Body == nil:
		err = im.tx.Prepare(`UPDATE events SET body = NULL, coding = 0 WHERE seq = ?`).Int(seq).Exec()
	case seq != 0:
		err = im.tx.Prepare(`DELETE FROM events WHERE seq = ? AND body IS NULL`).Int(seq).Exec()
	}
	if err != nil {
		return err
	}
	if seq == 0 || e.Body != nil {
		if seq, err = im.tx.Append(e); err != nil {
			return err
		}
	}
	return writeLine(im.tx.Conn, &rules.LineChange{Row: seq, Outcome: l.Outcome, Reason: l.Reason, OrderID: l.OrderID,
		At: l.At})
}

func (im *importer) change(ch *store.Change) error {
	return im.tx.Prepare(`INSERT INTO changes (seq, kind, shop_id, order_id, at, trace_parent, push_id)
		VALUES (?,?,?,?,?,?,?)`).Int(ch.Seq).Text(string(ch.Kind)).Int(im.own(ch.Shop)).Int(ch.OrderID).Int(micros(ch.At)).
		TextOrNull(ch.TraceParent).IntOrNull(ch.PushID).Exec()
}

func (im *importer) access(l *bellhop.Access) error {
	return im.tx.Prepare(`INSERT INTO looks (` + rows.AccessColumns + `) VALUES (?,?,?,?,?,?,?)`).
		Int(l.ID).Int(micros(l.At)).Text(l.By).Text(l.What).Text(l.About).Text(l.Shop).Int(l.N).Exec()
}

func (im *importer) backup(b *bellhop.BackupNote) error { return insertBackup(im.tx.Conn, b) }

func (im *importer) request(r *bellhop.PrivacyRequest) error {
	return im.tx.Prepare(`INSERT INTO privacy_requests (` + rows.RequestColumns + `) VALUES (?,?,?,?,?)`).Int(r.ID).
		Text(r.Shop).Text(string(r.Kind)).Text(string(r.Outcome)).Text(driver.WriteRequest(r)).Exec()
}

func (im *importer) export(e *move.ExportRow) error {
	return im.tx.Prepare(`INSERT INTO privacy_exports (request_id, until, export) VALUES (?,?,?)`).Int(e.Request).
		Int(micros(e.Until)).Blob(e.Export).Exec()
}

func (im *importer) mark(m *move.MarkRow) error {
	return im.tx.Prepare(`INSERT INTO privacy_marks (shop, mark, until) VALUES (?,?,?)`).Text(m.Shop).Blob(m.Mark[:]).
		Time(m.Until).Exec()
}

func (im *importer) markKey(text *string) error {
	return im.tx.Prepare(`INSERT OR REPLACE INTO mark_key (one, value) VALUES (1, ?)`).Text(*text).Exec()
}

func (im *importer) statement(s *move.StatementRow) error {
	return insertStatement(im.tx.Conn, im.own(s.Shop), s)
}

func (im *importer) signingKey(text *string) error {
	return im.tx.Prepare(`INSERT OR REPLACE INTO signing_key (one, value) VALUES (1, ?)`).Text(*text).Exec()
}

// relay adds a relay without a holder.
func (im *importer) relay(r *store.Lease) error {
	return im.tx.Prepare(`INSERT INTO relays (` + rows.LeaseColumns + `) VALUES (?,?,?,'',?,0)`).
		Text(r.Name).Text(r.Origin).Int(r.Cursor).Int(r.Term).Exec()
}

// counter sets a counter.
func (im *importer) counter(n *move.Counter) error {
	switch n.Kind {
	case move.CountOutcome:
		return im.tx.Prepare(ledgerTotals).Text(n.Name).Int(n.N).Exec()
	case move.CountStatus:
		return im.tx.Prepare(pushTotals).Text(n.Name).Int(n.N).Exec()
	}
	switch move.Table(n.Name) {
	case move.TableChanges:
		return holdChange(im.tx.Conn, n.N)
	case move.TablePushes:
		return holdPush(im.tx.Conn, n.N)
	}
	switch n.Name {
	case "people", "tokens", "devices", "privacy_requests": // these never give out an id twice
		return im.tx.RaiseID(n.Name, n.N)
	}
	return nil
}
