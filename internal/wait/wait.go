// Package wait holds the ways in which goroutines wait here: for a while, for the
// next time that something happens, and between two rounds of a duty.
package wait

import (
	"context"
	"sync"
	"time"
)

// Pause waits for d. It returns false when ctx ends first.
func Pause(ctx context.Context, d time.Duration) bool {
	For(ctx, d, nil, nil)
	return ctx.Err() == nil
}

// For waits until ctx ends or one of two signals comes, and for d at most. A nil
// signal never comes.
func For(ctx context.Context, d time.Duration, one, other <-chan struct{}) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-one:
	case <-other:
	case <-t.C:
	case <-ctx.Done():
	}
}

// Nudge puts a token into a channel that has room for one, unless there is one already.
func Nudge(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Every calls do each d until ctx ends, and not at once.
func Every(ctx context.Context, d time.Duration, do func()) {
	tick := time.NewTicker(d)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			do()
		case <-ctx.Done():
			return
		}
	}
}

// Broadcast wakes all waiters the next time that something happens.
// The zero value serves, and many goroutines may use it at once.
type Broadcast struct {
	mu   sync.Mutex
	next chan struct{} // nil while nobody waits
}

// Next returns a channel that the next [Broadcast.Fire] closes. Ask for it before checking the
// state that it announces, so that nothing is missed in between.
func (b *Broadcast) Next() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.next == nil {
		b.next = make(chan struct{})
	}
	return b.next
}

// Fire wakes all waiters.
func (b *Broadcast) Fire() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.next != nil {
		close(b.next)
		b.next = nil
	}
}

// Awaited reports whether somebody asked for Next since the last Fire.
func (b *Broadcast) Awaited() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.next != nil
}
