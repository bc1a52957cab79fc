package host

import (
	"cmp"
	"context"
	"maps"
	"sync"
	"time"

	"bellhop/internal/wait"
	"bellhop/store"
)

// slots count the attempts under way, by shop. One goroutine takes slots; each attempt
// returns its own.
type slots struct {
	all  int
	gate store.Gate
	back chan struct{} // gets a token when a slot comes back

	mu   sync.Mutex
	busy map[string]int
	n    int // the sum of busy
}

func newSlots(all int, g store.Gate) *slots {
	return &slots{all: cmp.Or(all, defaultInFlight), gate: g, back: make(chan struct{}, 1), busy: map[string]int{}}
}

// free returns the slots that a claim may take now.
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
	wait.Nudge(s.back)
}

// gather returns the free slots once they are worth a claim: a quarter of all, or any
// after a moment. A claim for each slot would cost a transaction each.
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
