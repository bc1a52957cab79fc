package queuetest

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"testing"

	"bellhop"
	"bellhop/queue"
)

// dropFunc drops some dead letters of one shop by their bodies, small and large.
func (s suite) dropFunc(t *testing.T) {
	b, q := s.open(t, 2)
	sent := append(events("a", 3), events("b", 2)...)
	large := event("a", 9)
	noise := make([]byte, 2<<20)
	rand.NewChaCha8([32]byte{2}).Read(noise)
	large.Body = append([]byte(`{"id":9}`), noise...)
	sent = append(sent, large)
	send(t, q, sent...)
	settle(t, q, queue.DeadLetter, receive(t, q, len(sent))...)
	seen := map[bellhop.EventID][]byte{}
	drop := func(d queue.DeadEvent) (bool, error) {
		seen[d.Event.ID] = d.Event.Body
		return bytes.HasPrefix(d.Event.Body, []byte(`{"id":1}`)) || bytes.HasPrefix(d.Event.Body, []byte(`{"id":9}`)), nil
	}
	wantCount(t, "drop by body", 2)(q.DropFunc(t.Context(), "a.myshopify.com", drop))
	for _, e := range sent {
		if body, got := seen[e.ID]; got != (e.Shop == "a.myshopify.com") || got && !bytes.Equal(body, e.Body) {
			t.Errorf("event %s of %s: looked at %v, with %d of %d bytes", e.ID, e.Shop, got, len(body), len(e.Body))
		}
	}
	again := openQueue(t, s.Again(t, b))
	wantDepth(t, again, 0, 0, 4)
	for _, e := range []*bellhop.Event{sent[1], large} {
		_, err := again.DeadLetter(t.Context(), e.ID)
		wantKind(t, "a dropped dead letter", err, bellhop.NotFound)
	}
	wantCount(t, "drop once more", 0)(again.DropFunc(t.Context(), "a.myshopify.com", drop))
	stumble := errors.New("stumbled")
	n, err := again.DropFunc(t.Context(), "b.myshopify.com", func(queue.DeadEvent) (bool, error) { return true, stumble })
	if n != 0 || !errors.Is(err, stumble) {
		t.Errorf("an error in between: %d, %v", n, err)
	}
	wantDepth(t, again, 0, 0, 4)
}
