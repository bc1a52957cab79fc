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

// Tokens implements [store.Tokens].
func (db *DB) Tokens(ctx context.Context, shop string) ([]bellhop.Token, error) {
	return list(ctx, db.api, "list tokens", rows.Token,
		`SELECT `+rows.TokenColumns+` FROM shops s JOIN tokens t ON t.shop_id = s.id WHERE s.domain = $1
			ORDER BY t.name COLLATE "C"`, shop)
}

// Token implements [store.Tokens]. It writes the last use once a minute.
func (db *DB) Token(ctx context.Context, hash [32]byte, now time.Time) (bellhop.Token, error) {
	t, err := only(ctx, db.api, "token", rows.Token,
		`SELECT `+rows.TokenColumns+` FROM tokens t JOIN shops s ON s.id = t.shop_id WHERE t.hash = $1`, hash[:])
	if err != nil || now.Sub(t.LastUsedAt) < time.Minute {
		return t, err
	}
	err = db.api.Once(ctx, func(b *postgres.Batch) {
		b.Exec(`UPDATE tokens SET last_used_at = $2 WHERE id = $1`, t.ID, postgres.Always(now))
	})
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
	return once(ctx, db.api, "token", "remove a token",
		`DELETE FROM tokens WHERE name = $2 AND shop_id = (SELECT id FROM shops WHERE domain = $1)`, shop, name)
}
