// Package queuetest is the conformance suite of [bellhop/queue], which every driver
// passes. A driver gives it a [Harness] and calls [Run]. Harness.NotPromised names
// the promises that its service does not make, with the reason, and Harness.Flaws
// those that only a stand-in for the service breaks.
package queuetest

import (
	"context"
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"bellhop"
	"bellhop/queue"
)

// Harness opens queues of the driver under test.
type Harness struct {
	// Broker returns an empty broker of its own.
	Broker func(t testing.TB) queue.Broker
	// Again returns a broker over the same queues that shares no memory with b,
	// as another process would have.
	Again func(t testing.TB, b queue.Broker) queue.Broker
	// Address says where b's queues are, for a child process; see [Main].
	Address func(b queue.Broker) string
	// Damage makes the body of a waiting event unreadable.
	Damage func(t testing.TB, b queue.Broker, e *bellhop.Event)
	// NotPromised maps the name of a subtest, or of one of the promises below, to
	// the reason why the driver's service does not promise it.
	NotPromised map[string]string
	// Flaws maps the name of a subtest to the fault of the stand-in that the suite
	// runs against: the service itself would pass.
	Flaws map[string]string
}

// Promises that a service may lack while it keeps the others of their subtest.
const (
	PromiseOldest       = "Depth: the age of the oldest"
	PromiseDelayedWaits = "RetryAfterDelay: a delayed event counts as waiting"
)

// promised reports whether a subtest must check a promise.
func (s suite) promised(t *testing.T, promise string) bool {
	if why := s.NotPromised[promise]; why != "" {
		t.Logf("not promised by this driver: %s: %s", promise, why)
		return false
	}
	return true
}

// patience bounds any step before a test gives up. No test waits for it to pass.
const patience = time.Minute

type suite struct {
	Harness
}

// Run runs the suite.
func Run(t *testing.T, h Harness) {
	s := suite{h}
	for _, test := range []struct {
		name string
		run  func(*testing.T)
	}{
		{"RoundTrip", s.roundTrip},
		{"Bodies", s.bodies},
		{"SendAllOrNone", s.sendAllOrNone},
		{"ReceiveWaits", s.receiveWaits},
		{"CancelReceive", s.cancelReceive},
		{"CancelledSend", s.cancelledSend},
		{"LeaseHides", s.leaseHides},
		{"LeaseExpires", s.leaseExpires},
		{"StaleAck", s.staleAck},
		{"Extend", s.extend},
		{"RetryAfterDelay", s.retryAfterDelay},
		{"DeadAfterMaxAttempts", s.deadAfterMaxAttempts},
		{"DeadAfterExpiries", s.deadAfterExpiries},
		{"DeadLetter", s.deadLetter},
		{"DeadPages", s.deadPages},
		{"Redrive", s.redrive},
		{"Drop", s.drop},
		{"DropFunc", s.dropFunc},
		{"Depth", s.depth},
		{"Purge", s.purge},
		{"Attributes", s.attributes},
		{"Fairness", s.fairness},
		{"FairToFew", s.fairToFew},
		{"ConcurrentConsumers", s.concurrentConsumers},
		{"CloseGivesBack", s.closeGivesBack},
		{"ShutdownLosesNothing", s.shutdownLosesNothing},
		{"Brokers", s.brokers},
		{"BatchBytes", s.batchBytes},
		{"RetriedBytes", s.retriedBytes},
		{"UnreadableBody", s.unreadableBody},
		{"Suspects", s.suspects},
		{"SurvivesKill", s.survivesKill},
	} {
		t.Run(test.name, func(t *testing.T) {
			if why := s.NotPromised[test.name]; why != "" {
				t.Skip("not promised by this driver: " + why)
			}
			if flaw := s.Flaws[test.name]; flaw != "" {
				t.Skip("a flaw of the stand-in: " + flaw)
			}
			test.run(t)
		})
	}
}

// open makes a queue with short leases and few attempts.
func (s suite) open(t testing.TB, maxAttempts int) (queue.Broker, queue.Queue) {
	t.Helper()
	b := s.Broker(t)
	a := queue.Attributes{Visibility: time.Minute, MaxAttempts: maxAttempts}
	must(t, b.Create(t.Context(), "orders", a))
	return b, openQueue(t, b)
}

func openQueue(t testing.TB, b queue.Broker) queue.Queue {
	t.Helper()
	q, err := b.Open(t.Context(), "orders")
	must(t, err)
	t.Cleanup(func() {
		if err := q.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return q
}

// shorten makes leases as short as they may be.
func shorten(t testing.TB, q queue.Queue) {
	t.Helper()
	a, err := q.Attributes(t.Context())
	must(t, err)
	a.Visibility = time.Second
	must(t, q.SetAttributes(t.Context(), a))
}

// event makes the n-th event of a shop.
func event(shop string, n int) *bellhop.Event {
	e := &bellhop.Event{
		Shop: shop + ".myshopify.com", Topic: "orders/create", APIVersion: "2026-10",
		WebhookID: fmt.Sprintf("webhook-%d", n), ShopifyEventID: fmt.Sprintf("event-%d", n),
		TriggeredAt: time.UnixMicro(1_790_000_000_123_456).UTC(),
		AcceptedAt:  time.Now().UTC().Truncate(time.Microsecond),
		SignedBy:    bellhop.SignerApp, Body: fmt.Appendf(nil, `{"id":%d}`, n),
	}
	binary.BigEndian.PutUint64(e.ID[:], uint64(time.Now().UnixNano()))
	copy(e.ID[4:8], shop)
	binary.BigEndian.PutUint64(e.ID[8:], uint64(n))
	return e
}

func events(shop string, n int) []*bellhop.Event {
	out := make([]*bellhop.Event, n)
	for i := range out {
		out[i] = event(shop, i)
	}
	return out
}

func send(t testing.TB, q queue.Producer, es ...*bellhop.Event) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	must(t, q.Send(ctx, es...))
}

// receive gets exactly n deliveries, in any number of calls.
func receive(t testing.TB, q queue.Consumer, n int) []queue.Delivery {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var out []queue.Delivery
	for len(out) < n {
		ds, err := q.Receive(ctx, n-len(out))
		if err != nil {
			t.Fatalf("receive %d of %d: %v", len(out)+1, n, err)
		}
		if len(ds) == 0 || len(ds) > n-len(out) {
			t.Fatalf("receive returned %d deliveries when asked for 1 to %d", len(ds), n-len(out))
		}
		out = append(out, ds...)
	}
	return out
}

func settle(t testing.TB, q queue.Consumer, v queue.Verdict, ds ...queue.Delivery) {
	t.Helper()
	must(t, q.Settle(t.Context(), settlements(v, ds...)...))
}

func settlements(v queue.Verdict, ds ...queue.Delivery) []queue.Settlement {
	out := make([]queue.Settlement, len(ds))
	for i, d := range ds {
		out[i] = queue.Settlement{Receipt: d.Receipt, Verdict: v, Reason: "a test said so"}
	}
	return out
}

func wantDepth(t testing.TB, q queue.Admin, waiting, leased, dead int) {
	t.Helper()
	d, err := q.Depth(t.Context())
	must(t, err)
	if d.Waiting != waiting || d.Leased != leased || d.Dead != dead {
		t.Errorf("depth is %d waiting, %d leased, %d dead; want %d, %d, %d", d.Waiting, d.Leased, d.Dead, waiting,
			leased, dead)
	}
}

// nothingWaits checks that no event waits: it sends one and receives that.
func nothingWaits(t testing.TB, q queue.Queue) {
	t.Helper()
	probe := event("probe", 1)
	send(t, q, probe)
	d := receive(t, q, 1)[0]
	if d.Event.ID != probe.ID {
		t.Fatalf("received event %s, attempt %d, when nothing should have been waiting", d.Event.ID, d.Attempt)
	}
	settle(t, q, queue.Ack, d)
}

// wantCount checks a call that says how many events it was about.
func wantCount(t testing.TB, what string, want int) func(n int, err error) {
	return func(n int, err error) {
		t.Helper()
		if n != want || err != nil {
			t.Fatalf("%s: %d, %v; want %d", what, n, err, want)
		}
	}
}

func wantKind(t testing.TB, what any, err error, want bellhop.Kind) {
	t.Helper()
	if got := bellhop.KindOf(err); got != want {
		t.Errorf("%v: %v, of kind %d; want kind %d", what, err, got, want)
	}
}

// soon waits for a value.
func soon[T any](t testing.TB, c <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-c:
	case <-time.After(patience):
		t.Fatal("it waits in vain")
	}
	return v
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
