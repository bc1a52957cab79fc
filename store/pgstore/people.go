package pgstore

import (
	"context"
	"strings"

	"bellhop"
	"bellhop/internal/postgres"
	"bellhop/store"
	"bellhop/store/driver"
	"bellhop/store/rows"
	"bellhop/store/rules"
)

// AddPerson implements [store.People].
func (db *DB) AddPerson(ctx context.Context, p bellhop.Person) (bellhop.Person, error) {
	p, err := driver.CheckPerson(p)
	if err != nil {
		return p, err
	}
	var id, n int64
	err = db.api.Once(ctx, func(b *postgres.Batch) {
		value(b, &n, `SELECT count(*)`+rows.PersonJoin+`WHERE coalesce(s.domain, '') = $1`, p.Shop)
		value(b, &id,
			`INSERT INTO people (email, role, shop_id, password_hash, added_at)
			SELECT $1, $2, s.id, $4, $5 FROM (SELECT) one LEFT JOIN shops s ON s.domain = $3
			WHERE ($3 = '' OR s.id IS NOT NULL) AND (SELECT count(*) FROM people p WHERE p.shop_id IS NOT DISTINCT
			FROM s.id) < $6 RETURNING id`, p.Email, string(p.Role), p.Shop, p.PasswordHash, postgres.Always(p.AddedAt),
			store.MaxPeople)
	})
	if err = added(err, id, n, store.MaxPeople, "people"); err != nil {
		return bellhop.Person{}, wrap("add a person", taken("email", err))
	}
	p.ID = id
	return p, nil
}

// People implements [store.People].
func (db *DB) People(ctx context.Context, shop string) ([]bellhop.Person, error) {
	return list(ctx, db.api, "list people", rows.Person,
		`SELECT `+rows.PersonColumns+rows.PersonJoin+`WHERE $1 = '' OR s.domain = $1 ORDER BY p.email COLLATE "C"`, shop)
}

// PersonByEmail implements [store.People].
func (db *DB) PersonByEmail(ctx context.Context, email string) (bellhop.Person, error) {
	return only(ctx, db.api, "person", rows.Person,
		`SELECT `+rows.PersonColumns+rows.PersonJoin+`WHERE p.email = $1`, strings.ToLower(email))
}

// SetPassword implements [store.People].
func (db *DB) SetPassword(ctx context.Context, id int64, hash string) error {
	return change(ctx, db.api, "person", "set a password", func(b *postgres.Batch, n *int64) {
		b.Count(n, `UPDATE people SET password_hash = $2 WHERE id = $1`, id, hash)
		b.Exec(`DELETE FROM sessions WHERE person_id = $1`, id)
		b.Exec(`DELETE FROM links WHERE person_id = $1`, id)
	})
}

// SetSettings implements [store.People].
func (db *DB) SetSettings(ctx context.Context, id int64, s bellhop.Settings) error {
	if err := s.Check(); err != nil {
		return err
	}
	err := change(ctx, db.api, "person", "keep settings", func(b *postgres.Batch, n *int64) {
		b.Count(n, `UPDATE people SET settings = $2 WHERE id = $1`, id, driver.WriteSettings(s))
		b.Exec(hurryHeld, id, store.ReasonQuietHours)
	})
	if err == nil {
		db.watch.wrote(true, false)
	}
	return err
}

// hurryHeld makes due the pushes to a person's devices that wait for a reason.
const hurryHeld = `UPDATE pushes SET next_at = created_at WHERE id IN (SELECT id FROM pushes WHERE next_at IS NOT NULL
	AND reason = $2 AND status <> 'sending' AND device_id IN (SELECT id FROM devices WHERE person_id = $1) ORDER BY id
	FOR UPDATE)`

// RemovePerson implements [store.People].
func (db *DB) RemovePerson(ctx context.Context, id int64) error {
	err := db.api.Write(ctx, func(tx *postgres.Tx) error {
		var n int64
		w := newWrites(db, &rules.Changes{})
		err := tx.Do(func(b *postgres.Batch) {
			w.lockDevices(b, `person_id = $1`, id)
			b.Count(&n, `DELETE FROM people WHERE id = $1`, id)
		})
		if err == nil && n == 0 {
			err = driver.NotFound("person")
		}
		if err != nil {
			return err
		}
		return w.dropDevices(ctx, tx)
	})
	return wrap("remove a person", err)
}
