package sqlitequeue_test

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

// A queue in an SQLite file: an event that fails is retried, and the attempt is counted.
func Example() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "sqlitequeue-example")
	check(err)
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "queue.db")
	_, err = sqlitefile.Migrate(ctx, path, sqlitequeue.Schema())
	check(err)
	file, err := sqlitefile.Open(ctx, path, sqlitefile.Options{})
	check(err)
	defer file.Close()

	broker := sqlitequeue.NewBroker(file, time.Now)
	check(broker.Create(ctx, "orders", queue.DefaultAttributes()))
	q, err := broker.Open(ctx, "orders")
	check(err)
	defer q.Close()

	// Send returns once the event is on disk.
	check(q.Send(ctx, &bellhop.Event{ID: bellhop.EventID{1}, Shop: "demo.myshopify.com", Topic: "orders/create",
		AcceptedAt: time.Now(), Body: []byte(`{"id":1}`)}))
	for _, verdict := range []queue.Verdict{queue.Retry, queue.Ack} {
		deliveries, err := q.Receive(ctx, 10)
		check(err)
		d := deliveries[0]
		fmt.Printf("%s %s, attempt %d\n", d.Event.Topic, d.Event.Body, d.Attempt)
		check(q.Settle(ctx, queue.Settlement{Receipt: d.Receipt, Verdict: verdict}))
	}
	// Output:
	// orders/create {"id":1}, attempt 1
	// orders/create {"id":1}, attempt 2
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
