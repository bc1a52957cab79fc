package web

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"bellhop"
)

// Check is something that bellhop needs.
type Check struct {
	Name string
	// Func returns nil when it is there. A bellhop.Error's message is shown to
	// whoever asks; of other errors only the log is told.
	Func func(context.Context) error
}

const (
	checkTimeout = 2 * time.Second
	checkFresh   = time.Second // how long a result is given again, so that asking costs nothing
)

// readiness answers /readyz.
type readiness struct {
	checks []Check
	log    *slog.Logger
	now    func() time.Time

	mu     sync.Mutex
	at     time.Time
	report readyReport
}

type readyReport struct {
	Status string            `json:"status"` // "ok" or "failing"
	Checks map[string]string `json:"checks"` // "ok", or what to mend
}

func (h *readiness) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	report := h.ask()
	status := http.StatusOK
	if report.Status != "ok" {
		status = http.StatusServiceUnavailable
	}
	writeJSON(w, status, report)
}

// ask runs the checks for whoever comes first, and the others wait for that.
func (h *readiness) ask() readyReport {
	h.mu.Lock()
	defer h.mu.Unlock()
	if now := h.now(); h.at.IsZero() || now.Sub(h.at) >= checkFresh {
		h.report = h.run()
		h.at = h.now()
	}
	return h.report
}

// run does not use the request's context: the result is for others as well.
func (h *readiness) run() readyReport {
	ctx, cancel := context.WithTimeout(context.Background(), checkTimeout)
	defer cancel()
	results := make([]string, len(h.checks))
	var wg sync.WaitGroup
	for i, c := range h.checks {
		wg.Go(func() { results[i] = h.result(ctx, c) })
	}
	wg.Wait()
	report := readyReport{Status: "ok", Checks: map[string]string{}}
	for i, c := range h.checks {
		report.Checks[c.Name] = results[i]
		if results[i] != "ok" {
			report.Status = "failing"
		}
	}
	return report
}

func (h *readiness) result(ctx context.Context, c Check) string {
	err := c.Func(ctx)
	if err == nil {
		return "ok"
	}
	h.log.WarnContext(ctx, "a dependency is not ready", "check", c.Name, "error", err.Error())
	if e, ok := errors.AsType[*bellhop.Error](err); ok {
		return e.Message
	}
	return "failing; the log says more"
}

// alive answers /healthz: that it answers is all there is to say.
func alive(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, map[string]string{"status": "ok"})
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // whoever asked is gone if this fails
}
