package wire

import (
	"context"

	"bellhop/internal/amazon"
	"bellhop/queue/sqsqueue"
)

// A function opens only what it needs: it has no rights to the rest, and each start
// takes time.

// OpenStore opens the database alone. Without a key it has no secrets: see [sealed.Keyless].
func (s *Storage) OpenStore(ctx context.Context, o Options) (*Parts, error) {
	d, err := s.only(theStore, o)
	if err != nil {
		return nil, err
	}
	return d.open(func(p *Parts) (err error) {
		if p.Store, err = d.db.open(ctx); err != nil {
			return err
		}
		return d.sealStore(ctx, p)
	})
}

// MigrateStore brings the database up to date, and leaves the queue alone.
func (s *Storage) MigrateStore(ctx context.Context, o Options) (int, error) {
	d, err := s.only(theStore, o)
	if err != nil {
		return 0, err
	}
	return d.db.migrate(ctx)
}

// EventSource returns the ARN of the event source at EventBridge whose envelopes BELLHOP_QUEUE takes; "" for none.
// unnamed says that it takes envelopes without saying whose.
func (s *Storage) EventSource() (arn string, unnamed bool) {
	o, _, err := sqsqueue.ParseURL(s.Queue)
	if err != nil || !o.EventBridge {
		return "", false
	}
	arn = o.EventSource()
	return arn, arn == ""
}

// OpenSQS returns the queue of SQS that BELLHOP_QUEUE names. It does not check that it
// exists, and serves functions that only send.
func (s *Storage) OpenSQS(ctx context.Context, o Options) (*sqsqueue.Queue, error) {
	o.fill()
	opts, name, err := sqsqueue.ParseURL(s.Queue)
	if err != nil {
		return nil, err
	}
	o.applyTo(&opts)
	b, err := sqsqueue.NewBroker(ctx, opts)
	if err != nil {
		return nil, err
	}
	return b.Unchecked(name)
}

// Codec returns the codec for the messages of the queue of SQS that BELLHOP_QUEUE
// names, for functions that get them from Lambda.
func (s *Storage) Codec(ctx context.Context, o Options) (amazon.Codec, error) {
	o.fill()
	opts, _, err := sqsqueue.ParseURL(s.Queue)
	codec := amazon.Codec{Open: o.openerOf(&opts)}
	if err != nil || opts.Bucket == "" {
		return codec, err
	}
	cfg, err := amazon.Load(ctx, opts.Settings)
	if err != nil {
		return codec, err
	}
	codec.Bucket = amazon.NewBucket(cfg, opts.Bucket, opts.KMSKey)
	return codec, nil
}
