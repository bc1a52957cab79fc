package amqpqueue_test

import (
	"context"
	"log/slog"
	"sync"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"

	"bellhop"
	"bellhop/internal/rabbit"
	"bellhop/internal/realserver"
	"bellhop/queue"
	"bellhop/queue/amqpqueue"
	"bellhop/queue/queuetest"
)

func TestMain(m *testing.M) {
	realserver.SkipExamples(realserver.RabbitMQInstalled())
	queuetest.Main(m, func(_ context.Context, address string) (queue.Broker, error) {
		target, _, err := amqpqueue.ParseURL(address)
		if err != nil {
			return nil, err
		}
		return amqpqueue.NewBroker(target, amqpqueue.Options{SendLimit: patience}), nil
	})
}

// server starts RabbitMQ once for all tests of this process; it ends with it.
var server = sync.OnceValues(func() (*realserver.RabbitMQ, error) {
	return realserver.StartRabbitMQ(context.Background())
})

func newVHost(t testing.TB) string {
	t.Helper()
	r, err := server()
	realserver.Need(t, err)
	vhost, err := r.NewVHost(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return r.URL(vhost)
}

// opened remembers a broker's address.
type opened struct {
	*amqpqueue.Broker
	address string
}

func open(t testing.TB, address string) opened {
	t.Helper()
	target, _, err := rabbit.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	b := amqpqueue.NewBroker(target, amqpqueue.Options{Log: log, SendLimit: patience})
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Errorf("close the broker: %v", err)
		}
	})
	return opened{b, address}
}

var harness = queuetest.Harness{
	Broker:  func(t testing.TB) queue.Broker { return open(t, newVHost(t)) },
	Again:   func(t testing.TB, b queue.Broker) queue.Broker { return open(t, b.(opened).address) },
	Address: func(b queue.Broker) string { return b.(opened).address },
	Damage:  damage,
}

// damage replaces the body of the one large message.
func damage(t testing.TB, b queue.Broker, e *bellhop.Event) {
	t.Helper()
	conn, err := amqp.Dial(b.(opened).address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ch, err := conn.Channel()
	if err != nil {
		t.Fatal(err)
	}
	for _, lane := range []string{"orders.large.0", "orders.large.1"} {
		d, there, err := ch.Get(lane, true)
		if err != nil {
			t.Fatal(err)
		}
		if !there {
			continue
		}
		d.Headers["coding"] = int64(1)
		err = ch.PublishWithContext(t.Context(), "", lane, true, false, amqp.Publishing{MessageId: d.MessageId,
			DeliveryMode: amqp.Persistent, Headers: d.Headers, Body: []byte{255, 255, 255}})
		if err != nil || d.MessageId != e.ID.String() {
			t.Fatalf("replace message %s: %v", d.MessageId, err)
		}
		return
	}
	t.Fatal("there is no large message")
}

func TestConformance(t *testing.T) { queuetest.Run(t, harness) }

func BenchmarkQueue(b *testing.B) { queuetest.Bench(b, harness) }
