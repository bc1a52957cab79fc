package bench

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"

	amqp "github.com/rabbitmq/amqp091-go"
	"golang.org/x/sync/errgroup"
)

// The bare publisher is what anybody would write for RabbitMQ: several connections,
// each with a window of unconfirmed messages. It gathers nothing from others and
// answers nobody.
const (
	bareRabbits = 4
	bareWindow  = 256
)

// measureRabbitMQ floods a bellhop whose queue is in RabbitMQ. In turn the bare
// publisher publishes the same bodies to a queue there, and a bare handler answers
// once it has published them. Then a worker records as many into an SQLite file.
func (b *bench) measureRabbitMQ(ctx context.Context) error {
	bare, err := b.publishBare(ctx)
	if err != nil {
		return err
	}
	b.add("rabbitmq_bare_per_second", bare)
	handler, err := b.floodBarePublishing(ctx)
	if err != nil {
		return err
	}
	err = b.withQueue(ctx, b.rabbitSetting, func(q oneQueue) error {
		rate, err := b.floodAccepting(ctx, []string{q.setting}, b.mainWebhooks(), "accepting into RabbitMQ",
			"rabbitmq_accepted")
		if err == nil {
			b.add("rabbitmq_accepted_ratio", rate/bare)
			b.add("rabbitmq_accepted_handler_ratio", rate/handler)
		}
		return err
	})
	if err != nil {
		return err
	}
	dir, err := b.copyOf(b.data.empty)
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	return b.recordFromRabbit(ctx, dir, nil, "rabbitmq")
}

// measureRabbitAndPostgres makes a worker record RabbitMQ's queue into Postgres.
func (b *bench) measureRabbitAndPostgres(ctx context.Context) error {
	database, err := b.likeBase(ctx)
	if err != nil {
		return err
	}
	err = b.recordFromRabbit(ctx, filepath.Join(b.dir, "unused"), b.databaseEnv(database), "rabbitmq_postgres")
	if err != nil {
		return err
	}
	return b.dropDatabases(ctx, database)
}

func (b *bench) recordFromRabbit(ctx context.Context, dir string, env []string, prefix string) error {
	return b.withQueue(ctx, b.rabbitSetting, func(q oneQueue) error {
		_, err := b.queueAndRecord(ctx, dir, append(env, q.setting), prefix)
		return err
	})
}

func (b *bench) rabbitSetting(name string) string {
	return "BELLHOP_QUEUE=" + b.RabbitMQ + "?queue=" + name
}

// newBareQueue makes a quorum queue without bellhop.
func (b *bench) newBareQueue() (*bareConn, string, error) {
	c, err := dialBare(b.RabbitMQ)
	if err != nil {
		return nil, "", err
	}
	q, err := c.ch.QueueDeclare("bench-"+rand.Text(), true, false, false, false,
		amqp.Table{amqp.QueueTypeArg: amqp.QueueTypeQuorum})
	if err != nil {
		c.Close()
	}
	return c, q.Name, err
}

// floodBarePublishing floods a bare handler that publishes, and returns how many
// it has answered a second.
func (b *bench) floodBarePublishing(ctx context.Context) (rate float64, err error) {
	c, queue, err := b.newBareQueue()
	if err != nil {
		return 0, err
	}
	defer c.Close()
	err = b.floodBare(ctx, []string{"BENCH_RABBITMQ=" + b.RabbitMQ}, func(_ *child, _ usage, tally *Tally) {
		rate = tally.Rate()
		b.add("rabbitmq_bare_handler_per_second", rate)
		b.ms("rabbitmq_bare_handler_p99", tally.Latency.At(99))
	}, "--queue", queue)
	if err != nil {
		return 0, err
	}
	_, err = c.ch.QueueDelete(queue, false, false, false)
	return rate, err
}

// bareConn is a connection with a channel that confirms.
type bareConn struct {
	*amqp.Connection
	ch *amqp.Channel
}

func dialBare(url string) (*bareConn, error) {
	conn, err := amqp.Dial(url)
	if err != nil {
		return nil, fmt.Errorf("connect without bellhop: %w", err)
	}
	ch, err := conn.Channel()
	if err == nil {
		err = ch.Confirm(false)
	}
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("open a channel without bellhop: %w", err)
	}
	return &bareConn{conn, ch}, nil
}

func (c *bareConn) publish(queue string, body []byte) (*amqp.DeferredConfirmation, error) {
	return c.ch.PublishWithDeferredConfirm("", queue, true, false, amqp.Publishing{DeliveryMode: amqp.Persistent,
		Body: body})
}

// BarePublisher publishes for a bare handler.
type BarePublisher struct {
	queue string
	conns [bareRabbits]*bareConn
	turn  atomic.Uint32
}

// DialBare connects as often as the bare publisher does.
func DialBare(url, queue string) (p *BarePublisher, err error) {
	p = &BarePublisher{queue: queue}
	for i := range p.conns {
		if p.conns[i], err = dialBare(url); err != nil {
			p.Close()
			return nil, err
		}
	}
	return p, nil
}

// Publish returns once RabbitMQ has confirmed the message.
func (p *BarePublisher) Publish(ctx context.Context, _ http.Header, body []byte) error {
	c, err := p.conns[p.turn.Add(1)%bareRabbits].publish(p.queue, body)
	if err != nil {
		return err
	}
	return confirmed(ctx, c)
}

func confirmed(ctx context.Context, c *amqp.DeferredConfirmation) error {
	acked, err := c.WaitContext(ctx)
	if err == nil && !acked {
		err = fmt.Errorf("a message was refused")
	}
	return err
}

// Close ends the connections.
func (p *BarePublisher) Close() {
	for _, c := range p.conns {
		if c != nil {
			c.Close()
		}
	}
}

// publishBare returns how many messages a second RabbitMQ has confirmed to the
// bare publisher: persistent ones, to one quorum queue.
func (b *bench) publishBare(ctx context.Context) (rate float64, err error) {
	c, queue, err := b.newBareQueue()
	if err != nil {
		return 0, err
	}
	defer c.Close()
	w, published := b.mainWebhooks(), b.newWindow()
	group, publishing := errgroup.WithContext(ctx)
	for i := range bareRabbits {
		group.Go(func() error { return b.publishWindow(publishing, queue, w.For(i), published) })
	}
	if err := group.Wait(); err != nil {
		return 0, fmt.Errorf("publish without bellhop: %w", err)
	}
	_, err = c.ch.QueueDelete(queue, false, false, false)
	return published.rate(), err
}

// publishWindow publishes on a connection of its own.
func (b *bench) publishWindow(ctx context.Context, queue string, requests Requests, published *window) error {
	conn, err := dialBare(b.RabbitMQ)
	if err != nil {
		return err
	}
	defer conn.Close()
	var waiting []*amqp.DeferredConfirmation
	wait := func() error {
		err := confirmed(ctx, waiting[0])
		waiting = waiting[1:]
		published.note(1)
		return err
	}
	for !published.over() {
		c, err := conn.publish(queue, bodyOf(requests))
		if err != nil {
			return err
		}
		if waiting = append(waiting, c); len(waiting) == bareWindow {
			if err := wait(); err != nil {
				return err
			}
		}
	}
	for len(waiting) > 0 {
		if err := wait(); err != nil {
			return err
		}
	}
	return nil
}
