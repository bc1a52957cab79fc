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
	listLeases = `SELECT ` + rows.LeaseColumns + ` FROM relays ORDER BY name COLLATE "C"`
	listRelays = `SELECT ` + rows.LeaseColumns + ` FROM relays WHERE cursor IS NOT NULL ORDER BY name COLLATE "C"`

	// A new lease follows no stream. A new relay begins at the newest change.
	takeLease = `INSERT INTO relays AS r (name, holder, held_to, term, origin, cursor)
		VALUES ($1, $2, $3::timestamptz, 1, '', NULL)` + takeOver
	takeRelay = `INSERT INTO relays AS r (name, holder, held_to, term, origin, cursor)
		SELECT $1, $2, $3::timestamptz, 1, i.id, s.last FROM identity i, stream s` + takeOver
	takeOver = ` ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, held_to = excluded.held_to,
			term = r.term + (r.holder <> excluded.holder)::int WHERE r.holder = excluded.holder OR r.held_to <= $4 OR
			r.held_to > $5`
)

// TakeLease implements [store.Leases].
func (db *DB) TakeLease(ctx context.Context, name, holder string, now time.Time, d time.Duration) (store.Lease, error) {
	return db.take(ctx, takeLease, name, holder, now, d)
}

// TakeRelay implements [store.Leases].
func (db *DB) TakeRelay(ctx context.Context, name, holder string, now time.Time, d time.Duration) (store.Lease, error) {
	return db.take(ctx, takeRelay, name, holder, now, d)
}

func (db *DB) take(ctx context.Context, query, name, holder string, now time.Time, d time.Duration) (
	taken store.Lease, err error) {
	if err := driver.CheckLease(name, holder, d); err != nil {
		return taken, err
	}
	err = db.worker.Once(ctx, func(b *postgres.Batch) {
		b.Exec(query, name, holder, postgres.Always(now.Add(d)), postgres.Always(now),
			postgres.Always(now.Add(rules.LongestWait)))
		one(b, &taken, rows.Lease, `SELECT `+rows.LeaseColumns+` FROM relays WHERE name = $1`, name)
	})
	return taken, wrap("take a lease", err)
}

// MoveLease implements [store.Leases].
func (db *DB) MoveLease(ctx context.Context, l store.Lease) error {
	var n int64
	err := db.worker.Once(ctx, func(b *postgres.Batch) {
		b.Count(&n, `UPDATE relays SET cursor = CASE WHEN cursor IS NOT NULL THEN $3::bigint END, held_to = $4
			WHERE name = $1 AND term = $2`, l.Name, l.Term, l.Cursor, postgres.Always(l.Until))
	})
	if err == nil && n == 0 {
		err = driver.LeaseTaken()
	}
	return wrap("move a lease", err)
}

// Leases implements [store.Leases].
func (db *DB) Leases(ctx context.Context) ([]store.Lease, error) {
	return list(ctx, db.worker, "list leases", rows.Lease, listLeases)
}

// RemoveLease implements [store.Leases].
func (db *DB) RemoveLease(ctx context.Context, name string) error {
	return once(ctx, db.worker, "lease", "remove a lease", `DELETE FROM relays WHERE name = $1`, name)
}
