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
	err = db.api.Write(ctx, func(tx *postgres.Tx) error {
		if err := roomForPerson(tx, p); err != nil {
			return err
		}
		p.ID, err = insertPerson(tx, p)
		return err
	})
	if err != nil {
		return bellhop.Person{}, wrap("add a person", err)
	}
	return p, nil
}

// roomForPerson checks that each of the shops is there and takes one more, or that there may be one more operator.
func roomForPerson(tx *postgres.Tx, p bellhop.Person) error {
	var operators int64
	members := make(map[string]int64, len(p.Shops))
	err := tx.Do(func(b *postgres.Batch) {
		value(b, &operators, `SELECT count(*) FROM people WHERE shop_id IS NULL`)
		b.Rows(func(r *postgres.Row) { members[r.Text()] = r.Int() }, `SELECT domain, (SELECT count(*) FROM memberships
			WHERE shop_id = s.id) FROM shops s WHERE domain = ANY($1)`, domains(p.Shops))
	})
	if err != nil {
		return err
	}
	if len(p.Shops) == 0 && operators >= store.MaxPeople {
		return driver.TooMany("people", store.MaxPeople)
	}
	for _, m := range p.Shops {
		if n, there := members[m.Shop]; !there {
			return driver.NotFound("shop")
		} else if n >= store.MaxPeople {
			return driver.TooMany("people", store.MaxPeople)
		}
	}
	return nil
}

func domains(all []bellhop.Membership) []string {
	list := make([]string, len(all))
	for i, m := range all {
		list[i] = m.Shop
	}
	return list
}

// insertPerson adds a person with their shops, which are there, and ends the transaction. Staff are owners in people:
// an older bellhop knows no other role.
func insertPerson(tx *postgres.Tx, p bellhop.Person) (id int64, err error) {
	role := bellhop.RoleOwner
	if len(p.Shops) == 0 {
		role = bellhop.RoleOperator
	}
	err = tx.Commit(func(b *postgres.Batch) {
		value(b, &id, `INSERT INTO people (email, role, shop_id, password_hash, added_at, settings, unproven)
			SELECT $1, $2, (SELECT id FROM shops WHERE domain = $3), $4, $5, $6, $7 RETURNING id`, p.Email, string(role), p.Shop,
			p.PasswordHash, postgres.Always(p.AddedAt), driver.WriteSettings(p.Settings), p.Unproven)
		for _, m := range p.Shops {
			b.Exec(saveMembership, p.Email, m.Shop, string(m.Role))
		}
	})
	return id, taken("email", err)
}

// People implements [store.People].
func (db *DB) People(ctx context.Context, shop string) ([]bellhop.Person, error) {
	return list(ctx, db.api, "list people", rows.Person,
		`SELECT `+rows.PersonColumns+rows.PersonJoin+`WHERE $1 = '' OR `+rows.OfShop+`$1) ORDER BY p.email COLLATE "C"`, shop)
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

// UpdateSettings implements [store.People].
func (db *DB) UpdateSettings(ctx context.Context, id int64, to func(*bellhop.Settings) error) error {
	err := db.api.Write(ctx, func(tx *postgres.Tx) error {
		var p bellhop.Person
		err := tx.Do(func(b *postgres.Batch) {
			one(b, &p, rows.Person, `SELECT `+rows.PersonColumns+rows.PersonJoin+`WHERE p.id = $1 FOR NO KEY UPDATE OF p`, id)
		})
		if err == nil && p.ID == 0 {
			err = driver.NotFound("person")
		}
		if err != nil {
			return err
		}
		settings, err := driver.NewSettings(p.Settings, to)
		if err != nil {
			return err
		}
		return tx.Commit(func(b *postgres.Batch) {
			b.Exec(`UPDATE people SET settings = $2 WHERE id = $1`, id, settings)
			b.Exec(hurryHeld, id, store.ReasonQuietHours)
		})
	})
	if err == nil {
		db.watch.wrote(true, false)
	}
	return wrap("keep settings", err)
}

// hurryHeld makes due the pushes to a person's devices that wait for a reason.
const hurryHeld = `UPDATE pushes SET next_at = created_at WHERE id IN (SELECT id FROM pushes WHERE next_at IS NOT NULL
	AND reason = $2 AND status <> 'sending' AND device_id IN (SELECT id FROM devices WHERE person_id = $1) ORDER BY id
	FOR UPDATE)`

// RemovePerson implements [store.People].
func (db *DB) RemovePerson(ctx context.Context, id int64) error {
	err := db.api.Write(ctx, func(tx *postgres.Tx) error {
		w := newWrites(db, &rules.Changes{})
		p, err := w.lockPerson(tx, id)
		if err == nil && p.ID == 0 {
			err = driver.NotFound("person")
		}
		if err != nil {
			return err
		}
		return w.removePerson(ctx, tx, id)
	})
	return wrap("remove a person", err)
}

// Leave implements [store.People]. It locks the shops' members in the order of the shops.
func (db *DB) Leave(ctx context.Context, id int64) error {
	err := db.api.Write(ctx, func(tx *postgres.Tx) error {
		w := newWrites(db, &rules.Changes{})
		p, err := w.lockPerson(tx, id)
		if err == nil && p.ID == 0 {
			err = driver.NotFound("person")
		}
		for _, m := range p.Shops {
			var r rules.Roster
			if err == nil {
				r, _, err = lockRoster(tx, m.Shop)
			}
			if err == nil {
				err = r.Leave(id, m.Shop)
			}
		}
		if err != nil {
			return err
		}
		return w.removePerson(ctx, tx, id)
	})
	return wrap("remove one's account", err)
}

// PersonData implements [store.People].
func (db *DB) PersonData(ctx context.Context, id int64) (d store.PersonData, err error) {
	err = db.api.Read(ctx, func(b *postgres.Batch) {
		d = store.PersonData{}
		one(b, &d.Person, rows.Person, `SELECT `+rows.PersonColumns+rows.PersonJoin+`WHERE p.id = $1`, id)
		all(b, &d.Sessions, rows.PersonSession, rows.SessionsOf+`$1`, id)
		all(b, &d.Links, (*postgres.Row).Time, rows.LinksOf+`$1`, id)
		all(b, &d.Networks, rows.Network, rows.NetworksOf+`$1`, id)
		all(b, &d.Devices, rows.Device, rows.DevicesOf+`$1 ORDER BY d.id`, id)
		const email = `(SELECT email FROM people WHERE id = $1)`
		all(b, &d.Invitations, rows.BareInvitation, findInvitation+`WHERE `+email+` IN (i.email, i.invited_by)
			ORDER BY i.created_at, i.hash`, id)
		all(b, &d.Accesses, rows.Access, rows.AccessesBy+email+` ORDER BY at DESC, id DESC LIMIT $2`, id,
			int64(store.MaxPersonAccesses))
	})
	if err == nil && d.Person.ID == 0 {
		err = driver.NotFound("person")
	}
	return d, wrap("collect somebody's data", err)
}

// lockPerson locks a person, and then their devices: the zero Person if there is none. Whoever changes both does
// so in this order.
func (w *writes) lockPerson(tx *postgres.Tx, id int64) (p bellhop.Person, err error) {
	err = tx.Do(func(b *postgres.Batch) {
		b.Exec(lockPerson, id)
		one(b, &p, rows.Person, `SELECT `+rows.PersonColumns+rows.PersonJoin+`WHERE p.id = $1`, id)
		w.lockDevices(b, `person_id = $1`, id)
	})
	return p, err
}

const lockPerson = `SELECT FROM people WHERE id = $1 FOR UPDATE`

// removePerson removes a person with their locked devices, and ends the transaction.
func (w *writes) removePerson(ctx context.Context, tx *postgres.Tx, id int64) error {
	err := tx.Do(func(b *postgres.Batch) {
		b.Exec(`DELETE FROM invitations WHERE (SELECT email FROM people WHERE id = $1) IN (email, invited_by)`, id)
		b.Exec(`DELETE FROM people WHERE id = $1`, id)
	})
	if err != nil {
		return err
	}
	return w.dropDevices(ctx, tx)
}
