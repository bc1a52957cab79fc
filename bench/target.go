package bench

import (
	"context"
	"errors"

	"bellhop/internal/results"
)

// target is one measurement's own copy of the data, and its queues.
type target struct {
	dir    string
	env    []string
	remove func(context.Context) error
}

func (c *comparing) newTarget(ctx context.Context, m results.Mode) (t target, err error) {
	if t.dir, err = c.copyOf(c.data.empty); err != nil {
		return t, err
	}
	removes := []func(context.Context) error{func(context.Context) error { c.discard(t.dir); return nil }}
	t.remove = func(ctx context.Context) (err error) {
		for _, remove := range removes {
			err = errors.Join(err, remove(ctx))
		}
		return err
	}
	if c.backends.postgres != "" {
		database, err := c.newDatabase(ctx, c.postgres.base)
		if err != nil {
			return t, err
		}
		removes = append(removes, func(ctx context.Context) error { return c.dropDatabases(ctx, database) })
		t.env = append(t.env, c.databaseSetting(database))
	}
	switch {
	case m == results.Inline: // has none
	case c.backends.rabbitMQ != "":
		queue, setting, err := c.newRabbitQueue(ctx)
		if err != nil {
			return t, err
		}
		removes = append(removes, func(ctx context.Context) error { return c.removeRabbitQueue(ctx, queue) })
		t.env = append(t.env, setting)
	case c.backends.sqs != "":
		q, err := c.newQueue(ctx)
		if err != nil {
			return t, err
		}
		removes = append(removes, func(ctx context.Context) error { return c.removeQueue(ctx, q) })
		t.env = append(t.env, q.setting)
	case c.backends.queue == "postgres":
		t.env = append(t.env, "BELLHOP_QUEUE=postgres:")
	}
	return t, nil
}
