package site_test

import (
	"compress/gzip"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"bellhop/web"
	"bellhop/web/site"
)

// TestPreparedAnswers wants answers that are the same for everybody to go out whole, packed where
// the client takes that, and only to clients that don't have them.
func TestPreparedAnswers(t *testing.T) {
	r := newRig(t)
	for _, path := range []string{"/v1/openapi.json", "/v1/asyncapi.json", "/docs", "/assets/console.js",
		"/assets/console.css", "/worker.js", "/assets/icon-192.png"} {
		plain := r.Call("GET", path, "", "", withHeader("Accept-Encoding", "gzip;q=0, br"))
		if plain.StatusCode != 200 || len(plain.Body) == 0 || plain.Header.Get("Content-Encoding") != "" {
			t.Errorf("%s: %d %v", path, plain.StatusCode, plain.Header)
		}
		etag := plain.Header.Get("ETag")
		if a := r.Call("GET", path, "", "", withHeader("If-None-Match", `"x", `+etag)); a.StatusCode != 304 ||
			a.Body != "" || etag == "" {
			t.Errorf("%s again: %d", path, a.StatusCode)
		}
		ranges := "bytes=0-0" + strings.Repeat(",0-", 1000)
		for _, ifRange := range []string{"", etag} {
			a := r.Call("GET", path, "", "", withHeader("Range", ranges), withHeader("If-Range", ifRange),
				withHeader("Accept-Encoding", "identity"))
			if a.StatusCode != 200 || a.Body != plain.Body {
				t.Errorf("%s in parts: %d, %d bytes", path, a.StatusCode, len(a.Body))
			}
		}
		packed := r.Call("GET", path, "", "", withHeader("Accept-Encoding", "deflate, gzip;q=0.5"))
		unpack, err := gzip.NewReader(strings.NewReader(packed.Body))
		must(t, err)
		if body, err := io.ReadAll(unpack); err != nil || string(body) != plain.Body ||
			len(packed.Body) >= len(plain.Body) {
			t.Errorf("%s packed: %v, %d bytes of %d", path, err, len(packed.Body), len(plain.Body))
		}
	}
}

// TestPreparedAnswersNeedNoPlace fills the API first.
func TestPreparedAnswersNeedNoPlace(t *testing.T) {
	entered, release := make(chan struct{}), make(chan struct{})
	r := newRig(t, func(o *site.Options) {
		o.APIInFlight = 1
		o.Store = troubled{o.Store, func() error { close(entered); <-release; return nil }}
	})
	done := make(chan reply)
	go func() { done <- r.Call("GET", "/v1/orders", ownerSession, "") }()
	<-entered
	for _, path := range []string{"/v1/openapi.json", "/docs", "/assets/console.js"} {
		if a := r.Call("GET", path, "", ""); a.StatusCode != 200 {
			t.Errorf("%s: %d", path, a.StatusCode)
		}
	}
	close(release)
	<-done
}

// gathered counts how often metrics are gathered, and fails or waits where a test
// wants it to.
type gathered struct {
	times int
	err   error
	wait  chan struct{}
}

var timesDesc = prometheus.NewDesc("times_total", "Times.", nil, nil)

func (g *gathered) Describe(ch chan<- *prometheus.Desc) { ch <- timesDesc }

func (g *gathered) Collect(ch chan<- prometheus.Metric) {
	g.times++
	if g.wait != nil {
		<-g.wait
	}
	if g.err != nil {
		ch <- prometheus.NewInvalidMetric(timesDesc, g.err)
		return
	}
	ch <- prometheus.MustNewConstMetric(timesDesc, prometheus.CounterValue, float64(g.times))
}

func (g *gathered) registry() *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(g)
	return r
}

// TestMetricsAreGatheredOnceASecond lets few wait for that. Clients that don't read their answers
// keep nobody out.
func TestMetricsAreGatheredOnceASecond(t *testing.T) {
	g, now := &gathered{wait: make(chan struct{})}, &clock{At: day}
	h := web.Metrics(g.registry(), nil, now.Now)
	ask := func() *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
		return w
	}
	answers := make(chan *httptest.ResponseRecorder)
	for range 10 {
		go func() { answers <- ask() }()
	}
	for range 6 {
		if w := <-answers; w.Code != 503 || w.Header().Get("Retry-After") == "" {
			t.Errorf("beyond four at once: %d", w.Code)
		}
	}
	close(g.wait)
	for range 4 {
		if w := <-answers; w.Code != 200 {
			t.Errorf("one of four at once: %d", w.Code)
		}
	}
	r, unread := io.Pipe()
	defer r.Close()
	for range 8 {
		go h.ServeHTTP(&pipe{PipeWriter: unread, Headers: http.Header{}}, httptest.NewRequest("GET", "/metrics", nil))
		must(t, readOne(r)) // it is being written
	}
	if w := ask(); w.Code != 200 || !strings.Contains(w.Body.String(), "\ntimes_total 1\n") || g.times != 1 ||
		!strings.HasPrefix(w.Header().Get("Content-Type"), "text/plain; version=0.0.4") {
		t.Errorf("gathered %d times: %d %v %s", g.times, w.Code, w.Header(), w.Body)
	}
	now.Add(time.Second)
	if w := ask(); !strings.Contains(w.Body.String(), "\ntimes_total 2\n") {
		t.Errorf("a second later: %s", w.Body)
	}
}

func readOne(r io.Reader) error {
	_, err := io.ReadFull(r, make([]byte, 1))
	return err
}

func TestMetricsThatCantBeGathered(t *testing.T) {
	var log lockedBuffer
	h := web.Metrics((&gathered{err: errors.New("the secret cause")}).registry(),
		slog.New(slog.NewTextHandler(&log, nil)), time.Now)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	if w.Code != 500 || strings.Contains(w.Body.String(), "secret") ||
		!strings.Contains(log.String(), "the secret cause") {
		t.Errorf("%d %s, the log: %s", w.Code, w.Body, log.String())
	}
}
