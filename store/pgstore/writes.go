package pgstore

import (
	"context"

	"bellhop/internal/postgres"
	"bellhop/store"
	"bellhop/store/driver"
	"bellhop/store/rows"
	"bellhop/store/rules"
)

const pushRowColumns = `p.id, p.shop_id, p.order_id, p.device_id, p.status, p.next_at IS NULL`

// writes writes a transaction's changes of pushes, the stream and the totals, each table
// once and in the order of locks.
type writes struct {
	*rules.Changes
	db      *DB
	devices []int64 // locked
	last    int64   // of the stream, once committed
}

func newWrites(db *DB, c *rules.Changes) *writes { return &writes{db: db, Changes: c} }

var (
	updatePushes = `UPDATE pushes p SET status = n.status, reason = n.reason, next_at = n.next_at,
		sent_at = coalesce(p.sent_at, n.sent_at) FROM ` + postgres.Unnest("bigint text text timestamptz timestamptz") +
		` AS n(id, status, reason, next_at, sent_at) WHERE p.id = n.id`
	// One statement takes and uses the numbers; see the table's comment.
	addChanges = `WITH taken AS (UPDATE stream SET last = last + $7 RETURNING last)
		INSERT INTO changes (seq, kind, shop_id, order_id, push_id, at, trace_parent)
		SELECT taken.last - $7 + n.nr, n.kind, n.shop_id, n.order_id, n.push_id, n.at, n.trace FROM taken,
			` + postgres.Unnest("text bigint bigint bigint timestamptz text") +
		` WITH ORDINALITY AS n(kind, shop_id, order_id, push_id, at, trace, nr)`
	addLines = `INSERT INTO ledger_totals AS t (outcome, n) SELECT * FROM ` + postgres.Unnest("text bigint") + `
		ON CONFLICT (outcome) DO UPDATE SET n = t.n + excluded.n`
	addCounts = `INSERT INTO push_totals AS t (status, n) SELECT * FROM ` + postgres.Unnest("text bigint") + `
		ON CONFLICT (status) DO UPDATE SET n = t.n + excluded.n`
)

// settle queues the changes of pushes.
func (w *writes) settle(b *postgres.Batch) {
	var rows postgres.Rows
	for id, p := range w.Pushes {
		rows.Next().Int(id).Text(string(p.Status)).Text(p.Reason).Time(p.Next).Time(p.Sent)
	}
	exec(b, updatePushes, &rows)
}

// streamRows returns the rows of the stream.
func (w *writes) streamRows() *postgres.Rows {
	var rows postgres.Rows
	for i := range w.Stream {
		c := &w.Stream[i]
		rows.Next().Text(string(c.Kind)).Int(c.Shop).Int(c.Order).IntOrNull(c.Push).Time(c.At).Text(c.TraceParent)
	}
	return &rows
}

// finish queues the writes that come last.
func (w *writes) finish(b *postgres.Batch) {
	if n := len(w.Stream); n > 0 {
		b.Exec(addChanges, w.streamRows().Args(int64(n))...)
		value(b, &w.last, `SELECT last FROM stream`)
	}
	tally(b, addLines, &w.Outcomes)
	tally(b, addCounts, &w.Statuses)
}

func tally[K ~string](b *postgres.Batch, query string, t *rules.Tally[K]) {
	execEach(b, query, t.Counts(), func(r *postgres.Rows, c rules.Count[K]) { r.Text(string(c.Key)).Int(c.By) })
}

// commit ends a transaction with fn's statements and these changes.
func (w *writes) commit(ctx context.Context, tx *postgres.Tx, fn func(*postgres.Batch)) error {
	err := tx.Commit(func(b *postgres.Batch) {
		fn(b)
		w.settle(b)
		w.finish(b)
	})
	if err == nil {
		w.committed(ctx)
	}
	return err
}

// committed signals a committed transaction and drops old changes.
func (w *writes) committed(ctx context.Context) {
	n := int64(len(w.Stream))
	w.db.watch.wrote(w.Wake, n > 0)
	if w.last/store.ChangeChunk != (w.last-n)/store.ChangeChunk {
		w.db.trim(ctx, w.last)
	}
}

// lockDevices queues a look at devices, and locks them against claims.
func (w *writes) lockDevices(b *postgres.Batch, where string, args ...any) {
	w.devices = nil
	lockInto(b, &w.devices, where, args...)
}

func lockInto(b *postgres.Batch, ids *[]int64, where string, args ...any) {
	all(b, ids, (*postgres.Row).Int, `SELECT id FROM devices WHERE `+where+` ORDER BY id FOR UPDATE`, args...)
}

// owedTo selects pushes owed to some devices. After waiting for a lock PostgreSQL checks a
// row again.
const owedTo = `SELECT ` + pushRowColumns + ` FROM pushes p WHERE p.next_at IS NOT NULL AND p.id IN
	(SELECT id FROM (SELECT id, device_id FROM pushes WHERE next_at IS NOT NULL ORDER BY next_at LIMIT $2) soon
		WHERE device_id = ANY($1)) ORDER BY p.id FOR UPDATE OF p`

// owedPushes queues a look for pushes owed to devices, with those being sent.
func owedPushes(b *postgres.Batch, owed *[]*rules.Push, devices []int64) {
	all(b, owed, rows.Owed, owedTo, devices, driver.LookAhead)
}

// dropDevices deletes the locked devices and skips their owed pushes.
func (w *writes) dropDevices(ctx context.Context, tx *postgres.Tx) error {
	var owed []*rules.Push
	err := tx.Do(func(b *postgres.Batch) { owedPushes(b, &owed, w.devices) })
	if err != nil {
		return err
	}
	w.Skip(owed, store.ReasonDeviceRemoved, w.db.pools.Now())
	return w.commit(ctx, tx, func(b *postgres.Batch) { b.Exec(`DELETE FROM devices WHERE id = ANY($1)`, w.devices) })
}
