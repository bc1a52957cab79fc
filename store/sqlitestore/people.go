package sqlitestore

import (
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
		var shop int64 // 0 for operators
		if p.Shop != "" {
			if shop, err = ownShop(tx.Conn, p.Shop); err != nil {
				return p, err
			}
		}
		others := tx.Prepare(`SELECT count(*) FROM people WHERE coalesce(shop_id, 0) = ?`).Int(shop)
		if err := room(others, "people", store.MaxPeople); err != nil {
			return p, err
		}
		st := tx.Prepare(`INSERT INTO people (email, role, shop_id, password_hash, added_at) VALUES (?,?,nullif(?,0),?,?)`).
			Text(p.Email).Text(string(p.Role)).Int(shop)
		if err := st.Text(p.PasswordHash).Int(p.AddedAt.UnixMicro()).Exec(); err != nil {
			return p, taken("email", err)
		}
		p.ID = tx.LastID()
		return p, nil
	})
}

// People implements [store.People].
func (db *DB) People(ctx context.Context, shop string) ([]bellhop.Person, error) {
	return list(ctx, db.read, "list people", rows.Person,
		`SELECT `+rows.PersonColumns+rows.PersonJoin+`WHERE ?1 = '' OR s.domain = ?1 ORDER BY p.email`, shop)
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

// SetSettings implements [store.People].
func (db *DB) SetSettings(ctx context.Context, id int64, s bellhop.Settings) error {
	if err := s.Check(); err != nil {
		return err
	}
	err := db.write(ctx, "keep settings", func(tx *sqlitefile.Tx) error {
		err := change(tx, "person", `UPDATE people SET settings = ? WHERE id = ?`, driver.WriteSettings(s), id)
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
	return db.write(ctx, "remove a person", func(tx *sqlitefile.Tx) error {
		err := errors.Join(signOut(tx.Conn, id), tx.Prepare(`DELETE FROM networks WHERE person_id = ?`).Int(id).Exec())
		if err != nil {
			return err
		}
		if err := change(tx, "person", `DELETE FROM people WHERE id = ?`, id); err != nil {
			return err
		}
		devices, err := sqlitefile.All(tx.Prepare(`SELECT id FROM devices WHERE person_id = ?`).Int(id), sqlitefile.Row.Int)
		for _, device := range devices {
			if err == nil {
				err = dropDevice(tx.Conn, device)
			}
		}
		return err
	})
}
