package reconcile

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// Metrics counts what reconcilers do. A nil *Metrics counts nothing.
type Metrics struct {
	requests, points prometheus.Counter
	orders           *prometheus.CounterVec
}

// NewMetrics registers the metrics.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	f := promauto.With(reg)
	return &Metrics{
		requests: f.NewCounter(prometheus.CounterOpts{Name: "bellhop_reconcile_requests_total",
			Help: "Requests to Shopify's Admin API that compared shops."}),
		points: f.NewCounter(prometheus.CounterOpts{Name: "bellhop_reconcile_points_total",
			Help: "Points of the shops' budgets that these requests cost."}),
		orders: f.NewCounterVec(prometheus.CounterOpts{Name: "bellhop_reconcile_orders_total",
			Help: "Orders that were found missing, different or deleted, by the walk that found them."},
			[]string{"walk", "found"}),
	}
}

func (m *Metrics) asked(s spent) {
	if m != nil {
		m.requests.Add(float64(s.requests))
		m.points.Add(float64(s.points))
	}
}

func (m *Metrics) found(walk, kind string) {
	if m != nil {
		m.orders.WithLabelValues(walk, kind).Inc()
	}
}
