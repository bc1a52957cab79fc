package host

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"bellhop"
	"bellhop/queue"
	"bellhop/store"
)

// gauges are measured when Prometheus asks.
type gauges struct {
	all []*prometheus.Desc
	// measure leaves out what it can't measure.
	measure func(context.Context, gauge)
}

type gauge func(d *prometheus.Desc, v float64, labels ...string)

// Describe implements [prometheus.Collector].
func (g gauges) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range g.all {
		ch <- d
	}
}

// Collect implements [prometheus.Collector].
func (g gauges) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeLimit)
	defer cancel()
	g.measure(ctx, func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	})
}

var (
	depthDesc  = prometheus.NewDesc("bellhop_queue_events", "Events in the queue, by state.", []string{"state"}, nil)
	oldestDesc = prometheus.NewDesc("bellhop_queue_oldest_seconds", "Age of the oldest waiting event.", nil, nil)
	notifyDesc = prometheus.NewDesc("bellhop_notify_queue_events",
		"Wake-up messages for push workers, by state.", []string{"state"}, nil)
	waitedDesc = prometheus.NewDesc("bellhop_notify_queue_oldest_seconds",
		"Age of the oldest waiting wake-up message.", nil, nil)
	ledgerDesc  = prometheus.NewDesc("bellhop_ledger_events", "All events so far, by outcome.", []string{"outcome"}, nil)
	pushesDesc  = prometheus.NewDesc("bellhop_pushes", "All pushes so far, by status.", []string{"status"}, nil)
	lateDesc    = prometheus.NewDesc("bellhop_pushes_oldest_seconds", "How late the oldest owed push is.", nil, nil)
	scrapeLimit = 5 * time.Second
)

// depths measures what waits in each queue and in the outbox; notify is nil where there is none.
func depths(work, notify queue.Queue, s store.Store, now func() time.Time) gauges {
	all := []*prometheus.Desc{depthDesc, oldestDesc, ledgerDesc, pushesDesc, lateDesc}
	if notify != nil {
		all = append(all, notifyDesc, waitedDesc)
	}
	return gauges{all, func(ctx context.Context, g gauge) {
		depth := func(q queue.Queue, events, oldest *prometheus.Desc) {
			if d, err := q.Depth(ctx); err == nil {
				g(events, float64(d.Waiting), "waiting")
				g(events, float64(d.Leased), "leased")
				g(events, float64(d.Dead), "dead")
				g(oldest, d.Oldest.Seconds())
			}
		}
		depth(work, depthDesc, oldestDesc)
		if notify != nil {
			depth(notify, notifyDesc, waitedDesc)
		}
		if totals, err := s.Totals(ctx); err == nil {
			for _, outcome := range bellhop.Outcomes() {
				g(ledgerDesc, float64(totals[outcome]), string(outcome))
			}
		}
		if counts, err := s.PushCounts(ctx); err == nil {
			for status, n := range counts {
				g(pushesDesc, float64(n), string(status))
			}
		}
		if since, err := s.OldestOwed(ctx); err == nil {
			late := 0.0
			if !since.IsZero() {
				late = max(0, now().Sub(since).Seconds())
			}
			g(lateDesc, late)
		}
	}}
}
