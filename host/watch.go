package host

import (
	"context"
	"log/slog"
	"time"

	"bellhop"
	"bellhop/internal/wait"
	"bellhop/pipeline"
	"bellhop/store"
)

// watch counts refused webhooks for doctor, and notices a restored backup.
type watch struct {
	refusals *pipeline.Refusals // nil where no webhooks come in
	store    interface {
		store.Refusals
		Totals(context.Context) (map[bellhop.Outcome]int64, error)
	}
	log    *slog.Logger
	events int64 // in the ledger at the last check
}

const watchEvery = 2 * time.Second // how soon doctor knows of a refused webhook

// run works until ctx is done, and then saves the last refusals.
func (w *watch) run(ctx context.Context) error {
	away := pipeline.NewTrouble(w.log, slog.LevelError, "bellhop can't record refused webhooks",
		"bellhop records refused webhooks again")
	w.checkRestore(ctx)
	wait.Every(ctx, watchEvery, func() {
		away.Note(w.keep(ctx))
		w.checkRestore(ctx)
	})
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), watchEvery)
	defer cancel()
	away.Note(w.keep(last))
	return nil
}

func (w *watch) keep(ctx context.Context) error {
	if w.refusals == nil {
		return nil
	}
	return w.refusals.Keep(ctx, w.store)
}

// checkRestore logs a restored backup: nothing else takes events out of the ledger.
func (w *watch) checkRestore(ctx context.Context) {
	totals, err := w.store.Totals(ctx)
	if err != nil {
		return // other parts log that it is away
	}
	var events int64
	for _, n := range totals {
		events += n
	}
	if events < w.events {
		w.log.Warn("an older backup was restored: what came after it is gone", "events", events, "before", w.events)
	}
	w.events = events
}
