package amqpqueue

import (
	"fmt"
	"strings"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"bellhop"
	"bellhop/internal/bodies"
	"bellhop/internal/envelope"
	"bellhop/internal/rabbit"
	"bellhop/queue"
)

// The headers of a message. All others are RabbitMQ's own.
const (
	headEvent    = envelope.Name // all of the event but its body and its trace
	headTrace    = "traceparent" // as W3C has it, for whoever else reads it
	headCoding   = "coding"      // how the body is packed; absent when it is as it came
	headParts    = "parts"       // how many messages its body is in, in a queue of its own
	headPart     = "part"        // which of them a message is, from 0
	headAttempts = "attempts"    // before this message was published
	headLost     = "lost"        // leases before it that ended without a verdict
	headReason   = "reason"      // why it is a dead letter
	headDiedAt   = "died_at"     // and since when
)

// What RabbitMQ writes.
const (
	headDeliveries = "x-delivery-count" // deliveries of this message before this one
	headDeath      = "x-death"
)

// encode returns the message for an event that is sent for the first time. Its
// body may be in scratch.
func (b *Broker) encode(e *bellhop.Event, scratch *[]byte) (*rabbit.Message, error) {
	if err := queue.CheckBody(e); err != nil {
		return nil, err
	}
	traceless := *e
	traceless.TraceParent = ""
	meta, err := envelope.Marshal(&traceless)
	if err != nil {
		return nil, err
	}
	headers := amqp.Table{headEvent: meta}
	if e.TraceParent != "" {
		headers[headTrace] = e.TraceParent
	}
	coding, body := b.packer.Pack(scratch, e.Body)
	if coding != 0 {
		headers[headCoding] = coding
	}
	return &rabbit.Message{Publishing: amqp.Publishing{MessageId: e.ID.String(), Headers: headers, Body: body}}, nil
}

// decoded is a message that was read, but for its body.
type decoded struct {
	event    *bellhop.Event
	coding   int64
	parts    int
	attempts int // before this one
	// deliveries are those of this message before this one. Nobody knows whether
	// anything was begun with them.
	deliveries int
	lost       int // leases that ended without a verdict, and deliveries
}

// size is that of the body once it is unpacked.
func (h *held) size() int {
	if h.parts > 0 {
		return queue.MaxBody // they are not here yet
	}
	return bodies.Size(h.coding, h.d.Body)
}

// decode reads a message. Its error is of kind bellhop.Invalid for one that is
// none of bellhop's, and another for one of a later version.
func decode(d *amqp.Delivery) (m decoded, err error) {
	m.attempts, m.deliveries = number(d.Headers[headAttempts]), number(d.Headers[headDeliveries])
	m.lost = number(d.Headers[headLost]) + m.deliveries
	m.coding, m.parts = int64(number(d.Headers[headCoding])), number(d.Headers[headParts])
	text, there := d.Headers[headEvent].(string)
	if m.event, err = envelope.Unmarshal(text, there); err == nil {
		m.event.TraceParent, _ = d.Headers[headTrace].(string)
	}
	return m, err
}

// number reads a number of any of AMQP's types.
func number(v any) int {
	switch n := v.(type) {
	case int64:
		return int(n)
	case int32:
		return int(n)
	case int16:
		return int(n)
	case int8:
		return int(n)
	case uint8:
		return int(n)
	case uint16:
		return int(n)
	case uint32:
		return int(n)
	}
	return 0
}

// again returns a copy of a message that says how often it was tried before, and
// lost, without what RabbitMQ wrote, and what makes it a dead letter.
func again(d *amqp.Delivery, attempts, lost int) *rabbit.Message {
	headers := amqp.Table{}
	for k, v := range d.Headers {
		if !strings.HasPrefix(k, "x-") && k != headReason && k != headDiedAt && k != headAttempts && k != headLost {
			headers[k] = v
		}
	}
	if attempts > 0 {
		headers[headAttempts] = int32(attempts)
	}
	if lost > 0 {
		headers[headLost] = int32(lost)
	}
	return &rabbit.Message{Publishing: amqp.Publishing{MessageId: d.MessageId, ContentType: d.ContentType,
		Headers: headers, Body: d.Body}}
}

// deadCopy returns a copy of a message as a dead letter.
func deadCopy(d *amqp.Delivery, attempts int, reason string, now time.Time) *rabbit.Message {
	m := again(d, attempts, 0)
	m.Headers[headReason] = queue.CleanReason(reason)
	m.Headers[headDiedAt] = now.UTC().Format(time.RFC3339Nano)
	return m
}

// deadEvent reads a dead letter. One that RabbitMQ itself moved, when
// it was delivered too often, has only the reason of RabbitMQ.
func deadEvent(d *amqp.Delivery, m decoded) queue.DeadEvent {
	l := queue.DeadEvent{Event: m.event, Attempts: number(d.Headers[headAttempts])}
	l.Reason, _ = d.Headers[headReason].(string)
	if at, ok := d.Headers[headDiedAt].(string); ok {
		l.DiedAt, _ = time.Parse(time.RFC3339Nano, at) // zero is as good as any when somebody else wrote it
	}
	if l.Reason != "" {
		return l
	}
	l.Reason = "RabbitMQ gave it up"
	if deaths, ok := d.Headers[headDeath].([]any); ok && len(deaths) > 0 {
		if death, ok := deaths[0].(amqp.Table); ok {
			l.Reason = fmt.Sprintf("RabbitMQ gave it up (%v)", death["reason"])
			l.DiedAt, _ = death["time"].(time.Time)
		}
	}
	l.Attempts += m.deliveries
	return l
}
