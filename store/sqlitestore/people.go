package sqlitestore

import (
	"context"
	"strings"
	"time"

	"bellhop"
	"bellhop/internal/sqlitefile"
	"bellhop/store"
)

// personColumns are what readPerson reads, of p and what personJoin adds.
const (
	personColumns = `p.id, p.email, p.role, s.domain, p.password_hash, p.added_at`
	personJoin    = ` FROM people p LEFT JOIN shops s ON s.id = p.shop_id `
)

func readPerson(r sqlitefile.Row) bellhop.Person {
	return bellhop.Person{ID: r.Int(), Email: r.Text(), Role: bellhop.Role(r.Text()), Shop: r.Text(),
		PasswordHash: r.Text(), AddedAt: r.Time()}
}

// AddPerson implements [store.People].
func (db *DB) AddPerson(ctx context.Context, p bellhop.Person) (bellhop.Person, error) {
	p, err := store.CheckPerson(p)
	if err != nil {
		return p, err
	}
	var id int64
	err = db.write(ctx, "add a person", func(tx *sqlitefile.Tx) error {
		st := tx.Prepare(`INSERT INTO people (email, role, shop_id, password_hash, added_at) VALUES (?,?,?,?,?)`)
		if p.Shop == "" {
			st.Text(p.Email).Text(string(p.Role)).Null()
		} else {
			shop, err := ownShop(tx.Conn, p.Shop)
			if err != nil {
				return err
			}
			st.Text(p.Email).Text(string(p.Role)).Int(shop)
		}
		if err := st.Text(p.PasswordHash).Int(p.AddedAt.UnixMicro()).Exec(); err != nil {
			return taken("email", err)
		}
		id = tx.LastID()
		return nil
	})
	if err != nil {
		return bellhop.Person{}, err
	}
	p.ID = id
	return p, nil
}

// People implements [store.People].
func (db *DB) People(ctx context.Context, shop string) (people []bellhop.Person, err error) {
	err = db.read(ctx, "list people", func(c *sqlitefile.Conn) error {
		where, st := `ORDER BY p.email`, (*sqlitefile.Stmt)(nil)
		if shop == "" {
			st = c.Prepare(`SELECT ` + personColumns + personJoin + where)
		} else {
			st = c.Prepare(`SELECT ` + personColumns + personJoin + `WHERE s.domain = ? ` + where).Text(shop)
		}
		return st.Each(func(r sqlitefile.Row) error {
			people = append(people, readPerson(r))
			return nil
		})
	})
	return people, err
}

// PersonByEmail implements [store.People].
func (db *DB) PersonByEmail(ctx context.Context, email string) (p bellhop.Person, err error) {
	err = db.read(ctx, "look somebody up", func(c *sqlitefile.Conn) error {
		return found("person")(c.Prepare(`SELECT ` + personColumns + personJoin + `WHERE p.email = ?`).
			Text(strings.ToLower(email)).First(func(r sqlitefile.Row) { p = readPerson(r) }))
	})
	return p, err
}

// SetPassword implements [store.People].
func (db *DB) SetPassword(ctx context.Context, id int64, hash string) error {
	return db.write(ctx, "set a password", func(tx *sqlitefile.Tx) error {
		if err := tx.Prepare(`UPDATE people SET password_hash = ? WHERE id = ?`).Text(hash).Int(id).Exec(); err != nil {
			return err
		}
		if tx.Changes() == 0 {
			return store.NotFound("person")
		}
		return tx.Prepare(`DELETE FROM sessions WHERE person_id = ?`).Int(id).Exec()
	})
}

// RemovePerson implements [store.People].
func (db *DB) RemovePerson(ctx context.Context, id int64) error {
	return db.write(ctx, "remove a person", func(tx *sqlitefile.Tx) error {
		if err := tx.Prepare(`DELETE FROM people WHERE id = ?`).Int(id).Exec(); err != nil {
			return err
		}
		if tx.Changes() == 0 {
			return store.NotFound("person")
		}
		if err := tx.Prepare(`DELETE FROM sessions WHERE person_id = ?`).Int(id).Exec(); err != nil {
			return err
		}
		var devices []int64
		err := tx.Prepare(`SELECT id FROM devices WHERE person_id = ?`).Int(id).
			Each(func(r sqlitefile.Row) error { devices = append(devices, r.Int()); return nil })
		for _, device := range devices {
			if err == nil {
				err = dropDevice(tx.Conn, device)
			}
		}
		return err
	})
}

// AddSession implements [store.People]. It clears away what has expired.
func (db *DB) AddSession(ctx context.Context, s bellhop.Session) error {
	return db.write(ctx, "add a session", func(tx *sqlitefile.Tx) error {
		if err := tx.Prepare(`DELETE FROM sessions WHERE expires_at <= ?`).Int(s.CreatedAt.UnixMicro()).Exec(); err != nil {
			return err
		}
		err := tx.Prepare(`INSERT INTO sessions (token_hash, person_id, expires_at, created_at)
			SELECT ?, id, ?, ? FROM people WHERE id = ?`).Blob(s.TokenHash[:]).Int(s.ExpiresAt.UnixMicro()).
			Int(s.CreatedAt.UnixMicro()).Int(s.PersonID).Exec()
		if err != nil {
			return taken("session", err)
		}
		if tx.Changes() == 0 {
			return store.NotFound("person")
		}
		return nil
	})
}

// Session implements [store.People].
func (db *DB) Session(ctx context.Context, tokenHash [32]byte, now time.Time) (s bellhop.Session, p bellhop.Person, err error) {
	err = db.read(ctx, "look up a session", func(c *sqlitefile.Conn) error {
		return found("session")(c.Prepare(`SELECT n.expires_at, n.created_at, ` + personColumns + `
			FROM sessions n JOIN people p ON p.id = n.person_id LEFT JOIN shops s ON s.id = p.shop_id
			WHERE n.token_hash = ? AND n.expires_at > ?`).Blob(tokenHash[:]).Int(now.UnixMicro()).
			First(func(r sqlitefile.Row) {
				s = bellhop.Session{TokenHash: tokenHash, ExpiresAt: r.Time(), CreatedAt: r.Time()}
				p = readPerson(r)
				s.PersonID = p.ID
			}))
	})
	return s, p, err
}

// RemoveSession implements [store.People]. One that is not there is as good as
// removed.
func (db *DB) RemoveSession(ctx context.Context, tokenHash [32]byte) error {
	return db.write(ctx, "remove a session", func(tx *sqlitefile.Tx) error {
		return tx.Prepare(`DELETE FROM sessions WHERE token_hash = ?`).Blob(tokenHash[:]).Exec()
	})
}
