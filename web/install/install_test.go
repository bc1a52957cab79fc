package install_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"bellhop"
	"bellhop/i18n"
	"bellhop/shopify/admin"
	"bellhop/simulate/shop"
	"bellhop/web/webtest"
)

const (
	demo  = webtest.Demo
	fresh = webtest.Fresh
)

// rig is a bellhop that installs are for, and the Shopify that they come from.
type rig struct {
	*webtest.Rig
	shopify *webtest.Shopify
}

func newRig(t *testing.T, secrets ...string) *rig {
	t.Helper()
	s := &webtest.Shopify{TB: t}
	copy(s.Secrets[:], secrets)
	return &rig{webtest.New(t, s.Connect), s}
}

// begin opens the app, and returns Shopify's question and the browser's cookie.
func (r *rig) begin(domain string) (question string, state *http.Cookie) {
	r.Helper()
	a := r.Call("GET", r.shopify.Opened(domain), "", "")
	if a.StatusCode != http.StatusSeeOther || len(a.Cookies()) != 1 {
		r.Fatalf("%d %v %s", a.StatusCode, a.Header, a.Body)
	}
	return a.Header.Get("Location"), a.Cookies()[0]
}

func with(c *http.Cookie) func(*http.Request) {
	return func(req *http.Request) { req.AddCookie(c) }
}

// refused checks that an answer connected nothing, and says so in words.
func (r *rig) refused(a webtest.Reply, status int, words string) {
	r.Helper()
	if a.StatusCode != status || !strings.Contains(a.Body, words) {
		r.Errorf("%d, not %d with %q: %s", a.StatusCode, status, words, a.Body)
	}
	r.unconnected(fresh)
}

func (r *rig) unconnected(domain string) {
	r.Helper()
	if c, err := r.DB.Connection(r.Context(), domain); bellhop.KindOf(err) != bellhop.NotFound {
		r.Errorf("%s is connected: %v %v", domain, c.Access, err)
	}
}

func (r *rig) connection(domain string) bellhop.Connection {
	r.Helper()
	c, err := r.DB.Connection(r.Context(), domain)
	webtest.Must(r, err)
	return c
}

// A merchant presses Install, and then one button here.
func TestInstall(t *testing.T) {
	r := newRig(t)
	question, state := r.begin(fresh)
	if state.Path != "/shopify/callback" || !state.HttpOnly || !state.Secure || state.SameSite != http.SameSiteLaxMode ||
		state.MaxAge != 60 {
		t.Errorf("the state's cookie: %+v", state)
	}
	asked, err := url.Parse(question)
	webtest.Must(t, err)
	if q := asked.Query(); q.Get("redirect_uri") != webtest.AppURL+"/shopify/callback" || len(q.Get("state")) < 43 ||
		!strings.Contains(q.Get("scope"), "read_orders") || strings.Contains(question, webtest.AppSecret) {
		t.Errorf("it asks %s", question)
	}
	a := r.Call("GET", r.shopify.Agree(question), "", "", with(state))
	to, err := url.Parse(a.Header.Get("Location"))
	webtest.Must(t, err)
	if a.StatusCode != http.StatusSeeOther || to.Path != "/signin" || to.Query().Get("next") != "/shop?shop="+fresh {
		t.Fatalf("%d to %s: %s", a.StatusCode, to, a.Body)
	}
	if gone := a.Cookies(); len(gone) != 2 || gone[0].MaxAge != -1 || gone[0].Path != state.Path {
		t.Errorf("the state stays: %v", gone)
	}
	c := r.connection(fresh)
	if c.Access != bellhop.AccessGood || c.Grant != bellhop.GrantAuthorizationCode || len(c.Subscriptions) == 0 {
		t.Errorf("%v %v %v", c.Access, c.Grant, c.Subscriptions)
	}
	if page := r.Call("GET", to.RequestURI(), "", ""); !strings.Contains(page.Body, `name="once"`) {
		t.Error(page.Body)
	}
	a = r.Post("/signin", "", url.Values{"once": {to.Query().Get("once")}, "next": {to.Query().Get("next")}})
	if a.StatusCode != http.StatusSeeOther || a.Header.Get("Location") != "/shop?shop="+fresh || len(a.Cookies()) != 1 {
		t.Fatalf("%d %v", a.StatusCode, a.Header)
	}
	page := r.Call("GET", "/shop?shop="+fresh, "", "", with(a.Cookies()[0]))
	webtest.StrictPage(t, page)
	for _, want := range []string{"waiting for the first order", "orders/create", "Subscribed"} {
		if !strings.Contains(page.Body, want) {
			t.Errorf("the first page lacks %q: %s", want, page.Body)
		}
	}
	if strings.Contains(page.Body, c.Token) || strings.Contains(page.Body, c.RefreshToken) {
		t.Error("the page shows a token")
	}
	for _, secret := range []string{to.Query().Get("once"), state.Value, asked.Query().Get("state"), c.Token, "hmac="} {
		if strings.Contains(r.Logged.String(), secret) {
			t.Errorf("the log has %q", secret)
		}
	}
}

// A shop that is connected already leads to its page, and to OAuth once its access is dead.
func TestOpenedAgain(t *testing.T) {
	r := newRig(t)
	question, state := r.begin(fresh)
	r.Call("GET", r.shopify.Agree(question), "", "", with(state)) // the browser is cut off before it sees the link
	question, state = r.begin(fresh)
	to := r.Call("GET", r.shopify.Agree(question), "", "", with(state)).Header.Get("Location")
	if !strings.HasPrefix(to, "/signin?") || !strings.Contains(to, "once=") {
		t.Fatalf("installed once more, the owner goes to %s", to)
	}
	link, err := url.Parse(to)
	webtest.Must(t, err)
	session := r.Post("/signin", "", url.Values{"once": {link.Query().Get("once")}}).Cookies()[0]
	a := r.Call("GET", r.shopify.Opened(fresh), "", "", with(session))
	if a.StatusCode != http.StatusSeeOther || a.Header.Get("Location") != "/shop?shop="+fresh {
		t.Fatalf("signed in: %d %v", a.StatusCode, a.Header)
	}
	// From now on nobody gets in as the owner by opening the app: any of the shop's staff may do that.
	token := r.connection(fresh).Token
	if question, _ = r.begin(fresh); !strings.Contains(question, "per-user") {
		t.Fatalf("signed out: %s", question)
	}
	// Removed and installed again before any webhook says so.
	webtest.Must(t, r.shopify.Uninstall(fresh, time.Hour))
	question, state = r.begin(fresh)
	a = r.Call("GET", r.shopify.Agree(question), "", "", with(state))
	c := r.connection(fresh)
	if a.StatusCode != http.StatusSeeOther || c.Access != bellhop.AccessGood || c.Token == token {
		t.Errorf("%d %v", a.StatusCode, c.Access)
	}
	// Trouble that passes is no reason to ask the merchant again.
	webtest.Must(t, r.shopify.SetFaults(fresh, shop.Faults{Broken: shop.BrokenUnknown}))
	if a := r.Call("GET", r.shopify.Opened(fresh), "", ""); a.Header.Get("Location") != "/shop?shop="+fresh {
		t.Errorf("while Shopify is away: %d %v", a.StatusCode, a.Header)
	}
}

// forge changes one part of a callback or of its cookie. None of them may pass.
func forge(random *rand.Rand, callback string, state http.Cookie) (string, *http.Cookie) {
	u, _ := url.Parse(callback)
	q := u.Query()
	names := []string{"code", "hmac", "host", "shop", "state", "timestamp"}
	name := names[random.IntN(len(names))]
	switch random.IntN(6) {
	case 0: // a character of the cookie
		state.Value = spoil(random, state.Value)
	case 1:
		state.Value = ""
	case 2:
		q.Del(name)
	case 3:
		q.Add(name, spoil(random, q.Get(name)))
	case 4: // a parameter that nobody signed
		q.Set(fmt.Sprint("x", random.IntN(100)), "1")
	default:
		q.Set(name, spoil(random, q.Get(name)))
	}
	u.RawQuery = q.Encode()
	return u.RequestURI(), &state
}

// spoil replaces one character of a text.
func spoil(random *rand.Rand, text string) string {
	const letters = "0123456789abcdefABCDEF-_.=%+/ "
	at := random.IntN(len(text))
	for {
		if c := letters[random.IntN(len(letters))]; c != text[at] {
			return text[:at] + string(c) + text[at+1:]
		}
	}
}

func TestTenThousandForgedCallbacks(t *testing.T) {
	r := newRig(t)
	question, state := r.begin(fresh)
	callback := r.shopify.Agree(question)
	random := rand.New(rand.NewPCG(19, 10_000))
	statuses := map[int]int{}
	for n := range 10_000 {
		path, cookie := forge(random, callback, *state)
		statuses[r.direct(n, path, cookie)]++
	}
	if statuses[http.StatusUnauthorized] != 10_000 {
		t.Errorf("of 10,000 forged callbacks: %v", statuses)
	}
	r.unconnected(fresh)
	// None of them used the right one up.
	a := r.Call("GET", callback, "", "", with(state))
	if a.StatusCode != http.StatusSeeOther || r.connection(fresh).Access != bellhop.AccessGood {
		t.Errorf("the right one after them: %d %s", a.StatusCode, a.Body)
	}
}

// direct makes the n-th request, from an address of its own.
func (r *rig) direct(n int, path string, cookie *http.Cookie) (status int) {
	req := httptest.NewRequest("GET", path, nil)
	req.RemoteAddr = netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)}), 1000).String()
	req.AddCookie(cookie)
	w := httptest.NewRecorder()
	r.Site.Handler().ServeHTTP(w, req)
	return w.Code
}

func TestCallbackIsUsedOnce(t *testing.T) {
	r := newRig(t)
	question, state := r.begin(fresh)
	callback := r.shopify.Agree(question)
	if a := r.Call("GET", callback, "", "", with(state)); a.StatusCode != http.StatusSeeOther {
		t.Fatalf("%d %s", a.StatusCode, a.Body)
	}
	was := r.connection(fresh)
	r.Clock.Add(time.Second)
	if a := r.Call("GET", callback, "", "", with(state)); a.StatusCode != http.StatusUnauthorized {
		t.Errorf("again: %d", a.StatusCode)
	}
	if c := r.connection(fresh); !c.ConnectedAt.Equal(was.ConnectedAt) || c.Token != was.Token {
		t.Error("the repeated callback changed the connection")
	}
}

func TestStatesOfTwoShops(t *testing.T) {
	r := newRig(t)
	mine, myState := r.begin(fresh)
	others, otherState := r.begin(demo)
	myCallback, otherCallback := r.shopify.Agree(mine), r.shopify.Agree(others)
	r.refused(r.Call("GET", myCallback, "", "", with(otherState)), 401, "Try again")
	// The shop's own answer to a state that the cookie has, but for the other shop.
	swapped, err := url.Parse(others)
	webtest.Must(t, err)
	asked, err := url.Parse(mine)
	webtest.Must(t, err)
	q := swapped.Query()
	q.Set("state", asked.Query().Get("state"))
	swapped.RawQuery = q.Encode()
	a := r.Call("GET", r.shopify.Agree(swapped.String()), "", "", with(myState))
	if a.StatusCode != http.StatusUnauthorized {
		t.Errorf("the state of another shop: %d", a.StatusCode)
	}
	r.unconnected(demo)
	if a := r.Call("GET", otherCallback, "", "", with(otherState)); a.StatusCode != http.StatusSeeOther {
		t.Errorf("the right one: %d %s", a.StatusCode, a.Body)
	}
}

var again = strings.NewReplacer("&amp;", "&")

// Somebody who reads Shopify's page for more than a minute begins again with one click.
func TestStateRunsOut(t *testing.T) {
	r := newRig(t)
	question, state := r.begin(fresh)
	callback := r.shopify.Agree(question)
	r.Clock.Add(61 * time.Second)
	a := r.Call("GET", callback, "", "", with(state))
	r.refused(a, 401, "It took longer than a minute")
	_, link, _ := strings.Cut(a.Body, `class="button" href="`)
	link, _, _ = strings.Cut(link, `"`)
	a = r.Call("GET", r.shopify.Agree(again.Replace(link)), "", "", with(a.Cookies()[0]))
	if a.StatusCode != http.StatusSeeOther || r.connection(fresh).Access != bellhop.AccessGood {
		t.Errorf("again: %d %s", a.StatusCode, a.Body)
	}
}

func TestOldAddress(t *testing.T) {
	r := newRig(t)
	opened := r.shopify.Opened(fresh)
	r.Clock.Add(91 * time.Second)
	r.refused(r.Call("GET", opened, "", ""), 401, "open for too long")
}

// While the client secret is rotated Shopify may sign with either.
func TestPreviousSecret(t *testing.T) {
	r := newRig(t, "the new one", webtest.AppSecret)
	question, state := r.begin(fresh)
	a := r.Call("GET", r.shopify.Agree(question), "", "", with(state))
	// Shopify knows the old secret alone, and takes no new one yet.
	r.refused(a, 409, "client ID or secret")
}

func TestUnset(t *testing.T) {
	r := webtest.New(t)
	for _, path := range []string{"/shopify/install", "/shopify/callback?code=1"} {
		a := r.Call("GET", path, "", "")
		if a.StatusCode != http.StatusNotFound || !strings.Contains(a.Body, "BELLHOP_SHOPIFY_CLIENT_ID") ||
			!strings.Contains(a.Body, "BELLHOP_URL") {
			t.Errorf("%d %s", a.StatusCode, a.Body)
		}
	}
}

// Without Shopify's signature only somebody signed in begins, for a shop of their own.
func TestConnectAgainFromTheConsole(t *testing.T) {
	r := newRig(t)
	for name, a := range map[string]webtest.Reply{
		"a stranger":      r.Call("GET", "/shopify/install?shop="+fresh, "", ""),
		"an API token":    r.Call("GET", "/shopify/install", webtest.DemoToken, ""),
		"another's shop":  r.Get("/shopify/install?shop="+webtest.Other, webtest.OwnerSession),
		"an operator":     r.Get("/shopify/install", webtest.OperatorSession),
		"an unknown shop": r.Get("/shopify/install?shop=nobody", webtest.OperatorSession),
	} {
		if a.StatusCode != http.StatusUnauthorized || !strings.Contains(a.Body, "Open the app from your Shopify admin") ||
			a.Header.Get("Location") != "" {
			t.Errorf("%s: %d %v", name, a.StatusCode, a.Header)
		}
	}
	for session, path := range map[string]string{webtest.OwnerSession: "/shopify/install",
		webtest.OperatorSession: "/shopify/install?shop=" + demo} {
		a := r.Get(path, session)
		if want := r.shopify.Server.URL + "/" + demo + "/admin/oauth/authorize?"; a.StatusCode != http.StatusSeeOther ||
			!strings.HasPrefix(a.Header.Get("Location"), want) {
			t.Errorf("%d %v", a.StatusCode, a.Header)
		}
	}
}

// An owner whose address is somebody's already gets no link to that account, but an invitation for it.
func TestOwnerWithAnAccountElsewhere(t *testing.T) {
	r := newRig(t)
	webtest.Must(t, r.shopify.SetInfo(fresh, shop.Info{Email: r.Owner.Email}))
	question, state := r.begin(fresh)
	a := r.Call("GET", r.shopify.Agree(question), "", "", with(state))
	to := a.Header.Get("Location")
	if !strings.HasPrefix(to, "/invitation?once=") || strings.Contains(to, "bh_l_") ||
		r.connection(fresh).Access != bellhop.AccessGood {
		t.Fatalf("%d to %s: %s", a.StatusCode, to, a.Body)
	}
	if people, err := r.DB.People(t.Context(), fresh); err != nil || len(people) != 0 {
		t.Errorf("before anybody accepts it: %v %v", people, err)
	}
	all, err := r.DB.Invitations(t.Context(), fresh, r.Clock.Now())
	if err != nil || len(all) != 1 || all[0].Email != r.Owner.Email || all[0].Role != bellhop.RoleOwner {
		t.Errorf("%+v %v", all, err)
	}
}

func TestForgedFromOneAddress(t *testing.T) {
	r := newRig(t)
	for range 30 {
		r.refused(r.Call("GET", "/shopify/callback?hmac=1&shop="+fresh, "", ""), 401, "did not sign")
	}
	a := r.Call("GET", "/shopify/callback?hmac=1&shop="+fresh, "", "")
	r.refused(a, 429, "Too many requests")
	if a.Header.Get("Retry-After") == "" {
		t.Error("no word of when to come again")
	}
	long := r.Call("GET", "/shopify/install?hmac="+strings.Repeat("a", 5000), "", "")
	r.refused(long, 401, "did not sign")
}

// Shopify's refusals are said in the merchant's language.
func TestRefusalsInWords(t *testing.T) {
	for _, l := range i18n.Languages() {
		locale := i18n.For(l.Code)
		for _, refusal := range admin.Refusals() {
			if !locale.Has("refusal." + string(refusal)) {
				t.Errorf("%s has no words for %s", l.Name, refusal)
			}
		}
	}
	r := newRig(t)
	webtest.Must(t, r.shopify.SetFaults(fresh, shop.Faults{NotAllowed: true}))
	for language, words := range map[string]string{"en": "IP allowlist", "ko": "IP 허용 목록", "ja": "IP 許可リスト"} {
		question, state := r.begin(fresh)
		a := r.Call("GET", r.shopify.Agree(question), "", "", with(state), webtest.WithHeader("Accept-Language", language))
		r.refused(a, 409, words)
		if !strings.Contains(a.Body, `href="`+r.shopify.Server.URL) {
			t.Errorf("no way to try again: %s", a.Body)
		}
	}
}
