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

// AddMailedLink implements [store.Sessions].
func (db *DB) AddMailedLink(
	ctx context.Context, l bellhop.SignInLink, now time.Time, take func(*bellhop.Mailed) bool,
) (added bool, err error) {
	err = db.api.Write(ctx, func(tx *postgres.Tx) error {
		var m bellhop.Mailed
		found := false
		err := tx.Do(func(b *postgres.Batch) {
			b.Rows(func(r *postgres.Row) { m, found = rows.Mailed(r), true }, rows.MailedOf+`$1 FOR NO KEY UPDATE`, l.PersonID)
		})
		if err == nil && !found {
			err = driver.NotFound("person")
		}
		if added = err == nil && take(&m); !added {
			return err
		}
		return tx.Commit(func(b *postgres.Batch) {
			b.Exec(`UPDATE people SET mailed_at = $2, mails_strangers = $3, mails_known = $4 WHERE id = $1`, l.PersonID,
				postgres.Time(m.At), postgres.Time(m.StrangersAll), postgres.Time(m.KnownAll))
			b.Exec(`DELETE FROM links WHERE expires_at <= $1 OR person_id = $2 AND code <> ''`, postgres.Always(now), l.PersonID)
			b.Exec(`INSERT INTO links (hash, person_id, expires_at, code) VALUES ($1,$2,$3,$4)`, l.Hash[:], l.PersonID,
				postgres.Always(l.ExpiresAt), l.Code)
		})
	})
	return added && err == nil, wrap("add a mailed link", err)
}

// TryCode implements [store.Sessions].
func (db *DB) TryCode(ctx context.Context, person int64, now time.Time) (l bellhop.SignInLink, err error) {
	err = db.api.Once(ctx, func(b *postgres.Batch) {
		l = bellhop.SignInLink{}
		one(b, &l, rows.MailedLink, `UPDATE links SET tries = tries + 1 WHERE person_id = $1 AND code <> '' AND tries < $2
			AND expires_at > $3 RETURNING `+rows.MailedLinkColumns, person, store.MaxCodeTries, postgres.Always(now))
	})
	if err == nil && l.PersonID == 0 {
		err = driver.NotFound("link")
	}
	return l, wrap("try a code", err)
}
