package sqsqueue_test

import (
	"context"
	"fmt"
	"strings"
	"time"

	"bellhop"
	"bellhop/queue"
	"bellhop/queue/sqsqueue"
)

// A queue in SQS: send, receive, settle. Here a stand-in takes the place of SQS.
func Example() {
	ctx := context.Background()
	// In AWS: sqs://sqs.REGION.amazonaws.com/ACCOUNT/NAME
	options, name, err := sqsqueue.ParseURL("sqs+" + endpoint() + "/000000000000/example-orders?region=us-east-1")
	check(err)
	broker, err := sqsqueue.NewBroker(ctx, options)
	check(err)
	check(broker.Create(ctx, name, queue.DefaultAttributes())) // and its dead letters, NAME-dead
	q, err := broker.Open(ctx, name)
	check(err)
	defer q.Close()

	check(q.Send(ctx, &bellhop.Event{ID: bellhop.EventID{1}, Shop: "demo.myshopify.com", Topic: "orders/create",
		AcceptedAt: time.Now(), Body: []byte(`{"id":1}`)}))
	deliveries, err := q.Receive(ctx, 10)
	check(err)
	for _, d := range deliveries {
		fmt.Printf("%s %s, attempt %d\n", d.Event.Topic, d.Event.Body, d.Attempt)
		check(q.Settle(ctx, queue.Settlement{Receipt: d.Receipt, Verdict: queue.Ack}))
	}
	// Output: orders/create {"id":1}, attempt 1
}

func endpoint() string {
	s, err := standIn()
	check(err)
	return strings.TrimSuffix(s.Endpoint, "/")
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
