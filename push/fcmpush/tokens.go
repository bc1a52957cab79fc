package fcmpush

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/jwt"

	"bellhop/push"
)

const (
	refreshAhead = 5 * time.Minute  // fetch a new token this long before the end, while sends go on
	expiryMargin = 10 * time.Second // a token this close to its end may not last the request
	assumedLife  = time.Hour        // of a token without an expiry
	failurePause = time.Second      // between a failed fetch and the next
)

var errClosed = unsent("fetching an access token", errors.New("the sender is closed"))

// token is one access token. Its end has no monotonic part, which stands still
// while the machine sleeps.
type token struct {
	value   string
	expires time.Time
	worked  atomic.Bool // FCM has accepted it
}

// tokens keeps the access token. With the token source of oauth2 every sender would wait for a
// fetch behind a lock, ignoring its context. Here each waits on its own context, and one fetch runs
// at a time.
type tokens struct {
	fetch func() (*token, error)
	now   func() time.Time
	end   context.CancelFunc // of the fetches
	done  <-chan struct{}
	wg    sync.WaitGroup

	mu       sync.Mutex
	current  *token
	fetching chan struct{} // closed after the fetch under way; nil when there is none
	failure  error         // of the last fetch
	failedAt time.Time
	closed   bool
}

func newTokens(account *jwt.Config, transport http.RoundTripper, now func() time.Time) *tokens {
	ctx, cancel := context.WithCancel(context.Background())
	client := newHTTPClient(withContext{transport, ctx})
	source := context.WithValue(ctx, oauth2.HTTPClient, client)
	return &tokens{
		fetch: func() (*token, error) { return fetchToken(source, account, now) },
		now:   now,
		end:   cancel,
		done:  ctx.Done(),
	}
}

// withContext gives oauth2's requests a context, which it does not do itself.
type withContext struct {
	http.RoundTripper
	ctx context.Context
}

func (w withContext) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithTimeout(w.ctx, timeout)
	answer, err := w.RoundTripper.RoundTrip(r.WithContext(ctx))
	if err != nil {
		cancel()
		return nil, err
	}
	body := answer.Body
	answer.Body = readCloser{body, closer(func() error {
		defer cancel()
		return body.Close()
	})}
	return answer, nil
}

type closer func() error

func (c closer) Close() error { return c() }

// get returns a token that is good for a request, or a [*push.Error].
func (t *tokens) get(ctx context.Context) (*token, error) {
	for {
		have, wait, err := t.poll()
		if have != nil {
			return have, nil
		}
		if err != nil {
			return nil, err
		}
		select {
		case <-wait:
		case <-ctx.Done():
			return nil, unsent("waiting for an access token", ctx.Err())
		case <-t.done:
			return nil, errClosed
		}
	}
}

// poll returns the token, or a channel to wait on before polling again, or why
// there is no token. It begins a fetch when one is due.
func (t *tokens) poll() (*token, <-chan struct{}, error) {
	now := t.now()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return nil, nil, errClosed
	}
	if t.current != nil && now.Before(t.current.expires.Add(-refreshAhead)) {
		return t.current, nil, nil
	}
	since := now.Sub(t.failedAt)
	paused := t.failure != nil && since >= 0 && since < failurePause
	if t.fetching == nil && !paused {
		t.begin()
	}
	switch {
	case t.current != nil && now.Before(t.current.expires.Add(-expiryMargin)):
		return t.current, nil, nil
	case t.fetching == nil:
		return nil, nil, t.failure
	}
	return nil, t.fetching, nil
}

// begin starts the one fetch. The caller holds the lock.
func (t *tokens) begin() {
	fetched := make(chan struct{})
	t.fetching = fetched
	t.wg.Go(func() {
		got, err := t.fetch()
		t.mu.Lock()
		defer t.mu.Unlock()
		t.fetching, t.failure = nil, err
		if err == nil {
			t.current = got
		} else {
			t.failedAt = t.now()
		}
		close(fetched)
	})
}

// forget drops a token that FCM refused. One that it accepted before has been
// revoked or has run out early: with a new one the message may pass, so that e
// becomes worth another attempt.
func (t *tokens) forget(refused *token, e *push.Error) {
	if refused.worked.Load() {
		e.Reason = push.ReasonUnavailable
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.current == refused {
		t.current = nil
	}
}

// retryNow lets the next fetch go out at once although the last one failed.
func (t *tokens) retryNow() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.failedAt = time.Time{}
}

// close ends the fetch under way, if there is one, and waits for it.
func (t *tokens) close() {
	t.mu.Lock()
	t.closed = true
	t.mu.Unlock()
	t.end()
	t.wg.Wait()
}

func fetchToken(ctx context.Context, account *jwt.Config, now func() time.Time) (*token, error) {
	got, err := account.TokenSource(ctx).Token()
	if err != nil {
		return nil, classifyToken(err, account.TokenURL, now())
	}
	if got.AccessToken == "" {
		return nil, &push.Error{Reason: push.ReasonUnavailable,
			Cause: errors.New("the answer of the token endpoint holds no access token")}
	}
	life := assumedLife
	if !got.Expiry.IsZero() {
		life = time.Until(got.Expiry) // oauth2 counts from its own clock
	}
	return &token{value: got.AccessToken, expires: now().Round(0).Add(life)}, nil
}

// classifyToken says why there is no access token. No message was sent, so it
// is never unknown.
func classifyToken(err error, endpoint string, now time.Time) *push.Error {
	host := "the token endpoint"
	if u, e := url.Parse(endpoint); e == nil && u.Host != "" {
		host += " " + u.Host
	}
	answer, ok := errors.AsType[*oauth2.RetrieveError](err)
	if !ok {
		// oauth2 flattens the cause into text, with the endpoint's address and the system's words.
		return &push.Error{Reason: push.ReasonUnavailable, Cause: fmt.Errorf("fetching an access token from %s: %w",
			host, push.Clipped(err))}
	}
	status := answer.Response.StatusCode
	if status/100 != 4 || status == http.StatusRequestTimeout || status == http.StatusTooManyRequests {
		return &push.Error{
			Reason:     push.ReasonUnavailable,
			RetryAfter: retryAfter(answer.Response.Header, nil, now),
			Cause:      fmt.Errorf("%s answered %d", host, status),
		}
	}
	var said struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}
	_ = json.Unmarshal(answer.Body, &said) // words for people, if there are any
	return &push.Error{Reason: push.ReasonNotAllowed, Cause: fmt.Errorf(
		"%s answered %d %s (%s): make a new service account key, and check this machine's clock",
		host, status, push.Clip(said.Error, 60), push.Clip(said.Description, 160))}
}
