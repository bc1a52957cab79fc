package host

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"bellhop"
	"bellhop/queue"
	"bellhop/store"
)

// depths measures what waits in each queue when Prometheus asks.
type depths struct {
	queue  queue.Queue
	notify queue.Queue // nil where there is none
	store  store.Store
}

var (
	depthDesc  = prometheus.NewDesc("bellhop_queue_events", "Events in the queue, by state.", []string{"state"}, nil)
	oldestDesc = prometheus.NewDesc("bellhop_queue_oldest_seconds", "Age of the oldest waiting event.", nil, nil)
	notifyDesc = prometheus.NewDesc("bellhop_notify_queue_events",
		"Wake-up messages for push workers, by state.", []string{"state"}, nil)
	waitedDesc = prometheus.NewDesc("bellhop_notify_queue_oldest_seconds",
		"Age of the oldest waiting wake-up message.", nil, nil)
	ledgerDesc = prometheus.NewDesc("bellhop_ledger_events", "All events so far, by outcome.",
		[]string{"outcome"}, nil)
	pushesDesc  = prometheus.NewDesc("bellhop_pushes", "All pushes so far, by status.", []string{"status"}, nil)
	scrapeLimit = 5 * time.Second
)

// Describe implements [prometheus.Collector].
func (d *depths) Describe(ch chan<- *prometheus.Desc) {
	ch <- depthDesc
	ch <- oldestDesc
	if d.notify != nil {
		ch <- notifyDesc
		ch <- waitedDesc
	}
	ch <- ledgerDesc
	ch <- pushesDesc
}

// Collect implements [prometheus.Collector]. It leaves out what it can't measure.
func (d *depths) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeLimit)
	defer cancel()
	gauge := func(desc *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, v, labels...)
	}
	depth := func(q queue.Queue, events, oldest *prometheus.Desc) {
		if d, err := q.Depth(ctx); err == nil {
			gauge(events, float64(d.Waiting), "waiting")
			gauge(events, float64(d.Leased), "leased")
			gauge(events, float64(d.Dead), "dead")
			gauge(oldest, d.Oldest.Seconds())
		}
	}
	depth(d.queue, depthDesc, oldestDesc)
	if d.notify != nil {
		depth(d.notify, notifyDesc, waitedDesc)
	}
	if totals, err := d.store.Totals(ctx); err == nil {
		for _, outcome := range bellhop.Outcomes() {
			gauge(ledgerDesc, float64(totals[outcome]), string(outcome))
		}
	}
	if counts, err := d.store.PushCounts(ctx); err == nil {
		for status, n := range counts {
			gauge(pushesDesc, float64(n), string(status))
		}
	}
}
