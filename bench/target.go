package bench

import (
	"context"
	"errors"
	"os"

	"bellhop/internal/results"
)

// target is one measurement's own copy of a base, and its queue.
type target struct {
	dir    string
	env    []string
	remove func(context.Context) error
}

// copyBase copies a base; remove is there even when it fails.
func (b *bench) copyBase(ctx context.Context, begin base) (t target, err error) {
	t.dir, err = b.copyOf(begin.dir)
	t.remove = func(context.Context) error { return os.RemoveAll(t.dir) }
	if err != nil || begin.database == "" {
		return t, err
	}
	database, err := b.newDatabase(ctx, begin.database)
	t.env = b.databaseEnv(database)
	t.also(func(ctx context.Context) error { return b.dropDatabases(ctx, database) })
	return t, err
}

// also adds something to remove.
func (t *target) also(remove func(context.Context) error) {
	before := t.remove
	t.remove = func(ctx context.Context) error { return errors.Join(remove(ctx), before(ctx)) }
}

func (c *comparing) newTarget(ctx context.Context, m results.Mode) (t target, err error) {
	if t, err = c.copyBase(ctx, c.base); err != nil || m != results.Queued {
		return t, err
	}
	setting := c.rabbitSetting
	switch {
	case c.backends.sqs != "":
		setting = c.sqsSetting
	case c.backends.queue == "postgres":
		t.env = append(t.env, "BELLHOP_QUEUE=postgres:")
		return t, nil
	case c.backends.rabbitMQ == "":
		return t, nil
	}
	q, err := c.newQueue(ctx, setting)
	t.env = append(t.env, q.setting)
	t.also(func(ctx context.Context) error { return c.removeQueue(ctx, q) })
	return t, err
}
