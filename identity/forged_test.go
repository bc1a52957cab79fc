package identity_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"

	"bellhop"
	"bellhop/identity/identitytest"
)

// TestForgedTokens refuses 10,000 tokens of twenty kinds, without asking the issuer more often than
// for a single one.
func TestForgedTokens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v, i := newVerifier(t, "")
		mustVerify(t, v, i.Token(i.Claims(audience, jo)))
		forge := forgeries(i)
		for n := range 10_000 {
			token := forge[n%len(forge)](n)
			if id, err := verify(v, token); bellhop.KindOf(err) != bellhop.Unauthenticated || id.Email != "" {
				t.Fatalf("kind %d signs %s in: %v\n%s", n%len(forge), id.Email, err, token)
			}
		}
		mustVerify(t, v, i.Token(i.Claims(audience, jo)))
		if n := i.Asked(); n > 4 {
			t.Errorf("the issuer was asked %d times", n)
		}
	})
}

func forgeries(i *identitytest.Issuer) []func(n int) string {
	forger, right := identitytest.ECKey(i.Key().ID), i.Key()
	secret := func(alg, secret string) identitytest.Key {
		return identitytest.Key{ID: right.ID, Algorithm: alg, Sign: func(text string) []byte {
			m := hmac.New(sha256.New, []byte(secret))
			m.Write([]byte(text))
			return m.Sum(nil)
		}}
	}
	nothing := identitytest.Key{ID: right.ID, Algorithm: "none", Sign: func(string) []byte { return nil }}
	good := func(change ...any) claims {
		c := i.Claims(audience, jo)
		for n := 0; n < len(change); n += 2 {
			c[change[n].(string)] = change[n+1]
		}
		return c
	}
	signed := right.Token(nil, good())
	parts := strings.Split(signed, ".")
	jwk := forger.JWK
	return []func(n int) string{
		func(int) string { return forger.Token(nil, good()) },
		func(n int) string { return forger.Token(claims{"kid": fmt.Sprint(n)}, good()) },
		func(int) string { return forger.Token(claims{"kid": ""}, good()) },
		func(int) string { return forger.Token(claims{"jwk": jwk}, good()) },
		func(int) string { return forger.Token(claims{"jku": "https://evil.example.com/keys"}, good()) },
		func(int) string { return forger.Token(claims{"alg": "RS256"}, good()) },
		func(int) string { return nothing.Token(nil, good()) },
		func(int) string { return nothing.Token(claims{"alg": "None"}, good()) },
		func(int) string { return nothing.Token(claims{"alg": "RS256"}, good()) },
		func(int) string { return secret("HS256", right.JWK["n"]).Token(nil, good()) },
		func(int) string { return secret("HS512", "").Token(nil, good()) },
		func(int) string { return right.Token(claims{"crit": []string{"exp"}}, good()) },
		func(int) string { return right.Token(nil, good("iss", "https://evil.example.com")) },
		func(int) string { return right.Token(nil, good("iss", issuerURL+"/")) },
		func(int) string { return right.Token(nil, good("aud", "another")) },
		func(int) string { return right.Token(nil, good("aud", []string{})) },
		func(int) string { return right.Token(nil, good("exp", 1)) },
		func(n int) string { // another person's payload
			other := strings.Split(forger.Token(nil, good("email", fmt.Sprintf("p%d@example.com", n))), ".")
			return parts[0] + "." + other[1] + "." + parts[2]
		},
		func(int) string { return parts[0] + "." + parts[1] + "." },
		func(int) string { return signed + "." + parts[2] },
		func(n int) string { return signed[:n%len(signed)] },
		func(int) string { return signed + strings.Repeat("A", 9<<10) },
		func(n int) string { // one bit of the signature
			raw, _ := base64.RawURLEncoding.DecodeString(parts[2])
			raw[n%len(raw)] ^= 1 << rand.N(8)
			return parts[0] + "." + parts[1] + "." + base64.RawURLEncoding.EncodeToString(raw)
		},
	}
}
