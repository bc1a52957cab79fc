package pipeline

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// logEvery is how often lasting trouble is logged.
const logEvery = time.Minute

// Trouble logs what may go wrong a thousand times a second: the first time at once,
// then once a minute how many more there were, and at the end how long it took. So
// a flood of trouble is no flood in the log, and a reader sees when it began and
// when it was over. It may be used from many goroutines at once; a nil *Trouble
// logs nothing.
type Trouble struct {
	log      *slog.Logger
	level    slog.Level
	is, over string
	lasts    atomic.Bool // for Over, which is called at each success

	mu     sync.Mutex
	since  time.Time   // when it began
	times  int         // since then
	more   int         // not logged yet
	logged bool        // it is in the log
	last   []any       // attributes of the last one
	pause  *time.Timer // not nil: one was logged less than a minute ago
}

// NewTrouble takes the texts to log while it lasts, and once it is over. The latter
// is "" for trouble without an end, such as webhooks that must be refused.
func NewTrouble(l *slog.Logger, level slog.Level, is, over string) *Trouble {
	return &Trouble{log: l, level: level, is: is, over: over}
}

// Happened reports a failure. The log shows the last one's attributes.
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
	t.logged = true
	t.pause = time.AfterFunc(logEvery, t.again)
	t.log.Log(context.Background(), t.level, t.is, attrs...)
}

// again logs the trouble since the last line.
func (t *Trouble) again() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.pause = nil
	if t.more == 0 {
		return
	}
	attrs := append(slices.Clone(t.last), "times", t.more, "in", logEvery)
	t.log.Log(context.Background(), t.level, t.is, attrs...)
	t.more, t.logged = 0, t.lasts.Load()
	t.pause = time.AfterFunc(logEvery, t.again)
}

// Over reports a success. It costs next to nothing without trouble.
func (t *Trouble) Over() {
	if t == nil || !t.lasts.Load() {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.lasts.Swap(false) || !t.logged {
		return
	}
	t.logged, t.more = false, 0
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
