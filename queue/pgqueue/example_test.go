package pgqueue_test

import (
	"context"
	"fmt"
	"time"

	"bellhop"
	"bellhop/internal/postgres"
	"bellhop/queue"
	"bellhop/queue/pgqueue"
)

// A queue in a PostgreSQL database: send, receive, settle.
func Example() {
	ctx := context.Background()
	url := exampleURL() // such as postgres://USER:PASSWORD@HOST/DATABASE
	_, err := postgres.Migrate(ctx, url, pgqueue.Schema())
	check(err)
	pools, err := postgres.Open(ctx, postgres.Options{URL: url})
	check(err)
	defer pools.Close()

	broker := pgqueue.NewBroker(pools, patient)
	check(broker.Create(ctx, "orders", queue.DefaultAttributes()))
	q, err := broker.Open(ctx, "orders")
	check(err)
	defer q.Close()

	// Send returns once the event is on disk.
	check(q.Send(ctx, &bellhop.Event{ID: bellhop.EventID{1}, Shop: "demo.myshopify.com", Topic: "orders/create",
		AcceptedAt: time.Now(), Body: []byte(`{"id":1}`)}))
	deliveries, err := q.Receive(ctx, 10)
	check(err)
	for _, d := range deliveries {
		fmt.Printf("%s %s, attempt %d\n", d.Event.Topic, d.Event.Body, d.Attempt)
		check(q.Settle(ctx, queue.Settlement{Receipt: d.Receipt, Verdict: queue.Ack}))
	}
	depth, err := q.Depth(ctx)
	check(err)
	fmt.Println(depth.Waiting, "waiting,", depth.Leased, "leased")
	// Output:
	// orders/create {"id":1}, attempt 1
	// 0 waiting, 0 leased
}

func exampleURL() string {
	s, err := server()
	check(err)
	name, err := s.NewDatabase(context.Background())
	check(err)
	return s.URL(name)
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
