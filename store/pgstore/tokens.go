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

// AddToken implements [store.Tokens].
func (db *DB) AddToken(ctx context.Context, t bellhop.Token) (bellhop.Token, error) {
	t, err := driver.CheckToken(t)
	if err != nil {
		return t, err
	}
	if t.Operator {
		return db.addOperatorToken(ctx, t)
	}
	var id, n int64
	err = db.api.Once(ctx, func(b *postgres.Batch) {
		value(b, &n, `SELECT count(*) FROM tokens t JOIN shops s ON s.id = t.shop_id WHERE s.domain = $1`, t.Shop)
		value(b, &id,
			`INSERT INTO tokens (shop_id, name, hash, created_at, last_used_at)
			SELECT id, $2, $3, $4, $5 FROM shops s WHERE domain = $1 AND (SELECT count(*) FROM tokens
			WHERE shop_id = s.id) < $6 RETURNING id`, t.Shop, t.Name, t.Hash[:], postgres.Always(t.CreatedAt),
			postgres.Time(t.LastUsedAt), store.MaxTokens)
	})
	if err = added(err, id, n, store.MaxTokens, "tokens"); err != nil {
		return bellhop.Token{}, wrap("add a token", taken("token", err))
	}
	t.ID = id
	return t, nil
}

func (db *DB) addOperatorToken(ctx context.Context, t bellhop.Token) (bellhop.Token, error) {
	var n int64
	err := db.api.Once(ctx, func(b *postgres.Batch) {
		b.Count(&n, `INSERT INTO operator_tokens (name, hash, created_at, last_used_at) SELECT $1, $2, $3, $4
			WHERE (SELECT count(*) FROM operator_tokens) < $5`, t.Name, t.Hash[:], postgres.Always(t.CreatedAt),
			postgres.Time(t.LastUsedAt), store.MaxTokens)
	})
	if err == nil && n == 0 {
		err = driver.TooMany("tokens", store.MaxTokens)
	}
	if err != nil {
		return bellhop.Token{}, wrap("add a token", taken("token", err))
	}
	return t, nil
}

const listOperatorTokens = `SELECT ` + rows.OperatorTokenColumns + ` FROM operator_tokens t ORDER BY t.name COLLATE "C"`

// Tokens implements [store.Tokens].
func (db *DB) Tokens(ctx context.Context, shop string) ([]bellhop.Token, error) {
	if shop == "" {
		return list(ctx, db.api, "list tokens", rows.Token, listOperatorTokens)
	}
	return list(ctx, db.api, "list tokens", rows.Token,
		`SELECT `+rows.TokenColumns+` FROM shops s JOIN tokens t ON t.shop_id = s.id WHERE s.domain = $1
			ORDER BY t.name COLLATE "C"`, shop)
}

// findToken finds a token of either kind.
const findToken = `SELECT ` + rows.TokenColumns + ` FROM tokens t JOIN shops s ON s.id = t.shop_id WHERE t.hash = $1
	UNION ALL SELECT ` + rows.OperatorTokenColumns + ` FROM operator_tokens t WHERE t.hash = $1`

// Token implements [store.Tokens]. It writes the last use once a minute.
func (db *DB) Token(ctx context.Context, hash [32]byte, now time.Time) (bellhop.Token, error) {
	t, err := only(ctx, db.api, "token", rows.Token, findToken, hash[:])
	if err != nil || now.Sub(t.LastUsedAt) < time.Minute {
		return t, err
	}
	use := `UPDATE tokens SET last_used_at = $2 WHERE hash = $1`
	if t.Operator {
		use = `UPDATE operator_tokens SET last_used_at = $2 WHERE hash = $1`
	}
	err = db.api.Once(ctx, func(b *postgres.Batch) { b.Exec(use, hash[:], postgres.Always(now)) })
	if err == nil {
		t.LastUsedAt = now.Truncate(time.Microsecond)
	}
	// Reading goes on while the database takes no changes.
	if ctx.Err() != nil || bellhop.KindOf(err) != bellhop.Unavailable {
		return t, wrap("save the last use of a token", err)
	}
	return t, nil
}

// RemoveToken implements [store.Tokens].
func (db *DB) RemoveToken(ctx context.Context, shop, name string) error {
	if shop == "" {
		return once(ctx, db.api, "token", "remove a token", `DELETE FROM operator_tokens WHERE name = $1`, name)
	}
	return once(ctx, db.api, "token", "remove a token",
		`DELETE FROM tokens WHERE name = $2 AND shop_id = (SELECT id FROM shops WHERE domain = $1)`, shop, name)
}
