package amqpqueue

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"bellhop"
	"bellhop/internal/rabbit"
)

// partRoom is the room in a message beside its body. A broker that takes no more
// than that takes nothing.
const partRoom = 1 << 10

// wholeBody bounds a packed body in one message: RabbitMQ delivers eight large ones ahead, so 64 MiB. A
// body in parts is only fetched under a lease.
const wholeBody = 8 << 20

// partsFor is how long RabbitMQ keeps the parts of a body that nobody reads: longer
// than any event waits, also among the dead letters.
const partsFor = int64(180 * 24 * time.Hour / time.Millisecond)

// sendParts sends an event whose body fits into no message: first the body in
// several messages, to a queue of its own, then the event.
func (q *Queue) sendParts(ctx context.Context, id bellhop.EventID, m *rabbit.Message) error {
	size := int(q.pub.Limit()) - partRoom
	if size <= 0 {
		return bellhop.Errorf(bellhop.TooLarge, "body_size",
			"RabbitMQ takes messages of %d bytes: raise its max_message_size", q.pub.Limit())
	}
	name := q.names.body(id)
	ctx, cancel := context.WithTimeout(ctx, q.limit)
	defer cancel()
	err := q.asking.Ask(ctx, func(ch *amqp.Channel) error {
		_, err := ch.QueueDeclare(name, true, false, false, false,
			quorum(amqp.Table{"x-delivery-limit": unlimited, "x-expires": partsFor}))
		return err
	})
	if err != nil {
		return q.target.Explain("make the queue "+name, err)
	}
	var parts []*rabbit.Message
	for body := m.Body; len(body) > 0; {
		n := min(size, len(body))
		parts = append(parts, &rabbit.Message{Key: name,
			Publishing: amqp.Publishing{MessageId: fmt.Sprint(id, ".", len(parts)),
				Headers: amqp.Table{headPart: int32(len(parts))}, Body: body[:n]}})
		body = body[n:]
	}
	if errs := q.pub.Send(ctx, q.limit, parts...); errs != nil {
		return errors.Join(errs...)
	}
	m.Headers[headParts], m.Body = int32(len(parts)), nil
	return errors.Join(q.pub.Send(ctx, q.limit, m)...)
}

// fetchParts reads a body in several messages, and leaves them there.
func (q *Queue) fetchParts(ctx context.Context, id bellhop.EventID, n int) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, adminPatience)
	defer cancel()
	parts := map[int][]byte{}
	err := q.asking.Do(ctx, func(ch *amqp.Channel) error {
		for len(parts) < n {
			d, ok, err := ch.Get(q.names.body(id), false)
			if err != nil {
				return err
			}
			if !ok {
				return errNoParts // or another process reads them now
			}
			parts[number(d.Headers[headPart])] = d.Body
		}
		return nil
	})
	if err != nil {
		return nil, q.target.Explain("read the body of event "+id.String(), err)
	}
	var body bytes.Buffer
	for i := range n {
		body.Write(parts[i])
	}
	return body.Bytes(), nil
}

// dropParts deletes the body of a settled event.
func (q *Queue) dropParts(ctx context.Context, m decoded) {
	if m.parts == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, settlePatience)
	defer cancel()
	err := q.asking.Ask(ctx, func(ch *amqp.Channel) error {
		_, err := ch.QueueDelete(q.names.body(m.event.ID), false, false, false)
		return err
	})
	if err != nil {
		q.log.Warn("delete the body of a settled event", "event", m.event.ID, "err", err)
	}
}
