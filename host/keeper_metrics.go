package host

import (
	"cmp"
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"bellhop"
	"bellhop/connect"
	"bellhop/reconcile"
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

var (
	missingOrdersDesc = prometheus.NewDesc("bellhop_orders_missing",
		"Orders that Shopify has, that bellhop knows of and that are not recorded yet. Alarm on it if it stays above 0.",
		nil, nil)
	checkedDesc = prometheus.NewDesc("bellhop_reconcile_checked_seconds",
		"Since the connected shop that was compared with Shopify longest ago was. Alarm above an hour.", nil, nil)
)

// comparisons measures how far the shops are compared with Shopify. A shop that nobody can compare, since its app was
// removed or an operator disabled it, counts for neither.
func comparisons(s store.Reconciling, now func() time.Time) gauges {
	return gauges{[]*prometheus.Desc{missingOrdersDesc, checkedDesc}, func(ctx context.Context, g gauge) {
		all, err := s.Reconciliations(ctx, time.Time{}, 1)
		if err != nil {
			return
		}
		oldest, missing := now(), 0
		for i := range all {
			r := &all[i]
			if r.Reason == reconcile.ReasonUninstalled || r.Reason == reconcile.ReasonShopDisabled {
				continue
			}
			missing += r.Missing()
			if at := cmp.Or(r.CheckedAt, r.From); !at.IsZero() && at.Before(oldest) {
				oldest = at
			}
		}
		g(missingOrdersDesc, float64(missing))
		g(checkedDesc, now().Sub(oldest).Seconds())
	}}
}
