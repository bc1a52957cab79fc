package wait_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"bellhop/internal/wait"
)

func TestPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		if !wait.Pause(t.Context(), time.Minute) || time.Since(began) != time.Minute {
			t.Errorf("it waited %v, want a minute", time.Since(began))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if wait.Pause(ctx, time.Minute) || time.Since(began) != time.Minute+time.Second {
			t.Errorf("it waited %v, want as long as the context", time.Since(began)-time.Minute)
		}
	})
}

func TestBroadcast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b wait.Broadcast
		b.Fire() // nobody waits
		if b.Awaited() {
			t.Error("somebody waits for a new broadcast")
		}
		began, next := time.Now(), b.Next()
		if !b.Awaited() || b.Next() != next {
			t.Error("two who wait do not share a channel")
		}
		time.AfterFunc(time.Second, b.Fire)
		wait.For(t.Context(), time.Minute, nil, next)
		wait.For(t.Context(), time.Minute, next, nil)
		if time.Since(began) != time.Second || b.Awaited() || b.Next() == next {
			t.Errorf("it fired after %v, want a second, and one that is over for all", time.Since(began))
		}
	})
}
