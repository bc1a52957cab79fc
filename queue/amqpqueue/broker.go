// Package amqpqueue keeps queues in RabbitMQ, from 3.10 on.
//
// AMQP 0-9-1 has no lease that runs out, no retry after a delay, no list of queues
// and no depth beyond ready messages. The driver adds them:
//
//   - A queue NAME is several quorum queues, its lanes. A producer spreads shops
//     over NAME.0 to NAME.7, and large events over NAME.large.0 and 1. Consumers
//     take from all lanes in turn.
//   - RabbitMQ delivers a message of a lane to a process ahead of time. The message
//     is under a lease once Receive returned it. Until then it waits, and goes back
//     to its lane when nobody here asks for it any more.
//   - Deliveries that nobody received count as no attempt. A message that came back
//     three times without a verdict goes to NAME.suspects. A process has one
//     suspect at a time, and Receive returns it by itself: so RabbitMQ's count says
//     which one ends processes.
//   - For a retry the driver publishes a new message that says how often the event
//     was delivered, and then acknowledges the old one: a crash between the two
//     leaves both. A delayed retry waits in a queue whose messages RabbitMQ moves
//     on when their time is over.
//   - A producer of one's own publishes to the exchange NAME.in. Consumers move its
//     messages from NAME.in.0 to NAME.in.7 to the lanes of their shops, as bellhop's
//     own. The first character of the shop's domain, as the routing key, keeps shops
//     apart until then. NAME.in refuses what has no room.
//   - Dead letters are in NAME.dead.
//   - The consuming processes tell each other what they hold, over the exchange
//     NAME.control; NAME.members counts them.
//   - bellhop.queues holds one message, with the attributes of all queues of the
//     virtual host.
//   - A body that fits into no message of RabbitMQ is in several, in a queue
//     NAME.body.ID of its own.
//
// The driver was run against RabbitMQ 3.10. For 4.x, against which it was not run,
// it follows the documentation: each queue that it reads without consuming has a
// delivery limit of its own, since the default of 4.0 drops a message after 20
// deliveries; it counts deliveries by publishing and not by negative
// acknowledgements, which 4.3 does not count; prefetch is by the consumer; and no
// queue is transient but those of one connection.
package amqpqueue

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"bellhop"
	"bellhop/internal/bodies"
	"bellhop/internal/rabbit"
	"bellhop/queue"
)

// Options are the settings of a [Broker] beside its target. The zero value serves.
type Options struct {
	Log *slog.Logger
	Now func() time.Time
	// SendLimit is how long RabbitMQ may take to confirm a send. The default
	// leaves a webhook's sender time for an answer within a second.
	SendLimit time.Duration
	// Open makes events of messages that bellhop did not send; nil: they are nobody's.
	Open queue.Opener
}

// Broker holds the queues of one virtual host.
type Broker struct {
	target rabbit.Target
	log    *slog.Logger
	now    func() time.Time
	open   queue.Opener
	limit  time.Duration
	ask    *rabbit.Session
	pub    *rabbit.Publisher // for the registry
	packer *bodies.Packer
}

var _ queue.Broker = (*Broker)(nil)

// NewBroker returns the queues of a virtual host. It connects at the first request.
func NewBroker(t rabbit.Target, o Options) *Broker {
	o.Log, o.SendLimit = cmp.Or(o.Log, slog.New(slog.DiscardHandler)), cmp.Or(o.SendLimit, 900*time.Millisecond)
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Broker{target: t, log: o.Log, now: o.Now, open: o.Open, limit: o.SendLimit,
		ask: rabbit.NewSession(t, "bellhop"),
		pub: rabbit.NewPublisher(t, rabbit.Options{Name: "bellhop", Log: o.Log}), packer: bodies.New()}
}

// Close ends the broker's own connections; its queues have their own.
func (b *Broker) Close() error {
	b.pub.Close()
	b.ask.Close()
	return nil
}

// adminPatience bounds each question and all declarations of a queue.
const adminPatience = 20 * time.Second

// Create implements [queue.Broker].
func (b *Broker) Create(ctx context.Context, name string, a queue.Attributes) error {
	if err := errors.Join(queue.CheckName(name), a.Validate()); err != nil {
		return err
	}
	if err := names(name).declare(ctx, b.target, b.ask); err != nil {
		return err
	}
	return b.registry(ctx, func(c *catalog) (bool, error) {
		is, there := c.Queues[name]
		if there && is.attributes() != a {
			return false, queue.Exists(name)
		}
		c.Queues[name] = entryOf(a)
		return !there, nil
	})
}

// Names implements [queue.Broker].
func (b *Broker) Names(ctx context.Context) (all []string, err error) {
	err = b.registry(ctx, func(c *catalog) (bool, error) {
		all = slices.Sorted(maps.Keys(c.Queues))
		return false, nil
	})
	return all, err
}

// URL implements [queue.Broker]. It leaves the password out.
func (b *Broker) URL(ctx context.Context, name string) (string, error) {
	if _, err := b.attributes(ctx, name); err != nil {
		return "", err
	}
	return address(b.target, name), nil
}

func (b *Broker) attributes(ctx context.Context, name string) (a queue.Attributes, err error) {
	err = b.existing(ctx, name, func(c *catalog) bool {
		a = c.Queues[name].attributes()
		return false
	})
	return a, err
}

// existing is registry for a queue that must be there.
func (b *Broker) existing(ctx context.Context, name string, fn func(*catalog) (changed bool)) error {
	return b.registry(ctx, func(c *catalog) (bool, error) {
		if _, there := c.Queues[name]; !there {
			return false, bellhop.Errorf(bellhop.NotFound, "queue_not_found",
				"there is no queue %s in %v: create it with bellhop queue create %s", name, b.target, name)
		}
		return fn(c), nil
	})
}

// Remove implements [queue.Broker].
func (b *Broker) Remove(ctx context.Context, name string) error {
	err := b.existing(ctx, name, func(c *catalog) bool {
		delete(c.Queues, name)
		return true
	})
	if err != nil {
		return err
	}
	return names(name).remove(ctx, b.target, b.ask)
}

// Open implements [queue.Broker]. It makes missing parts of the queue, and refuses
// parts that differ.
func (b *Broker) Open(ctx context.Context, name string) (queue.Queue, error) {
	attrs, err := b.attributes(ctx, name)
	if err != nil {
		return nil, err
	}
	if err := names(name).declare(ctx, b.target, b.ask); err != nil {
		return nil, err
	}
	if err := b.keepDictionary(ctx); err != nil {
		return nil, err
	}
	return b.newQueue(name, attrs), nil
}

func (b *Broker) newQueue(name string, attrs queue.Attributes) *Queue {
	q := &Queue{Broker: b, names: names(name), name: name, router: newRouter(b.now, spread),
		large: newRouter(b.now, largeLanes), scratch: sync.Pool{New: func() any { return new([]byte) }}}
	q.attrs.Store(&cachedAttributes{attrs, b.now()})
	q.pub = rabbit.NewPublisher(b.target, rabbit.Options{Name: fmt.Sprint("bellhop ", name, " producer"),
		Connections: publishing, Limit: wholeBody, Log: b.log})
	q.asking = rabbit.NewSession(b.target, fmt.Sprint("bellhop ", name))
	q.in = newIntake(q)
	return q
}
