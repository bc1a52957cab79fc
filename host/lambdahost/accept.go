package lambdahost

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"bellhop"
	"bellhop/pipeline"
	"bellhop/queue"
	"bellhop/web/webhook"
)

// Accept is the function behind the function URL that Shopify sends webhooks to.
// It has no database. So it takes what the app's secret signed also for a shop that
// refuses that secret; bellhop does not record it.
type Accept struct {
	Producer queue.Producer
	// Secrets returns what webhooks may be signed with. Accept calls it again after
	// keepSecret, and after a wrong signature, so that a rotation needs no deployment.
	Secrets func(ctx context.Context) (Secrets, error)
	MaxBody int // 0 means bellhop.DefaultMaxBody; a function URL takes 6 MB

	Log   *slog.Logger
	Now   func() time.Time
	Probe pipeline.Probe

	mu      sync.Mutex
	handler http.Handler
	asked   time.Time     // when it last asked for the secrets
	due     time.Time     // when to ask for them again
	started time.Duration // how long the start took; the first request waited for that, too
}

// Secrets are what webhooks may be signed with.
type Secrets struct {
	App, Previous string         // the app's, and the one before it while rotating
	Shops         []bellhop.Shop // those with a secret of their own
}

const (
	keepSecret = 5 * time.Minute
	// retrySecret is how soon Accept asks again after a failure, its own or that of a
	// signature. Forged webhooks must not make it ask all the time.
	retrySecret = 30 * time.Second
	// answerTimeout leaves half a second for the way: Shopify waits for 5 s.
	answerTimeout = 4500 * time.Millisecond
	// secretTimeout leaves time for the queue.
	secretTimeout = 2 * time.Second
)

// Prepare reads the secrets while the function starts, since began. Without them the
// function starts, too, and asks again for the first request.
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
	w, err := f.serve(work, r)
	if err == nil && w.status == http.StatusUnauthorized && f.doubt() {
		f.Log.Info("a signature is wrong: reading the secrets again")
		if r, err = requestOf(ctx, payload); err != nil {
			return nil, err
		}
		w, err = f.serve(work, r)
	}
	if err != nil {
		f.Log.Error("can't check webhooks", "err", err)
		return json.Marshal(unavailable())
	}
	return json.Marshal(w.response())
}

func (f *Accept) serve(ctx context.Context, r *http.Request) (*answer, error) {
	h, err := f.current(ctx)
	if err != nil {
		return nil, err
	}
	w := &answer{}
	h.ServeHTTP(w, r.WithContext(ctx))
	return w, nil
}

// doubt reports whether to ask for the secrets again, unless Accept did so just now.
func (f *Accept) doubt() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.Now()
	if now.Sub(f.asked) < retrySecret {
		return false
	}
	f.due = now
	return true
}

// current returns the handler for the secrets of now, or the last one while it can't
// read them.
func (f *Accept) current(ctx context.Context) (http.Handler, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.Now()
	if f.handler != nil && now.Before(f.due) {
		return f.handler, nil
	}
	f.asked = now
	ctx, cancel := context.WithTimeout(ctx, secretTimeout)
	defer cancel()
	secrets, err := f.Secrets(ctx)
	if err != nil {
		if f.handler == nil {
			return nil, err
		}
		f.Log.Warn("can't read the secrets again: the last ones stay in use", "err", err)
		f.due = now.Add(retrySecret)
		return f.handler, nil
	}
	f.handler, f.due = f.site(secrets), now.Add(keepSecret)
	return f.handler, nil
}

func (f *Accept) site(s Secrets) http.Handler {
	keys := pipeline.NewKeyring(nil, s.App, s.Previous)
	keys.Set(s.Shops)
	acceptor := &pipeline.Acceptor{Keys: keys, Queue: f.Producer, Now: f.Now, Probe: f.Probe, MaxBody: f.MaxBody,
		Oversized: pipeline.NewOversized(nil, f.Log, f.Now)}
	hooks := webhook.New(acceptor, webhook.Options{Logger: f.Log, MaxBody: f.MaxBody, TooLarge: acceptor.TooLarge,
		At: webhook.Path})
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if webhook.Matches(r) {
			hooks.ServeHTTP(w, r)
			return
		}
		mux.ServeHTTP(w, r)
	})
}
