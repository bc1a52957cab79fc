package lambdahost_test

import (
	"context"
	"testing"
	"time"

	"bellhop"
	"bellhop/host/lambdahost"
	"bellhop/queue"
)

// idle is a queue in which nothing waits, and nothing is dead.
type idle struct{ queue.Queue }

func (idle) Depth(context.Context) (queue.Depth, error) { return queue.Depth{}, nil }

func (idle) DropFunc(context.Context, string, func(queue.DeadEvent) (bool, error)) (int, error) {
	return 0, nil
}

// TestSweepCarriesOutRequests forgets somebody between two pushes.
func TestSweepCarriesOutRequests(t *testing.T) {
	f := newFunctions(t)
	f.owe(t, 1)
	now := time.Now()
	open, err := f.push.Database.Get(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	r, err := open.AddRequest(t.Context(), bellhop.PrivacyRequest{Shop: shop, Kind: bellhop.RequestForget,
		RequestedAt: now, ReceivedAt: now, DueAt: now, Subject: bellhop.Subject{Email: "nobody@example.com"}})
	if err != nil {
		t.Fatal(err)
	}
	s := &lambdahost.Sweep{PushStep: f.push, KeepBodies: time.Hour, Queue: idle{}}
	if _, err := s.Invoke(t.Context(), []byte(`{"source":"aws.events"}`)); err != nil {
		t.Fatal(err)
	}
	if r, err = open.Request(t.Context(), shop, r.ID); err != nil || r.Outcome != bellhop.RequestNothingFound {
		t.Errorf("ended as %q, %v", r.Outcome, err)
	}
}
