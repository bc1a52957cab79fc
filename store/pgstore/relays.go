package pgstore

import (
	"context"
	"time"

	"bellhop/internal/postgres"
	"bellhop/store"
	"bellhop/store/driver"
	"bellhop/store/rows"
	"bellhop/store/rules"
)

const (
	listRelays = `SELECT ` + rows.RelayColumns + ` FROM relays ORDER BY name`
	takeRelay  = `INSERT INTO relays AS r (name, holder, held_to, term, origin, cursor)
		SELECT $1, $2, $3::timestamptz, 1, i.id, s.last FROM identity i, stream s
		ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, held_to = excluded.held_to,
			term = r.term + (r.holder <> excluded.holder)::int WHERE r.holder = excluded.holder OR r.held_to <= $4 OR
			r.held_to > $5`
)

// TakeRelay implements [store.Relays].
func (db *DB) TakeRelay(ctx context.Context, name, holder string, now time.Time, lease time.Duration) (
	taken store.Relay, err error) {
	if err := driver.CheckRelay(name, holder, lease); err != nil {
		return taken, err
	}
	err = db.worker.Once(ctx, func(b *postgres.Batch) {
		b.Exec(takeRelay, name, holder, postgres.Always(now.Add(lease)), postgres.Always(now),
			postgres.Always(now.Add(rules.LongestWait)))
		one(b, &taken, rows.Relay, `SELECT `+rows.RelayColumns+` FROM relays WHERE name = $1`, name)
	})
	return taken, wrap("take a relay", err)
}

// MoveRelay implements [store.Relays].
func (db *DB) MoveRelay(ctx context.Context, r store.Relay) error {
	var n int64
	err := db.worker.Once(ctx, func(b *postgres.Batch) {
		b.Count(&n, `UPDATE relays SET cursor = $3, held_to = $4 WHERE name = $1 AND term = $2`,
			r.Name, r.Term, r.Cursor, postgres.Always(r.Until))
	})
	if err == nil && n == 0 {
		err = driver.RelayTaken()
	}
	return wrap("move a relay", err)
}

// Relays implements [store.Relays].
func (db *DB) Relays(ctx context.Context) ([]store.Relay, error) {
	return list(ctx, db.worker, "list relays", rows.Relay, listRelays)
}

// RemoveRelay implements [store.Relays].
func (db *DB) RemoveRelay(ctx context.Context, name string) error {
	return once(ctx, db.worker, "relay", "remove a relay", `DELETE FROM relays WHERE name = $1`, name)
}
