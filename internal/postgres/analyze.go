package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// Analyze gathers the planner's statistics of all tables anew. An upgrade of the server to another major version drops
// them, and queries may be slow without.
func Analyze(ctx context.Context, url string) error {
	conn, err := connect(ctx, url)
	if err != nil {
		return err
	}
	defer hangUp(ctx, conn)
	if _, err := conn.Exec(ctx, `ANALYZE`); err != nil {
		return fmt.Errorf("analyze the tables: %w", explain(err))
	}
	return nil
}

func connect(ctx context.Context, url string) (*pgx.Conn, error) {
	cfg, err := parsePool(url)
	if err != nil {
		return nil, err
	}
	conn, err := pgx.ConnectConfig(ctx, cfg.ConnConfig)
	if err != nil {
		return nil, diagnose(cfg.ConnConfig, err)
	}
	return conn, nil
}
