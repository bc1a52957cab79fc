package amqpqueue

import (
	"context"
	"crypto/rand"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"bellhop"
	"bellhop/internal/rabbit"
	"bellhop/queue"
)

// publishing bounds the connections that send.
const publishing = 4

// settlePatience bounds a worker's wait for RabbitMQ's confirmation.
const settlePatience = 10 * time.Second

// Queue is one queue.
type Queue struct {
	*Broker
	names
	name    string
	pub     *rabbit.Publisher
	asking  *rabbit.Session
	router  *router
	large   *router // of large events
	in      *intake
	attrs   atomic.Pointer[cachedAttributes]
	scratch sync.Pool
}

var (
	_ queue.Queue   = (*Queue)(nil)
	_ queue.Readier = (*Queue)(nil)
)

type cachedAttributes struct {
	queue.Attributes
	at time.Time
}

// Send implements [queue.Producer]. Several events are several messages: when Send
// fails, some of them may be in the queue.
func (q *Queue) Send(ctx context.Context, events ...*bellhop.Event) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	messages := make([]*rabbit.Message, len(events))
	for i, e := range events {
		scratch := q.scratch.Get().(*[]byte)
		defer q.scratch.Put(scratch)
		m, err := q.encode(e, scratch)
		if err != nil {
			return err
		}
		messages[i] = m
	}
	for i, e := range events {
		messages[i].Key = q.lane(q.route(e.Shop, messages[i].Body))
	}
	for i, err := range q.pub.Send(ctx, q.limit, messages...) {
		for tries := 0; tries < 2 && tooLarge(err); tries++ { // the first part may teach the broker's limit
			err = q.sendParts(ctx, events[i].ID, messages[i])
		}
		if err != nil {
			return sending(err)
		}
	}
	return nil
}

func tooLarge(err error) bool {
	_, large := errors.AsType[*rabbit.TooLargeError](err)
	return large
}

// route returns the lane for an event with this packed body.
func (q *Queue) route(shop string, body []byte) int {
	if len(body) > largeBody {
		return spread + q.large.pick(shop)
	}
	return q.router.pick(shop)
}

// Ready implements [queue.Readier]: it publishes a message to no queue, which
// RabbitMQ confirms and returns while it takes anything, and asks for a lane.
func (q *Queue) Ready(ctx context.Context) error {
	m := &rabbit.Message{Key: q.nobody(), Publishing: amqp.Publishing{MessageId: rand.Text()}}
	for _, err := range q.pub.Send(ctx, q.limit, m) {
		if bellhop.KindOf(err) != bellhop.NotFound {
			return err
		}
	}
	return q.target.Explain("ask for the queue "+q.lane(0), q.ask.Ask(ctx, func(ch *amqp.Channel) error {
		_, err := ch.QueueDeclarePassive(q.lane(0), true, false, false, false, nil)
		return err
	}))
}

// sending turns a missing lane into an error that may pass: somebody removed the
// queue, and may make it again.
func sending(err error) error {
	if e, ok := errors.AsType[*bellhop.Error](err); ok && e.Kind == bellhop.NotFound {
		away := *e
		away.Kind = bellhop.Unavailable
		return &away
	}
	return err
}

// attributesFor bounds the age of the remembered attributes: another process may
// change them.
const attributesFor = time.Minute

// current returns the attributes, at most a minute old while RabbitMQ answers.
func (q *Queue) current(ctx context.Context) queue.Attributes {
	c := q.attrs.Load()
	if q.now().Sub(c.at) < attributesFor {
		return c.Attributes
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	a, err := q.Attributes(ctx)
	if err != nil {
		q.log.Warn("read the queue's attributes", "queue", q.name, "err", err)
		return c.Attributes
	}
	return a
}

// Attributes implements [queue.Admin].
func (q *Queue) Attributes(ctx context.Context) (queue.Attributes, error) {
	a, err := q.attributes(ctx, q.name)
	if err == nil {
		q.attrs.Store(&cachedAttributes{a, q.now()})
	}
	return a, err
}

// SetAttributes implements [queue.Admin]. Other processes follow after a minute at
// the latest.
func (q *Queue) SetAttributes(ctx context.Context, a queue.Attributes) error {
	if err := a.Validate(); err != nil {
		return err
	}
	err := q.existing(ctx, q.name, func(c *catalog) bool {
		c.Queues[q.name] = entryOf(a)
		return true
	})
	if err == nil {
		q.attrs.Store(&cachedAttributes{a, q.now()})
	}
	return err
}

// Close implements [queue.Queue].
func (q *Queue) Close() error {
	q.in.close()
	q.pub.Close()
	q.asking.Close()
	return nil
}
