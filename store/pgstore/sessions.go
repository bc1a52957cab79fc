package pgstore

import (
	"context"
	"slices"
	"time"

	"bellhop"
	"bellhop/internal/postgres"
	"bellhop/store"
	"bellhop/store/driver"
	"bellhop/store/rows"
	"bellhop/store/rules"
)

const (
	sessionColumns = `token_hash, person_id, created_at, expires_at, used_at, agent, family, refresh, spent, salt,
		refresh_until`
	sessionTypes = "bytea bigint timestamptz timestamptz timestamptz text bytea bytea bytea bytea timestamptz"
)

// AddSession implements [store.Sessions]. It removes expired sessions.
func (db *DB) AddSession(ctx context.Context, s bellhop.Session, network string) error {
	var n int64
	var row postgres.Rows
	fillSession(row.Next(), &s)
	err := db.api.Once(ctx, func(b *postgres.Batch) {
		b.Exec(`DELETE FROM sessions WHERE coalesce(refresh_until, expires_at) <= $1`, postgres.Always(s.CreatedAt))
		b.Count(&n, `INSERT INTO sessions (`+sessionColumns+`) SELECT n.* FROM `+postgres.Unnest(sessionTypes)+`
			AS n(token_hash, person_id) JOIN people p ON p.id = n.person_id`, row.Args()...)
		b.Exec(`DELETE FROM sessions WHERE token_hash IN (SELECT token_hash FROM sessions WHERE person_id = $1
			ORDER BY token_hash = $2 DESC, created_at DESC OFFSET $3)`, s.PersonID, s.TokenHash[:], store.MaxSessions)
		b.Exec(`INSERT INTO networks (person_id, network, seen_at) SELECT id, $2, $3 FROM people WHERE id = $1
			ON CONFLICT (person_id, network) DO UPDATE SET seen_at = excluded.seen_at`, s.PersonID, network,
			postgres.Always(s.CreatedAt))
		b.Exec(`DELETE FROM networks WHERE person_id = $1 AND network IN (SELECT network FROM networks WHERE person_id = $1
			ORDER BY network = $2 DESC, seen_at DESC OFFSET $3)`, s.PersonID, network, store.MaxNetworks)
	})
	if err == nil && n == 0 {
		err = driver.NotFound("person")
	}
	return wrap("add a session", taken("session", err))
}

// KnowsNetwork implements [store.Sessions].
func (db *DB) KnowsNetwork(ctx context.Context, person int64, network string) (known bool, err error) {
	err = db.api.Read(ctx, func(b *postgres.Batch) {
		value(b, &known, `SELECT EXISTS (SELECT FROM networks WHERE person_id = $1 AND network = $2)`, person, network)
	})
	return known, wrap("look up a network", err)
}

// HasSignedIn implements [store.Sessions].
func (db *DB) HasSignedIn(ctx context.Context, person int64) (has bool, err error) {
	err = db.api.Read(ctx, func(b *postgres.Batch) {
		value(b, &has, `SELECT EXISTS (SELECT FROM networks WHERE person_id = $1)`, person)
	})
	return has, wrap("look for networks", err)
}

// Session implements [store.Sessions].
func (db *DB) Session(ctx context.Context, tokenHash [32]byte, now time.Time) (
	s bellhop.Session, p bellhop.Person, err error) {
	p, err = only(ctx, db.api, "session", readSession(&s), sessionWith+`n.token_hash = $1 AND n.expires_at > $2`,
		tokenHash[:], postgres.Always(now))
	if err != nil || !s.Use(now) {
		return s, p, err
	}
	err = db.api.Once(ctx, func(b *postgres.Batch) {
		b.Exec(`UPDATE sessions SET used_at = $2, spent = NULL, salt = NULL WHERE token_hash = $1`, tokenHash[:],
			postgres.Always(s.UsedAt))
	})
	// Reading goes on while the database takes no changes.
	if ctx.Err() != nil || bellhop.KindOf(err) != bellhop.Unavailable {
		return s, p, wrap("save the last use of a session", err)
	}
	return s, p, nil
}

// sessionWith finds a session with its person, for readSession.
const sessionWith = `SELECT ` + rows.SessionColumns + `, ` + rows.PersonColumns + ` FROM sessions n
	JOIN people p ON p.id = n.person_id WHERE `

func readSession(s *bellhop.Session) func(*postgres.Row) bellhop.Person {
	return func(r *postgres.Row) bellhop.Person {
		*s = rows.Session(r)
		return rows.Person(r)
	}
}

// RefreshSession implements [store.Sessions].
func (db *DB) RefreshSession(
	ctx context.Context, family [32]byte, now time.Time, change func(*bellhop.Session) bool,
) (p bellhop.Person, err error) {
	err = db.api.Write(ctx, func(tx *postgres.Tx) error {
		var s bellhop.Session
		p = bellhop.Person{}
		err := tx.Do(func(b *postgres.Batch) {
			one(b, &p, readSession(&s), sessionWith+`n.family = $1 AND n.refresh_until > $2 FOR UPDATE OF n`, family[:],
				postgres.Always(now))
		})
		if err == nil && p.ID == 0 {
			err = driver.NotFound("session")
		}
		if err != nil {
			return err
		}
		was := s.TokenHash
		goesOn := change(&s)
		return tx.Commit(func(b *postgres.Batch) {
			if goesOn {
				saveSession(b, was, &s)
			} else {
				b.Exec(`DELETE FROM sessions WHERE token_hash = $1`, was[:])
			}
		})
	})
	return p, wrap("refresh a session", err)
}

// saveSession saves a session under the hash of its token before. It stays the same row: whoever waits to delete it, or
// to refresh it too, then sees it.
func saveSession(b *postgres.Batch, was [32]byte, s *bellhop.Session) {
	f := &s.Refresh
	b.Exec(`UPDATE sessions SET token_hash = $2, expires_at = $3, used_at = $4, refresh = $5, spent = $6, salt = $7,
		refresh_until = $8 WHERE token_hash = $1`, was[:], s.TokenHash[:], postgres.Always(s.ExpiresAt),
		postgres.Time(s.UsedAt), driver.HashOrNil(&f.Hash), driver.HashOrNil(&f.Spent), driver.HashOrNil(&f.Salt),
		postgres.Time(f.ExpiresAt))
}

// Sessions implements [store.Sessions].
func (db *DB) Sessions(ctx context.Context, person int64, now time.Time) ([]bellhop.Session, error) {
	return list(ctx, db.api, "list sessions", rows.Session, rows.SessionsOf+`$1
		AND coalesce(n.refresh_until, n.expires_at) > $2 ORDER BY n.created_at, n.token_hash`, person, postgres.Always(now))
}

// EndSession implements [store.Sessions].
func (db *DB) EndSession(ctx context.Context, person, id int64) error {
	err := db.api.Write(ctx, func(tx *postgres.Tx) error {
		w := newWrites(db, &rules.Changes{})
		var all []bellhop.Session
		err := tx.Do(func(b *postgres.Batch) {
			b.Exec(lockPerson, person)
			b.Rows(func(r *postgres.Row) { all = append(all, rows.Session(r)) }, rows.SessionsOf+`$1 FOR UPDATE`, person)
			w.lockDevices(b, `person_id = $1 AND session_id = $2`, person, id)
		})
		if err != nil {
			return err
		}
		i := slices.IndexFunc(all, func(s bellhop.Session) bool { return s.ID() == id })
		if i < 0 {
			return driver.NotFound("session")
		}
		err = tx.Do(func(b *postgres.Batch) { b.Exec(`DELETE FROM sessions WHERE token_hash = $1`, all[i].TokenHash[:]) })
		if err != nil {
			return err
		}
		return w.dropDevices(ctx, tx)
	})
	return wrap("end a session", err)
}

// RemoveSession implements [store.Sessions]. It needs no session to be there.
func (db *DB) RemoveSession(ctx context.Context, tokenHash [32]byte) error {
	err := db.api.Once(ctx, func(b *postgres.Batch) {
		b.Exec(`DELETE FROM sessions WHERE token_hash = $1`, tokenHash[:])
	})
	return wrap("remove a session", err)
}
