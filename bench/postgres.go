package bench

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/jackc/pgx/v5"
)

// measurePostgres makes a worker record the whole queue into a database of its own,
// and then inserts the very same rows into another one like it.
func (b *bench) measurePostgres(ctx context.Context) error {
	recorded, err := b.likeBase(ctx)
	if err != nil {
		return err
	}
	dir, err := b.copyOf(b.postgres.dir)
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	rate, err := b.recordStored(ctx, dir, b.databaseEnv(recorded), "postgres_recorded_per_second", "postgres_recorded_cpu")
	if err != nil {
		return err
	}
	bare, err := b.newDatabase(ctx, b.postgres.database)
	if err != nil {
		return err
	}
	bareTook, err := b.insertBare(ctx, recorded, bare)
	if err != nil {
		return err
	}
	bareRate := float64(b.Stored) / bareTook.Seconds()
	b.add("postgres_bare_per_second", bareRate)
	b.add("postgres_recorded_ratio", rate/bareRate)
	return b.dropDatabases(ctx, recorded, bare)
}

// likeBase makes a database like the one that all begin with: shops with one device
// each. Its folder's queue holds webhooks for one of them.
func (b *bench) likeBase(ctx context.Context) (name string, err error) {
	if b.postgres == nil {
		begin := base{dir: filepath.Join(b.dir, "queued"), shops: shopsWith(1, append(b.cloudShops(), mainShop)...)}
		if begin.database, err = b.newDatabase(ctx, "template0"); err != nil {
			return "", err
		}
		queue := func(s *server) error { return b.accept(ctx, s, []string{mainShop}, b.Stored) }
		if err := b.fill(ctx, begin, queue, "--no-worker"); err != nil {
			return "", err
		}
		b.postgres = &begin
	}
	return b.newDatabase(ctx, b.postgres.database)
}

// recordStored makes a worker record the webhooks of one measurement, and adds how many
// a second.
func (b *bench) recordStored(ctx context.Context, dir string, env []string, key, cpu string) (rate float64, err error) {
	recorded, rate, err := b.recordQueued(ctx, dir, env, cpu)
	if err != nil {
		return 0, err
	}
	if recorded != int64(b.Stored) {
		b.problem("recording what was queued: %d webhooks were acknowledged and %d recorded", b.Stored, recorded)
	}
	b.add(key, rate)
	return rate, nil
}

// recordQueued makes a worker record the whole queue. It returns how many there were,
// and how many a second from the worker's first answer until nothing is queued.
func (b *bench) recordQueued(ctx context.Context, dir string, env []string,
	cpu string) (recorded int64, rate float64, err error) {
	if b.Postgres != "" {
		if err := b.administer(ctx, "CHECKPOINT"); err != nil {
			return 0, 0, err
		}
	}
	s, err := b.work(ctx, dir, env)
	if err != nil {
		return 0, 0, err
	}
	err = s.during(func(s *server) error {
		before, err := s.metrics(ctx, seriesRecorded)
		if err != nil {
			return s.trouble(err)
		}
		began := time.Now()
		if recorded, err = s.drained(ctx); err != nil {
			return err
		}
		rate = (float64(recorded) - before[seriesRecorded]) / time.Since(began).Seconds()
		if cpu != "" {
			b.noteCPU(cpu, s.child, usage{}, recorded)
		}
		return nil
	})
	return recorded, rate, err
}

// measurePostgresQueue accepts webhooks into a queue in Postgres and records them:
// once into the same database, once into an SQLite file.
func (b *bench) measurePostgresQueue(ctx context.Context) error {
	alone, err := b.likeBase(ctx)
	if err != nil {
		return err
	}
	env := append(b.databaseEnv(alone), "BELLHOP_QUEUE=postgres:")
	if err := b.queueInPostgres(ctx, filepath.Join(b.dir, "unused"), env, "postgres_alone"); err != nil {
		return err
	}
	beside, err := b.newDatabase(ctx, "template0")
	if err != nil {
		return err
	}
	dir, err := b.copyOf(b.data.empty)
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	err = b.queueInPostgres(ctx, dir, []string{"BELLHOP_QUEUE=" + b.databaseURL(beside)}, "postgres_queue")
	if err != nil {
		return err
	}
	return b.dropDatabases(ctx, alone, beside)
}

func (b *bench) queueInPostgres(ctx context.Context, dir string, env []string, prefix string) error {
	tally, err := b.queueAndRecord(ctx, dir, env, prefix)
	if err == nil {
		b.add(prefix+"_accepted_per_second", float64(tally.OK())/tally.Ended.Sub(tally.Began).Seconds())
		b.ms(prefix+"_accepted_p99", tally.Latency.At(99))
	}
	return err
}

// queueAndRecord accepts as many webhooks as a worker then records. prefix is that of
// the figures' keys.
func (b *bench) queueAndRecord(ctx context.Context, dir string, env []string,
	prefix string) (accepted *Tally, err error) {
	err = b.running(ctx, dir, env, func(s *server) error {
		accepted, err = b.send(ctx, s, []string{mainShop}, b.Stored)
		return err
	}, "--no-worker")
	if err != nil {
		return nil, err
	}
	b.expectNone("queueing for a worker", accepted)
	_, err = b.recordStored(ctx, dir, env, prefix+"_recorded_per_second", "")
	return accepted, err
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

// aKey seals nothing here, and a server on Postgres wants one: that of the database that others are copies of.
const aKey = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

// databaseEnv are the settings of a database; none without a name.
func (b *bench) databaseEnv(name string) []string {
	if name == "" {
		return nil
	}
	return []string{"BELLHOP_DB=" + b.databaseURL(name), "BELLHOP_KEY=" + aKey}
}

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

// tidy removes all data of the run, also of one that broke off.
func (b *bench) tidy() error {
	ctx, cancel := context.WithTimeout(context.Background(), drainTime)
	defer cancel()
	var names []string
	for i := range b.databases {
		names = append(names, b.databaseName(i+1))
	}
	return errors.Join(b.dropDatabases(ctx, names...), os.RemoveAll(b.dir))
}
