package amqpqueue

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"bellhop/internal/rabbit"
)

// Questions to the consuming processes.
const (
	opCount = "count"
	opPurge = "purge" // drop waiting events, and count
)

// answerWithin bounds the wait for an answer. A process that does not answer has
// died, and RabbitMQ has not noticed yet.
const answerWithin = 2 * time.Second

// answer answers a request. It runs on the serving goroutine, so that nothing is
// half done.
func (t *serving) answer(d *amqp.Delivery) {
	dropped := 0
	if string(d.Body) == opPurge {
		dropped = t.drop()
	}
	c := t.count()
	c.Dropped, c.Subscribed = dropped, t.s.want > 0
	body, err := json.Marshal(c)
	if err != nil {
		t.q.log.Error("answer a question about this process's messages", "queue", t.q.name, "err", err)
		return
	}
	ctx, cancel := context.WithTimeout(t.s.ctx, answerWithin)
	defer cancel()
	// Nobody misses an answer that comes too late.
	t.q.pub.Send(ctx, answerWithin, &rabbit.Message{Key: d.ReplyTo,
		Publishing: amqp.Publishing{MessageId: d.CorrelationId + t.s.id, CorrelationId: d.CorrelationId, Body: body}})
}

// drop acknowledges the waiting events.
func (t *serving) drop() (n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	kept := t.moves[:0]
	for _, m := range t.moves {
		if m.dead {
			kept = append(kept, m)
			continue
		}
		m.ack()
		n++
	}
	t.moves = kept
	for i, lane := range t.lanes {
		for _, h := range lane {
			h.ack()
			n++
		}
		t.lanes[i] = nil
	}
	return n
}

// poll is a channel with a queue for answers.
type poll struct {
	q       *Queue
	ch      *amqp.Channel
	reply   string
	answers <-chan amqp.Delivery
	asked   int
}

// polling calls fn with a poll.
func (q *Queue) polling(ctx context.Context, doing string, fn func(context.Context, *poll) error) error {
	ctx, cancel := context.WithTimeout(ctx, adminPatience)
	defer cancel()
	return q.target.Explain(doing, q.asking.Do(ctx, func(ch *amqp.Channel) error {
		mine, err := ch.QueueDeclare("", false, true, true, false, nil)
		if err != nil {
			return err
		}
		p := &poll{q: q, ch: ch, reply: mine.Name}
		if p.answers, err = ch.Consume(mine.Name, "", true, true, false, false, nil); err != nil {
			return err
		}
		return fn(ctx, p)
	}))
}

// ask asks all consuming processes, and adds their answers up. While RabbitMQ takes
// nothing, it asks this process alone.
func (p *poll) ask(ctx context.Context, op string) (sum counts, err error) {
	members, err := p.ch.QueueDeclarePassive(p.q.members(), true, false, false, false, nil)
	if err != nil || members.Consumers == 0 {
		return sum, err
	}
	p.asked++
	id := fmt.Sprint(p.reply, "#", p.asked)
	errs := p.q.pub.Send(ctx, answerWithin, &rabbit.Message{Exchange: p.q.control(),
		Publishing: amqp.Publishing{MessageId: id, CorrelationId: id, ReplyTo: p.reply, Body: []byte(op)}})
	if errs != nil {
		sum = p.q.in.count()
		sum.Subscribed = true // nobody looks at a message that RabbitMQ would not take back
		return sum, ctx.Err()
	}
	late := time.After(answerWithin)
	for n := 0; n < members.Consumers; {
		select {
		case d, ok := <-p.answers:
			if !ok {
				return sum, amqp.ErrClosed
			}
			if d.CorrelationId != id {
				continue
			}
			n++
			var c counts
			if err := json.Unmarshal(d.Body, &c); err == nil {
				sum.add(c)
			}
		case <-late:
			return sum, nil
		case <-ctx.Done():
			return sum, ctx.Err()
		}
	}
	return sum, nil
}

func (c *counts) add(o counts) {
	c.Waiting += o.Waiting
	c.Leased += o.Leased
	c.Dropped += o.Dropped
	c.Subscribed = c.Subscribed || o.Subscribed
	if c.Oldest.IsZero() || !o.Oldest.IsZero() && o.Oldest.Before(c.Oldest) {
		c.Oldest = o.Oldest
	}
}
