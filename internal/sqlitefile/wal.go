package sqlitefile

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/ncruces/go-sqlite3"

	"bellhop/internal/wait"
)

// The log is copied into the database every so many pages. Measured: longer ones
// cost more than they save.
const checkpointPages = 1000

// Beyond longLog pages the log should restart from its beginning, which earlier readers prevent.
// Then no new search starts, and now and then the writer waits a moment for the readers. Searches
// end within longestSearch; if it takes longer, another process is reading, and searches go on.
const (
	longLog      = 32 << 20 / 4096
	restartEvery = 100 * time.Millisecond
	restartWait  = 20 * time.Millisecond
	resignAfter  = longestSearch + time.Second
	resignFor    = 30 * time.Second
	busyTimeout  = 5 * time.Second // as in the pragmas
)

// wal is the writer's view of the log.
type wal struct {
	limit int       // restart the log beyond this
	pages int       // in it, as of the last commit
	since time.Time // when the gate was closed
	next  time.Time // when to try again

	long atomic.Bool                   // the gate is closed
	gate atomic.Pointer[chan struct{}] // closed channel: searches may begin

	wanted    atomic.Bool    // somebody waits for truncated, however short the log is
	truncated wait.Broadcast // its file is empty
}

func (w *wal) open() {
	gate := make(chan struct{})
	close(gate)
	if old := w.gate.Swap(&gate); w.long.Swap(false) {
		close(*old)
	}
}

func (w *wal) shut(now time.Time) {
	if !w.long.Load() {
		gate := make(chan struct{})
		w.gate.Store(&gate)
		w.since = now
		w.long.Store(true)
	}
}

// TruncateLog returns once the log has been copied into the database and its file is empty, so that nothing
// deleted stays in it. It waits for reads that began before.
func (f *File) TruncateLog(ctx context.Context) error {
	done := f.log.truncated.Next()
	f.log.wanted.Store(true)
	if err := f.Write(ctx, func(*Tx) error { return nil }); err != nil {
		return err
	}
	select {
	case <-done:
		return nil
	case <-f.stop:
		return errClosed
	case <-ctx.Done():
		return ctx.Err()
	}
}

// checkpoint copies the log into the database. It runs between transactions and
// after their callers were answered, so that nobody waits for it alone.
func (f *File) checkpoint(tx *Tx) {
	if f.Healthy() != nil {
		return
	}
	pages, _, err := tx.db.WALCheckpoint("main", sqlite3.CHECKPOINT_PASSIVE)
	if err != nil && !errors.Is(err, sqlite3.BUSY) {
		f.broken(err)
		return
	}
	if f.log.pages = 0; pages >= f.log.limit || f.log.wanted.Load() {
		f.log.pages = pages
		f.shorten(tx, time.Now())
	}
}

// shorten restarts the log and truncates its file.
func (f *File) shorten(tx *Tx, now time.Time) {
	w := &f.log
	if now.Before(w.next) {
		return
	}
	w.shut(now)
	w.next = now.Add(restartEvery)
	tx.db.BusyTimeout(restartWait)
	_, _, err := tx.db.WALCheckpoint("main", sqlite3.CHECKPOINT_TRUNCATE)
	tx.db.BusyTimeout(busyTimeout)
	switch {
	case err == nil:
		w.pages = 0
		w.open()
		w.wanted.Store(false)
		w.truncated.Fire()
	case !errors.Is(err, sqlite3.BUSY):
		f.broken(err)
	case now.Sub(w.since) > resignAfter:
		w.next = now.Add(resignFor)
		w.open()
	}
}
