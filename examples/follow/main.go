// Command follow is an example of a service that follows events: it prints the changes of all
// shops' orders. docs/events.md explains it.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"os"

	amqp "github.com/rabbitmq/amqp091-go"
)

func main() {
	log.Fatal(follow(os.Args[1], os.Stdout)) // such as amqp://user:password@host/vhost
}

// follow reads its own queue, which keeps events while it does not run.
func follow(url string, out io.Writer) error {
	conn, err := amqp.Dial(url)
	if err != nil {
		return err
	}
	defer conn.Close()
	ch, err := conn.Channel()
	if err != nil {
		return err
	}
	_, err = ch.QueueDeclare("follow", true, false, false, false, amqp.Table{"x-queue-type": "quorum"})
	if err == nil {
		err = ch.QueueBind("follow", "shop.*.order.#", "bellhop.events", false, nil)
	}
	if err != nil {
		return err
	}
	deliveries, err := ch.Consume("follow", "", false, false, false, false, nil)
	if err != nil {
		return err
	}
	newest := map[string]string{} // by order; a real service stores it with its results
	for d := range deliveries {
		var e struct{ Type, Source, Subject, Sequence string }
		if err := json.Unmarshal(d.Body, &e); err != nil {
			return err
		}
		if order := e.Source + "/" + e.Subject; e.Sequence > newest[order] { // or else it was seen
			newest[order] = e.Sequence
			fmt.Fprintln(out, e.Type, order)
		}
		if err := d.Ack(false); err != nil { // only now; else it comes again
			return err
		}
	}
	return errors.New("the connection was lost")
}
