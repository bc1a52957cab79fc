package pipeline

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

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

var errSignature = bellhop.Errorf(bellhop.Unauthenticated, "signature", "the signature is missing or wrong")

// check names the secret that signed a body of an event's shop, whichever way it came in.
func (k *Keyring) check(e *bellhop.Event, body []byte, signature string) error {
	signer, ok := k.Of(e.Shop).Verify(body, signature)
	if !ok {
		return errSignature
	}
	e.SignedBy = signer
	return nil
}

// checkLate checks an event that somebody else put into the queue. Nobody waits for an answer any more: so a wrong
// signature is permanent. That there is no secret is not, unless the shop may be made up.
func (k *Keyring) checkLate(e *bellhop.Event, signature string) error {
	err := noSecret(nil)
	if k.Of(e.Shop).Any() {
		err = k.check(e, e.Body, signature)
	} else if k.Knows(e.Shop) {
		return err
	}
	if err != nil {
		return bellhop.Invalidf(bellhop.CodeOf(err), "%v", err)
	}
	return nil
}

func noSecret(cause error) error {
	return &bellhop.Error{Kind: bellhop.Internal, Code: "no_secret", Cause: cause,
		Message: "its signature can't be checked here: set BELLHOP_SHOPIFY_SECRET, and BELLHOP_KEY for shops' own secrets"}
}

// keepKeys is how long the recorder goes by the secrets that it has read, as long as they fit: reading those of all
// shops costs.
const keepKeys = time.Minute

// KeysSince returns secrets that were read at a time or later; at the zero time any of the last minute.
type KeysSince func(context.Context, time.Time) (*Keyring, error)

// KeepKeys keeps the secrets that read returns. A process that is never asked reads none.
func KeepKeys(now func() time.Time, read func(context.Context) (*Keyring, error)) KeysSince {
	var mu sync.Mutex
	var keys *Keyring
	var begun time.Time
	return func(ctx context.Context, since time.Time) (*Keyring, error) {
		mu.Lock()
		defer mu.Unlock()
		at := now()
		if keys != nil && at.Sub(begun) < keepKeys && !begun.Before(since) {
			return keys, nil
		}
		fresh, err := read(ctx)
		if err != nil {
			return nil, err
		}
		keys, begun = fresh, at
		return keys, nil
	}
}

// Keep returns what a [Recorder] gets the secrets by: the keyring, read anew as [KeepKeys] says. Without a keyring it
// returns nil.
func (k *Keyring) Keep(now func() time.Time) KeysSince {
	if k == nil {
		return nil
	}
	return KeepKeys(now, func(ctx context.Context) (*Keyring, error) { return k, k.Refresh(ctx) })
}

// Knows reports whether a shop has been added.
func (k *Keyring) Knows(shop string) bool {
	return k != nil && (*k.known.Load())[shop] != nil
}
