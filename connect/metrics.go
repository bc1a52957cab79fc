package connect

import (
	"cmp"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"bellhop/shopify/admin"
)

// Metrics counts what connectors do. A nil *Metrics counts nothing.
type Metrics struct {
	checks, refreshes, subscriptions *prometheus.CounterVec
}

// NewMetrics registers the metrics.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	counter := func(name, help string) *prometheus.CounterVec {
		o := prometheus.CounterOpts{Name: "bellhop_" + name, Help: help}
		return promauto.With(reg).NewCounterVec(o, []string{"result"})
	}
	return &Metrics{
		checks:        counter("connection_checks_total", "Checks of shops' connections, by ok or why Shopify refused."),
		refreshes:     counter("token_refreshes_total", "Tokens asked for anew, by ok or why Shopify refused."),
		subscriptions: counter("subscriptions_created_total", "Missing subscriptions made, by ok or why Shopify refused."),
	}
}

func (m *Metrics) checked(r admin.Refusal) {
	if m != nil {
		m.checks.WithLabelValues(result(r)).Inc()
	}
}

func (m *Metrics) refreshed(err error) {
	if m != nil {
		r := admin.RefusalOf(err)
		if err != nil && r == "" {
			r = "error"
		}
		m.refreshes.WithLabelValues(result(r)).Inc()
	}
}

func (m *Metrics) subscribed(r admin.Refusal) {
	if m != nil {
		m.subscriptions.WithLabelValues(result(r)).Inc()
	}
}

func result(r admin.Refusal) string { return cmp.Or(string(r), "ok") }
