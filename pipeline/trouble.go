package pipeline

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// tellEvery is how often trouble that goes on is told again.
const tellEvery = time.Minute

// Trouble tells the log of what may go wrong a thousand times a second: of the
// first time at once, then once a minute of how many more there were, and of the
// end with how long it took. So a flood of trouble is no flood in the log, and
// somebody who reads it sees when it began and when it was over. It may be used
// from many goroutines at once; a nil *Trouble tells nothing.
type Trouble struct {
	log      *slog.Logger
	level    slog.Level
	is, over string
	lasts    atomic.Bool // for Over, which is called at each success

	mu    sync.Mutex
	since time.Time   // when what lasts began
	times int         // since then
	more  int         // not told yet
	told  bool        // that it lasts
	last  []any       // what the last one was
	pause *time.Timer // not nil: one was told less than a minute ago
}

// NewTrouble takes what is logged while it is so, and what once it is over; the
// latter is "" for what has no end, such as being sent what has to be refused.
func NewTrouble(l *slog.Logger, level slog.Level, is, over string) *Trouble {
	return &Trouble{log: l, level: level, is: is, over: over}
}

// Happened says that it went wrong once more. The attributes of the last one are
// logged.
func (t *Trouble) Happened(attrs ...any) {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.lasts.Swap(true) {
		t.since, t.times = time.Now(), 0
	}
	t.times++
	t.last = attrs
	if t.pause != nil {
		t.more++
		return
	}
	t.told = true
	t.pause = time.AfterFunc(tellEvery, t.again)
	t.log.Log(context.Background(), t.level, t.is, attrs...)
}

// again tells of what came in the minute since the last line.
func (t *Trouble) again() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.pause = nil
	if t.more == 0 {
		return
	}
	attrs := append(slices.Clone(t.last), "times", t.more, "in", tellEvery)
	t.log.Log(context.Background(), t.level, t.is, attrs...)
	t.more, t.told = 0, t.lasts.Load()
	t.pause = time.AfterFunc(tellEvery, t.again)
}

// Over says that it went well. It costs next to nothing while there is no trouble.
func (t *Trouble) Over() {
	if t == nil || !t.lasts.Load() {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.lasts.Swap(false) || !t.told {
		return
	}
	t.told, t.more = false, 0
	t.log.Info(t.over, "after", time.Since(t.since).Round(time.Millisecond), "times", t.times)
}

// Note is Happened with an error, and Over without one.
func (t *Trouble) Note(err error) {
	if err != nil {
		t.Happened("err", err)
	} else {
		t.Over()
	}
}
