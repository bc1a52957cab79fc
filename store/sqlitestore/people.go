package sqlitestore

import (
	"cmp"
	"context"
	"errors"
	"strings"

	"bellhop"
	"bellhop/internal/sqlitefile"
	"bellhop/store"
	"bellhop/store/driver"
	"bellhop/store/rows"
)

// AddPerson implements [store.People].
func (db *DB) AddPerson(ctx context.Context, p bellhop.Person) (bellhop.Person, error) {
	p, err := driver.CheckPerson(p)
	if err != nil {
		return p, err
	}
	return put(ctx, db, "add a person", func(tx *sqlitefile.Tx) (bellhop.Person, error) {
		if err := roomForPerson(tx.Conn, p); err != nil {
			return p, err
		}
		return insertPerson(tx, p)
	})
}

// roomForPerson checks that each of the shops takes one more, or that there may be one more operator.
func roomForPerson(c *sqlitefile.Conn, p bellhop.Person) error {
	if len(p.Shops) == 0 {
		return room(c.Prepare(`SELECT count(*) FROM people WHERE shop_id IS NULL`), "people", store.MaxPeople)
	}
	for _, m := range p.Shops {
		members := c.Prepare(`SELECT count(*) FROM memberships WHERE shop_id = (SELECT id FROM shops WHERE domain = ?)`)
		if err := room(members.Text(m.Shop), "people", store.MaxPeople); err != nil {
			return err
		}
	}
	return nil
}

// insertPerson inserts a person, with their id unless that is 0.
func insertPerson(tx *sqlitefile.Tx, p bellhop.Person) (bellhop.Person, error) {
	shops := make([]int64, len(p.Shops))
	var first int64
	for i, m := range p.Shops {
		var err error
		if shops[i], err = ownShop(tx.Conn, m.Shop); err != nil {
			return p, err
		}
		first = shops[0]
	}
	role := bellhop.RoleOwner // for staff, too: an older bellhop knows no other
	if first == 0 {
		role = bellhop.RoleOperator
	}
	err := tx.Prepare(`INSERT INTO people (id, email, role, shop_id, password_hash, added_at, settings, unproven)
		VALUES (?,?,?,?,?,?,?,?)`).IntOrNull(p.ID).Text(p.Email).Text(string(role)).IntOrNull(first).Text(p.PasswordHash).
		Int(micros(p.AddedAt)).Text(driver.WriteSettings(p.Settings)).Bool(p.Unproven).Exec()
	if err != nil {
		return p, taken("email", err)
	}
	p.ID = tx.LastID()
	for i, m := range p.Shops {
		if err := saveMembership(tx.Conn, p.ID, shops[i], m.Role); err != nil {
			return p, err
		}
	}
	return p, nil
}

// People implements [store.People].
func (db *DB) People(ctx context.Context, shop string) ([]bellhop.Person, error) {
	return list(ctx, db.read, "list people", rows.Person,
		`SELECT `+rows.PersonColumns+rows.PersonJoin+`WHERE ?1 = '' OR `+rows.OfShop+`?1) ORDER BY p.email`, shop)
}

// PersonByEmail implements [store.People].
func (db *DB) PersonByEmail(ctx context.Context, email string) (bellhop.Person, error) {
	return get(ctx, db.read, "look somebody up", func(c *sqlitefile.Conn) (bellhop.Person, error) {
		return first(c.Prepare(`SELECT `+rows.PersonColumns+rows.PersonJoin+`WHERE p.email = ?`).
			Text(strings.ToLower(email)), "person", rows.Person)
	})
}

// SetPassword implements [store.People].
func (db *DB) SetPassword(ctx context.Context, id int64, hash string) error {
	return db.write(ctx, "set a password", func(tx *sqlitefile.Tx) error {
		if err := change(tx, "person", `UPDATE people SET password_hash = ? WHERE id = ?`, hash, id); err != nil {
			return err
		}
		return signOut(tx.Conn, id)
	})
}

// signOut ends a person's sessions and links.
func signOut(c *sqlitefile.Conn, person int64) error {
	return errors.Join(c.Prepare(`DELETE FROM links WHERE person_id = ?`).Int(person).Exec(),
		c.Prepare(`DELETE FROM sessions WHERE person_id = ?`).Int(person).Exec())
}

// UpdateSettings implements [store.People].
func (db *DB) UpdateSettings(ctx context.Context, id int64, to func(*bellhop.Settings) error) error {
	err := db.write(ctx, "keep settings", func(tx *sqlitefile.Tx) error {
		p, err := person(tx.Conn, id)
		if err != nil {
			return err
		}
		settings, err := driver.NewSettings(p.Settings, to)
		if err == nil {
			err = change(tx, "person", `UPDATE people SET settings = ? WHERE id = ?`, settings, id)
		}
		if err != nil {
			return err
		}
		return tx.Prepare(`UPDATE pushes SET next_at = created_at WHERE next_at IS NOT NULL AND reason = ?
			AND status <> 'sending' AND device_id IN (SELECT id FROM devices WHERE person_id = ?)`).
			Text(store.ReasonQuietHours).Int(id).Exec()
	})
	if err == nil {
		db.wake()
	}
	return err
}

// RemovePerson implements [store.People].
func (db *DB) RemovePerson(ctx context.Context, id int64) error {
	return db.write(ctx, "remove a person", func(tx *sqlitefile.Tx) error { return removePerson(tx, id) })
}

// Leave implements [store.People].
func (db *DB) Leave(ctx context.Context, id int64) error {
	return db.write(ctx, "remove one's account", func(tx *sqlitefile.Tx) error {
		p, err := person(tx.Conn, id)
		if err != nil {
			return err
		}
		for _, m := range p.Shops {
			shop, err := ownShop(tx.Conn, m.Shop)
			if err != nil {
				return err
			}
			r, err := loadRoster(tx.Conn, shop, id)
			if err == nil {
				err = r.Leave(id, m.Shop)
			}
			if err != nil {
				return err
			}
		}
		return removePerson(tx, id)
	})
}

// PersonData implements [store.People].
func (db *DB) PersonData(ctx context.Context, id int64) (store.PersonData, error) {
	return get(ctx, db.read, "collect somebody's data", func(c *sqlitefile.Conn) (d store.PersonData, err error) {
		if d.Person, err = person(c, id); err != nil {
			return d, err
		}
		of := func(query string) *sqlitefile.Stmt { return c.Prepare(query).Int(id) }
		d.Sessions, err = sqlitefile.All(of(rows.SessionsOf+`?`), rows.PersonSession[sqlitefile.Row])
		links, e1 := sqlitefile.All(of(rows.LinksOf+`?`), sqlitefile.Row.Time)
		networks, e2 := sqlitefile.All(of(rows.NetworksOf+`?`), rows.Network[sqlitefile.Row])
		devices, e3 := sqlitefile.All(of(rows.DevicesOf+`? ORDER BY d.id`), rows.Device[sqlitefile.Row])
		invitations, e4 := sqlitefile.All(c.Prepare(findInvitation+`WHERE ? IN (i.email, i.invited_by)
			ORDER BY i.created_at, i.hash`).Text(d.Person.Email), rows.BareInvitation[sqlitefile.Row])
		accesses, e5 := sqlitefile.All(c.Prepare(rows.AccessesBy+`? ORDER BY at DESC, id DESC LIMIT ?`).
			Text(d.Person.Email).Int(store.MaxPersonAccesses), rows.Access[sqlitefile.Row])
		d.Links, d.Networks, d.Devices, d.Invitations, d.Accesses = links, networks, devices, invitations, accesses
		return d, cmp.Or(err, e1, e2, e3, e4, e5)
	})
}

func removePerson(tx *sqlitefile.Tx, id int64) error {
	err := tx.Prepare(`DELETE FROM invitations WHERE (SELECT email FROM people WHERE id = ?) IN (email, invited_by)`).
		Int(id).Exec()
	if err := cmp.Or(err, signOutEverywhere(tx.Conn, id)); err != nil {
		return err
	}
	if err := change(tx, "person", `DELETE FROM people WHERE id = ?`, id); err != nil {
		return err
	}
	return dropDevices(tx.Conn, `person_id = ?`, id)
}

// signOutEverywhere ends a person's sessions and links, and forgets where they came from.
func signOutEverywhere(c *sqlitefile.Conn, person int64) error {
	return errors.Join(signOut(c, person), c.Prepare(`DELETE FROM networks WHERE person_id = ?`).Int(person).Exec())
}
