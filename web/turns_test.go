package web

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
)

// Guessers from few networks fill few places of the line, and the line refuses the rest without waiting.
func TestTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, release := newTurns(), make(chan struct{})
		var order []string
		results := make(chan bool, 100)
		enter := func(network string) {
			go func() {
				results <- l.do(t.Context(), network, func() {
					<-release
					order = append(order, network)
				})
			}()
			synctest.Wait()
		}
		for n := range 40 {
			enter(fmt.Sprint("guesser ", n%2))
		}
		enter("honest")
		if got := len(results); got != 40-2*lineNetwork {
			t.Errorf("%d are turned away", got)
		}
		close(release)
		synctest.Wait()
		if at := slices.Index(order, "honest"); at != 2*lineNetwork || len(order) != at+1 {
			t.Errorf("the order is %q", order)
		}
		if l.count != 0 || len(l.inLine) != 0 {
			t.Errorf("%d are in line: %v", l.count, l.inLine)
		}
	})
}

func TestTurnsAreFew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, release := newTurns(), make(chan struct{})
		ctx, cancel := context.WithCancel(t.Context())
		results := make(chan bool, 100)
		for n := range lineLength + 3 {
			go func() { results <- l.do(ctx, fmt.Sprint(n), func() { <-release }) }()
		}
		synctest.Wait()
		if len(results) != 3 {
			t.Errorf("%d are turned away", len(results))
		}
		cancel()
		synctest.Wait()
		if len(results) != lineLength+2 || l.count != 1 {
			t.Errorf("%d have left, %d are in line", len(results), l.count)
		}
		close(release)
	})
}
