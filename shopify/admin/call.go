package admin

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	connectTimeout = 5 * time.Second
	callTimeout    = 15 * time.Second
)

// pauses are between the tries of a call that Shopify did not answer.
var pauses = []time.Duration{500 * time.Millisecond, 2 * time.Second}

// answer is what came back, with whatever status. Its body is at most as long as the call allowed.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// newClient is for an App without a client of its own.
func newClient() *http.Client {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.DialContext = (&net.Dialer{Timeout: connectTimeout}).DialContext
	t.TLSHandshakeTimeout = connectTimeout
	t.MaxResponseHeaderBytes = 64 << 10
	return &http.Client{Transport: t}
}

func (a *App) httpClient() *http.Client {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.client == nil {
		if a.client = a.HTTP; a.client == nil {
			a.client = newClient()
		}
		// A secret goes where we send it, and nowhere else.
		c := *a.client
		c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		a.client = &c
	}
	return a.client
}

// post sends one request. Its errors name no secret: those are in the body and the header alone.
func (a *App) post(
	ctx context.Context, shop, path string, header http.Header, body []byte, limit int64,
) (*answer, error) {
	at, err := a.address(shop, path)
	if err != nil {
		return nil, err
	}
	whole, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(whole, http.MethodPost, at, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header = header
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "bellhop")
	got, err := a.receive(req, limit)
	if err != nil && errors.Is(ctx.Err(), context.Canceled) {
		return nil, ctx.Err() // ours, and it says nothing of Shopify
	}
	if err != nil {
		return nil, refuse(Unavailable, shop, "%w", err)
	}
	return got, nil
}

func (a *App) receive(req *http.Request, limit int64) (*answer, error) {
	resp, err := a.httpClient().Do(req)
	if e, ok := errors.AsType[*url.Error](err); ok {
		return nil, e.Err
	}
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	if err != nil {
		return nil, fmt.Errorf("HTTP %d, cut off: %w", resp.StatusCode, err)
	}
	if int64(len(body)) > limit {
		return nil, fmt.Errorf("HTTP %d, with more than %d bytes", resp.StatusCode, limit)
	}
	return &answer{resp.StatusCode, resp.Header, body}, nil
}

// repeat tries again what Shopify did not answer. Every call here may be made twice: a refresh token
// is good until its successor is used, and a subscription that is there or gone already is success.
func (a *App) repeat(ctx context.Context, try func() error) error {
	for _, pause := range pauses {
		err := try()
		if RefusalOf(err) != Unavailable || ctx.Err() != nil || a.wait(ctx, pause) != nil {
			return err
		}
	}
	return try()
}

// code keeps of a text of Shopify's what may be a name there, for a log.
func code(text string) string {
	word := strings.Map(func(r rune) rune {
		if r == '_' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, text[:min(len(text), 60)])
	return word
}

// retryAfter is how long an answer asks us to wait, 0 if it doesn't say.
func (a *answer) retryAfter() time.Duration {
	s, err := strconv.ParseFloat(a.header.Get("Retry-After"), 64)
	if err != nil || !(s > 0) {
		return 0
	}
	return seconds(s)
}

// maxPause bounds a wait that Shopify asks for. A shop's budget fills in less.
const maxPause = time.Minute

func seconds(s float64) time.Duration {
	return time.Duration(max(0, min(s, maxPause.Seconds())) * float64(time.Second))
}

// ofStatus is the refusal that a status alone means, with both OAuth and the Admin API.
func (a *answer) ofStatus() Refusal {
	switch {
	case a.status == http.StatusPaymentRequired, a.status == http.StatusLocked:
		return ShopUnavailable
	case a.status == http.StatusForbidden && strings.Contains(string(a.body), "Non-expiring access tokens"):
		return TokenMustExpire
	case a.status == http.StatusForbidden:
		return AddressNotAllowed
	case slices.Contains([]int{http.StatusTooManyRequests, 430}, a.status): // 430: a security rejection
		return Throttled
	case a.status >= 300 && a.status < 400, a.status >= 500:
		return Unavailable
	}
	return ""
}
