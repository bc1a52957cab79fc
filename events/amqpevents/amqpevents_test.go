package amqpevents_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"strings"
	"sync"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"

	"bellhop"
	"bellhop/events"
	"bellhop/events/amqpevents"
	"bellhop/events/eventstest"
	"bellhop/internal/rabbit"
	"bellhop/internal/realserver"
)

// server is the one RabbitMQ of this process that is never restarted.
var server = sync.OnceValues(func() (r *realserver.RabbitMQ, err error) {
	r, err = realserver.StartRabbitMQ(context.Background())
	started = r
	return r, err
})

var started *realserver.RabbitMQ // nil if no test asked for it

func TestMain(m *testing.M) {
	realserver.SkipExamples(realserver.RabbitMQInstalled())
	code := m.Run()
	if started != nil {
		if err := started.Close(); err != nil {
			log.Print(err)
		}
	}
	os.Exit(code)
}

func node(t testing.TB) *realserver.RabbitMQ {
	t.Helper()
	r, err := server()
	realserver.Need(t, err)
	return r
}

func newVHost(t testing.TB, r *realserver.RabbitMQ) string {
	t.Helper()
	v, err := r.NewVHost(context.Background())
	must(t, err)
	return v
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func open(t testing.TB, address string) *amqpevents.Publisher {
	t.Helper()
	o, _, err := amqpevents.ParseURL(address)
	must(t, err)
	p := amqpevents.New(o)
	t.Cleanup(func() { p.Close() })
	return p
}

func dial(t testing.TB, address string) *amqp.Channel {
	t.Helper()
	target, _, err := rabbit.Parse(address)
	must(t, err)
	c, err := target.Dial(context.Background(), "test")
	must(t, err)
	t.Cleanup(func() { c.Close() })
	ch, err := c.Channel()
	must(t, err)
	return ch
}

// listen routes all events into a queue, and returns the function that takes them
// out. It polls instead of consuming, so that it outlives the node.
func listen(t testing.TB, address, exchange string) func(context.Context) (eventstest.Message, error) {
	t.Helper()
	ch := dial(t, address)
	must(t, ch.ExchangeDeclare(exchange, "topic", true, false, false, false, nil))
	q, err := ch.QueueDeclare("follower", true, false, false, false, nil)
	must(t, err)
	must(t, ch.QueueBind(q.Name, "shop.#", exchange, false, nil))
	var consume <-chan amqp.Delivery
	return func(ctx context.Context) (eventstest.Message, error) {
		for {
			if consume == nil {
				if ch.IsClosed() {
					ch = dial(t, address)
				}
				if consume, err = ch.Consume(q.Name, "", true, false, false, false, nil); err != nil {
					return eventstest.Message{}, err
				}
			}
			select {
			case d, ok := <-consume:
				if ok {
					return eventstest.Message{ContentType: d.ContentType, Body: d.Body}, nil
				}
				consume = nil
			case <-ctx.Done():
				return eventstest.Message{}, ctx.Err()
			}
		}
	}
}

func TestConformance(t *testing.T) {
	eventstest.Run(t, func(t testing.TB) eventstest.Service {
		r := node(t)
		if strings.HasSuffix(t.Name(), "DurableOncePublished") {
			var err error
			r, err = realserver.StartRabbitMQ(context.Background())
			realserver.Need(t, err)
			t.Cleanup(func() { r.Close() })
		}
		vhost := newVHost(t, r)
		proxy := realserver.StartProxy(t, r.Addr)
		return eventstest.Service{
			Publisher: open(t, realserver.RabbitURL(proxy.Addr, vhost)),
			Listen: func(t testing.TB) func(context.Context) (eventstest.Message, error) {
				return listen(t, r.URL(vhost), amqpevents.DefaultExchange)
			},
			Away: func(testing.TB) func() { proxy.Stop(); return proxy.Start },
			Restart: func(t testing.TB) {
				r.Stop()
				must(t, r.Restart(context.Background()))
			},
		}
	})
}

func TestParseURL(t *testing.T) {
	o, params, err := amqpevents.ParseURL("amqp://jo:secret@mq/shop?exchange=mine&customer=yes", "customer")
	if err != nil || o.Exchange != "mine" || params.Get("customer") != "yes" || o.Target.VHost != "shop" {
		t.Errorf("%+v, %v, %v", o, params, err)
	}
	for address, want := range map[string]string{
		"amqp://jo:secret@mq/?exchange=amq.topic":                   "give another name",
		"amqp://jo:secret@mq/?exchange=" + strings.Repeat("x", 256): "give another name",
		"amqp://jo:secret@mq/?queue=orders":                         `no parameter "queue"`,
		"sqs://jo:secret@mq/":                                       "neither amqp: nor amqps:",
	} {
		_, _, err := amqpevents.ParseURL(address)
		if err == nil || bellhop.KindOf(err) != bellhop.Invalid || !strings.Contains(err.Error(), want) ||
			strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", address, err)
		}
	}
}

func TestRouting(t *testing.T) {
	address := node(t).URL(newVHost(t, node(t)))
	p := open(t, address+"?exchange=mine")
	must(t, p.Check(t.Context()))
	ch := dial(t, address)
	for queue, key := range map[string]string{"all": "shop.#", "one shop": "shop.second.#",
		"recorded": "shop.*.order.recorded", "exactly": "shop.demo.push.settled"} {
		_, err := ch.QueueDeclare(queue, true, false, false, false, nil)
		must(t, err)
		must(t, ch.QueueBind(queue, key, "mine", false, nil))
	}
	n := int64(0)
	for _, shop := range []string{"demo.myshopify.com", "second.myshopify.com"} {
		for _, kind := range events.Types() {
			n++
			must(t, p.Publish(t.Context(), []*events.Event{{ID: fmt.Sprint(n), Shop: shop, Type: kind, OrderID: n,
				Sequence: n}}))
		}
	}
	types := len(events.Types())
	for queue, want := range map[string]int{"all": 2 * types, "one shop": types, "recorded": 2, "exactly": 1} {
		q, err := ch.QueueDeclarePassive(queue, true, false, false, false, nil)
		must(t, err)
		if q.Messages != want {
			t.Errorf("the queue %q has %d messages, want %d", queue, q.Messages, want)
		}
	}
	d, _, err := ch.Get("exactly", true)
	must(t, err)
	if d.RoutingKey != "shop.demo.push.settled" || d.DeliveryMode != amqp.Persistent ||
		d.ContentType != events.ContentType {
		t.Errorf("got %+v", d)
	}
}

// TestExchangeDeleted deletes the exchange while events are published.
func TestExchangeDeleted(t *testing.T) {
	address := node(t).URL(newVHost(t, node(t)))
	p := open(t, address)
	one := []*events.Event{{ID: "1", Shop: "a.myshopify.com", Type: events.OrderRecorded, OrderID: 1}}
	must(t, p.Publish(t.Context(), one))
	must(t, dial(t, address).ExchangeDelete(amqpevents.DefaultExchange, false, false))
	must(t, p.Publish(t.Context(), one))
}

func TestExchangeOfAnotherKind(t *testing.T) {
	address := node(t).URL(newVHost(t, node(t)))
	must(t, dial(t, address).ExchangeDeclare(amqpevents.DefaultExchange, "fanout", true, false, false, false, nil))
	err := open(t, address).Check(t.Context())
	if bellhop.KindOf(err) != bellhop.Conflict || !strings.Contains(err.Error(), "bellhop.events") ||
		strings.Contains(err.Error(), "\n") {
		t.Errorf("Check: %v", err)
	}
}
