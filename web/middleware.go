package web

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"go.opentelemetry.io/otel/trace"
)

// Streams: answers that go out as they are written, and take their time.
const (
	StreamPath = "/v1/stream"  // the API's
	LivePath   = "/live"       // the console's, which tells only what changed
	ExportPath = "/orders.csv" // a list of orders; the only one that ends
)

// IsStream reports whether an address answers with a stream.
func IsStream(path string) bool {
	return path == StreamPath || path == LivePath || path == ExportPath
}

// GuardOptions are the bounds and instruments of [Guard].
type GuardOptions struct {
	InFlight   int                    // requests at once, streams aside
	Free       func(path string) bool // reports which cost nothing, besides health
	Proxies    Proxies
	Origins    []string // of pages elsewhere that may use the API
	Log        *slog.Logger
	Registerer prometheus.Registerer
	Tracer     trace.Tracer // nil: no spans are made
}

// Guard bounds, observes and secures the requests of the API and of the pages.
func Guard(next http.Handler, o GuardOptions) http.Handler {
	free := func(path string) bool { return isHealth(path) || o.Free(path) }
	limited := readFirst(bounded(next, o.InFlight, free), o.Proxies, MaxBody)
	secure := secured(shared(sameSite(limited, o.Origins), o.Origins))
	return newObserved(secure, o.Log, o.Registerer, Spans{Tracer: o.Tracer})
}

// MaxBody is the largest body of a request to the API, and of a form: it holds a page of orders
// that are all selected.
const MaxBody = 64 << 10

// recorder notes the status of an answer.
type recorder struct {
	http.ResponseWriter
	status int // 0 until something was written
}

func (w *recorder) WriteHeader(status int) {
	if w.status == 0 && status >= http.StatusOK {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *recorder) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach the connection.
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// observed counts, times and logs requests by the pattern of their route, never by their
// address. It answers 500 when a handler panics.
type observed struct {
	next    http.Handler
	log     *slog.Logger
	total   *prometheus.CounterVec
	seconds *prometheus.HistogramVec
	spans   Spans
}

func newObserved(next http.Handler, log *slog.Logger, reg prometheus.Registerer, s Spans) *observed {
	f := promauto.With(reg)
	return &observed{
		next: next, log: log, spans: s,
		total: f.NewCounterVec(prometheus.CounterOpts{
			Name: "bellhop_http_requests_total",
			Help: "Requests by route and status, webhooks aside.",
		}, []string{"route", "code"}),
		seconds: f.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "bellhop_http_request_seconds",
			Help:    "Seconds that requests took by route, webhooks and streams aside.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5},
		}, []string{"route"}),
	}
}

func (o *observed) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	began, rec := time.Now(), &recorder{ResponseWriter: w}
	var span trace.Span
	if traced(r) {
		r, span = o.spans.Begin(r)
	}
	defer func() {
		v := recover()
		if v != nil && v != http.ErrAbortHandler {
			o.log.ErrorContext(r.Context(), "a handler panicked", "route", routeOf(r),
				"panic", fmt.Sprint(v), "stack", string(debug.Stack()))
			if rec.status == 0 {
				WriteProblem(rec, ProblemOf(nil))
				v = nil
			}
		}
		o.observe(r, rec.status, time.Since(began), span)
		if v != nil {
			// Part of an answer is out; only cutting it off tells the client.
			panic(http.ErrAbortHandler)
		}
	}()
	o.next.ServeHTTP(rec, r)
}

func (o *observed) observe(r *http.Request, status int, took time.Duration, span trace.Span) {
	route := routeOf(r)
	status = cmp.Or(status, http.StatusOK)
	if span != nil {
		_, path, _ := strings.Cut(route, " ")
		EndSpan(span, r, path, status)
	}
	o.total.WithLabelValues(route, strconv.Itoa(status)).Inc()
	if _, path, _ := strings.Cut(route, " "); !IsStream(path) {
		o.seconds.WithLabelValues(route).Observe(took.Seconds())
	}
	o.log.DebugContext(r.Context(), "request", "route", route, "status", status, "took", took)
}

// routeOf is the pattern that net/http matched.
func routeOf(r *http.Request) string {
	if r.Pattern == "" || r.Pattern == "/" {
		return "none"
	}
	return r.Pattern
}

// readFirst reads a request's body before the request goes on.
func readFirst(next http.Handler, from Proxies, limit int) http.Handler {
	bodies := &BodyReader{Proxies: from, Limit: limit, Timeout: BodyTimeout}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength == 0 {
			next.ServeHTTP(w, r)
			return
		}
		read, err := bodies.Read(w, r)
		if err != nil {
			w.Header().Set("Connection", "close") // the rest may be long, or never come
			WriteProblem(w, bodyProblems[err])
			return
		}
		defer bodies.Put(read.Buf)
		defer Answered(r)
		r.Body = io.NopCloser(bytes.NewReader(read.Bytes()))
		next.ServeHTTP(w, r)
	})
}

var bodyProblems = map[error]*Problem{
	ErrBodyTooLarge: NewProblem(http.StatusRequestEntityTooLarge, "", "the body of a request has 64 KB at the most"),
	ErrBodySlow:     NewProblem(http.StatusRequestTimeout, "slow_body", "the body of the request did not come in time"),
	errBodyCut:      NewProblem(http.StatusBadRequest, "body_cut", "the body ended early"),
}

// bounded lets n requests in at once. It writes an answer after it gave the place back, so that
// a client that doesn't read keeps nobody out. Streams have a bound of their own. Requests that
// are free always get in.
func bounded(next http.Handler, n int, free func(path string) bool) http.Handler {
	places := make(chan struct{}, n)
	answers := &buffers{}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := connOf(r)
		switch path := r.URL.Path; {
		case IsStream(path):
			c.works() // the stream itself drops a client that is too slow
			defer c.writes(0)
			next.ServeHTTP(w, r)
			return
		case free(path):
			next.ServeHTTP(w, r)
			return
		}
		select {
		case places <- struct{}{}:
		default:
			refuseBusy(w)
			return
		}
		a := &bufferedWriter{ResponseWriter: w, lent: answers}
		defer a.drop()
		func() {
			defer func() { <-places }()
			c.works()
			next.ServeHTTP(a, r)
		}()
		c.writes(int64(a.held.size()))
		a.send()
		c.writes(0)
	})
}

func refuseBusy(w http.ResponseWriter) {
	w.Header().Set("Retry-After", "1")
	WriteProblem(w, NewProblem(http.StatusServiceUnavailable, "busy", "too many requests are in flight; try again"))
}

// PagePolicy is for the pages, which load their own style and script. All other answers load
// nothing.
const (
	noPolicy   = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
	PagePolicy = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; " +
		"manifest-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)

func secured(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", noPolicy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		next.ServeHTTP(w, r)
	})
}

// forPeople reports whether a person sees the answer, in a browser.
func forPeople(r *http.Request) bool {
	return strings.Contains(r.Header.Get("Accept"), "text/html") && !strings.HasPrefix(r.URL.Path, "/v1/")
}

// Unmatched answers requests without a route, and those with a wrong method. People get a
// page.
func Unmatched(mux *http.ServeMux, page func(http.ResponseWriter, *http.Request, *Problem)) http.HandlerFunc {
	methods := []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}
	return func(w http.ResponseWriter, r *http.Request) {
		var allow []string
		for _, m := range methods {
			probe := &http.Request{Method: m, URL: r.URL, Host: r.Host}
			if _, pattern := mux.Handler(probe); pattern != "" && pattern != "/" {
				allow = append(allow, m)
			}
		}
		problem := NewProblem(http.StatusNotFound, "", "there is nothing at this address; /docs lists what there is")
		if len(allow) > 0 {
			w.Header().Set("Allow", strings.Join(allow, ", "))
			problem = NewProblem(http.StatusMethodNotAllowed, "", "this address takes "+strings.Join(allow, ", "))
		}
		if forPeople(r) {
			page(w, r, problem)
			return
		}
		WriteProblem(w, problem)
	}
}
