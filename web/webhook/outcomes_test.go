package webhook

import (
	"net/http"
	"testing"
)

func TestEveryOutcomeHasAnAnswer(t *testing.T) {
	labels := map[string]bool{}
	for o, a := range answers {
		if a.label == "" || labels[a.label] {
			t.Errorf("outcome %d: label %q is empty or taken", o, a.label)
		}
		labels[a.label] = true
		if outcome(o) == outAccepted {
			continue
		}
		if a.problem == nil || a.problem.Status == http.StatusTooManyRequests {
			t.Errorf("%s: %+v", a.label, a.problem)
		}
		if a.problem.Status == http.StatusServiceUnavailable && a.retryAfter == "" {
			t.Errorf("%s: 503 without Retry-After", a.label)
		}
	}
}
