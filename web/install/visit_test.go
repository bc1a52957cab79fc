package install_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"bellhop"
	"bellhop/simulate/shop"
	"bellhop/store"
	"bellhop/web"
	"bellhop/web/webtest"
)

// connected is a rig whose fresh shop was installed two days ago by its owner, who has no password.
func connected(t *testing.T) *rig {
	t.Helper()
	r := newRig(t)
	question, state := r.begin(fresh)
	r.Call("GET", r.shopify.Agree(question), "", "", with(state))
	r.Clock.Add(48 * time.Hour)
	return r
}

// visit opens the app as whoever is signed in to the shop's admin, and returns bellhop's answer.
func (r *rig) visit() webtest.Reply {
	r.Helper()
	question, state := r.begin(fresh)
	if !strings.Contains(question, url.QueryEscape("grant_options[]")+"=per-user") {
		r.Fatalf("it asks %s", question)
	}
	return r.Call("GET", r.shopify.Agree(question), "", "", with(state))
}

// cookie is one that an answer sets; nil if it doesn't.
func cookie(a webtest.Reply, name string) *http.Cookie {
	for _, c := range a.Cookies() {
		if c.Name == name {
			return c
		}
	}
	return nil
}

// signedIn checks that an answer signs somebody in, and returns who it is.
func (r *rig) signedIn(a webtest.Reply) bellhop.Person {
	r.Helper()
	session := cookie(a, web.CookieName)
	if a.StatusCode != http.StatusSeeOther || a.Header.Get("Location") != "/shop?shop="+fresh || session == nil {
		r.Fatalf("%d %v %s", a.StatusCode, a.Header, a.Body)
	}
	if !session.HttpOnly || !session.Secure || session.SameSite != http.SameSiteLaxMode {
		r.Errorf("the session's cookie: %+v", session)
	}
	_, p, err := r.DB.Session(r.Context(), web.HashToken(session.Value), r.Clock.Now())
	webtest.Must(r, err)
	return p
}

func (r *rig) notSignedIn(a webtest.Reply, status int, words string) {
	r.Helper()
	if a.StatusCode != status || !strings.Contains(a.Body, words) || cookie(a, web.CookieName) != nil {
		r.Errorf("%d %v, not %d with %q: %s", a.StatusCode, a.Header, status, words, a.Body)
	}
}

// An owner without a password signs in by opening the app. Neither the access to the shop nor the phones change.
func TestSignInByOpeningTheApp(t *testing.T) {
	r := connected(t)
	if works, err := r.shopify.Connector.Works(t.Context(), fresh); !works || err != nil { // with a new token
		t.Fatal(works, err)
	}
	was := r.connection(fresh)
	people, err := r.DB.People(t.Context(), fresh)
	webtest.Must(t, err)
	phone := bellhop.Device{Shop: fresh, PersonID: people[0].ID, Installation: "phone", Kind: bellhop.AddressToken,
		Value: "a-token", Platform: bellhop.PlatformAndroid, Form: bellhop.FormNotification, AddedAt: r.Clock.Now(),
		SeenAt: r.Clock.Now()}
	_, err = r.DB.PutDevice(t.Context(), phone, store.DeviceLimits{})
	webtest.Must(t, err)
	a := r.visit()
	if p := r.signedIn(a); p.ID != people[0].ID || p.Email != "owner@fresh.example" {
		t.Errorf("signed in as %+v", p)
	}
	if c := r.connection(fresh); c.Token != was.Token || c.RefreshToken != was.RefreshToken ||
		!c.ConnectedAt.Equal(was.ConnectedAt) {
		t.Error("signing in changed the connection")
	}
	if works, err := r.shopify.Connector.Works(t.Context(), fresh); !works || err != nil {
		t.Errorf("the access after it: %v %v", works, err)
	}
	devices, err := r.DB.Devices(t.Context(), fresh)
	if err != nil || len(devices) != 1 || !devices[0].RetiredAt.IsZero() {
		t.Errorf("the phones: %v %v", devices, err)
	}
	// Next time the sign-in page offers it.
	known := cookie(a, web.ShopCookieName)
	page := r.Call("GET", "/signin?next=/orders", "", "", with(known))
	if !strings.Contains(page.Body, "Sign in with Shopify") ||
		!strings.Contains(page.Body, "/shopify/signin?shop="+fresh) {
		t.Error(page.Body)
	}
	webtest.StrictPage(t, page)
	to := r.Call("GET", "/shopify/signin?shop="+fresh, "", "")
	r.signedIn(r.Call("GET", r.shopify.Agree(to.Header.Get("Location")), "", "", with(to.Cookies()[0])))
	if strings.Contains(r.Logged.String(), "owner@fresh.example") {
		t.Error("the log has an e-mail address")
	}
}

// Shopify's signature alone signs nobody in: it says where an address comes from, not who follows it.
func TestASignedAddressSignsNobodyIn(t *testing.T) {
	r := connected(t)
	a := r.Call("GET", r.shopify.Opened(fresh), "", "")
	if cookie(a, web.CookieName) != nil || !strings.HasPrefix(a.Header.Get("Location"), r.shopify.Server.URL) {
		t.Fatalf("%d %v", a.StatusCode, a.Header)
	}
	// The callback of somebody else's browser.
	callback := r.shopify.Agree(a.Header.Get("Location"))
	r.notSignedIn(r.Call("GET", callback, "", ""), 401, "/shopify/signin?shop="+fresh)
	mine, myState := r.begin(fresh)
	r.notSignedIn(r.Call("GET", callback, "", "", with(myState)), 401, "Try again")
	// One's own, once.
	callback = r.shopify.Agree(mine)
	r.signedIn(r.Call("GET", callback, "", "", with(myState)))
	r.notSignedIn(r.Call("GET", callback, "", "", with(myState)), 401, "Try again")
}

func TestWhoMaySignInWithShopify(t *testing.T) {
	r := connected(t)
	signIn := func(v shop.Visitor) webtest.Reply {
		r.Clock.Add(time.Minute) // Shopify is asked so often for one shop
		webtest.Must(t, r.shopify.SignIn(fresh, v))
		return r.visit()
	}
	r.notSignedIn(signIn(shop.Visitor{User: "owner", Unverified: true}), 403, "has not verified")
	r.notSignedIn(signIn(shop.Visitor{User: "staff"}), 403, "has no account for this shop")
	r.notSignedIn(signIn(shop.Visitor{User: "staff", Email: r.Owner.Email}), 403, "has no account for this shop")
	operator, err := r.DB.PersonByEmail(t.Context(), "op@example.com")
	webtest.Must(t, err)
	r.notSignedIn(signIn(shop.Visitor{User: "staff", Email: operator.Email}), 403, "has no account for this shop")
	// The Shopify account's owner has another address than the shop's settings: an account of their own.
	p := r.signedIn(signIn(shop.Visitor{User: "owner", Email: "Olga@example.com"}))
	if p.Email != "olga@example.com" || p.RoleIn(fresh) != bellhop.RoleOwner || p.Unproven {
		t.Errorf("%+v", p)
	}
	// One whose address is somebody's already joins by an invitation alone.
	a := signIn(shop.Visitor{User: "owner", Email: r.Owner.Email})
	if !strings.HasPrefix(a.Header.Get("Location"), "/invitation?once=") || cookie(a, web.CookieName) != nil {
		t.Errorf("%d %v", a.StatusCode, a.Header)
	}
	// Staff who belong to the shop sign in.
	staff, err := web.AddMember(t.Context(), r.DB, "staff@fresh.example",
		bellhop.Membership{Shop: fresh, Role: bellhop.RoleStaff}, r.Clock.Now())
	webtest.Must(t, err)
	if p := r.signedIn(signIn(shop.Visitor{User: "staff"})); p.ID != staff.ID || p.RoleIn(fresh) != bellhop.RoleStaff {
		t.Errorf("%+v", p)
	}
	// And not any more once they don't.
	webtest.Must(t, r.DB.RemoveMembership(t.Context(), staff.ID, fresh))
	r.notSignedIn(signIn(shop.Visitor{User: "staff"}), 403, "has no account for this shop")
}

// Somebody who held an invitation may have made the account: whoever owns the address takes it from them.
func TestSignInTakesAnAccountFromAStranger(t *testing.T) {
	r := connected(t)
	secret, i := web.NewInvitation(fresh, "staff@fresh.example", bellhop.RoleStaff, "", r.Clock.Now())
	webtest.Must(t, r.DB.Invite(t.Context(), i))
	a := r.Call("POST", "/v1/invitations/signup", "", `{"secret":"`+secret+`","password":"a strangers password"}`)
	stranger, _ := a.JSON(t)["token"].(string)
	if a := r.Call("GET", "/v1/me", stranger, ""); a.StatusCode != http.StatusOK {
		t.Fatalf("%d %s", a.StatusCode, a.Body)
	}
	webtest.Must(t, r.shopify.SignIn(fresh, shop.Visitor{User: "staff"}))
	if p := r.signedIn(r.visit()); p.Unproven || p.PasswordHash != "" {
		t.Errorf("%+v", p)
	}
	if a := r.Call("GET", "/v1/me", stranger, ""); a.StatusCode != http.StatusUnauthorized {
		t.Errorf("the stranger is in: %d", a.StatusCode)
	}
}

// People can change what Shopify is asked: the answer decides, and the access to the shop stays whole.
func TestTheAnswerSaysWhatItIs(t *testing.T) {
	r := connected(t)
	change := func(question, from, to string) string {
		changed := strings.Replace(question, from, to, 1)
		if changed == question {
			t.Fatalf("%s has no %s", question, from)
		}
		return changed
	}
	visit, state := r.begin(fresh)
	was := r.connection(fresh)
	a := r.Call("GET", r.shopify.Agree(change(visit, "=per-user", "=")), "", "", with(state))
	c := r.connection(fresh)
	if cookie(a, web.CookieName) != nil || c.Token == was.Token || c.Access != bellhop.AccessGood {
		t.Errorf("a visit turned into an install: %d %v", a.StatusCode, c.Access)
	}
	if works, err := r.shopify.Connector.Works(t.Context(), fresh); !works || err != nil {
		t.Errorf("%v %v", works, err)
	}
	webtest.Must(t, r.shopify.Uninstall(fresh, time.Hour))
	install, state := r.begin(fresh)
	webtest.Must(t, r.shopify.SignIn(fresh, shop.Visitor{User: "staff"}))
	visit = change(install, url.QueryEscape("[]")+"=", url.QueryEscape("[]")+"=per-user")
	a = r.Call("GET", r.shopify.Agree(visit), "", "", with(state))
	r.notSignedIn(a, 403, "has no account for this shop")
	if now := r.connection(fresh); now.Token != c.Token {
		t.Error("an install turned into a visit changed the connection")
	}
}

// Of a shop that isn't here nobody learns so before Shopify said who they are, and nothing is made. Its owner may
// connect it then.
func TestSignInOfAnotherShop(t *testing.T) {
	r := newRig(t)
	to := r.Call("GET", "/shopify/signin?shop="+fresh, "", "")
	if to.StatusCode != http.StatusSeeOther || !strings.Contains(to.Header.Get("Location"), "per-user") {
		t.Fatalf("%d %v", to.StatusCode, to.Header)
	}
	a := r.Call("GET", r.shopify.Agree(to.Header.Get("Location")), "", "", with(to.Cookies()[0]))
	question := a.Header.Get("Location")
	if a.StatusCode != http.StatusSeeOther || !strings.HasPrefix(question, r.shopify.Server.URL) ||
		strings.Contains(question, "per-user") || cookie(a, web.CookieName) != nil {
		t.Errorf("%d %v", a.StatusCode, a.Header)
	}
	r.unconnected(fresh)
	if _, err := r.DB.PersonByEmail(t.Context(), "owner@fresh.example"); bellhop.KindOf(err) != bellhop.NotFound {
		t.Errorf("an account: %v", err)
	}
	states := a.Cookies()
	a = r.Call("GET", r.shopify.Agree(question), "", "", with(states[len(states)-1])) // a browser keeps the last one
	if a.StatusCode != http.StatusSeeOther || r.connection(fresh).Access != bellhop.AccessGood {
		t.Errorf("%d %v", a.StatusCode, a.Header)
	}
	for _, wrong := range []string{"", "?shop=", "?shop=evil.example", "?shop=fresh.myshopify.com.evil.example",
		"?shop=%0d%0afresh.myshopify.com"} {
		r.notSignedIn(r.Call("GET", "/shopify/signin"+wrong, "", ""), 401, "Open the app from your Shopify admin")
	}
	for range 30 {
		a = r.Call("GET", "/shopify/signin?shop="+fresh, "", "")
	}
	r.notSignedIn(a, 429, "Too many requests")
}
