package web

import (
	"context"
	"sync"
)

// turns lets one request compute at a time, in the order of arrival. The line is short, and each
// network has only a few places in it. So guessers from many places keep others waiting for a
// moment at most, and are refused at once.
type turns struct {
	turn chan struct{} // holds the one that computes

	mu     sync.Mutex
	inLine map[string]int // by network, the one that computes included
	count  int
}

const (
	lineLength  = 32
	lineNetwork = 4
)

func newTurns() *turns { return &turns{turn: make(chan struct{}, 1), inLine: map[string]int{}} }

// do calls fn when it is its turn. It returns false, without calling fn, when the network has no
// place in the line or ctx ends first.
func (t *turns) do(ctx context.Context, network string, fn func()) bool {
	if !t.line(network) {
		return false
	}
	defer t.leave(network)
	select {
	case t.turn <- struct{}{}:
		defer func() { <-t.turn }()
		fn()
		return true
	case <-ctx.Done():
		return false
	}
}

func (t *turns) line(network string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.count >= lineLength || t.inLine[network] >= lineNetwork {
		return false
	}
	t.count++
	t.inLine[network]++
	return true
}

func (t *turns) leave(network string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.count--
	if t.inLine[network]--; t.inLine[network] == 0 {
		delete(t.inLine, network)
	}
}
