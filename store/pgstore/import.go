package pgstore

import (
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"bellhop"
	"bellhop/internal/postgres"
	"bellhop/store"
	"bellhop/store/driver"
	"bellhop/store/move"
	"bellhop/store/rows"
)

// ofShops makes rows of arguments whose first column is a shop's domain, and finds the
// shop's id in this database.
func ofShops(types, columns string) string {
	return ` FROM ` + postgres.Unnest("text "+types) + ` AS n(shop, ` + columns + `) JOIN shops s ON s.domain = n.shop`
}

// importInto is a statement that adds shops' rows.
func importInto(table, columns, types string) string {
	columns = strings.Join(strings.Fields(columns), " ")
	return `INSERT INTO ` + table + ` (shop_id, ` + columns + `) SELECT s.id, n.` +
		strings.ReplaceAll(columns, ", ", ", n.") + ofShops(types, columns)
}

var (
	importShops  = `INSERT INTO shops (` + rows.ShopColumns + `) SELECT * FROM ` + postgres.Unnest(shopTypes)
	importPeople = `INSERT INTO people (id, email, role, password_hash, added_at, settings, unproven, shop_id)
		SELECT n.id, n.email, n.role, n.password_hash, n.added_at, n.settings, n.unproven, s.id FROM ` +
		postgres.Unnest("bigint text text text timestamptz text boolean text") +
		` AS n(id, email, role, password_hash, added_at, settings, unproven, shop) LEFT JOIN shops s ON s.domain = n.shop`
	importMemberships = `INSERT INTO memberships (person_id, shop_id, role) SELECT n.person, s.id, n.role` +
		ofShops("bigint text", "person, role") + ` ON CONFLICT (person_id, shop_id) DO UPDATE SET role = excluded.role`
	importInvitations = importInto("invitations", "hash, email, role, invited_by, created_at, expires_at",
		"bytea text text text timestamptz timestamptz")
	importOperatorTokens = `INSERT INTO operator_tokens (name, hash, created_at, last_used_at) SELECT * FROM ` +
		postgres.Unnest("text bytea timestamptz timestamptz")
	importSessions = `INSERT INTO sessions (` + sessionColumns + `) SELECT * FROM ` + postgres.Unnest(sessionTypes)
	importTokens   = importInto("tokens", "id, name, hash, created_at, last_used_at",
		"bigint text bytea timestamptz timestamptz")
	importDevices = importInto("devices", "id, person_id, installation, kind, value, platform, form, locale, timezone, "+
		"added_at, seen_at, retired_at, retired_for, free_at, spent, rung, spent_at, gathered_orders, "+
		"gathered_changes, gathered_total, gathered_currency, gathered_since, name, session_id",
		"bigint bigint text text text text text text text timestamptz timestamptz timestamptz text timestamptz "+
			allowanceTypes+" text bigint")
	importOrders = importInto("orders", "order_id, "+stateColumns+", "+contentColumns+", "+traceColumns+", "+
		rows.TakingColumns, "bigint "+stateTypes+contentTypes+traceTypes+" "+takingTypes)
	importPushes = importInto("pushes", "id, order_id, device_id, kind, status, attempts, created_at, next_at, reason, "+
		"sent_at, received_at, opened_at, first_attempt_at, gathered_since",
		"bigint bigint bigint text text bigint timestamptz timestamptz text "+
			"timestamptz timestamptz timestamptz timestamptz timestamptz")
	importFanOuts = importInto("fanouts", "order_id, kind, after_id, last_id, created_at",
		"bigint text bigint bigint timestamptz")
	importChanges = importInto("changes", "seq, kind, order_id, push_id, at, trace_parent",
		"bigint text bigint bigint timestamptz text")
	importAccesses = `INSERT INTO looks (` + rows.AccessColumns + `) SELECT * FROM ` +
		postgres.Unnest("bigint timestamptz text text text text bigint")
	importBackups = `INSERT INTO backups (` + rows.BackupColumns + `) SELECT * FROM ` +
		postgres.Unnest("text timestamptz timestamptz")
	importRequests = `INSERT INTO privacy_requests (` + rows.RequestColumns + `) SELECT * FROM ` +
		postgres.Unnest("bigint text text text text")
	importExports = `INSERT INTO privacy_exports (request_id, until, export) SELECT * FROM ` +
		postgres.Unnest("bigint timestamptz bytea")
	importMarks = `INSERT INTO privacy_marks (mark, shop, until) SELECT * FROM ` +
		postgres.Unnest("bytea text timestamptz")
	importMarkKey         = importKey("mark_key")
	importSigningKey      = importKey("signing_key")
	importReconciliations = importInto("reconciliations", "due, state", "timestamptz jsonb")
	importRelays          = `INSERT INTO relays (name, origin, cursor, term, holder, held_to) SELECT n.*, '', to_timestamp(0)
		FROM ` + postgres.Unnest("text text bigint bigint") + ` AS n(name, origin, cursor, term)`
)

// importKey is a statement that sets a key of the database's own.
func importKey(table string) string {
	return `INSERT INTO ` + table + ` (one, value) SELECT true, n.value FROM ` + postgres.Unnest("text") + ` AS n(value)
		ON CONFLICT (one) DO UPDATE SET value = excluded.value`
}

func fillKey(r *postgres.Rows, sealed *string) { r.Text(*sealed) }

// importing makes arrays of a chunk's rows and returns the function that queues them.
func (db *DB) importing(c *move.Chunk) func(*postgres.Batch) {
	var all []statement
	add := func(query string, r *postgres.Rows) {
		if r.Len() > 0 {
			all = append(all, statement{query, r})
		}
	}
	add(importShops, rowsOf(c.Shops, fillShop))
	add(importConnections, rowsOf(c.Connections, fillConnection))
	add(importReconciliations, rowsOf(c.Reconciliations, fillReconciliation))
	add(importPeople, rowsOf(c.People, fillPerson))
	add(importMemberships, memberships(c.People))
	add(importInvitations, rowsOf(c.Invitations, fillInvitation))
	add(importOperatorTokens, rowsOf(c.OperatorTokens, fillOperatorToken))
	add(importSessions, rowsOf(c.Sessions, fillSession))
	add(importTokens, rowsOf(c.Tokens, fillToken))
	add(importDevices, rowsOf(c.Devices, fillDevice))
	add(importOrders, rowsOf(c.Orders, fillOrder))
	add(importPushes, rowsOf(c.Pushes, fillPush))
	add(importFanOuts, rowsOf(c.FanOuts, fillFanOut))
	add(insertEvents, rowsOf(c.Events, db.fillEvent))
	add(importHeard, rowsOf(c.Heard, fillHeard))
	add(importChanges, rowsOf(c.Changes, fillChange))
	add(importRelays, rowsOf(c.Relays, fillRelay))
	add(importAccesses, rowsOf(c.Accesses, fillAccess))
	add(importRequests, rowsOf(c.Requests, fillRequest))
	add(importExports, rowsOf(c.Exports, fillExport))
	add(importMarks, rowsOf(c.Marks, fillMark))
	add(importMarkKey, rowsOf(c.MarkKeys, fillKey))
	add(importStatements, rowsOf(c.Statements, fillStatement))
	add(importSigningKey, rowsOf(c.SigningKeys, fillKey))
	add(importBackups, rowsOf(c.Backups, fillBackup))
	return func(b *postgres.Batch) {
		for _, s := range all {
			s.queue(b)
		}
		for _, n := range c.Counters {
			importCounter(b, n)
		}
	}
}

type statement struct {
	query string
	*postgres.Rows
}

// queue makes the database count the added rows: else a missing shop would lose its rows in
// silence.
func (s statement) queue(b *postgres.Batch) {
	b.Each(func(r pgx.Rows) error {
		var n int
		if err := r.Scan(&n); err != nil || n == s.Len() {
			return err
		}
		return fmt.Errorf("%d of %d rows belong to a shop that isn't there", s.Len()-n, s.Len())
	}, `WITH added AS (`+s.query+` RETURNING 1) SELECT count(*) FROM added`, s.Args()...)
}

func rowsOf[T any](all []T, fill func(*postgres.Rows, *T)) *postgres.Rows {
	var r postgres.Rows
	for i := range all {
		fill(r.Next(), &all[i])
	}
	return &r
}

func fillPerson(r *postgres.Rows, p *bellhop.Person) {
	role := bellhop.RoleOwner
	if len(p.Shops) == 0 {
		role = bellhop.RoleOperator
	}
	r.Int(p.ID).Text(p.Email).Text(string(role)).Text(p.PasswordHash).Always(p.AddedAt).
		Text(driver.WriteSettings(p.Settings)).Bool(p.Unproven).Text(p.Shop)
}

func memberships(people []bellhop.Person) *postgres.Rows {
	var r postgres.Rows
	for _, p := range people {
		for _, m := range p.Shops {
			r.Next().Text(m.Shop).Int(p.ID).Text(string(m.Role))
		}
	}
	return &r
}

func fillInvitation(r *postgres.Rows, i *bellhop.Invitation) {
	r.Text(i.Shop).Bytes(i.Hash[:]).Text(i.Email).Text(string(i.Role)).Text(i.InvitedBy).Always(i.CreatedAt).
		Always(i.ExpiresAt)
}

func fillOperatorToken(r *postgres.Rows, t *bellhop.Token) {
	r.Text(t.Name).Bytes(t.Hash[:]).Always(t.CreatedAt).Time(t.LastUsedAt)
}

func fillSession(r *postgres.Rows, s *bellhop.Session) {
	f := &s.Refresh
	r.Bytes(s.TokenHash[:]).Int(s.PersonID).Always(s.CreatedAt).Always(s.ExpiresAt).Time(s.UsedAt).Text(s.Agent).
		Bytes(driver.HashOrNil(&f.Family)).Bytes(driver.HashOrNil(&f.Hash)).Bytes(driver.HashOrNil(&f.Spent)).
		Bytes(driver.HashOrNil(&f.Salt)).Time(f.ExpiresAt)
}

func fillToken(r *postgres.Rows, t *bellhop.Token) {
	r.Text(t.Shop).Int(t.ID).Text(t.Name).Bytes(t.Hash[:]).Always(t.CreatedAt).Time(t.LastUsedAt)
}

func fillDevice(r *postgres.Rows, d *move.DeviceRow) {
	r.Text(d.Shop).Int(d.ID).Int(d.PersonID).Text(d.Installation).Text(string(d.Kind)).Text(d.Value).
		Text(string(d.Platform)).Text(string(d.Form)).Text(d.Locale).Text(d.Timezone).Always(d.AddedAt).Always(d.SeenAt).
		Time(d.RetiredAt).Text(d.RetiredFor).Time(d.FreeAt)
	fillAllowance(r, d.Allowance)
	r.Text(d.Name).Int(d.SessionID)
}

// fillOrder adds an order as recording does; without content only its state.
func fillOrder(r *postgres.Rows, o *move.OrderRow) {
	contentTo(stateTo(r.Text(o.Shop).Int(o.ID), &o.State), o.Order, &o.State.History)
	c := o.Order
	if c == nil {
		c = &bellhop.Order{}
	}
	r.Text(string(c.Handling)).Time(c.Trace.TriggeredAt).Time(c.Trace.AcceptedAt).Time(c.Trace.RecordedAt).
		TextOrNull(c.Trace.TraceParent).TextOrNull(c.Trace.Found)
	fillTaking(r, o.State.Taking)
}

func fillPush(r *postgres.Rows, p *move.PushRow) {
	r.Text(p.Shop).Int(p.ID).Int(p.OrderID).Int(p.DeviceID).Text(string(p.Kind)).Text(string(p.Status)).
		Int(int64(p.Attempts)).Always(p.CreatedAt).Time(p.NextAt).Text(p.Reason).Time(p.SentAt).Time(p.ReceivedAt).
		Time(p.OpenedAt).Time(p.FirstAttemptAt).Time(p.GatheredSince)
}

func fillFanOut(r *postgres.Rows, f *move.FanOutRow) {
	r.Text(f.Shop).Int(f.OrderID).Text(string(f.Kind)).Int(f.After).Int(f.Last).Always(f.CreatedAt)
}

func (db *DB) fillEvent(r *postgres.Rows, l *store.Line) {
	e := &l.Event
	var coding int64
	var body []byte // NULL once it was pruned
	if e.Body != nil {
		coding, body = db.pack(e.Body)
	}
	eventTo(r, e).Int(coding).Bytes(body).Text(string(l.Outcome)).Text(l.Reason).IntOrNull(l.OrderID).Always(l.At)
}

func fillChange(r *postgres.Rows, c *store.Change) {
	r.Text(c.Shop).Int(c.Seq).Text(string(c.Kind)).Int(c.OrderID).IntOrNull(c.PushID).Always(c.At).Text(c.TraceParent)
}

func fillAccess(r *postgres.Rows, l *bellhop.Access) {
	r.Int(l.ID).Always(l.At).Text(l.By).Text(l.What).Text(l.About).Text(l.Shop).Int(l.N)
}

func fillBackup(r *postgres.Rows, b *bellhop.BackupNote) {
	r.Text(b.Name).Always(b.MadeAt).Time(b.Until)
}

func fillRequest(r *postgres.Rows, q *bellhop.PrivacyRequest) {
	r.Int(q.ID).Text(q.Shop).Text(string(q.Kind)).Text(string(q.Outcome)).Text(driver.WriteRequest(q))
}

func fillExport(r *postgres.Rows, e *move.ExportRow) {
	r.Int(e.Request).Always(e.Until).Bytes(e.Export)
}

func fillMark(r *postgres.Rows, m *move.MarkRow) { r.Bytes(m.Mark[:]).Text(m.Shop).Time(m.Until) }

func fillRelay(r *postgres.Rows, l *store.Lease) {
	r.Text(l.Name).Text(l.Origin).Int(l.Cursor).Int(l.Term)
}

func importCounter(b *postgres.Batch, n move.Counter) {
	switch {
	case n.Kind == move.CountOutcome:
		b.Exec(`INSERT INTO ledger_totals (outcome, n) VALUES ($1, $2)`, n.Name, n.N)
	case n.Kind == move.CountStatus:
		b.Exec(`INSERT INTO push_totals (status, n) VALUES ($1, $2)`, n.Name, n.N)
	case n.Kind == move.CountLastID && n.Name == string(move.TableChanges):
		b.Exec(`UPDATE stream SET last = $1`, n.N)
	case n.Kind == move.CountLastID:
		for _, s := range sequences {
			if s.table == n.Name {
				b.Exec(`SELECT setval($1::text::regclass, $2)`, s.sequence, n.N)
			}
		}
	}
}

// sequences give out the ids.
var sequences = []struct{ table, sequence string }{
	{"people", "people_id_seq"}, {"looks", "looks_id_seq"}, {"tokens", "tokens_id_seq"}, {"devices", "devices_id_seq"},
	{"privacy_requests", "privacy_requests_id_seq"},
	{"pushes", "pushes_id_seq"},
}
