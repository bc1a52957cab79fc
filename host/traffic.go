package host

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"bellhop/internal/wait"
	"bellhop/store"
)

// TrafficDays is how many days count for the busiest second.
const TrafficDays = 7

// trafficStep is how much of the ledger one query reads, so that nobody waits for it.
const trafficStep = time.Hour

// LookBack finds the busiest second of the last [TrafficDays].
func LookBack(ctx context.Context, l store.Statistics, now time.Time) (store.Busiest, error) {
	t := traffic{ledger: l}
	err := t.update(ctx, now)
	return t.sum(), err
}

// traffic keeps how busy it was, hour by hour.
type traffic struct {
	ledger store.Statistics
	holds  float64 // webhooks a second that this machine was measured to hold; 0 when not known

	mu      sync.Mutex
	hours   map[int64]store.Busiest // by their number since 1970
	updated int64                   // the hour of the last update; 0 for never
}

// update counts the hours that may have changed: those since the last update, and the
// one before, whose last events may have waited in the queue.
func (t *traffic) update(ctx context.Context, now time.Time) error {
	current := now.Unix() / int64(trafficStep/time.Second)
	oldest := current - TrafficDays*24 + 1
	for hour := oldest; hour <= current; hour++ {
		t.mu.Lock()
		_, there := t.hours[hour]
		t.mu.Unlock()
		if there && hour < t.updated-1 {
			continue
		}
		from := time.Unix(hour*int64(trafficStep/time.Second), 0)
		b, err := t.ledger.Busiest(ctx, from, from.Add(trafficStep))
		if err != nil {
			return err
		}
		t.mu.Lock()
		if t.hours == nil {
			t.hours = map[int64]store.Busiest{}
		}
		t.hours[hour] = b
		t.mu.Unlock()
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for hour := range t.hours {
		if hour < oldest {
			delete(t.hours, hour)
		}
	}
	t.updated = current
	return nil
}

func (t *traffic) sum() (all store.Busiest) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, b := range t.hours {
		all.Add(b)
	}
	return all
}

// trafficEvery is how soon a busy second shows.
const trafficEvery = time.Minute

// run updates until ctx is done.
func (t *traffic) run(ctx context.Context, now func() time.Time, log *slog.Logger) error {
	update := func() {
		if err := t.update(ctx, now()); err != nil && ctx.Err() == nil {
			log.Error("count the traffic of the last days", "err", err)
		}
	}
	update()
	wait.Every(ctx, trafficEvery, update)
	return nil
}

var (
	busiestDesc = prometheus.NewDesc("bellhop_busiest_second_webhooks",
		"Webhooks in the busiest second of the last 7 days.", nil, nil)
	capacityDesc = prometheus.NewDesc("bellhop_capacity_webhooks_per_second",
		"Webhooks a second that this machine held when measured (BELLHOP_CAPACITY).", nil, nil)
)

func (t *traffic) gauges() gauges {
	return gauges{[]*prometheus.Desc{busiestDesc, capacityDesc}, func(_ context.Context, g gauge) {
		t.mu.Lock()
		known := t.updated != 0
		t.mu.Unlock()
		if known {
			g(busiestDesc, float64(t.sum().Second))
		}
		if t.holds > 0 {
			g(capacityDesc, t.holds)
		}
	}}
}
