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

// TakeRelay implements [store.Relays].
func (db *DB) TakeRelay(ctx context.Context, name, holder string, now time.Time, lease time.Duration) (
	store.Relay, error) {
	if err := driver.CheckRelay(name, holder, lease); err != nil {
		return store.Relay{}, err
	}
	return put(ctx, db, "take a relay", func(tx *sqlitefile.Tx) (store.Relay, error) {
		err := tx.Prepare(`INSERT INTO relays (name, holder, held_to, term, origin, cursor)
			VALUES (?,?,?, 1, (SELECT id FROM identity), (SELECT ifnull(max(seq), 0) FROM changes))
			ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, held_to = excluded.held_to,
				term = term + (holder <> excluded.holder) WHERE holder = excluded.holder OR held_to <= ? OR held_to > ?`).
			Text(name).Text(holder).Time(now.Add(lease)).Time(now).Time(now.Add(rules.LongestWait)).Exec()
		if err != nil {
			return store.Relay{}, err
		}
		return first(tx.Prepare(`SELECT `+rows.RelayColumns+` FROM relays WHERE name = ?`).Text(name), "relay",
			rows.Relay)
	})
}

// MoveRelay implements [store.Relays].
func (db *DB) MoveRelay(ctx context.Context, r store.Relay) error {
	return db.write(ctx, "move a relay", func(tx *sqlitefile.Tx) error {
		err := tx.Prepare(`UPDATE relays SET cursor = ?, held_to = ? WHERE name = ? AND term = ?`).
			Int(r.Cursor).Int(micros(r.Until)).Text(r.Name).Int(r.Term).Exec()
		if err == nil && tx.Changes() == 0 {
			err = driver.RelayTaken()
		}
		return err
	})
}

// Relays implements [store.Relays].
func (db *DB) Relays(ctx context.Context) ([]store.Relay, error) {
	return list(ctx, db.proceed, "list relays", rows.Relay, `SELECT `+rows.RelayColumns+` FROM relays ORDER BY name`)
}

// RemoveRelay implements [store.Relays].
func (db *DB) RemoveRelay(ctx context.Context, name string) error {
	return db.write(ctx, "remove a relay", func(tx *sqlitefile.Tx) error {
		return change(tx, "relay", `DELETE FROM relays WHERE name = ?`, name)
	})
}
