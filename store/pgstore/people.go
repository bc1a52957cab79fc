package pgstore

import (
	"context"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"bellhop"
	"bellhop/internal/postgres"
	"bellhop/store"
)

// personColumns are what scanPerson scans, of p and what personJoin adds.
const (
	personColumns = `p.id, p.email, p.role, s.domain, p.password_hash, p.added_at`
	personJoin    = ` FROM people p LEFT JOIN shops s ON s.id = p.shop_id `
)

func scanPerson(p *bellhop.Person) []any {
	return []any{&p.ID, &p.Email, postgres.TextTo(&p.Role), postgres.TextTo(&p.Shop), &p.PasswordHash, postgres.TimeTo(&p.AddedAt)}
}

func readPerson(r pgx.Rows) (p bellhop.Person, err error) {
	err = r.Scan(scanPerson(&p)...)
	return p, err
}

// AddPerson implements [store.People].
func (db *DB) AddPerson(ctx context.Context, p bellhop.Person) (bellhop.Person, error) {
	p, err := store.CheckPerson(p)
	if err != nil {
		return p, err
	}
	var id int64
	err = db.api.Once(ctx, func(b *postgres.Batch) {
		b.Each(func(r pgx.Rows) error { return r.Scan(&id) },
			`INSERT INTO people (email, role, shop_id, password_hash, added_at)
			SELECT $1, $2, s.id, $4, $5 FROM (SELECT) one LEFT JOIN shops s ON s.domain = $3
			WHERE $3 = '' OR s.id IS NOT NULL RETURNING id`,
			p.Email, string(p.Role), p.Shop, p.PasswordHash, postgres.Always(p.AddedAt))
	})
	if err == nil && id == 0 {
		err = store.NotFound("shop")
	}
	if err != nil {
		return bellhop.Person{}, wrap("add a person", taken("email", err))
	}
	p.ID = id
	return p, nil
}

// People implements [store.People].
func (db *DB) People(ctx context.Context, shop string) ([]bellhop.Person, error) {
	return list(ctx, db.api, "list people", readPerson,
		`SELECT `+personColumns+personJoin+`WHERE $1 = '' OR s.domain = $1 ORDER BY p.email COLLATE "C"`, shop)
}

// PersonByEmail implements [store.People].
func (db *DB) PersonByEmail(ctx context.Context, email string) (bellhop.Person, error) {
	return one(ctx, db.api, "person", readPerson,
		`SELECT `+personColumns+personJoin+`WHERE p.email = $1`, strings.ToLower(email))
}

// SetPassword implements [store.People].
func (db *DB) SetPassword(ctx context.Context, id int64, hash string) error {
	var n int64
	err := db.api.Once(ctx, func(b *postgres.Batch) {
		b.Count(&n, `UPDATE people SET password_hash = $2 WHERE id = $1`, id, hash)
		b.Exec(`DELETE FROM sessions WHERE person_id = $1`, id)
	})
	if err == nil && n == 0 {
		err = store.NotFound("person")
	}
	return wrap("set a password", err)
}

// RemovePerson implements [store.People].
func (db *DB) RemovePerson(ctx context.Context, id int64) error {
	err := db.api.Write(ctx, func(tx *postgres.Tx) error {
		var n int64
		w := newWrites(db)
		err := tx.Do(func(b *postgres.Batch) {
			w.lockDevices(b, `person_id = $1`, id)
			b.Count(&n, `DELETE FROM people WHERE id = $1`, id)
		})
		if err == nil && n == 0 {
			err = store.NotFound("person")
		}
		if err != nil {
			return err
		}
		return w.dropDevices(ctx, tx)
	})
	return wrap("remove a person", err)
}

// AddSession implements [store.People]. It clears away what has expired.
func (db *DB) AddSession(ctx context.Context, s bellhop.Session) error {
	var n int64
	err := db.api.Once(ctx, func(b *postgres.Batch) {
		b.Exec(`DELETE FROM sessions WHERE expires_at <= $1`, postgres.Always(s.CreatedAt))
		b.Count(&n, `INSERT INTO sessions (token_hash, person_id, expires_at, created_at)
			SELECT $1, id, $3, $4 FROM people WHERE id = $2`,
			s.TokenHash[:], s.PersonID, postgres.Always(s.ExpiresAt), postgres.Always(s.CreatedAt))
	})
	if err == nil && n == 0 {
		err = store.NotFound("person")
	}
	return wrap("add a session", taken("session", err))
}

// signedIn is a session and whose it is.
type signedIn struct {
	session bellhop.Session
	person  bellhop.Person
}

// Session implements [store.People].
func (db *DB) Session(ctx context.Context, tokenHash [32]byte, now time.Time) (bellhop.Session, bellhop.Person, error) {
	in, err := one(ctx, db.api, "session", func(r pgx.Rows) (in signedIn, err error) {
		err = r.Scan(append([]any{postgres.TimeTo(&in.session.ExpiresAt), postgres.TimeTo(&in.session.CreatedAt)},
			scanPerson(&in.person)...)...)
		in.session.TokenHash, in.session.PersonID = tokenHash, in.person.ID
		return in, err
	}, `SELECT n.expires_at, n.created_at, `+personColumns+`
		FROM sessions n JOIN people p ON p.id = n.person_id LEFT JOIN shops s ON s.id = p.shop_id
		WHERE n.token_hash = $1 AND n.expires_at > $2`, tokenHash[:], postgres.Always(now))
	return in.session, in.person, err
}

// RemoveSession implements [store.People]. One that is not there is as good as
// removed.
func (db *DB) RemoveSession(ctx context.Context, tokenHash [32]byte) error {
	err := db.api.Once(ctx, func(b *postgres.Batch) {
		b.Exec(`DELETE FROM sessions WHERE token_hash = $1`, tokenHash[:])
	})
	return wrap("remove a session", err)
}
