package bench

import (
	"context"
	"crypto/sha256"
	"fmt"
	"net/url"
	"path/filepath"
	"time"

	"github.com/jackc/pgx/v5"
)

// postgresData is the start of measurements on Postgres: a database with
// shops with one device each, and a folder whose queue holds webhooks for one.
type postgresData struct {
	base string // name of the database
	dir  string
}

// preparePostgres makes it, with bellhop's own commands and API.
func (b *bench) preparePostgres(ctx context.Context) (err error) {
	b.postgres = &postgresData{dir: filepath.Join(b.dir, "queued")}
	if b.postgres.base, err = b.newDatabase(ctx, "template0"); err != nil {
		return err
	}
	env := []string{b.databaseSetting(b.postgres.base), "BELLHOP_DIR=" + b.postgres.dir}
	if err := b.setUp(ctx, env, b.postgresShops(), nil); err != nil {
		return err
	}
	return b.fillQueue(ctx, env)
}

func (b *bench) postgresShops() []string { return append(b.cloudShops(), mainShop) }

// fillQueue adds devices, and webhooks that nobody records.
func (b *bench) fillQueue(ctx context.Context, env []string) error {
	s, err := b.serve(ctx, b.postgres.dir, env, "--no-worker")
	if err != nil {
		return err
	}
	defer s.kill()
	if err := b.addDevicesTo(ctx, s, env, b.postgresShops(), 1); err != nil {
		return err
	}
	if err := b.accept(ctx, s, []string{mainShop}, b.Stored); err != nil {
		return err
	}
	return s.stop()
}

// measurePostgres makes a worker record the whole queue into a database of its own,
// and then inserts the very same rows into another one like it.
func (b *bench) measurePostgres(ctx context.Context) error {
	recorded, err := b.likeBase(ctx)
	if err != nil {
		return err
	}
	rate, err := b.recordInto(ctx, recorded)
	if err != nil {
		return err
	}
	bare, err := b.newDatabase(ctx, b.postgres.base)
	if err != nil {
		return err
	}
	bareTook, err := b.insertBare(ctx, recorded, bare)
	if err != nil {
		return err
	}
	bareRate := float64(b.Stored) / bareTook.Seconds()
	b.add(keyPostgresRate, rate)
	b.add(keyPostgresBareRate, bareRate)
	b.add(keyPostgresRatio, rate/bareRate)
	return b.dropDatabases(ctx, recorded, bare)
}

// likeBase makes a database like the one that all begin with.
func (b *bench) likeBase(ctx context.Context) (name string, err error) {
	if b.postgres == nil {
		if err := b.preparePostgres(ctx); err != nil {
			return "", err
		}
	}
	return b.newDatabase(ctx, b.postgres.base)
}

// recordInto returns how many webhooks a second a worker records into
// a database.
func (b *bench) recordInto(ctx context.Context, database string) (rate float64, err error) {
	dir, err := b.copyOf(b.postgres.dir)
	if err != nil {
		return 0, err
	}
	defer b.discard(dir)
	return b.recordQueued(ctx, dir, []string{b.databaseSetting(database)}, keyPostgresCPU)
}

// recordQueued returns how many queued webhooks a second a worker records, from its
// first answer until nothing is queued.
func (b *bench) recordQueued(ctx context.Context, dir string, env []string, cpu string) (rate float64, err error) {
	if b.Postgres != "" {
		if err := b.administer(ctx, "CHECKPOINT"); err != nil {
			return 0, err
		}
	}
	s, err := b.work(ctx, dir, env, "--steps", "record")
	if err != nil {
		return 0, err
	}
	defer s.kill()
	before, err := s.metrics(ctx, seriesRecorded)
	if err != nil {
		return 0, s.trouble(err)
	}
	began := time.Now()
	recorded, err := s.drained(ctx)
	if err != nil {
		return 0, err
	}
	took := time.Since(began)
	if cpu != "" {
		b.noteCPU(cpu, s.child, usage{}, recorded)
	}
	if recorded != int64(b.Stored) {
		b.problem("recording what was queued: %d webhooks were acknowledged and %d recorded", b.Stored, recorded)
	}
	return (float64(recorded) - before[seriesRecorded]) / took.Seconds(), s.stop()
}

// databaseURL is [Options.Postgres] with another database.
func (b *bench) databaseURL(name string) string {
	u, err := url.Parse(b.Postgres)
	if err != nil {
		panic(err) // it has been checked
	}
	u.Path = "/" + name
	return u.String()
}

func (b *bench) databaseSetting(name string) string { return "BELLHOP_DB=" + b.databaseURL(name) }

// newDatabase makes a database like another one that nobody is connected to.
func (b *bench) newDatabase(ctx context.Context, like string) (name string, err error) {
	b.databases++
	name = b.databaseName(b.databases)
	return name, b.administer(ctx, "CREATE DATABASE "+name+" TEMPLATE "+like)
}

// databaseName is one that nobody else has.
func (b *bench) databaseName(nr int) string {
	sum := sha256.Sum256([]byte(b.dir))
	return fmt.Sprintf("bench_%x_%d", sum[:6], nr)
}

func (b *bench) dropDatabases(ctx context.Context, names ...string) error {
	for _, name := range names {
		if err := b.administer(ctx, "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)"); err != nil {
			return err
		}
	}
	return nil
}

// administer runs a statement in the user's database.
func (b *bench) administer(ctx context.Context, statement string) error {
	return b.connected(ctx, b.Postgres, func(c *pgx.Conn) error {
		_, err := c.Exec(ctx, statement)
		return err
	})
}

func (b *bench) connected(ctx context.Context, address string, fn func(*pgx.Conn) error) error {
	c, err := pgx.Connect(ctx, address)
	if err != nil {
		return fmt.Errorf("connect to Postgres: %w", err)
	}
	defer c.Close(ctx)
	return fn(c)
}

// tidy drops all databases of the run, also of one that broke off.
func (b *bench) tidy() error {
	ctx, cancel := context.WithTimeout(context.Background(), drainTime)
	defer cancel()
	var names []string
	for i := range b.databases {
		names = append(names, b.databaseName(i+1))
	}
	return b.dropDatabases(ctx, names...)
}
