package host

import (
	"context"
	"hash/maphash"
	"log/slog"
	"sync"
	"time"

	"bellhop/internal/wait"
	"bellhop/pipeline"
	"bellhop/queue"
	"bellhop/store"
)

// Maintenance runs periodic work: it refreshes keys, records dead letters and prunes.
type Maintenance struct {
	Keys  *pipeline.Keyring // nil where no webhooks come in
	Queue queue.Queue       // nil where nothing is consumed
	Store store.Recorder
	Log   *slog.Logger
	Now   func() time.Time

	// KeepBodies is how long the bodies of settled events are kept.
	KeepBodies time.Duration
	Keep       pipeline.Keep     // the rest
	Privacy    *pipeline.Privacy // nil: another one carries out requests for personal data
}

const (
	refreshEvery   = 2 * time.Second // how soon a rotated secret counts
	reconcileEvery = 10 * time.Second
	pruneEvery     = time.Hour
	settledEvery   = time.Minute // for a queue with bodies of its own
	privacyEvery   = 15 * time.Second
	pruneBatch     = 500 // small, so that webhooks don't wait for it
	catchUpBatch   = 100 // as small, of more work each

	// reconcileAll is how often reconcile reads all dead letters although their number
	// is the same: as many may have come as were replayed.
	reconcileAll = time.Hour
	// deadPage is large, since an unordered queue reads all its dead letters for each
	// page.
	deadPage = 10_000
)

// Run works until ctx is done. Each duty has a loop of its own, so that none waits for
// another.
func (m *Maintenance) Run(ctx context.Context) error {
	var loops sync.WaitGroup
	if m.Keys != nil {
		loops.Go(func() { m.every(ctx, refreshEvery, "refreshing the shops' secrets", m.Keys.Refresh) })
	}
	if m.Queue != nil {
		r := &reconciler{Maintenance: m, seed: maphash.MakeSeed()}
		loops.Go(func() { m.every(ctx, reconcileEvery, "recording dead letters", r.reconcile) })
	}
	prune := func(ctx context.Context) error {
		_, err := m.Prune(ctx)
		if err == nil && m.Privacy != nil {
			err = m.Privacy.Retain(ctx, m.Keep)
		}
		return err
	}
	loops.Go(func() { m.every(ctx, pruneEvery, "dropping what was kept for long enough", prune) })
	loops.Go(func() { m.every(ctx, pruneEvery, "bringing older orders into the search index", m.catchUp) })
	if m.Privacy != nil {
		loops.Go(func() {
			m.every(ctx, privacyEvery, "carrying out requests for personal data", m.Privacy.Round)
		})
	}
	if p, keeps := m.Queue.(queue.Pruner); keeps {
		settled := func(ctx context.Context) error { _, err := p.Prune(ctx, m.Now()); return err }
		loops.Go(func() { m.every(ctx, settledEvery, "dropping bodies that left the queue", settled) })
	}
	loops.Wait()
	return nil
}

// every does something at once and then each d, until ctx is done.
func (m *Maintenance) every(ctx context.Context, d time.Duration, what string, do func(context.Context) error) {
	ails := pipeline.NewTrouble(m.Log, slog.LevelError, what+" waits", what+" goes on")
	round := func() {
		if err := do(ctx); ctx.Err() == nil {
			ails.Note(err)
		}
	}
	round()
	wait.Every(ctx, d, round)
}

// reconciler records the dead letters that the queue made by itself, when the last
// lease of an event ran out.
type reconciler struct {
	*Maintenance
	seed    maphash.Seed
	written map[uint64]struct{} // hashes of the places of recorded ones
	known   int                 // how many there were
	due     time.Time           // when to read them in any case
}

func (r *reconciler) reconcile(ctx context.Context) error {
	d, err := r.Queue.Depth(ctx)
	if err != nil || d.Dead == r.known && r.Now().Before(r.due) {
		return err
	}
	there := make(map[uint64]struct{}, d.Dead)
	for after := (queue.Cursor{}); ; {
		dead, err := r.Queue.DeadLetters(ctx, after, deadPage)
		if err != nil {
			return err
		}
		for _, l := range dead {
			place := maphash.Comparable(r.seed, l.Cursor())
			if _, ok := r.written[place]; !ok {
				if err := r.Store.Dead(ctx, l.Event, l.Reason, l.DiedAt); err != nil {
					return err
				}
			}
			there[place] = struct{}{}
			after = l.Cursor()
		}
		if len(dead) < deadPage {
			break
		}
	}
	r.written, r.known, r.due = there, d.Dead, r.Now().Add(reconcileAll)
	return nil
}

// catchUp does behind the start what a migration left to do.
func (m *Maintenance) catchUp(ctx context.Context) error {
	total, began := 0, m.Now()
	for n := catchUpBatch; n == catchUpBatch && ctx.Err() == nil; {
		var err error
		if n, err = m.Store.CatchUp(ctx, catchUpBatch); err != nil {
			return err
		}
		total += n
	}
	if total > 0 {
		m.Log.Info("brought older orders into the search index", "orders", total, "took", m.Now().Sub(began))
	}
	return nil
}

// Prune drops the bodies of events settled before KeepBodies, until there are none or
// ctx is done, and returns how many.
func (m *Maintenance) Prune(ctx context.Context) (total int, err error) {
	before := m.Now().Add(-m.KeepBodies)
	for n := pruneBatch; n == pruneBatch && err == nil && ctx.Err() == nil; total += n {
		n, err = m.Store.Prune(ctx, before, pruneBatch)
	}
	if total > 0 {
		m.Log.Info("dropped old bodies", "events", total)
	}
	return total, err
}
