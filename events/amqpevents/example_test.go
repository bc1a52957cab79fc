package amqpevents_test

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"bellhop"
	"bellhop/events"
	"bellhop/events/amqpevents"
)

// Another service binds a queue of its own to the exchange, and follows along.
func Example() {
	ctx := context.Background()
	address := exampleURL() // such as amqp://USER:PASSWORD@HOST/VHOST
	options, _, err := amqpevents.ParseURL(address)
	check(err)
	publisher := amqpevents.New(options)
	defer publisher.Close()
	check(publisher.Check(ctx)) // makes the exchange

	// The other service.
	conn, err := amqp.Dial(address)
	check(err)
	defer conn.Close()
	ch, err := conn.Channel()
	check(err)
	q, err := ch.QueueDeclare("parcels", true, false, false, false, amqp.Table{"x-queue-type": "quorum"})
	check(err)
	check(ch.QueueBind(q.Name, "shop.*.order.recorded", amqpevents.DefaultExchange, false, nil))
	deliveries, err := ch.Consume(q.Name, "", false, false, false, false, nil)
	check(err)

	// Publish returns once RabbitMQ has confirmed the event.
	order := &bellhop.Order{Shop: "demo.myshopify.com", ID: 1, Name: "#1001"}
	check(publisher.Publish(ctx, []*events.Event{events.Composer{}.Order(events.Change{Origin: "store", Seq: 1,
		Type: events.OrderRecorded, Shop: order.Shop, OrderID: order.ID, At: time.Now()}, order)}))
	d := <-deliveries
	var e struct {
		Type string
		Data struct{ Name string }
	}
	check(json.Unmarshal(d.Body, &e))
	fmt.Println(d.RoutingKey, e.Type, e.Data.Name, d.Ack(false))
	// Output: shop.demo.order.recorded order.recorded #1001 <nil>
}

func exampleURL() string {
	r, err := server()
	check(err)
	vhost, err := r.NewVHost(context.Background())
	check(err)
	return r.URL(vhost)
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
