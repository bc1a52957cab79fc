package lambdahost

import (
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

// Undertaker makes an event a dead letter beside the queue that it came from.
type Undertaker interface {
	Bury(ctx context.Context, e *bellhop.Event, attempts int, reason string) error
}

// Step is the second step of the pipeline with the worker's verdicts, for the
// functions that record.
type Step struct {
	Database *Database
	Codec    amazon.Codec // reads messages
	Graves   Undertaker
	// MaxAttempts is after how many deliveries the queue makes an event a dead
	// letter. 0: never.
	MaxAttempts int

	Log   *slog.Logger
	Now   func() time.Time
	Probe pipeline.Probe
}

// letter is an event on its way through the step.
type letter struct {
	event             *bellhop.Event
	attempt           int  // 0 where attempts aren't counted
	pipeline.Recorded      // Err may be there from the start: the body can't be had
	done              bool // else it is to be tried again
	dead              bool
}

// open reads the event in a message. An error says that there is none: of kind
// bellhop.Invalid if there never will be.
func (s *Step) open(ctx context.Context, m amazon.Message, attempt int) (*letter, error) {
	e, err := s.Codec.Decode(ctx, m)
	if e == nil && err != nil {
		return nil, err
	}
	return &letter{event: e, attempt: attempt, Recorded: pipeline.Recorded{Err: err}}, nil
}

// record stores the letters in one transaction; settle comes after it.
func (s *Step) record(ctx context.Context, letters []*letter) {
	s.Probe.At(pipeline.PointReceived)
	var whole []*letter
	var events []*bellhop.Event
	for _, l := range letters {
		if l.Err == nil {
			whole, events = append(whole, l), append(events, l.event)
		}
	}
	var came []pipeline.Recorded
	err := s.Database.use(ctx, func(open store.Store) error {
		came = s.recorder(open).RecordEach(ctx, events)
		errs := make([]error, len(came))
		for i, r := range came {
			errs[i] = r.Err
		}
		return errors.Join(errs...)
	})
	for i, l := range whole {
		if came == nil {
			l.Err = err
		} else {
			l.Recorded = came[i]
		}
	}
	s.Probe.At(pipeline.PointRecorded)
}

func (s *Step) recorder(open store.Store) *pipeline.Recorder {
	return &pipeline.Recorder{Store: open, Now: s.Now, Log: s.Log, Probe: s.Probe}
}

// settle does what the worker's verdict on a letter says.
func (s *Step) settle(ctx context.Context, l *letter) {
	if l.Err == nil {
		l.done = true
		return
	}
	open, err := s.Database.Get(ctx)
	if err != nil {
		s.Log.Warn("an event is tried again", "event", l.event.ID, "attempt", l.attempt, "err", err)
		return
	}
	w := &host.Worker{Recorder: s.recorder(open), Log: s.Log}
	verdict := w.Verdict(ctx, queue.Delivery{Event: l.event, Attempt: l.attempt}, l.Err, s.maxAttempts())
	if verdict.Verdict != queue.Bury {
		return
	}
	if err := s.Graves.Bury(ctx, l.event, max(l.attempt, 1), verdict.Reason); err != nil {
		s.Log.Error("a dead letter stays where it is for now", "event", l.event.ID, "err", err)
		return
	}
	l.done, l.dead = true, true
}

func (s *Step) maxAttempts() int {
	if s.MaxAttempts <= 0 {
		return math.MaxInt
	}
	return s.MaxAttempts
}
