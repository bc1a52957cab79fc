package amqpqueue

import (
	"net/http"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

// read is decode also for a message that bellhop did not send, which it makes bellhop's own; all that came in is such a
// message. With an error of kind bellhop.Invalid the event, if there is one, is what could be read of it.
func (q *Queue) read(d *amqp.Delivery, cameIn bool) (m decoded, err error) {
	if _, ours := d.Headers[headEvent]; q.open == nil || ours && !cameIn {
		return decode(d)
	}
	m.deliveries = number(d.Headers[headDeliveries])
	delete(d.Headers, headEvent) // else its dead letter would pass for bellhop's own
	if m.event, err = q.open(headersOf(d), d.Body, time.Time{}); m.event == nil {
		return m, err
	}
	own, bad := q.pack(m.event, new([]byte))
	if bad != nil {
		return m, bad
	}
	m.coding = int64(number(own.Headers[headCoding]))
	d.MessageId, d.Headers, d.Body, d.ContentType = own.MessageId, own.Headers, own.Body, ""
	return m, err
}

// headersOf returns the headers that are texts.
func headersOf(d *amqp.Delivery) http.Header {
	h := http.Header{}
	for name, value := range d.Headers {
		switch v := value.(type) {
		case string:
			h.Add(name, v)
		case []byte:
			h.Add(name, string(v))
		}
	}
	return h
}
