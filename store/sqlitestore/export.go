package sqlitestore

import (
	"context"
	"encoding/hex"
	"strconv"
	"time"

	"bellhop"
	"bellhop/internal/sqlitefile"
	"bellhop/store"
	"bellhop/store/move"
)

// Export implements [move.Mover]. A place is the key of the last row before it.
func (db *DB) Export(ctx context.Context, t move.Table, after string, at move.ChunkLimit) (
	c move.Chunk, next string, err error) {
	err = db.read(ctx, "export", func(conn *sqlitefile.Conn) error {
		x := exporter{file: db.file, c: conn, walk: walk{limit: at}}
		err := x.table(t, after)
		c, next = x.chunk, x.next
		return err
	})
	return c, next, err
}

type exporter struct {
	file  *sqlitefile.File
	c     *sqlitefile.Conn
	chunk move.Chunk
	walk
}

// walk goes through rows until a chunk is full.
type walk struct {
	limit    move.ChunkLimit
	n, bytes int
	last     string // the place of the last row
	next     string
}

// rows calls read with each row; it returns the row's place and size.
func (w *walk) rows(st *sqlitefile.Stmt, read func(sqlitefile.Row) (place int64, size int, err error)) error {
	return w.keyed(st, func(r sqlitefile.Row) (string, int, error) {
		place, size, err := read(r)
		return strconv.FormatInt(place, 10), size, err
	})
}

func (w *walk) keyed(st *sqlitefile.Stmt, read func(sqlitefile.Row) (place string, size int, err error)) error {
	err := st.Each(func(r sqlitefile.Row) error {
		if w.limit.Reached(w.n, w.bytes) {
			w.next = w.last
			return errEnough
		}
		place, size, err := read(r)
		w.n, w.bytes, w.last = w.n+1, w.bytes+size, place
		return err
	})
	return ignore(err, errEnough)
}

func (x *exporter) table(t move.Table, after string) error {
	if t == move.TableSessions {
		return x.sessions(after)
	}
	var place int64
	if after != "" {
		var err error
		if place, err = strconv.ParseInt(after, 10, 64); err != nil {
			return badPlace()
		}
	}
	switch t {
	case move.TableShops:
		return x.shops(place)
	case move.TablePeople:
		return x.people(place)
	case move.TableTokens:
		return x.tokens(place)
	case move.TableDevices:
		return x.devices(place)
	case move.TableOrders:
		return x.orders(place)
	case move.TablePushes:
		return x.pushes(place)
	case move.TableFanOuts:
		return x.fanOuts(place)
	case move.TableEvents:
		return x.events(place)
	case move.TableChanges:
		return x.changes(place)
	case move.TableRelays:
		return x.relays()
	case move.TableAccesses:
		return x.accesses(place)
	case move.TableCounters:
		return x.counters()
	}
	return bellhop.Invalidf("table", "there is no table %q", t)
}

func (x *exporter) shops(after int64) error {
	return x.rows(x.c.Prepare(`SELECT id, `+shopColumns+` FROM shops WHERE id > ? ORDER BY id`).Int(after),
		func(r sqlitefile.Row) (int64, int, error) {
			id := r.Int()
			x.chunk.Shops = append(x.chunk.Shops, readShop(r))
			return id, 200, nil
		})
}

func (x *exporter) people(after int64) error {
	return x.rows(x.c.Prepare(`SELECT `+personColumns+personJoin+`WHERE p.id > ? ORDER BY p.id`).Int(after),
		func(r sqlitefile.Row) (int64, int, error) {
			p, err := readPerson(r)
			x.chunk.People = append(x.chunk.People, p)
			return p.ID, 200, err
		})
}

func (x *exporter) sessions(after string) error {
	hash, err := hex.DecodeString(after)
	if err != nil {
		return badPlace()
	}
	st := x.c.Prepare(`SELECT token_hash, person_id, expires_at, created_at FROM sessions WHERE token_hash > ?
		ORDER BY token_hash`)
	return x.keyed(st.Blob(append([]byte{}, hash...)), func(r sqlitefile.Row) (string, int, error) {
		var s bellhop.Session
		copy(s.TokenHash[:], r.Blob())
		s.PersonID, s.ExpiresAt, s.CreatedAt = r.Int(), r.Time(), r.Time()
		x.chunk.Sessions = append(x.chunk.Sessions, s)
		return hex.EncodeToString(s.TokenHash[:]), 100, nil
	})
}

func (x *exporter) tokens(after int64) error {
	return x.rows(x.c.Prepare(`SELECT `+tokenColumns+` FROM tokens t JOIN shops s ON s.id = t.shop_id WHERE t.id > ?
		ORDER BY t.id`).
		Int(after), func(r sqlitefile.Row) (int64, int, error) {
		t := readToken(r)
		x.chunk.Tokens = append(x.chunk.Tokens, t)
		return t.ID, 150, nil
	})
}

func (x *exporter) devices(after int64) error {
	return x.rows(x.c.Prepare(`SELECT `+deviceColumns+`, d.free_at, `+allowanceColumns+` FROM devices d
		JOIN shops s ON s.id = d.shop_id WHERE d.id > ? ORDER BY d.id`).Int(after),
		func(r sqlitefile.Row) (int64, int, error) {
			d := move.DeviceRow{Device: readDevice(r), FreeAt: r.Time()}
			var err error
			d.Allowance, err = readAllowance(r)
			x.chunk.Devices = append(x.chunk.Devices, d)
			return d.ID, 400 + len(d.Value), err
		})
}

func (x *exporter) orders(after int64) error {
	return x.rows(x.c.Prepare(`SELECT o.no, s.domain, o.edit_at, o.edit_id, o.refund_at, o.refund_id, o.deleted,
		o.placed_at IS NOT NULL, `+orderColumns+` FROM orders o CROSS JOIN shops s ON s.id = o.shop_id
		WHERE o.no > ? ORDER BY o.no`).Int(after), func(r sqlitefile.Row) (int64, int, error) {
		no, row := r.Int(), move.OrderRow{Shop: r.Text()}
		row.State.Edit, row.State.Refund = readTouch(r, bellhop.TouchEdit), readTouch(r, bellhop.TouchRefund)
		row.State.Deleted = r.Bool()
		whole := r.Bool()
		o, err := readOrder(r, row.Shop)
		row.ID, row.State.Version = o.ID, o.Version
		size := 300
		if err == nil && whole {
			o.Version, o.EditedAt, o.RefundedAt, o.Trace.PushedAt = bellhop.Version{}, time.Time{}, time.Time{}, time.Time{}
			o.Items, err = readItems(x.c, no, o.Total.Currency)
			row.Order = &o
			size += len(o.Note) + 150*len(o.Items)
		}
		x.chunk.Orders = append(x.chunk.Orders, row)
		return no, size, err
	})
}

func (x *exporter) pushes(after int64) error {
	return x.rows(x.c.Prepare(`SELECT p.id, s.domain, o.order_id, p.device_id, p.kind, p.status, p.attempts, p.reason,
		p.created_at, p.next_at, p.sent_at, p.received_at, p.opened_at, p.first_attempt_at, p.gathered_since
		FROM pushes p CROSS JOIN orders o ON o.no = p.order_no CROSS JOIN shops s ON s.id = p.shop_id
		WHERE p.id > ? ORDER BY p.id`).Int(after), func(r sqlitefile.Row) (int64, int, error) {
		p := move.PushRow{Push: bellhop.Push{ID: r.Int(), Shop: r.Text(), OrderID: r.Int(), DeviceID: r.Int(),
			Kind: bellhop.PushKind(r.Text()), Status: bellhop.PushStatus(r.Text()), Attempts: int(r.Int()), Reason: r.Text(),
			CreatedAt: r.Time(), NextAt: r.Time(), SentAt: r.Time(), ReceivedAt: r.Time(), OpenedAt: r.Time()},
			FirstAttemptAt: r.Time(), GatheredSince: r.Time()}
		x.chunk.Pushes = append(x.chunk.Pushes, p)
		return p.ID, 250, nil
	})
}

func (x *exporter) fanOuts(after int64) error {
	return x.rows(x.c.Prepare(`SELECT f.id, s.domain, o.order_id, f.kind, f.after_id, f.last_id, f.created_at
		FROM fanouts f CROSS JOIN orders o ON o.no = f.order_no CROSS JOIN shops s ON s.id = f.shop_id
		WHERE f.id > ? ORDER BY f.id`).Int(after), func(r sqlitefile.Row) (int64, int, error) {
		id := r.Int()
		x.chunk.FanOuts = append(x.chunk.FanOuts, move.FanOutRow{Shop: r.Text(), OrderID: r.Int(),
			Kind: bellhop.PushKind(r.Text()), After: r.Int(), Last: r.Int(), CreatedAt: r.Time()})
		return id, 80, nil
	})
}

func (x *exporter) events(after int64) error {
	return x.rows(x.c.Prepare(`SELECT `+sqlitefile.EventColumns+`, l.outcome, l.reason, l.order_id, l.at,
		`+sqlitefile.BodyColumns+` FROM ledger l CROSS JOIN events e ON e.seq = l.seq WHERE l.seq > ? ORDER BY l.seq`).
		Int(after),
		func(r sqlitefile.Row) (int64, int, error) {
			a := sqlitefile.ScanEvent(r)
			l := store.Line{Event: *a.Event, Outcome: bellhop.Outcome(r.Text()), Reason: r.Text(), OrderID: r.Int(),
				At: r.Time()}
			var err error
			l.Event.Body, err = x.file.ScanBody(x.c, r)
			x.chunk.Events = append(x.chunk.Events, l)
			return a.Seq, 400 + len(l.Event.Body), err
		})
}

func (x *exporter) changes(after int64) error {
	return x.rows(x.c.Prepare(`SELECT c.seq, c.kind, s.domain, c.order_id, c.push_id, c.at, c.trace_parent
		FROM changes c CROSS JOIN shops s ON s.id = c.shop_id WHERE c.seq > ? ORDER BY c.seq`).Int(after),
		func(r sqlitefile.Row) (int64, int, error) {
			ch := store.Change{Seq: r.Int(), Kind: store.ChangeKind(r.Text()), Shop: r.Text(), OrderID: r.Int(),
				PushID: r.Int(), At: r.Time(), TraceParent: r.Text()}
			x.chunk.Changes = append(x.chunk.Changes, ch)
			return ch.Seq, 120, nil
		})
}

func (x *exporter) accesses(after int64) error {
	return x.rows(x.c.Prepare(`SELECT `+accessColumns+` FROM looks WHERE id > ? ORDER BY id`).Int(after),
		func(r sqlitefile.Row) (int64, int, error) {
			l := readAccess(r)
			x.chunk.Accesses = append(x.chunk.Accesses, l)
			return l.ID, 200, nil
		})
}

// relays are few, and one chunk.
func (x *exporter) relays() error {
	return x.c.Prepare(`SELECT ` + relayColumns + ` FROM relays ORDER BY name`).Each(func(r sqlitefile.Row) error {
		x.chunk.Relays = append(x.chunk.Relays, readRelay(r).Free())
		return nil
	})
}

// counters are few, and one chunk.
func (x *exporter) counters() error {
	for _, q := range [...]string{
		`SELECT 'outcome', outcome, n FROM ledger_totals`,
		`SELECT 'status', status, n FROM push_totals`,
		`SELECT 'last_id', name, seq FROM sqlite_sequence WHERE name IN ('people', 'tokens', 'devices')`,
		`SELECT 'last_id', 'looks', max(id) FROM looks`,
		`SELECT 'last_id', 'pushes', max(id) FROM pushes`,
		`SELECT 'last_id', 'changes', max(seq) FROM changes`,
	} {
		err := x.c.Prepare(q).Each(func(r sqlitefile.Row) error {
			if n := (move.Counter{Kind: move.CounterKind(r.Text()), Name: r.Text(), N: r.Int()}); n.N != 0 {
				x.chunk.Counters = append(x.chunk.Counters, n)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func badPlace() error {
	return bellhop.Invalidf("place", "the place in the table is not one that was given out")
}
