package host

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"

	"bellhop"
	"bellhop/connect"
	"bellhop/store"
)

var (
	connectionsDesc = prometheus.NewDesc("bellhop_connections", "Shops connected by Shopify's Admin API, by access.",
		[]string{"access"}, nil)
	missingDesc = prometheus.NewDesc("bellhop_subscriptions_missing",
		"Wanted webhook subscriptions that Shopify does not have, of all connected shops. Alarm on it.", nil, nil)
)

// connections measures how the shops are connected.
func connections(s store.Connections) gauges {
	return gauges{[]*prometheus.Desc{connectionsDesc, missingDesc}, func(ctx context.Context, g gauge) {
		all, err := s.Connections(ctx)
		if err != nil {
			return
		}
		missing, counts := 0, map[bellhop.AccessState]int{bellhop.AccessGood: 0, bellhop.AccessRefused: 0,
			bellhop.AccessLost: 0, bellhop.AccessUninstalled: 0}
		for _, c := range all {
			counts[c.Access]++
			missing += connect.Missing(c.Subscriptions)
		}
		for access, n := range counts {
			g(connectionsDesc, float64(n), string(access))
		}
		g(missingDesc, float64(missing))
	}}
}
