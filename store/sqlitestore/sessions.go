package sqlitestore

import (
	"context"
	"slices"
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
		if err := tx.Prepare(`DELETE FROM sessions WHERE coalesce(refresh_until, expires_at) <= ?`).
			Int(s.CreatedAt.UnixMicro()).Exec(); err != nil {
			return err
		}
		if _, err := person(tx.Conn, s.PersonID); err != nil {
			return err
		}
		if err := insertSession(tx.Conn, &s); err != nil {
			return taken("session", err)
		}
		err := tx.Prepare(`DELETE FROM sessions WHERE token_hash IN (SELECT token_hash FROM sessions WHERE person_id = ?
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

func insertSession(c *sqlitefile.Conn, s *bellhop.Session) error {
	return bindRefresh(c.Prepare(`INSERT INTO sessions (token_hash, person_id, created_at, expires_at, used_at, agent, family,
		refresh, spent, salt, refresh_until) VALUES (?,?,?,?,?,?,?,?,?,?,?)`).Blob(s.TokenHash[:]).Int(s.PersonID).
		Int(micros(s.CreatedAt)).Int(micros(s.ExpiresAt)).Time(s.UsedAt).Text(s.Agent), &s.Refresh).Exec()
}

func bindRefresh(st *sqlitefile.Stmt, r *bellhop.Refresh) *sqlitefile.Stmt {
	for _, hash := range []*[32]byte{&r.Family, &r.Hash, &r.Spent, &r.Salt} {
		if b := driver.HashOrNil(hash); b != nil {
			st = st.Blob(b)
		} else {
			st = st.Null()
		}
	}
	return st.Time(r.ExpiresAt)
}

// saveSession saves a session under the hash of its token before.
func saveSession(c *sqlitefile.Conn, was [32]byte, s *bellhop.Session) error {
	st := c.Prepare(`UPDATE sessions SET token_hash = ?, expires_at = ?, used_at = ?, family = ?, refresh = ?,
		spent = ?, salt = ?, refresh_until = ? WHERE token_hash = ?`).Blob(s.TokenHash[:]).Int(micros(s.ExpiresAt)).Time(s.UsedAt)
	return bindRefresh(st, &s.Refresh).Blob(was[:]).Exec()
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
		s, p, err = sessionWith(c, `n.token_hash = ? AND n.expires_at > ?`, tokenHash, now)
		return err
	})
	if err != nil || !s.Use(now) {
		return s, p, err
	}
	err = db.write(ctx, "save the last use of a session", func(tx *sqlitefile.Tx) error {
		return tx.Prepare(`UPDATE sessions SET used_at = ?, spent = NULL, salt = NULL WHERE token_hash = ?`).Time(s.UsedAt).
			Blob(tokenHash[:]).Exec()
	})
	// Reading goes on when the disk is full.
	if ctx.Err() != nil || bellhop.KindOf(err) != bellhop.Unavailable {
		return s, p, err
	}
	return s, p, nil
}

// sessionWith finds a session by a hash and the time, with its person.
func sessionWith(c *sqlitefile.Conn, where string, hash [32]byte, now time.Time) (
	s bellhop.Session, p bellhop.Person, err error) {
	p, err = first(c.Prepare(`SELECT `+rows.SessionColumns+`, `+rows.PersonColumns+`
		FROM sessions n JOIN people p ON p.id = n.person_id WHERE `+where).Blob(hash[:]).Int(now.UnixMicro()), "session",
		func(r sqlitefile.Row) bellhop.Person {
			s = rows.Session(r)
			return rows.Person(r)
		})
	return s, p, err
}

// RefreshSession implements [store.Sessions].
func (db *DB) RefreshSession(
	ctx context.Context, family [32]byte, now time.Time, change func(*bellhop.Session) bool,
) (bellhop.Person, error) {
	return put(ctx, db, "refresh a session", func(tx *sqlitefile.Tx) (bellhop.Person, error) {
		s, p, err := sessionWith(tx.Conn, `n.family = ? AND n.refresh_until > ?`, family, now)
		if err != nil {
			return p, err
		}
		was := s.TokenHash
		if !change(&s) {
			return p, removeSession(tx.Conn, was)
		}
		return p, saveSession(tx.Conn, was, &s)
	})
}

// Sessions implements [store.Sessions].
func (db *DB) Sessions(ctx context.Context, person int64, now time.Time) ([]bellhop.Session, error) {
	return list(ctx, db.read, "list sessions", rows.Session, rows.SessionsOf+`? AND coalesce(n.refresh_until, n.expires_at) > ?
		ORDER BY n.created_at, n.token_hash`, person, now)
}

// EndSession implements [store.Sessions].
func (db *DB) EndSession(ctx context.Context, person, id int64) error {
	return db.write(ctx, "end a session", func(tx *sqlitefile.Tx) error {
		all, err := sqlitefile.All(tx.Prepare(rows.SessionsOf+`?`).Int(person), rows.Session)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(all, func(s bellhop.Session) bool { return s.ID() == id })
		if i < 0 {
			return driver.NotFound("session")
		}
		if err := removeSession(tx.Conn, all[i].TokenHash); err != nil {
			return err
		}
		return dropDevices(tx.Conn, `person_id = ? AND session_id = ?`, person, id)
	})
}

// RemoveSession implements [store.Sessions]. It needs no session to be there.
func (db *DB) RemoveSession(ctx context.Context, tokenHash [32]byte) error {
	return db.write(ctx, "remove a session", func(tx *sqlitefile.Tx) error {
		return removeSession(tx.Conn, tokenHash)
	})
}

func removeSession(c *sqlitefile.Conn, tokenHash [32]byte) error {
	return c.Prepare(`DELETE FROM sessions WHERE token_hash = ?`).Blob(tokenHash[:]).Exec()
}
