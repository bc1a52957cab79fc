package amqpqueue

import (
	"errors"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"bellhop"
	"bellhop/internal/wait"
)

const (
	// firstPause and longestPause bound the pause between attempts to connect.
	firstPause   = 50 * time.Millisecond
	longestPause = 2 * time.Second
	// firstLinger and longestLinger bound how long a subscription outlives the last
	// Receive: a worker comes back when it is done with its batch, and to give back
	// its next events costs a write each.
	firstLinger   = 100 * time.Millisecond
	longestLinger = 5 * time.Second
	// moveAgain is the pause after RabbitMQ did not take moved messages.
	moveAgain = time.Second
)

// serve is the intake's goroutine.
func (in *intake) serve() {
	ctx := in.ctx
	var away time.Time // since when; zero while it consumes
	for pause := firstPause; ctx.Err() == nil; pause = min(longestPause, 2*pause) {
		s, err := in.attach(ctx)
		if err == nil {
			pause = firstPause
			if !away.IsZero() {
				in.q.log.Info("the consuming connection is back", "queue", in.q.name, "after",
					time.Since(away).Round(time.Millisecond))
				away = time.Time{}
			}
			in.begin(s)
			err = in.serveOn(s)
			s.end()
		}
		if ctx.Err() != nil {
			err = nil
		}
		err = in.q.target.Explain("consume from the queue "+in.q.name, err)
		if err != nil && away.IsZero() {
			in.q.log.Warn("lost the consuming connection; connecting again", "queue", in.q.name, "err", err)
			away = time.Now()
		}
		in.lost(fatal(err))
		wait.Pause(ctx, pause)
	}
}

// fatal returns an error that waiting does not mend.
func fatal(err error) error {
	switch bellhop.KindOf(err) {
	case bellhop.NotFound, bellhop.Invalid, bellhop.Conflict:
		return err
	}
	return nil
}

func (in *intake) begin(s *subscription) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.sub, in.err = s, nil
}

var errDeleted = bellhop.Errorf(bellhop.NotFound, "queue_not_found",
	"a part of the queue was deleted: create it with bellhop queue create")

// serveOn serves on a connection until it is gone or the queue closed.
func (in *intake) serveOn(s *subscription) error {
	t := serving{intake: in, s: s, linger: firstLinger}
	for {
		if in.ctx.Err() != nil {
			return t.shutdown()
		}
		next, err := t.due()
		if err != nil {
			return err
		}
		select {
		case <-in.wake:
		case <-time.After(next):
		case <-in.ctx.Done():
		case d, ok := <-s.requests:
			if !ok {
				return t.why()
			}
			t.answer(&d)
		case _, ok := <-s.canceled:
			if !ok {
				return t.why()
			}
			return errDeleted
		}
	}
}

// serving is the goroutine's state while it has a connection.
type serving struct {
	*intake
	s       *subscription
	linger  time.Duration
	paused  time.Time // when the last subscription ended
	movedAt time.Time // when moving last failed
}

// why returns the error that ended the connection.
func (t *serving) why() error {
	if e, ok := <-t.s.closed; ok && e != nil {
		return e
	}
	return amqp.ErrClosed
}

// due does all due work, and returns when to look again.
func (t *serving) due() (time.Duration, error) {
	t.mu.Lock()
	askers, want, idle := t.askers, t.want, time.Since(t.left)
	t.mu.Unlock()
	switch {
	case askers > 0 && t.s.want < ahead(0, want):
		if err := t.subscribe(ahead(0, want)); err != nil {
			return 0, err
		}
	case askers == 0 && t.s.want > 0 && idle >= t.linger:
		if err := t.s.unsubscribe(); err != nil {
			return 0, err
		}
		t.paused = time.Now()
	case askers > 0:
		if err := t.s.renew(t.starving()); err != nil {
			return 0, err
		}
	}
	t.expire()
	if time.Since(t.movedAt) >= moveAgain && !t.moveAll(askers == 0 && t.s.want == 0) {
		t.movedAt = time.Now()
	}
	return t.next(), nil
}

// subscribe subscribes. It lingers longer for a worker that came back soon after
// its last subscription ended.
func (t *serving) subscribe(want int) error {
	if t.s.want > 0 {
		if err := t.s.unsubscribe(); err != nil {
			return err
		}
	} else if time.Since(t.paused) < longestLinger {
		t.linger = min(longestLinger, 2*t.linger)
	} else {
		t.linger = firstLinger
	}
	return t.s.subscribe(want)
}

// starving lists the lanes with no waiting message here and too many leased ones.
func (t *serving) starving() (all []int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	var leased [lanes]int
	for _, h := range t.leases {
		if h.d.ConsumerTag == t.s.tag[h.lane] {
			leased[h.lane]++
		}
	}
	for i, n := range leased {
		if i != suspects && len(t.lanes[i]) == 0 && n >= max(1, ahead(i, t.s.want)/2) {
			all = append(all, i)
		}
	}
	return all
}

// expire ends the leases that ran out.
func (t *serving) expire() {
	most := t.q.attrs.Load().MaxAttempts
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.q.now()
	for receipt, h := range t.leases {
		if h.expires.After(now) {
			continue
		}
		delete(t.leases, receipt)
		if h.attempt() >= most {
			t.moves = append(t.moves, toDead(h, h.attempt(), "its lease ran out"))
			continue
		}
		if h.lost++; h.suspicious() {
			h.lane = suspects
		}
		t.moves = append(t.moves, move{held: h, attempts: h.attempt(), lost: h.lost})
	}
}

// moveAll moves messages elsewhere; with all it also moves the waiting ones. It
// reports whether RabbitMQ took them.
func (t *serving) moveAll(all bool) bool {
	t.mu.Lock()
	moves := t.moves
	t.moves = nil
	if all {
		for i, lane := range t.lanes {
			for _, h := range lane {
				moves = append(moves, move{held: h, attempts: h.attempts, lost: h.lost})
			}
			t.lanes[i] = nil
		}
	}
	t.mu.Unlock()
	if len(moves) == 0 {
		return true
	}
	errs := t.q.carry(t.s.ctx, moves)
	if errs == nil {
		return true
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for i, err := range errs {
		if err != nil {
			t.moves = append(t.moves, moves[i])
		}
	}
	t.q.log.Warn("give events back to the queue", "queue", t.q.name, "events", len(moves), "err", errors.Join(errs...))
	return false
}

// next returns the time until something is due.
func (t *serving) next() time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	wait := time.Minute
	now := t.q.now()
	for _, h := range t.leases {
		wait = min(wait, h.expires.Sub(now))
	}
	if len(t.moves) > 0 {
		wait = min(wait, moveAgain)
	}
	if t.askers == 0 && t.s.want > 0 {
		wait = min(wait, t.linger-time.Since(t.left))
	}
	if len(t.expect) > 0 {
		if d := time.Until(t.s.complete); d > 0 {
			wait = min(wait, d)
		} else {
			t.expect = nil
			t.arrived.Fire()
		}
	}
	return max(wait, time.Millisecond)
}

// shutdown gives waiting messages back. Leased ones go back with the connection.
func (t *serving) shutdown() error {
	if t.s.want > 0 {
		if err := t.s.unsubscribe(); err != nil {
			return err
		}
	}
	t.moveAll(true)
	return nil
}
