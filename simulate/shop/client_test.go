package shop_test

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"bellhop/shopify"
	"bellhop/shopify/admin"
	"bellhop/simulate/shop"
)

const callback = app + "/shopify/callback"

// handled is a client's transport that asks a twin in the same process.
type handled struct{ *rig }

func (h handled) RoundTrip(req *http.Request) (*http.Response, error) {
	w := h.serve(req)
	if w.Code == 0 {
		return nil, io.ErrUnexpectedEOF
	}
	return w.Result(), nil
}

// client is bellhop's own client of the twin. It waits as long as it wants, in a bubble's time.
func (r *rig) client() *admin.App {
	return &admin.App{ClientID: clientID, Secret: secret, Endpoint: "https://twin.example/{shop}",
		HTTP: &http.Client{Transport: handled{r}}}
}

// TestTheClientUnderstandsTheTwin: what bellhop makes of each way in which the twin fails.
func TestTheClientUnderstandsTheTwin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := installed(t)
		app := r.client()
		for _, c := range []struct {
			faults shop.Faults
			api    admin.Refusal // of a query
			grant  admin.Refusal // of client credentials
		}{
			{shop.Faults{}, "", ""},
			{shop.Faults{NoThrottle: true}, "", ""},
			{shop.Faults{Away: 402}, admin.ShopUnavailable, ""},
			{shop.Faults{Away: 423}, admin.ShopUnavailable, ""},
			{shop.Faults{Away: 404}, admin.ShopUnavailable, admin.ShopGone},
			{shop.Faults{NotAllowed: true}, admin.AddressNotAllowed, ""},
			{shop.Faults{Broken: shop.BrokenServer}, admin.Unavailable, ""},
			{shop.Faults{Broken: shop.BrokenUnknown}, admin.Unavailable, ""},
			{shop.Faults{Broken: shop.BrokenHTML}, admin.Unavailable, ""},
			{shop.Faults{Broken: shop.BrokenCut}, admin.Unavailable, ""},
			{shop.Faults{Elsewhere: true}, "", admin.OtherOrganisation},
		} {
			r.must(r.SetFaults(domain, c.faults))
			_, err := app.Shop(domain, r.token).Info(t.Context())
			if admin.RefusalOf(err) != c.api || c.api == "" && err != nil {
				t.Errorf("%+v: a query is refused: %v", c.faults, err)
			}
			got, err := app.ClientCredentials(t.Context(), domain)
			if admin.RefusalOf(err) != c.grant || c.grant == "" && err != nil {
				t.Errorf("%+v: a token is refused: %v", c.faults, err)
			}
			if err == nil {
				r.token = got.Token
			}
		}
		r.must(r.SetFaults(domain, shop.Faults{}))
		if err := r.SetPoints(domain, -300); err != nil { // less than nothing: the client waits for more
			t.Error(err)
		}
		if _, err := app.Shop(domain, r.token).Scopes(t.Context()); err != nil {
			t.Errorf("throttled: %v", err)
		}
		r.must(r.SetFaults(domain, shop.Faults{Protected: shop.ProtectedOrders}))
		err := app.Shop(domain, r.token).Subscribe(t.Context(), "orders/create", hooks)
		if admin.RefusalOf(err) != admin.ProtectedData {
			t.Errorf("protected data: %v", err)
		}
		r.must(r.SetFaults(domain, shop.Faults{MustExpire: true}))
		lasting, err := r.LastingToken(domain)
		r.must(err)
		if _, err := app.Shop(domain, lasting).Scopes(t.Context()); admin.RefusalOf(err) != admin.TokenMustExpire {
			t.Errorf("a token that lasts: %v", err)
		}
		r.must(r.SetScopes(domain, []string{"read_products"}))
		err = app.Shop(domain, r.token).Subscribe(t.Context(), "orders/create", hooks)
		if admin.RefusalOf(err) != admin.ScopeMissing {
			t.Errorf("without a scope: %v", err)
		}
		r.must(r.Uninstall(domain, 0))
		if _, err := app.Shop(domain, r.token).Scopes(t.Context()); admin.RefusalOf(err) != admin.AccessRevoked {
			t.Errorf("uninstalled: %v", err)
		}
		if _, err := app.ClientCredentials(t.Context(), domain); admin.RefusalOf(err) != admin.AppNotInstalled {
			t.Errorf("uninstalled: %v", err)
		}
		app.Secret = "another"
		if _, err := app.Refresh(t.Context(), domain, "x"); admin.RefusalOf(err) != admin.WrongCredentials {
			t.Errorf("another secret: %v", err)
		}
	})
}

// TestTheClientInstalls goes the way of a merchant, and renews what it got, also where answers are lost.
func TestTheClientInstalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		app, ctx := r.client(), t.Context()
		opened, err := r.InstallURL(domain)
		r.must(err)
		verified := func(address string) url.Values {
			t.Helper()
			u, err := url.Parse(address)
			r.must(err)
			of, err := app.VerifyQuery(u.Query())
			host, err2 := admin.ShopOfHost(u.Query().Get("host"))
			if err != nil || err2 != nil || of != domain || host != domain {
				t.Errorf("%s is of %q, its host of %q: %v %v", address, of, host, err, err2)
			}
			return u.Query()
		}
		verified(opened)
		ask, err := url.Parse(app.AuthorizeURL(domain, callback, "state & more", admin.WantedScopes))
		r.must(err)
		back := r.location("POST", ask.RequestURI())
		q := verified(back.String())
		if q.Get("state") != "state & more" {
			t.Errorf("the state is %q", q.Get("state"))
		}
		got, _, err := app.ExchangeCode(ctx, domain, q.Get("code"))
		r.must(err)
		if !slices.Equal(got.Scopes, admin.WantedScopes) || time.Until(got.ExpiresAt) != time.Hour {
			t.Errorf("the tokens are %+v", got)
		}
		if _, _, err := app.ExchangeCode(ctx, domain, q.Get("code")); admin.RefusalOf(err) != admin.ReconnectNeeded {
			t.Errorf("the code again: %v", err)
		}
		r.must(r.SetFaults(domain, shop.Faults{RefreshUnknown: 1, RefreshCut: 1}))
		next, err := app.Refresh(ctx, domain, got.RefreshToken)
		r.must(err)
		info, err := app.Shop(domain, next.Token).Info(ctx)
		if want := (admin.Info{Domain: domain, Name: "Demo", Email: "owner@demo.example", Currency: "USD",
			Timezone: "America/New_York", Plan: "Basic"}); err != nil || info != want {
			t.Errorf("the shop is %+v: %v", info, err)
		}
		if _, err := app.Refresh(ctx, domain, got.RefreshToken); admin.RefusalOf(err) != admin.ReconnectNeeded {
			t.Errorf("a refresh token whose replacement was used: %v", err)
		}
	})
}

// TestTheClientSubscribes to all that bellhop wants.
func TestTheClientSubscribes(t *testing.T) {
	inBubble(t, func(r *rig) {
		ctx := context.Background()
		s := r.client().Shop(domain, r.token)
		for _, topic := range shopify.Wanted() {
			for range 2 { // taken already is success
				if err := s.Subscribe(ctx, topic, hooks); err != nil {
					t.Errorf("%s: %v", topic, err)
				}
			}
		}
		subs, err := s.Subscriptions(ctx)
		if err != nil || len(subs) != len(shopify.Wanted()) || subs[0].APIVersion != "2026-10" {
			t.Errorf("there are %+v: %v", subs, err)
		}
		for _, sub := range subs {
			if !slices.Contains(shopify.Wanted(), sub.Topic) || sub.URI != hooks {
				t.Errorf("there is %+v", sub)
			}
			for range 2 { // gone already, too
				r.must(s.Unsubscribe(ctx, sub.ID))
			}
		}
		err = s.Subscribe(ctx, "orders/create", "http://bellhop.example/")
		if admin.RefusalOf(err) != admin.AddressRefused {
			t.Errorf("an address that Shopify doesn't take: %v", err)
		}
	})
}

// TestTheClientTakesIDTokens that the twin mints.
func TestTheClientTakesIDTokens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		app, ctx := r.client(), t.Context()
		text, err := r.IDToken(domain, "owner")
		r.must(err)
		id, err := app.ParseIDToken(text)
		if err != nil || id.Shop != domain || id.Subject == "" {
			t.Fatalf("the ID token is %+v: %v", id, err)
		}
		user, err := app.OnlineUser(ctx, id.Shop, text)
		if want := (admin.User{Email: "owner@demo.example", Verified: true, AccountOwner: true}); err != nil || user != want {
			t.Errorf("its user is %+v: %v", user, err)
		}
		got, err := app.ExchangeIDToken(ctx, id.Shop, text)
		r.must(err)
		old, err := r.LastingToken(domain)
		r.must(err)
		moved, err := app.Migrate(ctx, domain, old)
		if err != nil || moved.RefreshToken == "" || moved.Token == got.Token {
			t.Errorf("a token that lasts becomes %+v: %v", moved, err)
		}
		if _, err := app.Migrate(ctx, domain, old); admin.RefusalOf(err) != admin.InvalidToken {
			t.Errorf("again: %v", err)
		}
	})
}
