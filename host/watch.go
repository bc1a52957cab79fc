package host

import (
	"context"
	"log/slog"
	"time"

	"bellhop"
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
	events int64 // in the ledger when it was last looked at
}

const watchEvery = 2 * time.Second // how soon doctor knows of a refused webhook

// run works until ctx is done, and then tells what it still knows.
func (w *watch) run(ctx context.Context) error {
	away := pipeline.NewTrouble(w.log, slog.LevelError, "refusals can't be written down",
		"refusals are written down again")
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		w.look(ctx)
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), watchEvery)
			defer cancel()
			away.Note(w.keep(last))
			return nil
		case <-tick.C:
			away.Note(w.keep(ctx))
		}
	}
}

func (w *watch) keep(ctx context.Context) error {
	if w.refusals == nil {
		return nil
	}
	return w.refusals.Keep(ctx, w.store)
}

// look notices a restored backup. Nothing else takes events out of the ledger, so
// that there are fewer only when it is another one.
func (w *watch) look(ctx context.Context) {
	totals, err := w.store.Totals(ctx)
	if err != nil {
		return // that it is away is logged by those who need it
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
