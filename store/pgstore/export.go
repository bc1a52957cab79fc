package pgstore

import (
	"cmp"
	"context"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"

	"bellhop"
	"bellhop/internal/postgres"
	"bellhop/store"
	"bellhop/store/move"
	"bellhop/store/rows"
)

// Export implements [move.Mover]. A place is the key of the last row before it.
func (db *DB) Export(ctx context.Context, t move.Table, after string, at move.ChunkLimit) (move.Chunk, string, error) {
	queue, err := table(t, after)
	if err != nil {
		return move.Chunk{}, "", err
	}
	var x exporter
	err = db.worker.Read(ctx, func(b *postgres.Batch) {
		x = exporter{db: db, limit: at, Filling: move.Fill(at)}
		queue(&x, b)
	})
	return x.Chunk, x.Next, wrap("export", err)
}

type exporter struct {
	db    *DB
	limit move.ChunkLimit
	move.Filling
}

// export queues a query for one row more than the chunk takes. A row begins with its place.
func export[T any](
	x *exporter, b *postgres.Batch, table *[]T, place func(*postgres.Row) string, read func(*postgres.Row) T,
	query string, after ...any,
) {
	b.Rows(func(r *postgres.Row) {
		if !x.Full() {
			at := place(r)
			move.Took(&x.Filling, table, at, read(r))
		}
	}, query+` LIMIT `+strconv.Itoa(x.limit.Rows+1), after...)
}

// table checks a place and returns the function that queues the queries behind it.
func table(t move.Table, after string) (func(*exporter, *postgres.Batch), error) {
	switch t {
	case move.TableSessions:
		hash, err := hex.DecodeString(after)
		return func(x *exporter, b *postgres.Batch) { x.sessions(b, hash) }, badPlace(err)
	case move.TableInvitations:
		hash, err := hex.DecodeString(after)
		return func(x *exporter, b *postgres.Batch) { x.invitations(b, hash) }, badPlace(err)
	case move.TableOperatorTokens:
		return (*exporter).operatorTokens, nil
	case move.TableEvents:
		var id bellhop.EventID
		var err error
		if after != "" {
			id, err = bellhop.ParseEventID(after)
		}
		return func(x *exporter, b *postgres.Batch) { x.events(b, id) }, badPlace(err)
	case move.TableOrders:
		shop, order, _ := strings.Cut(after, ".")
		no, err := parseKey(shop)
		id, err2 := parseKey(order)
		return func(x *exporter, b *postgres.Batch) { x.orders(b, no, id) }, cmp.Or(err, err2)
	case move.TableHeard:
		p, err := move.ParseHeardPlace(after)
		return func(x *exporter, b *postgres.Batch) { x.heard(b, p) }, err
	case move.TableRelays:
		return (*exporter).relays, nil
	case move.TableMarks:
		p, err := move.ParseMarkPlace(after)
		return func(x *exporter, b *postgres.Batch) { x.marks(b, p) }, err
	case move.TableMarkKey:
		return (*exporter).markKey, nil
	case move.TableSigningKey:
		return (*exporter).signingKey, nil
	case move.TableCounters:
		return (*exporter).counters, nil
	}
	if !slices.Contains(move.Tables(), t) {
		return nil, move.NoTable(t)
	}
	id, err := parseKey(after)
	return func(x *exporter, b *postgres.Batch) { x.behind(b, t, id) }, err
}

func parseKey(s string) (id int64, err error) {
	if s != "" {
		id, err = strconv.ParseInt(s, 10, 64)
	}
	return id, badPlace(err)
}

func badPlace(err error) error {
	if err == nil {
		return nil
	}
	return move.BadPlace()
}

func byID(r *postgres.Row) string { return strconv.FormatInt(r.Int(), 10) }

// behind exports a table whose places are ids.
func (x *exporter) behind(b *postgres.Batch, t move.Table, after int64) {
	switch t {
	case move.TableShops:
		export(x, b, &x.Shops, byID, rows.Shop, `SELECT id, `+rows.ShopColumns+` FROM shops WHERE id > $1 ORDER BY id`, after)
	case move.TableConnections:
		export(x, b, &x.Connections, byID, rows.Connection, `SELECT c.shop_id, `+rows.ConnectionColumns+` FROM connections c
			JOIN shops s ON s.id = c.shop_id WHERE c.shop_id > $1 ORDER BY c.shop_id`, after)
	case move.TableReconciliations:
		export(x, b, &x.Reconciliations, byID, rows.Reconciliation, `SELECT r.shop_id, `+rows.ReconciliationColumns+`
			FROM reconciliations r JOIN shops s ON s.id = r.shop_id WHERE r.shop_id > $1 ORDER BY r.shop_id`, after)
	case move.TablePeople:
		export(x, b, &x.People, byID, rows.Person, `SELECT p.id, `+rows.PersonColumns+rows.PersonJoin+`WHERE p.id > $1
			ORDER BY p.id`, after)
	case move.TableTokens:
		export(x, b, &x.Tokens, byID, rows.Token, `SELECT t.id, `+rows.TokenColumns+` FROM tokens t
			JOIN shops s ON s.id = t.shop_id WHERE t.id > $1 ORDER BY t.id`, after)
	case move.TableDevices:
		export(x, b, &x.Devices, byID, rows.WholeDevice, `SELECT d.id, `+rows.WholeDeviceColumns+`
			FROM devices d JOIN shops s ON s.id = d.shop_id WHERE d.id > $1 ORDER BY d.id`, after)
	case move.TablePushes:
		export(x, b, &x.Pushes, byID, rows.WholePush, `SELECT p.id, `+rows.WholePushColumns+`
			FROM pushes p JOIN orders o USING (shop_id, order_id) JOIN shops s ON s.id = p.shop_id
			WHERE p.id > $1 AND p.order_id <> 0 ORDER BY p.id`, after)
	case move.TableFanOuts:
		export(x, b, &x.FanOuts, byID, rows.FanOut, `SELECT f.id, `+rows.FanOutColumns+` FROM fanouts f
			JOIN orders o USING (shop_id, order_id) JOIN shops s ON s.id = f.shop_id WHERE f.id > $1 ORDER BY f.id`, after)
	case move.TableChanges:
		export(x, b, &x.Changes, byID, rows.Change, `SELECT c.seq, `+rows.ChangeColumns+` FROM changes c
			JOIN shops s ON s.id = c.shop_id WHERE c.seq > $1 ORDER BY c.seq`, after)
	case move.TableRequests:
		sized(x, b, &x.Requests, rows.Request, rows.RequestColumns, "privacy_requests", "id", "document", after)
	case move.TableExports:
		sized(x, b, &x.Exports, rows.Export, "request_id, until, export", "privacy_exports", "request_id", "export", after)
	case move.TableStatements:
		sized(x, b, &x.Statements, rows.StatementRow, rows.StatementColumns, "statements", "id",
			"coalesce(lines, '')", after)
	case move.TableAccesses:
		export(x, b, &x.Accesses, byID, rows.Access, `SELECT id, `+rows.AccessColumns+` FROM looks WHERE id > $1 ORDER BY id`,
			after)
	case move.TableBackups:
		export(x, b, &x.Backups, byID, rows.Backup, `SELECT id, `+rows.BackupColumns+` FROM backups WHERE id > $1
			ORDER BY id`, after)
	}
}

func (x *exporter) sessions(b *postgres.Batch, after []byte) {
	place := func(r *postgres.Row) string { return hex.EncodeToString(r.Blob()) }
	export(x, b, &x.Sessions, place, rows.Session, `SELECT n.token_hash, `+rows.SessionColumns+` FROM sessions n
		WHERE n.token_hash > $1 ORDER BY n.token_hash`, after)
}

func (x *exporter) invitations(b *postgres.Batch, after []byte) {
	place := func(r *postgres.Row) string { return hex.EncodeToString(r.Blob()) }
	export(x, b, &x.Invitations, place, rows.Invitation, `SELECT i.hash, `+rows.InvitationColumns+` FROM invitations i
		JOIN shops s ON s.id = i.shop_id WHERE i.hash > $1 ORDER BY i.hash`, after)
}

// operatorTokens are few, and one chunk.
func (x *exporter) operatorTokens(b *postgres.Batch) {
	all(b, &x.OperatorTokens, rows.Token, listOperatorTokens)
}

func (x *exporter) heard(b *postgres.Batch, after move.HeardPlace) {
	place := func(r *postgres.Row) string {
		return move.HeardPlace{Shop: r.Int(), Slot: r.Int(), Topic: r.Text()}.String()
	}
	export(x, b, &x.Heard, place, rows.WholeHeard, `SELECT h.shop_id, h.slot, h.topic, `+rows.HeardColumns+`
		FROM heard h JOIN shops s ON s.id = h.shop_id WHERE (h.shop_id, h.topic, h.slot) > ($1, $2, $3)
		ORDER BY h.shop_id, h.topic, h.slot`, after.Shop, after.Topic, after.Slot)
}

func (x *exporter) marks(b *postgres.Batch, after move.MarkPlace) {
	place := func(r *postgres.Row) string {
		at := move.MarkPlace{Shop: r.Text()}
		copy(at.Mark[:], r.Blob())
		return at.String()
	}
	export(x, b, &x.Marks, place, rows.Mark, `SELECT shop, mark, shop, mark, until FROM privacy_marks
		WHERE (mark, shop) > ($1, $2) ORDER BY mark, shop`, after.Mark[:], after.Shop)
}

// markKey is one row at most.
func (x *exporter) markKey(b *postgres.Batch) {
	all(b, &x.MarkKeys, (*postgres.Row).Text, `SELECT value FROM mark_key`+rows.WhereMarked)
}

// signingKey is one row at most.
func (x *exporter) signingKey(b *postgres.Batch) {
	all(b, &x.SigningKeys, (*postgres.Row).Text, `SELECT value FROM signing_key`+rows.WhereStated)
}

// relays are few, and one chunk.
func (x *exporter) relays(b *postgres.Batch) {
	all(b, &x.Relays, func(r *postgres.Row) store.Lease { return rows.Lease(r).Free() }, listRelays)
}

// counters are few, and one chunk.
func (x *exporter) counters(b *postgres.Batch) {
	b.Rows(func(r *postgres.Row) {
		if n := (move.Counter{Kind: move.CounterKind(r.Text()), Name: r.Text(), N: r.Int()}); n.N != 0 {
			x.Counters = append(x.Counters, n)
		}
	}, `SELECT 'outcome', outcome, n FROM ledger_totals
		UNION ALL SELECT 'status', status, n FROM push_totals
		UNION ALL SELECT 'last_id', 'people', last_value FROM people_id_seq WHERE is_called
		UNION ALL SELECT 'last_id', 'tokens', last_value FROM tokens_id_seq WHERE is_called
		UNION ALL SELECT 'last_id', 'devices', last_value FROM devices_id_seq WHERE is_called
		UNION ALL SELECT 'last_id', 'privacy_requests', last_value FROM privacy_requests_id_seq WHERE is_called
		UNION ALL SELECT 'last_id', 'looks', max(id) FROM looks
		UNION ALL SELECT 'last_id', 'pushes', last_value FROM pushes_id_seq WHERE is_called
		UNION ALL SELECT 'last_id', 'changes', last FROM stream`)
}
