// Package identitytest is an identity provider for tests: its discovery document, its keys, and
// tokens that it signs.
package identitytest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"net/http"
	"net/http/httptest"
	"sync"
	"time"
)

// Claims are those of a token.
type Claims map[string]any

// Issuer is an identity provider. It is a handler, for a server, and a round tripper, for tests
// without one. Its methods may be called at once.
type Issuer struct {
	URL string // its name; where it has a server that server's
	Now func() time.Time

	mu     sync.Mutex
	keys   []Key // the last one signs
	asked  int
	answer http.HandlerFunc // in place of its own
}

// Key is a key that signs tokens.
type Key struct {
	ID        string
	Algorithm string
	Sign      func(text string) []byte
	JWK       map[string]string
}

// New makes an issuer with one key.
func New(url string, now func() time.Time) *Issuer {
	return &Issuer{URL: url, Now: now, keys: []Key{RSAKey("first")}}
}

// Rotate gives the issuer a new key in place of those it has.
func (i *Issuer) Rotate(k Key) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.keys = []Key{k}
}

// Key returns the key that signs.
func (i *Issuer) Key() Key {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.keys[len(i.keys)-1]
}

// Asked counts the requests to the issuer.
func (i *Issuer) Asked() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.asked
}

// Answer lets the issuer answer as h does; nil: as an issuer does.
func (i *Issuer) Answer(h http.HandlerFunc) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.answer = h
}

// ServeHTTP implements [http.Handler].
func (i *Issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	i.asked++
	answer, keys := i.answer, i.keys
	i.mu.Unlock()
	if answer != nil {
		answer(w, r)
		return
	}
	i.Honest(w, r, keys)
}

// Honest answers as an issuer with these keys does.
func (i *Issuer) Honest(w http.ResponseWriter, r *http.Request, keys []Key) {
	switch r.URL.Path {
	case "/.well-known/openid-configuration":
		write(w, map[string]any{"issuer": i.URL, "jwks_uri": i.URL + "/keys",
			"id_token_signing_alg_values_supported": []string{"RS256", "ES256", "HS256", "none"}})
	case "/keys":
		all := []map[string]string{}
		for _, k := range keys {
			all = append(all, k.JWK)
		}
		write(w, map[string]any{"keys": all})
	default:
		http.NotFound(w, r)
	}
}

func write(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // the client is gone if this fails
}

// RoundTrip implements [http.RoundTripper]. An Answer that panics is a connection that breaks.
func (i *Issuer) RoundTrip(r *http.Request) (res *http.Response, err error) {
	defer func() {
		if v := recover(); v != nil {
			res, err = nil, fmt.Errorf("%v", v)
		}
	}()
	w := httptest.NewRecorder()
	i.ServeHTTP(w, r)
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	return w.Result(), nil
}

// Claims are those that a token for an audience and an e-mail address has.
func (i *Issuer) Claims(audience, email string) Claims {
	now := i.Now()
	return Claims{"iss": i.URL, "aud": audience, "sub": "u1", "iat": now.Unix(), "exp": now.Add(time.Hour).Unix(),
		"email": email, "email_verified": true}
}

// Token signs claims with the issuer's key.
func (i *Issuer) Token(c Claims) string { return i.Key().Token(nil, c) }

// Token signs claims. header is added to its own.
func (k Key) Token(header, c Claims) string {
	h := Claims{"alg": k.Algorithm, "kid": k.ID, "typ": "JWT"}
	maps.Copy(h, header)
	text := part(h) + "." + part(c)
	return text + "." + base64.RawURLEncoding.EncodeToString(k.Sign(text))
}

func part(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // the test's own claims
	}
	return base64.RawURLEncoding.EncodeToString(text)
}

// theRSA is made once: that takes a while.
var theRSA = sync.OnceValue(func() *rsa.PrivateKey {
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return k
})

// RSAKey is the one RSA key of a test, for RS256.
func RSAKey(id string) Key {
	k := theRSA()
	return Key{ID: id, Algorithm: "RS256",
		JWK: map[string]string{"kty": "RSA", "kid": id, "alg": "RS256", "use": "sig", "n": number(k.N, 256),
			"e": number(big.NewInt(int64(k.E)), 3)},
		Sign: func(text string) []byte {
			sum := sha256.Sum256([]byte(text))
			signature, err := rsa.SignPKCS1v15(nil, k, crypto.SHA256, sum[:])
			if err != nil {
				panic(err)
			}
			return signature
		}}
}

// ECKey makes a key for ES256.
func ECKey(id string) Key {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	return Key{ID: id, Algorithm: "ES256",
		JWK: map[string]string{"kty": "EC", "crv": "P-256", "kid": id, "use": "sig", "x": number(k.X, 32),
			"y": number(k.Y, 32)},
		Sign: func(text string) []byte {
			sum := sha256.Sum256([]byte(text))
			r, s, err := ecdsa.Sign(rand.Reader, k, sum[:])
			if err != nil {
				panic(err)
			}
			return append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
		}}
}

func number(n *big.Int, size int) string {
	return base64.RawURLEncoding.EncodeToString(n.FillBytes(make([]byte, size)))
}
