package host

import (
	"context"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"bellhop/events"
	"bellhop/store"
)

// RelayMetrics counts what a relay does.
type RelayMetrics struct {
	publishedTotal *prometheus.CounterVec
	failures, lost prometheus.Counter
	holds          prometheus.Gauge
}

// NewRelayMetrics registers a relay's metrics. It measures how far the relay is
// behind when Prometheus asks.
func NewRelayMetrics(reg prometheus.Registerer, s behindStore, now func() time.Time) *RelayMetrics {
	f := promauto.With(reg)
	m := &RelayMetrics{
		publishedTotal: f.NewCounterVec(prometheus.CounterOpts{Name: "bellhop_events_published_total",
			Help: "Events published for other services, by type; repetitions count again."}, []string{"type"}),
		failures: f.NewCounter(prometheus.CounterOpts{Name: "bellhop_events_failures_total",
			Help: "Failed attempts to publish events; bellhop repeats them."}),
		lost: f.NewCounter(prometheus.CounterOpts{Name: "bellhop_events_lost_total",
			Help: "Events never published, since more waited than the database keeps. Alarm on it."}),
		holds: f.NewGauge(prometheus.GaugeOpts{Name: "bellhop_events_relaying",
			Help: "1 in the process that publishes events, 0 in standbys."}),
	}
	for _, t := range events.Types() {
		m.publishedTotal.WithLabelValues(string(t))
	}
	reg.MustRegister(gauges{[]*prometheus.Desc{behindDesc, ageDesc}, func(ctx context.Context, g gauge) {
		if n, age, err := Behind(ctx, s, now()); err == nil {
			g(behindDesc, float64(n))
			g(ageDesc, age.Seconds())
		}
	}})
	return m
}

func (m *RelayMetrics) published(run []*events.Event) {
	for _, e := range run {
		m.publishedTotal.WithLabelValues(string(e.Type)).Inc()
	}
}

type behindStore interface {
	store.Stream
	store.Leases
}

var (
	behindDesc = prometheus.NewDesc("bellhop_events_behind", "Events waiting for publication to other services.", nil, nil)
	ageDesc    = prometheus.NewDesc("bellhop_events_behind_seconds", "Age of the oldest event waiting for publication.",
		nil, nil)
)

// Behind returns how many events wait to be published, and the age of the oldest.
// Both are 0 without a relay.
func Behind(ctx context.Context, s behindStore, now time.Time) (n int64, age time.Duration, err error) {
	all, err := s.Leases(ctx)
	i := slices.IndexFunc(all, func(r store.Lease) bool { return r.Name == RelayName })
	if err != nil || i < 0 {
		return 0, 0, err
	}
	at := all[i].Cursor
	last, err := s.LastChange(ctx)
	if err != nil || last <= at {
		return 0, 0, err
	}
	next, err := s.Changes(ctx, "", at, 1)
	if err != nil || len(next) == 0 {
		return 0, 0, err
	}
	return last - at, max(0, now.Sub(next[0].At)), nil
}
