package pgstore

import (
	"context"
	"time"

	"bellhop/internal/postgres"
)

// renumberLimit bounds moving the stream, which has up to two million rows.
const renumberLimit = 5 * time.Minute

// Renumber implements [store.Store]. It moves the whole stream, so that two numbers stay as
// far apart as before.
func (db *DB) Renumber(ctx context.Context, above int64) error {
	err := db.worker.Within(renumberLimit).Write(ctx, func(tx *postgres.Tx) error {
		var by int64
		err := tx.Do(func(b *postgres.Batch) {
			value(b, &by, `SELECT greatest($1 - last, 0) FROM stream FOR UPDATE`, above)
		})
		if err != nil {
			return err
		}
		return tx.Commit(func(b *postgres.Batch) {
			if by > 0 {
				b.Exec(`UPDATE stream SET last = last + $1`, by)
				b.Exec(`UPDATE changes SET seq = seq + $1`, by)
				b.Exec(`UPDATE relays SET cursor = cursor + $1`, by)
			}
			b.Exec(`UPDATE connections SET check_due = connected_at, subscriptions = ''`)
			b.Exec(`UPDATE reconciliations SET due = to_timestamp(0) WHERE due IS NOT NULL`)
			b.Exec(`SELECT setval('pushes_id_seq', greatest($1, (SELECT last_value FROM pushes_id_seq)))`, above)
		})
	})
	return wrap("renumber", err)
}
