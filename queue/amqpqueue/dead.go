package amqpqueue

import (
	"context"
	"errors"
	"slices"

	amqp "github.com/rabbitmq/amqp091-go"

	"bellhop"
	"bellhop/internal/rabbit"
	"bellhop/internal/wait"
	"bellhop/queue"
)

// mostDead bounds how many dead letters a scan reads.
const mostDead = 10_000

// deadMessage is one message among the dead letters.
type deadMessage struct {
	d amqp.Delivery
	m decoded
}

// scan reads the dead letters with these ids, or all, one process at a time. Those that
// fn does not acknowledge go back.
func (q *Queue) scan(ctx context.Context, doing string, ids []bellhop.EventID,
	fn func(context.Context, []deadMessage) error) error {
	ctx, cancel := context.WithTimeout(ctx, 3*adminPatience)
	defer cancel()
	for {
		err := locked(ctx, q.asking, q.dead()+".lock", func(ch *amqp.Channel) error {
			chosen, err := q.receiveDead(ch)
			if err == nil {
				chosen, err = choose(chosen, ids)
			}
			if err != nil {
				return err
			}
			return fn(ctx, chosen)
		})
		if !errors.Is(err, errBusy) {
			return q.target.Explain(doing, err)
		}
		if !wait.Pause(ctx, turnWait) {
			return q.target.Explain(doing, ctx.Err())
		}
	}
}

func (q *Queue) receiveDead(ch *amqp.Channel) (all []deadMessage, err error) {
	for len(all) < mostDead {
		d, ok, err := ch.Get(q.dead(), false)
		if err != nil || !ok {
			return all, err
		}
		if m, err := q.read(&d, false); err == nil || m.event != nil { // others' messages stay where they are
			all = append(all, deadMessage{d, m})
		}
	}
	return all, nil
}

// DeadLetters implements [queue.DeadLetters].
func (q *Queue) DeadLetters(ctx context.Context, after queue.Cursor, limit int) (out []queue.DeadEvent, err error) {
	doing := "list the dead letters of the queue " + q.name
	err = q.scan(ctx, doing, nil, func(_ context.Context, all []deadMessage) error {
		for _, c := range all {
			out = append(out, deadEvent(&c.d, c.m))
		}
		return nil
	})
	return queue.PageOf(out, after, limit), err
}

// DeadLetter implements [queue.DeadLetters].
func (q *Queue) DeadLetter(ctx context.Context, id bellhop.EventID) (l queue.DeadEvent, err error) {
	var found deadMessage
	doing := "look for a dead letter of the queue " + q.name
	err = q.scan(ctx, doing, []bellhop.EventID{id}, func(_ context.Context, chosen []deadMessage) error {
		found = chosen[len(chosen)-1]
		return nil
	})
	if err != nil {
		return l, err
	}
	return q.withBody(ctx, found)
}

func (q *Queue) withBody(ctx context.Context, c deadMessage) (l queue.DeadEvent, err error) {
	l = deadEvent(&c.d, c.m)
	if l.Event.Body, err = q.body(ctx, &held{decoded: c.m, d: c.d}); lostForGood(err) {
		err = nil // a body that can't be read is why it died
	}
	return l, err
}

// Redrive implements [queue.DeadLetters]. It publishes each before it acknowledges
// the dead letter: a crash in between leaves both.
func (q *Queue) Redrive(ctx context.Context, ids ...bellhop.EventID) (n int, err error) {
	doing := "replay dead letters of the queue " + q.name
	err = q.scan(ctx, doing, ids, func(ctx context.Context, chosen []deadMessage) error {
		out := make([]*rabbit.Message, len(chosen))
		for i, c := range chosen {
			out[i] = again(&c.d, 0, 0)
			out[i].Key = q.lane(q.route(c.m.event.Shop, c.d.Body))
		}
		errs := q.pub.Send(ctx, settlePatience, out...)
		for i, c := range chosen {
			if errs == nil || errs[i] == nil {
				if err := c.d.Ack(false); err != nil {
					return err
				}
				n++
			}
		}
		return errors.Join(errs...)
	})
	return n, err
}

// Drop implements [queue.DeadLetters]. It deletes a body in parts after its
// message: a crash in between leaves the parts.
func (q *Queue) Drop(ctx context.Context, ids ...bellhop.EventID) (n int, err error) {
	if len(ids) == 0 {
		return 0, nil
	}
	var gone []deadMessage
	doing := "drop dead letters of the queue " + q.name
	err = q.scan(ctx, doing, ids, func(_ context.Context, chosen []deadMessage) error {
		for _, c := range chosen {
			if err := c.d.Ack(false); err != nil {
				return err
			}
			gone = append(gone, c)
		}
		return nil
	})
	for _, c := range gone {
		q.dropParts(ctx, c.m)
	}
	return len(gone), err
}

// DropFunc implements [queue.DeadLetters]. It deletes bodies in parts as Drop does.
func (q *Queue) DropFunc(ctx context.Context, shop string, del func(queue.DeadEvent) (bool, error)) (int, error) {
	var gone []deadMessage
	doing := "look through the dead letters of the queue " + q.name
	err := q.scan(ctx, doing, nil, func(ctx context.Context, all []deadMessage) error {
		for _, c := range all {
			if c.m.event.Shop != shop {
				continue
			}
			dropped, err := q.dropIf(ctx, c, del)
			if err != nil {
				return err
			}
			if dropped {
				gone = append(gone, c)
			}
		}
		if len(all) == mostDead {
			return queue.TooManyDead(mostDead)
		}
		return nil
	})
	for _, c := range gone {
		q.dropParts(ctx, c.m)
	}
	return len(gone), err
}

func (q *Queue) dropIf(ctx context.Context, c deadMessage, del func(queue.DeadEvent) (bool, error)) (bool, error) {
	l, err := q.withBody(ctx, c)
	defer func() { c.m.event.Body = nil }() // keep one body at a time
	if err != nil {
		return false, err
	}
	if ok, err := del(l); !ok || err != nil {
		return false, err
	}
	return true, c.d.Ack(false)
}

// choose returns the dead letters with these ids, or all.
func choose(all []deadMessage, ids []bellhop.EventID) (chosen []deadMessage, err error) {
	if len(ids) == 0 {
		return all, nil
	}
	for _, c := range all {
		if slices.Contains(ids, c.m.event.ID) {
			chosen = append(chosen, c)
		}
	}
	for _, id := range ids {
		if !slices.ContainsFunc(chosen, func(c deadMessage) bool { return c.m.event.ID == id }) {
			return nil, queue.NoDeadLetter(id)
		}
	}
	return chosen, nil
}
