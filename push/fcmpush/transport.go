package fcmpush

import (
	"io"
	"net"
	"net/http"
	"time"

	"bellhop/push"
)

// sendsAtOnce is how many connections stay open for the next burst. With
// HTTP/2 FCM takes about 100 requests on each, so that far fewer are used.
const sendsAtOnce = 512

func newTransport(o Options) *http.Transport {
	t := push.NewTransport(&net.Dialer{Timeout: 10 * time.Second}, 2*sendsAtOnce, sendsAtOnce)
	// A connection that died silently would otherwise take every request
	// with it until TCP gives up, which is a quarter of an hour.
	t.HTTP2 = &http.HTTP2Config{SendPingTimeout: 10 * time.Second, PingTimeout: 5 * time.Second}
	if o.Dial != nil {
		t.DialContext = o.Dial
	}
	if o.Endpoint == realEndpoint {
		t.Proxy = http.ProxyFromEnvironment
	}
	return t
}

func newHTTPClient(t http.RoundTripper) *http.Client {
	return &http.Client{Transport: bounded{t}, CheckRedirect: push.NoRedirect}
}

// bounded cuts off answers, which are read to their end.
type bounded struct{ http.RoundTripper }

func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := b.RoundTripper.RoundTrip(r)
	if err == nil {
		answer.Body = readCloser{io.LimitReader(answer.Body, push.MaxAnswer), answer.Body}
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
