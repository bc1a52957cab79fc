package identity

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"
)

const (
	fetchTimeout = 5 * time.Second
	maxAnswer    = 256 << 10 // Google's keys have 2 KiB
	// An issuer is asked four times at once, and four times a minute, however many tokens with
	// made-up keys come. So a new key is known after 15 seconds at the latest.
	fetchBurst = 4
	fetchEvery = 15 * time.Second
)

// fetcher is the way to one issuer, for its documents alone. It bounds how often they are asked
// for, how long that takes and how large they are.
type fetcher struct {
	base http.RoundTripper
	now  func() time.Time

	mu   sync.Mutex
	full time.Time // when it may ask fetchBurst times at once again
	away error     // why the last request failed; nil: it didn't, or there was none
}

var errTooSoon = errors.New("the issuer was asked a moment ago")

// RoundTrip implements [http.RoundTripper].
func (f *fetcher) RoundTrip(r *http.Request) (*http.Response, error) {
	if !f.take() {
		return nil, errTooSoon
	}
	ctx, cancel := context.WithTimeout(r.Context(), fetchTimeout)
	defer cancel()
	res, err := f.whole(r.WithContext(ctx))
	f.mu.Lock()
	defer f.mu.Unlock()
	f.away = err
	return res, err
}

// take reports whether a request may be made now.
func (f *fetcher) take() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.now()
	full := f.full
	if full.Before(now) {
		full = now
	}
	if full = full.Add(fetchEvery); full.Sub(now) > fetchBurst*fetchEvery {
		return false
	}
	f.full = full
	return true
}

// trouble says why the issuer's last answer is missing; nil if it isn't.
func (f *fetcher) trouble() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.away
}

// whole answers only with a whole JSON document. A redirect is none.
func (f *fetcher) whole(r *http.Request) (*http.Response, error) {
	if !secure(r.URL) {
		return nil, fmt.Errorf("%s is not https", r.URL.Redacted())
	}
	res, err := f.base.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	switch {
	case err != nil:
		return nil, err
	case res.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("%s answered %d", r.URL.Redacted(), res.StatusCode)
	case len(body) > maxAnswer:
		return nil, fmt.Errorf("%s answered more than %d bytes", r.URL.Redacted(), maxAnswer)
	case !json.Valid(body):
		return nil, fmt.Errorf("%s did not answer with JSON", r.URL.Redacted())
	}
	res.Body = io.NopCloser(bytes.NewReader(body))
	return res, nil
}
