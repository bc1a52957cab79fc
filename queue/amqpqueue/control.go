package amqpqueue

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"bellhop/internal/rabbit"
)

// What the processes that consume are asked.
const (
	opCount = "count"
	opPurge = "purge" // drop what waits, and count
)

// answerWithin is how long an answer may take. Who does not answer has died, and
// RabbitMQ has not noticed yet.
const answerWithin = 2 * time.Second

// answer answers a request. It runs between whatever else the goroutine does, so
// that nothing is half done.
func (t *tending) answer(d *amqp.Delivery) {
	dropped := 0
	if string(d.Body) == opPurge {
		dropped = t.drop()
	}
	c := t.count()
	c.Dropped = dropped
	body, err := json.Marshal(c)
	if err != nil {
		t.q.log.Error("answer what this process holds", "queue", t.q.name, "err", err)
		return
	}
	ctx, cancel := context.WithTimeout(t.s.ctx, answerWithin)
	defer cancel()
	// An answer that nobody waits for any more is no loss.
	t.q.pub.Send(ctx, answerWithin, &rabbit.Message{Key: d.ReplyTo,
		Publishing: amqp.Publishing{MessageId: d.CorrelationId + t.s.id, CorrelationId: d.CorrelationId, Body: body}})
}

// drop acknowledges what waits here.
func (t *tending) drop() (n int) {
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

// ask asks all processes that consume, and adds their answers up. While RabbitMQ
// takes nothing this process alone is asked.
func (p *poll) ask(ctx context.Context, op string) (sum census, err error) {
	members, err := p.ch.QueueDeclarePassive(p.q.members(), true, false, false, false, nil)
	if err != nil || members.Consumers == 0 {
		return sum, err
	}
	p.asked++
	id := fmt.Sprint(p.reply, "#", p.asked)
	errs := p.q.pub.Send(ctx, answerWithin, &rabbit.Message{Exchange: p.q.control(),
		Publishing: amqp.Publishing{MessageId: id, CorrelationId: id, ReplyTo: p.reply, Body: []byte(op)}})
	if errs != nil {
		return p.q.in.count(), ctx.Err()
	}
	late := time.NewTimer(answerWithin)
	defer late.Stop()
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
			var c census
			if err := json.Unmarshal(d.Body, &c); err == nil {
				sum.add(c)
			}
		case <-late.C:
			return sum, nil
		case <-ctx.Done():
			return sum, ctx.Err()
		}
	}
	return sum, nil
}

func (c *census) add(o census) {
	c.Waiting += o.Waiting
	c.Leased += o.Leased
	c.Dropped += o.Dropped
	if c.Oldest.IsZero() || !o.Oldest.IsZero() && o.Oldest.Before(c.Oldest) {
		c.Oldest = o.Oldest
	}
}
