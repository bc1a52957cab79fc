package pgstore

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"bellhop"
	"bellhop/internal/postgres"
	"bellhop/store"
	"bellhop/store/driver"
	"bellhop/store/rules"
)

// pushRow is what is looked at of a push to settle it.
type pushRow struct {
	id, shop, order, device int64
	status                  bellhop.PushStatus
	final                   bool
}

const pushRowColumns = `p.id, p.shop_id, p.order_id, p.device_id, p.status, p.next_at IS NULL`

func readPushRow(r pgx.Rows) (*pushRow, error) {
	var p pushRow
	return &p, r.Scan(&p.id, &p.shop, &p.order, &p.device, postgres.TextTo(&p.status), &p.final)
}

// writes gathers what a transaction writes of pushes, the stream and the totals,
// so that each table is written once and in the order of locks.
type writes struct {
	db      *DB
	pushes  map[int64]pushWrite
	changes postgres.Rows
	lines   rules.Tally[bellhop.Outcome]
	counts  rules.Tally[bellhop.PushStatus]
	devices []int64 // locked
	owed    bool    // something may have become due
	last    int64   // of the stream, once committed
}

// pushWrite is what a push is changed to.
type pushWrite struct {
	status     bellhop.PushStatus
	reason     string
	next, sent time.Time
}

func newWrites(db *DB) *writes { return &writes{db: db, pushes: map[int64]pushWrite{}} }

// end gives a push its final status and tells the stream.
func (w *writes) end(p *pushRow, status bellhop.PushStatus, reason string, at time.Time) {
	change := pushWrite{status: status, reason: reason}
	if status == bellhop.PushSent {
		change.sent = at
	}
	w.pushes[p.id] = change
	w.counts.Move(p.status, status)
	p.status, p.final = status, true
	w.tell(store.ChangeSettled, p.shop, p.order, p.id, at, "")
}

func (w *writes) retry(p *pushRow, s store.Settled) {
	w.pushes[p.id] = pushWrite{status: s.Status, reason: s.Reason, next: s.RetryAt}
	w.counts.Move(p.status, s.Status)
	p.status, p.final, w.owed = s.Status, false, true
}

func (w *writes) tell(kind store.ChangeKind, shop, order, push int64, at time.Time, trace string) {
	w.changes.Next().Text(string(kind)).Int(shop).Int(order).IntOrNull(push).Time(at).Text(trace)
}

var (
	updatePushes = `UPDATE pushes p SET status = n.status, reason = n.reason, next_at = n.next_at, sent_at = coalesce(p.sent_at, n.sent_at)
		FROM ` + postgres.Unnest("bigint text text timestamptz timestamptz") + ` AS n(id, status, reason, next_at, sent_at) WHERE p.id = n.id`
	// The numbers are taken and used in one statement; see the table's comment.
	addChanges = `WITH taken AS (UPDATE stream SET last = last + $7 RETURNING last)
		INSERT INTO changes (seq, kind, shop_id, order_id, push_id, at, trace_parent)
		SELECT taken.last - $7 + n.nr, n.kind, n.shop_id, n.order_id, n.push_id, n.at, n.trace FROM taken,
			` + postgres.Unnest("text bigint bigint bigint timestamptz text") + ` WITH ORDINALITY AS n(kind, shop_id, order_id, push_id, at, trace, nr)`
	addLines = `INSERT INTO ledger_totals AS t (outcome, n) SELECT * FROM ` + postgres.Unnest("text bigint") + `
		ON CONFLICT (outcome) DO UPDATE SET n = t.n + excluded.n`
	addCounts = `INSERT INTO push_totals AS t (status, n) SELECT * FROM ` + postgres.Unnest("text bigint") + `
		ON CONFLICT (status) DO UPDATE SET n = t.n + excluded.n`
)

// settle queues the changes of pushes.
func (w *writes) settle(b *postgres.Batch) {
	if len(w.pushes) == 0 {
		return
	}
	var rows postgres.Rows
	for id, p := range w.pushes {
		rows.Next().Int(id).Text(string(p.status)).Text(p.reason).Time(p.next).Time(p.sent)
	}
	b.Exec(updatePushes, rows.Args()...)
}

// finish queues what comes last.
func (w *writes) finish(b *postgres.Batch) {
	if n := w.changes.Len(); n > 0 {
		b.Exec(addChanges, w.changes.Args(int64(n))...)
		b.Each(func(r pgx.Rows) error { return r.Scan(&w.last) }, `SELECT last FROM stream`)
	}
	tally(b, addLines, &w.lines)
	tally(b, addCounts, &w.counts)
}

func tally[K ~string](b *postgres.Batch, query string, t *rules.Tally[K]) {
	var rows postgres.Rows
	for _, c := range t.Counts() {
		rows.Next().Text(string(c.Key)).Int(c.By)
	}
	if rows.Len() > 0 {
		b.Exec(query, rows.Args()...)
	}
}

// committed does what follows a transaction.
func (w *writes) committed(ctx context.Context) {
	n := int64(w.changes.Len())
	w.db.watch.wrote(w.owed, n > 0)
	if w.last/store.ChangeChunk != (w.last-n)/store.ChangeChunk {
		w.db.trim(ctx, w.last)
	}
}

// lockDevices queues a look at devices, and keeps claims away from them.
func (w *writes) lockDevices(b *postgres.Batch, where string, args ...any) {
	w.devices = nil
	lockInto(b, &w.devices, where, args...)
}

func lockInto(b *postgres.Batch, ids *[]int64, where string, args ...any) {
	b.Each(func(r pgx.Rows) error {
		var id int64
		err := r.Scan(&id)
		*ids = append(*ids, id)
		return err
	}, `SELECT id FROM devices WHERE `+where+` ORDER BY id FOR UPDATE`, args...)
}

// owedTo is what is owed to some devices. What is locked while it changes is
// looked at again.
const owedTo = `SELECT ` + pushRowColumns + ` FROM pushes p WHERE p.next_at IS NOT NULL AND p.id IN
	(SELECT id FROM (SELECT id, device_id FROM pushes WHERE next_at IS NOT NULL ORDER BY next_at LIMIT $2) soon
		WHERE device_id = ANY($1)) ORDER BY p.id FOR UPDATE OF p`

// owedPushes finds what is owed to devices, what is being sent to them included.
func owedPushes(tx *postgres.Tx, devices []int64) (owed []*pushRow, err error) {
	err = tx.Do(func(b *postgres.Batch) {
		b.Each(func(r pgx.Rows) error {
			p, err := readPushRow(r)
			owed = append(owed, p)
			return err
		}, owedTo, devices, driver.LookAhead)
	})
	return owed, err
}

// skip ends what is owed to devices. What is being sent just now is settled by
// whoever sends it.
func (w *writes) skip(owed []*pushRow, reason string, at time.Time) {
	for _, p := range owed {
		if !p.final && p.status != bellhop.PushSending {
			w.end(p, bellhop.PushSkipped, reason, at)
		}
	}
}

// dropDevices deletes the locked devices and skips what they are owed.
func (w *writes) dropDevices(ctx context.Context, tx *postgres.Tx) error {
	owed, err := owedPushes(tx, w.devices)
	if err != nil {
		return err
	}
	w.skip(owed, store.ReasonDeviceRemoved, w.db.pools.Now())
	err = tx.Commit(func(b *postgres.Batch) {
		b.Exec(`DELETE FROM devices WHERE id = ANY($1)`, w.devices)
		w.settle(b)
		w.finish(b)
	})
	if err == nil {
		w.committed(ctx)
	}
	return err
}
