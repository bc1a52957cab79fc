package sqsqueue_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"bellhop"
	"bellhop/internal/amazon"
	"bellhop/queue"
)

// TestDropsBodies drops a dead letter whose body is in the bucket, and one that somebody else reads now.
func TestDropsBodies(t *testing.T) {
	b := fresh(t)
	if err := b.Create(t.Context(), "orders", queue.DefaultAttributes()); err != nil {
		t.Fatal(err)
	}
	q, err := b.Unchecked("orders")
	if err != nil {
		t.Fatal(err)
	}
	defer q.Close()
	e := &bellhop.Event{ID: bellhop.EventID{7, 15: 1}, Shop: "a.myshopify.com", Topic: "orders/create",
		AcceptedAt: time.Now(), Body: make([]byte, 3<<20)}
	rand.NewChaCha8([32]byte{3}).Read(e.Body)
	if err := q.AddDead(t.Context(), e, 1, "spoilt"); err != nil {
		t.Fatal(err)
	}
	all := func(queue.DeadEvent) (bool, error) { return true, nil }
	other, err := b.Unchecked("orders")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	n, err := q.DropFunc(t.Context(), e.Shop, func(d queue.DeadEvent) (bool, error) {
		if n, err := other.DropFunc(t.Context(), e.Shop, all); n != 0 || bellhop.KindOf(err) != bellhop.Unavailable {
			t.Errorf("while somebody else reads it: %d, %v", n, err)
		}
		return all(d)
	})
	if n != 1 || err != nil {
		t.Fatalf("dropped %d, %v", n, err)
	}
	cfg, err := amazon.Load(t.Context(), b.options.Settings)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := amazon.NewBucket(cfg, bucket, "").Get(t.Context(), amazon.Key(e)); !bellhop.IsPermanent(err) {
		t.Errorf("the body is still in the bucket: %v", err)
	}
}
