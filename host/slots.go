package host

import (
	"context"
	"maps"
	"sync"
	"time"

	"bellhop/internal/wait"
	"bellhop/store"
)

// slots count the attempts under way, by shop. One goroutine takes them, and each
// attempt gives its own back.
type slots struct {
	all  int
	gate store.Gate
	back chan struct{} // holds something once a slot was given back

	mu   sync.Mutex
	busy map[string]int
	n    int // the sum of busy
}

func newSlots(all int, g store.Gate) *slots {
	if all == 0 {
		all = defaultInFlight
	}
	return &slots{all: all, gate: g, back: make(chan struct{}, 1), busy: map[string]int{}}
}

// free is what a claim may take now.
func (s *slots) free() store.Slots {
	s.mu.Lock()
	defer s.mu.Unlock()
	return store.Slots{Free: s.all - s.n, Busy: maps.Clone(s.busy), PerFree: perFree, Gate: s.gate}
}

func (s *slots) used() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.n
}

func (s *slots) take(owed []store.Owed) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, o := range owed {
		s.busy[o.Device.Shop]++
		s.n++
	}
}

func (s *slots) giveBack(shop string) {
	s.mu.Lock()
	s.n--
	if s.busy[shop]--; s.busy[shop] == 0 {
		delete(s.busy, shop)
	}
	s.mu.Unlock()
	select {
	case s.back <- struct{}{}:
	default:
	}
}

// gather returns what is free once that is worth a claim: a quarter of all, or
// what there is after a moment. Claiming for each slot by itself would cost a
// transaction each.
func (s *slots) gather(ctx context.Context) store.Slots {
	const moment = 5 * time.Millisecond
	var since time.Time
	for ctx.Err() == nil {
		free := s.free()
		switch {
		case free.Free == 0:
			wait.For(ctx, time.Minute, s.back, nil)
			continue
		case since.IsZero():
			since = time.Now()
		}
		left := moment - time.Since(since)
		if free.Free >= s.all/4 || left <= 0 {
			return free
		}
		wait.For(ctx, left, s.back, nil)
	}
	return store.Slots{}
}
