package rows

import (
	"bellhop/store"
	"bellhop/store/driver"
)

// AnswerColumns are the columns for [Answer].
const AnswerColumns = `id, request, begun_at, status, type, location, body`

// Answer reads what is kept of an idempotency key.
func Answer[R Row](r R) driver.KeptAnswer {
	k := driver.KeptAnswer{ID: r.Int()}
	copy(k.Request[:], r.Blob())
	k.BegunAt = r.Time()
	k.Answer = store.Answer{Status: int(r.Int()), Type: r.Text(), Location: r.Text(), Body: r.Blob()}
	return k
}

// The owner ?1 has more than ?2 answers or ?3 bytes, and the oldest of them: a sixteenth more than has to go, since
// looking for them takes longer than counting. The index has all that both read.
const (
	TooManyAnswers = `SELECT count(*) > ?2 OR sum(size) > ?3 FROM answers WHERE owner = ?1`
	OldestAnswers  = `SELECT id FROM (SELECT id, row_number() OVER newest AS nr, sum(size) OVER newest AS bytes
			FROM answers WHERE owner = ?1 WINDOW newest AS (ORDER BY id DESC)) AS ranked
		WHERE nr > ?2 - ?2 / 16 OR bytes > ?3 - ?3 / 16`
)
