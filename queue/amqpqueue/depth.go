package amqpqueue

import (
	"context"
	"sync"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"bellhop/queue"
)

// snapshot is the counts of RabbitMQ and of the consuming processes at about one
// time.
type snapshot struct {
	ready   [lanes]int
	delayed int
	dead    int
	held    counts
}

// looks bounds how often Depth counts until two counts agree. Events that move
// between RabbitMQ and a process meanwhile would be missed or counted twice; in a
// queue that never rests some are.
const looks = 6

// Depth implements [queue.Admin]. It is exact while nothing moves. Oldest leaves
// out events that wait for a retry.
func (q *Queue) Depth(ctx context.Context) (d queue.Depth, err error) {
	var now snapshot
	err = q.polling(ctx, "measure the queue "+q.name, func(ctx context.Context, p *poll) error {
		var before snapshot
		for look := range looks {
			if now, err = p.look(ctx); err != nil {
				return err
			}
			if look > 0 && now == before {
				break
			}
			before = now
		}
		return nil
	})
	if err != nil {
		return d, err
	}
	d.Dead, d.Leased, d.Waiting = now.dead, now.held.Leased, now.held.Waiting+now.delayed
	for _, n := range now.ready {
		d.Waiting += n
	}
	oldest, err := q.oldest(ctx, now)
	if err == nil && !oldest.IsZero() {
		d.Oldest = max(0, q.now().Sub(oldest))
	}
	return d, err
}

func (p *poll) look(ctx context.Context) (s snapshot, err error) {
	// RabbitMQ's number of consumers says nothing: a look at a message counts as one for a while.
	count := func(name string) (state amqp.Queue) {
		if err == nil {
			state, err = p.ch.QueueDeclarePassive(name, true, false, false, false, nil)
		}
		return state
	}
	for i := range lanes {
		s.ready[i] = count(p.q.lane(i)).Messages
	}
	for _, name := range p.q.delays() {
		s.delayed += count(name).Messages
	}
	s.dead = count(p.q.dead()).Messages
	if err == nil {
		s.held, err = p.ask(ctx, opCount)
	}
	return s, err
}

// Purge implements [queue.Admin].
func (q *Queue) Purge(ctx context.Context) (n int, err error) {
	err = q.polling(ctx, "purge the queue "+q.name, func(ctx context.Context, p *poll) error {
		for {
			dropped := 0
			for _, name := range q.waiting() {
				n, err := p.ch.QueuePurge(name, false)
				if err != nil {
					return err
				}
				dropped += n
			}
			held, err := p.ask(ctx, opPurge)
			if err != nil {
				return err
			}
			dropped += held.Dropped
			if n += dropped; dropped == 0 {
				return nil // also nothing was on its way
			}
		}
	})
	q.in.peeks.forget()
	return n, err
}

// peeks remember the oldest event of lanes without a consumer. To look at a message
// costs a delivery of it, or a write.
type peeks struct {
	mu    sync.Mutex
	lanes [lanes]peek
}

type peek struct {
	oldest time.Time
	count  int // of ready messages then
}

func (p *peeks) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lanes = [lanes]peek{}
}

// known returns the oldest event of a lane, if nobody took one from it since.
func (p *peeks) known(lane, ready int, consumed bool) (oldest time.Time, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if consumed || ready < p.lanes[lane].count || ready == 0 {
		p.lanes[lane] = peek{}
	} else {
		p.lanes[lane].count = ready
	}
	oldest = p.lanes[lane].oldest
	return oldest, !oldest.IsZero()
}

func (p *peeks) keep(lane, ready int, oldest time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lanes[lane] = peek{oldest, ready}
}

// oldest returns when the oldest waiting event was accepted. Events that lanes have delivered ahead are
// older than the rest of them.
func (q *Queue) oldest(ctx context.Context, s snapshot) (time.Time, error) {
	c := counts{Oldest: s.held.Oldest}
	for i, ready := range s.ready {
		at, known := q.in.peeks.known(i, ready, s.held.Subscribed)
		if !known && ready > 0 && !s.held.Subscribed {
			var err error
			if at, err = q.peek(ctx, i); err != nil {
				return at, err
			}
			q.in.peeks.keep(i, ready, at)
		}
		c.add(counts{Oldest: at})
	}
	return c.Oldest, nil
}

// peek looks at the first message of a lane, and puts it last: in its old place it
// would count as delivered.
func (q *Queue) peek(ctx context.Context, lane int) (at time.Time, err error) {
	ctx, cancel := context.WithTimeout(ctx, adminPatience)
	defer cancel()
	err = q.asking.Do(ctx, func(ch *amqp.Channel) error {
		d, ok, err := ch.Get(q.lane(lane), false)
		if err != nil || !ok {
			return err
		}
		m, err := q.read(&d, lane >= incoming)
		if err != nil {
			return nil // a consumer handles it
		}
		if lane >= incoming { // it goes back as it was
			at = m.event.TriggeredAt
			return nil
		}
		at = m.event.AcceptedAt
		out := again(&d, m.attempts, m.lost)
		out.Key = q.lane(lane)
		if errs := q.pub.Send(ctx, settlePatience, out); errs != nil {
			return errs[0]
		}
		return d.Ack(false)
	})
	return at, q.target.Explain("look at the queue "+q.lane(lane), err)
}
