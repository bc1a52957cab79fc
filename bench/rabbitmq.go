package bench

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

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

// newRabbitQueue makes a queue for one use, and returns its value for
// BELLHOP_QUEUE.
func (b *bench) newRabbitQueue(ctx context.Context) (name, setting string, err error) {
	name = "bench-" + strings.ToLower(rand.Text())
	setting = "BELLHOP_QUEUE=" + b.RabbitMQ + "?queue=" + name
	return name, setting, b.run(ctx, b.nowhere("BELLHOP_QUEUE="+b.RabbitMQ), "queue", "create", name)
}

func (b *bench) removeRabbitQueue(ctx context.Context, name string) error {
	return b.run(ctx, b.nowhere("BELLHOP_QUEUE="+b.RabbitMQ), "queue", "rm", name)
}

// measureRabbitMQ floods a bellhop whose queue is in RabbitMQ. In turn the bare
// publisher publishes the same bodies to a queue there, and a bare handler answers
// once it has published them. Then a worker records as many into an SQLite file.
func (b *bench) measureRabbitMQ(ctx context.Context) error {
	bare, err := b.publishBare(ctx)
	if err != nil {
		return err
	}
	b.add(keyRabbitBareRate, bare)
	handler, err := b.floodBarePublishing(ctx)
	if err != nil {
		return err
	}
	name, setting, err := b.newRabbitQueue(ctx)
	if err != nil {
		return err
	}
	w, err := b.webhooks([]string{mainShop}, 0)
	if err != nil {
		return err
	}
	rate, err := b.floodAccepting(ctx, []string{setting}, w, acceptKeys{"accepting into RabbitMQ", keyRabbitRate,
		keyRabbitP99, keyRabbitCPU})
	if err != nil {
		return err
	}
	b.add(keyRabbitRatio, rate/bare)
	b.add(keyRabbitFloodRatio, rate/handler)
	if err := b.removeRabbitQueue(ctx, name); err != nil {
		return err
	}
	dir, err := b.copyOf(b.data.empty)
	if err != nil {
		return err
	}
	defer b.discard(dir)
	return b.recordFromRabbit(ctx, dir, nil, keyRabbitRecorded)
}

// measureRabbitAndPostgres makes a worker record RabbitMQ's queue into Postgres.
func (b *bench) measureRabbitAndPostgres(ctx context.Context) error {
	database, err := b.likeBase(ctx)
	if err != nil {
		return err
	}
	err = b.recordFromRabbit(ctx, filepath.Join(b.dir, "unused"), []string{b.databaseSetting(database)},
		keyRabbitPgRecorded)
	if err != nil {
		return err
	}
	return b.dropDatabases(ctx, database)
}

func (b *bench) recordFromRabbit(ctx context.Context, dir string, env []string, key string) error {
	name, setting, err := b.newRabbitQueue(ctx)
	if err != nil {
		return err
	}
	env = append(env, setting)
	if err := b.acceptStored(ctx, dir, env, nil); err != nil {
		return err
	}
	rate, err := b.recordQueued(ctx, dir, env, "")
	if err != nil {
		return err
	}
	b.add(key, rate)
	return b.removeRabbitQueue(ctx, name)
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
		b.add(keyRabbitBareFlood, rate)
		b.ms(keyRabbitBareP99, tally.Latency.At(99))
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
	w, err := b.webhooks([]string{mainShop}, 0)
	if err != nil {
		return 0, err
	}
	from := time.Now().Add(warmup)
	to := from.Add(b.Duration)
	var confirmed atomic.Int64
	group, publishing := errgroup.WithContext(ctx)
	for i := range bareRabbits {
		p := barePublisher{url: b.RabbitMQ, queue: queue, requests: w.For(i), from: from, to: to, confirmed: &confirmed}
		group.Go(func() error { return p.run(publishing) })
	}
	if err := group.Wait(); err != nil {
		return 0, fmt.Errorf("publish without bellhop: %w", err)
	}
	_, err = c.ch.QueueDelete(queue, false, false, false)
	return float64(confirmed.Load()) / b.Duration.Seconds(), err
}

type barePublisher struct {
	url, queue string
	requests   Requests
	from, to   time.Time // confirmations in between count
	confirmed  *atomic.Int64
}

func (p barePublisher) run(ctx context.Context) error {
	conn, err := dialBare(p.url)
	if err != nil {
		return err
	}
	defer conn.Close()
	var window []*amqp.DeferredConfirmation
	for now := time.Now(); now.Before(p.to); now = time.Now() {
		c, err := conn.publish(p.queue, bodyOf(p.requests))
		if err != nil {
			return err
		}
		if window = append(window, c); len(window) == bareWindow {
			if err := p.wait(ctx, window[0]); err != nil {
				return err
			}
			window = window[1:]
		}
	}
	for _, c := range window {
		if err := p.wait(ctx, c); err != nil {
			return err
		}
	}
	return nil
}

func (p barePublisher) wait(ctx context.Context, c *amqp.DeferredConfirmation) error {
	err := confirmed(ctx, c)
	if now := time.Now(); !now.Before(p.from) && now.Before(p.to) {
		p.confirmed.Add(1)
	}
	return err
}
