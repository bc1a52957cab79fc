package host_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"bellhop/bench"
	"bellhop/host"
	"bellhop/shopify"
	"bellhop/wire"
)

// TestAcceptedToSent compares the metric of bellhop's promise with the clock: from the
// webhook to the phone, through either database.
func TestAcceptedToSent(t *testing.T) {
	for name, storage := range map[string]func() wire.Storage{
		"sqlite": func() wire.Storage { return oneFile(t.TempDir()) },
		"postgres": func() wire.Storage {
			return wire.Storage{Dir: t.TempDir(), DB: postgres(t).URL(newDatabase(t)), Queue: "sqlite:"}
		},
	} {
		t.Run(name, func(t *testing.T) {
			measured := host.NewTelemetry()
			s := serveBy(t, &bench.InlineOptions{}, storage(), wire.Options{}, func(o *host.Options) { o.Telemetry = measured })
			addPhone(t, s)
			began := time.Now()
			for id := range 2 {
				if got := s.post(shopify.TopicOrderCreate, "webhook", order(id+1)); got != http.StatusOK {
					t.Fatalf("order %d: %d", id+1, got)
				}
			}
			count, sum := histogram(t, measured.Registry, "bellhop_accepted_to_sent_seconds")
			if count != 2 || sum <= 0 || sum > 2*time.Since(began).Seconds() {
				t.Errorf("%d pushes took %v s together, in a test of %v", count, sum, time.Since(began))
			}
		})
	}
}

func histogram(t *testing.T, g prometheus.Gatherer, name string) (count uint64, sum float64) {
	t.Helper()
	families, err := g.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			h := f.GetMetric()[0].GetHistogram()
			return h.GetSampleCount(), h.GetSampleSum()
		}
	}
	t.Fatalf("there is no metric %s", name)
	return 0, 0
}
