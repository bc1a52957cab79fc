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
	d.opts.applyTo(&o)
	return queueInSQS{o, name}, nil
}

// migrate has nothing to do: SQS has no schema of ours.
func (queueInSQS) migrate(context.Context) (int, error) { return 0, nil }

// open makes no queue: each costs money and belongs to somebody.
func (q queueInSQS) open(ctx context.Context) (queue.Broker, string, error) {
	b, err := sqsqueue.NewBroker(ctx, q.opts)
	return b, q.name, err
}

// notifyName implements deliberate.
func (queueInSQS) notifyName(name string) string { return sqsqueue.NotifyName(name) }

// applyTo sets the driver's options.
func (o *Options) applyTo(s *sqsqueue.Options) {
	s.Log, s.Now, s.TraceHeader, s.Open = o.Log, o.Now, o.TraceHeader, o.opener()
	s.Called, s.Rejected, s.Settings.Dial = o.Requested, o.Rejected, o.Dial
}
