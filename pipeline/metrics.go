package pipeline

import (
	"cmp"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"bellhop"
	"bellhop/store"
)

// Metrics counts what the steps do. A nil *Metrics counts nothing.
type Metrics struct {
	acceptedTotal *prometheus.CounterVec
	refusedTotal  *prometheus.CounterVec
	acceptSeconds prometheus.Histogram
	outcomes      *prometheus.CounterVec
	recordSeconds prometheus.Histogram
	recordBatch   prometheus.Histogram
	pushes        *prometheus.CounterVec
	pushSeconds   prometheus.Histogram
	phoneSeconds  prometheus.Histogram
	breakers      *prometheus.GaugeVec
	trips         *prometheus.CounterVec
}

// NewMetrics registers the steps' metrics.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	f := promauto.With(reg)
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return f.NewCounterVec(prometheus.CounterOpts{Name: "bellhop_" + name, Help: help}, labels)
	}
	seconds := func(name, help string, start float64, n int) prometheus.Histogram {
		return f.NewHistogram(prometheus.HistogramOpts{Name: "bellhop_" + name, Help: help,
			Buckets: prometheus.ExponentialBuckets(start, 2, n)})
	}
	return &Metrics{
		acceptedTotal: counter("accepted_total", "Webhooks made durable, by the secret that signed them.", "signed_by"),
		refusedTotal:  counter("refused_total", "Refused webhooks, by reason.", "code"),
		acceptSeconds: seconds("accept_seconds", "From a checked signature until the event is durable.", 0.0002, 16),
		outcomes: counter("outcomes_total", "Processed events, by outcome; redeliveries count again.", "outcome",
			"reason"),
		recordSeconds: seconds("record_seconds", "Decoding and storing one batch.", 0.0005, 16),
		recordBatch:   seconds("record_batch_events", "Events in one batch.", 1, 10),
		pushes:        counter("pushes_total", "Attempted pushes, by outcome.", "status", "reason"),
		breakers: f.NewGaugeVec(prometheus.GaugeOpts{Name: "bellhop_push_breakers_open",
			Help: "Push services in trouble, for which pushes wait, by kind."}, []string{"service"}),
		trips:       counter("push_breaker_trips_total", "How often a push service got into trouble.", "service"),
		pushSeconds: seconds("push_seconds", "One attempt, until the service answered.", 0.002, 15),
		phoneSeconds: seconds("accepted_to_sent_seconds",
			"From accepting an order until the push service took its push, "+
				"once for each device; without pushes held for the end of quiet hours.", 0.002, 20),
	}
}

func (m *Metrics) accepted(e *bellhop.Event, took time.Duration) {
	if m != nil {
		m.acceptedTotal.WithLabelValues(string(e.SignedBy)).Inc()
		m.acceptSeconds.Observe(took.Seconds())
	}
}

func (m *Metrics) refused(err error) {
	if m != nil {
		m.refusedTotal.WithLabelValues(codeOf(err)).Inc()
	}
}

func codeOf(err error) string { return cmp.Or(bellhop.CodeOf(err), "internal") }

func (m *Metrics) processed(outcome bellhop.Outcome, reason string) {
	if m != nil {
		code, _ := bellhop.ReasonParts(reason)
		m.outcomes.WithLabelValues(string(outcome), code).Inc()
	}
}

func (m *Metrics) recordTook(events int, took time.Duration) {
	if m != nil {
		m.recordSeconds.Observe(took.Seconds())
		m.recordBatch.Observe(float64(events))
	}
}

// breaker counts circuit breakers that open, and those that close.
func (m *Metrics) breaker(service string, by float64) {
	if m == nil {
		return
	}
	m.breakers.WithLabelValues(service).Add(by)
	if by > 0 {
		m.trips.WithLabelValues(service).Inc()
	}
}

func (m *Metrics) pushed(o store.Owed, settled []store.Settled, took time.Duration, now time.Time) {
	if m == nil {
		return
	}
	for _, s := range settled {
		m.pushes.WithLabelValues(string(s.Status), s.Reason).Add(float64(len(s.Pushes)))
	}
	m.pushSeconds.Observe(took.Seconds())
	if settled[0].Status != bellhop.PushSent {
		return
	}
	for _, order := range o.Orders {
		// A change is pushed long after its order came, and a held push was meant
		// to wait.
		if order.Kind == bellhop.PushOrderNew && !order.Held && !order.AcceptedAt.IsZero() {
			m.phoneSeconds.Observe(now.Sub(order.AcceptedAt).Seconds())
		}
	}
}
