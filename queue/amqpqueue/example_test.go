package amqpqueue_test

import (
	"context"
	"fmt"
	"time"

	"bellhop"
	"bellhop/queue"
	"bellhop/queue/amqpqueue"
)

// A queue in RabbitMQ: send, receive, and give up an event that can never succeed.
func Example() {
	ctx := context.Background()
	target, _, err := amqpqueue.ParseURL(exampleURL()) // such as amqp://USER:PASSWORD@HOST/VHOST
	check(err)
	broker := amqpqueue.NewBroker(target, amqpqueue.Options{SendLimit: patience})
	defer broker.Close()
	check(broker.Create(ctx, "orders", queue.DefaultAttributes()))
	q, err := broker.Open(ctx, "orders")
	check(err)
	defer q.Close()

	// Send returns once RabbitMQ has confirmed the event.
	check(q.Send(ctx, &bellhop.Event{ID: bellhop.EventID{1}, Shop: "demo.myshopify.com", Topic: "orders/create",
		AcceptedAt: time.Now(), Body: []byte(`{`)}))
	deliveries, err := q.Receive(ctx, 10)
	check(err)
	for _, d := range deliveries {
		fmt.Printf("%s %s, attempt %d\n", d.Event.Topic, d.Event.Body, d.Attempt)
		check(q.Settle(ctx, queue.Settlement{Receipt: d.Receipt, Verdict: queue.DeadLetter,
			Reason: "the body is not JSON"}))
	}
	dead, err := q.DeadLetters(ctx, queue.Cursor{}, 10)
	check(err)
	for _, d := range dead {
		fmt.Println("dead:", d.Reason)
	}
	// Output:
	// orders/create {, attempt 1
	// dead: the body is not JSON
}

func exampleURL() string {
	s, err := server()
	check(err)
	vhost, err := s.NewVHost(context.Background())
	check(err)
	return s.URL(vhost)
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
