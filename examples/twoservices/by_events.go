package main

import (
	"context"
	"fmt"
	"net/http"
	"sync"

	amqp "github.com/rabbitmq/amqp091-go"
)

const exchange = "example.orders"

// byEvents is the two services following events. Each has a queue of its own.
type byEvents struct {
	desk              *service
	address           string
	conn              *amqp.Connection // of the desk
	parcels, invoices *consumer
	packed, billed    *ledger

	mu sync.Mutex
	ch *amqp.Channel // publishes, one after the other
}

func newByEvents(address string) (t *byEvents, err error) {
	t = &byEvents{address: address, packed: newLedger(), billed: newLedger()}
	if t.conn, err = amqp.Dial(address); err != nil {
		return nil, err
	}
	if t.ch, err = t.conn.Channel(); err != nil {
		return nil, err
	}
	if err = t.ch.Confirm(false); err != nil {
		return nil, err
	}
	if err = t.ch.ExchangeDeclare(exchange, "topic", true, false, false, false, nil); err != nil {
		return nil, err
	}
	if t.parcels, err = consume(address, "parcels", t.packed); err != nil {
		return nil, err
	}
	if t.invoices, err = consume(address, "invoices", t.billed); err != nil {
		return nil, err
	}
	t.desk, err = startService(t.take)
	return t, err
}

// take serves the client: once the event is durable in both queues, each service
// will do its part, and the client need not wait for it.
func (t *byEvents) take(w http.ResponseWriter, r *http.Request) {
	if err := t.publish(r.Context(), r.PathValue("order")); err != nil {
		http.Error(w, "desk: "+err.Error(), http.StatusServiceUnavailable)
		return
	}
	w.WriteHeader(http.StatusAccepted)
	fmt.Fprint(w, "will be packed and billed")
}

func (t *byEvents) publish(ctx context.Context, order string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	c, err := t.ch.PublishWithDeferredConfirm(exchange, "order.placed", false, false,
		amqp.Publishing{DeliveryMode: amqp.Persistent, ContentType: "text/plain", Body: []byte(order)})
	if err != nil {
		return err
	}
	if ok, err := c.WaitContext(ctx); err != nil || !ok {
		return fmt.Errorf("the broker did not take it: %v", err)
	}
	return nil
}

func (t *byEvents) url() string                     { return t.desk.url() }
func (t *byEvents) books() (packed, billed *ledger) { return t.packed, t.billed }

func (t *byEvents) wait(ctx context.Context, n int) error {
	if err := t.packed.until(ctx, n); err != nil {
		return err
	}
	return t.billed.until(ctx, n)
}

func (t *byEvents) invoicesAway(away bool) (err error) {
	if away {
		t.invoices.stop()
		return nil
	}
	t.invoices, err = consume(t.address, "invoices", t.billed)
	return err
}

func (t *byEvents) close() {
	t.desk.stop()
	t.parcels.stop()
	t.invoices.stop()
	t.conn.Close()
}

// consumer is a service that works through its queue. Messages that it did not acknowledge before
// it went away come again.
type consumer struct {
	conn *amqp.Connection
	done sync.WaitGroup
}

func consume(address, queue string, into *ledger) (*consumer, error) {
	conn, err := amqp.Dial(address)
	if err != nil {
		return nil, err
	}
	deliveries, err := deliveries(conn, queue)
	if err != nil {
		conn.Close()
		return nil, err
	}
	c := &consumer{conn: conn}
	c.done.Go(func() {
		for d := range deliveries {
			into.add(string(d.Body))
			d.Ack(false) // if this is lost it comes again, and changes nothing
		}
	})
	return c, nil
}

func deliveries(conn *amqp.Connection, queue string) (<-chan amqp.Delivery, error) {
	ch, err := conn.Channel()
	if err != nil {
		return nil, err
	}
	if _, err := ch.QueueDeclare(queue, true, false, false, false, amqp.Table{"x-queue-type": "quorum"}); err != nil {
		return nil, err
	}
	if err := ch.QueueBind(queue, "order.placed", exchange, false, nil); err != nil {
		return nil, err
	}
	return ch.Consume(queue, "", false, false, false, false, nil)
}

func (c *consumer) stop() {
	c.conn.Close()
	c.done.Wait()
}
