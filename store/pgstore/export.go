package pgstore

import (
	"cmp"
	"context"
	"encoding/hex"
	"slices"
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
func export[P, T any](
	x *exporter, b *postgres.Batch, rows *[]T, placeOf func(P) string, read func(pgx.Rows) (T, error),
	query string, after P,
) {
	b.Each(func(r pgx.Rows) error {
		if x.Full() {
			return nil
		}
		var place P
		row, err := read(behind{r, []any{&place}})
		move.Took(&x.Filling, rows, placeOf(place), row)
		return err
	}, query+` LIMIT `+strconv.Itoa(x.limit.Rows+1), after)
}

// table checks a place and returns the function that queues the queries behind it.
func table(t move.Table, after string) (func(*exporter, *postgres.Batch), error) {
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
		return func(x *exporter, b *postgres.Batch) { x.orders(b, no, id) }, cmp.Or(err, err2)
	case move.TableRelays:
		return (*exporter).relays, nil
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

func keyOf(id int64) string { return strconv.FormatInt(id, 10) }

// behind exports a table whose places are ids.
func (x *exporter) behind(b *postgres.Batch, t move.Table, after int64) {
	switch t {
	case move.TableShops:
		export(x, b, &x.Shops, keyOf, readShop, `SELECT id, `+shopColumns+` FROM shops WHERE id > $1 ORDER BY id`, after)
	case move.TablePeople:
		export(x, b, &x.People, keyOf, readPerson, `SELECT p.id, `+personColumns+personJoin+`WHERE p.id > $1
			ORDER BY p.id`, after)
	case move.TableTokens:
		export(x, b, &x.Tokens, keyOf, readToken, `SELECT t.id, `+tokenColumns+` FROM tokens t
			JOIN shops s ON s.id = t.shop_id WHERE t.id > $1 ORDER BY t.id`, after)
	case move.TableDevices:
		export(x, b, &x.Devices, keyOf, readDeviceRow, `SELECT d.id, `+deviceColumns+`, d.free_at, `+allowanceColumns+`
			FROM devices d JOIN shops s ON s.id = d.shop_id WHERE d.id > $1 ORDER BY d.id`, after)
	case move.TablePushes:
		export(x, b, &x.Pushes, keyOf, readWholePush, `SELECT p.id, p.id, s.domain, p.order_id, p.device_id, p.kind,
			p.status, p.attempts, p.reason, p.created_at, p.next_at, p.sent_at, p.received_at, p.opened_at,
			p.first_attempt_at, p.gathered_since FROM pushes p JOIN shops s ON s.id = p.shop_id
			WHERE p.id > $1 AND p.order_id <> 0 ORDER BY p.id`, after)
	case move.TableFanOuts:
		export(x, b, &x.FanOuts, keyOf, readFanOut, `SELECT f.id, s.domain, f.order_id, f.kind, f.after_id, f.last_id,
			f.created_at FROM fanouts f JOIN shops s ON s.id = f.shop_id WHERE f.id > $1 ORDER BY f.id`, after)
	case move.TableChanges:
		export(x, b, &x.Changes, keyOf, readChange, `SELECT c.seq, `+changeColumns+` FROM changes c
			JOIN shops s ON s.id = c.shop_id WHERE c.seq > $1 ORDER BY c.seq`, after)
	case move.TableAccesses:
		export(x, b, &x.Accesses, keyOf, readAccess, `SELECT id, `+accessColumns+` FROM looks WHERE id > $1 ORDER BY id`,
			after)
	}
}

func (x *exporter) sessions(b *postgres.Batch, after []byte) {
	export(x, b, &x.Sessions, hex.EncodeToString, func(r pgx.Rows) (s bellhop.Session, err error) {
		var hash []byte
		err = r.Scan(&hash, &s.PersonID, postgres.TimeTo(&s.ExpiresAt), postgres.TimeTo(&s.CreatedAt))
		copy(s.TokenHash[:], hash)
		return s, err
	}, `SELECT token_hash, token_hash, person_id, expires_at, created_at FROM sessions WHERE token_hash > $1
		ORDER BY token_hash`, after)
}

func readDeviceRow(r pgx.Rows) (d move.DeviceRow, err error) {
	var left allowanceRow
	err = r.Scan(append(append(scanDevice(&d.Device), postgres.TimeTo(&d.FreeAt)), left.to()...)...)
	if err == nil {
		d.Allowance, err = left.allowance()
	}
	return d, err
}

func readWholePush(r pgx.Rows) (p move.PushRow, err error) {
	err = r.Scan(&p.ID, &p.Shop, &p.OrderID, &p.DeviceID, postgres.TextTo(&p.Kind), postgres.TextTo(&p.Status),
		&p.Attempts, &p.Reason, postgres.TimeTo(&p.CreatedAt), postgres.TimeTo(&p.NextAt), postgres.TimeTo(&p.SentAt),
		postgres.TimeTo(&p.ReceivedAt), postgres.TimeTo(&p.OpenedAt), postgres.TimeTo(&p.FirstAttemptAt),
		postgres.TimeTo(&p.GatheredSince))
	return p, err
}

func readFanOut(r pgx.Rows) (f move.FanOutRow, err error) {
	err = r.Scan(&f.Shop, &f.OrderID, postgres.TextTo(&f.Kind), &f.After, &f.Last, postgres.TimeTo(&f.CreatedAt))
	return f, err
}

// relays are few, and one chunk.
func (x *exporter) relays(b *postgres.Batch) {
	all(b, &x.Relays, func(r pgx.Rows) (store.Relay, error) {
		l, err := readRelay(r)
		return l.Free(), err
	}, listRelays)
}

// counters are few, and one chunk.
func (x *exporter) counters(b *postgres.Batch) {
	b.Each(func(r pgx.Rows) error {
		var n move.Counter
		err := r.Scan(postgres.TextTo(&n.Kind), &n.Name, postgres.IntTo(&n.N))
		if n.N != 0 {
			x.Counters = append(x.Counters, n)
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
