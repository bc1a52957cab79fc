package main

import (
	"context"
	"crypto/rand"
	"time"

	"bellhop/connect"
	"bellhop/host"
	"bellhop/host/lambdahost"
	"bellhop/reconcile"
	"bellhop/store"
	"bellhop/wire"
)

// keepers makes the keepers of sweep. It makes others every few minutes: the app's secret may have changed.
type keepers struct {
	*parts
	queue reconcile.Queue
	last  []lambdahost.Keeper
	made  time.Time
	store store.Store
}

const (
	keeperAge = 5 * time.Minute
	// compareFor is a shop's turn: a sweep has less than a minute.
	compareFor = 10 * time.Second
)

func (k *keepers) of(ctx context.Context, open store.Store) ([]lambdahost.Keeper, error) {
	if k.last != nil && k.store == open && k.now().Sub(k.made) < keeperAge {
		return k.last, nil
	}
	c := k.settings.Config
	current, previous, err := k.shopifySecret(ctx)
	if err != nil {
		return nil, err
	}
	if c.ShopifySecret = current; previous != "" {
		c.ShopifySecret += "," + previous
	}
	app, err := c.App()
	if err != nil {
		return nil, err
	}
	base, err := c.BaseURL()
	if err != nil {
		return nil, err
	}
	app.HTTP, app.Now = clientOver(k.dial()), k.now
	source, _ := c.EventSource()
	connector := &connect.Connector{App: app, Store: open, URL: base, Source: source, Holder: rand.Text(), Now: k.now,
		Log: k.log}
	k.last, k.made, k.store = []lambdahost.Keeper{host.NewKeeper(connector), host.NewComparer(&reconcile.Reconciler{
		Connector: connector, Store: open, Queue: k.queue, Key: wire.SigningKey(open), Step: compareFor})}, k.now(), open
	return k.last, nil
}
