package sqlitestore

import (
	"context"
	"time"

	"bellhop"
	"bellhop/internal/sqlitefile"
	"bellhop/store"
	"bellhop/store/driver"
	"bellhop/store/rows"
)

// AddSession implements [store.Sessions]. It removes expired sessions.
func (db *DB) AddSession(ctx context.Context, s bellhop.Session, network string) error {
	return db.write(ctx, "add a session", func(tx *sqlitefile.Tx) error {
		if err := tx.Prepare(`DELETE FROM sessions WHERE expires_at <= ?`).Int(s.CreatedAt.UnixMicro()).Exec(); err != nil {
			return err
		}
		err := change(tx, "person", `INSERT INTO sessions (token_hash, person_id, expires_at, created_at)
			SELECT ?, id, ?, ? FROM people WHERE id = ?`, s.TokenHash[:], micros(s.ExpiresAt), micros(s.CreatedAt), s.PersonID)
		if err != nil {
			return taken("session", err)
		}
		err = tx.Prepare(`DELETE FROM sessions WHERE token_hash IN (SELECT token_hash FROM sessions WHERE person_id = ?
			ORDER BY token_hash = ? DESC, created_at DESC LIMIT -1 OFFSET ?)`).Int(s.PersonID).Blob(s.TokenHash[:]).
			Int(store.MaxSessions).Exec()
		if err != nil {
			return err
		}
		err = tx.Prepare(`INSERT OR REPLACE INTO networks (person_id, network, seen_at) VALUES (?,?,?)`).
			Int(s.PersonID).Text(network).Int(s.CreatedAt.UnixMicro()).Exec()
		if err != nil {
			return err
		}
		return tx.Prepare(`DELETE FROM networks WHERE person_id = ?1 AND network IN (SELECT network FROM networks
			WHERE person_id = ?1 ORDER BY network = ?2 DESC, seen_at DESC LIMIT -1 OFFSET ?3)`).Int(s.PersonID).Text(network).
			Int(store.MaxNetworks).Exec()
	})
}

// KnowsNetwork implements [store.Sessions].
func (db *DB) KnowsNetwork(ctx context.Context, person int64, network string) (bool, error) {
	return get(ctx, db.read, "look up a network", func(c *sqlitefile.Conn) (bool, error) {
		return c.Prepare(`SELECT 1 FROM networks WHERE person_id = ? AND network = ?`).Int(person).Text(network).
			First(func(sqlitefile.Row) {})
	})
}

// HasSignedIn implements [store.Sessions].
func (db *DB) HasSignedIn(ctx context.Context, person int64) (bool, error) {
	return get(ctx, db.read, "look for networks", func(c *sqlitefile.Conn) (bool, error) {
		return c.Prepare(`SELECT 1 FROM networks WHERE person_id = ? LIMIT 1`).Int(person).First(func(sqlitefile.Row) {})
	})
}

// Session implements [store.Sessions].
func (db *DB) Session(ctx context.Context, tokenHash [32]byte, now time.Time) (
	s bellhop.Session, p bellhop.Person, err error) {
	err = db.read(ctx, "look up a session", func(c *sqlitefile.Conn) error {
		p, err = first(c.Prepare(`SELECT n.expires_at, n.created_at, `+rows.PersonColumns+`
			FROM sessions n JOIN people p ON p.id = n.person_id
			WHERE n.token_hash = ? AND n.expires_at > ?`).Blob(tokenHash[:]).Int(now.UnixMicro()), "session",
			func(r sqlitefile.Row) bellhop.Person {
				s = bellhop.Session{TokenHash: tokenHash, ExpiresAt: r.Time(), CreatedAt: r.Time()}
				return rows.Person(r)
			})
		s.PersonID = p.ID
		return err
	})
	return s, p, err
}

// RemoveSession implements [store.Sessions]. It needs no session to be there.
func (db *DB) RemoveSession(ctx context.Context, tokenHash [32]byte) error {
	return db.write(ctx, "remove a session", func(tx *sqlitefile.Tx) error {
		return tx.Prepare(`DELETE FROM sessions WHERE token_hash = ?`).Blob(tokenHash[:]).Exec()
	})
}

// AddLink implements [store.Sessions]. UseLink removes expired links.
func (db *DB) AddLink(ctx context.Context, l bellhop.SignInLink) error {
	return db.write(ctx, "add a link to sign in", func(tx *sqlitefile.Tx) error {
		err := change(tx, "person", `INSERT INTO links (hash, person_id, expires_at)
			SELECT ?, id, ? FROM people WHERE id = ?`, l.Hash[:], micros(l.ExpiresAt), l.PersonID)
		if err != nil {
			return err
		}
		return tx.Prepare(`DELETE FROM links WHERE hash IN (SELECT hash FROM links WHERE person_id = ?
			ORDER BY hash = ? DESC, expires_at DESC LIMIT -1 OFFSET ?)`).Int(l.PersonID).Blob(l.Hash[:]).Int(store.MaxLinks).
			Exec()
	})
}

// UseLink implements [store.Sessions].
func (db *DB) UseLink(ctx context.Context, hash [32]byte, now time.Time) (bellhop.Person, error) {
	var who bellhop.Person
	err := db.write(ctx, "use a link to sign in", func(tx *sqlitefile.Tx) (err error) {
		if err := tx.Prepare(`DELETE FROM links WHERE expires_at <= ?`).Int(now.UnixMicro()).Exec(); err != nil {
			return err
		}
		who, err = first(tx.Prepare(`SELECT `+rows.PersonColumns+rows.PersonJoin+`JOIN links l ON l.person_id = p.id
			WHERE l.hash = ?`).Blob(hash[:]), "link", rows.Person)
		if bellhop.KindOf(err) == bellhop.NotFound {
			return nil // commits the removal of expired links
		}
		if err != nil {
			return err
		}
		return tx.Prepare(`DELETE FROM links WHERE hash = ?`).Blob(hash[:]).Exec()
	})
	if err == nil && who.ID == 0 {
		err = driver.NotFound("link")
	}
	if err != nil {
		return bellhop.Person{}, err
	}
	return who, nil
}
