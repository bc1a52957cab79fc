package pgstore

import (
	"context"
	"time"

	"bellhop"
	"bellhop/internal/postgres"
	"bellhop/store"
	"bellhop/store/driver"
	"bellhop/store/rows"
)

// AddSession implements [store.Sessions]. It removes expired sessions.
func (db *DB) AddSession(ctx context.Context, s bellhop.Session, network string) error {
	var n int64
	err := db.api.Once(ctx, func(b *postgres.Batch) {
		b.Exec(`DELETE FROM sessions WHERE expires_at <= $1`, postgres.Always(s.CreatedAt))
		b.Count(&n, `INSERT INTO sessions (token_hash, person_id, expires_at, created_at)
			SELECT $1, id, $3, $4 FROM people WHERE id = $2`,
			s.TokenHash[:], s.PersonID, postgres.Always(s.ExpiresAt), postgres.Always(s.CreatedAt))
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
	p, err = only(ctx, db.api, "session", func(r *postgres.Row) bellhop.Person {
		s = bellhop.Session{TokenHash: tokenHash, ExpiresAt: r.Time(), CreatedAt: r.Time()}
		return rows.Person(r)
	}, `SELECT n.expires_at, n.created_at, `+rows.PersonColumns+`
		FROM sessions n JOIN people p ON p.id = n.person_id
		WHERE n.token_hash = $1 AND n.expires_at > $2`, tokenHash[:], postgres.Always(now))
	s.PersonID = p.ID
	return s, p, err
}

// RemoveSession implements [store.Sessions]. It needs no session to be there.
func (db *DB) RemoveSession(ctx context.Context, tokenHash [32]byte) error {
	err := db.api.Once(ctx, func(b *postgres.Batch) {
		b.Exec(`DELETE FROM sessions WHERE token_hash = $1`, tokenHash[:])
	})
	return wrap("remove a session", err)
}

// AddLink implements [store.Sessions]. UseLink removes expired links.
func (db *DB) AddLink(ctx context.Context, l bellhop.SignInLink) error {
	return change(ctx, db.api, "person", "add a link to sign in", func(b *postgres.Batch, n *int64) {
		b.Count(n, `INSERT INTO links (hash, person_id, expires_at) SELECT $1, id, $3 FROM people WHERE id = $2`,
			l.Hash[:], l.PersonID, postgres.Always(l.ExpiresAt))
		b.Exec(`DELETE FROM links WHERE hash IN (SELECT hash FROM links WHERE person_id = $1
			ORDER BY hash = $2 DESC, expires_at DESC OFFSET $3)`, l.PersonID, l.Hash[:], store.MaxLinks)
	})
}

// UseLink implements [store.Sessions].
func (db *DB) UseLink(ctx context.Context, hash [32]byte, now time.Time) (who bellhop.Person, err error) {
	err = db.api.Once(ctx, func(b *postgres.Batch) {
		b.Exec(`DELETE FROM links WHERE expires_at <= $1`, postgres.Always(now))
		one(b, &who, rows.Person, `WITH used AS (DELETE FROM links WHERE hash = $1 RETURNING person_id)
			SELECT `+rows.PersonColumns+rows.PersonJoin+`JOIN used u ON u.person_id = p.id`, hash[:])
	})
	if err == nil && who.ID == 0 {
		err = driver.NotFound("link")
	}
	return who, wrap("use a link to sign in", err)
}
