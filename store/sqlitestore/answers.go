package sqlitestore

import (
	"cmp"
	"context"
	"time"

	"bellhop/internal/sqlitefile"
	"bellhop/store"
	"bellhop/store/driver"
	"bellhop/store/rows"
)

// BeginAnswer implements [store.Answers].
func (db *DB) BeginAnswer(ctx context.Context, k store.AnswerKey, now time.Time) (
	id int64, kept store.Answer, err error) {
	err = db.write(ctx, "take an idempotency key", func(tx *sqlitefile.Tx) error {
		id, kept = 0, store.Answer{}
		var was driver.KeptAnswer
		there, err := tx.Prepare(`SELECT ` + rows.AnswerColumns + ` FROM answers WHERE owner = ? AND key = ?`).
			Text(k.Owner).Blob(k.Key[:]).First(func(r sqlitefile.Row) { was = rows.Answer(r) })
		if err == nil && there && !was.Over(now) {
			kept, err = was.For(k.Request)
			return err
		}
		err = cmp.Or(err, tx.Prepare(`DELETE FROM answers WHERE id = ?`).Int(was.ID).Exec(),
			tx.Prepare(`INSERT INTO answers (owner, key, request, shop, begun_at) VALUES (?,?,?,?,?)`).Text(k.Owner).
				Blob(k.Key[:]).Blob(k.Request[:]).Text(k.Shop).Int(micros(now)).Exec())
		id = tx.LastID()
		return err
	})
	if err != nil {
		return 0, store.Answer{}, err
	}
	return id, kept, nil
}

// EndAnswer implements [store.Answers].
func (db *DB) EndAnswer(ctx context.Context, owner string, id int64, a store.Answer) error {
	if err := driver.CheckAnswer(&a); err != nil {
		return err
	}
	return db.write(ctx, "keep an answer", func(tx *sqlitefile.Tx) error {
		if a.Status == 0 {
			return tx.Prepare(`DELETE FROM answers WHERE id = ? AND owner = ?`).Int(id).Text(owner).Exec()
		}
		err := tx.Prepare(`UPDATE answers SET status = ?, size = ?, type = ?, location = ?, body = ?
			WHERE id = ? AND owner = ?`).Int(int64(a.Status)).Int(int64(a.Size())).Text(a.Type).Text(a.Location).Blob(a.Body).
			Int(id).Text(owner).Exec()
		tooMany := int64(0)
		if err == nil {
			tooMany, err = tx.Prepare(rows.TooManyAnswers).Bind(owner, store.MaxAnswers, store.MaxAnswersBytes).One()
		}
		if err != nil || tooMany == 0 {
			return err
		}
		return tx.Prepare(`DELETE FROM answers WHERE id IN (`+rows.OldestAnswers+`)`).
			Bind(owner, store.MaxAnswers, store.MaxAnswersBytes).Exec()
	})
}

// PruneAnswers implements [store.Answers].
func (db *DB) PruneAnswers(ctx context.Context, before time.Time, limit int) (int, error) {
	if err := driver.CheckLimit(limit); err != nil {
		return 0, err
	}
	return put(ctx, db, "drop old answers", func(tx *sqlitefile.Tx) (int, error) {
		err := tx.Prepare(`DELETE FROM answers WHERE id IN (SELECT id FROM answers WHERE begun_at < ? LIMIT ?)`).
			Int(micros(before)).Int(int64(limit)).Exec()
		return int(tx.Changes()), err
	})
}
