package pgqueue_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"bellhop"
	"bellhop/internal/realserver"
	"bellhop/queue"
	"bellhop/queue/pgqueue"
)

const patience = time.Minute

// made makes the queue orders, whose leases last for an hour, and opens it.
func made(t *testing.T, b queue.Broker) queue.Queue {
	t.Helper()
	must(t, b.Create(t.Context(), "orders", queue.Attributes{Visibility: time.Hour, MaxAttempts: 20}))
	return again(t, b)
}

func again(t *testing.T, b queue.Broker) queue.Queue {
	t.Helper()
	q, err := b.Open(t.Context(), "orders")
	must(t, err)
	t.Cleanup(func() { q.Close() })
	return q
}

func event(n int) *bellhop.Event {
	return &bellhop.Event{ID: bellhop.EventID(uuid.New()), Shop: fmt.Sprintf("shop-%d.myshopify.com", n%7),
		Topic:      "orders/create",
		APIVersion: "2026-10", WebhookID: fmt.Sprint("webhook-", n), AcceptedAt: time.Now(),
		SignedBy: bellhop.SignerApp,
		Body:     fmt.Appendf(nil, `{"id":%d}`, n)}
}

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	c, err := pgx.Connect(t.Context(), url)
	must(t, err)
	t.Cleanup(func() { c.Close(context.Background()) })
	return c
}

func number(t *testing.T, c *pgx.Conn, query string) (n int64) {
	t.Helper()
	must(t, c.QueryRow(t.Context(), query).Scan(&n))
	return n
}

// TestNoBodyIsRewritten settles events in every way, trouble included, in a
// database that refuses to change a row with a body.
func TestNoBodyIsRewritten(t *testing.T) {
	t.Parallel()
	url := fresh(t)
	c := connect(t, url)
	_, err := c.Exec(t.Context(), `CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''changed''; END';
		CREATE TRIGGER refuse BEFORE UPDATE ON queue_events FOR EACH ROW EXECUTE FUNCTION refuse()`)
	must(t, err)
	q := made(t, openURL(t, url, patient))
	const events = 30
	for n := range events {
		must(t, q.Send(t.Context(), event(n)))
	}
	for ended, seen := 0, 0; ended < events; {
		ds, err := q.Receive(t.Context(), events)
		must(t, err)
		for _, d := range ds {
			v := []queue.Verdict{queue.Ack, queue.Retry, queue.DeadLetter}[seen%3]
			must(t, q.Settle(t.Context(), queue.Settlement{Receipt: d.Receipt, Verdict: v, Reason: "a test said so"}))
			if seen++; v != queue.Retry {
				ended++
			}
		}
	}
	n, err := q.Redrive(t.Context())
	must(t, err)
	if left := number(t, c, `SELECT count(*) FROM queue_events`); left != int64(n) || n == 0 {
		t.Errorf("%d events were put back and %d are kept", n, left)
	}
}

// TestTraceIsNullWithout checks the rows of events with and without a trace.
func TestTraceIsNullWithout(t *testing.T) {
	t.Parallel()
	url := fresh(t)
	q := made(t, openURL(t, url, patient))
	traced := event(1)
	traced.TraceParent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	must(t, q.Send(t.Context(), traced, event(2)))
	if n := number(t, connect(t, url), `SELECT count(*) FROM queue_events WHERE trace_parent IS NULL`); n != 1 {
		t.Errorf("%d of two events have no trace, want one", n)
	}
}

// TestOthersAreTold listens as a receiver in another process does: it gets
// notifications, but not one for each event.
func TestOthersAreTold(t *testing.T) {
	t.Parallel()
	url := fresh(t)
	q := made(t, openURL(t, url, patient))
	c := connect(t, url)
	_, err := c.Exec(t.Context(), `LISTEN bellhop_queue`)
	must(t, err)
	const events = 200
	began := time.Now()
	for n := range events {
		must(t, q.Send(t.Context(), event(n)))
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	_, err = c.WaitForNotification(ctx)
	must(t, err)
	heard := 1
	for {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		_, err := c.WaitForNotification(ctx)
		cancel()
		if err != nil {
			break // pgx closes the connection
		}
		heard++
	}
	if took := time.Since(began); heard > 2+int(took/pgqueue.NotifyEvery) {
		t.Errorf("heard %d times of %d events in %v", heard, events, took)
	}
}

// TestTheDeadGiveBack ends a consumer without a word; its leases would last an
// hour.
func TestTheDeadGiveBack(t *testing.T) {
	t.Parallel()
	url := fresh(t)
	lost := made(t, openURL(t, url, patient))
	must(t, lost.Send(t.Context(), event(1)))
	_, err := lost.Receive(t.Context(), 1)
	must(t, err)
	pgqueue.Silence(lost)
	q := again(t, openURL(t, url, patient))
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	ds, err := q.Receive(ctx, 1)
	must(t, err)
	if ds[0].Attempt != 2 {
		t.Errorf("attempt %d, want 2", ds[0].Attempt)
	}
}

// TestTheLivingKeep holds a lease for longer than a consumer without a heartbeat
// lives.
func TestTheLivingKeep(t *testing.T) {
	t.Parallel()
	url := fresh(t)
	holder := made(t, openURL(t, url, patient))
	must(t, holder.Send(t.Context(), event(1)))
	held, err := holder.Receive(t.Context(), 1)
	must(t, err)
	q := again(t, openURL(t, url, patient))
	ctx, cancel := context.WithTimeout(t.Context(), pgqueue.GoneAfter+3*time.Second)
	defer cancel()
	if ds, err := q.Receive(ctx, 1); err == nil {
		t.Errorf("event %s was taken from a consumer that lives", ds[0].Event.ID)
	}
	must(t, holder.Settle(t.Context(), queue.Settlement{Receipt: held[0].Receipt}))
}

// TestSendsEndSoon sends through a network that swallows all: a send fails in time,
// the next ones at once, and sending recovers by itself.
func TestSendsEndSoon(t *testing.T) {
	t.Parallel()
	name, proxy := fresh(t), realserver.StartProxy(t, need(t).Addr)
	b := openURL(t, swap(name, need(t).Addr, proxy.Addr), pgqueue.Options{})
	q := made(t, b)
	mend := proxy.Fault(realserver.BlackHole)
	quickest := time.Hour // a busy machine may hold up one of them
	for range 3 {
		began := time.Now()
		err := q.Send(t.Context(), event(1))
		quickest = min(quickest, time.Since(began))
		if bellhop.KindOf(err) != bellhop.Unavailable {
			t.Fatalf("a send into nowhere: %v", err)
		}
	}
	if quickest > 3*time.Second {
		t.Errorf("sends took %v and more", quickest)
	}
	mend()
	for began := time.Now(); ; time.Sleep(50 * time.Millisecond) {
		err := q.Send(t.Context(), event(2))
		if err == nil {
			break
		}
		if bellhop.KindOf(err) != bellhop.Unavailable || time.Since(began) > patience {
			t.Fatal(err)
		}
	}
}
