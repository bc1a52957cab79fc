package host_test

import (
	"context"
	"encoding/binary"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"bellhop"
	"bellhop/host"
	"bellhop/pipeline"
	"bellhop/queue"
	"bellhop/store"
)

// deadQueue is a queue with dead letters alone.
type deadQueue struct {
	queue.Queue
	mu     sync.Mutex
	dead   []queue.DeadEvent
	pruned time.Time // before it
}

func (g *deadQueue) Depth(context.Context) (queue.Depth, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return queue.Depth{Dead: len(g.dead)}, nil
}

func (g *deadQueue) DeadLetters(_ context.Context, after queue.Cursor, limit int) ([]queue.DeadEvent, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return queue.PageOf(slices.Clone(g.dead), after, limit), nil
}

// Prune implements [queue.Pruner].
func (g *deadQueue) Prune(_ context.Context, before time.Time) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.pruned = before
	return 0, nil
}

// Scrub implements [queue.Pruner].
func (*deadQueue) Scrub(context.Context) error { return nil }

func (g *deadQueue) add(n uint64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	e := &bellhop.Event{}
	binary.BigEndian.PutUint64(e.ID[8:], n)
	g.dead = append(g.dead, queue.DeadEvent{Event: e, DiedAt: time.Unix(1, 0)})
}

// book is a ledger that counts, and drops bodies until prune ends.
type book struct {
	store.Recorder
	mu    sync.Mutex
	dead  map[bellhop.EventID]int
	prune chan struct{} // nil for at once
	older atomic.Int64  // orders that are not in the search index yet
}

func (b *book) CatchUp(_ context.Context, limit int) (int, error) {
	n := min(int64(limit), b.older.Load())
	b.older.Add(-n)
	return int(n), nil
}

func (b *book) Dead(_ context.Context, e *bellhop.Event, _ string, _ time.Time) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.dead[e.ID]++
	return nil
}

func (b *book) Prune(ctx context.Context, _ time.Time, _ int) (int, error) {
	select {
	case <-b.prune:
	case <-ctx.Done():
	}
	return 0, ctx.Err()
}

// shopList embeds the port by another name than its method's.
type (
	shopPort = store.Shops
	shopList struct {
		shopPort
		list atomic.Pointer[[]bellhop.Shop]
	}
)

func (s *shopList) Shops(context.Context) ([]bellhop.Shop, error) { return *s.list.Load(), nil }

// TestMaintenance has more dead letters of one moment than fit into a page, a new one in
// place of a replayed one, and a new shop while the ledger drops bodies.
func TestMaintenance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const dead = 25_000
		g, b, s := &deadQueue{}, &book{dead: map[bellhop.EventID]int{}}, &shopList{}
		s.list.Store(&[]bellhop.Shop{})
		b.older.Store(250)
		for n := range uint64(dead) {
			g.add(n)
		}
		keys := pipeline.NewKeyring(s, "", "")
		j := &host.Maintenance{Keys: keys, Queue: g, Store: b, Log: slog.New(slog.DiscardHandler), Now: time.Now,
			KeepBodies: time.Hour}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- j.Run(ctx) }()
		synctest.Wait()
		written := func() int { b.mu.Lock(); defer b.mu.Unlock(); return len(b.dead) }
		if written() != dead {
			t.Errorf("%d of %d dead letters are written down", written(), dead)
		}
		if n := b.older.Load(); n != 0 {
			t.Errorf("%d older orders are left out of the search index", n)
		}
		s.list.Store(&[]bellhop.Shop{{Domain: shop}})
		time.Sleep(3 * time.Second)
		if !keys.Knows(shop) {
			t.Error("a new shop is not known while bodies are dropped")
		}
		time.Sleep(time.Minute)
		g.mu.Lock()
		if age := time.Since(g.pruned); age > time.Minute {
			t.Errorf("what left the queue has bodies there for %v", age)
		}
		g.mu.Unlock()
		g.add(dead)
		g.mu.Lock()
		g.dead = g.dead[1:]
		g.mu.Unlock()
		time.Sleep(2 * time.Hour)
		if written() != dead+1 {
			t.Error("a dead letter is not recorded, since one was replayed meanwhile")
		}
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		for id, n := range b.dead {
			if n != 1 {
				t.Fatalf("%s was written down %d times", id, n)
			}
		}
	})
}
