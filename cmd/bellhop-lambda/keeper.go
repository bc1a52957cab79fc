package main

import (
	"context"
	"crypto/rand"
	"time"

	"bellhop/connect"
	"bellhop/host"
	"bellhop/store"
)

// keepers makes the keeper of sweep. It makes another one every few minutes: the app's secret may have changed.
type keepers struct {
	*parts
	last *host.Keeper
	made time.Time
	of   store.Store
}

const keeperAge = 5 * time.Minute

func (k *keepers) keeper(ctx context.Context, open store.Store) (*host.Keeper, error) {
	if k.last != nil && k.of == open && k.now().Sub(k.made) < keeperAge {
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
	k.last, k.made, k.of = host.NewKeeper(&connect.Connector{App: app, Store: open, URL: base, Holder: rand.Text(),
		Now: k.now, Log: k.log}), k.now(), open
	return k.last, nil
}
