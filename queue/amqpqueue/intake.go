package amqpqueue

import (
	"context"
	"sync"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"bellhop"
	"bellhop/internal/wait"
	"bellhop/queue"
)

// held is a message that RabbitMQ has delivered to this process and that is not
// acknowledged.
type held struct {
	decoded
	d    amqp.Delivery
	lane int
	from *subscription

	// Under a lease:
	receipt queue.Receipt
	expires time.Time
}

// attempt is the number of this or the next attempt.
func (h *held) attempt() int { return h.attempts + 1 }

// suspicious reports whether a message belongs to the suspects, or behind the other
// suspects: one that a process had alone when it ended.
func (h *held) suspicious() bool {
	if h.lane == suspects {
		return h.deliveries > 0
	}
	return h.lost >= queue.Suspicious
}

// intake holds this process's messages of a queue. One goroutine, which the first
// Receive starts, keeps the connection up, subscribes while somebody wants events,
// gives back unwanted ones, and ends leases that ran out.
type intake struct {
	q    *Queue
	wake chan struct{}   // the goroutine has something to look at
	ctx  context.Context // ends with close
	stop context.CancelFunc
	run  sync.WaitGroup

	peeks peeks

	mu      sync.Mutex
	started bool
	closed  bool
	err     error // why nothing will come until somebody mends it
	sub     *subscription
	lanes   [lanes][]*held
	turn    int  // the lane served last
	alone   bool // the next batch is one suspect, if there is any
	leases  map[queue.Receipt]*held
	begun   map[string]bool // messages that were leased when the connection was lost
	settles int             // leases with a verdict under way
	moves   []move          // for the goroutine to carry out
	askers  int             // Receives in progress
	want    int             // the most that one of them asks for
	left    time.Time       // when the last one ended
	expect  map[int]bool
	arrived wait.Broadcast // there may be something to take
}

func newIntake(q *Queue) *intake {
	in := &intake{q: q, wake: make(chan struct{}, 1), leases: map[queue.Receipt]*held{}}
	in.ctx, in.stop = context.WithCancel(context.Background())
	return in
}

// wakeUp makes the goroutine look again.
func (in *intake) wakeUp() { wait.Nudge(in.wake) }

// enter registers a receiver that wants up to max events.
func (in *intake) enter(max int) error {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.closed {
		return queue.ErrClosed
	}
	if !in.started {
		in.started = true
		in.run.Go(in.serve)
	}
	if in.askers++; in.askers == 1 || max > in.want {
		in.want = max
	}
	in.wakeUp()
	return nil
}

func (in *intake) leave() {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.askers--; in.askers == 0 {
		in.left = time.Now()
		in.wakeUp()
	}
}

// take takes up to max events, one of each lane in turn, and waits for the first.
func (in *intake) take(ctx context.Context, max int) ([]*held, error) {
	if err := in.enter(max); err != nil {
		return nil, err
	}
	defer in.leave()
	for {
		in.mu.Lock()
		out, err, arrived := in.next(max), in.err, in.arrived.Next()
		if in.closed {
			err = queue.ErrClosed
		}
		in.mu.Unlock()
		if len(out) > 0 {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		select {
		case <-arrived:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// next takes in turn from all lanes, once the first message of each lane with any
// has come. Every other time it takes one suspect by itself.
func (in *intake) next(max int) (out []*held) {
	if in.sub != nil && len(in.expect) > 0 && time.Now().Before(in.sub.complete) || in.closed {
		return nil
	}
	if in.alone = !in.alone; in.alone {
		out = in.batch(max)
	}
	if len(out) == 0 && len(in.lanes[suspects]) > 0 {
		return []*held{in.pop(suspects)}
	}
	if !in.alone {
		out = in.batch(max)
	}
	return out
}

func (in *intake) batch(max int) (out []*held) {
	bytes := queue.BatchBytes
	for empty := 0; len(out) < max && empty < suspects; {
		lane := (in.turn + 1) % suspects
		if len(in.lanes[lane]) == 0 {
			in.turn = lane
			empty++
			continue
		}
		empty = 0
		size := in.lanes[lane][0].size()
		if len(out) > 0 && size > bytes {
			break
		}
		bytes -= size
		out = append(out, in.pop(lane))
		in.turn = lane
	}
	return out
}

func (in *intake) pop(lane int) *held {
	h := in.lanes[lane][0]
	in.lanes[lane][0] = nil // else the body stays in memory as long as the lane does
	in.lanes[lane] = in.lanes[lane][1:]
	return h
}

// lease puts messages under a lease, unless their connection has gone meanwhile.
func (in *intake) lease(all []*held, until time.Time) (kept []*held) {
	in.mu.Lock()
	defer in.mu.Unlock()
	for _, h := range all {
		if h.from == in.sub && !in.closed {
			h.receipt, h.expires = h.from.receipt(), until
			in.leases[h.receipt] = h
			kept = append(kept, h)
		}
	}
	in.wakeUp()
	return kept
}

// end removes leases that still hold from the table, and returns the stale
// receipts.
func (in *intake) end(receipts []queue.Receipt) (ended []*held, stale []queue.Receipt) {
	in.mu.Lock()
	defer in.mu.Unlock()
	now := in.q.now()
	for _, r := range receipts {
		h := in.leases[r]
		if h == nil || !h.expires.After(now) {
			ended, stale = append(ended, nil), append(stale, r)
			continue
		}
		delete(in.leases, r)
		in.settles++
		ended = append(ended, h)
	}
	return ended, stale
}

// settled reports that a verdict on a lease was carried out, or that the lease goes
// on since it could not be.
func (in *intake) settled(h *held, done bool) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.settles--
	if !done && h.from == in.sub {
		in.leases[h.receipt] = h
		in.wakeUp()
	}
}

func (in *intake) extend(d time.Duration, receipts []queue.Receipt) (stale []queue.Receipt) {
	in.mu.Lock()
	defer in.mu.Unlock()
	now := in.q.now()
	for _, r := range receipts {
		if h := in.leases[r]; h != nil && h.expires.After(now) {
			h.expires = now.Add(d)
		} else {
			stale = append(stale, r)
		}
	}
	in.wakeUp()
	return stale
}

// add takes a delivered message in.
func (in *intake) add(s *subscription, lane int, d amqp.Delivery) {
	h := &held{d: d, lane: lane, from: s}
	var err error
	h.decoded, err = in.q.read(&h.d, lane >= incoming)
	most := in.q.attrs.Load().MaxAttempts
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.sub != s {
		return // RabbitMQ hands it out again
	}
	delete(in.expect, lane)
	if h.deliveries > 0 && (lane == suspects || in.begun[d.MessageId]) {
		h.attempts++ // a process that ended had it alone, or this process had it
		delete(in.begun, d.MessageId)
	}
	switch {
	case err == nil && lane >= incoming:
		h.lane = in.q.route(h.event.Shop, h.d.Body)
		in.move(move{held: h})
	case err == nil && h.attempt() > most:
		in.move(toDead(h, h.attempts, "its worker died or its lease ran out, each time"))
	case err == nil && h.suspicious():
		h.lane = suspects
		in.move(move{held: h, attempts: h.attempts})
	case bellhop.KindOf(err) == bellhop.Invalid:
		in.move(toDead(h, h.attempt(), err.Error()))
	case err != nil:
		in.move(move{held: h, attempts: h.attempts, lost: h.lost, delay: time.Minute}) // for a version that can read it
	default:
		in.lanes[lane] = append(in.lanes[lane], h)
		in.arrived.Fire()
	}
}

// move makes the goroutine move a message; with the lock.
func (in *intake) move(m move) {
	in.moves = append(in.moves, m)
	in.wakeUp()
}

// lost drops the messages of a connection that is gone: RabbitMQ hands them out
// again.
func (in *intake) lost(err error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.sub, in.err, in.expect = nil, err, nil
	in.lanes, in.moves = [lanes][]*held{}, nil
	in.begun = map[string]bool{}
	for _, h := range in.leases {
		in.begun[h.d.MessageId] = true
	}
	in.leases = map[queue.Receipt]*held{}
	in.arrived.Fire()
}

// close gives all messages back.
func (in *intake) close() {
	in.mu.Lock()
	in.closed = true
	in.arrived.Fire()
	in.mu.Unlock()
	in.stop()
	in.run.Wait()
}

// counts are the numbers of a process's messages of a queue.
type counts struct {
	Waiting int       `json:"waiting"`
	Leased  int       `json:"leased"`
	Oldest  time.Time `json:"oldest,omitzero"` // waiting event
	Dropped int       `json:"dropped"`         // by a purge
	// Subscribed is set while RabbitMQ delivers to the process.
	Subscribed bool `json:"subscribed,omitempty"`
}

func (in *intake) count() (c counts) {
	in.mu.Lock()
	defer in.mu.Unlock()
	c.Leased, c.Waiting = len(in.leases)+in.settles, len(in.moves)
	for _, lane := range in.lanes {
		for _, h := range lane {
			c.add(counts{Waiting: 1, Oldest: h.event.AcceptedAt})
		}
	}
	return c
}
