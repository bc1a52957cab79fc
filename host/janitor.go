package host

import (
	"context"
	"log/slog"
	"time"

	"bellhop/pipeline"
	"bellhop/queue"
	"bellhop/store"
)

// Janitor does what has to be done now and then.
type Janitor struct {
	Keys   *pipeline.Keyring // nil where no webhooks come in
	Queue  queue.Queue       // nil where nothing is consumed
	Ledger store.Ledger
	Log    *slog.Logger
	Now    func() time.Time

	// KeepBodies is how long the bodies of settled events are kept.
	KeepBodies time.Duration
}

const (
	refreshEvery   = 2 * time.Second // how soon a rotated secret counts
	reconcileEvery = 10 * time.Second
	pruneEvery     = time.Hour
	pruneBatch     = 500 // small, so that webhooks don't wait for it
)

// Run works until ctx is done.
func (j *Janitor) Run(ctx context.Context) error {
	refresh, reconcile, prune := time.NewTicker(refreshEvery), time.NewTicker(reconcileEvery), time.NewTicker(pruneEvery)
	defer refresh.Stop()
	defer reconcile.Stop()
	defer prune.Stop()
	j.pruneOrLog(ctx)
	ails := pipeline.NewTrouble(j.Log, slog.LevelError, "housekeeping waits", "housekeeping goes on")
	for known := -1; ; {
		var err error
		select {
		case <-ctx.Done():
			return nil
		case <-refresh.C:
			if j.Keys != nil {
				err = j.Keys.Refresh(ctx)
			}
		case <-reconcile.C:
			if j.Queue != nil {
				known, err = j.reconcile(ctx, known)
			}
		case <-prune.C:
			j.pruneOrLog(ctx)
		}
		if ctx.Err() == nil {
			ails.Note(err)
		}
	}
}

// reconcile writes down the dead letters that the queue made by itself, when
// the last lease of an event ran out. known is how many there were before.
func (j *Janitor) reconcile(ctx context.Context, known int) (int, error) {
	d, err := j.Queue.Depth(ctx)
	if err != nil || d.Dead == known {
		return known, err
	}
	letters, err := j.Queue.DeadLetters(ctx, time.Time{}, 1000)
	if err != nil {
		return known, err
	}
	for _, l := range letters {
		if err := j.Ledger.Dead(ctx, l.Event, l.Reason, l.DiedAt); err != nil {
			return known, err
		}
	}
	return d.Dead, nil
}

func (j *Janitor) pruneOrLog(ctx context.Context) {
	if _, err := j.Prune(ctx); err != nil && ctx.Err() == nil {
		j.Log.Error("drop old bodies", "err", err)
	}
}

// Prune drops the bodies of events that were settled long enough ago, until there
// are none or ctx is done, and returns how many.
func (j *Janitor) Prune(ctx context.Context) (total int, err error) {
	before := j.Now().Add(-j.KeepBodies)
	for n := pruneBatch; n == pruneBatch && err == nil && ctx.Err() == nil; total += n {
		n, err = j.Ledger.Prune(ctx, before, pruneBatch)
	}
	if total > 0 {
		j.Log.Info("dropped old bodies", "events", total)
	}
	return total, err
}
