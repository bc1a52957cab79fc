package web

import (
	"bytes"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

const scrapes = 4 // that wait for a result at once

// scrape answers /metrics. Without a listener of its own anybody may ask for it, and gathering
// costs a look at the database.
type scrape struct {
	gatherer prometheus.Gatherer
	log      *slog.Logger
	now      func() time.Time
	waiting  chan struct{}
	last     fresh[http.Handler]
}

// Metrics returns a handler that writes metrics as Prometheus reads them. It gathers them at most
// once a second, and lets few requests wait for that.
func Metrics(g prometheus.Gatherer, l *slog.Logger, now func() time.Time) http.Handler {
	return &scrape{gatherer: g, log: LoggerOr(l), now: now, waiting: make(chan struct{}, scrapes)}
}

func (s *scrape) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	select {
	case s.waiting <- struct{}{}:
	default:
		refuseBusy(w)
		return
	}
	// It gives the place back before it writes the answer: a client that doesn't read can't keep
	// Prometheus out.
	answer := func() http.Handler {
		defer func() { <-s.waiting }()
		return s.last.get(s.now, s.gather)
	}()
	answer.ServeHTTP(w, r)
}

func (s *scrape) gather() http.Handler {
	opts := promhttp.HandlerOpts{DisableCompression: true,
		ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelError)}
	var p page
	promhttp.HandlerFor(s.gatherer, opts).ServeHTTP(&p, &http.Request{})
	if p.status != 0 {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			WriteProblem(w, NewProblem(http.StatusInternalServerError, "",
				"metrics can't be gathered; the log says why"))
		})
	}
	return newPreparedAnswer(http.Header{"Content-Type": {"text/plain; version=0.0.4; charset=utf-8"}}, p.Bytes())
}

// page keeps an answer in memory. status is 0 unless it is an error's.
type page struct {
	bytes.Buffer
	status int
}

func (p *page) Header() http.Header    { return http.Header{} }
func (p *page) WriteHeader(status int) { p.status = status }
