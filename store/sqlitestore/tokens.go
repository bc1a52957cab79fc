package sqlitestore

import (
	"context"
	"time"

	"bellhop"
	"bellhop/internal/sqlitefile"
	"bellhop/store"
	"bellhop/store/driver"
	"bellhop/store/rows"
)

// AddToken implements [store.Tokens].
func (db *DB) AddToken(ctx context.Context, t bellhop.Token) (bellhop.Token, error) {
	t, err := driver.CheckToken(t)
	if err != nil {
		return t, err
	}
	return put(ctx, db, "add a token", func(tx *sqlitefile.Tx) (bellhop.Token, error) {
		if t.Operator {
			return t, addOperatorToken(tx.Conn, &t)
		}
		shop, err := ownShop(tx.Conn, t.Shop)
		if err != nil {
			return t, err
		}
		others := tx.Prepare(`SELECT count(*) FROM tokens WHERE shop_id = ?`).Int(shop)
		if err := room(others, "tokens", store.MaxTokens); err != nil {
			return t, err
		}
		err = tx.Prepare(`INSERT INTO tokens (shop_id, name, hash, created_at, last_used_at) VALUES (?,?,?,?,?)`).
			Int(shop).Text(t.Name).Blob(t.Hash[:]).Int(t.CreatedAt.UnixMicro()).Time(t.LastUsedAt).Exec()
		t.ID = tx.LastID()
		return t, taken("token", err)
	})
}

func addOperatorToken(c *sqlitefile.Conn, t *bellhop.Token) error {
	if err := room(c.Prepare(`SELECT count(*) FROM operator_tokens`), "tokens", store.MaxTokens); err != nil {
		return err
	}
	return taken("token", insertOperatorToken(c, t))
}

func insertOperatorToken(c *sqlitefile.Conn, t *bellhop.Token) error {
	return c.Prepare(`INSERT INTO operator_tokens (name, hash, created_at, last_used_at) VALUES (?,?,?,?)`).
		Text(t.Name).Blob(t.Hash[:]).Int(micros(t.CreatedAt)).Time(t.LastUsedAt).Exec()
}

const listOperatorTokens = `SELECT ` + rows.OperatorTokenColumns + ` FROM operator_tokens t ORDER BY t.name`

// Tokens implements [store.Tokens].
func (db *DB) Tokens(ctx context.Context, shop string) ([]bellhop.Token, error) {
	if shop == "" {
		return list(ctx, db.read, "list tokens", rows.Token, listOperatorTokens)
	}
	return list(ctx, db.read, "list tokens", rows.Token,
		`SELECT `+rows.TokenColumns+` FROM shops s JOIN tokens t ON t.shop_id = s.id WHERE s.domain = ?
			ORDER BY t.name`, shop)
}

// findToken finds a token of either kind.
const findToken = `SELECT ` + rows.TokenColumns + ` FROM tokens t JOIN shops s ON s.id = t.shop_id WHERE t.hash = ?1
	UNION ALL SELECT ` + rows.OperatorTokenColumns + ` FROM operator_tokens t WHERE t.hash = ?1`

// Token implements [store.Tokens]. It writes the last use once a minute.
func (db *DB) Token(ctx context.Context, hash [32]byte, now time.Time) (t bellhop.Token, err error) {
	t, err = get(ctx, db.read, "look up a token", func(c *sqlitefile.Conn) (bellhop.Token, error) {
		return first(c.Prepare(findToken).Blob(hash[:]), "token", rows.Token)
	})
	if err != nil || now.Sub(t.LastUsedAt) < time.Minute {
		return t, err
	}
	use := `UPDATE tokens SET last_used_at = ? WHERE hash = ?`
	if t.Operator {
		use = `UPDATE operator_tokens SET last_used_at = ? WHERE hash = ?`
	}
	err = db.write(ctx, "save the last use of a token", func(tx *sqlitefile.Tx) error {
		return tx.Prepare(use).Time(now).Blob(hash[:]).Exec()
	})
	if err == nil {
		t.LastUsedAt = now.Truncate(time.Microsecond)
	}
	// Reading goes on when the disk is full.
	if ctx.Err() != nil || bellhop.KindOf(err) != bellhop.Unavailable {
		return t, err
	}
	return t, nil
}

// RemoveToken implements [store.Tokens].
func (db *DB) RemoveToken(ctx context.Context, shop, name string) error {
	return db.write(ctx, "remove a token", func(tx *sqlitefile.Tx) error {
		if shop == "" {
			return change(tx, "token", `DELETE FROM operator_tokens WHERE name = ?`, name)
		}
		return change(tx, "token", `DELETE FROM tokens WHERE name = ? AND shop_id = (SELECT id FROM shops WHERE domain = ?)`,
			name, shop)
	})
}
