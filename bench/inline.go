package bench

import (
	"cmp"
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"

	"bellhop"
	"bellhop/pipeline"
	"bellhop/store"
	"bellhop/store/rules"
)

// InlineOptions are how a careful team would bound a server that does everything
// within the request. The zero value of a field means its default.
type InlineOptions struct {
	// Pool is how many requests are worked at at once, webhooks and owners' alike:
	// each holds one of so many connections or workers. 10.
	Pool int
	// Waiting is how many more may wait in line before it refuses others. 100.
	Waiting int
	// Patience is how long one waits in line. 5 s: Shopify has gone by then.
	Patience time.Duration
	// Past reports whether a path goes past the line: one that needs no connection to
	// the database, or would hold one for ever.
	Past func(path string) bool
}

// inlineLease is for how long a claimed push is this process's own.
const inlineLease = 20 * time.Second

// Inline is a queue's producer without a queue, to compare with: it records and pushes
// before the webhook is answered. A push that the service does not take at once stays
// owed: there is nobody to try it again.
type Inline struct {
	Recorder *pipeline.Recorder
	Notifier *pipeline.Notifier
}

// Send implements queue.Producer: it returns once the events are recorded and
// their pushes attempted.
func (in *Inline) Send(ctx context.Context, events ...*bellhop.Event) error {
	pushes := 0
	for i, done := range in.Recorder.Record(ctx, events) {
		switch {
		case done.Err == nil:
			pushes += done.Pushes
		case !bellhop.IsPermanent(done.Err):
			return done.Err // Shopify sends it again
		default:
			if err := in.Recorder.Dead(ctx, events[i], done.Err.Error()); err != nil {
				return err
			}
		}
	}
	in.push(context.WithoutCancel(ctx), pushes)
	return nil
}

// push attempts as many pushes as this request came to owe. Whether they are its
// own does not matter: each request records before it claims, and claims no more
// than it recorded, so that there are enough for all. A claim may find fewer all the
// same: it leaves out a device that another claims for just then, and one with an
// earlier clock misses the rest of one with a later clock. So it looks again while
// something is due.
func (in *Inline) push(ctx context.Context, n int) {
	var attempts sync.WaitGroup
	defer attempts.Wait()
	for n > 0 {
		now := in.Notifier.Now().UTC().Truncate(time.Microsecond)
		owed, err := in.Notifier.Outbox.ClaimPushes(ctx, now, store.Slots{Free: n, Gate: in.Notifier.Breakers}, inlineLease)
		if err != nil {
			in.Notifier.Log.Error("claim pushes", "err", err)
			return
		}
		for _, p := range owed {
			n -= len(p.Pushes)
			attempts.Go(func() {
				if err := in.Notifier.Notify(ctx, p); err != nil {
					in.Notifier.Log.Error("a push is not written down", "pushes", p.Pushes, "err", err)
				}
			})
		}
		if len(owed) == 0 && !in.due(ctx) {
			return // its device's budget is spent, or it has none
		}
	}
}

// due reports whether some push is due. One under way is not.
func (in *Inline) due(ctx context.Context) bool {
	next, err := in.Notifier.Outbox.NextPush(ctx)
	if err != nil {
		in.Notifier.Log.Error("look for pushes that are due", "err", err)
		return false
	}
	return rules.IsDue(next, in.Notifier.Now())
}

// Pool bounds how much is worked at at once.
type Pool struct {
	InlineOptions
	slots   *semaphore.Weighted
	waiting atomic.Int64
}

// NewPool returns a pool whose places are all free.
func NewPool(o InlineOptions) *Pool {
	o.Pool, o.Waiting = cmp.Or(max(o.Pool, 0), 10), cmp.Or(max(o.Waiting, 0), 100)
	o.Patience = cmp.Or(max(o.Patience, 0), 5*time.Second)
	return &Pool{InlineOptions: o, slots: semaphore.NewWeighted(int64(o.Pool))}
}

// Bound makes each request hold a place while next works at it.
func (p *Pool) Bound(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if p.Past != nil && p.Past(r.URL.Path) {
			next.ServeHTTP(w, r)
			return
		}
		if !p.enter(r.Context()) {
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		defer p.slots.Release(1)
		next.ServeHTTP(w, r)
	})
}

// enter waits in line for a slot.
func (p *Pool) enter(ctx context.Context) bool {
	if p.slots.TryAcquire(1) {
		return true
	}
	defer p.waiting.Add(-1)
	if p.waiting.Add(1) > int64(p.Waiting) {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, p.Patience)
	defer cancel()
	return p.slots.Acquire(ctx, 1) == nil
}
