package sqlitestore

import (
	"cmp"
	"context"

	"bellhop"
	"bellhop/internal/sqlitefile"
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
	limit  int
}

// EraseShop implements [store.Erasing].
func (db *DB) EraseShop(ctx context.Context, shop, place string, limit int) (store.Erased, error) {
	if err := driver.CheckLimit(limit); err != nil {
		return store.Erased{}, err
	}
	id, err := get(ctx, db.proceed, "look up a shop", func(c *sqlitefile.Conn) (int64, error) { return shopID(c, shop) })
	if err != nil {
		return store.Erased{}, err
	}
	e := &erasing{db, ctx, shop, id, limit}
	return driver.Erase(place, id != 0, driver.EraseSteps{Disable: e.of(e.disable), Pushes: e.of(e.pushes),
		Devices: e.of(e.devices), Orders: e.of(e.orders), Events: e.events, Stream: e.stream, Heard: e.of(e.heard),
		People: e.of(e.people), Accesses: e.of(e.accesses), Exports: e.of(e.exports), Statements: e.of(e.statements),
		Rest: e.of(e.rest)})
}

// of makes a step of a function that deletes up to the limit.
func (e *erasing) of(drop func(*sqlitefile.Tx) (int, error)) driver.EraseStep {
	return func(at driver.Place) (int, driver.Place, bool, error) {
		n, err := put(e.ctx, e.db, "erase a shop", drop)
		return n, at, n >= e.limit, err
	}
}

// disable keeps new orders out.
func (e *erasing) disable(tx *sqlitefile.Tx) (int, error) {
	return 0, cmp.Or(tx.Prepare(`UPDATE shops SET disabled = 1 WHERE id = ?`).Int(e.id).Exec(),
		tx.Prepare(`DELETE FROM fanouts WHERE shop_id = ?`).Int(e.id).Exec())
}

// pushes counts what was owed as skipped.
func (e *erasing) pushes(tx *sqlitefile.Tx) (n int, err error) {
	newest, err := tx.Prepare(`SELECT id FROM pushes WHERE id = (` + newestPush + `) AND shop_id = ?`).Int(e.id).One()
	if err == nil && newest != 0 {
		err = holdPush(tx.Conn, newest+1)
	}
	if err != nil {
		return 0, err
	}
	var counts rules.Tally[bellhop.PushStatus]
	err = tx.Prepare(`DELETE FROM pushes WHERE id IN (SELECT id FROM pushes WHERE shop_id = ? ORDER BY order_no LIMIT ?)
		RETURNING status, next_at IS NOT NULL`).Int(e.id).Int(int64(e.limit)).Each(func(r sqlitefile.Row) error {
		n++
		if status := bellhop.PushStatus(r.Text()); r.Bool() {
			counts.Move(status, bellhop.PushSkipped)
		}
		return nil
	})
	return n, cmp.Or(err, flush(tx.Conn, pushTotals, &counts))
}

func (e *erasing) devices(tx *sqlitefile.Tx) (int, error) {
	err := tx.Prepare(`DELETE FROM devices WHERE id IN (SELECT id FROM devices WHERE shop_id = ? LIMIT ?)`).
		Int(e.id).Int(int64(e.limit)).Exec()
	return int(tx.Changes()), err
}

func (e *erasing) orders(tx *sqlitefile.Tx) (int, error) {
	type order struct {
		no     int64
		sought bool
	}
	all, err := sqlitefile.All(tx.Prepare(`SELECT no, sought IS NOT NULL FROM orders WHERE shop_id = ? LIMIT ?`).
		Int(e.id).Int(int64(e.limit)), func(r sqlitefile.Row) order { return order{r.Int(), r.Bool()} })
	for _, o := range all {
		if err == nil && o.sought {
			err = deleteSought(tx.Conn, o.no)
		}
		if err != nil {
			return 0, err
		}
		items := tx.Prepare(`DELETE FROM items WHERE key >= ? AND key < ?`)
		err = cmp.Or(items.Int(itemKey(o.no)).Int(itemKey(o.no+1)).Exec(),
			tx.Prepare(`DELETE FROM orders WHERE no = ?`).Int(o.no).Exec())
	}
	return len(all), err
}

// archived is an event's place in the archive, and its id.
type archived struct {
	seq int64
	id  string
}

// events looks for the shop's beside the writer.
func (e *erasing) events(at driver.Place) (n int, next driver.Place, more bool, err error) {
	var found []archived
	looked := 0
	err = e.db.proceed(e.ctx, "look for a shop's events", func(c *sqlitefile.Conn) error {
		err := c.Prepare(`SELECT seq, shop = ?, id FROM events WHERE seq > ? ORDER BY seq LIMIT ?`).
			Text(e.domain).Int(at[0]).Int(driver.EraseAhead).Each(func(r sqlitefile.Row) error {
			if len(found) == e.limit {
				return errEnough
			}
			looked++
			seq, own := r.Int(), r.Bool()
			if at[0] = seq; own {
				found = append(found, archived{seq, bellhop.EventID(r.Blob()).String()})
			}
			return nil
		})
		return ignore(err, errEnough)
	})
	if err != nil || looked == 0 {
		return 0, at, false, err
	}
	n, err = put(e.ctx, e.db, "erase a shop's events", func(tx *sqlitefile.Tx) (int, error) {
		return dropEvents(tx, found, true)
	})
	return n, at, looked == driver.EraseAhead || len(found) == e.limit, err
}

// dropEvents drops settled events with their lines, and returns their number. Others are a queue's yet. The
// newest one's place is not given away again, since a lease of the queue may name it: it stays, or loses all
// that it says.
func dropEvents(tx *sqlitefile.Tx, all []archived, newest bool) (n int, err error) {
	last, err := tx.Prepare(`SELECT max(seq) FROM events`).One()
	for _, a := range all {
		if err != nil || a.seq == last && !newest {
			return n, err
		}
		if err = tx.Prepare(`DELETE FROM ledger WHERE seq = ?`).Int(a.seq).Exec(); err != nil || tx.Changes() == 0 {
			continue
		}
		n++
		drop := tx.Prepare(`DELETE FROM events WHERE seq = ?`)
		if a.seq == last {
			drop = tx.Prepare(`UPDATE events SET shop = '', topic = '', api_version = '', webhook_id = '',
				shopify_event_id = NULL, triggered_at = NULL, signed_by = '', coding = 0, body = NULL, trace_parent = NULL
				WHERE seq = ?`)
		}
		err = cmp.Or(drop.Int(a.seq).Exec(), tx.Prepare(`DELETE FROM looks WHERE about = ?`).Text(a.id).Exec())
	}
	return n, err
}

// stream takes what the changes say of the shop. Their numbers stay, which followers count on.
func (e *erasing) stream(at driver.Place) (n int, next driver.Place, more bool, err error) {
	type part struct{ to, last int64 }
	p, err := put(e.ctx, e.db, "erase a shop's changes", func(tx *sqlitefile.Tx) (p part, err error) {
		if p.last, err = tx.Prepare(newestChange).One(); err != nil {
			return p, err
		}
		oldest, err := tx.Prepare(`SELECT min(seq) FROM changes`).One()
		if err != nil {
			return p, err
		}
		from := max(at[0], oldest-1)
		p.to = min(from+driver.EraseAhead, p.last)
		return p, tx.Prepare(`UPDATE changes SET shop_id = 0, order_id = 0, push_id = NULL, trace_parent = NULL
			WHERE seq > ? AND seq <= ? AND shop_id = ?`).Int(from).Int(p.to).Int(e.id).Exec()
	})
	return 0, driver.Place{p.to}, p.to < p.last, err
}

func (e *erasing) heard(tx *sqlitefile.Tx) (int, error) {
	err := tx.Prepare(`DELETE FROM heard WHERE (shop_id, topic, slot) IN (SELECT shop_id, topic, slot FROM heard
		WHERE shop_id = ? LIMIT ?)`).Int(e.id).Int(int64(e.limit)).Exec()
	return int(tx.Changes()), err
}

// people removes those who belong to no other shop.
func (e *erasing) people(tx *sqlitefile.Tx) (int, error) {
	all, err := sqlitefile.All(tx.Prepare(`SELECT person_id FROM memberships WHERE shop_id = ? LIMIT ?`).Int(e.id).
		Int(int64(e.limit)), sqlitefile.Row.Int)
	for _, person := range all {
		if err != nil {
			return 0, err
		}
		var other int64
		other, err = tx.Prepare(`SELECT min(shop_id) FROM memberships WHERE person_id = ? AND shop_id <> ?`).Int(person).
			Int(e.id).One()
		if err == nil && other == 0 {
			err = removePerson(tx, person)
		} else if err == nil {
			err = cmp.Or(tx.Prepare(`DELETE FROM memberships WHERE person_id = ? AND shop_id = ?`).Int(person).Int(e.id).Exec(),
				tx.Prepare(`UPDATE people SET shop_id = ? WHERE id = ?`).Int(other).Int(person).Exec())
		}
	}
	return len(all), err
}

// accesses drops also what an older bellhop logged of the shop's orders.
func (e *erasing) accesses(tx *sqlitefile.Tx) (int, error) {
	err := tx.Prepare(`DELETE FROM looks WHERE id IN (SELECT id FROM looks WHERE (shop = ?1 AND shop <> ''
		OR substr(about, 1, length(?1) + 1) = ?1 || '/') LIMIT ?2)`).Text(e.domain).Int(int64(e.limit)).Exec()
	return int(tx.Changes()), err
}

func (e *erasing) exports(tx *sqlitefile.Tx) (int, error) {
	err := tx.Prepare(`DELETE FROM privacy_exports WHERE request_id IN (SELECT x.request_id FROM privacy_requests r
		CROSS JOIN privacy_exports x ON x.request_id = r.id WHERE r.shop = ? LIMIT ?)`).Text(e.domain).Int(int64(e.limit)).
		Exec()
	return int(tx.Changes()), err
}

func (e *erasing) statements(tx *sqlitefile.Tx) (int, error) {
	err := tx.Prepare(`DELETE FROM statements WHERE id IN (SELECT id FROM statements WHERE shop_id = ? LIMIT ?)`).
		Int(e.id).Int(int64(e.limit)).Exec()
	return int(tx.Changes()), err
}

// rest drops the shop with all that is little, and first what was added since its part was erased.
func (e *erasing) rest(tx *sqlitefile.Tx) (int, error) {
	for _, again := range [...]func(*sqlitefile.Tx) (int, error){e.pushes, e.devices, e.orders, e.people, e.heard,
		e.statements} {
		if n, err := again(tx); err != nil || n >= e.limit {
			return n, err
		}
	}
	for _, drop := range [...]string{`DELETE FROM tokens WHERE shop_id = ?`, `DELETE FROM invitations WHERE shop_id = ?`,
		`DELETE FROM fanouts WHERE shop_id = ?`, `DELETE FROM connections WHERE shop_id = ?`,
		`DELETE FROM reconciliations WHERE shop_id = ?`, `DELETE FROM shops WHERE id = ?`} {
		if err := tx.Prepare(drop).Int(e.id).Exec(); err != nil {
			return 0, err
		}
	}
	for _, drop := range [...]string{`DELETE FROM relays WHERE name IN ('shop/' || ?1, 'reconcile/' || ?1)`,
		`DELETE FROM refusals WHERE shop = ?1`, `DELETE FROM looks WHERE shop = ?1 AND shop <> ''`} {
		if err := tx.Prepare(drop).Text(e.domain).Exec(); err != nil {
			return 0, err
		}
	}
	return 1, nil
}
