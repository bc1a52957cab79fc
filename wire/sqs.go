package wire

import (
	"cmp"
	"context"
	"net/http"
	"time"

	"bellhop"
	"bellhop/queue"
	"bellhop/queue/sqsqueue"
	"bellhop/shopify"
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

var errShared = bellhop.Invalidf("queue_shared", "the queue takes EventBridge's envelopes (envelope=eventbridge), "+
	"which are believed unsigned: send what Shopify signed to a queue of its own, then replay this")

// applyTo sets the driver's options.
func (o *Options) applyTo(s *sqsqueue.Options) {
	s.Log, s.Now, s.TraceHeader, s.Open = o.Log, o.Now, o.TraceHeader, o.openerOf(s)
	s.Called, s.Rejected, s.Settings.Dial = o.Requested, o.Rejected, o.Dial
}

// openerOf returns what reads messages of others from a queue. An envelope is believed as whoever may send to the queue
// is. So whoever passes on what came in needs another queue, and learns it from the first message.
func (o *Options) openerOf(s *sqsqueue.Options) queue.Opener {
	signed := o.opener()
	if !s.EventBridge {
		return signed
	}
	source := s.Source
	return func(h http.Header, body []byte, sent time.Time) (*bellhop.Event, error) {
		for name := range h {
			if shopify.OfShopify(name) {
				e, _ := signed(h, body, sent)
				return e, errShared
			}
		}
		return shopify.OpenEnvelope(body, source, cmp.Or(sent, o.Now()))
	}
}
