package amqpqueue

import (
	"fmt"
	"reflect"
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
	headTrace    = "traceparent" // W3C's, for other readers
	headCoding   = "coding"      // of the packed body; absent if it isn't packed
	headParts    = "parts"       // the number of messages with its body, in a queue of its own
	headPart     = "part"        // the number of such a message, from 0
	headAttempts = "attempts"    // before this message was published
	headLost     = "lost"        // leases before it that ended without a verdict
	headReason   = "reason"      // why it is a dead letter
	headDiedAt   = "died_at"     // when it became one
)

// RabbitMQ's own headers.
const (
	headDeliveries = "x-delivery-count" // deliveries of this message before this one
	headDeath      = "x-death"
)

// encode makes the message for an event's first send. Its body may be in scratch.
func (b *Broker) encode(e *bellhop.Event, scratch *[]byte) (*rabbit.Message, error) {
	if err := queue.CheckBody(e); err != nil {
		return nil, err
	}
	return b.pack(e, scratch)
}

func (b *Broker) pack(e *bellhop.Event, scratch *[]byte) (*rabbit.Message, error) {
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

// decoded is a message without its body.
type decoded struct {
	event    *bellhop.Event
	coding   int64
	parts    int
	attempts int // before this one
	// deliveries are RabbitMQ's deliveries of this message before this one. Nobody
	// knows whether a consumer began anything with them.
	deliveries int
	lost       int // leases that ended without a verdict, and deliveries
}

// size is the size of the unpacked body.
func (h *held) size() int {
	if h.parts > 0 {
		return bellhop.MaxBody // they are not here yet
	}
	return bodies.Size(h.coding, h.d.Body)
}

// decode reads a message. Its error is of kind bellhop.Invalid for a message that
// is not bellhop's, and of another kind for one of a later version.
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
	switch n := reflect.ValueOf(v); {
	case n.CanInt():
		return int(n.Int())
	case n.CanUint():
		return int(n.Uint())
	}
	return 0
}

// again returns a copy of a message with these numbers of attempts and lost leases,
// without RabbitMQ's headers and those of a dead letter.
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

// deadEvent reads a dead letter. One that RabbitMQ itself moved after too many
// deliveries has only RabbitMQ's reason.
func deadEvent(d *amqp.Delivery, m decoded) queue.DeadEvent {
	l := queue.DeadEvent{Event: m.event, Attempts: number(d.Headers[headAttempts])}
	l.Reason, _ = d.Headers[headReason].(string)
	if at, ok := d.Headers[headDiedAt].(string); ok {
		l.DiedAt, _ = time.Parse(time.RFC3339Nano, at) // zero if somebody else wrote it
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
