package wire

import (
	"context"

	"bellhop/queue"
	"bellhop/queue/sqsqueue"
)

type queueInSQS struct {
	opts sqsqueue.Options
	name string
}

func sqsQueue(d *drivers) (queueDriver, error) {
	o, name, err := sqsqueue.ParseURL(d.Queue)
	if err != nil {
		return nil, err
	}
	o.Log, o.Now, o.Called = d.opts.Log, d.opts.Now, d.opts.Requested
	return queueInSQS{o, name}, nil
}

// migrate has nothing to do: what is in SQS has no schema of ours.
func (queueInSQS) migrate(context.Context) (int, error) { return 0, nil }

// open makes no queue: one costs money and belongs to somebody.
func (q queueInSQS) open(ctx context.Context) (queue.Broker, string, error) {
	b, err := sqsqueue.NewBroker(ctx, q.opts)
	return b, q.name, err
}
