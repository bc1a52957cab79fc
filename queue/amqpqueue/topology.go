package amqpqueue

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"bellhop/internal/rabbit"
)

// The queues of RabbitMQ that make up one of bellhop's. A backlog holds up only its
// own lane.
const (
	spread = 8 // lanes for the events of all shops
	// largeLanes are for messages above largeBody: RabbitMQ bounds deliveries ahead
	// by count alone, and that many large ones would fill the memory.
	largeLanes = 2
	// suspects is the lane of events that may have ended their consumers. RabbitMQ
	// delivers one at a time, so that its count of deliveries says which one it
	// was.
	suspects = spread + largeLanes
	// incoming is the first lane of messages that bellhop did not send. Consumers move them on.
	incoming = suspects + 1
	lanes    = incoming + spread
)

// largeBody bounds a message of the other lanes: with all deliveries ahead a
// process holds 64 MiB at most.
const largeBody = 32 << 10

// ahead is how many messages of a lane RabbitMQ delivers ahead to a process that
// wants batches of want: a batch, while all are of one lane. With a quarter of it a
// flood of one shop is recorded half as fast. Of large ones it is one batch. Those that came in only pass through, and
// may have 8 MiB each.
func ahead(lane, want int) int {
	switch {
	case lane == suspects:
		return 1
	case lane >= incoming:
		return 32
	case lane >= spread:
		return 4
	}
	return min(256, max(2, want))
}

// names makes the names of the queues and exchanges of RabbitMQ that make up a
// queue.
type names string

func (n names) dead() string                { return string(n) + ".dead" }
func (n names) delay(step int) string       { return fmt.Sprintf("%s.delay.%ds", n, steps[step]/time.Second) }
func (n names) in() string                  { return string(n) + ".in" }
func (n names) control() string             { return string(n) + ".control" }
func (n names) nobody() string              { return string(n) + ".nobody" } // never there
func (n names) members() string             { return string(n) + ".members" }
func (n names) body(id fmt.Stringer) string { return fmt.Sprintf("%s.body.%s", n, id) }

func (n names) lane(i int) string {
	switch {
	case i == suspects:
		return string(n) + ".suspects"
	case i >= incoming:
		return fmt.Sprintf("%s.%d", n.in(), i-incoming)
	case i >= spread:
		return fmt.Sprintf("%s.large.%d", n, i-spread)
	}
	return fmt.Sprintf("%s.%d", n, i)
}

// waiting lists the queues of RabbitMQ with waiting messages.
func (n names) waiting() (all []string) {
	for i := range lanes {
		all = append(all, n.lane(i))
	}
	return append(all, n.delays()...)
}

func (n names) delays() (all []string) {
	for i := range steps {
		all = append(all, n.delay(i))
	}
	return all
}

// exchanges lists those before each step, the one for producers of one's own, and the one for questions.
func (n names) exchanges() []string { return append(n.delays(), n.in(), n.control()) }

// steps bound how long retries wait, each in a queue of its own. Messages leave
// such a queue only at its head, so that one may wait for another: up to the next
// step, four times as long as it should.
var steps = [...]time.Duration{1 * time.Second, 4 * time.Second, 16 * time.Second, 64 * time.Second,
	256 * time.Second, 1024 * time.Second, 4096 * time.Second}

func stepFor(delay time.Duration) int {
	i, _ := slices.BinarySearch(steps[:], delay)
	return min(i, len(steps)-1)
}

// unlimited is a delivery limit for queues that bellhop reads without consuming:
// else RabbitMQ 4 drops a message after 20 reads.
const unlimited = int32(1<<31 - 1)

// incomingBytes bounds what waits in a lane of messages that came in: about 100,000 orders.
const incomingBytes = int64(1 << 30)

// heldFor is above the longest lease. RabbitMQ has known this argument since
// 3.12; one before closes a channel that holds a message for half an hour.
const heldFor = int64(13 * time.Hour / time.Millisecond)

func quorum(more amqp.Table) amqp.Table {
	args := amqp.Table{"x-queue-type": "quorum", "x-queue-leader-locator": "balanced"}
	maps.Copy(args, more)
	return args
}

// moving makes RabbitMQ move messages elsewhere without losing one on the way.
func moving(more amqp.Table) amqp.Table {
	args := quorum(amqp.Table{"x-dead-letter-exchange": "", "x-dead-letter-strategy": "at-least-once",
		"x-overflow": "reject-publish"})
	maps.Copy(args, more)
	return args
}

// declaration is a queue of RabbitMQ that must be there.
type declaration struct {
	name string
	args amqp.Table
}

func (n names) queues() []declaration {
	all := []declaration{
		// Without a bound: a dead letter that has no room would hold up its lane.
		{n.dead(), quorum(amqp.Table{"x-delivery-limit": unlimited})},
		// Nothing is ever in it: it counts who consumes, also while a node is down.
		{n.members(), quorum(amqp.Table{"x-delivery-limit": unlimited})},
	}
	for i := range incoming {
		// The delivery limit is a backstop, above any setting: the driver counts by
		// itself.
		all = append(all, declaration{n.lane(i),
			moving(amqp.Table{"x-delivery-limit": int32(1000), "x-dead-letter-routing-key": n.dead(),
				"x-consumer-timeout": heldFor})})
	}
	for i := incoming; i < lanes; i++ {
		// Strangers may fill it, and the producer of what is too much learns it from RabbitMQ's answer.
		all = append(all, declaration{n.lane(i), quorum(amqp.Table{"x-delivery-limit": unlimited,
			"x-consumer-timeout": heldFor, "x-max-length-bytes": incomingBytes, "x-overflow": "reject-publish"})})
	}
	for _, name := range n.delays() {
		all = append(all, declaration{name, moving(amqp.Table{"x-delivery-limit": unlimited})})
	}
	return all
}

// declare makes missing queues and exchanges, and refuses those that differ.
func (n names) declare(ctx context.Context, t rabbit.Target, ask *rabbit.Session) error {
	return n.all(ctx, t, ask, "declare", func(ch *amqp.Channel, d declaration) error {
		_, err := ch.QueueDeclare(d.name, true, false, false, false, d.args)
		return err
	}, func(ch *amqp.Channel, name string) error {
		if name == n.in() {
			return n.declareIn(ch)
		}
		err := ch.ExchangeDeclare(name, amqp.ExchangeFanout, true, false, false, false, nil)
		if err != nil || name == n.control() {
			return err
		}
		// The default exchange takes a message to its lane once its time is over, if
		// it came here by its lane's name: hence an exchange before each step.
		return ch.QueueBind(name, "", name, false, nil)
	})
}

// firsts are the first characters that shops' domains have.
const firsts = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"

// declareIn makes the exchange for producers of one's own. They need no right beyond it, and reach no lane of
// bellhop's. The routing key keeps shops apart: the first character of the domain, since RabbitMQ does not hash.
// Messages without one stand in one line.
func (n names) declareIn(ch *amqp.Channel) error {
	if err := ch.ExchangeDeclare(n.in(), amqp.ExchangeDirect, true, false, false, false, nil); err != nil {
		return err
	}
	for i, key := range append(strings.Split(firsts, ""), "") {
		more := key != "" // the last one's answer is that for all
		if err := ch.QueueBind(n.lane(incoming+i%spread), key, n.in(), more, nil); err != nil {
			return err
		}
	}
	return nil
}

// remove deletes all queues and exchanges.
func (n names) remove(ctx context.Context, t rabbit.Target, ask *rabbit.Session) error {
	return n.all(ctx, t, ask, "delete", func(ch *amqp.Channel, d declaration) error {
		_, err := ch.QueueDelete(d.name, false, false, false)
		return err
	}, func(ch *amqp.Channel, name string) error { return ch.ExchangeDelete(name, false, false) })
}

// all does something with each queue and then each exchange.
func (n names) all(ctx context.Context, t rabbit.Target, ask *rabbit.Session, verb string,
	queue func(*amqp.Channel, declaration) error, exchange func(*amqp.Channel, string) error) error {
	ctx, cancel := context.WithTimeout(ctx, adminPatience)
	defer cancel()
	doing := ""
	err := ask.Ask(ctx, func(ch *amqp.Channel) error {
		for _, d := range n.queues() {
			doing = verb + " the queue " + d.name
			if err := queue(ch, d); err != nil {
				return err
			}
		}
		for _, name := range n.exchanges() {
			doing = verb + " the exchange " + name
			if err := exchange(ch, name); err != nil {
				return err
			}
		}
		return nil
	})
	return t.Explain(doing, err)
}
