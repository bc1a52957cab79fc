package bench

import (
	"context"
	"path/filepath"
)

// queueKeys are the figures of one place for the queue.
type queueKeys struct{ accepted, p99, recorded string }

// measurePostgresQueue accepts webhooks into a queue in Postgres and records them:
// once into the same database, once into an SQLite file.
func (b *bench) measurePostgresQueue(ctx context.Context) error {
	alone, err := b.likeBase(ctx)
	if err != nil {
		return err
	}
	env := []string{b.databaseSetting(alone), "BELLHOP_QUEUE=postgres:"}
	err = b.queueInPostgres(ctx, filepath.Join(b.dir, "unused"), env,
		queueKeys{keyPgAloneRate, keyPgAloneP99, keyPgAloneRecorded})
	if err != nil {
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
	defer b.discard(dir)
	env = []string{"BELLHOP_QUEUE=" + b.databaseURL(beside)}
	err = b.queueInPostgres(ctx, dir, env, queueKeys{keyPgQueueRate, keyPgQueueP99, keyPgQueueRecorded})
	if err != nil {
		return err
	}
	return b.dropDatabases(ctx, alone, beside)
}

func (b *bench) queueInPostgres(ctx context.Context, dir string, env []string, keys queueKeys) error {
	if err := b.acceptStored(ctx, dir, env, &keys); err != nil {
		return err
	}
	rate, err := b.recordQueued(ctx, dir, env, "")
	if err != nil {
		return err
	}
	b.add(keys.recorded, rate)
	return nil
}

// acceptStored makes bellhop accept as many webhooks as a worker will record. keys
// may be nil.
func (b *bench) acceptStored(ctx context.Context, dir string, env []string, keys *queueKeys) error {
	w, err := b.webhooks([]string{mainShop}, 0)
	if err != nil {
		return err
	}
	s, err := b.serve(ctx, dir, env, "--no-worker")
	if err != nil {
		return err
	}
	defer s.kill()
	tally, err := Load{Target: s.addr, Requests: w.For, Connections: b.Connections, Count: int64(b.Stored)}.Run(ctx)
	if err != nil {
		return err
	}
	b.expectNone("queueing for a worker", tally)
	if keys != nil {
		b.add(keys.accepted, float64(tally.OK())/tally.Ended.Sub(tally.Began).Seconds())
		b.ms(keys.p99, tally.Latency.At(99))
	}
	return s.stop()
}
