package bench

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"

	"bellhop"
	"bellhop/queue"
)

// orderly takes orders one after the other: each waits until somebody reads it.
type orderly struct {
	took chan string
	err  error
}

func (o *orderly) Send(_ context.Context, events ...*bellhop.Event) error {
	for _, e := range events {
		o.took <- string(e.Body)
	}
	return o.err
}

// noQueue is an empty one.
type noQueue struct{ queue.Queue }

func (noQueue) Depth(context.Context) (queue.Depth, error) { return queue.Depth{Dead: 3}, nil }

func waiting(t *testing.T, b *Background) int {
	t.Helper()
	d, err := b.Depth(t.Context())
	if err != nil || d.Dead != 3 {
		t.Fatalf("%+v: %v", d, err)
	}
	return d.Waiting
}

func TestTheBackgroundWorksAfterTheAnswer(t *testing.T) {
	next, p := &orderly{took: make(chan string)}, NewPool(InlineOptions{Pool: 1})
	var log bytes.Buffer
	b := NewBackground(noQueue{}, next, p, slog.New(slog.NewTextHandler(&log, nil)))
	body := []byte("first")
	if err := b.Send(t.Context(), &bellhop.Event{Shop: "one.myshopify.com", Body: body}); err != nil {
		t.Fatal(err)
	}
	copy(body, "other") // the endpoint uses its buffer again
	if n := waiting(t, b); n != 1 {
		t.Errorf("%d wait", n)
	}
	if got := <-next.took; got != "first" {
		t.Errorf("the order is %q", got)
	}
	b.Wait()
	if n := waiting(t, b); n != 0 || log.Len() > 0 {
		t.Errorf("%d wait; the log has %s", n, log.String())
	}

	next.err = bellhop.Errorf(bellhop.Unavailable, "away", "the database is away")
	if err := b.Send(t.Context(), &bellhop.Event{Shop: "one.myshopify.com"}); err != nil {
		t.Fatal(err)
	}
	<-next.took
	b.Wait()
	if !strings.Contains(log.String(), "an order that was acknowledged is lost") {
		t.Errorf("the log has %q", log.String())
	}
}

// TestTheBackgroundSharesThePool makes an owner wait for the end of one order, not of all.
func TestTheBackgroundSharesThePool(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		next, p := &orderly{took: make(chan string)}, NewPool(InlineOptions{Pool: 1})
		b := NewBackground(noQueue{}, next, p, slog.New(slog.DiscardHandler))
		for range 3 {
			if err := b.Send(t.Context(), &bellhop.Event{}); err != nil {
				t.Fatal(err)
			}
		}
		owner := httptest.NewRecorder()
		answered := false
		h := p.Bound(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { answered = true }))
		synctest.Wait() // an order holds the place
		go h.ServeHTTP(owner, httptest.NewRequest(http.MethodGet, "/v1/orders", nil))
		synctest.Wait()
		if answered {
			t.Error("an owner is answered without a place")
		}
		<-next.took
		synctest.Wait()
		if n := waiting(t, b); !answered || owner.Code != http.StatusOK || n != 2 {
			t.Errorf("an owner is answered: %v, %d; %d orders wait", answered, owner.Code, n)
		}
		<-next.took
		<-next.took
		b.Wait()
	})
}

func TestTheBackgroundHasAnEnd(t *testing.T) {
	next, p := &orderly{took: make(chan string, backgroundLine)}, NewPool(InlineOptions{Pool: 10})
	b := NewBackground(noQueue{}, next, p, slog.New(slog.DiscardHandler))
	if err := p.slots.Acquire(t.Context(), 10); err != nil {
		t.Fatal(err)
	}
	for range backgroundLine {
		if err := b.Send(t.Context(), &bellhop.Event{}); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Send(t.Context(), &bellhop.Event{}); bellhop.KindOf(err) != bellhop.Unavailable {
		t.Errorf("beyond the line: %v", err)
	}
	p.slots.Release(10)
	b.Wait()
	if n := len(next.took); n != backgroundLine {
		t.Errorf("%d orders were worked at", n)
	}
}
