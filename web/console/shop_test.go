package console_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"bellhop"
	"bellhop/simulate/shop"
	"bellhop/store"
	"bellhop/web/webtest"
)

// connected is a rig whose shop demo is connected to Shopify.
func connected(t *testing.T) (*rig, *webtest.Shopify) {
	t.Helper()
	s := &webtest.Shopify{TB: t}
	r := newRig(t, s.Connect)
	must(t, s.Install(demo))
	_, err := s.Connector.ClientCredentials(t.Context(), demo)
	must(t, err)
	return r, s
}

// put is a connection in a state that a test is about.
func (r *rig) put(change func(*bellhop.Connection)) {
	r.Helper()
	c := bellhop.Connection{Shop: demo, Grant: bellhop.GrantAuthorizationCode, ConnectedAt: day, Token: "shpat_secret",
		RefreshToken: "shprt_secret", ExpiresAt: day.Add(2 * time.Hour), RefreshExpiresAt: day.Add(90 * 24 * time.Hour),
		Scopes: []string{"read_orders"}, Access: bellhop.AccessGood, Since: day, CheckedAt: day,
		Subscriptions: []bellhop.Subscription{{Topic: "orders/create", There: true},
			{Topic: "orders/paid", Refusal: "protected_data"}, {Topic: "orders/updated"}}}
	change(&c)
	must(r, r.DB.PutConnection(context.Background(), c))
}

func (r *rig) shows(a reply, all ...string) {
	r.Helper()
	for _, want := range all {
		if !strings.Contains(a.Body, want) {
			r.Errorf("%d lacks %q: %s", a.StatusCode, want, a.Body)
		}
	}
}

func TestShopPage(t *testing.T) {
	r := newRig(t)
	r.shows(r.Get("/shop", ownerSession), "Not connected")
	r.put(func(*bellhop.Connection) {})
	now := r.Clock.Now()
	must(t, r.DB.AddRefusals(t.Context(), []store.Refusal{{Shop: demo, Reason: "unauthenticated", Count: 3, At: now},
		{Shop: demo, Reason: "too_large", Count: 9, At: now}}, now))
	page := r.Get("/shop", ownerSession)
	strictPage(t, page)
	r.shows(page, "Connected", "by installing the app", "read_customers", "orders/create", "Subscribed", "Missing",
		"not approved for protected customer data", "3 webhooks in the last hour", "waiting for the first order",
		"bellhop renews it")
	if strings.Contains(page.Body, "secret") {
		t.Error("the page shows a token")
	}
	r.Order(demo, 0)
	page = r.Get("/shop", ownerSession)
	r.shows(page, "Newest order", `href="/orders/`+orderID(0))
	if strings.Contains(page.Body, "waiting for the first order") {
		t.Error("it waits for an order that is there")
	}
	// The last two hours had no other event.
	r.Clock.Add(2 * time.Hour)
	r.shows(r.Get("/shop", ownerSession), "Since Nov 22, 2026")
	r.shows(r.Get("/shop?shop="+demo, operatorSession), "orders/create", "Missing permissions")
	list := r.Get("/shops", operatorSession)
	r.shows(list, `href="/shop?shop=`+demo, "1 of 3 · orders/paid · orders/updated", "Not connected",
		"Missing permissions")
}

func TestCheckNow(t *testing.T) {
	r, s := connected(t)
	if a := r.Get("/shop", ownerSession); !strings.Contains(a.Body, `action="/shop/check"`) {
		t.Error(a.Body)
	}
	must(t, s.DropSubscriptions(demo, "orders/create"))
	check := func(session string) string {
		t.Helper()
		a := r.Post("/shop/check?shop="+demo, session, url.Values{"back": {"/shop?shop=" + demo}})
		return r.goOn(a, session).Body
	}
	if page := check(operatorSession); !strings.Contains(page, "everything is in order") {
		t.Error(page)
	}
	subscriptions, err := s.Subscriptions(demo)
	must(t, err)
	found := false
	for _, one := range subscriptions {
		found = found || one.Topic == "orders/create"
	}
	if !found {
		t.Errorf("the subscription is not back: %v", subscriptions)
	}
	must(t, s.SetFaults(demo, shop.Faults{NotAllowed: true}))
	page := check(ownerSession)
	if !strings.Contains(page, "something is wrong") || !strings.Contains(page, "IP allowlist") {
		t.Error(page)
	}
	for range 10 {
		if page := check(ownerSession); strings.Contains(page, "a moment ago") {
			return
		}
	}
	t.Error("nobody limits it")
}

// Without an app of its own this bellhop can check nothing.
func TestCheckWithoutAnApp(t *testing.T) {
	r := newRig(t)
	r.put(func(*bellhop.Connection) {})
	if a := r.Get("/shop", ownerSession); strings.Contains(a.Body, "/shop/check") {
		t.Error("a button that does nothing")
	}
	if a := r.Post("/shop/check", ownerSession, nil); a.StatusCode != http.StatusNotFound {
		t.Errorf("%d", a.StatusCode)
	}
}

// Each page of an owner whose shop's access is gone says so.
func TestLostAccessOnEachPage(t *testing.T) {
	r, _ := connected(t)
	r.Order(demo, 0)
	pages := []string{"/", "/orders/" + orderID(0), "/pushes", "/devices", "/settings", "/shop"}
	notice := func(want string) {
		t.Helper()
		for _, path := range pages {
			if a := r.Get(path, ownerSession); strings.Contains(a.Body, `class="lost"`) != (want != "") ||
				!strings.Contains(a.Body, want) {
				t.Errorf("%s does not say %q: %d %s", path, want, a.StatusCode, a.Body)
			}
		}
	}
	notice("")
	r.put(func(c *bellhop.Connection) { c.Access, c.Reason = bellhop.AccessRefused, "throttled" })
	notice("")
	r.put(func(c *bellhop.Connection) { c.Access, c.Reason, c.Token = bellhop.AccessLost, "access_revoked", "" })
	notice(`<a href="/shopify/install">Connect again</a>`)
	r.shows(r.Get("/shop", ownerSession), "no longer accepts", "none any more")
	r.put(func(c *bellhop.Connection) {
		c.Grant, c.Access, c.Reason = bellhop.GrantToken, bellhop.AccessLost, "access_revoked"
	})
	notice(`<a href="/shop">See why</a>`)
	r.shows(r.Get("/shop", ownerSession), "bellhop shop connect "+demo+" --token-stdin")
	if a := r.Get("/", otherSession); strings.Contains(a.Body, `class="lost"`) {
		t.Error("another shop's owner sees it")
	}
	if a := r.Get("/?shop="+demo, operatorSession); strings.Contains(a.Body, `class="lost"`) {
		t.Error("an operator sees it: the page of shops says so")
	}
}
