package queuetest

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bellhop"
	"bellhop/queue"
)

func (s suite) leaseHides(t *testing.T) {
	b, q := s.open(t, 3)
	send(t, q, event("a", 1))
	d := receive(t, q, 1)[0]
	nothingWaits(t, q)
	nothingWaits(t, openQueue(t, s.Again(t, b)))
	settle(t, q, queue.Ack, d)
	nothingWaits(t, q)
	wantDepth(t, q, 0, 0, 0)
}

func (s suite) leaseExpires(t *testing.T) {
	_, q := s.open(t, 3)
	shorten(t, q)
	e := event("a", 1)
	send(t, q, e)
	first := receive(t, q, 1)[0]
	second := receive(t, q, 1)[0]
	if second.Event.ID != e.ID || second.Attempt != 2 {
		t.Errorf("after the lease ran out came event %s, attempt %d; want %s, attempt 2", second.Event.ID,
			second.Attempt, e.ID)
	}
	if second.Receipt == first.Receipt {
		t.Error("two leases have the same receipt")
	}
}

func (s suite) staleAck(t *testing.T) {
	b, q := s.open(t, 5)
	shorten(t, q)
	send(t, q, event("a", 1), event("a", 2))
	old := receive(t, q, 2)
	other := openQueue(t, s.Again(t, b))
	held := receive(t, other, 2)
	for _, v := range []queue.Verdict{queue.Ack, queue.Retry, queue.DeadLetter} {
		err := q.Settle(t.Context(), settlements(v, old...)...)
		if len(stale(err)) != 2 {
			t.Errorf("verdict %d with leases that ran out: %v, want both to be stale", v, err)
		}
	}
	if err := q.Extend(t.Context(), time.Minute, old[0].Receipt); len(stale(err)) != 1 {
		t.Errorf("extending a lease that ran out: %v, want it to be stale", err)
	}
	must(t, other.Extend(t.Context(), time.Minute, held[0].Receipt, held[1].Receipt))
	wantDepth(t, q, 0, 2, 0)
	// One of two is stale: the other counts all the same.
	settle(t, other, queue.Ack, held[0])
	err := other.Settle(t.Context(), settlements(queue.Ack, held...)...)
	if !slices.Equal(stale(err), []queue.Receipt{held[0].Receipt}) {
		t.Errorf("settling twice: %v, want the first to be stale", err)
	}
	if err := q.Settle(t.Context(), queue.Settlement{Receipt: "no receipt of anybody"}); len(stale(err)) != 1 {
		t.Errorf("a made-up receipt: %v, want it to be stale", err)
	}
	wantDepth(t, q, 0, 0, 0)
}

func stale(err error) []queue.Receipt {
	if e, ok := errors.AsType[*queue.StaleError](err); ok {
		return e.Receipts
	}
	return nil
}

func (s suite) extend(t *testing.T) {
	_, q := s.open(t, 3)
	shorten(t, q)
	send(t, q, event("a", 1))
	d := receive(t, q, 1)[0]
	must(t, q.Extend(t.Context(), time.Minute, d.Receipt))
	// A lease that was taken later and not extended comes back first.
	other := event("b", 1)
	send(t, q, other)
	receive(t, q, 1)
	if again := receive(t, q, 1)[0]; again.Event.ID != other.ID {
		t.Errorf("an extended lease ran out")
	}
	settle(t, q, queue.Ack, d)
}

func (s suite) retryAfterDelay(t *testing.T) {
	_, q := s.open(t, 3)
	e := event("a", 1)
	send(t, q, e)
	d := receive(t, q, 1)[0]
	start := time.Now()
	const delay = 300 * time.Millisecond
	err := q.Settle(t.Context(), queue.Settlement{Receipt: d.Receipt, Verdict: queue.Retry, Delay: delay, Reason: "later"})
	must(t, err)
	if s.promised(t, PromiseDelayedWaits) {
		wantDepth(t, q, 1, 0, 0)
	}
	nothingWaits(t, q)
	d = receive(t, q, 1)[0]
	if took := time.Since(start); d.Event.ID != e.ID || d.Attempt != 2 || took < delay {
		t.Errorf("event %s came again after %v as attempt %d; want %s after at least %v as attempt 2", d.Event.ID, took,
			d.Attempt, e.ID, delay)
	}
	settle(t, q, queue.Ack, d)
	wantDepth(t, q, 0, 0, 0)
}

func (s suite) deadAfterMaxAttempts(t *testing.T) {
	_, q := s.open(t, 3)
	e := event("a", 1)
	send(t, q, e)
	for attempt := 1; attempt <= 3; attempt++ {
		d := receive(t, q, 1)[0]
		if d.Attempt != attempt {
			t.Fatalf("delivery %d says attempt %d", attempt, d.Attempt)
		}
		settle(t, q, queue.Retry, d)
	}
	nothingWaits(t, q)
	wantDead(t, q, e, 3, "a test said so")
}

func (s suite) deadAfterExpiries(t *testing.T) {
	_, q := s.open(t, 2)
	shorten(t, q)
	e := event("a", 1)
	send(t, q, e)
	receive(t, q, 1)
	receive(t, q, 1)
	probe := event("probe", 1)
	send(t, q, probe)
	for {
		// The probe comes again and again; each wait is the lease's length.
		if d := receive(t, q, 1)[0]; d.Event.ID != probe.ID {
			t.Fatalf("event %s was delivered a third time", d.Event.ID)
		}
		if dead, err := q.DeadLetters(t.Context(), queue.Cursor{}, 10); err != nil {
			t.Fatal(err)
		} else if len(dead) > 0 {
			break
		}
	}
	wantDead(t, q, e, 2, "")
}

// wantDead checks that e is among the dead letters; "" stands for any reason but
// none.
func wantDead(t testing.TB, q queue.DeadLetters, e *bellhop.Event, attempts int, reason string) {
	t.Helper()
	d, err := q.DeadLetter(t.Context(), e.ID)
	must(t, err)
	if d.Attempts != attempts || d.Reason == "" || reason != "" && d.Reason != reason || d.DiedAt.IsZero() {
		t.Errorf("dead letter: %d attempts, reason %q, died at %v; want %d, %q and a time", d.Attempts, d.Reason,
			d.DiedAt, attempts, reason)
	}
	if diff := cmp.Diff(e, d.Event); diff != "" {
		t.Errorf("the dead letter is not the event that was sent (-sent +dead):\n%s", diff)
	}
	listed, err := q.DeadLetters(t.Context(), queue.Cursor{}, 1000)
	must(t, err)
	want, bare := d, *e
	bare.Body, want.Event = nil, &bare
	i := slices.IndexFunc(listed, func(l queue.DeadEvent) bool { return l.Event.ID == e.ID })
	if i < 0 {
		t.Errorf("the dead letter is not in the list of %d", len(listed))
	} else if diff := cmp.Diff(want, listed[i]); diff != "" {
		t.Errorf("listed, the dead letter is another (-shown +listed):\n%s", diff)
	}
}

func (s suite) deadLetter(t *testing.T) {
	_, q := s.open(t, 3)
	e := event("a", 1)
	e.TraceParent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	send(t, q, e)
	d := receive(t, q, 1)[0]
	must(t, q.Settle(t.Context(), queue.Settlement{Receipt: d.Receipt, Verdict: queue.DeadLetter, Reason: "poison"}))
	nothingWaits(t, q)
	wantDepth(t, q, 0, 0, 1)
	wantDead(t, q, e, 1, "poison")
}

// deadPages lists dead letters of one moment page by page: each comes once, in the
// order of one list of all.
func (s suite) deadPages(t *testing.T) {
	_, q := s.open(t, 2)
	sent := events("a", 7)
	send(t, q, sent...)
	settle(t, q, queue.DeadLetter, append(receive(t, q, 5), receive(t, q, 2)...)...)
	all, err := q.DeadLetters(t.Context(), queue.Cursor{}, 100)
	if err != nil || len(all) != len(sent) {
		t.Fatalf("%d are listed, %v; want %d", len(all), err, len(sent))
	}
	var paged []queue.DeadEvent
	for after := (queue.Cursor{}); ; after = paged[len(paged)-1].Cursor() {
		page, err := q.DeadLetters(t.Context(), after, 2)
		must(t, err)
		if paged = append(paged, page...); len(page) < 2 {
			break
		}
	}
	if diff := cmp.Diff(all, paged); diff != "" {
		t.Errorf("page by page it is another list (-all +paged):\n%s", diff)
	}
	if !slices.IsSortedFunc(all, func(a, b queue.DeadEvent) int { return a.Cursor().Compare(b.Cursor()) }) {
		t.Errorf("they are not listed newest first: %v", all)
	}
}

func (s suite) redrive(t *testing.T) {
	_, q := s.open(t, 2)
	sent := events("a", 5)
	send(t, q, sent...)
	settle(t, q, queue.DeadLetter, receive(t, q, 5)...)
	wantCount(t, "redrive of one", 1)(q.Redrive(t.Context(), sent[1].ID))
	d := receive(t, q, 1)[0]
	if d.Event.ID != sent[1].ID || d.Attempt != 1 {
		t.Errorf("redriven: event %s, attempt %d; want %s, attempt 1", d.Event.ID, d.Attempt, sent[1].ID)
	}
	settle(t, q, queue.Ack, d)
	if n, err := q.Redrive(t.Context(), sent[1].ID); n != 0 || bellhop.KindOf(err) != bellhop.NotFound {
		t.Errorf("redrive without a dead letter: %d, %v; want NotFound", n, err)
	}
	_, err := q.DeadLetter(t.Context(), sent[1].ID)
	wantKind(t, "the dead letter of a redriven event", err, bellhop.NotFound)
	dead, err := q.DeadLetters(t.Context(), queue.Cursor{}, 3)
	if err != nil || len(dead) != 3 {
		t.Fatalf("list of 3: %d, %v", len(dead), err)
	}
	wantCount(t, "redrive of all", 4)(q.Redrive(t.Context()))
	settle(t, q, queue.Ack, receive(t, q, 4)...)
	wantDepth(t, q, 0, 0, 0)
}

func (s suite) drop(t *testing.T) {
	b, q := s.open(t, 2)
	sent := events("a", 4)
	send(t, q, sent...)
	settle(t, q, queue.DeadLetter, receive(t, q, 4)...)
	wantCount(t, "drop of none", 0)(q.Drop(t.Context()))
	wantCount(t, "drop of two", 2)(q.Drop(t.Context(), sent[1].ID, sent[2].ID))
	if n, err := q.Drop(t.Context(), sent[1].ID); n != 0 || bellhop.KindOf(err) != bellhop.NotFound {
		t.Errorf("drop without a dead letter: %d, %v; want NotFound", n, err)
	}
	again := openQueue(t, s.Again(t, b))
	for _, e := range sent[1:3] {
		_, err := again.DeadLetter(t.Context(), e.ID)
		wantKind(t, "a dropped dead letter", err, bellhop.NotFound)
	}
	wantDepth(t, again, 0, 0, 2)
	wantCount(t, "redrive of the rest", 2)(again.Redrive(t.Context()))
	for _, d := range receive(t, q, 2) {
		if d.Event.ID != sent[0].ID && d.Event.ID != sent[3].ID {
			t.Errorf("event %s comes though it was dropped", d.Event.ID)
		}
		settle(t, q, queue.Ack, d)
	}
	wantDepth(t, q, 0, 0, 0)
}

func (s suite) closeGivesBack(t *testing.T) {
	b, q := s.open(t, 3)
	send(t, q, events("a", 3)...)
	first := receive(t, q, 3)
	settle(t, q, queue.Ack, first[0])
	must(t, q.Close())
	other := openQueue(t, s.Again(t, b))
	for _, d := range receive(t, other, 2) {
		if d.Event.ID == first[0].Event.ID {
			t.Error("what was acknowledged came again")
		}
		settle(t, other, queue.Ack, d)
	}
	if err := errors.Join(other.Close(), other.Close()); err != nil {
		t.Errorf("closing twice: %v", err)
	}
}
