//go:build !nopostgres

package wire

import (
	"context"
	"errors"

	"bellhop/internal/postgres"
	"bellhop/store"
	"bellhop/store/pgstore"
)

// postgresDB is one database, with all that is kept in it.
type postgresDB struct {
	opts    postgres.Options
	schemas []postgres.Schema
	pools   *postgres.Pools // nil until somebody needs them
}

func postgresOf(d *drivers) *postgresDB {
	return shared(d, func() *postgresDB {
		return &postgresDB{opts: postgres.Options{URL: d.DB, Log: d.opts.Log, Now: d.opts.Now}}
	})
}

func (p *postgresDB) migrate(ctx context.Context) (int, error) {
	n, err := postgres.Migrate(ctx, p.opts.URL, p.schemas...)
	return n, inSetting("BELLHOP_DB", err)
}

// get connects, and makes the tables in a database that has none.
func (p *postgresDB) get(ctx context.Context) (*postgres.Pools, error) {
	if p.pools != nil {
		return p.pools, nil
	}
	pools, err := postgres.Open(ctx, p.opts)
	if err != nil {
		return nil, inSetting("BELLHOP_DB", err)
	}
	err = postgres.Check(ctx, pools, p.schemas...)
	if errors.Is(err, postgres.ErrNoSchema) {
		_, err = p.migrate(ctx)
	}
	if err != nil {
		pools.Close()
		return nil, err
	}
	p.pools = pools
	return pools, nil
}

func (p *postgresDB) examine(ctx context.Context) (found []Finding, there bool) {
	pools, err := postgres.Open(ctx, p.opts)
	if err != nil {
		return []Finding{Fail("database", err.Error(), "correct BELLHOP_DB, or start the database")}, false
	}
	defer pools.Close()
	found = append(found, OK("database", "PostgreSQL answers"))
	switch err := postgres.Check(ctx, pools, p.schemas...); {
	case errors.Is(err, postgres.ErrNoSchema):
		return append(found, Warn("schema", "there is none yet", "start bellhop serve, or run bellhop migrate: both make it")), false
	case err != nil:
		return append(found, Fail("schema", err.Error(), "run bellhop migrate, with the newest bellhop")), false
	}
	return append(found, OK("schema", "of the database: up to date")), true
}

// healthy has nothing to say: what Postgres acknowledges, it has kept.
func (p *postgresDB) healthy() error { return nil }

// quickCheck leaves the reading through to Postgres's own tools, which do it
// while others work.
func (p *postgresDB) quickCheck(ctx context.Context) error {
	if p.pools == nil {
		return nil
	}
	return p.pools.Ping(ctx)
}

func (p *postgresDB) close() error {
	if p.pools != nil {
		p.pools.Close()
	}
	return nil
}

type storeInPostgres struct{ *postgresDB }

func postgresStore(d *drivers) (storeDriver, error) {
	p := postgresOf(d)
	p.schemas = append(p.schemas, pgstore.Schema())
	return storeInPostgres{p}, nil
}

func (s storeInPostgres) open(ctx context.Context) (store.Store, error) {
	pools, err := s.get(ctx)
	if err != nil {
		return nil, err
	}
	return pgstore.New(pools), nil
}

// loops is three: while the database works at one batch, others are decoded and
// merged. One loop recorded two thirds as much, four no more.
func (storeInPostgres) loops() int { return 3 }
