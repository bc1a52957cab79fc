package pgstore

import (
	"context"
	"math"

	"bellhop"
	"bellhop/internal/postgres"
	"bellhop/store"
	"bellhop/store/driver"
	"bellhop/store/rules"
)

// erasing is a call of EraseShop; id is 0 once the shop's own row is gone.
type erasing struct {
	db     *DB
	ctx    context.Context
	domain string
	id     int64
	limit  int64
}

// EraseShop implements [store.Erasing].
func (db *DB) EraseShop(ctx context.Context, shop, place string, limit int) (store.Erased, error) {
	if err := driver.CheckLimit(limit); err != nil {
		return store.Erased{}, err
	}
	e := &erasing{db: db, ctx: ctx, domain: shop, limit: min(int64(limit), math.MaxInt32)}
	err := db.worker.Read(ctx, func(b *postgres.Batch) { value(b, &e.id, `SELECT id FROM shops WHERE domain = $1`, shop) })
	if err != nil {
		return store.Erased{}, wrap("look up a shop", err)
	}
	done, err := driver.Erase(place, e.id != 0, driver.EraseSteps{Disable: e.disable, Pushes: e.pushes,
		Devices: e.rows(dropDevices, e.id), Orders: e.rows(dropOrders, e.id), Events: e.events, Stream: e.stream,
		Heard: e.rows(dropHeard, e.id), People: e.people, Accesses: e.rows(dropAccesses, e.domain),
		Exports: e.rows(dropExports, e.domain), Statements: e.rows(dropStatements, e.id), Rest: e.rest})
	return done, wrap("erase a shop", err)
}

const (
	dropDevices = `DELETE FROM devices WHERE id IN (SELECT id FROM devices WHERE shop_id = $1 ORDER BY id LIMIT $2
		FOR UPDATE)`
	dropOrders = `WITH chosen AS MATERIALIZED (SELECT shop_id, order_id FROM orders WHERE shop_id = $1 ORDER BY order_id
			LIMIT $2 FOR UPDATE),
		items AS (DELETE FROM items i USING chosen WHERE i.shop_id = chosen.shop_id AND i.order_id = chosen.order_id)
		DELETE FROM orders o USING chosen WHERE o.shop_id = chosen.shop_id AND o.order_id = chosen.order_id`
	dropHeard = `DELETE FROM heard WHERE (shop_id, topic, slot) IN (SELECT shop_id, topic, slot FROM heard
		WHERE shop_id = $1 ORDER BY topic, slot LIMIT $2)`
	// Also what an older bellhop logged of the shop's orders.
	dropAccesses = `DELETE FROM looks WHERE id IN (SELECT id FROM looks WHERE (shop = $1 AND shop <> '')
		OR starts_with(about, $1 || '/') LIMIT $2)`
	dropExports = `DELETE FROM privacy_exports WHERE request_id IN (SELECT x.request_id FROM privacy_requests r
		JOIN privacy_exports x ON x.request_id = r.id WHERE r.shop = $1 ORDER BY 1 LIMIT $2)`
	dropStatements = `DELETE FROM statements WHERE id IN (SELECT id FROM statements WHERE shop_id = $1 ORDER BY number
		LIMIT $2)`
)

// rows is a step that deletes up to the limit by a statement. of is the shop's id or its domain.
func (e *erasing) rows(query string, of any) driver.EraseStep {
	return func(at driver.Place) (int, driver.Place, bool, error) {
		var n int64
		err := e.db.worker.Once(e.ctx, func(b *postgres.Batch) { b.Count(&n, query, of, e.limit) })
		return int(n), at, n >= e.limit, err
	}
}

// disable keeps new orders out. It has its turn when nobody records, so that everybody who records later sees it.
func (e *erasing) disable(at driver.Place) (int, driver.Place, bool, error) {
	err := e.db.worker.Once(e.ctx, func(b *postgres.Batch) {
		b.Exec(takeTurnAlone)
		b.Exec(`UPDATE shops SET disabled = true WHERE id = $1`, e.id)
		b.Exec(`DELETE FROM fanouts WHERE shop_id = $1`, e.id)
	})
	return 0, at, false, err
}

// pushes counts what was owed as skipped.
func (e *erasing) pushes(at driver.Place) (n int, next driver.Place, more bool, err error) {
	err = e.db.worker.Write(e.ctx, func(tx *postgres.Tx) error {
		w := newWrites(e.db, &rules.Changes{})
		n = 0
		err := tx.Do(func(b *postgres.Batch) {
			b.Rows(func(r *postgres.Row) {
				n++
				if status := bellhop.PushStatus(r.Text()); r.Bool() {
					w.Statuses.Move(status, bellhop.PushSkipped)
				}
			}, `DELETE FROM pushes WHERE id IN (SELECT id FROM pushes WHERE shop_id = $1 ORDER BY id LIMIT $2 FOR UPDATE)
				RETURNING status, next_at IS NOT NULL`, e.id, e.limit)
		})
		if err != nil {
			return err
		}
		return tx.Commit(w.finish)
	})
	return n, at, int64(n) >= e.limit, err
}

// events looks at a number of events first: no index has their shop.
func (e *erasing) events(at driver.Place) (n int, next driver.Place, more bool, err error) {
	var found [][16]byte
	err = e.db.worker.Read(e.ctx, func(b *postgres.Batch) {
		found, next, more = nil, at, false
		b.Rows(func(r *postgres.Row) {
			id, own, last := bellhop.EventID(r.Blob()), r.Bool(), r.Bool()
			if int64(len(found)) == e.limit {
				return
			}
			if own {
				found = append(found, id)
			}
			next, more = placeOf(id), last || int64(len(found)) == e.limit
		}, `SELECT id, own, nr = $3 FROM (SELECT id, shop = $2 AS own, row_number() OVER (ORDER BY id) AS nr FROM events
			WHERE id > $1 ORDER BY id LIMIT $3) w WHERE own OR nr = $3 ORDER BY id`, postgres.ID(eventAt(at)), e.domain,
			driver.EraseAhead)
	})
	if err != nil || len(found) == 0 {
		return 0, next, more, err
	}
	var dropped int64
	err = e.db.worker.Once(e.ctx, func(b *postgres.Batch) {
		b.Count(&dropped, `DELETE FROM events WHERE id = ANY($1)`, found)
		b.Exec(`DELETE FROM looks WHERE about = ANY(SELECT id::text FROM unnest($1::uuid[]) AS gone(id))`, found)
	})
	return int(dropped), next, more, err
}

// stream takes what the changes say of the shop. Their numbers stay, which followers count on.
func (e *erasing) stream(at driver.Place) (n int, next driver.Place, more bool, err error) {
	var last int64
	err = e.db.worker.Write(e.ctx, func(tx *postgres.Tx) error {
		var oldest int64
		err := tx.Do(func(b *postgres.Batch) {
			value(b, postgres.IntTo(&oldest), `SELECT min(seq) FROM changes`)
			value(b, &last, `SELECT last FROM stream`)
		})
		if err != nil {
			return err
		}
		from := max(at[0], oldest-1)
		next[0] = min(from+driver.EraseAhead, last)
		return tx.Commit(func(b *postgres.Batch) {
			b.Exec(`UPDATE changes SET shop_id = 0, order_id = 0, push_id = NULL, trace_parent = ''
				WHERE seq > $1 AND seq <= $2 AND shop_id = $3`, from, next[0], e.id)
		})
	})
	return 0, next, next[0] < last, err
}

// people removes those who belong to no other shop.
func (e *erasing) people(at driver.Place) (n int, next driver.Place, more bool, err error) {
	err = e.db.worker.Write(e.ctx, func(tx *postgres.Tx) error {
		var ids []int64
		err := tx.Do(func(b *postgres.Batch) {
			all(b, &ids, (*postgres.Row).Int, `SELECT id FROM people WHERE id IN (SELECT person_id FROM memberships
				WHERE shop_id = $1 ORDER BY person_id LIMIT $2) ORDER BY id FOR UPDATE`, e.id, e.limit)
		})
		if n = len(ids); err != nil {
			return err
		}
		return tx.Commit(func(b *postgres.Batch) { e.dropMembers(b, `AND person_id = ANY($2)`, ids) })
	})
	return n, at, int64(n) >= e.limit, err
}

// dropMembers takes members from the shop.
func (e *erasing) dropMembers(b *postgres.Batch, which string, args ...any) {
	args = append([]any{e.id}, args...)
	of := `(SELECT person_id FROM memberships WHERE shop_id = $1 ` + which + `)`
	const other = `memberships o WHERE o.person_id = p.id AND o.shop_id <> $1`
	b.Exec(`UPDATE people p SET shop_id = (SELECT min(o.shop_id) FROM `+other+`) WHERE id IN `+of+
		` AND EXISTS (SELECT FROM `+other+`)`, args...)
	b.Exec(`DELETE FROM people p WHERE id IN `+of+` AND NOT EXISTS (SELECT FROM `+other+`)`, args...)
	b.Exec(`DELETE FROM memberships WHERE shop_id = $1 `+which, args...)
}

// rest drops the shop with all that is little, and what was added since its part was erased. It has its turn when
// nobody records. The shop's lock keeps everybody else from adding something to it.
func (e *erasing) rest(at driver.Place) (int, driver.Place, bool, error) {
	var n int64
	err := e.db.worker.Once(e.ctx, func(b *postgres.Batch) {
		b.Exec(takeTurnAlone)
		b.Exec(`SELECT FROM shops WHERE id = $1 FOR UPDATE`, e.id)
		for _, table := range [...]string{"items", "orders", "heard", "fanouts", "devices", "tokens", "invitations",
			"connections", "reconciliations", "statements", "pushes"} {
			b.Exec(`DELETE FROM `+table+` WHERE shop_id = $1`, e.id)
		}
		e.dropMembers(b, "")
		b.Exec(`DELETE FROM relays WHERE name IN ('shop/' || $1, 'reconcile/' || $1)`, e.domain)
		b.Exec(`DELETE FROM refusals WHERE shop = $1`, e.domain)
		b.Exec(`DELETE FROM looks WHERE shop = $1 AND shop <> ''`, e.domain)
		b.Count(&n, `DELETE FROM shops WHERE id = $1`, e.id)
	})
	return int(n), at, false, err
}
