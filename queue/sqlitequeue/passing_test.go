package sqlitequeue_test

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"bellhop"
	"bellhop/internal/sqlitefile"
	"bellhop/queue"
)

// archived counts the events in the archive of a broker's file.
func archived(t *testing.T, b queue.Broker) (n int64) {
	t.Helper()
	f, err := sqlitefile.Open(t.Context(), b.(opened).path, sqlitefile.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	err = f.Read(t.Context(), func(c *sqlitefile.Conn) (err error) {
		n, err = c.Prepare(`SELECT count(*) FROM events`).One()
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestWakeUpsLeaveNothing takes each way out of the queue of wake-up messages,
// which no retention would clean. Events of another topic stay, as everywhere.
func TestWakeUpsLeaveNothing(t *testing.T) {
	b := harness.Broker(t)
	name := queue.NotifyName("orders")
	if err := b.Create(t.Context(), name, queue.DefaultAttributes()); err != nil {
		t.Fatal(err)
	}
	q, err := b.Open(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	defer q.Close()
	send := func(topic string) {
		e := &bellhop.Event{ID: bellhop.EventID(uuid.New()), Shop: "demo.myshopify.com", Topic: topic,
			AcceptedAt: time.Now(), Body: []byte("{}")}
		if err := q.Send(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	settle := func(v queue.Verdict) {
		ds, err := q.Receive(t.Context(), 1)
		if err != nil {
			t.Fatal(err)
		}
		if err := q.Settle(t.Context(), queue.Settlement{Receipt: ds[0].Receipt, Verdict: v}); err != nil {
			t.Fatal(err)
		}
	}
	want := func(when string, n int64) {
		if got := archived(t, b); got != n {
			t.Errorf("%s: %d in the archive, want %d", when, got, n)
		}
	}
	send(bellhop.TopicPushesOwed)
	want("while it waits", 1)
	settle(queue.Ack)
	want("acknowledged", 0)
	send(bellhop.TopicPushesOwed)
	settle(queue.Retry)
	settle(queue.Ack)
	want("acknowledged the second time", 0)
	send(bellhop.TopicPushesOwed)
	settle(queue.Retry)
	send(bellhop.TopicPushesOwed)
	if n, err := q.Purge(t.Context()); n != 2 || err != nil {
		t.Errorf("purged %d, %v", n, err)
	}
	want("purged", 0)
	send("orders/create")
	settle(queue.Ack)
	want("an order", 1)
}
