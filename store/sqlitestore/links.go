package sqlitestore

import (
	"cmp"
	"context"
	"time"

	"bellhop"
	"bellhop/internal/sqlitefile"
	"bellhop/store"
	"bellhop/store/driver"
	"bellhop/store/rows"
)

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

// AddMailedLink implements [store.Sessions].
func (db *DB) AddMailedLink(
	ctx context.Context, l bellhop.SignInLink, now time.Time, take func(*bellhop.Mailed) bool,
) (bool, error) {
	return put(ctx, db, "add a mailed link", func(tx *sqlitefile.Tx) (bool, error) {
		m, err := first(tx.Prepare(rows.MailedOf+`?`).Int(l.PersonID), "person", rows.Mailed)
		if err != nil || !take(&m) {
			return false, err
		}
		return true, cmp.Or(
			tx.Prepare(`UPDATE people SET mailed_at = ?, mails_strangers = ?, mails_known = ? WHERE id = ?`).Time(m.At).
				Time(m.StrangersAll).Time(m.KnownAll).Int(l.PersonID).Exec(),
			tx.Prepare(`DELETE FROM links WHERE expires_at <= ? OR person_id = ? AND code <> ''`).Int(micros(now)).
				Int(l.PersonID).Exec(),
			tx.Prepare(`INSERT INTO links (hash, person_id, expires_at, code) VALUES (?,?,?,?)`).Blob(l.Hash[:]).
				Int(l.PersonID).Int(micros(l.ExpiresAt)).Text(l.Code).Exec())
	})
}

// TryCode implements [store.Sessions].
func (db *DB) TryCode(ctx context.Context, person int64, now time.Time) (bellhop.SignInLink, error) {
	return put(ctx, db, "try a code", func(tx *sqlitefile.Tx) (bellhop.SignInLink, error) {
		return first(tx.Prepare(`UPDATE links SET tries = tries + 1 WHERE person_id = ? AND code <> '' AND tries < ?
			AND expires_at > ? RETURNING `+rows.MailedLinkColumns).Int(person).Int(store.MaxCodeTries).Int(micros(now)), "link",
			rows.MailedLink)
	})
}
