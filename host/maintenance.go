package host

import (
	"context"
	"hash/maphash"
	"log/slog"
	"sync"
	"time"

	"bellhop/pipeline"
	"bellhop/queue"
	"bellhop/store"
)

// Maintenance runs periodic work: key refresh, writing dead letters down, pruning.
type Maintenance struct {
	Keys  *pipeline.Keyring // nil where no webhooks come in
	Queue queue.Queue       // nil where nothing is consumed
	Store store.Recorder
	Log   *slog.Logger
	Now   func() time.Time

	// KeepBodies is how long the bodies of settled events are kept.
	KeepBodies time.Duration
}

const (
	refreshEvery   = 2 * time.Second // how soon a rotated secret counts
	reconcileEvery = 10 * time.Second
	pruneEvery     = time.Hour
	settledEvery   = time.Minute // what left a queue with bodies of its own, which the store has, too
	pruneBatch     = 500         // small, so that webhooks don't wait for it

	// reconcileAll is when dead letters are gone through although they are no more
	// and no fewer: as many may have come as were replayed.
	reconcileAll = time.Hour
	// deadPage is how many are asked for at once. It is large, since a queue that
	// knows no order goes through all of its own for each page.
	deadPage = 10_000
)

// Run works until ctx is done. Each duty has a loop of its own, so that none waits
// for another: a new shop's secret counts while bodies are dropped.
func (m *Maintenance) Run(ctx context.Context) error {
	var loops sync.WaitGroup
	if m.Keys != nil {
		loops.Go(func() { m.every(ctx, refreshEvery, "reading the shops' secrets", m.Keys.Refresh) })
	}
	if m.Queue != nil {
		r := &reconciler{Maintenance: m, seed: maphash.MakeSeed()}
		loops.Go(func() { m.every(ctx, reconcileEvery, "writing dead letters down", r.reconcile) })
	}
	prune := func(ctx context.Context) error { _, err := m.Prune(ctx); return err }
	loops.Go(func() { m.every(ctx, pruneEvery, "dropping old bodies", prune) })
	if p, keeps := m.Queue.(queue.Pruner); keeps {
		settled := func(ctx context.Context) error { _, err := p.Prune(ctx, m.Now()); return err }
		loops.Go(func() { m.every(ctx, settledEvery, "dropping bodies that left the queue", settled) })
	}
	loops.Wait()
	return nil
}

// every does something at once, and again and again until ctx is done.
func (m *Maintenance) every(ctx context.Context, d time.Duration, what string, do func(context.Context) error) {
	tick := time.NewTicker(d)
	defer tick.Stop()
	ails := pipeline.NewTrouble(m.Log, slog.LevelError, what+" waits", what+" goes on")
	for {
		if err := do(ctx); ctx.Err() == nil {
			ails.Note(err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// reconciler writes down the dead letters that the queue made by itself, when the
// last lease of an event ran out.
type reconciler struct {
	*Maintenance
	seed    maphash.Seed
	written map[uint64]struct{} // hashes of the places of those that are written down
	known   int                 // how many there were
	due     time.Time           // when to go through them in any case
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

// Prune drops the bodies of events that were settled long enough ago, until there
// are none or ctx is done, and returns how many.
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
