package host

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"bellhop"
	"bellhop/internal/wait"
	"bellhop/pipeline"
	"bellhop/queue"
)

// Switch moves the events of one queue into another while both are in use. It
// acknowledges an event in From once To has it, so none is lost. One may come twice;
// recording ignores the second.
type Switch struct {
	From, To queue.Queue
	// Follow goes on until the context is done, for as long as somebody sends to
	// From. Otherwise it ends once nothing waits there, and nothing is leased.
	Follow bool
	// Dead also moves the dead letters that From has at the start, as new events.
	Dead bool
	Log  *slog.Logger
	// Step, unless nil, gets the progress now and then.
	Step func(Switched)

	moved, refused   atomic.Int64
	fromAway, toAway *pipeline.Trouble
}

// Switched is how far a [Switch] is.
type Switched struct {
	Moved   int64       // events; one moved twice counts twice
	Refused int64       // events that To refused: they are dead letters in From
	Revived int         // dead letters put back into From
	Left    queue.Depth // in From
}

const (
	switchBatch = 256
	switchLoops = 4
	// switchLook is how often Switch counts From. Some services count roughly, so it
	// must see zero switchEmpty times.
	switchLook  = 500 * time.Millisecond
	switchEmpty = 3
)

// Run moves events until From is empty or drain is done, and finishes the batches
// under way; hard ends those too. It logs trouble of either queue and tries again.
func (s *Switch) Run(drain, hard context.Context) (done Switched, err error) {
	s.fromAway = pipeline.NewTrouble(s.Log, slog.LevelWarn, "receive from the source queue", "the source queue is back")
	s.toAway = pipeline.NewTrouble(s.Log, slog.LevelWarn, "the target queue accepts nothing: trying again",
		"the target queue accepts events again")
	attrs, err := s.From.Attributes(drain)
	if err != nil {
		return done, err
	}
	if s.Dead {
		if done.Revived, err = s.From.Redrive(drain); err != nil {
			return done, fmt.Errorf("put the dead letters back: %w", err)
		}
	}
	moving, enough := context.WithCancel(drain)
	defer enough()
	var loops sync.WaitGroup
	for range switchLoops {
		loops.Go(func() { s.loop(moving, hard, attrs.Visibility) })
	}
	s.watch(moving, &done)
	enough()
	loops.Wait()
	last, cancel := context.WithTimeout(hard, 10*time.Second)
	defer cancel()
	done.Left, err = s.From.Depth(last)
	s.report(&done)
	return done, err
}

// watch returns once From is empty, or ctx is done.
func (s *Switch) watch(ctx context.Context, done *Switched) {
	for empty := 0; empty < switchEmpty && ctx.Err() == nil; {
		wait.Pause(ctx, switchLook)
		d, err := s.From.Depth(ctx)
		switch {
		case err != nil && ctx.Err() == nil:
			s.Log.Warn("count the events in the source queue", "err", err)
			continue
		case s.Follow, d.Waiting+d.Leased > 0:
			empty = 0
		default:
			empty++
		}
		if err == nil {
			done.Left = d
			s.report(done)
		}
	}
}

func (s *Switch) report(done *Switched) {
	done.Moved, done.Refused = s.moved.Load(), s.refused.Load()
	if s.Step != nil {
		s.Step(*done)
	}
}

func (s *Switch) loop(drain, hard context.Context, visibility time.Duration) {
	for retry := (&retry{first: holdFirst, longest: longestPause, trouble: s.fromAway}); ; {
		deliveries, err := s.From.Receive(drain, switchBatch)
		switch {
		case len(deliveries) > 0:
			s.carry(drain, hard, deliveries, visibility)
		case drain.Err() != nil:
			return
		}
		retry.ok(drain, err)
	}
}

// carry moves one batch.
func (s *Switch) carry(drain, hard context.Context, deliveries []queue.Delivery, visibility time.Duration) {
	defer keepLeases(hard, s.From, s.Log, deliveries, visibility)()
	events := eventsOf(deliveries)
	verdicts := make([]queue.Settlement, len(deliveries))
	var moved, refused int64
	for i, err := range s.send(drain, hard, events) {
		v := queue.Settlement{Receipt: deliveries[i].Receipt, Verdict: queue.Ack}
		switch {
		case err == nil:
			moved++
		case refuses(err):
			refused++
			v.Verdict, v.Reason = queue.DeadLetter, "it can't be moved into the other queue: "+err.Error()
			s.Log.Warn("an event can't be moved, and stays as a dead letter", "event", events[i].ID, "err", err)
		default:
			v.Verdict, v.Reason = queue.Retry, "moving it was interrupted"
		}
		verdicts[i] = v
	}
	if err := s.From.Settle(hard, verdicts...); err != nil {
		s.Log.Warn("settle with the source queue: some events are moved again", "err", err)
	}
	s.moved.Add(moved)
	s.refused.Add(refused)
}

// refuses reports whether a queue will never take the events.
func refuses(err error) bool {
	kind := bellhop.KindOf(err)
	return kind == bellhop.TooLarge || kind == bellhop.Invalid
}

// send returns an error for each event, nil once To has it. A refused event delays no
// other.
func (s *Switch) send(drain, hard context.Context, events []*bellhop.Event) []error {
	errs := make([]error, len(events))
	err := s.insist(drain, hard, events)
	if err == nil {
		return errs
	}
	for i := range events {
		if errs[i] = err; refuses(err) && len(events) > 1 {
			errs[i] = s.send(drain, hard, events[i:i+1])[0]
		}
	}
	return errs
}

// insist sends until To has the events or refuses them, or drain is done.
func (s *Switch) insist(drain, hard context.Context, events []*bellhop.Event) error {
	for retry := (&retry{first: holdFirst, longest: holdAtMost, trouble: s.toAway}); ; {
		err := s.To.Send(hard, events...)
		if refuses(err) || drain.Err() != nil || hard.Err() != nil || retry.ok(drain, err) {
			return err
		}
	}
}
