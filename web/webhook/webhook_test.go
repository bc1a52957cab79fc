package webhook_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"bellhop"
	"bellhop/web/webhook"
	"bellhop/web/webtest"
)

func TestWebhookAnswers(t *testing.T) {
	kinds := map[string]error{
		"unauthenticated": bellhop.Errorf(bellhop.Unauthenticated, "signature", "the digest differs in byte 3"),
		"invalid":         bellhop.Invalidf("header", "a header is missing"),
		"too large":       bellhop.Errorf(bellhop.TooLarge, "too_large", "too large"),
		"unavailable":     bellhop.Errorf(bellhop.Unavailable, "queue", "the disk is full"),
		"deadline":        fmt.Errorf("sending: %w", context.DeadlineExceeded),
		"internal":        fmt.Errorf("the secret cause"),
		"limited":         bellhop.Errorf(bellhop.RateLimited, "rate", "slow down"),
	}
	big := strings.Repeat("x", bellhop.DefaultMaxBody)
	for name, c := range map[string]struct {
		method, body string
		change       func(*http.Request)
		err          error
		status       int
		code         string
		outcome      string
		retry        string
	}{
		"accepted":            {body: "{}", status: 200, outcome: "accepted"},
		"8 MiB":               {body: big, status: 200, outcome: "accepted"},
		"8 MiB in chunks":     {body: big, change: chunked, status: 200, outcome: "accepted"},
		"identity":            {body: "{}", change: withHeader("Content-Encoding", "identity"), status: 200, outcome: "accepted"},
		"GET":                 {method: "GET", status: 405, code: "method_not_allowed", outcome: "method"},
		"PUT":                 {method: "PUT", body: "{}", status: 405, code: "method_not_allowed", outcome: "method"},
		"gzip":                {body: "{}", change: withHeader("Content-Encoding", "gzip"), status: 415, code: "unsupported_media_type", outcome: "encoded"},
		"gzip, twice":         {body: "{}", change: withHeader("Content-Encoding", "identity", "gzip"), status: 415, code: "unsupported_media_type", outcome: "encoded"},
		"beyond 8 MiB":        {body: big + "x", status: 413, code: "too_large", outcome: "too_large"},
		"beyond, in chunks":   {body: big + "x", change: chunked, status: 413, code: "too_large", outcome: "too_large"},
		"signature, twice":    {body: "{}", change: withHeader("X-Shopify-Hmac-Sha256", "a", "a"), status: 401, code: "unauthenticated", outcome: "unauthenticated"},
		"topic, twice":        {body: "{}", change: withHeader("X-Shopify-Topic", "orders/create", "orders/paid"), status: 400, code: "invalid", outcome: "invalid"},
		"topic, twice, alike": {body: "{}", change: withHeader("X-Shopify-Topic", "orders/create", "orders/create"), status: 400, code: "invalid", outcome: "invalid"},
		"wrong signature":     {body: "{}", err: kinds["unauthenticated"], status: 401, code: "unauthenticated", outcome: "unauthenticated"},
		"missing header":      {body: "{}", err: kinds["invalid"], status: 400, code: "invalid", outcome: "invalid"},
		"empty body":          {body: "", err: kinds["invalid"], status: 400, code: "invalid", outcome: "invalid"},
		"too large for queue": {body: "{}", err: kinds["too large"], status: 413, code: "too_large", outcome: "too_large"},
		"queue away":          {body: "{}", err: kinds["unavailable"], status: 503, code: "unavailable", outcome: "unavailable", retry: "5"},
		"queue slow":          {body: "{}", err: kinds["deadline"], status: 503, code: "unavailable", outcome: "unavailable", retry: "5"},
		"queue broken":        {body: "{}", err: kinds["internal"], status: 500, code: "internal", outcome: "internal", retry: "5"},
		"never 429":           {body: "{}", err: kinds["limited"], status: 500, code: "internal", outcome: "internal", retry: "5"},
	} {
		t.Run(name, func(t *testing.T) {
			r := webhookRig(t, &acceptor{AcceptFunc: func(context.Context, http.Header, []byte) error { return c.err }})
			method := "POST"
			if c.method != "" {
				method = c.method
			}
			req, err := http.NewRequest(method, r.URL+webhook.Path, strings.NewReader(c.body))
			must(t, err)
			if c.change != nil {
				c.change(req)
			}
			a := r.Do(req)
			if c.status == 200 {
				if a.StatusCode != 200 || a.Body != "" || string(r.Acceptor.Bodies[0]) != c.body {
					t.Fatalf("got %d: %s", a.StatusCode, a.Body)
				}
			} else {
				r.Problem(a, c.status, c.code)
			}
			for _, secret := range []string{"byte 3", "disk", "secret cause"} {
				if strings.Contains(a.Body, secret) {
					t.Errorf("the answer tells why: %s", a.Body)
				}
			}
			if got := a.Header.Get("Retry-After"); got != c.retry {
				t.Errorf("Retry-After is %q, want %q", got, c.retry)
			}
			if c.status == 405 && a.Header.Get("Allow") != "POST" {
				t.Error("405 without Allow")
			}
			r.Counted("bellhop_webhooks_total", `outcome="`+c.outcome+`"`, 1)
		})
	}
}

// webhookRig is a rig with nothing but the endpoint.
func webhookRig(t *testing.T, a *acceptor) *rig {
	r := &rig{&webtest.Rig{TB: t, Acceptor: a, Metrics: prometheus.NewRegistry()}}
	r.Server = httptest.NewServer(webhook.New(a, webhook.Options{Registerer: r.Metrics}))
	t.Cleanup(r.Server.Close)
	return r
}

func chunked(r *http.Request) {
	r.ContentLength = -1
	r.Body = io.NopCloser(r.Body)
}

func TestWebhookPanicIsAnsweredAndTheConnectionKept(t *testing.T) {
	r := newRig(t)
	panics := true
	r.Acceptor.AcceptFunc = func(context.Context, http.Header, []byte) error {
		if panics {
			panic("out of cheese")
		}
		return nil
	}
	conn, err := net.Dial("tcp", r.Listener.Addr().String())
	must(t, err)
	defer conn.Close()
	answers := bufio.NewReader(conn)
	for _, want := range []int{500, 500, 200} {
		fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}", webhook.Path)
		res, err := http.ReadResponse(answers, nil)
		must(t, err)
		body, err := io.ReadAll(res.Body)
		must(t, err)
		if res.StatusCode != want || strings.Contains(string(body), "cheese") {
			t.Fatalf("got %d: %s", res.StatusCode, body)
		}
		if want == 500 && !strings.Contains(r.Logged.String(), "out of cheese") {
			t.Error("the panic isn't logged")
		}
		r.Acceptor.Mu.Lock()
		panics = len(r.Acceptor.Bodies) < 2
		r.Acceptor.Mu.Unlock()
	}
	r.Counted("bellhop_webhooks_total", `outcome="panic"`, 2)
}

func TestSlowSenderIsCutOff(t *testing.T) {
	a := &acceptor{}
	srv := httptest.NewServer(webhook.New(a, webhook.Options{ReadTimeout: 20 * time.Millisecond}))
	defer srv.Close()
	conn, err := net.Dial("tcp", srv.Listener.Addr().String())
	must(t, err)
	defer conn.Close()
	fmt.Fprintf(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	must(t, err)
	if res.StatusCode != http.StatusRequestTimeout || !res.Close {
		t.Errorf("got %d, close %v", res.StatusCode, res.Close)
	}
	if len(a.Bodies) != 0 {
		t.Error("half a body was accepted")
	}
}

// The deadline is for the body alone: the rest may take longer.
func TestReadDeadlineEndsWithTheBody(t *testing.T) {
	a := &acceptor{}
	a.AcceptFunc = func(ctx context.Context, _ http.Header, _ []byte) error {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(1100 * time.Millisecond):
			return nil
		}
	}
	srv := httptest.NewServer(webhook.New(a, webhook.Options{ReadTimeout: time.Second}))
	defer srv.Close()
	res, err := http.Post(srv.URL, "application/json", strings.NewReader("{}"))
	must(t, err)
	res.Body.Close()
	if res.StatusCode != 200 {
		t.Errorf("got %d", res.StatusCode)
	}
}

func TestBodyThatEndsEarly(t *testing.T) {
	a := &acceptor{}
	w := httptest.NewRecorder()
	body := io.MultiReader(strings.NewReader("{"), errReader{io.ErrUnexpectedEOF})
	webhook.New(a, webhook.Options{}).ServeHTTP(w, httptest.NewRequest("POST", "/", body))
	if w.Code != 400 || w.Header().Get("Connection") != "close" || len(a.Bodies) != 0 {
		t.Errorf("got %d", w.Code)
	}
	w = httptest.NewRecorder()
	webhook.New(a, webhook.Options{}).ServeHTTP(w, httptest.NewRequest("POST", "/", errReader{os.ErrDeadlineExceeded}))
	if w.Code != 408 {
		t.Errorf("got %d", w.Code)
	}
}

type errReader struct{ err error }

func (r errReader) Read([]byte) (int, error) { return 0, r.err }

func TestWebhooksInFlightAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, release := &acceptor{}, make(chan struct{})
		a.AcceptFunc = func(context.Context, http.Header, []byte) error { <-release; return nil }
		h := webhook.New(a, webhook.Options{InFlight: 2})
		post := func() (w *httptest.ResponseRecorder, done chan time.Duration) {
			w, done = httptest.NewRecorder(), make(chan time.Duration, 1)
			began := time.Now()
			go func() {
				h.ServeHTTP(w, httptest.NewRequest("POST", "/", strings.NewReader("{}")))
				done <- time.Since(began)
			}()
			return w, done
		}
		first, firstDone := post()
		second, secondDone := post()
		synctest.Wait()
		third, thirdDone := post()
		if took := <-thirdDone; took != time.Second || third.Code != 503 || third.Header().Get("Retry-After") != "1" {
			t.Errorf("the third got %d after %s", third.Code, took)
		}
		fourth, fourthDone := post()
		synctest.Wait()
		close(release)
		<-firstDone
		<-secondDone
		<-fourthDone
		if first.Code != 200 || second.Code != 200 || fourth.Code != 200 {
			t.Errorf("got %d, %d, %d", first.Code, second.Code, fourth.Code)
		}
	})
}

// A body whose fate is unknown may still be in the queue's hands, so that its
// memory is not lent again.
func TestBodyIsNotReusedWhileTheQueueMayHoldIt(t *testing.T) {
	a := &acceptor{}
	var held [][]byte
	a.AcceptFunc = func(_ context.Context, _ http.Header, body []byte) error {
		held = append(held, body)
		return context.DeadlineExceeded
	}
	h := webhook.New(a, webhook.Options{})
	for i := range 50 {
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("POST", "/", strings.NewReader(fmt.Sprint("body ", i))))
	}
	for i, body := range held {
		if string(body) != fmt.Sprint("body ", i) {
			t.Fatalf("body %d became %q", i, body)
		}
	}
}

func TestSizesOfBodies(t *testing.T) {
	a := &acceptor{}
	h := webhook.New(a, webhook.Options{})
	for _, n := range []int{0, 1, 8191, 8192, 8193, 16384, 100_000, 1 << 20, 3 << 20, 8<<20 - 1, 8 << 20} {
		for _, length := range []int64{-1, int64(n)} {
			body := bytes.Repeat([]byte{'a' + byte(n%26)}, n)
			req := httptest.NewRequest("POST", "/", bytes.NewReader(body))
			req.ContentLength = length
			a.Bodies = nil
			w := httptest.NewRecorder()
			h.ServeHTTP(w, req)
			if w.Code != 200 || !bytes.Equal(a.Bodies[0], body) {
				t.Errorf("%d bytes, said to be %d: got %d", n, length, w.Code)
			}
		}
	}
}

// TestTooLargeBodies wants who asked for them to get them whole, whether their length was announced or not,
// and the limit to be the one that was set.
func TestTooLargeBodies(t *testing.T) {
	for _, length := range []int64{-1, 100_001} {
		var got []byte
		h := webhook.New(&acceptor{}, webhook.Options{MaxBody: 100_000,
			TooLarge: func(_ context.Context, h http.Header, body io.Reader) {
				got, _ = io.ReadAll(body)
				if h.Get("X-Shopify-Topic") != "orders/updated" {
					t.Errorf("the header is %v", h)
				}
			}})
		body := append(bytes.Repeat([]byte("x"), 100_000), 'y')
		req := httptest.NewRequest("POST", "/", bytes.NewReader(body))
		req.Header.Set("X-Shopify-Topic", "orders/updated")
		req.ContentLength = length
		w := httptest.NewRecorder()
		h.ServeHTTP(w, req)
		if w.Code != 413 || !bytes.Equal(got, body) || !strings.Contains(w.Body.String(), "100000 bytes") ||
			w.Header().Get("Connection") != "close" {
			t.Errorf("said to have %d bytes: %d %s, and %d came", length, w.Code, w.Body, len(got))
		}
	}
}

// TestAddresses sends webhooks to addresses that are nearly right. What is not signed is nobody's webhook.
func TestAddresses(t *testing.T) {
	r := newRig(t)
	for path, status := range map[string]int{
		"/webhooks/shopify": 200, "/webhooks/shopify/": 200, "//webhooks//shopify": 200, "/webhooks/shopify//": 200,
		"/webhook/shopify": 404, "/webhooks": 404, "/shopify/webhooks": 404, "/Webhooks/Shopify": 404, "/": 404,
		"/webhooks/shopify/orders": 404, "/v1/sessions": 404, "/webhooks/shopify?shop=a": 200,
	} {
		req, err := http.NewRequest("POST", r.URL+path, strings.NewReader("{}"))
		must(t, err)
		req.Header.Set("X-Shopify-Hmac-Sha256", "x")
		if a := r.Do(req); a.StatusCode != status {
			t.Errorf("%s: %d", path, a.StatusCode)
		} else if status == 404 {
			r.Problem(a, 404, "not_found")
		}
	}
	r.Counted("bellhop_webhooks_total", `outcome="astray"`, 7)
	req, err := http.NewRequest("POST", r.URL+"/webhook/shopify", strings.NewReader("{}"))
	must(t, err)
	r.Problem(r.Do(req), 404, "not_found")
	r.Counted("bellhop_webhooks_total", `outcome="astray"`, 7)
}

func BenchmarkWebhook(b *testing.B) {
	h := webhook.New(nothing{}, webhook.Options{})
	body := bytes.Repeat([]byte("x"), 5<<10)
	req := httptest.NewRequest("POST", "/", nil)
	for _, name := range []string{"Topic", "Hmac-Sha256", "Shop-Domain", "Api-Version", "Webhook-Id", "Event-Id",
		"Triggered-At"} {
		req.Header.Set("X-Shopify-"+name, "x")
	}
	req.ContentLength = int64(len(body))
	w := httptest.NewRecorder()
	reader := bytes.NewReader(body)
	req.Body = io.NopCloser(reader)
	b.ReportAllocs()
	for b.Loop() {
		reader.Reset(body)
		h.ServeHTTP(w, req)
	}
}

type nothing struct{}

func (nothing) Accept(context.Context, http.Header, []byte) error { return nil }

// The answer names a missing header.
func TestWebhooksNameTheHeader(t *testing.T) {
	for detail, c := range map[string]struct {
		err    error
		change func(*http.Request)
	}{
		"the header X-Shopify-Topic is missing":      {bellhop.Invalidf("header_missing", "the header X-Shopify-Topic is missing"), nil},
		"a header of Shopify's comes more than once": {nil, withHeader("X-Shopify-Topic", "a", "b")},
	} {
		r := webhookRig(t, &acceptor{AcceptFunc: func(context.Context, http.Header, []byte) error { return c.err }})
		change := []func(*http.Request){}
		if c.change != nil {
			change = append(change, c.change)
		}
		a := r.Call("POST", webhook.Path, "", "{}", change...)
		r.Problem(a, 400, "invalid")
		if a.JSON(t)["detail"] != detail {
			t.Errorf("%s, want %s", a.Body, detail)
		}
	}
}
