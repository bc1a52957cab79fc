package pgstore

import (
	"context"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"bellhop/internal/postgres"
	"bellhop/internal/wait"
)

// watch holds the signals that callers wait for.
type watch struct {
	owed    wait.Broadcast // pushes may have become due
	changed wait.Broadcast // the stream may have changed
	begin   chan struct{}

	mu   sync.Mutex
	seen mark
}

func (w *watch) init() {
	w.begin = make(chan struct{}, 1)
	w.seen.last = -1 // no mark yet
}

// PushesOwed implements [store.Outbox]. It signals this process's commits at once, and
// looks for those of others while somebody waits.
func (db *DB) PushesOwed() <-chan struct{} { return db.watch.ask(&db.watch.owed) }

// Changed implements [store.Stream].
func (db *DB) Changed() <-chan struct{} { return db.watch.ask(&db.watch.changed) }

func (w *watch) ask(s *wait.Broadcast) <-chan struct{} {
	next := s.Next()
	wait.Nudge(w.begin)
	return next
}

// wrote signals this process's changes.
func (w *watch) wrote(owed, changed bool) {
	if owed {
		w.owed.Fire()
	}
	if changed {
		w.changed.Fire()
	}
}

// mark identifies a state of the database at the cost of two look-ups. Every new push comes
// with a change of the stream.
type mark struct {
	last int64     // of the stream
	next time.Time // when the first push is due
}

// saw signals any difference from the last mark.
func (w *watch) saw(m mark) {
	w.mu.Lock()
	seen := w.seen
	w.seen = m
	w.mu.Unlock()
	changed := m.last != seen.last
	sooner := !m.next.IsZero() && (seen.next.IsZero() || m.next.Before(seen.next))
	w.wrote(changed || sooner, changed)
}

// idle reports whether no caller waits.
func (w *watch) idle() bool { return !w.owed.Awaited() && !w.changed.Awaited() }

// lookEvery bounds the delay in noticing other processes' commits.
const lookEvery = 200 * time.Millisecond

// lookAround looks for other processes' commits while somebody waits. LISTEN would need a
// connection of its own, past PgBouncer.
func (db *DB) lookAround(ctx context.Context) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		var next <-chan time.Time
		if !db.watch.idle() {
			next = tick.C
		}
		select {
		case <-next:
		case <-db.watch.begin:
			continue
		case <-ctx.Done():
			return
		}
		if m, err := db.mark(ctx); err == nil {
			db.watch.saw(m)
		}
	}
}

func (db *DB) mark(ctx context.Context) (m mark, err error) {
	err = db.worker.Read(ctx, func(b *postgres.Batch) {
		b.Each(func(r pgx.Rows) error { return r.Scan(&m.last, postgres.TimeTo(&m.next)) },
			`SELECT last, `+nextPush+` FROM stream`)
	})
	return m, err
}
