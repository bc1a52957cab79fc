package wire

import (
	"context"

	"bellhop/internal/amazon"
	"bellhop/queue/sqsqueue"
)

// A function opens what it needs and no more: it may do no more, and each start
// costs somebody's time.

// OpenStore opens the database alone.
func (s *Storage) OpenStore(ctx context.Context, o Options) (*Parts, error) {
	d, err := s.only(theStore, o)
	if err != nil {
		return nil, err
	}
	return d.openStoreAlone(ctx)
}

// MigrateStore brings the database up to date, and leaves the queue alone.
func (s *Storage) MigrateStore(ctx context.Context, o Options) (int, error) {
	d, err := s.only(theStore, o)
	if err != nil {
		return 0, err
	}
	return d.db.migrate(ctx)
}

// OpenSQS returns the queue of SQS that BELLHOP_QUEUE names without asking SQS
// whether it is there, for a function that only sends.
func (s *Storage) OpenSQS(ctx context.Context, o Options) (*sqsqueue.Queue, error) {
	o.fill()
	opts, name, err := sqsqueue.ParseURL(s.Queue)
	if err != nil {
		return nil, err
	}
	o.tell(&opts)
	b, err := sqsqueue.NewBroker(ctx, opts)
	if err != nil {
		return nil, err
	}
	return b.Unchecked(name)
}

// Codec returns what reads and writes the messages of the queue of SQS that
// BELLHOP_QUEUE names, for a function that Lambda hands messages to.
func (s *Storage) Codec(ctx context.Context) (amazon.Codec, error) {
	opts, _, err := sqsqueue.ParseURL(s.Queue)
	if err != nil || opts.Bucket == "" {
		return amazon.Codec{}, err
	}
	cfg, err := amazon.Load(ctx, opts.Settings)
	if err != nil {
		return amazon.Codec{}, err
	}
	return amazon.Codec{Bucket: amazon.NewBucket(cfg, opts.Bucket, opts.KMSKey)}, nil
}
