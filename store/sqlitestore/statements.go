package sqlitestore

import (
	"cmp"
	"context"
	"time"

	"bellhop"
	"bellhop/internal/sqlitefile"
	"bellhop/store"
	"bellhop/store/driver"
	"bellhop/store/move"
	"bellhop/store/rows"
)

// AddStatement implements [store.Statements].
func (db *DB) AddStatement(ctx context.Context, s bellhop.Statement, lines []byte) error {
	s, err := driver.CheckStatement(s, lines)
	if err != nil {
		return err
	}
	return db.write(ctx, "add a statement", func(tx *sqlitefile.Tx) error {
		shop, err := ownShop(tx.Conn, s.Shop)
		if err != nil {
			return err
		}
		newest, err := lastStatement(tx.Conn, shop)
		if err == nil {
			err = driver.CheckFollows(&s, &newest)
		}
		if err != nil {
			return err
		}
		return insertStatement(tx.Conn, shop, rows.NewStatement(&s, lines))
	})
}

// insertStatement adds a statement as it is kept.
func insertStatement(c *sqlitefile.Conn, shop int64, s *move.StatementRow) error {
	st := c.Prepare(`INSERT INTO statements (shop_id, number, from_at, to_at, document, lines) VALUES (?,?,?,?,?,?)`).
		Int(shop).Int(s.Number).Int(micros(s.From)).Int(micros(s.To)).Text(s.Document)
	if s.Lines == nil {
		return st.Null().Exec()
	}
	return st.Blob(s.Lines).Exec()
}

// lastStatement returns zero before there is one.
func lastStatement(c *sqlitefile.Conn, shop int64) (s bellhop.Statement, err error) {
	_, err = c.Prepare(`SELECT document FROM statements WHERE shop_id = ? ORDER BY number DESC LIMIT 1`).Int(shop).
		First(func(r sqlitefile.Row) { s = rows.Statement(r) })
	return s, err
}

// LastStatement implements [store.Statements].
func (db *DB) LastStatement(ctx context.Context, shop string) (bellhop.Statement, error) {
	return get(ctx, db.read, "look up the newest statement", func(c *sqlitefile.Conn) (bellhop.Statement, error) {
		id, err := ownShop(c, shop)
		if err != nil {
			return bellhop.Statement{}, err
		}
		s, err := lastStatement(c, id)
		s.Shop = shop
		return s, err
	})
}

// Statements implements [store.Statements].
func (db *DB) Statements(ctx context.Context, q store.StatementQuery) ([]bellhop.Statement, error) {
	query, err := driver.StatementList(q, micro)
	if err != nil {
		return nil, err
	}
	return list(ctx, db.read, "list statements", rows.Statement[sqlitefile.Row], query.Text, query.Args...)
}

// StatementLines implements [store.Statements].
func (db *DB) StatementLines(ctx context.Context, shop string, number int64) ([]byte, error) {
	return get(ctx, db.read, "read the lines of a statement", func(c *sqlitefile.Conn) ([]byte, error) {
		return first(c.Prepare(`SELECT st.lines FROM shops s CROSS JOIN statements st ON st.shop_id = s.id
			WHERE s.domain = ? AND st.number = ? AND st.lines IS NOT NULL`).Text(shop).Int(number), "statement_lines",
			sqlitefile.Row.Blob)
	})
}

// dropStatementLines drops the lines of statements that begin before a time.
func dropStatementLines(tx *sqlitefile.Tx, before time.Time, limit int) error {
	return tx.Prepare(`UPDATE statements SET lines = NULL WHERE id IN (SELECT id FROM statements
		WHERE length(lines) > 0 AND from_at < ? ORDER BY from_at LIMIT ?)`).Int(micros(before)).Int(int64(limit)).Exec()
}

const stamps = `SELECT e.id, l.outcome, l.at FROM events e CROSS JOIN ledger l ON l.seq = e.seq
	WHERE e.id > ? AND e.id < ? AND e.shop = ? ORDER BY e.id LIMIT ?`

// LedgerStamps implements [store.Statements].
func (db *DB) LedgerStamps(
	ctx context.Context, shop string, from, to time.Time, after bellhop.EventID, limit int,
) ([]store.LedgerStamp, error) {
	if err := driver.CheckFates(limit); err != nil {
		return nil, err
	}
	behind, before := driver.StampsBetween(from, to, after)
	return get(ctx, db.proceed, "read lines of the ledger", func(c *sqlitefile.Conn) ([]store.LedgerStamp, error) {
		if _, err := ownShop(c, shop); err != nil {
			return nil, err
		}
		return sqlitefile.All(c.Prepare(stamps).Blob(behind[:]).Blob(before[:]).Text(shop).Int(int64(limit)),
			rows.Stamp[sqlitefile.Row])
	})
}

// + keeps SQLite from walking through all orders by their ids.
const fates = `SELECT o.order_id, o.created, o.recorded_at, o.found, EXISTS (SELECT 1 FROM fanouts f WHERE f.shop_id = o.shop_id
		AND f.order_no = o.no AND f.kind = '` + string(bellhop.PushOrderNew) + `'), p.status, p.reason, count(*)
	FROM (SELECT o.no, o.shop_id, ` + rows.FateColumns + ` FROM orders o WHERE o.shop_id = ? AND ` + rows.Created + ` >= ?
		AND ` + rows.Created + ` < ? AND o.placed_at IS NOT NULL AND +o.order_id > ? ORDER BY +o.order_id LIMIT ?) o
	LEFT JOIN pushes p ON p.shop_id = o.shop_id AND p.order_no = o.no AND ` + rows.RungFor + `
	GROUP BY o.order_id, p.status, p.reason ORDER BY o.order_id`

// Fates implements [store.Statements].
func (db *DB) Fates(
	ctx context.Context, shop string, from, to time.Time, after int64, limit int,
) ([]store.Fate, error) {
	if err := driver.CheckFates(limit); err != nil {
		return nil, err
	}
	return get(ctx, db.proceed, "read what became of orders", func(c *sqlitefile.Conn) ([]store.Fate, error) {
		own, err := ownShop(c, shop)
		if err != nil {
			return nil, err
		}
		var found rows.Fates
		err = c.Prepare(fates).Int(own).Int(micros(from)).Int(micros(to)).Int(after).Int(int64(limit)).
			Each(func(r sqlitefile.Row) error { found.Add(r); return nil })
		return found.All(), err
	})
}

// carryStatements makes the chains of a backup go on where those of the file that it replaces ended, so that no
// number is given to two statements. A chain that is another one, or that another key signed, stays as it is.
func carryStatements(from, to *sqlitefile.Conn) error {
	same, err := carrySigningKey(from, to)
	if err != nil || !same {
		return err
	}
	newest, err := sqlitefile.All(to.Prepare(`SELECT s.domain, coalesce(max(st.number), 0), coalesce((SELECT document
		FROM statements WHERE shop_id = s.id ORDER BY number DESC LIMIT 1), '') FROM shops s
		LEFT JOIN statements st ON st.shop_id = s.id GROUP BY s.id`), func(r sqlitefile.Row) move.StatementRow {
		return move.StatementRow{Shop: r.Text(), Number: r.Int(), Document: r.Text()}
	})
	for i := range newest {
		err = cmp.Or(err, carryChain(from, to, &newest[i]))
	}
	return err
}

// carrySigningKey reports whether both files have the same key, or no second one.
func carrySigningKey(from, to *sqlitefile.Conn) (same bool, err error) {
	var kept [2][2]string
	for i, c := range []*sqlitefile.Conn{from, to} {
		check, err := keyCheck(c)
		if err != nil {
			return false, err
		}
		key, err := signingKey(c)
		if err != nil {
			return false, err
		}
		kept[i] = [2]string{check, key}
	}
	was, is := kept[0], kept[1]
	if is[0] == was[0] && is[1] == "" && was[1] != "" {
		return true, to.Prepare(`INSERT INTO signing_key (one, value) VALUES (1, ?)`).Text(was[1]).Exec()
	}
	return is == was, nil
}

// carryChain adds the statements behind the newest one of a shop, if that one is in both files.
func carryChain(from, to *sqlitefile.Conn, newest *move.StatementRow) error {
	shop, err := shopID(to, newest.Shop)
	if err != nil {
		return err
	}
	follows := newest.Number == 0
	err = from.Prepare(`SELECT ` + rows.StatementColumns + ` FROM statements
		WHERE shop_id = (SELECT id FROM shops WHERE domain = ?) AND number >= ? ORDER BY number`).Text(newest.Shop).
		Int(newest.Number).Each(func(r sqlitefile.Row) error {
		s := rows.StatementRow(r)
		if !follows {
			if follows = s.Number == newest.Number && s.Document == newest.Document; !follows {
				return errEnough
			}
			return nil
		}
		return insertStatement(to, shop, &s)
	})
	return ignore(err, errEnough)
}
