package pipeline

import (
	"context"
	"fmt"
	"sync/atomic"

	"bellhop"
	"bellhop/shopify"
	"bellhop/store"
)

// Keyring holds the secrets of each shop's webhooks in memory, so that a flood of
// webhooks, forged or not, asks nothing of the database. [Keyring.Refresh] brings
// it up to date.
type Keyring struct {
	shops store.Shops
	app   shopify.Keys // of shops without a secret of their own
	known atomic.Pointer[map[string]*shopify.Keys]
}

// NewKeyring takes the app's secret, and the one before it while rotating; both may
// be "". Without shops, as where there is no database to ask, Refresh does nothing.
func NewKeyring(shops store.Shops, app, appPrevious string) *Keyring {
	k := &Keyring{shops: shops, app: shopify.Keys{App: secret(app), AppPrevious: secret(appPrevious)}}
	k.known.Store(&map[string]*shopify.Keys{})
	return k
}

func secret(text string) *shopify.Secret {
	if text == "" {
		return nil
	}
	return shopify.NewSecret(text)
}

// Refresh reads the shops' secrets anew.
func (k *Keyring) Refresh(ctx context.Context) error {
	if k.shops == nil {
		return nil
	}
	shops, err := k.shops.Shops(ctx)
	if err != nil {
		return fmt.Errorf("read the shops' secrets: %w", err)
	}
	k.Set(shops)
	return nil
}

// Set makes these the known shops, as Refresh does where there is a database.
func (k *Keyring) Set(shops []bellhop.Shop) {
	known := make(map[string]*shopify.Keys)
	for _, s := range shops {
		known[s.Domain] = &k.app
		if s.Secret != "" || s.OwnSecretOnly {
			known[s.Domain] = k.keys(s)
		}
	}
	k.known.Store(&known)
}

func (k *Keyring) keys(s bellhop.Shop) *shopify.Keys {
	return &shopify.Keys{
		Shop: secret(s.Secret), ShopPrevious: secret(s.PreviousSecret),
		App: k.app.App, AppPrevious: k.app.AppPrevious, OwnOnly: s.OwnSecretOnly,
	}
}

// Of returns the secrets for a shop, added or not.
func (k *Keyring) Of(shop string) *shopify.Keys {
	if keys := (*k.known.Load())[shop]; keys != nil {
		return keys
	}
	return &k.app
}

// Knows reports whether a shop has been added.
func (k *Keyring) Knows(shop string) bool {
	return k != nil && (*k.known.Load())[shop] != nil
}
