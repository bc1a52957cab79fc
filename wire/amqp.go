//go:build !noamqp

package wire

import (
	"context"

	"bellhop/internal/rabbit"
	"bellhop/queue"
	"bellhop/queue/amqpqueue"
)

// rabbitMQ is the queue's virtual host.
type rabbitMQ struct {
	target rabbit.Target
	broker *amqpqueue.Broker
}

func (r *rabbitMQ) examine(ctx context.Context) (found []Finding, there bool) {
	c, err := r.target.Dial(ctx, "bellhop doctor")
	if err != nil {
		return []Finding{Fail("queue", err.Error(), "correct BELLHOP_QUEUE, or start RabbitMQ")}, false
	}
	version, _ := c.Properties["version"].(string)
	rabbit.Hangup(c)
	return []Finding{OK("RabbitMQ", "version "+version+" answers")}, true
}

// healthy returns nil: RabbitMQ keeps what it confirms.
func (r *rabbitMQ) healthy() error { return nil }

func (r *rabbitMQ) quickCheck(ctx context.Context) error {
	_, err := r.broker.Names(ctx)
	return withSetting("BELLHOP_QUEUE", err)
}

// Close hangs up.
func (r *rabbitMQ) Close() error { return r.broker.Close() }

type queueInRabbitMQ struct {
	*rabbitMQ
	name string
}

func amqpQueue(d *drivers) (queueDriver, error) {
	target, name, err := amqpqueue.ParseURL(d.Queue)
	if err != nil {
		return nil, WrongSetting("BELLHOP_QUEUE", err.Error(), queueAccepted)
	}
	r := shared(d, func() *rabbitMQ {
		return &rabbitMQ{target, amqpqueue.NewBroker(target, amqpqueue.Options{Log: d.opts.Log, Now: d.opts.Now,
			SendLimit: d.opts.SendLimit, Open: d.opts.opener()})}
	})
	return queueInRabbitMQ{r, name}, nil
}

// migrate has nothing to do: RabbitMQ has no schema of ours.
func (queueInRabbitMQ) migrate(context.Context) (int, error) { return 0, nil }

func (q queueInRabbitMQ) open(ctx context.Context) (queue.Broker, string, error) {
	return q.broker, q.name, withSetting("BELLHOP_QUEUE", createDefault(ctx, q.broker, q.name))
}
