package admin_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"bellhop"
	"bellhop/shopify/admin"
)

// idTokenOf is written apart from the code that it tests.
func idTokenOf(key string, header, claims any) string {
	part := func(v any) string {
		raw, err := json.Marshal(v)
		if err != nil {
			panic(err)
		}
		return base64.RawURLEncoding.EncodeToString(raw)
	}
	text := part(header) + "." + part(claims)
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(text))
	return text + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

var hs256 = map[string]any{"alg": "HS256", "typ": "JWT"}

// claimsWith are those of Shopify's, changed; nil takes one away.
func claimsWith(changes map[string]any) map[string]any {
	c := map[string]any{"iss": "https://demo.myshopify.com/admin", "dest": "https://demo.myshopify.com", "aud": clientID,
		"sub": "42", "exp": noon.Add(time.Minute).Unix(), "nbf": noon.Unix(), "iat": noon.Unix(), "jti": "j", "sid": "s"}
	maps.Copy(c, changes)
	maps.DeleteFunc(c, func(_ string, v any) bool { return v == nil })
	return c
}

func TestParseIDToken(t *testing.T) {
	want := admin.IDToken{Shop: domain, Subject: "42", ID: "j", ExpiresAt: noon.Add(time.Minute)}
	for _, key := range []string{secret, previous} {
		got, err := app().ParseIDToken(idTokenOf(key, hs256, claimsWith(nil)))
		if err != nil || !got.ExpiresAt.Equal(want.ExpiresAt) || got.Shop != want.Shop || got.Subject != want.Subject ||
			got.ID != want.ID {
			t.Errorf("got %+v: %v", got, err)
		}
	}
	unix := func(d time.Duration) int64 { return noon.Add(d).Unix() }
	for name, changes := range map[string]map[string]any{
		"no subject":                     {"sub": nil},
		"several audiences":              {"aud": []string{"another", clientID}},
		"over for as long as the leeway": {"exp": unix(-9 * time.Second)},
		"early by the leeway":            {"nbf": unix(10 * time.Second), "iat": unix(10 * time.Second)},
	} {
		if _, err := app().ParseIDToken(idTokenOf(secret, hs256, claimsWith(changes))); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, changes := range map[string]map[string]any{
		"over":                    {"exp": unix(-10 * time.Second)},
		"without an end":          {"exp": nil},
		"an end that is none":     {"exp": "soon"},
		"not valid yet":           {"nbf": unix(11 * time.Second)},
		"of the future":           {"iat": unix(11 * time.Second)},
		"for another app":         {"aud": "another"},
		"for no app":              {"aud": nil},
		"for nobody":              {"aud": ""},
		"of another issuer":       {"iss": "https://other.myshopify.com/admin"},
		"of no issuer":            {"iss": nil},
		"for another shop":        {"dest": "https://other.myshopify.com"},
		"for no shop":             {"dest": nil},
		"for a site":              {"iss": "https://example.com/admin", "dest": "https://example.com"},
		"without TLS":             {"iss": "http://demo.myshopify.com/admin", "dest": "http://demo.myshopify.com"},
		"with a port":             {"iss": "https://demo.myshopify.com:1/admin", "dest": "https://demo.myshopify.com:1"},
		"an address that is none": {"dest": "https://%zz"},
	} {
		got, err := app().ParseIDToken(idTokenOf(secret, hs256, claimsWith(changes)))
		if admin.RefusalOf(err) != admin.InvalidToken || bellhop.KindOf(err) != bellhop.Unauthenticated || got.Shop != "" {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	for name, token := range map[string]string{
		"empty": "", "no token": "a.b.c", "two parts": "a.b", "four parts": idTokenOf(secret, hs256, claimsWith(nil)) + ".x",
		"no algorithm":       idTokenOf(secret, map[string]any{"typ": "JWT"}, claimsWith(nil)),
		"the algorithm none": idTokenOf(secret, map[string]any{"alg": "none"}, claimsWith(nil)),
		"unsigned": strings.TrimRight(idTokenOf(secret, map[string]any{"alg": "none"}, claimsWith(nil)),
			"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"),
		"an algorithm of keys": idTokenOf(secret, map[string]any{"alg": "RS256"}, claimsWith(nil)),
		"another length":       idTokenOf(secret, map[string]any{"alg": "HS512"}, claimsWith(nil)),
		"another secret":       idTokenOf("other", hs256, claimsWith(nil)),
		"no secret":            idTokenOf("", hs256, claimsWith(nil)),
		"null":                 idTokenOf(secret, hs256, nil),
		"huge":                 idTokenOf(secret, hs256, claimsWith(map[string]any{"x": strings.Repeat("x", 9000)})),
	} {
		if got, err := app().ParseIDToken(token); admin.RefusalOf(err) != admin.InvalidToken {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	for name, a := range map[string]*admin.App{"no client id": {Secret: secret, Now: app().Now},
		"no secret": {ClientID: clientID, Now: app().Now}} {
		for _, c := range []map[string]any{nil, {"aud": ""}} {
			if _, err := a.ParseIDToken(idTokenOf(a.Secret, hs256, claimsWith(c))); err == nil {
				t.Errorf("an app with %s takes a token", name)
			}
		}
	}
}

// TestForgedIDTokens makes ten thousand of a token that Shopify signed.
func TestForgedIDTokens(t *testing.T) {
	r := rand.New(rand.NewPCG(19, 2))
	good := idTokenOf(secret, hs256, claimsWith(nil))
	parts := strings.Split(good, ".")
	algorithms := []string{"none", "None", "HS384", "HS512", "RS256", "ES256", "", "hs256"}
	for i := range 10_000 {
		var forged string
		switch r.IntN(5) {
		case 0: // one byte changed
			b := []byte(good)
			at := r.IntN(len(b))
			b[at] ^= 1 << r.IntN(7)
			forged = string(b)
		case 1: // other claims under the old signature
			other := strings.Split(idTokenOf("x", hs256, claimsWith(map[string]any{"jti": fmt.Sprint(i)})), ".")
			forged = parts[0] + "." + other[1] + "." + parts[2]
		case 2: // another algorithm, signed with the client id, which everybody knows
			forged = idTokenOf(clientID, map[string]any{"alg": algorithms[r.IntN(len(algorithms))]}, claimsWith(nil))
		case 3: // cut
			forged = good[:r.IntN(len(good))]
		case 4: // a guessed secret
			forged = idTokenOf(fmt.Sprint("secret", i), hs256, claimsWith(nil))
		}
		if forged == good {
			continue
		}
		if got, err := app().ParseIDToken(forged); err == nil {
			t.Fatalf("forgery %d passes as %+v: %s", i, got, forged)
		}
	}
	if _, err := app().ParseIDToken(good); err != nil {
		t.Error(err)
	}
}

func FuzzParseIDToken(f *testing.F) {
	f.Add(idTokenOf(secret, hs256, claimsWith(nil)))
	f.Add(idTokenOf(secret, hs256, nil))
	f.Add(idTokenOf("other", map[string]any{"alg": "none"}, []int{1}))
	f.Add("..")
	f.Fuzz(func(t *testing.T, token string) {
		if got, err := app().ParseIDToken(token); err == nil && got.Shop != domain {
			t.Errorf("%q passes as %+v", token, got)
		}
	})
}
