package sqsqueue_test

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"bellhop"
	"bellhop/internal/amazon"
	"bellhop/queue"
	"bellhop/queue/sqsqueue"
	"bellhop/shopify"
)

func opener(h http.Header, body []byte, sent time.Time) (*bellhop.Event, error) {
	return shopify.Open(h, body, cmp.Or(sent, time.Now()))
}

// foreign is a message of a server of one's own, with as many attributes as SQS takes.
func foreign(n int) map[string]string {
	return map[string]string{"x-shopify-topic": "orders/create", "x-shopify-shop-domain": "a.myshopify.com",
		"x-shopify-api-version": "2026-10", "x-shopify-webhook-id": fmt.Sprint(n), "x-shopify-hmac-sha256": "sum",
		"x-shopify-triggered-at": "2026-11-30T12:00:00Z", "x-shopify-event-id": "e", "x-shopify-name": "orders",
		"x-shopify-sub-topic": "x", "x-shopify-test": "false"}
}

// putter sends messages without bellhop.
func putter(t *testing.T, b opened) func(body string, attrs map[string]string) {
	t.Helper()
	return putterTo(t, b, "orders")
}

func putterTo(t *testing.T, b opened, name string) func(body string, attrs map[string]string) {
	t.Helper()
	cfg, err := amazon.Load(t.Context(), b.options.Settings)
	if err != nil {
		t.Fatal(err)
	}
	client := sqs.NewFromConfig(cfg)
	url, err := client.GetQueueUrl(t.Context(), &sqs.GetQueueUrlInput{QueueName: &name})
	if err != nil {
		t.Fatal(err)
	}
	return func(body string, attrs map[string]string) {
		t.Helper()
		in := &sqs.SendMessageInput{QueueUrl: url.QueueUrl, MessageBody: &body,
			MessageAttributes: map[string]types.MessageAttributeValue{}}
		for name, value := range attrs {
			in.MessageAttributes[name] = types.MessageAttributeValue{DataType: aws.String("String"), StringValue: &value}
		}
		if _, err := client.SendMessage(t.Context(), in); err != nil {
			t.Fatal(err)
		}
	}
}

// opening returns a broker with a queue that takes messages of others, and the queue.
func opening(t *testing.T) (opened, *sqsqueue.Queue) {
	t.Helper()
	o := fresh(t).options
	o.Open = opener
	b := open(t, o)
	if err := b.Create(t.Context(), "orders", queue.DefaultAttributes()); err != nil {
		t.Fatal(err)
	}
	return b, reopened(t, b)
}

func reopened(t *testing.T, b opened) *sqsqueue.Queue {
	t.Helper()
	q, err := b.Open(t.Context(), "orders")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { q.Close() })
	return q.(*sqsqueue.Queue)
}

func count(t *testing.T, what string, want int) func(int, error) {
	return func(n int, err error) {
		t.Helper()
		if n != want || err != nil {
			t.Fatalf("%s: %d, %v, want %d", what, n, err, want)
		}
	}
}

// TestForeign takes a message of a server of one's own through a dead letter and back: it stays an unchecked event.
func TestForeign(t *testing.T) {
	b, q := opening(t)
	put := putter(t, b)
	body := `{"id":1,"note":"` + strings.Repeat("x", 5000) + `"}`
	put(body, foreign(1))
	first := receiveOne(t, q)
	e := first.Event
	if string(e.Body) != body || e.SignedBy != bellhop.Unchecked("sum") || e.WebhookID != "1" {
		t.Fatalf("got %+v", e)
	}
	id := e.ID
	if err := q.Settle(t.Context(), queue.Settlement{Receipt: first.Receipt, Verdict: queue.DeadLetter,
		Reason: "the signature is wrong"}); err != nil {
		t.Fatal(err)
	}
	d, err := q.DeadLetter(t.Context(), id)
	if err != nil || d.Reason != "the signature is wrong" || string(d.Event.Body) != body ||
		d.Event.SignedBy != bellhop.Unchecked("sum") {
		t.Fatalf("the dead letter: %+v, %v", d, err)
	}
	count(t, "redrive", 1)(q.Redrive(t.Context(), id))
	again := receiveOne(t, q)
	if again.Event.ID != id || string(again.Event.Body) != body || again.Event.SignedBy != bellhop.Unchecked("sum") {
		t.Errorf("once more: %+v", again.Event)
	}
}

// TestForeignUnreadable: what can't be read becomes a dead letter by itself, and never a signed event.
func TestForeignUnreadable(t *testing.T) {
	b, q := opening(t)
	put := putter(t, b)
	spoilt := foreign(1)
	delete(spoilt, "x-shopify-topic")
	put(`{"id":1}`, spoilt)
	coded := foreign(2)
	coded["coding"] = "gzip"
	delete(coded, "x-shopify-test")
	put(`{"id":2}`, coded)
	put(`{"id":3}`, foreign(3))
	if got := receiveOne(t, q); got.Event.WebhookID != "3" {
		t.Fatalf("got %+v", got.Event)
	}
	dead, err := q.DeadLetters(t.Context(), queue.Cursor{}, 10)
	if err != nil || len(dead) != 2 {
		t.Fatalf("%d dead letters, %v", len(dead), err)
	}
	for _, d := range dead {
		want := map[string]string{"1": "X-Shopify-Topic is missing", "2": `coding is "gzip"`}[d.Event.WebhookID]
		if want == "" || !strings.Contains(d.Reason, want) || d.Event.Shop != "a.myshopify.com" {
			t.Errorf("%s: %q, want %q", d.Event.WebhookID, d.Reason, want)
		}
	}
	count(t, "drop", 2)(q.Drop(t.Context(), dead[0].Event.ID, dead[1].Event.ID))
}

// TestForeignMovedByThePolicy looks at a dead letter that SQS itself moved, and that has no time of its own: it is the
// same event each time, so that it can be dropped.
func TestForeignMovedByThePolicy(t *testing.T) {
	b, q := opening(t)
	timeless := foreign(1)
	delete(timeless, "x-shopify-triggered-at")
	putterTo(t, b, "orders-dead")(`{"id":1}`, timeless)
	dead, err := q.DeadLetters(t.Context(), queue.Cursor{}, 10)
	if err != nil || len(dead) != 1 || dead[0].Event.WebhookID != "1" {
		t.Fatalf("dead letters %+v, %v", dead, err)
	}
	count(t, "drop", 1)(q.Drop(t.Context(), dead[0].Event.ID))
}

// TestForeignTooLargeToGiveUp: a message with no room for a dead letter's attributes spoils no other verdict.
func TestForeignTooLargeToGiveUp(t *testing.T) {
	b, _ := opening(t)
	b.options.Bucket = ""
	q := reopened(t, open(t, b.options))
	put := putter(t, b)
	rng, large := rand.New(rand.NewPCG(1, 2)), make([]byte, 1<<20-1000)
	for i := range large {
		large[i] = byte('!' + rng.IntN(94)) // does not compress
	}
	put(string(large), foreign(1))
	put(`{"id":2}`, foreign(2))
	var verdicts []queue.Settlement
	for len(verdicts) < 2 {
		verdicts = append(verdicts, queue.Settlement{Receipt: receiveOne(t, q).Receipt, Verdict: queue.DeadLetter,
			Reason: "the signature is wrong"})
	}
	if err := q.Settle(t.Context(), verdicts...); err == nil {
		t.Error("no error for what has no room")
	}
	dead, err := q.DeadLetters(t.Context(), queue.Cursor{}, 10)
	if err != nil || len(dead) != 1 || dead[0].Event.WebhookID != "2" {
		t.Errorf("dead letters %+v, %v", dead, err)
	}
}

func receiveOne(t *testing.T, q queue.Consumer) queue.Delivery {
	t.Helper()
	ds, err := q.Receive(t.Context(), 1)
	if err != nil || len(ds) != 1 {
		t.Fatalf("%d events, %v", len(ds), err)
	}
	return ds[0]
}
