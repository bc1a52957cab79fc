package host

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"bellhop"
	"bellhop/pipeline"
	"bellhop/store"
	"bellhop/web"
)

// InlineOptions are how a careful team would bound a server that does everything
// within the request. The zero value of a field means its default.
type InlineOptions struct {
	// Pool is how many requests are worked at at once, webhooks and owners' alike:
	// each holds one of so many connections or workers. 10.
	Pool int
	// Waiting is how many more may wait in line before they are refused. 100.
	Waiting int
	// Patience is how long one waits in line. 5 s: Shopify has gone by then.
	Patience time.Duration
}

// ServeInline is [Serve] without a queue, to compare with: the webhook's request
// checks, records and pushes before it is answered. A push that the service does
// not take at once stays owed: there is nobody to try it again.
func ServeInline(ctx context.Context, o Options, i InlineOptions) error {
	if i.Pool <= 0 {
		i.Pool = 10
	}
	if i.Waiting <= 0 {
		i.Waiting = 100
	}
	if i.Patience <= 0 {
		i.Patience = 5 * time.Second
	}
	o.Record, o.Notify = false, false
	return serve(ctx, o, &i)
}

// inline does the work of a queue's other side at once.
type inline struct {
	recorder *pipeline.Recorder
	notifier *pipeline.Notifier
	outbox   store.Outbox
	options  Options
}

// Send implements queue.Producer: it returns once the events are recorded and
// their pushes attempted.
func (in *inline) Send(ctx context.Context, events ...*bellhop.Event) error {
	pushes := 0
	for i, done := range in.recorder.Record(ctx, events) {
		switch {
		case done.Err == nil:
			pushes += done.Pushes
		case !bellhop.IsPermanent(done.Err):
			return done.Err // Shopify sends it again
		default:
			if err := in.recorder.Dead(ctx, events[i], done.Err.Error()); err != nil {
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
// earlier clock does not see what is left by one with a later. So it looks again for
// as long as something is due.
func (in *inline) push(ctx context.Context, n int) {
	var attempts sync.WaitGroup
	defer attempts.Wait()
	for n > 0 {
		now := in.options.Now().UTC().Truncate(time.Microsecond)
		owed, err := in.outbox.ClaimPushes(ctx, now, store.Slots{Free: n, Gate: in.notifier.Breakers}, claimLease)
		if err != nil {
			in.options.Log.Error("claim pushes", "err", err)
			return
		}
		for _, p := range owed {
			n -= len(p.Pushes)
			attempts.Go(func() {
				if err := in.notifier.Notify(ctx, p); err != nil {
					in.options.Log.Error("a push is not written down", "pushes", p.Pushes, "err", err)
				}
			})
		}
		if len(owed) == 0 && !in.due(ctx) {
			return // its device's budget is spent, or it has none
		}
	}
}

// due reports whether some push is due. What is being sent is not.
func (in *inline) due(ctx context.Context) bool {
	next, err := in.outbox.NextPush(ctx)
	if err != nil {
		in.options.Log.Error("look for pushes that are due", "err", err)
		return false
	}
	return store.IsDue(next, in.options.Now())
}

// pool has at most so many requests worked at at once.
type pool struct {
	InlineOptions
	next    http.Handler
	places  chan struct{}
	waiting atomic.Int64
}

func newPool(o InlineOptions, next http.Handler) *pool {
	return &pool{InlineOptions: o, next: next, places: make(chan struct{}, o.Pool)}
}

// ServeHTTP implements [http.Handler]. What asks for no connection to the database,
// or would hold one for ever, goes past the line.
func (p *pool) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch path := r.URL.Path; {
	case web.IsStream(path), path == "/healthz", path == "/readyz", path == "/metrics":
		p.next.ServeHTTP(w, r)
		return
	}
	if !p.enter(r.Context()) {
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	defer func() { <-p.places }()
	p.next.ServeHTTP(w, r)
}

// enter waits in line for a place.
func (p *pool) enter(ctx context.Context) bool {
	select {
	case p.places <- struct{}{}:
		return true
	default:
	}
	defer p.waiting.Add(-1)
	if p.waiting.Add(1) > int64(p.Waiting) {
		return false
	}
	t := time.NewTimer(p.Patience)
	defer t.Stop()
	select {
	case p.places <- struct{}{}:
		return true
	case <-t.C:
	case <-ctx.Done():
	}
	return false
}
