package push

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// Drivers that speak HTTP share this: connections, errors without addresses and texts of pushes, and
// what a service's answer means.

// MaxAnswer bounds how much of an answer a driver reads; services' are under 2 KiB.
const MaxAnswer = 64 << 10

// NewTransport keeps so many idle connections for the next burst.
func NewTransport(d *net.Dialer, idle, idlePerHost int) *http.Transport {
	return &http.Transport{
		DialContext:            d.DialContext,
		TLSHandshakeTimeout:    d.Timeout,
		ForceAttemptHTTP2:      true,
		MaxIdleConns:           idle,
		MaxIdleConnsPerHost:    idlePerHost,
		IdleConnTimeout:        90 * time.Second,
		MaxResponseHeaderBytes: MaxAnswer,
		DisableCompression:     true, // answers are a few hundred bytes
	}
}

// NoRedirect is for a client that follows no redirect: no service sends us elsewhere, and a message must
// not be posted twice.
func NoRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// TraceBegun sets begun once the headers have been written. The body, without
// which no service can take a message, follows them; so as long as begun is false
// nothing was sent.
func TraceBegun(ctx context.Context) (traced context.Context, begun *atomic.Bool) {
	begun = new(atomic.Bool)
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteHeaders: func() { begun.Store(true) }}), begun
}

// ReasonOfStatus is what an answer other than 2xx means at any service, where it has no meaning of its
// own there.
func ReasonOfStatus(status int) Reason {
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden:
		return ReasonNotAllowed
	case http.StatusTooManyRequests:
		return ReasonQuota
	case http.StatusRequestTimeout:
		return ReasonUnavailable
	case http.StatusGatewayTimeout:
		return ReasonUnknown // the server behind the gateway may have taken it
	}
	if status/100 == 5 {
		return ReasonUnavailable
	}
	return ReasonRefused
}

// Quiet returns err without the URL around it, and without its text where that
// quotes the push, as net/http does with an answer that is not HTTP.
func Quiet(err error, m Message) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return context.DeadlineExceeded
	}
	if errors.Is(err, context.Canceled) {
		return context.Canceled
	}
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err
	}
	if Quotes(err.Error(), m) {
		return errors.New("the answer can't be read")
	}
	return Clipped(err)
}

// Quotes reports whether text holds anything of the push or its address.
func Quotes(text string, m Message) bool {
	secrets := []string{m.Device.Value, m.Title, m.Body}
	for _, v := range m.Data {
		secrets = append(secrets, v)
	}
	for _, s := range secrets {
		if len(s) > 2 && strings.Contains(text, s) {
			return true
		}
	}
	return false
}

// Clipped bounds the length of an error's text. A longer error loses its chain.
func Clipped(err error) error {
	if len(err.Error()) <= 300 {
		return err
	}
	return errors.New(Clip(err.Error(), 300))
}

// Clip makes at most n bytes of s fit for a line of a log.
func Clip(s string, n int) string {
	if len(s) > n {
		s = s[:n] + "…"
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, ""))
}

// MaxRetryAfter is when bellhop gives a message up anyway.
const MaxRetryAfter = time.Hour

// RetryAfter reads the header of that name, in seconds or as a date; 0 when there
// is none.
func RetryAfter(h http.Header, now time.Time) (wait time.Duration) {
	v := h.Get("Retry-After")
	if seconds, err := strconv.ParseInt(v, 10, 32); err == nil {
		wait = time.Duration(seconds) * time.Second
	} else if at, err := http.ParseTime(v); err == nil {
		wait = at.Sub(now)
	}
	return min(max(wait, 0), MaxRetryAfter)
}
