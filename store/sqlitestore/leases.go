package sqlitestore

import (
	"context"
	"time"

	"bellhop/internal/sqlitefile"
	"bellhop/store"
	"bellhop/store/driver"
	"bellhop/store/rows"
	"bellhop/store/rules"
)

// A new lease follows no stream. A new relay begins at the newest change.
const (
	newLease = `'', NULL`
	newRelay = `(SELECT id FROM identity), (SELECT ifnull(max(seq), 0) FROM changes)`
)

// TakeLease implements [store.Leases].
func (db *DB) TakeLease(ctx context.Context, name, holder string, now time.Time, d time.Duration) (store.Lease, error) {
	return db.take(ctx, newLease, name, holder, now, d)
}

// TakeRelay implements [store.Leases].
func (db *DB) TakeRelay(ctx context.Context, name, holder string, now time.Time, d time.Duration) (store.Lease, error) {
	return db.take(ctx, newRelay, name, holder, now, d)
}

func (db *DB) take(ctx context.Context, begins, name, holder string, now time.Time, d time.Duration) (
	store.Lease, error) {
	if err := driver.CheckLease(name, holder, d); err != nil {
		return store.Lease{}, err
	}
	return put(ctx, db, "take a lease", func(tx *sqlitefile.Tx) (store.Lease, error) {
		err := tx.Prepare(`INSERT INTO relays (name, holder, held_to, term, origin, cursor)
			VALUES (?,?,?, 1, ` + begins + `)
			ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, held_to = excluded.held_to,
				term = term + (holder <> excluded.holder) WHERE holder = excluded.holder OR held_to <= ? OR held_to > ?`).
			Text(name).Text(holder).Time(now.Add(d)).Time(now).Time(now.Add(rules.LongestWait)).Exec()
		if err != nil {
			return store.Lease{}, err
		}
		return first(tx.Prepare(`SELECT `+rows.LeaseColumns+` FROM relays WHERE name = ?`).Text(name), "lease",
			rows.Lease)
	})
}

// MoveLease implements [store.Leases].
func (db *DB) MoveLease(ctx context.Context, l store.Lease) error {
	return db.write(ctx, "move a lease", func(tx *sqlitefile.Tx) error {
		err := tx.Prepare(`UPDATE relays SET cursor = iif(cursor IS NULL, NULL, ?), held_to = ? WHERE name = ? AND term = ?`).
			Int(l.Cursor).Int(micros(l.Until)).Text(l.Name).Int(l.Term).Exec()
		if err == nil && tx.Changes() == 0 {
			err = driver.LeaseTaken()
		}
		return err
	})
}

// Leases implements [store.Leases].
func (db *DB) Leases(ctx context.Context) ([]store.Lease, error) {
	return list(ctx, db.proceed, "list leases", rows.Lease, `SELECT `+rows.LeaseColumns+` FROM relays ORDER BY name`)
}

// RemoveLease implements [store.Leases].
func (db *DB) RemoveLease(ctx context.Context, name string) error {
	return db.write(ctx, "remove a lease", func(tx *sqlitefile.Tx) error {
		return change(tx, "lease", `DELETE FROM relays WHERE name = ?`, name)
	})
}
