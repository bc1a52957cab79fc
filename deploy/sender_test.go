package deploy_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
)

// sender carries Shopify's requests, and tells bellhop's answers from others and from none.
type sender struct {
	http.RoundTripper

	mu     sync.Mutex
	taken  int      // answered 200
	busy   int      // refused by a bellhop whose broker took longer than it may
	failed []string // anything else
}

// RoundTrip implements [http.RoundTripper]. It finishes each request, also when the twin ends: this
// side cuts no webhook off.
func (s *sender) RoundTrip(r *http.Request) (*http.Response, error) {
	a, err := s.RoundTripper.RoundTrip(r.WithContext(context.WithoutCancel(r.Context())))
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case err != nil:
		s.failed = append(s.failed, err.Error())
	case a.StatusCode == http.StatusOK:
		s.taken++
	case a.StatusCode == http.StatusServiceUnavailable &&
		strings.HasPrefix(a.Header.Get("Content-Type"), "application/problem+json"):
		s.busy++
	default:
		s.failed = append(s.failed, fmt.Sprint(a.StatusCode, " ", a.Header))
	}
	return a, err
}
