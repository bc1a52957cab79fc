package lambdahost

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"math"
	"time"

	"bellhop"
	"bellhop/host"
	"bellhop/internal/amazon"
	"bellhop/pipeline"
	"bellhop/queue"
	"bellhop/store"
)

// DeadLetters adds a dead letter beside the queue that the event came from.
type DeadLetters interface {
	AddDead(ctx context.Context, e *bellhop.Event, attempts int, reason string) error
}

// Step is the second step of the pipeline with the worker's verdicts, for the
// functions that record.
type Step struct {
	Database    *Database
	Codec       amazon.Codec // reads messages
	DeadLetters DeadLetters
	// MaxAttempts is the number of deliveries after which the queue makes an event a
	// dead letter. 0: never.
	MaxAttempts int
	// Keys returns the secrets, for what a server of one's own put into the queue; nil: nobody can check that.
	Keys pipeline.KeysSince

	Log   *slog.Logger
	Now   func() time.Time
	Probe pipeline.Probe
}

// delivery is an event on its way through the step.
type delivery struct {
	event             *bellhop.Event
	attempt           int  // 0 where nobody counts attempts
	pipeline.Recorded      // Err is set from the start if the body can't be read
	done              bool // else it comes again
	dead              bool
}

// open reads the event in a message. It fails if there is none, with kind
// bellhop.Invalid if there never will be.
func (s *Step) open(ctx context.Context, m amazon.Message, attempt int) (*delivery, error) {
	e, err := s.Codec.Decode(ctx, m)
	if e == nil && err != nil {
		return nil, err
	}
	return &delivery{event: e, attempt: attempt, Recorded: pipeline.Recorded{Err: err}}, nil
}

// record records the deliveries in one transaction; settle comes after it.
func (s *Step) record(ctx context.Context, deliveries []*delivery) {
	s.Probe.At(pipeline.PointReceived)
	var whole []*delivery
	var events []*bellhop.Event
	for _, d := range deliveries {
		if d.Err == nil {
			whole, events = append(whole, d), append(events, d.event)
		}
	}
	var came []pipeline.Recorded
	err := s.Database.use(ctx, func(open store.Store) error {
		came = s.recorder(open).Record(ctx, events)
		errs := make([]error, len(came))
		for i, r := range came {
			errs[i] = r.Err
		}
		return errors.Join(errs...)
	})
	for i, d := range whole {
		if came == nil {
			d.Err = err
		} else {
			d.Recorded = came[i]
		}
	}
	s.Probe.At(pipeline.PointRecorded)
}

func (s *Step) recorder(open store.Store) *pipeline.Recorder {
	return &pipeline.Recorder{Store: open, Now: s.Now, Log: s.Log, Probe: s.Probe, Keys: s.Keys}
}

// settle carries out the worker's verdict on a delivery.
func (s *Step) settle(ctx context.Context, d *delivery) {
	if d.Err == nil {
		d.done = true
		return
	}
	open, err := s.Database.Get(ctx)
	if err != nil {
		s.Log.Warn("an event stays in the queue for now", "event", d.event.ID, "attempt", d.attempt, "err", err)
		return
	}
	came := queue.Delivery{Event: d.event, Attempt: d.attempt}
	verdict := host.Verdict(ctx, s.recorder(open), came, d.Err, cmp.Or(s.MaxAttempts, math.MaxInt))
	if verdict.Verdict != queue.DeadLetter {
		return
	}
	if err := s.DeadLetters.AddDead(ctx, d.event, max(d.attempt, 1), verdict.Reason); err != nil {
		s.Log.Error("a dead letter stays where it is for now", "event", d.event.ID, "err", err)
		return
	}
	d.done, d.dead = true, true
}
