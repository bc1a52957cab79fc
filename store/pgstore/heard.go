package pgstore

import (
	"cmp"
	"context"
	"math"
	"slices"
	"time"

	"bellhop/internal/postgres"
	"bellhop/store"
	"bellhop/store/driver"
	"bellhop/store/move"
	"bellhop/store/rows"
	"bellhop/store/rules"
)

var (
	// In the order of the key, so that batches don't wait for each other in a circle.
	addHeard = `INSERT INTO heard AS h (shop_id, topic, slot, first_at, last_at) SELECT * FROM ` +
		postgres.Unnest("bigint text bigint timestamptz timestamptz") + ` ON CONFLICT (shop_id, topic, slot)
		DO UPDATE SET first_at = least(h.first_at, excluded.first_at), last_at = greatest(h.last_at, excluded.last_at)`
	importHeard = importInto("heard", "topic, slot, first_at, last_at", "text bigint timestamptz timestamptz")

	heardOf    = `shop_id = (SELECT id FROM shops WHERE domain = $1)`
	lastEvents = `WITH ` + rows.Topics(heardOf) + ` SELECT topic, (SELECT h.last_at FROM heard h WHERE h.` + heardOf + `
		AND h.topic = topics.topic AND h.slot < $3 ORDER BY h.slot DESC LIMIT 1) FROM topics WHERE topic IS NOT NULL
		LIMIT $2`
	// From the last slot before the time on, of each topic.
	heardSince = `WITH ` + rows.Topics(heardOf) + ` SELECT h.first_at, h.last_at FROM topics CROSS JOIN LATERAL
		(SELECT first_at, last_at FROM heard WHERE ` + heardOf + ` AND topic = topics.topic AND slot >= coalesce(
			(SELECT max(slot) FROM heard WHERE ` + heardOf + ` AND topic = topics.topic AND slot < $2), $2)) h`
	pruneHeard = `WITH ` + rows.Topics(heardOf) + ` DELETE FROM heard WHERE (shop_id, topic, slot) IN (
		SELECT h.shop_id, h.topic, h.slot FROM topics JOIN heard h ON h.` + heardOf + ` AND h.topic = topics.topic
		AND h.slot < (SELECT max(slot) FROM heard WHERE ` + heardOf + ` AND topic = topics.topic AND slot < $2)
		ORDER BY h.topic, h.slot LIMIT $3)`
)

func (s recording) saveHeard(q *postgres.Batch) {
	slices.SortFunc(s.Heard, func(a, b *rules.Heard) int {
		return cmp.Or(cmp.Compare(a.Shop, b.Shop), cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Slot, b.Slot))
	})
	execEach(q, addHeard, s.Heard, func(r *postgres.Rows, h *rules.Heard) {
		r.Int(h.Shop).Text(h.Topic).Int(h.Slot).Always(h.First).Always(h.Last)
	})
}

func fillHeard(r *postgres.Rows, h *move.HeardRow) {
	r.Text(h.Shop).Text(h.Topic).Int(rules.SlotOf(h.First)).Always(h.First).Always(h.Last)
}

// LastEvents implements [store.Statistics].
func (db *DB) LastEvents(ctx context.Context, shop string, before time.Time) (last map[string]time.Time, err error) {
	err = db.api.Read(ctx, func(b *postgres.Batch) {
		last = map[string]time.Time{}
		b.Rows(func(r *postgres.Row) {
			if topic, at := r.Text(), r.Time(); !at.IsZero() {
				last[topic] = at
			}
		}, lastEvents, shop, driver.MaxTopics, rules.SlotBefore(before))
	})
	return last, wrap("look up the last events", err)
}

// Silences implements [store.Statistics].
func (db *DB) Silences(ctx context.Context, shop string, since time.Time, least time.Duration) (
	[]store.Silence, error) {
	if err := driver.CheckSilences(least); err != nil {
		return nil, err
	}
	heard, err := list(ctx, db.api, "look for silences", rows.Heard, heardSince, shop, rules.SlotOf(since))
	return rules.Silences(heard, since, least), err
}

// PruneHeard implements [store.Erasing].
func (db *DB) PruneHeard(ctx context.Context, shop string, before time.Time, limit int) (int, error) {
	if err := driver.CheckLimit(limit); err != nil {
		return 0, err
	}
	var n int64
	err := db.worker.Once(ctx, func(b *postgres.Batch) {
		b.Count(&n, pruneHeard, shop, rules.SlotOf(before), min(limit, math.MaxInt32))
	})
	return int(n), wrap("drop old sums of events", err)
}
