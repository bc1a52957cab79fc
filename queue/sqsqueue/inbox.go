package sqsqueue

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"bellhop/internal/wait"
	"bellhop/queue"
)

// waiter is one Receive that waits.
type waiter struct {
	max  int
	wait time.Duration // how long a request for it may take
	got  chan received // has room for one
}

// received is the answer to a request.
type received struct {
	leases []*lease
	full   bool // there may be more
	err    error
}

// inbox matches waiting receivers with waiting requests, and knows the leases of
// this process.
type inbox struct {
	poll func(max int, wait time.Duration) received // makes a request that waits
	now  func() time.Time

	mu      sync.Mutex
	waiting []*waiter
	polls   int       // waiting requests; at least as many as receivers
	until   time.Time // when the last of them ends
	polling sync.WaitGroup
	closed  bool
	held    []*lease                 // arrived for a receiver that had gone
	leases  map[queue.Receipt]*lease // handed out
}

// join adds a receiver.
func (b *inbox) join(w *waiter) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.waiting = append(b.waiting, w)
	b.match(false)
}

// leave removes a receiver. Events that came for it at that moment are for the
// next.
func (b *inbox) leave(w *waiter) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if i := slices.Index(b.waiting, w); i >= 0 {
		b.waiting = slices.Delete(b.waiting, i, i+1)
		return
	}
	b.held = append(b.held, (<-w.got).leases...)
	b.match(false)
}

// keep takes back events that a receiver has no room for; the next gets them first.
func (b *inbox) keep(leases []*lease) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.held = append(slices.Clip(leases), b.held...)
	b.match(false)
}

// arrive takes leases for the waiting receivers. An error goes to one receiver: each made
// its own request.
func (b *inbox) arrive(h received) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if h.err != nil && len(b.waiting) > 0 {
		b.serve(h)
	}
	b.held = append(b.held, h.leases...)
	b.match(h.full)
}

// serve gives to the receiver that has waited longest; with the lock.
func (b *inbox) serve(h received) {
	b.waiting[0].got <- h
	b.waiting = b.waiting[1:]
}

// match gives out the held leases, and starts a request for each receiver that goes
// on waiting; with the lock.
func (b *inbox) match(full bool) {
	b.expire()
	for len(b.waiting) > 0 && len(b.held) > 0 {
		n := min(len(b.held), b.waiting[0].max)
		b.serve(received{leases: b.held[:n:n], full: full && n >= batchSize})
		b.held = b.held[n:]
	}
	for b.polls < len(b.waiting) && !b.closed {
		w := b.waiting[b.polls]
		b.polls++
		if end := b.now().Add(w.wait); end.After(b.until) {
			b.until = end
		}
		b.polling.Go(func() {
			h := b.poll(w.max, w.wait)
			b.mu.Lock()
			b.polls--
			b.mu.Unlock()
			b.arrive(h)
		})
	}
}

// expire forgets leases that have run out. It also drops held leases after half of
// their time: those come again by themselves; with the lock.
func (b *inbox) expire() {
	now := b.now()
	maps.DeleteFunc(b.leases, func(_ queue.Receipt, l *lease) bool { return l.Expires.Before(now) })
	b.held = slices.DeleteFunc(b.held, func(l *lease) bool {
		return now.After(l.taken.Add(l.Expires.Sub(l.taken) / 2))
	})
}

// handOut notes leases as a receiver's.
func (b *inbox) handOut(leases []*lease) []queue.Delivery {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := make([]queue.Delivery, len(leases))
	for i, l := range leases {
		b.leases[l.Receipt] = l
		out[i] = l.Delivery
	}
	return out
}

// look returns a lease; nil if it has run out or is nobody's.
func (b *inbox) look(r queue.Receipt) *lease {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.current(r)
}

// current is look with the lock.
func (b *inbox) current(r queue.Receipt) *lease {
	if l := b.leases[r]; l != nil && !l.Expires.Before(b.now()) {
		return l
	}
	return nil
}

// take removes a lease and returns it as look does. A verdict takes the lease, so
// that it can have no other.
func (b *inbox) take(r queue.Receipt) *lease {
	b.mu.Lock()
	defer b.mu.Unlock()
	l := b.current(r)
	if l != nil {
		delete(b.leases, r)
	}
	return l
}

// putBack returns a lease whose verdict could not be given.
func (b *inbox) putBack(l *lease) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.leases[l.Receipt] = l
}

// extend moves the end of a lease. Somebody may have taken it meanwhile, or be
// about to put it back.
func (b *inbox) extend(l *lease, expires time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	l.Expires = expires
}

// closeGrace is how long close waits for requests that end by themselves.
const closeGrace = 2 * time.Second

// close ends the waiting requests, and returns once they have ended. It waits for
// one that is about to end: SQS may lease events to it until then.
func (b *inbox) close(end func()) {
	b.mu.Lock()
	b.closed = true
	left := b.until.Sub(b.now())
	b.mu.Unlock()
	ended := make(chan struct{})
	go func() {
		b.polling.Wait()
		close(ended)
	}()
	if left < closeGrace {
		wait.For(context.Background(), closeGrace, ended, nil)
	}
	end()
	<-ended
}

// drain returns all leases of this process.
func (b *inbox) drain() []*lease {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.expire()
	all := slices.AppendSeq(b.held, maps.Values(b.leases))
	b.held, b.leases = nil, map[queue.Receipt]*lease{}
	return all
}
