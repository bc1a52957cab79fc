package sqlitestore

import (
	"context"
	"encoding/hex"
	"strconv"

	"bellhop/internal/sqlitefile"
	"bellhop/store"
	"bellhop/store/move"
	"bellhop/store/rows"
)

// Export implements [move.Mover]. A place is the key of the last row before it.
func (db *DB) Export(ctx context.Context, t move.Table, after string, at move.ChunkLimit) (move.Chunk, string, error) {
	x, err := get(ctx, db.read, "export", func(c *sqlitefile.Conn) (exporter, error) {
		x := exporter{file: db.file, c: c, Filling: move.Fill(at)}
		err := x.table(t, after)
		return x, err
	})
	return x.Chunk, x.Next, err
}

type exporter struct {
	file *sqlitefile.File
	c    *sqlitefile.Conn
	move.Filling
}

// export reads rows until the chunk is full. A row begins with its place.
func export[T any](x *exporter, table *[]T, read func(sqlitefile.Row) T, query string, after int64) error {
	place := func(r sqlitefile.Row) string { return strconv.FormatInt(r.Int(), 10) }
	return exportKeyed(x, table, place, read, x.c.Prepare(query).Int(after))
}

func exportKeyed[T any](
	x *exporter, table *[]T, place func(sqlitefile.Row) string, read func(sqlitefile.Row) T, st *sqlitefile.Stmt,
) error {
	err := st.Each(func(r sqlitefile.Row) error {
		if x.Full() {
			return errEnough
		}
		at := place(r)
		move.Took(&x.Filling, table, at, read(r))
		return nil
	})
	return ignore(err, errEnough)
}

func (x *exporter) table(t move.Table, after string) error {
	switch t {
	case move.TableSessions:
		return x.sessions(after)
	case move.TableInvitations:
		return x.invitations(after)
	case move.TableOperatorTokens:
		return x.operatorTokens()
	case move.TableHeard:
		return x.heard(after)
	case move.TableRelays:
		return x.relays()
	case move.TableMarks:
		return x.marks(after)
	case move.TableMarkKey:
		return x.markKey()
	case move.TableSigningKey:
		return x.signingKey()
	case move.TableCounters:
		return x.counters()
	}
	var place int64
	if after != "" {
		var err error
		if place, err = strconv.ParseInt(after, 10, 64); err != nil {
			return move.BadPlace()
		}
	}
	return x.behind(t, place)
}

// behind exports a table whose places are numbers.
func (x *exporter) behind(t move.Table, place int64) error {
	switch t {
	case move.TableShops:
		return export(x, &x.Shops, rows.Shop, `SELECT id, `+rows.ShopColumns+` FROM shops WHERE id > ? ORDER BY id`, place)
	case move.TableConnections:
		return export(x, &x.Connections, rows.Connection, `SELECT c.shop_id, `+rows.ConnectionColumns+` FROM connections c
			JOIN shops s ON s.id = c.shop_id WHERE c.shop_id > ? ORDER BY c.shop_id`, place)
	case move.TableReconciliations:
		return export(x, &x.Reconciliations, rows.Reconciliation, `SELECT r.shop_id, `+rows.ReconciliationColumns+`
			FROM reconciliations r JOIN shops s ON s.id = r.shop_id WHERE r.shop_id > ? ORDER BY r.shop_id`, place)
	case move.TablePeople:
		return export(x, &x.People, rows.Person, `SELECT p.id, `+rows.PersonColumns+rows.PersonJoin+`WHERE p.id > ?
			ORDER BY p.id`, place)
	case move.TableTokens:
		return export(x, &x.Tokens, rows.Token, `SELECT t.id, `+rows.TokenColumns+` FROM tokens t
			JOIN shops s ON s.id = t.shop_id WHERE t.id > ? ORDER BY t.id`, place)
	case move.TableDevices:
		return export(x, &x.Devices, rows.WholeDevice, `SELECT d.id, `+rows.WholeDeviceColumns+`
			FROM devices d JOIN shops s ON s.id = d.shop_id WHERE d.id > ? ORDER BY d.id`, place)
	case move.TableOrders:
		return export(x, &x.Orders, x.order, `SELECT o.no, o.no, `+rows.WholeOrderColumns+` FROM orders o
			CROSS JOIN shops s ON s.id = o.shop_id WHERE o.no > ? ORDER BY o.no`, place)
	case move.TablePushes:
		return export(x, &x.Pushes, rows.WholePush, `SELECT p.id, `+rows.WholePushColumns+` FROM pushes p
			CROSS JOIN orders o ON o.no = p.order_no CROSS JOIN shops s ON s.id = p.shop_id WHERE p.id > ? ORDER BY p.id`, place)
	case move.TableFanOuts:
		return export(x, &x.FanOuts, rows.FanOut, `SELECT f.id, `+rows.FanOutColumns+` FROM fanouts f
			CROSS JOIN orders o ON o.no = f.order_no CROSS JOIN shops s ON s.id = f.shop_id WHERE f.id > ? ORDER BY f.id`, place)
	case move.TableEvents:
		return export(x, &x.Events, x.event, `SELECT l.seq, `+lineColumns+`, `+sqlitefile.BodyColumns+`
			FROM ledger l CROSS JOIN events e ON e.seq = l.seq WHERE l.seq > ? ORDER BY l.seq`, place)
	case move.TableChanges:
		return export(x, &x.Changes, rows.Change, `SELECT c.seq, `+rows.ChangeColumns+` FROM changes c
			CROSS JOIN shops s ON s.id = c.shop_id WHERE c.seq > ? ORDER BY c.seq`, place)
	case move.TableRequests:
		return export(x, &x.Requests, rows.Request, `SELECT id, `+rows.RequestColumns+` FROM privacy_requests WHERE id > ?
			ORDER BY id`, place)
	case move.TableExports:
		return export(x, &x.Exports, rows.Export, `SELECT request_id, request_id, until, export FROM privacy_exports
			WHERE request_id > ? ORDER BY request_id`, place)
	case move.TableAccesses:
		return export(x, &x.Accesses, rows.Access, `SELECT id, `+rows.AccessColumns+` FROM looks WHERE id > ? ORDER BY id`,
			place)
	case move.TableBackups:
		return export(x, &x.Backups, rows.Backup, `SELECT id, `+rows.BackupColumns+` FROM backups WHERE id > ? ORDER BY id`,
			place)
	case move.TableStatements:
		return export(x, &x.Statements, rows.StatementRow, `SELECT id, `+rows.StatementColumns+` FROM statements WHERE id > ?
			ORDER BY id`, place)
	}
	return move.NoTable(t)
}

func (x *exporter) sessions(after string) error {
	hash, err := hex.DecodeString(after)
	if err != nil {
		return move.BadPlace()
	}
	st := x.c.Prepare(`SELECT hex(n.token_hash), ` + rows.SessionColumns + ` FROM sessions n
		WHERE n.token_hash > ? ORDER BY n.token_hash`)
	return exportKeyed(x, &x.Sessions, sqlitefile.Row.Text, rows.Session, st.Blob(append([]byte{}, hash...)))
}

func (x *exporter) invitations(after string) error {
	hash, err := hex.DecodeString(after)
	if err != nil {
		return move.BadPlace()
	}
	st := x.c.Prepare(`SELECT hex(i.hash), ` + rows.InvitationColumns + ` FROM invitations i
		JOIN shops s ON s.id = i.shop_id WHERE i.hash > ? ORDER BY i.hash`)
	return exportKeyed(x, &x.Invitations, sqlitefile.Row.Text, rows.Invitation, st.Blob(append([]byte{}, hash...)))
}

// operatorTokens are few, and one chunk.
func (x *exporter) operatorTokens() (err error) {
	x.OperatorTokens, err = sqlitefile.All(x.c.Prepare(listOperatorTokens), rows.Token)
	return err
}

func (x *exporter) heard(after string) error {
	p, err := move.ParseHeardPlace(after)
	if err != nil {
		return err
	}
	place := func(r sqlitefile.Row) string {
		return move.HeardPlace{Shop: r.Int(), Slot: r.Int(), Topic: r.Text()}.String()
	}
	return exportKeyed(x, &x.Heard, place, rows.WholeHeard, x.c.Prepare(`SELECT h.shop_id, h.slot, h.topic, `+
		rows.HeardColumns+` FROM heard h CROSS JOIN shops s ON s.id = h.shop_id
		WHERE (h.shop_id, h.topic, h.slot) > (?,?,?) ORDER BY h.shop_id, h.topic, h.slot`).
		Int(p.Shop).Text(p.Topic).Int(p.Slot))
}

func (x *exporter) order(r sqlitefile.Row) move.OrderRow {
	no, row := r.Int(), rows.WholeOrder(r)
	if o := row.Order; o != nil && o.Schema == 0 && o.Items == nil {
		var err error
		o.Items, err = readItems(x.c, no)
		r.Fail(err)
	}
	return row
}

func (x *exporter) event(r sqlitefile.Row) store.Line {
	_, l := readLine(r)
	body, err := x.file.ScanBody(x.c, r)
	r.Fail(err)
	l.Event.Body = body
	return l
}

func (x *exporter) marks(after string) error {
	p, err := move.ParseMarkPlace(after)
	if err != nil {
		return err
	}
	place := func(r sqlitefile.Row) string {
		at := move.MarkPlace{Shop: r.Text()}
		copy(at.Mark[:], r.Blob())
		return at.String()
	}
	return exportKeyed(x, &x.Marks, place, rows.Mark, x.c.Prepare(`SELECT shop, mark, shop, mark, until FROM privacy_marks
		WHERE (shop, mark) > (?,?) ORDER BY shop, mark`).Text(p.Shop).Blob(p.Mark[:]))
}

func (x *exporter) markKey() error {
	keys, err := sqlitefile.All(x.c.Prepare(`SELECT value FROM mark_key`+rows.WhereMarked), sqlitefile.Row.Text)
	x.MarkKeys = keys
	return err
}

func (x *exporter) signingKey() error {
	keys, err := sqlitefile.All(x.c.Prepare(`SELECT value FROM signing_key`+rows.WhereStated), sqlitefile.Row.Text)
	x.SigningKeys = keys
	return err
}

// relays are few, and one chunk.
func (x *exporter) relays() error {
	all, err := sqlitefile.All(x.c.Prepare(`SELECT `+rows.LeaseColumns+` FROM relays WHERE cursor IS NOT NULL
		ORDER BY name`), func(r sqlitefile.Row) store.Lease { return rows.Lease(r).Free() })
	x.Relays = all
	return err
}

// counters are few, and one chunk.
func (x *exporter) counters() error {
	for _, q := range [...]string{
		`SELECT 'outcome', outcome, n FROM ledger_totals`,
		`SELECT 'status', status, n FROM push_totals`,
		`SELECT 'last_id', name, seq FROM sqlite_sequence WHERE name IN
			('people', 'tokens', 'devices', 'privacy_requests')`,
		`SELECT 'last_id', 'looks', max(id) FROM looks`,
		`SELECT 'last_id', 'pushes', max(id) FROM pushes`,
		`SELECT 'last_id', 'changes', max(seq) FROM changes`,
	} {
		err := x.c.Prepare(q).Each(func(r sqlitefile.Row) error {
			if n := (move.Counter{Kind: move.CounterKind(r.Text()), Name: r.Text(), N: r.Int()}); n.N != 0 {
				x.Counters = append(x.Counters, n)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
