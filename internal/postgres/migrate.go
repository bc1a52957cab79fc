package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/database"

	"bellhop"
)

// Schema is one set of migrations. Each driver numbers its own, so that a database may hold the
// store, the queue or both.
//
// A migration runs while the previous version serves. So it only adds, a later one drops the
// unused, and it begins with a lock_timeout, so that queries behind it wait seconds at most.
type Schema struct {
	Name string // lower case; part of a table's name
	FS   fs.FS  // goose's SQL files, in its folder migrations
	// Oldest is the oldest version whose program can work with the newest one, and so may start on it: after a
	// rollback, or a restart in the midst of an upgrade. Whoever adds a migration that older programs can't bear
	// raises it.
	Oldest int64
}

// migrationPatience bounds the wait for somebody else's migration.
const migrationPatience = time.Minute

// lockPatience is how often a migration tries again that found the tables in use.
const lockPatience = 5

// Migrate brings the schemas in the database up to date, and returns how many
// migrations it applied. Several at once are fine: they take turns.
func Migrate(ctx context.Context, url string, schemas ...Schema) (applied int, err error) {
	cfg, err := parsePool(url)
	if err != nil {
		return 0, err
	}
	unlock, err := lock(ctx, cfg.ConnConfig)
	if err != nil {
		return 0, err
	}
	defer unlock()
	for _, s := range schemas {
		n, err := migrate(ctx, cfg.ConnConfig, s)
		applied += n
		if err != nil {
			return applied, err
		}
	}
	return applied, nil
}

// lock keeps other migrations out until unlock is called. An open transaction holds it: through
// PgBouncer in transaction mode a session's lock would belong to the session's next user. goose's
// own lockers are of that kind, or poll a table.
func lock(ctx context.Context, cfg *pgx.ConnConfig) (unlock func(), err error) {
	conn, err := pgx.ConnectConfig(ctx, cfg.Copy())
	if err != nil {
		return nil, diagnose(cfg, err)
	}
	unlock = func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), pingWait)
		defer cancel()
		conn.Exec(ctx, `ROLLBACK`) // closing does the same, later
		conn.Close(ctx)
	}
	var b Batch
	b.Exec(`BEGIN`)
	b.Exec(`SELECT set_config('idle_in_transaction_session_timeout', '0', true),
		set_config('statement_timeout', '0', true), set_config('lock_timeout', '0', true)`)
	b.Exec(`SELECT pg_advisory_xact_lock(hashtext('bellhop migrate'))`)
	if err := conn.SendBatch(ctx, &b.batch).Close(); err != nil {
		unlock()
		return nil, fmt.Errorf("wait for other migrations: %w", explain(err))
	}
	return unlock, nil
}

func migrate(ctx context.Context, cfg *pgx.ConnConfig, s Schema) (applied int, err error) {
	cfg = cfg.Copy()
	cfg.DefaultQueryExecMode = pgx.QueryExecModeExec
	db := stdlib.OpenDB(*cfg)
	defer db.Close()
	p, err := s.provider(db)
	if err != nil {
		return 0, fmt.Errorf("prepare migrations of %s: %w", s.Name, err)
	}
	at, err := p.GetDBVersion(ctx)
	if err != nil {
		return 0, fmt.Errorf("read the version of %s: %w", s.Name, explain(err))
	}
	oldest, err := keepOldest(ctx, db, s)
	if err != nil {
		return 0, fmt.Errorf("read the oldest version for %s: %w", s.Name, explain(err))
	}
	if known := s.latest(); at > known {
		return 0, newer(s, at, known, oldest)
	}
	for try := 1; ; try++ {
		done, err := p.Up(ctx)
		applied += len(done)
		if err == nil {
			return applied, nil
		}
		if codeOf(err) != codeLockTimeout || try == lockPatience {
			return applied, fmt.Errorf("migrate %s: %w", s.Name, explain(err))
		}
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return applied, ctx.Err()
		}
	}
}

// keepOldest keeps s.Oldest in the database before the migrations that need it, and returns what the database
// keeps: more if a newer program migrated it. Where there is nothing to do, a role that can't make tables does it.
func keepOldest(ctx context.Context, db *sql.DB, s Schema) (oldest int64, err error) {
	there := false
	if err = db.QueryRowContext(ctx, `SELECT to_regclass($1) IS NOT NULL`, oldestTable).Scan(&there); err != nil {
		return 0, err
	}
	if there {
		err = db.QueryRowContext(ctx, selectOldest, s.Name).Scan(&oldest)
		if err != nil || oldest >= s.Oldest {
			return oldest, err
		}
	}
	_, err = db.ExecContext(ctx, `CREATE TABLE IF NOT EXISTS `+oldestTable+
		` (schema text PRIMARY KEY, version bigint NOT NULL)`)
	if err != nil {
		return 0, err
	}
	_, err = db.ExecContext(ctx, `INSERT INTO `+oldestTable+` (schema, version) VALUES ($1, $2)
		ON CONFLICT (schema) DO UPDATE SET version = excluded.version`, s.Name, s.Oldest)
	return s.Oldest, err
}

func (s Schema) provider(db *sql.DB) (*goose.Provider, error) {
	versions, err := database.NewStore(database.DialectPostgres, table(s))
	if err != nil {
		return nil, err
	}
	files, err := fs.Sub(s.FS, "migrations")
	if err != nil {
		return nil, err
	}
	return goose.NewProvider("", db, files, goose.WithStore(versions))
}

func table(s Schema) string { return "schema_" + s.Name }

// oldestTable keeps the Oldest of each schema.
const (
	oldestTable  = "oldest_versions"
	selectOldest = `SELECT coalesce(max(version), 0) FROM ` + oldestTable + ` WHERE schema = $1`
)

// latest returns the number of the newest migration, with which its file's name
// begins.
func (s Schema) latest() (latest int64) {
	files, err := fs.Glob(s.FS, "migrations/*.sql")
	if err != nil {
		panic(err) // the pattern is right or nothing works
	}
	for _, f := range files {
		number, _, _ := strings.Cut(path.Base(f), "_")
		if n, err := strconv.ParseInt(number, 10, 64); err == nil {
			latest = max(latest, n)
		}
	}
	return latest
}

// Await returns once nobody migrates the database.
func (p *Pools) Await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, migrationPatience)
	defer cancel()
	unlock, err := lock(ctx, p.config)
	if err == nil {
		unlock()
	}
	return err
}

// ErrNoSchema says that the database holds none of the schemas yet.
var ErrNoSchema = errors.New("the database has no tables of bellhop yet: run bellhop migrate")

// Check returns nil when this program can work with the schemas in the database, [ErrNoSchema] when
// none is there, and otherwise an error that names the command to run.
func Check(ctx context.Context, p *Pools, schemas ...Schema) error {
	older, none := false, true
	for _, s := range schemas {
		at, err := p.version(ctx, s)
		if err != nil {
			return fmt.Errorf("read the version of %s: %w", s.Name, err)
		}
		known := s.latest()
		if at > known {
			oldest, err := p.number(ctx, oldestTable, selectOldest, s.Name)
			if err != nil {
				return fmt.Errorf("read the oldest version for %s: %w", s.Name, err)
			}
			if err := newer(s, at, known, oldest); err != nil {
				return err
			}
		}
		older = older || at < known
		none = none && at == 0
	}
	switch {
	case none:
		return ErrNoSchema
	case older:
		return bellhop.Errorf(bellhop.Conflict, "schema_older",
			"the database is older than this bellhop: run bellhop migrate")
	}
	return nil
}

// version returns 0 for a schema that is not there.
func (p *Pools) version(ctx context.Context, s Schema) (int64, error) {
	return p.number(ctx, table(s), `SELECT max(version_id) FROM `+table(s)+` WHERE is_applied`)
}

// number returns the result of a query, and 0 where its table is missing.
func (p *Pools) number(ctx context.Context, table, query string, args ...any) (n int64, err error) {
	there := false
	err = p.Worker.Read(ctx, func(b *Batch) {
		b.Each(func(r pgx.Rows) error { return r.Scan(&there) }, `SELECT to_regclass($1) IS NOT NULL`, table)
	})
	if err != nil || !there {
		return 0, err
	}
	err = p.Worker.Read(ctx, func(b *Batch) {
		b.Each(func(r pgx.Rows) error { return r.Scan(IntTo(&n)) }, query, args...)
	})
	return n, err
}

// newer returns nil when this program can work with a newer schema. A database that keeps no oldest version is from
// before there was one.
func newer(s Schema, at, known, oldest int64) error {
	if 0 < oldest && oldest <= known {
		return nil
	}
	return bellhop.Errorf(bellhop.Conflict, "schema_newer",
		"the database is newer than this bellhop can work with (%s schema %d, known up to %d): run the bellhop that "+
			"migrated it, or a later one", s.Name, at, known)
}
