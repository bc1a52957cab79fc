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

// saveHeard merges sums of accepted events into those that are there.
func saveHeard(c *sqlitefile.Conn, all []*rules.Heard) error {
	for _, h := range all {
		err := c.Prepare(`INSERT INTO heard (shop_id, topic, slot, first_at, last_at) VALUES (?,?,?,?,?)
			ON CONFLICT (shop_id, topic, slot) DO UPDATE SET first_at = min(first_at, excluded.first_at),
				last_at = max(last_at, excluded.last_at)`).Int(h.Shop).Text(h.Topic).Int(h.Slot).Int(micros(h.First)).
			Int(micros(h.Last)).Exec()
		if err != nil {
			return err
		}
	}
	return nil
}

var (
	lastEvents = `WITH ` + rows.Topics("shop_id = ?1") + ` SELECT topic, (SELECT h.last_at FROM heard h
		WHERE h.shop_id = ?1 AND h.topic = topics.topic AND h.slot < ?3 ORDER BY h.slot DESC LIMIT 1) FROM topics
		WHERE topic IS NOT NULL LIMIT ?2`
	// From the last slot before the time on, of each topic.
	heardSince = `WITH ` + rows.Topics("shop_id = ?1") + ` SELECT h.first_at, h.last_at FROM topics CROSS JOIN heard h
		ON h.shop_id = ?1 AND h.topic = topics.topic AND h.slot >= ifnull((SELECT max(slot) FROM heard
			WHERE shop_id = ?1 AND topic = topics.topic AND slot < ?2), ?2)`
	pruneHeard = `WITH ` + rows.Topics("shop_id = ?1") + ` DELETE FROM heard WHERE (shop_id, topic, slot) IN (
		SELECT h.shop_id, h.topic, h.slot FROM topics CROSS JOIN heard h ON h.shop_id = ?1 AND h.topic = topics.topic
		AND h.slot < (SELECT max(slot) FROM heard WHERE shop_id = ?1 AND topic = topics.topic AND slot < ?2) LIMIT ?3)`
)

// LastEvents implements [store.Statistics].
func (db *DB) LastEvents(ctx context.Context, shop string, before time.Time) (map[string]time.Time, error) {
	return get(ctx, db.read, "look up the last events", func(c *sqlitefile.Conn) (map[string]time.Time, error) {
		last := map[string]time.Time{}
		id, err := shopID(c, shop)
		if err != nil {
			return nil, err
		}
		q := c.Prepare(lastEvents).Int(id).Int(driver.MaxTopics).Int(rules.SlotBefore(before))
		return last, q.Each(func(r sqlitefile.Row) error {
			if topic, at := r.Text(), r.Time(); !at.IsZero() {
				last[topic] = at
			}
			return nil
		})
	})
}

// Silences implements [store.Statistics].
func (db *DB) Silences(ctx context.Context, shop string, since time.Time, least time.Duration) (
	[]store.Silence, error) {
	if err := driver.CheckSilences(least); err != nil {
		return nil, err
	}
	heard, err := get(ctx, db.read, "look for silences", func(c *sqlitefile.Conn) ([]rules.Heard, error) {
		id, err := shopID(c, shop)
		if err != nil {
			return nil, err
		}
		return sqlitefile.All(c.Prepare(heardSince).Int(id).Int(rules.SlotOf(since)), rows.Heard)
	})
	return rules.Silences(heard, since, least), err
}

// PruneHeard implements [store.Erasing].
func (db *DB) PruneHeard(ctx context.Context, shop string, before time.Time, limit int) (int, error) {
	if err := driver.CheckLimit(limit); err != nil {
		return 0, err
	}
	return put(ctx, db, "drop old sums of events", func(tx *sqlitefile.Tx) (int, error) {
		id, err := shopID(tx.Conn, shop)
		if err != nil {
			return 0, err
		}
		err = tx.Prepare(pruneHeard).Int(id).Int(rules.SlotOf(before)).Int(int64(limit)).Exec()
		return int(tx.Changes()), err
	})
}
