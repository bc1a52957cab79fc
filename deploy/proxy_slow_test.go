package deploy_test

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"bellhop/web/webhook"
)

// TestProxyHoldsSlowBodies has more connections than a server may have at once send
// a header and no body, and wants webhooks and /healthz answered meanwhile.
func TestProxyHoldsSlowBodies(t *testing.T) {
	t.Parallel()
	p := startProxy(t)
	p.echo(t)
	var opening sync.WaitGroup
	places := make(chan struct{}, 16)
	for range 600 {
		opening.Go(func() {
			places <- struct{}{}
			defer func() { <-places }()
			if _, err := p.ask(t, slowBody(webhook.Path, 2000)); err != nil {
				t.Error(err)
			}
		})
	}
	opening.Wait()
	for range 20 {
		p.post(t, webhook.Path, 100_000)
		p.post(t, "/healthz", 0)
	}
}

// TestProxyBoundsAnAddress wants one address to have no more than its share.
func TestProxyBoundsAnAddress(t *testing.T) {
	t.Parallel()
	const share = 10
	p := startProxy(t, fmt.Sprint("PER_ADDRESS=", share))
	p.echo(t)
	for i := range 2 * share {
		c, err := p.ask(t, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
		if err == nil {
			_, err = http.ReadResponse(bufio.NewReader(c), nil) // and it stays open
		}
		if (err == nil) != (i < share) {
			t.Errorf("connection %d of %d: %v", i+1, share, err)
		}
	}
	p.post(t, webhook.Path, 2000)
}

// echo is one server that answers with the request.
func (p *proxy) echo(t *testing.T) {
	t.Helper()
	host := newHost()
	serveOn(t, host, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, _ := io.Copy(io.Discard, r.Body)
		fmt.Fprint(w, r.URL.Path, " ", n)
	}))
	p.set("serve-a", host)
	p.untilReady(t, 1)
}

func (p *proxy) post(t *testing.T, path string, size int) {
	t.Helper()
	answer, err := p.client.Post(p.url+path, "application/json", strings.NewReader(strings.Repeat("x", size)))
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	said, _ := io.ReadAll(answer.Body)
	if want := fmt.Sprint(path, " ", size); answer.StatusCode != http.StatusOK || string(said) != want {
		t.Errorf("%s: %d %s", path, answer.StatusCode, said)
	}
}

// ask sends a request from an address of its own, on a connection that stays open.
func (p *proxy) ask(t *testing.T, request string) (net.Conn, error) {
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 77, 0, 1)}}
	c, err := tls.DialWithDialer(&d, "tcp", strings.TrimPrefix(p.url, "https://"),
		&tls.Config{InsecureSkipVerify: true})
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { c.Close() })
	_, err = io.WriteString(c, request)
	return c, err
}
