package pgstore

import (
	"context"

	"bellhop/internal/postgres"
	"bellhop/store/move"
)

var _ move.Mover = (*DB)(nil)

// Identity implements [move.Mover].
func (db *DB) Identity(ctx context.Context) (i move.Identity, err error) {
	err = db.worker.Read(ctx, func(b *postgres.Batch) { readIdentity(b, &i, "") })
	return i, wrap("look at the store", err)
}

// readIdentity queues a look at the store, and locks it when lock says so.
func readIdentity(b *postgres.Batch, i *move.Identity, lock string) {
	*i = move.Identity{}
	b.Rows(func(r *postgres.Row) {
		i.ID = r.Text()
		n := move.Note{Source: r.Text(), Mark: r.Text(), Finished: r.Bool(), Tables: map[move.Table]move.Progress{}}
		if n.Source != "" {
			i.Copy = &n
		}
	}, `SELECT id, copied_from, copied_mark, copy_finished FROM identity `+lock)
	b.Rows(func(r *postgres.Row) {
		if i.Copy != nil {
			i.Copy.Tables[move.Table(r.Text())] = move.Progress{Next: r.Text(), Done: r.Bool(), Rows: r.Int()}
		}
	}, `SELECT name, next, done, n FROM copied`)
}

// Count implements [move.Mover]. Beyond a million rows it returns the planner's estimate:
// counting takes longer than a statement may.
func (db *DB) Count(ctx context.Context, t move.Table) (n int64, err error) {
	if bare(t) {
		c, _, err := db.Export(ctx, t, "", move.ChunkLimit{Rows: 1, Bytes: 1})
		return int64(c.Len()), err
	}
	const exact = 1_000_000
	err = db.worker.Read(ctx, func(b *postgres.Batch) {
		value(b, &n,
			`SELECT CASE WHEN n < $1 THEN n ELSE greatest(n, (SELECT reltuples FROM pg_class
				WHERE oid = $2::text::regclass)::bigint) END FROM (SELECT count(*) AS n FROM (SELECT FROM `+string(t)+`
				LIMIT $1) near) counted`, int64(exact), string(t))
	})
	return n, wrap("count rows", err)
}

// bare reports whether a table's rows, which nobody added, are no reason against a copy.
func bare(t move.Table) bool {
	return t == move.TableCounters || t == move.TableMarkKey || t == move.TableSigningKey
}

// BeginCopy implements [move.Mover].
func (db *DB) BeginCopy(ctx context.Context, source, mark string) error {
	err := db.worker.Write(ctx, func(tx *postgres.Tx) error {
		var i move.Identity
		var has []move.Table
		err := tx.Do(func(b *postgres.Batch) {
			readIdentity(b, &i, "FOR UPDATE")
			for _, t := range move.Tables() {
				if !bare(t) {
					all(b, &has, func(r *postgres.Row) move.Table { return move.Table(r.Text()) },
						`SELECT $1::text WHERE EXISTS (SELECT FROM `+string(t)+`)`, string(t))
				}
			}
		})
		if err != nil {
			return err
		}
		if len(has) > 0 && (i.Copy == nil || i.Copy.Finished) {
			return move.NotEmpty(has[0])
		}
		return tx.Commit(func(b *postgres.Batch) {
			b.Exec(`TRUNCATE shops, connections, reconciliations, heard, key_check, people, memberships, sessions, links, networks,
				invitations, tokens, operator_tokens, devices, orders, items, pushes, fanouts, push_totals, events,
				ledger_totals, changes, relays, looks, backups, privacy_requests, privacy_exports,
				privacy_marks, mark_key, statements, signing_key, copied RESTART IDENTITY`)
			b.Exec(`UPDATE stream SET last = 0`)
			b.Exec(`UPDATE identity SET copied_from = $1, copied_mark = $2, copy_finished = false`, source, mark)
		})
	})
	return wrap("begin a copy", err)
}

// Import implements [move.Mover].
func (db *DB) Import(ctx context.Context, t move.Table, c move.Chunk, after, next string) error {
	if err := db.keepDictionary(ctx); err != nil {
		return err
	}
	add := db.importing(&c)
	err := db.worker.Write(ctx, func(tx *postgres.Tx) error {
		var i move.Identity
		if err := tx.Do(func(b *postgres.Batch) { readIdentity(b, &i, "FOR UPDATE") }); err != nil {
			return err
		}
		if !i.Copy.At(t, after) {
			return move.CopiedElsewhere()
		}
		return tx.Commit(func(b *postgres.Batch) {
			add(b)
			b.Exec(`INSERT INTO copied AS c (name, next, done, n) VALUES ($1,$2,$3,$4)
				ON CONFLICT (name) DO UPDATE SET next = excluded.next, done = excluded.done, n = c.n + excluded.n`,
				string(t), next, next == "", int64(c.Len()))
		})
	})
	return wrap("import", err)
}

// EndCopy implements [move.Mover].
func (db *DB) EndCopy(ctx context.Context, good bool) error {
	err := db.worker.Once(ctx, func(b *postgres.Batch) {
		if good {
			b.Exec(`UPDATE identity SET copy_finished = true WHERE copied_from IS NOT NULL`)
		} else {
			b.Exec(`UPDATE identity SET copied_mark = '' WHERE NOT copy_finished`)
		}
	})
	return wrap("end a copy", err)
}
