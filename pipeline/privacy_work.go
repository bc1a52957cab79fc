package pipeline

import (
	"context"
	"slices"
	"time"

	"bellhop"
	"bellhop/queue"
)

// What a request's steps are called.
const (
	stepOrders      = "orders"
	stepBodies      = "bodies"
	stepDeadLetters = "dead_letters"
	stepExports     = "exports"
	stepQueue       = "queue"
	stepFiles       = "files"
	stepShop        = "shop"
)

// work is a request that is being carried out.
type work struct {
	*holding
	r      bellhop.PrivacyRequest // as it was saved last
	placed time.Time              // when the place of a step was saved last
}

// save changes the request's record.
func (w *work) save(ctx context.Context, change func(*bellhop.PrivacyRequest)) error {
	return w.Store.UpdateRequest(ctx, w.r.ID, func(r *bellhop.PrivacyRequest) error {
		if !r.Open() {
			return bellhop.Errorf(bellhop.Conflict, "request_done", "somebody else finished the request")
		}
		change(r)
		w.r = *r
		return nil
	})
}

// stepOf returns a step of a request, and adds it if it is missing.
func stepOf(r *bellhop.PrivacyRequest, what string) *bellhop.PrivacyStep {
	i := slices.IndexFunc(r.Steps, func(s bellhop.PrivacyStep) bool { return s.What == what })
	if i < 0 {
		i = len(r.Steps)
		r.Steps = append(r.Steps, bellhop.PrivacyStep{What: what})
	}
	return &r.Steps[i]
}

// has reports whether a step was done in this pass.
func (w *work) has(what string) bool {
	return slices.ContainsFunc(w.r.Steps, func(s bellhop.PrivacyStep) bool { return s.What == what && !s.At.IsZero() })
}

// mostDoing is more than one part has.
const mostDoing = 256

// count counts things of a step before they go: those that a crash left there are found again, and don't count twice.
func (w *work) count(ctx context.Context, what string, ids []string) error {
	if len(ids) == 0 {
		return nil
	}
	err := w.save(ctx, func(r *bellhop.PrivacyRequest) {
		s := stepOf(r, what)
		for _, id := range ids {
			if !slices.Contains(s.Doing, id) {
				s.N, s.Doing = s.N+1, append(s.Doing, id)
			}
		}
		s.Doing = s.Doing[max(0, len(s.Doing)-mostDoing):]
	})
	w.Probe.At(PointCounted)
	return err
}

// placeEvery is how often a long step saves how far it has come.
const placeEvery = 5 * time.Second

// place notes now and then that all before a place is done: a function on Lambda has less than a minute.
func (w *work) place(ctx context.Context, what, place string) error {
	now := w.Now()
	if w.placed.IsZero() {
		w.placed = now
	}
	if now.Sub(w.placed) < placeEvery {
		return nil
	}
	w.placed = now
	return w.save(ctx, func(r *bellhop.PrivacyRequest) { stepOf(r, what).Place = place })
}

// step is a part of a request's work, by the name that its record has.
type step struct {
	what string
	do   func(context.Context) error
}

// pass does the steps that were not done in this pass.
func (w *work) pass(ctx context.Context, steps []step) error {
	for _, s := range steps {
		if w.has(s.what) {
			continue
		}
		if err := s.do(ctx); err != nil {
			return err
		}
		if err := w.done(ctx, s.what, ""); err != nil {
			return err
		}
	}
	return nil
}

// done notes that a step was done.
func (w *work) done(ctx context.Context, what, note string) error {
	return w.save(ctx, func(r *bellhop.PrivacyRequest) {
		s := stepOf(r, what)
		s.At, s.Note, s.Place = w.Now(), note, ""
	})
}

// close ends a request. Its subject goes with that.
func (w *work) close(ctx context.Context, outcome bellhop.RequestOutcome, last ...bellhop.PrivacyStep) error {
	now := w.Now()
	err := w.save(ctx, func(r *bellhop.PrivacyRequest) {
		r.Outcome, r.DoneAt, r.Process, r.Steps = outcome, now, w.Process, append(r.Steps, last...)
	})
	if err != nil {
		return err
	}
	w.Log.Info("carried out a request for personal data", "request", w.r.ID, "kind", w.r.Kind, "shop", w.r.Shop,
		"outcome", outcome, "found", w.r.Found())
	w.Probe.At(PointClosed)
	return nil
}

// conclude is close with the outcome of a search.
func (w *work) conclude(ctx context.Context, known bool) error {
	switch {
	case w.r.Found() > 0:
		return w.close(ctx, bellhop.RequestDone)
	case known:
		return w.close(ctx, bellhop.RequestNothingFound)
	}
	return w.close(ctx, bellhop.RequestUnknownShop)
}

// known reports whether the store knows the request's shop.
func (w *work) known(ctx context.Context) (bool, error) {
	_, err := w.Store.Shop(ctx, w.r.Shop)
	if bellhop.KindOf(err) == bellhop.NotFound {
		return false, nil
	}
	return err == nil, err
}

// longestWait is longer than events are tried again, on SQS about four hours: an event that waits for longer is the
// oldest one of a backlog, which the queue's depth shows.
const longestWait = 6 * time.Hour

// wait notes when all that waited in the queues at the request's time has been recorded, or is a dead letter. Until
// then one pass searches for what is there. Then another one begins, which sees everything.
func (w *work) wait(ctx context.Context) error {
	if w.has(stepQueue) {
		return nil
	}
	drained, err := w.drained(ctx)
	if err != nil || !drained {
		return err
	}
	note, err := w.keeps(ctx)
	if err != nil {
		return err
	}
	return w.save(ctx, func(r *bellhop.PrivacyRequest) {
		for i := range r.Steps {
			s := &r.Steps[i]
			if s.What == stepShop && !s.At.IsZero() {
				s.Doing = []string{doneOnce}
			}
			s.At, s.Place = time.Time{}, ""
		}
		s := stepOf(r, stepQueue)
		s.At, s.Note = w.Now(), note
	})
}

func (w *work) drained(ctx context.Context) (bool, error) {
	for _, q := range w.Queues {
		d, err := q.Depth(ctx)
		if err != nil {
			return false, err
		}
		if d.Waiting+d.Leased == 0 {
			continue
		}
		since := w.Now().Sub(w.r.ReceivedAt)
		if since < longestWait || d.Oldest >= since {
			return false, nil
		}
	}
	return true, nil
}

// eachDead goes through the shop's dead letters in all queues. It drops those that del chooses, and says why in the
// ledger.
func (w *work) eachDead(ctx context.Context, del func(*bellhop.Event) (bool, error), note string) error {
	for _, q := range w.Queues {
		if err := w.part(ctx); err != nil {
			return err
		}
		_, err := q.DropFunc(ctx, w.r.Shop, func(d queue.DeadEvent) (bool, error) {
			if ok, err := del(d.Event); !ok || err != nil {
				return false, err
			}
			if err := w.count(ctx, stepDeadLetters, []string{d.Event.ID.String()}); err != nil {
				return false, err
			}
			bare := *d.Event
			bare.Body = nil
			return true, w.Store.DropDead(ctx, &bare, note, w.Now())
		})
		if err == nil {
			err = w.part(ctx)
		}
		if p, keeps := q.(queue.Pruner); keeps && err == nil {
			_, err = p.Prune(ctx, w.Now()) // a queue in a file of its own keeps bodies until then
		}
		if err != nil {
			return err
		}
		w.Probe.At(PointForgotten)
	}
	return nil
}
