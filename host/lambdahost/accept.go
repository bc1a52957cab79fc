package lambdahost

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"bellhop/pipeline"
	"bellhop/queue"
	"bellhop/web/webhook"
)

// Accept is the function behind the function URL that Shopify sends webhooks to.
// It has no database, and so knows only the app's secret: shops with a secret of
// their own need a server. Bellhop does not record what it takes for a shop that
// refuses the app's secret.
type Accept struct {
	Producer queue.Producer
	// Secret returns the app's secret, and the one before it while rotating. Accept
	// calls it again after keepSecret, so that a rotation needs no deployment.
	Secret func(ctx context.Context) (current, previous string, err error)

	Log   *slog.Logger
	Now   func() time.Time
	Probe pipeline.Probe

	mu      sync.Mutex
	handler http.Handler
	due     time.Time     // when to ask for the secret again
	started time.Duration // how long the start took; the first request waited for that, too
}

const (
	keepSecret = 5 * time.Minute
	// retrySecret is how soon Accept asks again after a failure.
	retrySecret = 30 * time.Second
	// answerTimeout leaves half a second for the way: Shopify waits for 5 s.
	answerTimeout = 4500 * time.Millisecond
	// secretTimeout leaves time for the queue.
	secretTimeout = 2 * time.Second
)

// Prepare reads the secret while the function starts, since began. Without it the function
// starts, too, and asks again for the first request.
func (f *Accept) Prepare(ctx context.Context, began time.Time) {
	if _, err := f.current(ctx); err != nil {
		f.Log.Warn("can't check webhooks yet", "err", err)
	}
	f.started = f.Now().Sub(began)
}

// Invoke answers one request.
func (f *Accept) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	r, err := requestOf(ctx, payload)
	if err != nil {
		return nil, err
	}
	work, cancel := context.WithTimeout(ctx, answerTimeout-f.started)
	defer cancel()
	f.started = 0
	h, err := f.current(work)
	if err != nil {
		f.Log.Error("can't check webhooks", "err", err)
		return json.Marshal(unavailable())
	}
	w := &answer{}
	h.ServeHTTP(w, r.WithContext(work))
	return json.Marshal(w.response())
}

// current returns the handler for the secret of now, or the last one while it can't
// read the secret.
func (f *Accept) current(ctx context.Context) (http.Handler, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.Now()
	if f.handler != nil && now.Before(f.due) {
		return f.handler, nil
	}
	ctx, cancel := context.WithTimeout(ctx, secretTimeout)
	defer cancel()
	secret, previous, err := f.Secret(ctx)
	if err != nil {
		if f.handler == nil {
			return nil, err
		}
		f.Log.Warn("can't read the secret again: the last one stays in use", "err", err)
		f.due = now.Add(retrySecret)
		return f.handler, nil
	}
	f.handler, f.due = f.site(secret, previous), now.Add(keepSecret)
	return f.handler, nil
}

func (f *Accept) site(secret, previous string) http.Handler {
	acceptor := &pipeline.Acceptor{Keys: pipeline.NewKeyring(nil, secret, previous), Queue: f.Producer, Now: f.Now,
		Probe: f.Probe}
	mux := http.NewServeMux()
	mux.Handle(webhook.Path, webhook.New(acceptor, webhook.Options{Logger: f.Log}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	return mux
}
