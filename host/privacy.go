package host

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"bellhop"
	"bellhop/pipeline"
	"bellhop/store"
)

// NewPrivacy makes what carries out requests for personal data in this process.
func NewPrivacy(s pipeline.PrivacyStore, q pipeline.PersonalQueue, log *slog.Logger, now func() time.Time,
	probe pipeline.Probe) *pipeline.Privacy {
	machine, _ := os.Hostname() // for people alone
	return &pipeline.Privacy{Store: s, Queues: []pipeline.PersonalQueue{q}, Log: log, Now: now, Probe: probe,
		Process: fmt.Sprintf("%s/%d", machine, os.Getpid())}
}

var requestsDesc = prometheus.NewDesc("bellhop_privacy_oldest_seconds",
	"Age of the oldest open request to give or forget personal data; 0 without one. The law leaves 30 days.", nil, nil)

// openRequests measures how long requests for personal data wait.
func openRequests(s store.Privacy, now func() time.Time) gauges {
	return gauges{[]*prometheus.Desc{requestsDesc}, func(ctx context.Context, g gauge) {
		oldest := now()
		err := store.EachRequest(ctx, s, store.RequestQuery{Open: true}, func(r *bellhop.PrivacyRequest) error {
			if r.ReceivedAt.Before(oldest) {
				oldest = r.ReceivedAt
			}
			return nil
		})
		if err != nil {
			return
		}
		g(requestsDesc, now().Sub(oldest).Seconds())
	}}
}
