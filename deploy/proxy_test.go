package deploy_test

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bellhop/internal/realserver"
)

// proxy is HAProxy with the configuration of deploy/compose.
type proxy struct {
	*resolver
	url, plain, health string
	client             *http.Client
}

func startProxy(t *testing.T, env ...string) *proxy {
	t.Helper()
	p := &proxy{resolver: newResolver(t)}
	cert := realserver.NewCertificate(t)
	both := filepath.Join(t.TempDir(), "tls.pem")
	if err := os.WriteFile(both, append(file(t, cert.Cert), file(t, cert.Key)...), 0o600); err != nil {
		t.Fatal(err)
	}
	ports := [3]string{}
	for i := range ports {
		ports[i] = realserver.FreeAddress(t)
	}
	p.url, p.plain, p.health = "https://"+ports[0], "http://"+ports[1], "http://"+ports[2]
	h, err := realserver.StartHAProxy(t.Context(), "compose/haproxy.cfg", p.health,
		append(env, "HTTPS="+ports[0], "HTTP="+ports[1],
			"HEALTH="+ports[2], "CERTIFICATE="+both, "RESOLVER="+p.addr,
			"SERVE_A=serve-a:"+local("8080"), "SERVE_B=serve-b:"+local("8080"))...)
	realserver.Need(t, err)
	t.Cleanup(func() { h.Close() })
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(file(t, cert.Authority))
	p.client = &http.Client{
		Transport:     &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, MaxIdleConnsPerHost: 64},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return p
}

func file(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// untilReady waits until the proxy knows of so many servers that are ready.
func (p *proxy) untilReady(t *testing.T, n int) {
	t.Helper()
	p.until(t, p.health, fmt.Sprint(n, " ready"))
}

// until waits until the proxy answers with a text.
func (p *proxy) until(t *testing.T, url, want string) {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	said := ""
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); <-tick.C {
		answer, err := p.client.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(answer.Body)
		answer.Body.Close()
		if said = string(body); said == want {
			return
		}
	}
	t.Fatalf("the proxy says %q, not %q", said, want)
}

// serveOn serves a handler on the port that bellhop has in a container.
func serveOn(t *testing.T, host string, h http.Handler) {
	t.Helper()
	l, err := net.Listen("tcp", onHost(":8080", host))
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: h}
	done := make(chan struct{})
	go func() { defer close(done); s.Serve(l) }()
	t.Cleanup(func() { s.Close(); <-done })
}

// TestProxyTellsWhoAsks wants bellhop behind the proxy to learn the real client's address, and
// nobody outside to reach what is not public.
func TestProxyTellsWhoAsks(t *testing.T) {
	t.Parallel()
	p := startProxy(t)
	host := newHost()
	serveOn(t, host, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, _ := io.Copy(io.Discard, r.Body)
		fmt.Fprint(w, r.Method, " ", r.URL.Path, " ", n, " ", r.Header["X-Forwarded-For"],
			r.Header["X-Forwarded-Proto"])
	}))
	p.set("serve-a", host)
	p.untilReady(t, 1)
	for _, c := range []struct {
		method, url, forwarded string
		body                   int
		status                 int
		says                   string
	}{
		{"GET", p.url + "/v1/orders", "10.1.2.3", 0, 200, "GET /v1/orders 0 [127.0.0.1] [https]"},
		{"POST", p.url + "/webhooks/shopify", "", 8 << 20, 200, "POST /webhooks/shopify 8388608 [127.0.0.1] [https]"},
		{"GET", p.url + "/metrics", "", 0, 404, ""},
		{"GET", p.url + "/readyz", "", 0, 404, ""},
		{"GET", p.url + "/healthz", "", 0, 200, ""},
		{"GET", p.plain + "/v1/orders", "", 0, 308, ""},
	} {
		r, err := http.NewRequest(c.method, c.url, strings.NewReader(strings.Repeat("x", c.body)))
		if err != nil {
			t.Fatal(err)
		}
		if c.forwarded != "" {
			r.Header.Set("X-Forwarded-For", c.forwarded)
			r.Header.Set("X-Forwarded-Proto", "http")
		}
		answer, err := p.client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		said, _ := io.ReadAll(answer.Body)
		if answer.Body.Close(); answer.StatusCode != c.status || !strings.Contains(string(said), c.says) {
			t.Errorf("%s %s: %d %s, want %d %s", c.method, c.url, answer.StatusCode, said, c.status, c.says)
		}
	}
}

// TestProxyLeavesOutWhoIsNotReady takes the queue away from one of two servers.
func TestProxyLeavesOutWhoIsNotReady(t *testing.T) {
	t.Parallel()
	p := startProxy(t)
	for name, status := range map[string]int{"serve-a": http.StatusServiceUnavailable, "serve-b": http.StatusOK} {
		host := newHost()
		serveOn(t, host, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(status)
			io.WriteString(w, name)
		}))
		p.set(name, host)
	}
	// The proxy thinks that each new server is ready. Once it has found the ready one, it has to
	// learn that the other is not.
	p.until(t, p.url+"/v1/orders", "serve-b")
	p.untilReady(t, 1)
	for range 20 {
		answer, err := p.client.Get(p.url + "/v1/orders")
		if err != nil {
			t.Fatal(err)
		}
		said, _ := io.ReadAll(answer.Body)
		if answer.Body.Close(); string(said) != "serve-b" {
			t.Fatalf("%d by %s", answer.StatusCode, said)
		}
	}
}
