package identity_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"bellhop"
	"bellhop/identity"
	"bellhop/identity/identitytest"
)

type claims = identitytest.Claims

const (
	issuerURL = "https://id.example.com"
	audience  = "bellhop"
	jo        = "jo@example.com"
)

// newVerifier is one of an issuer without a network. params are further parameters of its setting.
func newVerifier(t *testing.T, params string) (*identity.Verifier, *identitytest.Issuer) {
	t.Helper()
	i := identitytest.New(issuerURL, time.Now)
	s, err := identity.ParseSettings(issuerURL + "?audience=" + audience + params)
	if err != nil {
		t.Fatal(err)
	}
	return identity.New(s, identity.Options{HTTP: i}), i
}

func verify(v *identity.Verifier, token string) (bellhop.Identity, error) {
	return v.Verify(context.Background(), token)
}

func mustVerify(t *testing.T, v *identity.Verifier, token string) bellhop.Identity {
	t.Helper()
	id, err := verify(v, token)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestTokenOfAPerson(t *testing.T) {
	v, i := newVerifier(t, "")
	c := i.Claims(audience, "Jo@Example.com")
	c["aud"] = []string{"another", audience}
	want := bellhop.Identity{Email: jo, IssuedAt: time.Unix(c["iat"].(int64), 0),
		ExpiresAt: time.Unix(c["exp"].(int64), 0)}
	if d := cmp.Diff(want, mustVerify(t, v, i.Token(c))); d != "" {
		t.Error(d)
	}
	if err := v.Ready(context.Background()); err != nil || i.Asked() != 2 {
		t.Errorf("%v, the issuer was asked %d times", err, i.Asked())
	}
}

func TestShopsOfAToken(t *testing.T) {
	v, i := newVerifier(t, "&shops_claim=shops&role_claim=role")
	owner := func(shops ...string) (all []bellhop.Membership) {
		for _, s := range shops {
			all = append(all, bellhop.Membership{Shop: s, Role: bellhop.RoleOwner})
		}
		return all
	}
	staff := []bellhop.Membership{{Shop: "a.myshopify.com", Role: bellhop.RoleStaff}}
	for _, c := range []struct {
		shops, role any
		want        []bellhop.Membership
		fault       string
	}{
		{nil, "owner", nil, ""},
		{[]string{}, "owner", nil, ""},
		{"a.myshopify.com", nil, staff, ""},
		{"a.myshopify.com", "staff", staff, ""},
		{[]string{"b.myshopify.com", "A.myshopify.com", "a.myshopify.com"}, "owner",
			owner("a.myshopify.com", "b.myshopify.com"), ""},
		{claims{"b.myshopify.com": "owner", "a.myshopify.com": "staff"}, "owner",
			append(staff[:1:1], owner("b.myshopify.com")...), ""},
		{"a.myshopify.com", "operator", nil, `the role "operator"`},
		{claims{"a.myshopify.com": "operator"}, nil, nil, `the role "operator"`},
		{"a.myshopify.com", []string{"owner"}, nil, "not a role"},
		{"example.com", "owner", nil, "NAME.myshopify.com"},
		{7, "owner", nil, "neither a list"},
		{[]any{"a.myshopify.com", 7}, "owner", nil, "neither a list"},
		{manyShops(101), "owner", nil, "more than 100"},
	} {
		token := i.Claims(audience, jo)
		token["shops"] = c.shops
		if c.role != nil {
			token["role"] = c.role
		}
		id, err := verify(v, i.Token(token))
		if c.fault != "" {
			if codeOf(err) != "token_claim" || !strings.Contains(err.Error(), c.fault) {
				t.Errorf("%v %v: %v", c.shops, c.role, err)
			}
			continue
		}
		if d := cmp.Diff(c.want, id.Shops); err != nil || d != "" || !id.Claimed {
			t.Errorf("%v %v: %v\n%s", c.shops, c.role, err, d)
		}
	}
}

func manyShops(n int) (all []string) {
	for k := range n {
		all = append(all, fmt.Sprintf("s%d.myshopify.com", k))
	}
	return all
}

func codeOf(err error) string {
	if e, ok := err.(*bellhop.Error); ok {
		return e.Code
	}
	return ""
}

func TestTimesAndAddressesOfAToken(t *testing.T) {
	v, i := newVerifier(t, "")
	at := func(d time.Duration) int64 { return time.Now().Add(d).Unix() }
	for _, c := range []struct {
		name  string
		value any // nil: without the claim
		code  string
	}{
		{"exp", at(-20 * time.Second), ""}, // the clocks differ
		{"exp", at(-40 * time.Second), "token_expired"},
		{"exp", nil, "token_expired"},
		{"exp", "tomorrow", "unauthenticated"},
		{"exp", -1, "token_expired"},
		{"exp", 1e300, "token_expired"},
		{"nbf", at(20 * time.Second), ""},
		{"nbf", at(40 * time.Second), "token_expired"},
		{"iat", at(20 * time.Second), ""},
		{"iat", at(40 * time.Second), "token_expired"},
		{"iat", nil, ""},
		{"email", nil, "token_claim"},
		{"email", "Jo <jo@example.com>", "token_claim"},
		{"email", []string{jo}, "token_claim"},
		{"email_verified", "true", ""}, // as Cognito writes it
		{"email_verified", false, "token_claim"},
		{"email_verified", nil, "token_claim"},
		{"email_verified", 1, "token_claim"},
	} {
		token := i.Claims(audience, jo)
		if token[c.name] = c.value; c.value == nil {
			delete(token, c.name)
		}
		if _, err := verify(v, i.Token(token)); codeOf(err) != c.code || (err == nil) != (c.code == "") {
			t.Errorf("%s %v: %v", c.name, c.value, err)
		}
	}
}

func TestAddressThatNobodyVerified(t *testing.T) {
	v, i := newVerifier(t, "&unverified_email=accept&email_claim=upn")
	c := i.Claims(audience, "other@example.com")
	delete(c, "email_verified")
	c["upn"] = jo
	if id := mustVerify(t, v, i.Token(c)); id.Email != jo {
		t.Error(id.Email)
	}
	strict, i := newVerifier(t, "&email_claim=upn")
	c = i.Claims(audience, "other@example.com") // verified, and another address
	c["upn"] = jo
	if _, err := verify(strict, i.Token(c)); codeOf(err) != "token_claim" {
		t.Error(err)
	}
}

func TestSeveralIssuers(t *testing.T) {
	one := identitytest.New("https://one.example.com", time.Now)
	two := identitytest.New("https://two.example.com", time.Now)
	two.Rotate(identitytest.ECKey("first")) // the same id, another key
	s, err := identity.ParseSettings(
		"https://one.example.com?audience=a,https://two.example.com?audience=b&operators=accept")
	if err != nil {
		t.Fatal(err)
	}
	v := identity.New(s, identity.Options{HTTP: byHost{"one.example.com": one, "two.example.com": two}})
	if id := mustVerify(t, v, one.Token(one.Claims("a", jo))); id.Operators {
		t.Error("operators of one")
	}
	if id := mustVerify(t, v, two.Token(two.Claims("b", jo))); !id.Operators {
		t.Error("no operators of two")
	}
	for _, token := range []string{
		one.Token(one.Claims("b", jo)), two.Token(two.Claims("a", jo)),
		two.Token(one.Claims("a", jo)), one.Token(two.Claims("b", jo)),
	} {
		if _, err := verify(v, token); codeOf(err) != "unauthenticated" {
			t.Error(err)
		}
	}
}

type byHost map[string]http.RoundTripper

func (b byHost) RoundTrip(r *http.Request) (*http.Response, error) { return b[r.URL.Host].RoundTrip(r) }

// TestKeyRotation takes a new key as soon as it signs, and an old one no more.
func TestKeyRotation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v, i := newVerifier(t, "")
		old := i.Token(i.Claims(audience, jo))
		mustVerify(t, v, old)
		synctest.Wait() // a fetch that has answered is not over yet, and keeps its keys in a moment
		i.Rotate(identitytest.ECKey("second"))
		mustVerify(t, v, old) // nobody has told us
		mustVerify(t, v, i.Token(i.Claims(audience, jo)))
		synctest.Wait()
		if _, err := verify(v, old); codeOf(err) != "unauthenticated" {
			t.Errorf("the old key: %v", err)
		}
	})
}

// TestMadeUpKeysAskTheIssuerSeldom: 4 times at once, 4 times a minute; and the new key is known
// within 15 seconds all the same.
func TestMadeUpKeysAskTheIssuerSeldom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v, i := newVerifier(t, "")
		mustVerify(t, v, i.Token(i.Claims(audience, jo)))
		forger, next := identitytest.ECKey(""), identitytest.ECKey("second")
		flood := func() {
			for n := range 100 {
				if _, err := verify(v, forger.Token(claims{"kid": fmt.Sprint(n)}, i.Claims(audience, jo))); err == nil ||
					codeOf(err) != "unauthenticated" {
					t.Fatal(err)
				}
			}
		}
		flood()
		if n := i.Asked(); n != 4 {
			t.Errorf("asked %d times at once", n)
		}
		i.Rotate(next)
		if _, err := verify(v, i.Token(i.Claims(audience, jo))); codeOf(err) != "unauthenticated" {
			t.Errorf("before the next look: %v", err)
		}
		time.Sleep(15 * time.Second)
		flood()
		mustVerify(t, v, i.Token(i.Claims(audience, jo)))
		for range 60 {
			time.Sleep(time.Second)
			flood()
		}
		if n := i.Asked(); n != 9 {
			t.Errorf("asked %d times in 75 seconds", n)
		}
	})
}

// TestIssuerIsAway: bellhop starts, says so, and recovers; keys that it knows count meanwhile.
func TestIssuerIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v, i := newVerifier(t, "")
		broken := func(http.ResponseWriter, *http.Request) { panic("connection refused") }
		i.Answer(broken)
		token := i.Token(i.Claims(audience, jo))
		for range 10 {
			if _, err := verify(v, token); codeOf(err) != "issuer_away" || bellhop.KindOf(err) != bellhop.Unavailable {
				t.Fatal(err)
			}
		}
		if err := v.Ready(t.Context()); err == nil || !strings.Contains(err.Error(), "connection refused") {
			t.Errorf("ready: %v", err)
		}
		i.Answer(nil)
		time.Sleep(30 * time.Second)
		mustVerify(t, v, token)
		if err := v.Ready(t.Context()); err != nil {
			t.Errorf("ready: %v", err)
		}

		i.Answer(broken)
		time.Sleep(time.Minute)
		mustVerify(t, v, token)
		i.Rotate(identitytest.ECKey("second"))
		newer := i.Token(i.Claims(audience, jo))
		if _, err := verify(v, newer); codeOf(err) != "issuer_away" {
			t.Errorf("an unknown key: %v", err)
		}
		mustVerify(t, v, token)
		if err := v.Ready(t.Context()); err == nil {
			t.Error("ready while it is away")
		}
		i.Answer(nil)
		time.Sleep(time.Minute)
		if err := v.Ready(t.Context()); err != nil {
			t.Errorf("ready: %v", err)
		}
		mustVerify(t, v, newer)
	})
}

// TestSlowIssuerHoldsUpFew: known keys wait for nothing, of the others 16 wait for two seconds.
func TestSlowIssuerHoldsUpFew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v, i := newVerifier(t, "")
		known := i.Token(i.Claims(audience, jo))
		mustVerify(t, v, known)
		synctest.Wait() // a fetch that has answered is not over yet, and whoever joins it gets the keys of before
		i.Answer(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
		i.Rotate(identitytest.ECKey("second"))
		unknown, began := i.Token(i.Claims(audience, jo)), time.Now()
		waited := make(chan time.Duration, 100)
		for range cap(waited) {
			go func() {
				_, err := verify(v, unknown)
				if codeOf(err) != "issuer_away" {
					t.Error(err)
				}
				waited <- time.Since(began)
			}()
		}
		synctest.Wait()
		mustVerify(t, v, known)
		if time.Since(began) != 0 {
			t.Errorf("a known key waited %v", time.Since(began))
		}
		atOnce := 0
		for range cap(waited) {
			switch d := <-waited; d {
			case 0:
				atOnce++
			case 2 * time.Second:
			default:
				t.Errorf("one waited %v", d)
			}
		}
		if atOnce != cap(waited)-16 {
			t.Errorf("%d did not wait", atOnce)
		}
		time.Sleep(time.Minute) // the fetch has ended
	})
}

// TestAnswersThatAreNone: none of them signs anybody in, and all are said to be the issuer's.
func TestAnswersThatAreNone(t *testing.T) {
	discovery := func(text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, text) }
	}
	for name, answer := range map[string]http.HandlerFunc{
		"not JSON":       discovery("<html>"),
		"another issuer": discovery(`{"issuer":"https://evil.example.com","jwks_uri":"https://id.example.com/keys"}`),
		"no keys":        discovery(`{"issuer":"` + issuerURL + `"}`),
		"keys in plain":  discovery(`{"issuer":"` + issuerURL + `","jwks_uri":"http://id.example.com/keys"}`),
		"too large":      discovery(`{"issuer":"` + issuerURL + `","x":"` + strings.Repeat("x", 300<<10) + `"}`),
		"a redirect": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://evil.example.com", http.StatusFound)
		},
		"an error": func(w http.ResponseWriter, r *http.Request) { http.Error(w, "{}", http.StatusInternalServerError) },
	} {
		t.Run(name, func(t *testing.T) {
			v, i := newVerifier(t, "")
			i.Answer(answer)
			if _, err := verify(v, i.Token(i.Claims(audience, jo))); codeOf(err) != "issuer_away" {
				t.Error(err)
			}
		})
	}
}
