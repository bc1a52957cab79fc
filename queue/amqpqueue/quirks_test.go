package amqpqueue_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"bellhop"
	"bellhop/internal/rabbit"
	"bellhop/queue"
	"bellhop/queue/amqpqueue"
)

const patience = time.Minute

// event makes an event of a shop; the same n makes the same id.
func event(shop string, n int) *bellhop.Event {
	e := &bellhop.Event{Shop: shop + ".myshopify.com", Topic: "orders/create", WebhookID: fmt.Sprint("webhook-", n),
		AcceptedAt: time.Now().UTC().Truncate(time.Microsecond), SignedBy: bellhop.SignerApp,
		Body: fmt.Appendf(nil, `{"id":%d}`, n)}
	copy(e.ID[:], fmt.Sprintf("%-8.8s%08d", shop, n))
	return e
}

func noise(n int) []byte {
	rng, out := rand.New(rand.NewPCG(1, 2)), make([]byte, n)
	for i := range out {
		out[i] = byte(rng.Uint32())
	}
	return out
}

func created(t *testing.T, address string) (opened, *amqpqueue.Queue) {
	t.Helper()
	b := open(t, address)
	if err := b.Create(t.Context(), "orders", queue.Attributes{Visibility: time.Minute, MaxAttempts: 3}); err != nil {
		t.Fatal(err)
	}
	return b, openQueue(t, b)
}

func openQueue(t *testing.T, b opened) *amqpqueue.Queue {
	t.Helper()
	q, err := b.Open(t.Context(), "orders")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := q.Close(); err != nil {
			t.Error(err)
		}
	})
	return q.(*amqpqueue.Queue)
}

func send(t *testing.T, q queue.Producer, es ...*bellhop.Event) {
	t.Helper()
	if err := q.Send(t.Context(), es...); err != nil {
		t.Fatal(err)
	}
}

func receive(t *testing.T, q queue.Consumer, n int) (all []queue.Delivery) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for len(all) < n {
		ds, err := q.Receive(ctx, n-len(all))
		if err != nil {
			t.Fatalf("receive %d of %d: %v", len(all)+1, n, err)
		}
		all = append(all, ds...)
	}
	return all
}

func settle(t *testing.T, q queue.Consumer, v queue.Verdict, ds ...queue.Delivery) {
	t.Helper()
	for _, d := range ds {
		if err := q.Settle(t.Context(), queue.Settlement{Receipt: d.Receipt, Verdict: v,
			Reason: "a test said so"}); err != nil {
			t.Fatal(err)
		}
	}
}

func wantDepth(t *testing.T, q queue.Admin, waiting, leased, dead int) {
	t.Helper()
	if d, err := q.Depth(t.Context()); err != nil || d.Waiting != waiting || d.Leased != leased || d.Dead != dead {
		t.Errorf("depth: %+v, %v; want %d waiting, %d leased, %d dead", d, err, waiting, leased, dead)
	}
}

// until waits for other processes, or for RabbitMQ.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not after %v", what, patience)
		}
	}
}

// raw talks to RabbitMQ without the driver.
func raw(t *testing.T, address string, fn func(*amqp.Channel) error) {
	t.Helper()
	target, _, err := rabbit.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	s := rabbit.NewSession(target, "test")
	defer s.Close()
	if err := s.Do(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
}

// TestTopologyDiffers makes queues first that the driver can't use.
func TestTopologyDiffers(t *testing.T) {
	t.Parallel()
	for name, args := range map[string]amqp.Table{
		"another type":     nil,
		"another argument": {"x-queue-type": "quorum", "x-delivery-limit": int32(5)},
		"no argument":      {"x-queue-type": "quorum"},
	} {
		address := newVHost(t)
		raw(t, address, func(ch *amqp.Channel) error {
			_, err := ch.QueueDeclare("orders.3", true, false, false, false, args)
			return err
		})
		err := open(t, address).Create(t.Context(), "orders", queue.DefaultAttributes())
		if bellhop.KindOf(err) != bellhop.Conflict || !strings.Contains(err.Error(), "orders.3") ||
			!strings.Contains(err.Error(), "exists with other properties") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v; want one line of kind Conflict that names orders.3", name, err)
		}
	}
}

// TestDeletedLane deletes parts of an opened queue: a send fails with an error that
// may pass, and a waiting receiver gets an error.
func TestDeletedLane(t *testing.T) {
	t.Parallel()
	address := newVHost(t)
	b, q := created(t, address)
	waiting := make(chan error, 1)
	go func() {
		_, err := q.Receive(t.Context(), 1)
		waiting <- err
	}()
	until(t, "a consumer", func() (there bool) {
		raw(t, address, func(ch *amqp.Channel) error {
			state, err := ch.QueueDeclarePassive("orders.7", true, false, false, false, nil)
			there = state.Consumers == 1
			return err
		})
		return there
	})
	raw(t, address, func(ch *amqp.Channel) error {
		for i := range 8 {
			if _, err := ch.QueueDelete(fmt.Sprint("orders.", i), false, false, false); err != nil {
				return err
			}
		}
		return nil
	})
	err := q.Send(t.Context(), event("a", 1))
	if bellhop.KindOf(err) != bellhop.Unavailable || !strings.Contains(err.Error(), "bellhop queue create") {
		t.Errorf("a send to a queue that was deleted: %v", err)
	}
	if err := <-waiting; bellhop.KindOf(err) != bellhop.NotFound {
		t.Errorf("a receive from a queue that was deleted: %v", err)
	}
	if err := b.Create(t.Context(), "orders", queue.Attributes{Visibility: time.Minute, MaxAttempts: 3}); err != nil {
		t.Fatal(err)
	}
	send(t, q, event("a", 2))
	until(t, "it goes on", func() bool {
		ds, err := q.Receive(t.Context(), 1)
		return err == nil && ds[0].Event.ID == event("a", 2).ID
	})
}

// TestGivenBack takes one of many events and waits for no more: the others go to
// another consumer, and have lost no attempt.
func TestGivenBack(t *testing.T) {
	t.Parallel()
	address := newVHost(t)
	_, q := created(t, address)
	var all []*bellhop.Event
	for i := range 100 {
		all = append(all, event("a", i))
	}
	send(t, q, all...)
	receive(t, q, 1)
	for _, d := range receive(t, openQueue(t, open(t, address)), 99) {
		if d.Attempt != 1 {
			t.Errorf("event %s comes as attempt %d", d.Event.WebhookID, d.Attempt)
		}
	}
	wantDepth(t, q, 0, 100, 0)
}

// TestOldestCostsNoAttempt asks for the age of the oldest again and again.
func TestOldestCostsNoAttempt(t *testing.T) {
	t.Parallel()
	_, q := created(t, newVHost(t))
	old := event("a", 1)
	old.AcceptedAt = time.Now().UTC().Add(-time.Hour)
	send(t, q, old, event("a", 2), event("a", 3))
	for range 10 {
		if d, err := q.Depth(t.Context()); err != nil || d.Oldest < time.Hour || d.Waiting != 3 {
			t.Fatalf("depth: %+v, %v; want 3 waiting, the oldest for an hour", d, err)
		}
	}
	for _, d := range receive(t, q, 3) {
		if d.Attempt != 1 {
			t.Errorf("event %s comes as attempt %d", d.Event.WebhookID, d.Attempt)
		}
	}
}

// TestALookIsNoConsumer asks for the age of the oldest while somebody else looks at a message: RabbitMQ
// counts that as a consumer.
func TestALookIsNoConsumer(t *testing.T) {
	t.Parallel()
	address := newVHost(t)
	_, q := created(t, address)
	old := event("a", 2)
	old.AcceptedAt = time.Now().UTC().Add(-time.Hour)
	send(t, q, event("a", 1), old)
	raw(t, address, func(ch *amqp.Channel) error {
		looks := 0
		for lane := range 8 {
			_, ok, err := ch.Get(fmt.Sprint("orders.", lane), false)
			if err != nil {
				return err
			}
			if ok {
				looks++
			}
		}
		if d, err := q.Depth(t.Context()); looks != 1 || err != nil || d.Oldest < time.Hour {
			t.Errorf("beside %d looks: %+v, %v; want the oldest for an hour", looks, d, err)
		}
		return nil
	})
}

// TestRabbitMQGivesUp makes RabbitMQ itself give a message up, after more
// deliveries than any setting allows.
func TestRabbitMQGivesUp(t *testing.T) {
	t.Parallel()
	address := newVHost(t)
	_, q := created(t, address)
	send(t, q, event("a", 1))
	raw(t, address, func(ch *amqp.Channel) error {
		for lane, n := 0, 0; lane < 8; n++ {
			d, ok, err := ch.Get(fmt.Sprint("orders.", lane), false)
			if err != nil {
				return err
			}
			if !ok {
				if lane, n = lane+1, 0; lane < 8 {
					continue
				}
				break
			}
			if err := d.Reject(true); err != nil {
				return err
			}
		}
		return nil
	})
	until(t, "the dead letter", func() bool {
		d, err := q.Depth(t.Context())
		return err == nil && d.Dead == 1
	})
	l, err := q.DeadLetter(t.Context(), event("a", 1).ID)
	if err != nil || !strings.Contains(l.Reason, "delivery_limit") || l.DiedAt.IsZero() ||
		string(l.Event.Body) != `{"id":1}` {
		t.Errorf("the dead letter is %+v, %v", l, err)
	}
	if n, err := q.Redrive(t.Context()); n != 1 || err != nil {
		t.Fatalf("redrive: %d, %v", n, err)
	}
	if d := receive(t, q, 1)[0]; d.Attempt != 1 {
		t.Errorf("redriven it comes as attempt %d", d.Attempt)
	}
}

// TestStrangers puts foreign messages, and one of a later bellhop, into a lane:
// neither is lost, and neither stops the others.
func TestStrangers(t *testing.T) {
	t.Parallel()
	address := newVHost(t)
	_, q := created(t, address)
	raw(t, address, func(ch *amqp.Channel) error {
		for _, headers := range []amqp.Table{nil, {"bellhop": "{"},
			{"bellhop": `{"v":99,"id":"00000000-0000-0000-0000-000000000001","shop":"a"}`}} {
			if err := ch.Publish("", "orders.0", true, false,
				amqp.Publishing{Headers: headers, Body: []byte("x")}); err != nil {
				return err
			}
		}
		return nil
	})
	send(t, q, event("a", 1))
	settle(t, q, queue.Ack, receive(t, q, 1)...)
	until(t, "two dead letters and one that waits", func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		q.Receive(ctx, 1) // reads them
		d, err := q.Depth(t.Context())
		return err == nil && d.Dead == 2 && d.Waiting == 1
	})
}

// TestAnotherDictionary reads the bodies of a bellhop with another sample.
func TestAnotherDictionary(t *testing.T) {
	t.Parallel()
	address := newVHost(t)
	b, q := created(t, address)
	other := open(t, address)
	other.PackWith(bytes.Repeat([]byte("another sample of an order, as it may come to be; "), 50))
	body := bytes.Repeat([]byte("another sample of an order"), 20)
	e := event("a", 1)
	e.Body = body
	send(t, openQueue(t, other), e)
	if d := receive(t, q, 1)[0]; !bytes.Equal(d.Event.Body, body) {
		t.Errorf("the body is %q", d.Event.Body)
	}
	if _, err := b.Names(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestRegistries starts with two lists of queues, as after a mishap.
func TestRegistries(t *testing.T) {
	t.Parallel()
	address := newVHost(t)
	b, _ := created(t, address)
	raw(t, address, func(ch *amqp.Channel) error {
		return ch.Publish("", "bellhop.queues", true, false, amqp.Publishing{DeliveryMode: amqp.Persistent,
			Body: []byte(`{"queues":{"returns":{"visibility":"1m0s","max_attempts":3}}}`)})
	})
	for range 2 {
		until(t, "both lists", func() bool {
			names, err := b.Names(t.Context())
			return err == nil && fmt.Sprint(names) == "[orders returns]"
		})
	}
	until(t, "one message that holds the list", func() (one bool) { // it is given back, which nobody answers
		raw(t, address, func(ch *amqp.Channel) error {
			state, err := ch.QueueDeclarePassive("bellhop.queues", true, false, false, false, nil)
			one = state.Messages == 1
			return err
		})
		return one
	})
}

// TestManyAtOnce opens and looks at queues from many processes at once.
func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	address := newVHost(t)
	done := make(chan error)
	for i := range 8 {
		b := open(t, address)
		go func() {
			err := b.Create(t.Context(), fmt.Sprint("orders-", i%2), queue.DefaultAttributes())
			if err == nil {
				_, err = b.Names(t.Context())
			}
			done <- err
		}()
	}
	for range 8 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if names, err := open(t, address).Names(t.Context()); err != nil || fmt.Sprint(names) != "[orders-0 orders-1]" {
		t.Errorf("names: %v, %v", names, err)
	}
}
