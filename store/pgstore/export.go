package pgstore

import (
	"context"
	"encoding/hex"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"bellhop"
	"bellhop/internal/postgres"
	"bellhop/store"
	"bellhop/store/move"
)

// Export implements [move.Mover]. A place is the key of the last row before it.
func (db *DB) Export(ctx context.Context, t move.Table, after string, at move.ChunkLimit) (move.Chunk, string, error) {
	x := exporter{db: db, limit: at}
	queue, err := x.table(t, after)
	if err != nil {
		return move.Chunk{}, "", err
	}
	err = db.worker.Read(ctx, func(b *postgres.Batch) {
		x = exporter{db: db, limit: at}
		queue(&x, b)
	})
	return x.chunk, x.next, wrap("export", err)
}

type exporter struct {
	db       *DB
	limit    move.ChunkLimit
	chunk    move.Chunk
	n, bytes int
	last     string // the place of the last row
	next     string
}

// rows queues a query for one row more than the chunk takes. It calls read with each row of
// the chunk; read returns the row's place and size.
func (x *exporter) rows(
	b *postgres.Batch, read func(pgx.Rows) (place string, size int, err error), query string, args ...any,
) {
	b.Each(func(r pgx.Rows) error {
		if x.next != "" || x.limit.Reached(x.n, x.bytes) {
			x.next = x.last
			return nil
		}
		place, size, err := read(r)
		x.n, x.bytes, x.last = x.n+1, x.bytes+size, place
		return err
	}, query+` LIMIT `+strconv.Itoa(x.limit.Rows+1), args...)
}

// table checks a place and returns the function that queues the queries behind it.
func (x *exporter) table(t move.Table, after string) (func(*exporter, *postgres.Batch), error) {
	switch t {
	case move.TableSessions:
		hash, err := hex.DecodeString(after)
		return func(x *exporter, b *postgres.Batch) { x.sessions(b, hash) }, badPlace(err)
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
		if err == nil {
			err = err2
		}
		return func(x *exporter, b *postgres.Batch) { x.orders(b, no, id) }, err
	case move.TableRelays:
		return (*exporter).relays, nil
	case move.TableCounters:
		return (*exporter).counters, nil
	}
	export, ok := exports[t]
	if !ok {
		return nil, bellhop.Invalidf("table", "there is no table %q", t)
	}
	id, err := parseKey(after)
	return func(x *exporter, b *postgres.Batch) { export(x, b, id) }, err
}

// exports export the tables whose places are ids.
var exports = map[move.Table]func(*exporter, *postgres.Batch, int64){
	move.TableShops: (*exporter).shops, move.TablePeople: (*exporter).people, move.TableTokens: (*exporter).tokens,
	move.TableDevices: (*exporter).devices, move.TablePushes: (*exporter).pushes, move.TableFanOuts: (*exporter).fanOuts,
	move.TableChanges:  (*exporter).changes,
	move.TableAccesses: (*exporter).accesses,
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
	return bellhop.Invalidf("place", "the place in the table is not one that was given out")
}

func keyOf(id int64) string { return strconv.FormatInt(id, 10) }

func (x *exporter) shops(b *postgres.Batch, after int64) {
	x.rows(b, func(r pgx.Rows) (string, int, error) {
		var id int64
		var s bellhop.Shop
		err := r.Scan(&s.Domain, &s.Disabled, &s.Secret, &s.PreviousSecret, &s.OwnSecretOnly, &s.CustomerInPush,
			postgres.TimeTo(&s.AddedAt), postgres.TimeTo(&s.LastEventAt), postgres.TextTo(&s.LastSignedBy), &id)
		x.chunk.Shops = append(x.chunk.Shops, s)
		return keyOf(id), 200, err
	}, `SELECT `+shopColumns+`, id FROM shops WHERE id > $1 ORDER BY id`, after)
}

func (x *exporter) people(b *postgres.Batch, after int64) {
	x.rows(b, func(r pgx.Rows) (string, int, error) {
		p, err := readPerson(r)
		x.chunk.People = append(x.chunk.People, p)
		return keyOf(p.ID), 200, err
	}, `SELECT `+personColumns+personJoin+`WHERE p.id > $1 ORDER BY p.id`, after)
}

func (x *exporter) sessions(b *postgres.Batch, after []byte) {
	x.rows(b, func(r pgx.Rows) (string, int, error) {
		var s bellhop.Session
		var hash []byte
		err := r.Scan(&hash, &s.PersonID, postgres.TimeTo(&s.ExpiresAt), postgres.TimeTo(&s.CreatedAt))
		copy(s.TokenHash[:], hash)
		x.chunk.Sessions = append(x.chunk.Sessions, s)
		return hex.EncodeToString(hash), 100, err
	}, `SELECT token_hash, person_id, expires_at, created_at FROM sessions WHERE token_hash > $1 ORDER BY token_hash`,
		after)
}

func (x *exporter) tokens(b *postgres.Batch, after int64) {
	x.rows(b, func(r pgx.Rows) (string, int, error) {
		t, err := readToken(r)
		x.chunk.Tokens = append(x.chunk.Tokens, t)
		return keyOf(t.ID), 150, err
	}, `SELECT `+tokenColumns+` FROM tokens t JOIN shops s ON s.id = t.shop_id WHERE t.id > $1 ORDER BY t.id`, after)
}

func (x *exporter) devices(b *postgres.Batch, after int64) {
	x.rows(b, func(r pgx.Rows) (string, int, error) {
		var d move.DeviceRow
		var left allowanceRow
		err := r.Scan(append(append(scanDevice(&d.Device), postgres.TimeTo(&d.FreeAt)), left.to()...)...)
		if err == nil {
			d.Allowance, err = left.allowance()
		}
		x.chunk.Devices = append(x.chunk.Devices, d)
		return keyOf(d.ID), 400 + len(d.Value), err
	}, `SELECT `+deviceColumns+`, d.free_at, `+allowanceColumns+`
		FROM devices d JOIN shops s ON s.id = d.shop_id WHERE d.id > $1 ORDER BY d.id`, after)
}

func (x *exporter) pushes(b *postgres.Batch, after int64) {
	x.rows(b, func(r pgx.Rows) (string, int, error) {
		var p move.PushRow
		err := r.Scan(&p.ID, &p.Shop, &p.OrderID, &p.DeviceID, postgres.TextTo(&p.Kind), postgres.TextTo(&p.Status),
			&p.Attempts, &p.Reason, postgres.TimeTo(&p.CreatedAt), postgres.TimeTo(&p.NextAt), postgres.TimeTo(&p.SentAt),
			postgres.TimeTo(&p.ReceivedAt), postgres.TimeTo(&p.OpenedAt), postgres.TimeTo(&p.FirstAttemptAt),
			postgres.TimeTo(&p.GatheredSince))
		x.chunk.Pushes = append(x.chunk.Pushes, p)
		return keyOf(p.ID), 250, err
	}, `SELECT p.id, s.domain, p.order_id, p.device_id, p.kind, p.status, p.attempts, p.reason, p.created_at, p.next_at,
		p.sent_at, p.received_at, p.opened_at, p.first_attempt_at, p.gathered_since FROM pushes p
		JOIN shops s ON s.id = p.shop_id WHERE p.id > $1 AND p.order_id <> 0 ORDER BY p.id`, after)
}

func (x *exporter) fanOuts(b *postgres.Batch, after int64) {
	x.rows(b, func(r pgx.Rows) (string, int, error) {
		var id int64
		var f move.FanOutRow
		err := r.Scan(&id, &f.Shop, &f.OrderID, postgres.TextTo(&f.Kind), &f.After, &f.Last, postgres.TimeTo(&f.CreatedAt))
		x.chunk.FanOuts = append(x.chunk.FanOuts, f)
		return keyOf(id), 80, err
	}, `SELECT f.id, s.domain, f.order_id, f.kind, f.after_id, f.last_id, f.created_at
		FROM fanouts f JOIN shops s ON s.id = f.shop_id WHERE f.id > $1 ORDER BY f.id`, after)
}

func (x *exporter) changes(b *postgres.Batch, after int64) {
	x.rows(b, func(r pgx.Rows) (string, int, error) {
		var c store.Change
		err := r.Scan(&c.Seq, postgres.TextTo(&c.Kind), &c.Shop, &c.OrderID, postgres.IntTo(&c.PushID),
			postgres.TimeTo(&c.At), &c.TraceParent)
		x.chunk.Changes = append(x.chunk.Changes, c)
		return keyOf(c.Seq), 120, err
	}, `SELECT c.seq, c.kind, s.domain, c.order_id, c.push_id, c.at, c.trace_parent FROM changes c
		JOIN shops s ON s.id = c.shop_id WHERE c.seq > $1 ORDER BY c.seq`, after)
}

func (x *exporter) accesses(b *postgres.Batch, after int64) {
	x.rows(b, func(r pgx.Rows) (string, int, error) {
		l, err := readAccess(r)
		x.chunk.Accesses = append(x.chunk.Accesses, l)
		return keyOf(l.ID), 200, err
	}, `SELECT `+accessColumns+` FROM looks WHERE id > $1 ORDER BY id`, after)
}

// relays are few, and one chunk.
func (x *exporter) relays(b *postgres.Batch) {
	b.Each(func(r pgx.Rows) error {
		one, err := readRelay(r)
		x.chunk.Relays = append(x.chunk.Relays, one.Free())
		return err
	}, listRelays)
}

// counters are few, and one chunk.
func (x *exporter) counters(b *postgres.Batch) {
	b.Each(func(r pgx.Rows) error {
		var n move.Counter
		err := r.Scan(postgres.TextTo(&n.Kind), &n.Name, postgres.IntTo(&n.N))
		if n.N != 0 {
			x.chunk.Counters = append(x.chunk.Counters, n)
		}
		return err
	}, `SELECT 'outcome', outcome, n FROM ledger_totals
		UNION ALL SELECT 'status', status, n FROM push_totals
		UNION ALL SELECT 'last_id', 'people', last_value FROM people_id_seq WHERE is_called
		UNION ALL SELECT 'last_id', 'tokens', last_value FROM tokens_id_seq WHERE is_called
		UNION ALL SELECT 'last_id', 'devices', last_value FROM devices_id_seq WHERE is_called
		UNION ALL SELECT 'last_id', 'looks', max(id) FROM looks
		UNION ALL SELECT 'last_id', 'pushes', last_value FROM pushes_id_seq WHERE is_called
		UNION ALL SELECT 'last_id', 'changes', last FROM stream`)
}
