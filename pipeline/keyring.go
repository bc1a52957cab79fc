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
// signature is permanent. That there is no secret is not.
func (k *Keyring) checkLate(e *bellhop.Event, signature string) error {
	if !k.Of(e.Shop).Any() {
		return noSecret(nil)
	}
	if err := k.check(e, e.Body, signature); err != nil {
		return bellhop.Invalidf(bellhop.CodeOf(err), "%v", err)
	}
	return nil
}

func noSecret(cause error) error {
	return &bellhop.Error{Kind: bellhop.Internal, Code: "no_secret", Cause: cause,
		Message: "its signature can't be checked here: set BELLHOP_SHOPIFY_SECRET, and BELLHOP_KEY for shops' own secrets"}
}

// freshFor is how long the recorder goes by the secrets that it has read.
const freshFor = 2 * time.Second

// Fresh returns what a [Recorder] gets the secrets by: it reads the shops' anew, but only if it has not done so just
// now. A process that is never asked reads none. Without a keyring it returns nil.
func (k *Keyring) Fresh(now func() time.Time) func(context.Context) (*Keyring, error) {
	if k == nil {
		return nil
	}
	var mu sync.Mutex
	var read time.Time
	return func(ctx context.Context) (*Keyring, error) {
		mu.Lock()
		defer mu.Unlock()
		if at := now(); at.Sub(read) >= freshFor {
			if err := k.Refresh(ctx); err != nil {
				return nil, err
			}
			read = at
		}
		return k, nil
	}
}

// Knows reports whether a shop has been added.
func (k *Keyring) Knows(shop string) bool {
	return k != nil && (*k.known.Load())[shop] != nil
}
