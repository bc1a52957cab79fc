package site_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"bellhop"
	"bellhop/store"
	"bellhop/web"
	"bellhop/web/site"
	"bellhop/web/webhook"
)

func TestHealth(t *testing.T) {
	var asked atomic.Int32
	r := newRig(t, func(o *site.Options) {
		o.Checks = []web.Check{
			{Name: "store", Func: func(context.Context) error { asked.Add(1); return nil }},
			{Name: "queue", Func: func(context.Context) error { return nil }},
		}
		o.Metrics = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "metrics\n") })
	})
	if a := r.Call("GET", "/healthz", "", ""); a.StatusCode != 200 || a.Body != `{"status":"ok"}`+"\n" {
		t.Errorf("%d %s", a.StatusCode, a.Body)
	}
	if a := r.Call("GET", "/metrics", "", ""); a.Body != "metrics\n" {
		t.Errorf("%d %s", a.StatusCode, a.Body)
	}
	ok := `{"status":"ok","checks":{"queue":"ok","store":"ok"}}` + "\n"
	for range 5 {
		if a := r.Call("GET", "/readyz", "", ""); a.StatusCode != 200 || a.Body != ok {
			t.Errorf("%d %s", a.StatusCode, a.Body)
		}
	}
	if n := asked.Load(); n != 1 {
		t.Errorf("asked %d times within a second", n)
	}
	r.Clock.Add(time.Second)
	if r.Call("GET", "/readyz", "", ""); asked.Load() != 2 {
		t.Errorf("asked %d times, want a second time after a second", asked.Load())
	}
}

// TestReadyFailsOnlyWithWhatIsNeeded tells a process that still does its job from one that
// doesn't; either answer names each part.
func TestReadyFailsOnlyWithWhatIsNeeded(t *testing.T) {
	fine := func(context.Context) error { return nil }
	full := func(context.Context) error { return bellhop.Errorf(bellhop.Unavailable, "queue", "the disk is full") }
	odd := func(context.Context) error { return errors.New("the secret cause") }
	silent := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
	for _, c := range []struct {
		name     string
		queue    func(context.Context) error
		database func(context.Context) error // optional
		code     int
		want     string
	}{
		{"all is well", fine, fine, 200, `{"status":"ok","checks":{"database":"ok","queue":"ok"}}`},
		{"an optional check fails", fine, odd, 200, `{"status":"degraded","checks":{"database":"failing; the log says more","queue":"ok"}}`},
		{"an optional check is silent", fine, silent, 200, `{"status":"degraded","checks":{"database":"no answer within 2s","queue":"ok"}}`},
		{"a needed check fails", full, fine, 503, `{"status":"failing","checks":{"database":"ok","queue":"the disk is full"}}`},
		{"both fail", full, odd, 503, `{"status":"failing","checks":{"database":"failing; the log says more","queue":"the disk is full"}}`},
		{"both are silent", silent, silent, 503, `{"status":"failing","checks":{"database":"no answer within 2s","queue":"no answer within 2s"}}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log lockedBuffer
				checks := []web.Check{{Name: "queue", Func: c.queue},
					{Name: "database", Func: c.database, Optional: true}}
				h := web.Probes(checks, http.NotFoundHandler(), slog.New(slog.NewTextHandler(&log, nil)), time.Now)
				began, answer := time.Now(), httptest.NewRecorder()
				h.ServeHTTP(answer, httptest.NewRequest("GET", "/readyz", nil))
				if took := time.Since(began); took > 2*time.Second {
					t.Errorf("it took %v", took)
				}
				if answer.Code != c.code || answer.Body.String() != c.want+"\n" {
					t.Errorf("%d %s", answer.Code, answer.Body)
				}
				if strings.Contains(c.want, "the log says more") &&
					!strings.Contains(log.String(), "the secret cause") {
					t.Errorf("the log says %s", log.String())
				}
			})
		})
	}
}

// troubled fails or panics where a test asks it to.
type troubled struct {
	site.Store
	orders func() error
}

func (s troubled) Orders(ctx context.Context, shop string, q store.OrderQuery) (store.OrderPage, error) {
	if err := s.orders(); err != nil {
		return store.OrderPage{}, err
	}
	return s.Store.Orders(ctx, shop, q)
}

func TestTroubleOfOursIsLoggedAndNotTold(t *testing.T) {
	for name, c := range map[string]struct {
		orders func() error
		status int
		code   string
	}{
		"unclassified": {func() error { return errors.New("the secret cause") }, 500, "internal"},
		"internal": {func() error {
			return &bellhop.Error{Kind: bellhop.Internal, Code: "x", Message: "the secret cause"}
		}, 500, "internal"},
		"unavailable": {func() error {
			return &bellhop.Error{Kind: bellhop.Unavailable, Code: "database", Message: "the store is away",
				Cause: errors.New("the secret cause")}
		}, 503, "database"},
		"panic": {func() error { panic("the secret cause") }, 500, "internal"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, func(o *site.Options) { o.Store = troubled{o.Store, c.orders} })
			a := r.Call("GET", "/v1/orders?q=jo%40example.com", ownerSession, "")
			r.Problem(a, c.status, c.code)
			if strings.Contains(a.Body, "secret cause") {
				t.Errorf("the answer names the cause: %s", a.Body)
			}
			if log := r.Logged.String(); !strings.Contains(log, "the secret cause") ||
				strings.Contains(log, "example.com") {
				t.Errorf("the log: %s", log)
			}
			r.Counted("bellhop_http_requests_total", fmt.Sprintf(`code="%d",route="GET /v1/orders"`, c.status), 1)
		})
	}
}

func TestAPIIsBoundedApartFromWebhooks(t *testing.T) {
	entered, release := make(chan struct{}), make(chan struct{})
	r := newRig(t, func(o *site.Options) {
		o.APIInFlight = 1
		o.Store = troubled{o.Store, func() error {
			entered <- struct{}{}
			<-release
			return nil
		}}
	})
	done := make(chan reply)
	go func() { done <- r.Call("GET", "/v1/orders", ownerSession, "") }()
	<-entered
	a := r.Call("GET", "/v1/pushes", ownerSession, "")
	r.Problem(a, 503, "busy")
	if a.Header.Get("Retry-After") != "1" {
		t.Errorf("%v", a.Header)
	}
	if a := r.Call("POST", webhook.Path, "", "{}"); a.StatusCode != 200 {
		t.Errorf("a webhook is held up: %d", a.StatusCode)
	}
	if a := r.Call("GET", "/healthz", "", ""); a.StatusCode != 200 {
		t.Errorf("health is held up: %d", a.StatusCode)
	}
	close(release)
	if a := <-done; a.StatusCode != 200 {
		t.Error(a.Body)
	}
}

// TestSlowSendersKeepNobodyOut begins as many requests as get in at once, and sends none of their
// bodies.
func TestSlowSendersKeepNobodyOut(t *testing.T) {
	r := newRig(t, func(o *site.Options) { o.APIInFlight = 2 })
	address := strings.TrimPrefix(r.URL, "http://")
	for range 4 {
		c, err := net.Dial("tcp", address)
		must(t, err)
		defer c.Close()
		_, err = io.WriteString(c, "POST /signin HTTP/1.1\r\nHost: "+address+
			"\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 60000\r\n\r\nemail=a")
		must(t, err)
	}
	for range 20 { // some of them after those have come
		if a := r.Call("GET", "/v1/orders", ownerSession, ""); a.StatusCode != 200 {
			t.Fatalf("%d %s", a.StatusCode, a.Body)
		}
	}
}

func TestRequestsAreCountedByRoute(t *testing.T) {
	r := newRig(t)
	r.Order(demo, 0)
	r.Call("GET", "/v1/orders/820982911946154508", ownerSession, "")
	r.Call("GET", "/v1/orders/1?shop=demo.myshopify.com", ownerSession, "")
	r.Call("GET", "/customers/jo@example.com", "", "")
	r.Counted("bellhop_http_requests_total", `code="200",route="GET /v1/orders/{id}"`, 1)
	r.Counted("bellhop_http_requests_total", `code="404",route="GET /v1/orders/{id}"`, 1)
	r.Counted("bellhop_http_requests_total", `code="404",route="none"`, 1)
	if log := r.Logged.String(); strings.Contains(log, "jo@example.com") || strings.Contains(log, "8209829119") ||
		!strings.Contains(log, "/v1/orders/{id}") {
		t.Errorf("the log: %s", log)
	}
}

func TestServerLimitsAreSet(t *testing.T) {
	s := web.HTTPServer("127.0.0.1:0", http.NotFoundHandler(), nil)
	if s.ReadHeaderTimeout == 0 || s.ReadTimeout == 0 || s.WriteTimeout == 0 || s.IdleTimeout != 120*time.Second ||
		s.MaxHeaderBytes != 16<<10 || s.ErrorLog == nil || s.Addr == "" || s.Handler == nil {
		t.Errorf("%+v", s)
	}
	r := newRig(t)
	conn, err := net.Dial("tcp", r.Listener.Addr().String())
	must(t, err)
	defer conn.Close()
	fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: x\r\nX-Long: %s\r\n\r\n", strings.Repeat("x", 64<<10))
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	must(t, err)
	if res.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("got %d", res.StatusCode)
	}
}

func TestNewNeedsItsParts(t *testing.T) {
	if _, err := site.New(site.Options{}); err == nil {
		t.Error("a server without a store")
	}
}
