package pgstore

import (
	"context"
	"strings"
	"time"

	"bellhop/internal/postgres"
	"bellhop/store"
	"bellhop/store/driver"
	"bellhop/store/rows"
)

// BeginAnswer implements [store.Answers]. Of two at once the second waits for the first's row, and then sees it.
func (db *DB) BeginAnswer(ctx context.Context, k store.AnswerKey, now time.Time) (
	id int64, kept store.Answer, err error) {
	err = db.api.Write(ctx, func(tx *postgres.Tx) error {
		id, kept = 0, store.Answer{}
		var was driver.KeptAnswer
		take := func(b *postgres.Batch) {
			value(b, &id, `INSERT INTO answers (owner, key, request, shop, begun_at) VALUES ($1,$2,$3,$4,$5)
				ON CONFLICT (owner, key) DO NOTHING RETURNING id`, k.Owner, k.Key[:], k.Request[:], k.Shop, postgres.Always(now))
		}
		err := tx.Do(func(b *postgres.Batch) {
			take(b)
			one(b, &was, rows.Answer, `SELECT `+rows.AnswerColumns+` FROM answers WHERE owner = $1 AND key = $2 FOR UPDATE`,
				k.Owner, k.Key[:])
		})
		switch {
		case err != nil:
			return err
		case id != 0:
			return tx.Commit(func(*postgres.Batch) {})
		case was.ID == 0: // whoever had it gave it up in between
			return driver.AnswerUnderWay()
		case !was.Over(now):
			kept, err = was.For(k.Request)
			return err
		}
		return tx.Commit(func(b *postgres.Batch) {
			b.Exec(`DELETE FROM answers WHERE id = $1`, was.ID)
			take(b)
		})
	})
	if err != nil {
		return 0, store.Answer{}, wrap("take an idempotency key", err)
	}
	return id, kept, nil
}

var dropExcessAnswers = `DELETE FROM answers WHERE (` + strings.ReplaceAll(rows.TooManyAnswers, "?", "$") +
	`) AND id IN (` + strings.ReplaceAll(rows.OldestAnswers, "?", "$") + `)`

// EndAnswer implements [store.Answers].
func (db *DB) EndAnswer(ctx context.Context, owner string, id int64, a store.Answer) error {
	if err := driver.CheckAnswer(&a); err != nil {
		return err
	}
	err := db.api.Once(ctx, func(b *postgres.Batch) {
		if a.Status == 0 {
			b.Exec(`DELETE FROM answers WHERE id = $1 AND owner = $2`, id, owner)
			return
		}
		b.Exec(`UPDATE answers SET status = $3, size = $4, type = $5, location = $6, body = $7 WHERE id = $1 AND owner = $2`,
			id, owner, a.Status, a.Size(), a.Type, a.Location, a.Body)
		b.Exec(dropExcessAnswers, owner, store.MaxAnswers, store.MaxAnswersBytes)
	})
	return wrap("keep an answer", err)
}

// PruneAnswers implements [store.Answers].
func (db *DB) PruneAnswers(ctx context.Context, before time.Time, limit int) (int, error) {
	if err := driver.CheckLimit(limit); err != nil {
		return 0, err
	}
	var n int64
	err := db.worker.Once(ctx, func(b *postgres.Batch) {
		b.Count(&n, `DELETE FROM answers WHERE id IN (SELECT id FROM answers WHERE begun_at < $1 LIMIT $2)`,
			postgres.Always(before), int64(limit))
	})
	return int(n), wrap("drop old answers", err)
}
