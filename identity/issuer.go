package identity

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/sync/singleflight"

	"bellhop"
)

const (
	// patience is how long a request waits for the issuer; the fetch itself may go on.
	patience = 2 * time.Second
	// maxWaiting bounds the requests that wait at once, so that made-up tokens don't take up
	// the server's places while the issuer is slow.
	maxWaiting = 16
	// leeway is how far the issuer's clock may differ from ours.
	leeway = 30 * time.Second
)

// algorithms are all that have a public key. Others, "none" and HMAC above all, would let
// whoever knows the public key sign.
var algorithms = []string{oidc.RS256, oidc.RS384, oidc.RS512, oidc.ES256, oidc.ES384, oidc.ES512,
	oidc.PS256, oidc.PS384, oidc.PS512, oidc.EdDSA}

// issuer verifies the tokens of one issuer.
type issuer struct {
	Setting
	now     func() time.Time
	fetch   *fetcher
	keys    atomic.Pointer[oidc.RemoteKeySet] // nil until the issuer said where they are
	finding singleflight.Group
	waiting atomic.Int32
}

func newIssuer(s Setting, o Options) *issuer {
	return &issuer{Setting: s, now: o.Now, fetch: &fetcher{base: o.HTTP, now: o.Now}}
}

// verify reads a token's claims, if it is the issuer's and meant for us.
func (i *issuer) verify(ctx context.Context, token string, into *map[string]json.RawMessage) error {
	keys, err := i.keySet(ctx)
	if err != nil {
		return away(err)
	}
	// The library's check of the times has no leeway, and the audience may be one of several.
	a := &attempt{issuer: i, keys: keys}
	c := oidc.Config{SupportedSigningAlgs: algorithms, SkipExpiryCheck: true, SkipClientIDCheck: true, Now: i.now}
	t, err := oidc.NewVerifier(i.Issuer, a, &c).Verify(ctx, token)
	switch {
	case a.away != nil:
		return away(a.away)
	case err != nil, !slices.ContainsFunc(t.Audience, i.meant), t.Claims(into) != nil:
		return errToken
	}
	return nil
}

// meant reports whether an audience is one of ours.
func (i *issuer) meant(audience string) bool { return slices.Contains(i.Audiences, audience) }

// keySet returns the issuer's keys. While they are unknown it asks the issuer where they are.
func (i *issuer) keySet(ctx context.Context) (keys *oidc.RemoteKeySet, err error) {
	if keys = i.keys.Load(); keys != nil {
		return keys, nil
	}
	err = i.wait(ctx, func(ctx context.Context) error {
		keys, err = i.find(ctx)
		return err
	})
	return keys, err
}

// find asks the issuer where its keys are, once for all who want to know.
func (i *issuer) find(ctx context.Context) (*oidc.RemoteKeySet, error) {
	found := i.finding.DoChan("", func() (any, error) {
		own := oidc.ClientContext(context.WithoutCancel(ctx), &http.Client{Transport: i.fetch})
		p, err := oidc.NewProvider(own, i.Issuer)
		if err != nil {
			return nil, err
		}
		var said struct {
			Keys string `json:"jwks_uri"`
		}
		if err := p.Claims(&said); err != nil || said.Keys == "" {
			return nil, errors.New("its discovery document has no jwks_uri")
		}
		i.keys.CompareAndSwap(nil, oidc.NewRemoteKeySet(own, said.Keys))
		return i.keys.Load(), nil
	})
	select {
	case r := <-found:
		if r.Err != nil {
			return nil, r.Err
		}
		return r.Val.(*oidc.RemoteKeySet), nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

var errManyWait = errors.New("too many requests wait for the issuer")

// wait runs what waits for the issuer.
func (i *issuer) wait(ctx context.Context, do func(context.Context) error) error {
	defer i.waiting.Add(-1)
	if i.waiting.Add(1) > maxWaiting {
		return errManyWait
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return do(ctx)
}

// ready returns nil if the issuer answered when it was asked last, and asks it otherwise.
func (i *issuer) ready(ctx context.Context) error {
	if i.well() {
		return nil
	}
	_, err := i.find(ctx)
	if err == nil || i.well() {
		return nil
	}
	return &bellhop.Error{Kind: bellhop.Unavailable, Code: "issuer_away",
		Message: fmt.Sprintf("%s does not answer as an issuer of tokens: only keys that are known already count", i.Issuer),
		Cause:   cmp.Or(i.fetch.trouble(), err)}
}

func (i *issuer) well() bool { return i.keys.Load() != nil && i.fetch.trouble() == nil }

// attempt is the keys for one token.
type attempt struct {
	*issuer
	keys *oidc.RemoteKeySet
	away error // why the issuer could not be asked for a key that is unknown here
}

// VerifySignature implements [oidc.KeySet]. Only a token whose key is unknown waits for the issuer.
func (a *attempt) VerifySignature(ctx context.Context, token string) (payload []byte, err error) {
	ended, end := context.WithCancel(ctx)
	end()
	payload, err = a.keys.VerifySignature(ended, token) // the keys it has; it begins to fetch others
	if errors.Is(err, context.Canceled) {
		err = a.wait(ctx, func(ctx context.Context) (err error) {
			payload, err = a.keys.VerifySignature(ctx, token)
			return err
		})
	}
	switch {
	case err == nil:
	case errors.Is(err, errManyWait), errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		a.away = err
	default:
		a.away = a.fetch.trouble()
	}
	return payload, err
}
