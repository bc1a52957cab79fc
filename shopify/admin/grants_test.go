package admin_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"bellhop/shopify/admin"
)

const pair = `{"access_token":"canary-access-token","scope":"read_orders,read_customers","expires_in":3600,` +
	`"refresh_token":"canary-refresh-token","refresh_token_expires_in":7776000}`

type grant func(*admin.App, context.Context) (admin.Tokens, error)

func credentials(a *admin.App, ctx context.Context) (admin.Tokens, error) {
	return a.ClientCredentials(ctx, domain)
}

func code(a *admin.App, ctx context.Context) (admin.Tokens, error) {
	t, _, err := a.ExchangeCode(ctx, domain, "canary-code")
	return t, err
}

func idToken(a *admin.App, ctx context.Context) (admin.Tokens, error) {
	return a.ExchangeIDToken(ctx, domain, "canary-id-token")
}

func migrate(a *admin.App, ctx context.Context) (admin.Tokens, error) {
	return a.Migrate(ctx, domain, "canary-old-token")
}

func renew(a *admin.App, ctx context.Context) (admin.Tokens, error) {
	return a.Refresh(ctx, domain, refresh)
}

func TestGrants(t *testing.T) {
	const exchange = "urn:ietf:params:oauth:grant-type:token-exchange"
	const offline = "urn:shopify:params:oauth:token-type:offline-access-token"
	for name, c := range map[string]struct {
		grant grant
		want  map[string]any
	}{
		"client credentials": {credentials, map[string]any{"grant_type": "client_credentials"}},
		"code":               {code, map[string]any{"code": "canary-code", "expiring": "1"}},
		"ID token": {idToken, map[string]any{"grant_type": exchange, "subject_token": "canary-id-token", "expiring": "1",
			"subject_token_type": "urn:ietf:params:oauth:token-type:id_token", "requested_token_type": offline}},
		"migrate": {migrate, map[string]any{"grant_type": exchange, "subject_token": "canary-old-token", "expiring": "1",
			"subject_token_type": offline, "requested_token_type": offline}},
		"refresh": {renew, map[string]any{"grant_type": "refresh_token", "refresh_token": refresh}},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t, says(200, pair))
			got, err := c.grant(f.app, t.Context())
			if err != nil {
				t.Fatal(err)
			}
			c.want["client_id"], c.want["client_secret"] = clientID, secret
			asked := f.requests[0]
			if asked.path != "/"+domain+"/admin/oauth/access_token" || !maps.Equal(asked.fields, c.want) {
				t.Errorf("it asked %s for %v", asked.path, asked.fields)
			}
			form := asked.contentType == "application/x-www-form-urlencoded"
			if form != (name == "client credentials") || !form && asked.contentType != "application/json" {
				t.Errorf("it asked with %s", asked.contentType)
			}
			if got.Token != token || !slices.Equal(got.Scopes, []string{"read_customers", "read_orders"}) ||
				!got.ExpiresAt.Equal(noon.Add(time.Hour)) {
				t.Errorf("got %+v", got)
			}
			renewable := got.RefreshToken == refresh && got.RefreshExpiresAt.Equal(noon.Add(90*24*time.Hour))
			if name == "client credentials" {
				renewable = got.RefreshToken == "" && got.RefreshExpiresAt.IsZero()
			}
			if !renewable {
				t.Errorf("got %+v", got)
			}
		})
	}
}

// TestRefusedGrants has each answer of Shopify's that is none, and what it means.
func TestRefusedGrants(t *testing.T) {
	const dead = `{"error":"invalid_request","error_description":"This request requires an active refresh_token"}`
	for _, c := range []struct {
		name   string
		grant  grant
		status int
		body   string
		want   admin.Refusal
		tries  int
	}{
		{"a dead refresh token", renew, 401, dead, admin.ReconnectNeeded, 1},
		{"the same as a 400", renew, 400, dead, admin.ReconnectNeeded, 1},
		{"the standard's name for it", renew, 400, `{"error":"invalid_grant"}`, admin.ReconnectNeeded, 1},
		{"a wrong secret", renew, 401, `{"error":"invalid_client"}`, admin.WrongCredentials, 1},
		{"another 401 on refresh", renew, 401, `<html>`, admin.WrongCredentials, 1},
		{"another invalid request", renew, 401, `{"error":"invalid_request"}`, admin.WrongCredentials, 1},
		{"a shop that is gone", renew, 404, `{"errors":"Not Found"}`, admin.ShopGone, 1},
		{"520", renew, 520, `<html>`, admin.Unavailable, 3},
		{"500 with a reason", renew, 500, dead, admin.Unavailable, 3},
		{"503", credentials, 503, ``, admin.Unavailable, 3},
		{"no JSON", renew, 200, `<html>`, admin.Unavailable, 3},
		{"null", renew, 200, `null`, admin.Unavailable, 3},
		{"a list", renew, 200, `[]`, admin.Unavailable, 3},
		{"an unknown reason", renew, 400, `{"error":"canary-reason"}`, admin.Unavailable, 3},
		{"a redirect to nowhere", renew, 302, ``, admin.Unavailable, 3},
		{"a wrong secret at the code", code, 400, `{"error":"invalid_client"}`, admin.WrongCredentials, 1},
		{"an unknown app", code, 400, `{"error":"application_cannot_be_found"}`, admin.WrongCredentials, 1},
		{"a used code", code, 400, `{"error":"invalid_request"}`, admin.ReconnectNeeded, 1},
		{"another organisation", credentials, 400, `{"error":"shop_not_permitted"}`, admin.OtherOrganisation, 1},
		{"not installed", credentials, 400, `{"error":"app_not_installed"}`, admin.AppNotInstalled, 1},
		{"a wrong ID token", idToken, 400, `{"error":"invalid_subject_token"}`, admin.InvalidToken, 1},
		{"a wrong token", migrate, 400, `{"error":"invalid_subject_token"}`, admin.InvalidToken, 1},
		{"the allowlist", renew, 403, `{"errors":"Forbidden"}`, admin.AddressNotAllowed, 1},
		{"frozen", renew, 402, ``, admin.ShopUnavailable, 1},
		{"locked", renew, 423, ``, admin.ShopUnavailable, 1},
		{"too often", renew, 429, ``, admin.Throttled, 1},
		{"a security rejection", renew, 430, ``, admin.Throttled, 1},
		{"no access token", renew, 200, `{"refresh_token":"canary-new"}`, admin.Unavailable, 1},
		{"an empty access token", renew, 200, `{"access_token":"","refresh_token":"canary-new"}`, admin.Unavailable, 1},
		{"no refresh token", renew, 200, `{"access_token":"canary-new","expires_in":3600}`, admin.Unavailable, 1},
		{"an empty refresh token", code, 200, `{"access_token":"canary-new","refresh_token":""}`, admin.Unavailable, 1},
		{"a blank refresh token", code, 200, `{"access_token":"canary-new","refresh_token":" "}`, admin.Unavailable, 1},
		{"null for a token", credentials, 200, `{"access_token":null}`, admin.Unavailable, 1},
		{"a token with a line end", credentials, 200, `{"access_token":"canary\n-new"}`, admin.Unavailable, 1},
		{"a number for a token", credentials, 200, `{"access_token":1}`, admin.Unavailable, 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFake(t, says(c.status, c.body))
			got, err := c.grant(f.app, t.Context())
			if admin.RefusalOf(err) != c.want || len(f.requests) != c.tries || got.Token != "" {
				t.Errorf("after %d requests: %v", len(f.requests), err)
			}
			for _, again := range f.requests {
				if again.body != f.requests[0].body {
					t.Errorf("it asked again for something else: %s", again.body)
				}
			}
			hush(t, err)
		})
	}
}

// TestARefreshIsTriedAgain with the same token, since Shopify may have given a new one that never came.
func TestARefreshIsTriedAgain(t *testing.T) {
	for name, first := range map[string]http.HandlerFunc{"cut off": cut, "520": says(520, "")} {
		f := newFake(t, first, first, says(200, pair))
		got, err := renew(f.app, t.Context())
		if err != nil || got.RefreshToken != refresh || len(f.requests) != 3 || f.requests[2].body != f.requests[0].body {
			t.Errorf("%s: %+v after %d requests: %v", name, got, len(f.requests), err)
		}
		if !slices.Equal(f.waits, []time.Duration{500 * time.Millisecond, 2 * time.Second}) {
			t.Errorf("%s: it waited %v", name, f.waits)
		}
	}
}

func TestAnAnswerIsBounded(t *testing.T) {
	f := newFake(t, says(200, `{"access_token":"canary-new","scope":"`+strings.Repeat("a,", 1<<19)+`"}`))
	if _, err := credentials(f.app, t.Context()); admin.RefusalOf(err) != admin.Unavailable {
		t.Errorf("a megabyte of scopes: %v", err)
	}
}

// TestNoRedirectIsFollowed: a secret never goes to another host.
func TestNoRedirectIsFollowed(t *testing.T) {
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		t.Error("it was sent on to another host")
	}))
	defer other.Close()
	for _, status := range []int{301, 302, 307, 308} {
		f := newFake(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, other.URL, status) })
		f.app.HTTP = other.Client()
		if _, err := renew(f.app, t.Context()); admin.RefusalOf(err) != admin.Unavailable {
			t.Errorf("%d: %v", status, err)
		}
		if _, err := f.app.Shop(domain, token).Info(t.Context()); admin.RefusalOf(err) != admin.Unavailable {
			t.Errorf("%d: %v", status, err)
		}
	}
}

// TestExpiry reads how long tokens are good for, which Shopify has left out before.
func TestExpiry(t *testing.T) {
	for _, c := range []struct {
		field string
		want  time.Duration
	}{
		{`"expires_in":60`, time.Minute}, {`"expires_in":"60"`, time.Minute}, {`"expires_in":59.5`, 59500 * time.Millisecond},
		{`"a":1`, time.Hour}, {`"expires_in":null`, time.Hour}, {`"expires_in":0`, time.Hour},
		{`"expires_in":-5`, time.Hour}, {`"expires_in":"soon"`, time.Hour}, {`"expires_in":{}`, time.Hour},
		{`"expires_in":"NaN"`, time.Hour}, {`"expires_in":1e300`, 366 * 24 * time.Hour},
	} {
		f := newFake(t, says(200, fmt.Sprintf(`{"access_token":"a",%s,"refresh_token":"r"}`, c.field)))
		got, err := renew(f.app, t.Context())
		if err != nil || got.ExpiresAt.Sub(noon) != c.want || got.RefreshExpiresAt.Sub(noon) != 90*24*time.Hour {
			t.Errorf("%s: %v and %v: %v", c.field, got.ExpiresAt, got.RefreshExpiresAt, err)
		}
	}
}

func TestOnlineUser(t *testing.T) {
	f := newFake(t, says(200, `{"access_token":"canary-online","scope":"","expires_in":86399,"associated_user_scope":"",
		"associated_user":{"id":1,"first_name":"Jo","email":"jo@example.com","email_verified":true,"account_owner":true}}`))
	got, err := f.app.OnlineUser(t.Context(), domain, "canary-id-token")
	if err != nil || got != (admin.User{Email: "jo@example.com", Verified: true, AccountOwner: true}) {
		t.Errorf("got %+v: %v", got, err)
	}
	asked := f.requests[0].fields
	if _, expiring := asked["expiring"]; expiring ||
		asked["requested_token_type"] != "urn:shopify:params:oauth:token-type:online-access-token" {
		t.Errorf("it asked for %v", asked)
	}
	for _, body := range []string{`{"access_token":"canary-online"}`, `{"associated_user":{"id":1}}`} {
		f := newFake(t, says(200, body))
		if _, err := f.app.OnlineUser(t.Context(), domain, "canary-id-token"); admin.RefusalOf(err) != admin.Refused {
			t.Errorf("%s: %v", body, err)
		}
	}
}

// roundTrip is a transport that a test makes up.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func silent(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

// TestTimeouts: a Shopify that never answers costs 15 s a try, and is asked three times.
func TestTimeouts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := &admin.App{ClientID: clientID, Secret: secret, HTTP: &http.Client{Transport: roundTrip(silent)}}
		began := time.Now()
		_, err := renew(app, t.Context())
		if took := time.Since(began); admin.RefusalOf(err) != admin.Unavailable ||
			took != 3*15*time.Second+2500*time.Millisecond {
			t.Errorf("after %v: %v", took, err)
		}
		hush(t, err)

		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		began = time.Now()
		_, err = renew(app, ctx)
		if took := time.Since(began); admin.RefusalOf(err) != admin.Unavailable || took != 20*time.Second {
			t.Errorf("with 20 s of time, after %v: %v", took, err)
		}
	})
}

// TestOurOwnEndIsNoRefusal: a process that stops says nothing of the shop.
func TestOurOwnEndIsNoRefusal(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	app := &admin.App{ClientID: clientID, Secret: secret, HTTP: &http.Client{Transport: roundTrip(
		func(r *http.Request) (*http.Response, error) {
			cancel()
			return silent(r)
		})}}
	if _, err := renew(app, ctx); !errors.Is(err, context.Canceled) || admin.RefusalOf(err) != "" {
		t.Errorf("got %v", err)
	}
}

// TestAddressesCarryNoSecret: logs and errors of libraries have them.
func TestAddressesCarryNoSecret(t *testing.T) {
	f := newFake(t, says(200, pair))
	for _, g := range []grant{credentials, code, idToken, migrate, renew} {
		if _, err := g(f.app, t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	_, _ = f.app.Shop(domain, token).Info(t.Context())
	for _, r := range f.requests {
		if strings.Contains(r.path, "canary") {
			t.Errorf("it asked %s", r.path)
		}
	}
	f.Close()
	_, err := renew(f.app, t.Context())
	if admin.RefusalOf(err) != admin.Unavailable {
		t.Errorf("nobody there: %v", err)
	}
	hush(t, err)
}

// A code may be for a visit: then no token is handed on.
func TestCodeOfAVisit(t *testing.T) {
	const user = `"associated_user":{"email":"Olga@example.com","email_verified":true,"account_owner":true}`
	f := newFake(t, says(200, `{"access_token":"canary-online-token","scope":"read_orders","expires_in":86399,`+user+`}`))
	tokens, who, err := f.app.ExchangeCode(t.Context(), domain, "canary-code")
	if err != nil || tokens.Token != "" || who == nil ||
		*who != (admin.User{Email: "Olga@example.com", Verified: true, AccountOwner: true}) {
		t.Errorf("%+v %+v %v", tokens, who, err)
	}
	f = newFake(t, says(200, `{"access_token":"canary-online-token","associated_user":{"id":1}}`))
	if tokens, _, err := f.app.ExchangeCode(t.Context(), domain, "canary-code"); tokens.Token != "" ||
		admin.RefusalOf(err) != admin.Refused {
		t.Errorf("without an address: %+v %v", tokens, err)
	}
}
