package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"bellhop"
	"bellhop/pipeline"
)

// Check looks at one part that bellhop needs.
type Check struct {
	Name string
	// Func returns nil when the part is there. The answer shows a bellhop.Error's message; other
	// errors go only into the log.
	Func func(context.Context) error
	// Optional parts may be away for a while: the process still does its job.
	Optional bool
}

const checkTimeout = 2 * time.Second

// The status that /readyz gives the whole.
const (
	statusOK       = "ok"
	statusDegraded = "degraded" // something is missing, and the process still does its job
	statusFailing  = "failing"
)

// readiness answers /readyz: 503 only when the process can't do its job. Otherwise a load
// balancer would turn away webhooks that the process can accept.
type readiness struct {
	checks []Check
	away   []*pipeline.Trouble // to log that one of them is
	now    func() time.Time
	last   fresh[readyReport]
}

type readyReport struct {
	Status string            `json:"status"`
	Checks map[string]string `json:"checks"` // "ok", or what to mend
}

func (h *readiness) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	report := h.last.get(h.now, h.run)
	status := http.StatusOK
	if report.Status == statusFailing {
		status = http.StatusServiceUnavailable
	}
	writeJSON(w, status, report)
}

// fresh reuses a result for a second, also for all who ask at the same time, so that asking costs
// nothing.
type fresh[T any] struct {
	mu   sync.Mutex
	at   time.Time
	last T
}

func (f *fresh[T]) get(now func() time.Time, makeOne func() T) T {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.at.IsZero() || now().Sub(f.at) >= time.Second {
		f.last = makeOne()
		f.at = now()
	}
	return f.last
}

// run does not use the request's context: the result is for others as well.
func (h *readiness) run() readyReport {
	ctx, cancel := context.WithTimeout(context.Background(), checkTimeout)
	defer cancel()
	results := make([]string, len(h.checks))
	var wg sync.WaitGroup
	for i, c := range h.checks {
		wg.Go(func() { results[i] = h.result(ctx, c, h.away[i]) })
	}
	wg.Wait()
	report := readyReport{Status: statusOK, Checks: map[string]string{}}
	for i, c := range h.checks {
		report.Checks[c.Name] = results[i]
		switch {
		case results[i] == statusOK:
		case !c.Optional:
			report.Status = statusFailing
		case report.Status == statusOK:
			report.Status = statusDegraded
		}
	}
	return report
}

func (h *readiness) result(ctx context.Context, c Check, away *pipeline.Trouble) string {
	err := c.Func(ctx)
	away.Note(err)
	if err == nil {
		return statusOK
	}
	if e, ok := errors.AsType[*bellhop.Error](err); ok {
		return e.Message
	}
	if ctx.Err() != nil {
		return fmt.Sprintf("no answer within %v", checkTimeout)
	}
	return "failing; the log says more"
}

// alive answers /healthz: the answer itself is the news.
func alive(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, map[string]string{"status": statusOK})
}

// Probes answers only /healthz, /readyz and /metrics, for a listener of their own.
func Probes(checks []Check, metrics http.Handler, l *slog.Logger, now func() time.Time) http.Handler {
	mux := http.NewServeMux()
	RouteHealth(mux, checks, l, now)
	mux.Handle("GET /metrics", metrics)
	return mux
}

func RouteHealth(mux *http.ServeMux, checks []Check, l *slog.Logger, now func() time.Time) {
	mux.HandleFunc("GET /healthz", alive)
	ready := &readiness{checks: checks, now: now}
	for _, c := range checks {
		away := pipeline.NewTrouble(LoggerOr(l), slog.LevelWarn, c.Name+" is not ready", c.Name+" is ready again")
		ready.away = append(ready.away, away)
	}
	mux.Handle("GET /readyz", ready)
}

// IsEndless reports whether a request needs no place among those in flight: a probe costs no
// connection to the database, and a stream would hold its place for ever.
func IsEndless(path string) bool { return IsStream(path) || isHealth(path) }

func isHealth(path string) bool { return path == "/healthz" || path == "/readyz" || path == "/metrics" }

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the client is gone if this fails
}
