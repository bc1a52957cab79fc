package amqpqueue

import (
	"context"
	"errors"
	"strconv"
	"time"

	"bellhop"
	"bellhop/internal/rabbit"
	"bellhop/queue"
)

// Receive implements [queue.Consumer].
func (q *Queue) Receive(ctx context.Context, max int) ([]queue.Delivery, error) {
	for {
		all, err := q.in.take(ctx, max)
		if err != nil {
			return nil, err
		}
		expires := q.now().Add(q.current(ctx).Visibility)
		var out []queue.Delivery
		for _, h := range q.in.lease(q.readable(ctx, all), expires) {
			out = append(out, queue.Delivery{Event: h.event, Attempt: h.attempt(), Receipt: h.receipt, Expires: expires})
		}
		if len(out) > 0 {
			return out, nil
		}
	}
}

// readable reads the bodies, and moves events whose body can't be read.
func (q *Queue) readable(ctx context.Context, all []*held) []*held {
	good := all[:0]
	for _, h := range all {
		body, err := q.body(ctx, h)
		if err == nil {
			h.event.Body = body
			good = append(good, h)
			continue
		}
		q.log.Error("read the body of an event", "event", h.event.ID, "err", err)
		most := q.current(ctx).MaxAttempts
		q.in.mu.Lock()
		if lostForGood(err) || h.attempt() >= most {
			q.in.move(toDead(h, h.attempt(), err.Error()))
		} else {
			q.in.move(move{held: h, attempts: h.attempt(), delay: 10 * time.Second})
		}
		q.in.mu.Unlock()
	}
	return good
}

// lostForGood reports whether a body is damaged, or gone.
func lostForGood(err error) bool {
	return bellhop.IsPermanent(err) || bellhop.KindOf(err) == bellhop.NotFound
}

// body returns the body of an event.
func (q *Queue) body(ctx context.Context, h *held) ([]byte, error) {
	stored := h.d.Body
	if h.parts > 0 {
		var err error
		if stored, err = q.fetchParts(ctx, h.event.ID, h.parts); err != nil {
			return nil, err
		}
	}
	return q.packer.Unpack(h.coding, stored, q.dictionary(ctx))
}

// move publishes a copy of a message elsewhere, and then acknowledges the message.
type move struct {
	*held
	attempts int // of the copy
	lost     int // the same
	delay    time.Duration
	dead     bool
	reason   string
}

func toDead(h *held, attempts int, reason string) move {
	return move{held: h, attempts: attempts, dead: true, reason: reason}
}

func (q *Queue) message(m move) *rabbit.Message {
	if m.dead {
		out := deadCopy(&m.d, m.attempts, m.reason, q.now())
		out.Key = q.dead()
		return out
	}
	out := again(&m.d, m.attempts, m.lost)
	out.Key = q.lane(m.lane)
	if m.delay > 0 {
		out.Exchange = q.delay(stepFor(m.delay))
		out.Expiration = strconv.FormatInt((m.delay + time.Millisecond - 1).Milliseconds(), 10)
	}
	return out
}

// carry carries moves out, and returns the error of each; nil if all succeeded.
func (q *Queue) carry(ctx context.Context, moves []move) []error {
	out := make([]*rabbit.Message, len(moves))
	for i, m := range moves {
		out[i] = q.message(m)
	}
	errs := q.pub.Send(ctx, settlePatience, out...)
	for i, m := range moves {
		if errs == nil || errs[i] == nil {
			m.ack() // if that fails it comes twice
		}
	}
	return errs
}

func (h *held) ack() error { return h.from.ch.Ack(h.d.DeliveryTag, false) }

// Settle implements [queue.Consumer]. It publishes retries and dead letters first,
// so that a crash leaves an event twice and not lost.
func (q *Queue) Settle(ctx context.Context, verdicts ...queue.Settlement) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	most := q.current(ctx).MaxAttempts
	ended, stale := q.in.end(queue.ReceiptsOf(verdicts))
	var moves []move
	for i, h := range ended {
		switch v := verdicts[i]; {
		case h == nil:
		case v.Verdict == queue.Ack:
			if q.in.settled(h, true); h.ack() != nil {
				stale = append(stale, v.Receipt) // the connection is gone, and the lease with it
				continue
			}
			q.dropParts(h.from.ctx, h.decoded)
		case v.Verdict == queue.DeadLetter || h.attempt() >= most:
			moves = append(moves, toDead(h, h.attempt(), v.Reason))
		default:
			h.lane = q.route(h.event.Shop, h.d.Body) // a verdict clears a suspect
			moves = append(moves, move{held: h, attempts: h.attempt(), delay: v.Delay})
		}
	}
	return queue.StaleOr(q.settleMoves(ctx, moves), stale)
}

func (q *Queue) settleMoves(ctx context.Context, moves []move) error {
	if len(moves) == 0 {
		return nil
	}
	errs := q.carry(ctx, moves)
	for i, m := range moves {
		q.in.settled(m.held, errs == nil || errs[i] == nil)
	}
	for _, err := range errs {
		if err != nil {
			return sending(err)
		}
	}
	return nil
}

// Extend implements [queue.Consumer].
func (q *Queue) Extend(ctx context.Context, d time.Duration, receipts ...queue.Receipt) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return queue.StaleOr(nil, q.in.extend(d, receipts))
}

var errNoParts = errors.New("a part of the body is missing")
