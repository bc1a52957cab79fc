package host

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"bellhop"
	"bellhop/pipeline"
	"bellhop/store"
)

// watched is a store that counts.
type watched struct {
	mu     sync.Mutex
	kept   []store.Refusal
	events int64
	err    error
}

func (w *watched) AddRefusals(_ context.Context, more []store.Refusal, _ time.Time) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err == nil {
		w.kept = append(w.kept, more...)
	}
	return w.err
}

func (w *watched) Refusals(context.Context, time.Time) ([]store.Refusal, error) { return nil, nil }

func (w *watched) Totals(context.Context) (map[bellhop.Outcome]int64, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return map[bellhop.Outcome]int64{bellhop.OutcomeRecorded: w.events - 1, bellhop.OutcomeDead: 1}, nil
}

func (w *watched) is(events int64, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.events, w.err = events, err
}

func TestWatchKeepsRefusalsAndNoticesARestore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var text bytes.Buffer
		log := slog.New(slog.NewTextHandler(&text, nil))
		s := &watched{events: 10}
		refusals := pipeline.NewRefusals(nil, log, time.Now)
		ctx, end := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			(&watch{refusals: refusals, store: s, log: log}).run(ctx)
		}()
		wait := func(d time.Duration) { time.Sleep(d); synctest.Wait() }

		refusals.Refused("x", "slow", false, nil)
		refusals.Refused("x", "slow", false, nil)
		wait(watchEvery)
		refusals.Refused("x", "slow", false, nil)
		s.is(10, bellhop.Errorf(bellhop.Unavailable, "db", "away"))
		wait(watchEvery)
		s.is(10, nil)
		wait(watchEvery)
		if len(s.kept) != 2 || s.kept[0].Count != 2 || s.kept[1].Count != 1 || s.kept[1].Reason != "slow" ||
			s.kept[1].Shop != "" {
			t.Errorf("the store has %+v", s.kept)
		}
		for _, events := range []int64{12, 12, 7, 8} {
			s.is(events, nil)
			wait(watchEvery)
		}
		if n := strings.Count(text.String(),
			`msg="an older backup was restored: what came after it is gone" events=7 before=12`); n != 1 {
			t.Errorf("a restore is logged %d times:\n%s", n, &text)
		}
		refusals.Refused("x", "cut", false, nil)
		end()
		<-ended
		if last := s.kept[len(s.kept)-1]; last.Reason != "cut" {
			t.Errorf("what was refused last is lost; kept %+v", s.kept)
		}
	})
}
