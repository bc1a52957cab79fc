//go:build !nopostgres

package wire

import (
	"cmp"
	"context"
	"errors"
	"net/url"
	"slices"
	"time"

	"bellhop"
	"bellhop/internal/postgres"
	"bellhop/queue"
	"bellhop/queue/pgqueue"
	"bellhop/store"
	"bellhop/store/pgstore"
)

// LoginRefused reports whether a database refused the login.
func LoginRefused(err error) bool { return postgres.LoginRefused(err) }

// GrantLogin lets a role use the database that BELLHOP_DB names, but not change its schema: see [postgres.Grant].
func (s *Storage) GrantLogin(ctx context.Context, role, password string) error {
	return withSetting("BELLHOP_DB", postgres.Grant(ctx, s.DB, role, password))
}

// Analyze gathers the statistics of the database that BELLHOP_DB names anew: see [postgres.Analyze].
func (s *Storage) Analyze(ctx context.Context) error {
	return withSetting("BELLHOP_DB", postgres.Analyze(ctx, s.DB))
}

// postgresDBs connects to each database once, for the store, the queue or both.
type postgresDBs struct {
	opts  Options
	byURL map[string]*postgresDB
	order []*postgresDB
}

func postgresOf(d *drivers) *postgresDBs {
	return shared(d, func() *postgresDBs { return &postgresDBs{opts: d.opts, byURL: map[string]*postgresDB{}} })
}

// want returns the database of a URL, and adds a schema to it.
func (p *postgresDBs) want(setting, url string, schema postgres.Schema) *postgresDB {
	db := p.byURL[url]
	if db == nil {
		db = &postgresDB{setting: setting, existing: p.opts.Existing, opts: postgres.Options{URL: url, Log: p.opts.Log,
			Now: p.opts.Now}}
		p.byURL[url] = db
		p.order = append(p.order, db)
	}
	db.schemas = append(db.schemas, schema)
	return db
}

func (p *postgresDBs) examine(ctx context.Context) (found []Finding, there bool) {
	return examineAll(ctx, p.order)
}

// healthy returns nil: Postgres keeps what it acknowledges.
func (p *postgresDBs) healthy() error { return nil }

// quickCheck only pings: Postgres's own tools read everything while others work.
func (p *postgresDBs) quickCheck(ctx context.Context) error {
	return firstOf(slices.Values(p.order), func(db *postgresDB) error {
		if db.pools == nil {
			return nil
		}
		return db.pools.Ping(ctx)
	})
}

// Close hangs up.
func (p *postgresDBs) Close() error {
	for _, db := range p.order {
		if db.pools != nil {
			db.pools.Close()
		}
	}
	return nil
}

// postgresDB is one database with its schemas.
type postgresDB struct {
	setting string // that names it
	opts    postgres.Options
	schemas []postgres.Schema
	pools   *postgres.Pools // nil until get

	existing bool // refuse a missing one
}

func (p *postgresDB) migrate(ctx context.Context) (int, error) {
	n, err := postgres.Migrate(ctx, p.opts.URL, p.schemas...)
	return n, withSetting(p.setting, err)
}

// get connects, and makes missing tables.
func (p *postgresDB) get(ctx context.Context) (*postgres.Pools, error) {
	if p.pools != nil {
		return p.pools, nil
	}
	pools, err := postgres.Open(ctx, p.opts)
	if err != nil {
		return nil, withSetting(p.setting, err)
	}
	missing, err := p.missing(ctx, pools)
	if bellhop.KindOf(err) == bellhop.Conflict {
		p.opts.Log.Info("the database has another version's schema: waiting for a migration, if one is under way")
		if err = pools.Await(ctx); err == nil {
			missing, err = p.missing(ctx, pools)
		}
	}
	if err == nil && missing {
		err = p.make(ctx)
	}
	if err != nil {
		pools.Close()
		return nil, err
	}
	p.pools = pools
	return pools, nil
}

func (p *postgresDB) make(ctx context.Context) error {
	if p.existing {
		return withSetting(p.setting, bellhop.Errorf(bellhop.NotFound, "no_database",
			"this database has no tables of bellhop: name another one, or run bellhop migrate"))
	}
	_, err := p.migrate(ctx)
	return err
}

// missing reports whether a schema is missing; the others must be up to date.
func (p *postgresDB) missing(ctx context.Context, pools *postgres.Pools) (missing bool, err error) {
	for _, s := range p.schemas {
		switch err := postgres.Check(ctx, pools, s); {
		case errors.Is(err, postgres.ErrNoSchema):
			missing = true
		case err != nil:
			return false, err
		}
	}
	return missing, nil
}

func (p *postgresDB) examine(ctx context.Context) (found []Finding, there bool) {
	part := "database"
	if p.setting == "BELLHOP_QUEUE" {
		part = "queue's database"
	}
	pools, err := postgres.Open(ctx, p.opts)
	if err != nil {
		return []Finding{Fail(part, err.Error(), "correct "+p.setting+", or start the database")}, false
	}
	defer pools.Close()
	found = append(found, OK(part, "PostgreSQL answers"))
	switch missing, err := p.missing(ctx, pools); {
	case err != nil:
		return append(found, Fail("schema", err.Error(), "run bellhop migrate, with the newest bellhop")), false
	case missing:
		return append(found, Warn("schema", "there is none yet",
			"start bellhop serve, or run bellhop migrate: both make it")), false
	}
	found = append(found, OK("schema", "of the "+part+": up to date"))
	if err := pools.Writable(ctx, pools.API, p.schemas[0]); err != nil {
		return append(found, Fail(part, err.Error(), "name the primary in "+p.setting+
			", or every host with commas between; see that its disk has room")), true
	}
	return append(found, OK(part, "takes changes")), true
}

type storeInPostgres struct{ *postgresDB }

func postgresStore(d *drivers) (storeDriver, error) {
	return storeInPostgres{postgresOf(d).want("BELLHOP_DB", d.DB, pgstore.Schema())}, nil
}

func (s storeInPostgres) open(ctx context.Context) (store.Store, error) {
	pools, err := s.get(ctx)
	if err != nil {
		return nil, err
	}
	return pgstore.New(pools), nil
}

func (storeInPostgres) file() string { return "" }

// loops is three: while the database works at one batch, the others decode and merge.
// One loop recorded two thirds as much, four no more.
func (storeInPostgres) loops() int { return 3 }

type queueInPostgres struct {
	*postgresDB
	address   string // without the queue's name, and without a password
	queue     string
	sendLimit time.Duration
}

func postgresQueue(d *drivers, u *url.URL) (queueDriver, error) {
	query := u.Query()
	name := cmp.Or(query.Get("queue"), queue.DefaultName)
	query.Del("queue")
	if inStoresDatabase(d.Queue) {
		if u.Opaque != "" || u.Path != "" || len(query) > 0 {
			return nil, WrongSetting("BELLHOP_QUEUE", "it is not the address of a queue in PostgreSQL", queueAccepted)
		}
		if !inPostgres(d.DB) {
			return nil, WrongSetting("BELLHOP_QUEUE",
				"postgres: is a queue in BELLHOP_DB's own database, which is not PostgreSQL",
				"give postgres://USER:PASSWORD@HOST/DATABASE, or such a BELLHOP_DB")
		}
		return queueInPostgres{postgresOf(d).want("BELLHOP_DB", d.DB, pgqueue.Schema()), "postgres:", name, d.opts.SendLimit},
			nil
	}
	u.RawQuery = query.Encode()
	db := postgresOf(d).want("BELLHOP_QUEUE", u.String(), pgqueue.Schema())
	if u.User != nil {
		u.User = url.User(u.User.Username())
	}
	return queueInPostgres{db, u.String(), name, d.opts.SendLimit}, nil
}

func (d queueInPostgres) open(ctx context.Context) (queue.Broker, string, error) {
	pools, err := d.get(ctx)
	if err != nil {
		return nil, "", err
	}
	b := pgqueue.NewBroker(pools, pgqueue.Options{Address: d.address, SendLimit: d.sendLimit})
	return b, d.queue, createDefault(ctx, b, d.queue)
}
