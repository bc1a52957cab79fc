package host_test

import (
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"bellhop"
	"bellhop/bench"
	"bellhop/host"
	"bellhop/shopify"
	"bellhop/store"
	"bellhop/wire"
	"bellhop/wire/wiretest"
)

// TestAcceptedToSent compares the metric of bellhop's promise with the clock: from the
// webhook to the phone, through either database.
func TestAcceptedToSent(t *testing.T) {
	for name, storage := range map[string]func() wire.Storage{
		"sqlite": func() wire.Storage { return oneFile(wiretest.Dir(t)) },
		"postgres": func() wire.Storage {
			return wire.Storage{Dir: wiretest.Dir(t), DB: postgres(t).URL(newDatabase(t)), Queue: "sqlite:"}
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

// TestLatePushesShow owes a push that nobody sends, and lets an hour pass.
func TestLatePushesShow(t *testing.T) {
	measured := host.NewTelemetry()
	var ahead atomic.Int64
	s := serve(t, wire.Options{}, func(o *host.Options) {
		o.Telemetry, o.Steps = measured, host.Steps{}
		o.Now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	})
	readyz(t, s.url) // whoever answers has its metrics
	if got := late(t, measured.Registry); got != 0 {
		t.Errorf("without a push: %v s late", got)
	}
	if _, err := s.parts.Store.PutDevice(t.Context(), bellhop.Device{Shop: shop, Installation: "phone",
		Kind: bellhop.AddressToken, Value: "address", Platform: bellhop.PlatformAndroid, Form: bellhop.FormNotification,
		AddedAt: time.Now(), SeenAt: time.Now()}, store.DeviceLimits{}); err != nil {
		t.Fatal(err)
	}
	if err := s.parts.Store.TestDevice(t.Context(), shop, "phone", time.Now()); err != nil {
		t.Fatal(err)
	}
	ahead.Store(int64(time.Hour))
	if got := late(t, measured.Registry); got < 3600 || got > 3700 {
		t.Errorf("after an hour: %v s late", got)
	}
}

func late(t *testing.T, g prometheus.Gatherer) float64 {
	t.Helper()
	families, err := g.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == "bellhop_pushes_oldest_seconds" {
			return f.GetMetric()[0].GetGauge().GetValue()
		}
	}
	t.Fatal("there is no metric of it")
	return 0
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
