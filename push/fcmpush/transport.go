package fcmpush

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
	"time"
)

const (
	// sendsAtOnce is how many connections stay open for the next burst. With
	// HTTP/2 FCM takes about 100 requests on each, so that far fewer are used.
	sendsAtOnce = 512
	// maxAnswer bounds how much of an answer it reads; FCM's are under 2 KiB.
	maxAnswer = 64 << 10
)

func newTransport(proxies bool) *http.Transport {
	t := &http.Transport{
		DialContext:            (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
		TLSHandshakeTimeout:    10 * time.Second,
		ForceAttemptHTTP2:      true,
		MaxIdleConns:           2 * sendsAtOnce,
		MaxIdleConnsPerHost:    sendsAtOnce,
		IdleConnTimeout:        90 * time.Second,
		MaxResponseHeaderBytes: maxAnswer,
		DisableCompression:     true, // answers are a few hundred bytes
		// A connection that died silently would otherwise take every request
		// with it until TCP gives up, which is a quarter of an hour.
		HTTP2: &http.HTTP2Config{SendPingTimeout: 10 * time.Second, PingTimeout: 5 * time.Second},
	}
	if proxies {
		t.Proxy = http.ProxyFromEnvironment
	}
	return t
}

func newHTTPClient(t http.RoundTripper) *http.Client {
	return &http.Client{
		Transport: bounded{t},
		// FCM never redirects, and a message must not be posted twice.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// bounded cuts off answers, which are read to their end.
type bounded struct{ http.RoundTripper }

func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := b.RoundTripper.RoundTrip(r)
	if err == nil {
		answer.Body = readCloser{io.LimitReader(answer.Body, maxAnswer), answer.Body}
	}
	return answer, err
}

// CloseIdleConnections passes on what http.Client asks of its transport.
func (b bounded) CloseIdleConnections() {
	if c, ok := b.RoundTripper.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

type readCloser struct {
	io.Reader
	io.Closer
}

// traceBegun sets begun once the headers have been written. The body, without
// which FCM can't take a message, follows them; so as long as begun is false
// nothing was sent.
func traceBegun(ctx context.Context, begun *atomic.Bool) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		WroteHeaders: func() { begun.Store(true) },
	})
}
