package pgqueue

import (
	"cmp"
	"context"
	"errors"
	"net/url"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"bellhop/internal/bodies"
	"bellhop/internal/postgres"
	"bellhop/queue"
)

// Broker holds the queues of one database.
type Broker struct {
	pools          *postgres.Pools
	webhooks, api  *postgres.Pool
	worker, forced *postgres.Pool // forced waits for the disk

	address string
	limit   time.Duration
	bodies  archive
}

var _ queue.Broker = (*Broker)(nil)

// Options are the settings of a [Broker].
type Options struct {
	// Address is the default queue of this database for BELLHOP_QUEUE, without a
	// password.
	Address string
	// SendLimit bounds a Send; 800 ms unless given, so that a webhook's sender has
	// its answer within a second.
	SendLimit time.Duration
}

// NewBroker returns the queues of a database that was migrated to [Schema]. The
// caller closes the pools.
func NewBroker(p *postgres.Pools, o Options) *Broker {
	o.SendLimit = cmp.Or(o.SendLimit, sendLimit)
	return &Broker{pools: p, webhooks: p.Webhooks.Within(o.SendLimit * 7 / 8), api: p.API,
		worker: p.Worker.Unforced(), forced: p.Worker,
		address: o.Address, limit: o.SendLimit, bodies: archive{Packer: bodies.New()}}
}

// Create implements [queue.Broker].
func (b *Broker) Create(ctx context.Context, name string, a queue.Attributes) error {
	if err := errors.Join(queue.CheckName(name), a.Validate()); err != nil {
		return err
	}
	var made int64
	err := b.forced.Once(ctx, func(b *postgres.Batch) {
		b.Count(&made, `INSERT INTO queues (name, visibility_us, max_attempts) VALUES ($1,$2,$3)
			ON CONFLICT (name) DO NOTHING`, name, a.Visibility.Microseconds(), a.MaxAttempts)
	})
	if err != nil || made == 1 {
		return queue.Wrap("make the queue "+name, err)
	}
	id, err := b.find(ctx, name)
	if err != nil {
		return err
	}
	if has, err := b.attributes(ctx, id, name); err != nil || has == a {
		return err
	}
	return queue.Exists(name)
}

// Names implements [queue.Broker].
func (b *Broker) Names(ctx context.Context) (names []string, err error) {
	err = b.api.Read(ctx, func(b *postgres.Batch) {
		names = nil
		b.Each(into(&names, pgx.RowTo[string]), `SELECT name FROM queues ORDER BY name`)
	})
	return names, queue.Wrap("list the queues", err)
}

// URL implements [queue.Broker]. A password is not in it: it has to be added, or
// given by PGPASSWORD or a password file.
func (b *Broker) URL(ctx context.Context, name string) (string, error) {
	if _, err := b.find(ctx, name); err != nil || name == queue.DefaultName {
		return b.address, err
	}
	join := "?"
	if strings.Contains(b.address, "?") {
		join = "&"
	}
	return b.address + join + "queue=" + url.QueryEscape(name), nil
}

// Open implements [queue.Broker].
func (b *Broker) Open(ctx context.Context, name string) (queue.Queue, error) {
	id, err := b.find(ctx, name)
	if err != nil {
		return nil, err
	}
	return newQueue(b, id, name), nil
}

func (b *Broker) find(ctx context.Context, name string) (id int64, err error) {
	err = b.api.Read(ctx, func(b *postgres.Batch) {
		b.Each(func(r pgx.Rows) error { return r.Scan(&id) }, `SELECT id FROM queues WHERE name = $1`, name)
	})
	if err == nil && id == 0 {
		return 0, queue.NotFound(name)
	}
	return id, queue.Wrap("look for the queue "+name, err)
}

// Remove implements [queue.Broker].
func (b *Broker) Remove(ctx context.Context, name string) error {
	id, err := b.find(ctx, name)
	if err != nil {
		return err
	}
	err = b.forced.Once(ctx, func(b *postgres.Batch) {
		// From here on nobody sends into it.
		b.Exec(`DELETE FROM queues WHERE id = $1`, id)
		for _, table := range []string{"queue_waiting", "queue_retries", "queue_leases", "queue_dead", "queue_consumers"} {
			b.Exec(`DELETE FROM `+table+` WHERE queue = $1`, id)
		}
	})
	if err != nil {
		return queue.Wrap("delete the queue "+name, err)
	}
	return b.clear(ctx, id)
}

// clear deletes the events of a removed queue bit by bit, since they may be many.
func (b *Broker) clear(ctx context.Context, id int64) error {
	for n := int64(1); n > 0; {
		err := b.forced.Once(ctx, func(b *postgres.Batch) {
			b.Count(&n, `DELETE FROM queue_events WHERE ctid = ANY(ARRAY(
				SELECT ctid FROM queue_events WHERE queue = $1 LIMIT $2))`, id, chunk)
		})
		if err != nil {
			return queue.Wrap("delete the events of the queue", err)
		}
	}
	return nil
}

// chunk is how many rows one statement deletes.
const chunk = 5000
