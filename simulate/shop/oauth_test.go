package shop_test

import (
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"bellhop/simulate/shop"
)

const authorizePath = "/" + domain + "/admin/oauth/authorize"

// wanted is what bellhop asks a merchant for.
func wanted() url.Values {
	return url.Values{"client_id": {clientID}, "scope": {"read_orders,read_customers"}, "state": {"a state & more"},
		"redirect_uri": {app + "/shopify/callback"}, "grant_options[]": {""}}
}

// location is where an answer leads.
func (r *rig) location(method, path string) *url.URL {
	r.t.Helper()
	w := r.do(method, path, "", "")
	if w.Code != 302 {
		r.t.Fatalf("%s %s: %d %s", method, path, w.Code, w.Body)
	}
	u, err := url.Parse(w.Header().Get("Location"))
	r.must(err)
	return u
}

// signed checks Shopify's signature of a query, and the shop and the time in it.
func (r *rig) signed(q url.Values) {
	r.t.Helper()
	mac := q.Get("hmac")
	q.Del("hmac")
	if mac == "" || mac != shop.SignQuery(q, secret) {
		r.t.Errorf("%v is not signed", q)
	}
	if q.Get("shop") != domain || q.Get("host") != "YWRtaW4uc2hvcGlmeS5jb20vc3RvcmUvZGVtbw" || q.Get("timestamp") == "" {
		r.t.Errorf("the query is %v", q)
	}
}

// TestSignature has the vector of Shopify's own libraries.
func TestSignature(t *testing.T) {
	q, _ := url.ParseQuery("code=0907a61c0c8d55e99db179b68161bc00&shop=some-shop.myshopify.com&" +
		"state=0.6784241404160823&timestamp=1337178173")
	if s := shop.SignQuery(q, "hush"); s != "700e2dadb827fcc8609e9d5ce208b2e9cdaab9df07390d2cbca10d7c328fc4bf" {
		t.Errorf("the signature is %s", s)
	}
}

// TestInstall goes from the admin's link over the merchant's consent to a token.
func TestInstall(t *testing.T) {
	r := newRig(t)
	to := r.location("GET", "/"+domain+"/admin/app")
	if to.Host != "bellhop.example" || to.Path != "/shopify/install" {
		t.Errorf("the app opens at %s", to)
	}
	r.signed(to.Query())

	page := r.do("GET", authorizePath+"?"+wanted().Encode(), "", "")
	if page.Code != 200 || !strings.Contains(page.Body.String(), "read_customers") {
		t.Fatalf("the consent is %d %s", page.Code, page.Body)
	}
	if s, _ := r.State(domain); s.Installed {
		t.Error("it is installed before the merchant agrees")
	}
	back := r.location("POST", authorizePath+"?"+wanted().Encode())
	q := back.Query()
	r.signed(back.Query())
	if back.Path != "/shopify/callback" || q.Get("state") != "a state & more" {
		t.Errorf("it leads back to %s", back)
	}
	got := r.grant(200, "code", q.Get("code"), "expiring", "1")
	if got["scope"] != "read_customers,read_orders" || got["expires_in"] != 3600.0 ||
		got["refresh_token_expires_in"] != 7776000.0 || got["refresh_token"] == "" {
		t.Errorf("the grant is %v", got)
	}
	if e := r.grant(400, "code", q.Get("code")); e["error"] != "invalid_request" {
		t.Errorf("the code again: %v", e)
	}
	// Who has agreed isn't asked again, but for other scopes.
	r.location("GET", authorizePath+"?"+wanted().Encode())
	more := wanted()
	more.Set("scope", "read_orders,read_products")
	if w := r.do("GET", authorizePath+"?"+more.Encode(), "", ""); w.Code != 200 {
		t.Errorf("other scopes: %d", w.Code)
	}
}

// A code for a visit names who is signed in to the admin, and leaves the app's other token alone.
func TestACodeForAVisit(t *testing.T) {
	r := installed(t, func(o *shop.Options) { o.Scopes = []string{"read_customers", "read_orders"} })
	q := wanted()
	q.Set("grant_options[]", "per-user")
	visit := func() map[string]any {
		return r.grant(200, "code", r.location("GET", authorizePath+"?"+q.Encode()).Query().Get("code"), "expiring", "1")
	}
	got := visit()
	u, _ := got["associated_user"].(map[string]any)
	if u["email"] != "owner@demo.example" || u["email_verified"] != true || u["account_owner"] != true ||
		got["refresh_token"] != nil || !strings.HasPrefix(got["access_token"].(string), "shpua_") {
		t.Errorf("%v", got)
	}
	r.must(r.SignIn(domain, shop.Visitor{User: "staff", Email: "s@example.com", Unverified: true}))
	u, _ = visit()["associated_user"].(map[string]any)
	if u["email"] != "s@example.com" || u["email_verified"] != false || u["account_owner"] != false {
		t.Errorf("%v", u)
	}
	if err := r.SignIn(domain, shop.Visitor{User: "nobody"}); err == nil {
		t.Error("nobody is signed in")
	}
	if a := r.ask("{shop{name}}"); a.Status != 200 {
		t.Errorf("the app's token: %d", a.Status)
	}
}

func TestACodeIsGoodForAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		code := func() string { return r.location("POST", authorizePath+"?"+wanted().Encode()).Query().Get("code") }
		c := code()
		time.Sleep(59 * time.Second)
		if got := r.grant(200, "code", c); got["expires_in"] != nil || got["refresh_token"] != nil {
			t.Errorf("without expiring: %v", got)
		}
		c = code()
		time.Sleep(time.Minute)
		r.grant(400, "code", c)
	})
}

func TestAuthorizeRefuses(t *testing.T) {
	r := newRig(t)
	for name, value := range map[string]string{"client_id": "another", "redirect_uri": app + "/shopify/callback/",
		"scope": "read orders", "grant_options[]": "per-shop", "state": strings.Repeat("x", 5000)} {
		q := wanted()
		q.Set(name, value)
		for _, method := range []string{"GET", "POST"} {
			if w := r.do(method, authorizePath+"?"+q.Encode(), "", ""); w.Code != 400 {
				t.Errorf("%s with %s=%.30s: %d", method, name, value, w.Code)
			}
		}
	}
	for _, redirect := range []string{"", "http://bellhop.example/shopify/callback", app + "/shopify/callback?a=b",
		app + ".evil.example/shopify/callback"} {
		q := wanted()
		q.Set("redirect_uri", redirect)
		if w := r.do("GET", authorizePath+"?"+q.Encode(), "", ""); w.Code != 400 {
			t.Errorf("it would redirect to %s", redirect)
		}
	}
	if s, _ := r.State(domain); s.Installed {
		t.Error("it was installed")
	}
	if w := r.do("GET", "/other.myshopify.com/admin/oauth/authorize", "", ""); w.Code != 404 {
		t.Errorf("another shop: %d", w.Code)
	}
}

// TestARefreshRotates: a replaced refresh token may be tried again until the app uses what it got.
func TestARefreshRotates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := installed(t)
		renew := func(status int, token any) map[string]any {
			t.Helper()
			return r.grant(status, "grant_type", "refresh_token", "refresh_token", token.(string))
		}
		use := func(status int, token any) {
			t.Helper()
			r.token = token.(string)
			if a := r.ask("{shop{name}}"); a.Status != status {
				t.Errorf("the token: %d %s", a.Status, a.text)
			}
		}
		id, _ := r.IDToken(domain, "owner")
		first := r.exchange(200, id, "id_token", "offline", "expiring", "1")
		use(200, first["access_token"])
		second := renew(200, first["refresh_token"])
		use(401, first["access_token"])
		third := renew(200, first["refresh_token"]) // the answer was lost, say
		use(401, second["access_token"])
		renew(401, second["refresh_token"])
		use(200, third["access_token"])
		if e := renew(401, first["refresh_token"]); e["error"] != "invalid_request" ||
			e["error_description"] != "This request requires an active refresh_token" {
			t.Errorf("once it is used: %v", e)
		}
		time.Sleep(time.Hour)
		use(401, third["access_token"])
		fourth := renew(200, third["refresh_token"])

		time.Sleep(30 * 24 * time.Hour) // the repeat ends
		renew(401, third["refresh_token"])
		fifth := renew(200, fourth["refresh_token"])
		time.Sleep(90 * 24 * time.Hour)
		renew(401, fifth["refresh_token"])
		renew(401, "")
	})
}

func TestRefreshFaults(t *testing.T) {
	r := installed(t)
	id, _ := r.IDToken(domain, "owner")
	have := r.exchange(200, id, "id_token", "offline", "expiring", "1")["refresh_token"].(string)
	ask := []string{"grant_type", "refresh_token", "refresh_token", have}
	r.must(r.SetFaults(domain, shop.Faults{RefreshUnknown: 2, RefreshCut: 1}))
	for range 2 {
		if got := r.grant(520, ask...); !strings.Contains(got["page"].(string), "520") {
			t.Errorf("520: %v", got)
		}
	}
	r.grant(0, ask...)
	last := r.grant(200, ask...) // what was lost was never used
	r.token = last["access_token"].(string)
	if a := r.ask("{shop{name}}"); a.Status != 200 {
		t.Errorf("after the faults: %d", a.Status)
	}
	r.grant(401, ask...)
	r.must(r.SetFaults(domain, shop.Faults{Away: 404}))
	r.grant(404, ask...)
	r.must(r.SetFaults(domain, shop.Faults{}))
	for _, wrong := range [][]string{{"client_secret", "other"}, {"client_id", "other"}} {
		e := r.grant(401, append(wrong, "grant_type", "refresh_token", "refresh_token", have)...)
		if e["error"] != "invalid_client" {
			t.Errorf("%v: %v", wrong, e)
		}
	}
	if e := r.grant(400, "grant_type", "password"); e["error"] != "unsupported_grant_type" {
		t.Errorf("another grant: %v", e)
	}
	r.must(r.Uninstall(domain, 0))
	r.grant(401, "grant_type", "refresh_token", "refresh_token", last["refresh_token"].(string))
}

// exchange exchanges a token; from and to are the kinds of token.
func (r *rig) exchange(status int, token, from, to string, more ...string) map[string]any {
	r.t.Helper()
	kinds := map[string]string{"id_token": "urn:ietf:params:oauth:token-type:id_token",
		"offline": "urn:shopify:params:oauth:token-type:offline-access-token",
		"online":  "urn:shopify:params:oauth:token-type:online-access-token"}
	return r.grant(status, append(more, "grant_type", "urn:ietf:params:oauth:grant-type:token-exchange", "subject_token",
		token, "subject_token_type", kinds[from], "requested_token_type", kinds[to])...)
}

func TestClientCredentials(t *testing.T) {
	r := newRig(t)
	if e := r.grant(400, "grant_type", "client_credentials"); e["error"] != "app_not_installed" {
		t.Errorf("not installed: %v", e)
	}
	r.must(r.Install(domain))
	r.must(r.SetFaults(domain, shop.Faults{Elsewhere: true}))
	if e := r.grant(400, "grant_type", "client_credentials"); e["error"] != "shop_not_permitted" {
		t.Errorf("another organisation: %v", e)
	}
	r.must(r.SetFaults(domain, shop.Faults{}))
	got := r.grant(200, "grant_type", "client_credentials")
	if got["expires_in"] != 86399.0 || got["refresh_token"] != nil ||
		got["scope"] != "read_customers,read_fulfillments,read_orders" {
		t.Errorf("the grant is %v", got)
	}
	// A new one revokes the one before.
	r.grant(200, "grant_type", "client_credentials")
	r.token = got["access_token"].(string)
	if a := r.ask("{shop{name}}"); a.Status != 401 {
		t.Errorf("the token before: %d", a.Status)
	}
}

func TestIDTokens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(o *shop.Options) { o.Orders.Shops = []string{domain, "other.myshopify.com"} })
		mint := func(shop, user string) string {
			text, err := r.IDToken(shop, user)
			r.must(err)
			return text
		}
		owner, staff := mint(domain, "owner"), mint(domain, "staff")
		if u := at(r.exchange(200, owner, "id_token", "online"), "associated_user"); at(u, "account_owner") != true ||
			at(u, "email") != "owner@demo.example" || at(u, "email_verified") != true {
			t.Errorf("the owner is %v", u)
		}
		if u := at(r.exchange(200, staff, "id_token", "online"), "associated_user"); at(u, "account_owner") != false ||
			at(u, "email") == "owner@demo.example" {
			t.Errorf("the staff is %v", u)
		}
		bad := map[string]string{"of another shop": mint("other.myshopify.com", "owner"), "cut": owner[:len(owner)-2],
			"empty": "", "of no signature": owner[:strings.LastIndex(owner, ".")+1], "odd": "a.b.c",
			"unsigned": "eyJhbGciOiJub25lIn0" + owner[strings.Index(owner, "."):strings.LastIndex(owner, ".")+1]}
		for name, token := range bad {
			if e := r.exchange(400, token, "id_token", "offline", "expiring", "1"); e["error"] != "invalid_subject_token" {
				t.Errorf("%s: %v", name, e)
			}
		}
		time.Sleep(69 * time.Second)
		r.exchange(200, owner, "id_token", "offline", "expiring", "1")
		time.Sleep(time.Second)
		r.exchange(400, owner, "id_token", "offline", "expiring", "1")
		r.exchange(400, owner, "id_token", "other")
	})
}

// TestALastingTokenMigrates once.
func TestALastingTokenMigrates(t *testing.T) {
	r := installed(t)
	old, err := r.LastingToken(domain)
	r.must(err)
	r.token = old
	if a := r.ask("{shop{name}}"); a.Status != 200 {
		t.Errorf("before: %d", a.Status)
	}
	r.must(r.SetFaults(domain, shop.Faults{MustExpire: true}))
	const refused = "Non-expiring access tokens are no longer accepted"
	if a := r.ask("{shop{name}}"); a.Status != 403 || !strings.Contains(a.text, refused) {
		t.Errorf("where it must expire: %d %s", a.Status, a.text)
	}
	got := r.exchange(200, old, "offline", "offline", "expiring", "1")
	if got["refresh_token"] == nil {
		t.Errorf("it migrates to %v", got)
	}
	r.exchange(400, old, "offline", "offline", "expiring", "1")
	if a := r.ask("{shop{name}}"); a.Status != 401 {
		t.Errorf("the old one: %d", a.Status)
	}
	r.token = got["access_token"].(string)
	if a := r.ask("{shop{name}}"); a.Status != 200 {
		t.Errorf("the new one: %d", a.Status)
	}
}
