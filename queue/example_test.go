package queue_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"bellhop"
	"bellhop/internal/sqlitefile"
	"bellhop/queue"
	"bellhop/queue/sqlitequeue"
)

// A queue takes events in, hands each out under a lease, and forgets it once it is
// settled. An event that can never succeed becomes a dead letter, and can be
// redriven.
func Example() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "queue-example")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "queue.db")
	if _, err := sqlitefile.Migrate(ctx, path, sqlitequeue.Schema()); err != nil {
		panic(err)
	}
	file, err := sqlitefile.Open(ctx, path, sqlitefile.Options{})
	if err != nil {
		panic(err)
	}
	defer file.Close()

	broker := sqlitequeue.NewBroker(file, nil)
	if err := broker.Create(ctx, "orders", queue.DefaultAttributes()); err != nil {
		panic(err)
	}
	q, err := broker.Open(ctx, "orders")
	if err != nil {
		panic(err)
	}
	defer q.Close()

	// Send returns once both are on disk.
	good := &bellhop.Event{ID: bellhop.EventID{1}, Shop: "a.myshopify.com", Topic: "orders/create",
		AcceptedAt: time.Now(), Body: []byte(`{"id":1}`)}
	bad := &bellhop.Event{ID: bellhop.EventID{2}, Shop: "b.myshopify.com", Topic: "orders/create",
		AcceptedAt: time.Now(), Body: []byte(`{`)}
	if err := q.Send(ctx, good, bad); err != nil {
		panic(err)
	}

	deliveries, err := q.Receive(ctx, 10)
	if err != nil {
		panic(err)
	}
	for _, d := range deliveries {
		verdict := queue.Settlement{Receipt: d.Receipt, Verdict: queue.Ack}
		if d.Event.ID == bad.ID {
			verdict.Verdict, verdict.Reason = queue.DeadLetter, "the body is not JSON"
		}
		if err := q.Settle(ctx, verdict); err != nil {
			panic(err)
		}
	}
	show(q)
	if _, err := q.Redrive(ctx, bad.ID); err != nil {
		panic(err)
	}
	show(q)
	// Output:
	// 0 waiting, 0 leased, 1 dead
	// 1 waiting, 0 leased, 0 dead
}

func show(q queue.Admin) {
	d, err := q.Depth(context.Background())
	if err != nil {
		panic(err)
	}
	fmt.Printf("%d waiting, %d leased, %d dead\n", d.Waiting, d.Leased, d.Dead)
}
