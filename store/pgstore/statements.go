package pgstore

import (
	"context"
	"time"

	"bellhop"
	"bellhop/internal/postgres"
	"bellhop/store"
	"bellhop/store/driver"
	"bellhop/store/move"
	"bellhop/store/rows"
)

const lastStatement = `SELECT st.document FROM statements st JOIN shops s ON s.id = st.shop_id WHERE s.domain = $1
	ORDER BY st.number DESC LIMIT 1`

var importStatements = importInto("statements", "number, from_at, to_at, document, lines",
	"bigint timestamptz timestamptz text bytea")

func fillStatement(r *postgres.Rows, s *move.StatementRow) {
	r.Text(s.Shop).Int(s.Number).Always(s.From).Always(s.To).Text(s.Document).Bytes(s.Lines)
}

// AddStatement implements [store.Statements].
func (db *DB) AddStatement(ctx context.Context, s bellhop.Statement, lines []byte) error {
	s, err := driver.CheckStatement(s, lines)
	if err != nil {
		return err
	}
	err = db.worker.Write(ctx, func(tx *postgres.Tx) error {
		var shop int64
		var newest bellhop.Statement
		err := tx.Do(func(b *postgres.Batch) {
			value(b, &shop, `SELECT id FROM shops WHERE domain = $1 FOR KEY SHARE`, s.Shop)
			one(b, &newest, rows.Statement, lastStatement, s.Shop)
		})
		if err == nil && shop == 0 {
			err = driver.NotFound("shop")
		}
		if err == nil {
			err = driver.CheckFollows(&s, &newest)
		}
		if err != nil {
			return err
		}
		var row postgres.Rows
		fillStatement(row.Next(), rows.NewStatement(&s, lines))
		return tx.Commit(func(b *postgres.Batch) { exec(b, importStatements, &row) })
	})
	if postgres.IsUnique(err) {
		err = driver.StatementTaken()
	}
	return wrap("add a statement", err)
}

// LastStatement implements [store.Statements].
func (db *DB) LastStatement(ctx context.Context, shop string) (s bellhop.Statement, err error) {
	err = db.readOf(ctx, shop, func(b *postgres.Batch) { one(b, &s, rows.Statement, lastStatement, shop) })
	s.Shop = shop
	return s, wrap("look up the newest statement", err)
}

// readOf reads what a shop has; [driver.NotFound] without the shop.
func (db *DB) readOf(ctx context.Context, shop string, fn func(*postgres.Batch)) error {
	var id int64
	err := db.worker.Read(ctx, func(b *postgres.Batch) {
		value(b, &id, `SELECT id FROM shops WHERE domain = $1`, shop)
		fn(b)
	})
	if err == nil && id == 0 {
		err = driver.NotFound("shop")
	}
	return err
}

// Statements implements [store.Statements].
func (db *DB) Statements(ctx context.Context, q store.StatementQuery) ([]bellhop.Statement, error) {
	query, err := driver.StatementList(q, micro)
	if err != nil {
		return nil, err
	}
	return list(ctx, db.api, "list statements", rows.Statement[*postgres.Row], query.Text, query.Args...)
}

// StatementLines implements [store.Statements].
func (db *DB) StatementLines(ctx context.Context, shop string, number int64) ([]byte, error) {
	return only(ctx, db.api, "statement_lines", (*postgres.Row).Blob, `SELECT st.lines FROM statements st
		JOIN shops s ON s.id = st.shop_id WHERE s.domain = $1 AND st.number = $2 AND st.lines IS NOT NULL`, shop, number)
}

// LedgerStamps implements [store.Statements].
func (db *DB) LedgerStamps(
	ctx context.Context, shop string, from, to time.Time, after bellhop.EventID, limit int,
) (found []store.LedgerStamp, err error) {
	if err := driver.CheckFates(limit); err != nil {
		return nil, err
	}
	behind, before := driver.StampsBetween(from, to, after)
	err = db.readOf(ctx, shop, func(b *postgres.Batch) {
		found = nil
		all(b, &found, rows.Stamp[*postgres.Row], `SELECT id, outcome, at FROM events WHERE id > $1 AND id < $2 AND shop = $3
			ORDER BY id LIMIT $4`, postgres.ID(behind), postgres.ID(before), shop, limit)
	})
	return found, wrap("read lines of the ledger", err)
}

// + 0 keeps PostgreSQL from walking through all orders by their ids.
const fates = `SELECT o.order_id, o.created, o.recorded_at, o.found, EXISTS (SELECT FROM fanouts f
		WHERE f.shop_id = o.shop_id AND f.order_id = o.order_id AND f.kind = '` + string(bellhop.PushOrderNew) + `'),
		p.status, p.reason, p.n
	FROM (SELECT o.shop_id, ` + rows.FateColumns + ` FROM orders o WHERE o.shop_id = (SELECT id FROM shops WHERE domain = $1)
		AND ` + rows.Created + ` >= $2 AND ` + rows.Created + ` < $3 AND o.placed_at IS NOT NULL AND o.order_id + 0 > $4
		ORDER BY o.order_id + 0 LIMIT $5) o
	LEFT JOIN LATERAL (SELECT p.status, p.reason, count(*) AS n FROM pushes p WHERE p.shop_id = o.shop_id
		AND p.order_id = o.order_id AND ` + rows.RungFor + ` GROUP BY 1, 2) p ON true
	ORDER BY o.order_id`

// Fates implements [store.Statements].
func (db *DB) Fates(
	ctx context.Context, shop string, from, to time.Time, after int64, limit int,
) ([]store.Fate, error) {
	if err := driver.CheckFates(limit); err != nil {
		return nil, err
	}
	var found rows.Fates
	err := db.readOf(ctx, shop, func(b *postgres.Batch) {
		found = rows.Fates{}
		b.Rows(func(r *postgres.Row) { found.Add(r) }, fates, shop, postgres.Always(from), postgres.Always(to), after, limit)
	})
	if err != nil {
		return nil, wrap("read what became of orders", err)
	}
	return found.All(), nil
}
