package queuetest

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"bellhop"
	"bellhop/queue"
)

func (s suite) depth(t *testing.T) {
	b, q := s.open(t, 3)
	wantDepth(t, q, 0, 0, 0)
	es := events("a", 5)
	es[0].AcceptedAt = time.Now().Add(-time.Minute)
	send(t, q, es...)
	wantDepth(t, q, 5, 0, 0)
	if d, err := q.Depth(t.Context()); s.promised(t, PromiseOldest) &&
		(err != nil || d.Oldest < 59*time.Second || d.Oldest > time.Hour) {
		t.Errorf("the oldest is %v old, %v; want about a minute", d.Oldest, err)
	}
	ds := receive(t, q, 4)
	wantDepth(t, q, 1, 4, 0)
	settle(t, q, queue.DeadLetter, ds[0])
	settle(t, q, queue.Retry, ds[1])
	settle(t, q, queue.Ack, ds[2])
	wantDepth(t, openQueue(t, s.Again(t, b)), 2, 1, 1)
}

func (s suite) purge(t *testing.T) {
	_, q := s.open(t, 3)
	send(t, q, events("a", 6)...)
	ds := receive(t, q, 3)
	settle(t, q, queue.Retry, ds[0])
	settle(t, q, queue.DeadLetter, ds[1])
	wantCount(t, "purge", 4)(q.Purge(t.Context()))
	wantDepth(t, q, 0, 1, 1)
	settle(t, q, queue.Ack, ds[2])
	nothingWaits(t, q)
}

func (s suite) attributes(t *testing.T) {
	b, q := s.open(t, 3)
	want := queue.Attributes{Visibility: 90 * time.Second, MaxAttempts: 7}
	must(t, q.SetAttributes(t.Context(), want))
	if got, err := openQueue(t, s.Again(t, b)).Attributes(t.Context()); got != want || err != nil {
		t.Errorf("attributes: %+v, %v; want %+v", got, err, want)
	}
	for _, bad := range []queue.Attributes{{}, {Visibility: time.Minute}, {MaxAttempts: 3},
		{Visibility: 13 * time.Hour, MaxAttempts: 3}, {Visibility: time.Minute, MaxAttempts: -1}} {
		wantKind(t, bad, q.SetAttributes(t.Context(), bad), bellhop.Invalid)
	}
}

func (s suite) brokers(t *testing.T) {
	ctx, b := t.Context(), s.Broker(t)
	a := queue.Attributes{Visibility: time.Minute, MaxAttempts: 3}
	for range 2 {
		must(t, b.Create(ctx, "orders", a))
	}
	a.MaxAttempts = 4
	wantKind(t, "the same name with other attributes", b.Create(ctx, "orders", a), bellhop.Conflict)
	must(t, b.Create(ctx, "returns", a))
	for _, bad := range []string{"", "a/b", "a b", "ü"} {
		wantKind(t, "the name "+bad, b.Create(ctx, bad, a), bellhop.Invalid)
	}
	names, err := s.Again(t, b).Names(ctx)
	if err != nil || !slices.Contains(names, "orders") || !slices.Contains(names, "returns") {
		t.Errorf("names: %v, %v", names, err)
	}
	if u, err := b.URL(ctx, "returns"); u == "" || err != nil {
		t.Errorf("URL: %q, %v", u, err)
	}
	// Each queue has its own events.
	q := openQueue(t, b)
	send(t, q, event("a", 1))
	r, err := b.Open(ctx, "returns")
	must(t, err)
	nothingWaits(t, r)
	must(t, errors.Join(r.Close(), b.Remove(ctx, "returns")))
	_, openErr := b.Open(ctx, "returns")
	_, urlErr := b.URL(ctx, "returns")
	for _, err := range []error{openErr, urlErr, b.Remove(ctx, "returns")} {
		wantKind(t, "a queue that was removed", err, bellhop.NotFound)
	}
	receive(t, q, 1)
}

// drain receives with several consumers until want events were acknowledged,
// and returns how often each event came.
func drain(t *testing.T, want, batch int, consumers ...queue.Consumer) map[bellhop.EventID]int {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var mu sync.Mutex
	var wg sync.WaitGroup
	seen := map[bellhop.EventID]int{}
	for _, c := range consumers {
		wg.Go(func() {
			for {
				ds, err := c.Receive(ctx, batch)
				if err != nil {
					return
				}
				if err := c.Settle(ctx, settlements(queue.Ack, ds...)...); err != nil && !errors.Is(err, context.Canceled) {
					t.Errorf("settle: %v", err)
				}
				mu.Lock()
				for _, d := range ds {
					seen[d.Event.ID]++
				}
				if len(seen) >= want {
					cancel()
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if len(seen) != want {
		t.Errorf("%d of %d events came", len(seen), want)
	}
	return seen
}

func (s suite) concurrentConsumers(t *testing.T) {
	b, q := s.open(t, 3)
	other := openQueue(t, s.Again(t, b))
	const producers, each = 4, 250
	var wg sync.WaitGroup
	for p := range producers {
		wg.Go(func() {
			for _, e := range events(string(rune('a'+p)), each) {
				if err := q.Send(t.Context(), e); err != nil {
					t.Errorf("send: %v", err)
				}
			}
		})
	}
	for id, n := range drain(t, producers*each, 7, q, q, other, other) {
		if n != 1 {
			t.Errorf("event %s came %d times though no lease ran out", id, n)
		}
	}
	wg.Wait()
	wantDepth(t, q, 0, 0, 0)
}

// shutdownLosesNothing stops consumers in the middle of their work, again and again, and
// checks that the rest comes to others at once.
func (s suite) shutdownLosesNothing(t *testing.T) {
	b, q := s.open(t, 50)
	sent := events("a", 200)
	send(t, q, sent...)
	acked := map[bellhop.EventID]bool{}
	for round := range 10 {
		c := openQueue(t, s.Again(t, b))
		ds := receive(t, c, 20)
		for i, d := range ds {
			if acked[d.Event.ID] {
				t.Errorf("round %d: event %s came though it was acknowledged", round, d.Event.ID)
			}
			if i%2 == 0 {
				settle(t, c, queue.Ack, d)
				acked[d.Event.ID] = true
			}
		}
		must(t, c.Close())
	}
	for id := range drain(t, len(sent)-len(acked), 20, q) {
		if acked[id] {
			t.Errorf("event %s came though it was acknowledged", id)
		}
	}
	wantDepth(t, q, 0, 0, 0)
}
