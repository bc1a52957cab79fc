package queuetest

import (
	"bytes"
	"context"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"bellhop"
	"bellhop/queue"
)

// largeEvents makes n events of a shop with bodies of 2 MiB. Every other one packs
// into next to nothing.
func largeEvents(shop string, n int) []*bellhop.Event {
	rng := rand.NewChaCha8([32]byte{1})
	out := events(shop, n)
	for i, e := range out {
		e.Body = bytes.Repeat([]byte(`{"title":"Tee"},`), 2<<20/16)
		if i%2 == 0 {
			rng.Read(e.Body)
		}
	}
	return out
}

// batchBytes checks that large bodies come in small batches, and let others
// through.
func (s suite) batchBytes(t *testing.T) {
	_, q := s.open(t, 3)
	for _, e := range largeEvents("flood", 20) {
		send(t, q, e)
	}
	send(t, q, event("quiet", 1))
	for left, first := 21, true; left > 0; first = false {
		ds := receiveSome(t, q)
		checkBytes(t, ds)
		quiet := slices.ContainsFunc(ds, func(d queue.Delivery) bool { return d.Event.Shop == "quiet.myshopify.com" })
		if first && !quiet && s.promised(t, "Fairness") && s.Flaws["Fairness"] == "" {
			t.Error("the first batch has nothing of the quiet shop")
		}
		left -= len(ds)
		settle(t, q, queue.Ack, ds...)
	}
	wantDepth(t, q, 0, 0, 0)
}

func checkBytes(t *testing.T, ds []queue.Delivery) {
	t.Helper()
	sum := 0
	for _, d := range ds {
		sum += len(d.Event.Body)
	}
	if sum > queue.BatchBytes {
		t.Errorf("a batch of %d has %d bytes of bodies: at most %d are promised", len(ds), sum, queue.BatchBytes)
	}
}

// retriedBytes checks the same for retries.
func (s suite) retriedBytes(t *testing.T) {
	_, q := s.open(t, 1000)
	for _, e := range largeEvents("flood", 12) {
		send(t, q, e)
	}
	for left := 12; left > 0; {
		ds := receiveSome(t, q)
		for _, d := range ds {
			if d.Attempt == 1 {
				left--
			}
		}
		settle(t, q, queue.Retry, ds...)
	}
	for left := 12; left > 0; {
		ds := receiveSome(t, q)
		checkBytes(t, ds)
		left -= len(ds)
		settle(t, q, queue.Ack, ds...)
	}
}

func receiveSome(t testing.TB, q queue.Consumer) []queue.Delivery {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	ds, err := q.Receive(ctx, 100)
	must(t, err)
	return ds
}

// unreadableBody checks that an event whose body is damaged holds up nobody.
func (s suite) unreadableBody(t *testing.T) {
	b, q := s.open(t, 3)
	sent := events("a", 10)
	lost := sent[4]
	lost.Body = largeEvents("a", 1)[0].Body
	send(t, q, sent...)
	s.Damage(t, b, lost)
	for _, d := range receive(t, q, 9) {
		if d.Event.ID == lost.ID || d.Attempt != 1 {
			t.Errorf("event %s came with %d bytes, attempt %d", d.Event.ID, len(d.Event.Body), d.Attempt)
		}
		settle(t, q, queue.Ack, d)
	}
	nothingWaits(t, q)
	eventually(t, "the damaged event is a dead letter", func() bool {
		dead, err := q.DeadLetters(t.Context(), queue.Cursor{}, 10)
		return err == nil && len(dead) == 1
	})
	d, err := q.DeadLetter(t.Context(), lost.ID)
	if err != nil || d.Event.WebhookID != lost.WebhookID || d.Reason == "" || d.DiedAt.IsZero() || len(d.Event.Body) > 0 {
		t.Errorf("the dead letter is %+v, %v; want all but its body, and a reason", d, err)
	}
	wantDepth(t, q, 0, 0, 1)
}

// eventually waits for something that a driver does on its own.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("it is not true in %v: %s", patience, what)
		}
	}
}

// suspects checks that events whose consumers keep ending come one by one then, so
// that the one that ends them costs the others nothing.
func (s suite) suspects(t *testing.T) {
	b, q := s.open(t, 20)
	sent := events("a", 5)
	send(t, q, sent...)
	for range queue.Suspicious {
		dying := openQueue(t, s.Again(t, b))
		receive(t, dying, len(sent))
		must(t, dying.Close())
	}
	// From now on one of them ends each consumer that has it.
	killer, deaths := sent[2].ID, 0
	last := map[bellhop.EventID]int{}
	for len(last) < len(sent) {
		dying := openQueue(t, s.Again(t, b))
		for {
			ds := receiveSome(t, dying)
			if len(ds) > 1 {
				t.Fatalf("%d came together after %d ends", len(ds), queue.Suspicious)
			}
			if d := ds[0]; d.Event.ID == killer && deaths < 3 {
				deaths++
				must(t, dying.Close())
				break
			}
			last[ds[0].Event.ID] = ds[0].Attempt
			settle(t, dying, queue.Ack, ds...)
			if len(last) == len(sent) {
				break
			}
		}
	}
	for _, e := range sent {
		want := last[sent[0].ID]
		if e.ID == killer {
			want += deaths
		}
		if got := last[e.ID]; got != want {
			t.Errorf("event %s came last as attempt %d, want %d", e.ID, got, want)
		}
	}
	wantDepth(t, q, 0, 0, 0)
}
