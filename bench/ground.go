package bench

import (
	"context"
	"errors"

	"bellhop/internal/results"
)

// ground is what one measurement stands on.
type ground struct {
	dir    string
	env    []string
	remove func(context.Context) error
}

func (c *comparing) fresh(ctx context.Context, m results.Mode) (g ground, err error) {
	if g.dir, err = c.copyOf(c.data.empty); err != nil {
		return g, err
	}
	removes := []func(context.Context) error{func(context.Context) error { c.discard(g.dir); return nil }}
	g.remove = func(ctx context.Context) (err error) {
		for _, remove := range removes {
			err = errors.Join(err, remove(ctx))
		}
		return err
	}
	if c.place.postgres != "" {
		database, err := c.newDatabase(ctx, c.postgres.base)
		if err != nil {
			return g, err
		}
		removes = append(removes, func(ctx context.Context) error { return c.dropDatabases(ctx, database) })
		g.env = append(g.env, c.databaseSetting(database))
	}
	switch {
	case m == results.Inline: // has none
	case c.place.rabbitMQ != "":
		queue, setting, err := c.newRabbitQueue(ctx)
		if err != nil {
			return g, err
		}
		removes = append(removes, func(ctx context.Context) error { return c.removeRabbitQueue(ctx, queue) })
		g.env = append(g.env, setting)
	case c.place.sqs != "":
		q, err := c.newQueue(ctx)
		if err != nil {
			return g, err
		}
		removes = append(removes, func(ctx context.Context) error { return c.removeQueue(ctx, q) })
		g.env = append(g.env, q.setting)
	case c.place.queue == "postgres":
		g.env = append(g.env, "BELLHOP_QUEUE=postgres:")
	}
	return g, nil
}
