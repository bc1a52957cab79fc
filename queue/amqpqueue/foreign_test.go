package amqpqueue_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"bellhop"
	"bellhop/internal/envelope"
	"bellhop/internal/rabbit"
	"bellhop/queue"
	"bellhop/queue/amqpqueue"
	"bellhop/shopify"
)

// taking returns a queue that takes messages of others, what publishes them to it, and the channel for that.
func taking(t *testing.T) (*amqpqueue.Queue, func(body string, headers amqp.Table), *amqp.Channel) {
	t.Helper()
	address := newVHost(t)
	target, _, err := rabbit.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	read := func(h http.Header, body []byte, _ time.Time) (*bellhop.Event, error) {
		return shopify.Open(h, body, time.Now())
	}
	b := opened{amqpqueue.NewBroker(target, amqpqueue.Options{SendLimit: patience, Open: read}), address}
	t.Cleanup(func() { b.Close() })
	if err := b.Create(t.Context(), "orders", queue.DefaultAttributes()); err != nil {
		t.Fatal(err)
	}
	conn, err := amqp.Dial(address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	ch, err := conn.Channel()
	if err != nil {
		t.Fatal(err)
	}
	if err := ch.Confirm(false); err != nil {
		t.Fatal(err)
	}
	return openQueue(t, b), func(body string, headers amqp.Table) {
		t.Helper()
		shop, _ := headers["x-shopify-shop-domain"].(string)
		if !confirmed(t, ch, "orders.in", shop[:min(len(shop), 1)], body, headers) {
			t.Fatal("RabbitMQ refused it")
		}
	}, ch
}

// confirmed reports whether RabbitMQ took a message.
func confirmed(t *testing.T, ch *amqp.Channel, exchange, key, body string, headers amqp.Table) bool {
	t.Helper()
	c, err := ch.PublishWithDeferredConfirmWithContext(t.Context(), exchange, key, true, false,
		amqp.Publishing{DeliveryMode: amqp.Persistent, Headers: headers, Body: []byte(body)})
	if err != nil {
		t.Fatal(err)
	}
	return c.Wait()
}

func foreign(shop string, n int) amqp.Table {
	return amqp.Table{"x-shopify-topic": "orders/create", "x-shopify-shop-domain": shop + ".myshopify.com",
		"x-shopify-api-version": "2026-10", "x-shopify-webhook-id": fmt.Sprint(n), "X-Shopify-Hmac-SHA256": "sum",
		"x-shopify-triggered-at": "2026-11-30T12:00:00Z", "attempts": int32(90), "parts": int32(3), "coding": int32(1)}
}

// TestForeign takes messages of a server of one's own through a retry, a dead letter and back: they stay unchecked
// events, whatever headers of bellhop's they have.
func TestForeign(t *testing.T) {
	q, publish, _ := taking(t)
	for n, body := range []string{`{"id":0}`, `{"id":1,"note":"` + strings.Repeat("x", 100<<10) + `"}`} {
		publish(body, foreign("a", n))
		first := receive(t, q, 1)[0]
		e := first.Event
		if string(e.Body) != body || e.SignedBy != bellhop.Unchecked("sum") || first.Attempt != 1 ||
			e.WebhookID != fmt.Sprint(n) {
			t.Fatalf("got %+v, attempt %d", e, first.Attempt)
		}
		settle(t, q, queue.Retry, first)
		second := receive(t, q, 1)[0]
		if second.Event.ID != e.ID || second.Attempt != 2 || second.Event.SignedBy != e.SignedBy {
			t.Fatalf("again: %+v, attempt %d", second.Event, second.Attempt)
		}
		settle(t, q, queue.DeadLetter, second)
		d, err := q.DeadLetter(t.Context(), e.ID)
		if err != nil || string(d.Event.Body) != body || d.Event.SignedBy != e.SignedBy {
			t.Fatalf("the dead letter: %+v, %v", d, err)
		}
		if n, err := q.Redrive(t.Context(), e.ID); n != 1 || err != nil {
			t.Fatalf("redrive: %d, %v", n, err)
		}
		third := receive(t, q, 1)[0]
		if third.Event.ID != e.ID || third.Event.SignedBy != e.SignedBy || string(third.Event.Body) != body {
			t.Errorf("redriven: %+v", third.Event)
		}
		settle(t, q, queue.Ack, third)
	}
}

// TestForeignUnreadable: what can't be read is a dead letter. Nothing that came in is bellhop's own, though it say so.
func TestForeignUnreadable(t *testing.T) {
	q, publish, _ := taking(t)
	own, err := envelope.Marshal(event("a", 7))
	if err != nil {
		t.Fatal(err)
	}
	publish(`{"id":7}`, amqp.Table{envelope.Name: own})
	spoilt := foreign("a", 1)
	delete(spoilt, "x-shopify-topic")
	publish(`{"id":1}`, spoilt)
	large := foreign("a", 2)
	publish(strings.Repeat("x", bellhop.DefaultMaxBody+1), large)
	claims := foreign("a", 3)
	claims[envelope.Name] = own
	publish(`{"id":3}`, claims)
	if got := receive(t, q, 1)[0].Event; got.WebhookID != "3" || got.SignedBy != bellhop.Unchecked("sum") {
		t.Fatalf("got %+v", got)
	}
	dead, err := q.DeadLetters(t.Context(), queue.Cursor{}, 10)
	if err != nil || len(dead) != 2 {
		t.Fatalf("%d dead letters, %v", len(dead), err)
	}
	for _, d := range dead {
		want := map[string]string{"1": "X-Shopify-Topic is missing", "2": "the body has 8388609 bytes"}[d.Event.WebhookID]
		if want == "" || !strings.Contains(d.Reason, want) || d.Event.Shop != "a.myshopify.com" {
			t.Errorf("%s: %q, want %q", d.Event.WebhookID, d.Reason, want)
		}
	}
	depth, err := q.Depth(t.Context())
	if err != nil || depth.Dead != 3 || depth.Waiting != 0 || depth.Leased != 1 {
		t.Errorf("%+v, %v", depth, err)
	}
}

// TestForeignDepth: what came in waits, with its age, also while nobody consumes; a purge drops it.
func TestForeignDepth(t *testing.T) {
	q, publish, _ := taking(t)
	publish(`{"id":1}`, foreign("a", 1))
	depth, err := q.Depth(t.Context())
	if err != nil || depth.Waiting != 1 || depth.Oldest == 0 {
		t.Errorf("%+v, %v", depth, err)
	}
	if n, err := q.Purge(t.Context()); n != 1 || err != nil {
		t.Errorf("purged %d, %v", n, err)
	}
}

// TestForeignShopsHaveLines: a flood of one shop is before few others. Every shop has a line.
func TestForeignShopsHaveLines(t *testing.T) {
	q, publish, ch := taking(t)
	const shops = "abcdefghijklmnopqrstuvwxyz0123456789"
	for n, shop := range shops {
		publish(`{"id":1}`, foreign(string(shop), n))
	}
	for line := range 8 {
		name := fmt.Sprint("orders.in.", line)
		state, err := ch.QueueDeclarePassive(name, true, false, false, false, nil)
		if err != nil || state.Messages < 4 || state.Messages > 5 {
			t.Errorf("%s has %d messages, %v", name, state.Messages, err)
		}
	}
	confirmed(t, ch, "orders.in", "", `{"id":1}`, foreign("a", len(shops)))
	if depth, err := q.Depth(t.Context()); err != nil || depth.Waiting != len(shops)+1 {
		t.Errorf("%+v, %v", depth, err)
	}
	for range len(shops) + 1 {
		settle(t, q, queue.Ack, receive(t, q, 1)[0])
	}
}

// TestForeignIsBounded: a line that is full refuses what comes, so that its producer does not answer 200, and drops
// nothing.
func TestForeignIsBounded(t *testing.T) {
	_, _, ch := taking(t)
	args := amqpqueue.Incoming()
	if bytes, _ := args["x-max-length-bytes"].(int64); bytes < 1<<20 {
		t.Fatalf("a line takes %d bytes", bytes)
	}
	args["x-max-length-bytes"] = int64(4096)
	if _, err := ch.QueueDeclare("small", true, false, false, false, args); err != nil {
		t.Fatal(err)
	}
	taken := 0
	for confirmed(t, ch, "", "small", strings.Repeat("x", 1024), nil) {
		if taken++; taken > 1000 {
			t.Fatal("it takes any number")
		}
	}
	state, err := ch.QueueDeclarePassive("small", true, false, false, false, nil)
	if err != nil || state.Messages != taken || taken < 4 {
		t.Errorf("it has %d messages of %d, %v", state.Messages, taken, err)
	}
}
