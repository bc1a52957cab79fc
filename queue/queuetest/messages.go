package queuetest

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bellhop"
	"bellhop/queue"
)

func (s suite) roundTrip(t *testing.T) {
	_, q := s.open(t, 3)
	full, bare := event("a", 1), event("a", 2)
	full.TraceParent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	bare.ShopifyEventID, bare.TriggeredAt = "", time.Time{}
	send(t, q, full, bare)
	got := map[bellhop.EventID]queue.Delivery{}
	for _, d := range receive(t, q, 2) {
		got[d.Event.ID] = d
		if left := time.Until(d.Expires); d.Attempt != 1 || d.Receipt == "" || left <= 0 || left > time.Minute {
			t.Errorf("first delivery is attempt %d, receipt %q, leased for %v; want 1, one and up to a minute",
				d.Attempt, d.Receipt, left)
		}
	}
	for _, want := range []*bellhop.Event{full, bare} {
		if diff := cmp.Diff(want, got[want.ID].Event); diff != "" {
			t.Errorf("event changed on the way (-sent +received):\n%s", diff)
		}
	}
}

func (s suite) bodies(t *testing.T) {
	_, q := s.open(t, 3)
	noise := make([]byte, 2<<20)
	rand.NewChaCha8([32]byte{1}).Read(noise)
	for name, body := range map[string][]byte{
		"one byte":      {'x'},
		"zero byte":     {0},
		"empty object":  []byte(`{}`),
		"invalid UTF-8": {'"', 0xff, 0xfe, 0xc0, 0x80, '"'},
		"emoji":         []byte(`{"note":"🛎️ 안녕 👩‍👩‍👧"}`),
		"noncharacters": []byte("\uFFFE\uFFFF\x00\x01\x1f"),
		"repetitive":    bytes.Repeat([]byte(`{"title":"Tee"},`), 1000),
		"64 KiB":        noise[:64<<10],
		"2 MiB":         noise,
	} {
		e := event("a", 1)
		e.ID[15] = byte(len(name))
		e.Body = body
		send(t, q, e)
		d := receive(t, q, 1)[0]
		if !bytes.Equal(d.Event.Body, body) {
			t.Errorf("%s: the body changed on the way", name)
		}
		settle(t, q, queue.Ack, d)
	}
}

func (s suite) sendAllOrNone(t *testing.T) {
	_, q := s.open(t, 3)
	bad := event("a", 2)
	bad.Body = make([]byte, bellhop.MaxBody+1)
	wantKind(t, "sending too large a body", q.Send(t.Context(), event("a", 1), bad), bellhop.TooLarge)
	nothingWaits(t, q)
}

func (s suite) receiveWaits(t *testing.T) {
	_, q := s.open(t, 3)
	got := make(chan []queue.Delivery, 1)
	go func() {
		ds, err := q.Receive(t.Context(), 10)
		if err != nil {
			t.Errorf("receive: %v", err)
		}
		got <- ds
	}()
	send(t, q, event("a", 1))
	if ds := soon(t, got); len(ds) != 1 {
		t.Errorf("received %d, want 1", len(ds))
	}
}

func (s suite) cancelReceive(t *testing.T) {
	_, q := s.open(t, 3)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := q.Receive(ctx, 1)
		done <- err
	}()
	cancel()
	if err := soon(t, done); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled receive returned %v", err)
	}
	send(t, q, event("a", 1))
	receive(t, q, 1)
}

// cancelledSend checks that a cancelled send leaves the queue whole: the event is
// in it once or not at all.
func (s suite) cancelledSend(t *testing.T) {
	_, q := s.open(t, 3)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := q.Send(ctx, event("a", 1))
	last := event("a", 2)
	send(t, q, last)
	seen := 0
	for {
		d := receive(t, q, 1)[0]
		settle(t, q, queue.Ack, d)
		if d.Event.ID == last.ID {
			break
		}
		seen++
	}
	if err == nil && seen != 1 || seen > 1 {
		t.Errorf("a cancelled send returned %v, and its event came %d times", err, seen)
	}
}

func (s suite) fairness(t *testing.T) {
	_, q := s.open(t, 3)
	send(t, q, events("flood", 3000)...)
	for _, shop := range []string{"quiet-a", "quiet-b", "quiet-c"} {
		send(t, q, event(shop, 1))
	}
	quiet := 0
	for _, d := range receive(t, q, 100) {
		if d.Event.Shop != "flood.myshopify.com" {
			quiet++
		}
	}
	if quiet != 3 {
		t.Errorf("the first 100 of 3,003 deliveries hold %d of the 3 events of quiet shops", quiet)
	}
}

// fairToFew checks that small batches come to every shop in turn.
func (s suite) fairToFew(t *testing.T) {
	_, q := s.open(t, 3)
	shops := []string{"a", "b", "c", "d", "e"}
	for _, shop := range shops {
		send(t, q, events(shop, 20)...)
	}
	counts := map[string]int{}
	for range 10 {
		d := receive(t, q, 1)[0]
		counts[d.Event.Shop]++
		settle(t, q, queue.Ack, d)
	}
	for _, shop := range shops {
		if n := counts[shop+".myshopify.com"]; n != 2 {
			t.Errorf("of 10 single deliveries shop %s got %d, want 2", shop, n)
		}
	}
}
