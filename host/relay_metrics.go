package host

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"bellhop/events"
	"bellhop/store"
)

// RelayMetrics counts what a relay does. A nil one counts nothing.
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
	reg.MustRegister(&behind{s, now})
	return m
}

func (m *RelayMetrics) published(run []*events.Event) {
	if m == nil {
		return
	}
	for _, e := range run {
		m.publishedTotal.WithLabelValues(string(e.Type)).Inc()
	}
}

func (m *RelayMetrics) failed() {
	if m != nil {
		m.failures.Inc()
	}
}

func (m *RelayMetrics) dropped(n int64) {
	if m != nil {
		m.lost.Add(float64(n))
	}
}

func (m *RelayMetrics) holding(yes bool) {
	switch {
	case m == nil:
	case yes:
		m.holds.Set(1)
	default:
		m.holds.Set(0)
	}
}

type behindStore interface {
	store.Stream
	store.Relays
}

// behind measures how far the relay is behind the stream.
type behind struct {
	store behindStore
	now   func() time.Time
}

var (
	behindDesc = prometheus.NewDesc("bellhop_events_behind", "Events waiting for publication to other services.", nil,
		nil)
	ageDesc = prometheus.NewDesc("bellhop_events_behind_seconds", "Age of the oldest event waiting for publication.",
		nil, nil)
)

// Describe implements [prometheus.Collector].
func (b *behind) Describe(ch chan<- *prometheus.Desc) {
	ch <- behindDesc
	ch <- ageDesc
}

// Collect implements [prometheus.Collector]. It leaves out what it can't measure.
func (b *behind) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeLimit)
	defer cancel()
	n, age, err := Behind(ctx, b.store, b.now())
	if err != nil {
		return
	}
	ch <- prometheus.MustNewConstMetric(behindDesc, prometheus.GaugeValue, float64(n))
	ch <- prometheus.MustNewConstMetric(ageDesc, prometheus.GaugeValue, age.Seconds())
}

// Behind returns how many events wait to be published, and the age of the oldest.
// Both are 0 without a relay.
func Behind(ctx context.Context, s behindStore, now time.Time) (n int64, age time.Duration, err error) {
	all, err := s.Relays(ctx)
	if err != nil {
		return 0, 0, err
	}
	for _, r := range all {
		if r.Name != RelayName {
			continue
		}
		last, err := s.LastChange(ctx)
		if err != nil || last <= r.Cursor {
			return 0, 0, err
		}
		next, err := s.Changes(ctx, "", r.Cursor, 1)
		if err != nil || len(next) == 0 {
			return 0, 0, err
		}
		return last - r.Cursor, max(0, now.Sub(next[0].At)), nil
	}
	return 0, 0, nil
}
