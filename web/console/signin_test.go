package console_test

import (
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"bellhop"
	"bellhop/store"
	"bellhop/web"
	"bellhop/web/site"
)

func signIn(r *rig, email, pw, more string, change ...func(*http.Request)) reply {
	r.Helper()
	return r.Call("POST", "/v1/sessions", "", fmt.Sprintf(`{"email":%q,"password":%q%s}`, email, pw, more), change...)
}

func TestSignInAndOut(t *testing.T) {
	r := newRig(t)
	a := signIn(r, " JO@Example.com", password, "")
	if a.StatusCode != 200 || a.Header.Get("Set-Cookie") != "" || a.Header.Get("Cache-Control") != "no-store" {
		t.Fatalf("%d %v %s", a.StatusCode, a.Header, a.Body)
	}
	s := a.JSON(t)
	token := s["token"].(string)
	if !strings.HasPrefix(token, "bh_s_") || len(token) != len("bh_s_")+43 || s["shop"] != demo ||
		s["role"] != "owner" || s["expires_at"] != r.Clock.Now().Add(30*24*time.Hour).Format(time.RFC3339) {
		t.Errorf("%v", s)
	}
	if strings.Contains(r.Logged.String(), token) || strings.Contains(r.Logged.String(), password) {
		t.Error("a secret is in the log")
	}
	if a := r.Call("GET", "/v1/orders", token, ""); a.StatusCode != 200 {
		t.Fatal(a.Body)
	}
	if a := r.Call("DELETE", "/v1/sessions/current", token, ""); a.StatusCode != 204 {
		t.Fatal(a.Body)
	}
	r.Problem(r.Call("GET", "/v1/orders", token, ""), 401, "unauthenticated")
	if s := signIn(r, "op@example.com", password, "").JSON(t); s["shop"] != "" || s["role"] != "operator" {
		t.Errorf("%v", s)
	}
}

func TestWrongSignInsLookAlike(t *testing.T) {
	r := newRig(t)
	wrong, unknown := signIn(r, "jo@example.com", "wrong", ""), signIn(r, "nobody@example.com", password, "")
	r.Problem(wrong, 401, "wrong_credentials")
	r.Problem(unknown, 401, "wrong_credentials")
	if wrong.Body != unknown.Body {
		t.Errorf("%s and %s", wrong.Body, unknown.Body)
	}
}

func TestSignInsAreLimitedByAccount(t *testing.T) {
	r := newRig(t)
	for range 10 {
		r.Problem(signIn(r, "jo@example.com", "wrong", ""), 401, "wrong_credentials")
	}
	for _, email := range []string{"jo@example.com", "Jo@Example.com "} {
		a := signIn(r, email, password, "")
		r.Problem(a, 429, "rate_limited")
		if a.Header.Get("Retry-After") != "30" {
			t.Errorf("Retry-After is %q", a.Header.Get("Retry-After"))
		}
	}
	if a := signIn(r, "kim@example.com", password, ""); a.StatusCode != 200 {
		t.Errorf("another account: %s", a.Body)
	}
	r.Clock.Add(30 * time.Second)
	if a := signIn(r, "jo@example.com", password, ""); a.StatusCode != 200 {
		t.Fatalf("after a while: %s", a.Body)
	}
	// A success starts the count anew.
	for range 10 {
		r.Problem(signIn(r, "jo@example.com", "wrong", ""), 401, "wrong_credentials")
	}
}

// TestGuessersLockNobodyOut guesses as often as the limits allow, while the owner signs in from
// elsewhere.
func TestGuessersLockNobodyOut(t *testing.T) {
	r := newRig(t, func(o *site.Options) { o.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} })
	for range 100 {
		signIn(r, "jo@example.com", "wrong", "", withHeader("X-Forwarded-For", "203.0.113.7"))
		r.Clock.Add(2 * time.Second)
	}
	a := signIn(r, "jo@example.com", password, "", withHeader("X-Forwarded-For", "203.0.113.7"))
	if a.StatusCode != 429 {
		t.Errorf("the guesser's neighbour: %d", a.StatusCode)
	}
	a = signIn(r, "jo@example.com", password, "", withHeader("X-Forwarded-For", "198.51.100.2"))
	if a.StatusCode != 200 {
		t.Errorf("the owner: %d %s", a.StatusCode, a.Body)
	}
}

// TestGuessersLockNobodyOutOfAKnownNetwork guesses from ten networks at full speed, more than an
// account's tries for strangers, while the owner signs in from home.
func TestGuessersLockNobodyOutOfAKnownNetwork(t *testing.T) {
	r := newRig(t, func(o *site.Options) { o.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} })
	home := withHeader("X-Forwarded-For", "2001:db8:aaaa::1")
	if a := signIn(r, "jo@example.com", password, "", home); a.StatusCode != 200 {
		t.Fatalf("the first time: %s", a.Body)
	}
	var wg sync.WaitGroup
	var tried, refused atomic.Int32
	stop, enough := make(chan struct{}), make(chan struct{})
	for n := range 20 {
		from := withHeader("X-Forwarded-For", fmt.Sprintf("2001:db8:0:%x::%x", n/2, n))
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				switch a := signIn(r, "jo@example.com", "wrong", "", from); a.StatusCode {
				case 401:
					tried.Add(1)
				case 429:
					if refused.Add(1) == 200 {
						close(enough)
					}
				}
			}
		})
	}
	<-enough
	for n := range 5 {
		if a := signIn(r, "jo@example.com", password, "",
			withHeader("X-Forwarded-For", fmt.Sprintf("2001:db8:aaaa::%x", n))); a.StatusCode != 200 {
			t.Errorf("the owner's sign-in %d: %d %s", n, a.StatusCode, a.Body)
		}
	}
	close(stop)
	wg.Wait()
	if n := tried.Load(); n > 100 {
		t.Errorf("%d guesses were looked at without any time passing", n)
	}
	// Once strangers have used up their tries, an unknown network gets none.
	for n := range 100 {
		signIn(r, "jo@example.com", "wrong", "", withHeader("X-Forwarded-For", fmt.Sprintf("203.0.113.%d", n)))
	}
	r.Problem(signIn(r, "jo@example.com", password, "", withHeader("X-Forwarded-For", "198.51.100.2")), 429,
		"rate_limited")
	// Nor are the tries of a known network without end.
	for range 10 {
		r.Problem(signIn(r, "jo@example.com", "wrong", "", home), 401, "wrong_credentials")
	}
	r.Problem(signIn(r, "jo@example.com", password, "", home), 429, "rate_limited")
}

func TestSignInsAreLimitedByAddress(t *testing.T) {
	r := newRig(t, func(o *site.Options) { o.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} })
	from := func(address string) func(*http.Request) { return withHeader("X-Forwarded-For", address) }
	try := func(n int, address string) reply {
		return signIn(r, fmt.Sprintf("nobody%d@example.com", n), "wrong", "", from(address))
	}
	for n := range 30 {
		// The client's own words stand left of the proxy's.
		if a := try(n, fmt.Sprintf("10.9.9.%d, 203.0.113.7", n)); a.StatusCode != 401 {
			t.Fatalf("%d: %s", n, a.Body)
		}
	}
	r.Problem(try(31, "203.0.113.7"), 429, "rate_limited")
	if a := try(32, "203.0.113.8"); a.StatusCode != 401 {
		t.Errorf("another address: %s", a.Body)
	}
	r.Clock.Add(2 * time.Second)
	if a := try(33, "203.0.113.7"); a.StatusCode != 401 {
		t.Errorf("after a while: %s", a.Body)
	}
}

func TestCookieOfABrowser(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*http.Request)
		secure bool
	}{
		"http":                  {func(*http.Request) {}, false},
		"https behind a proxy":  {withHeader("X-Forwarded-Proto", "https"), true},
		"http to a known proxy": {withHeader("X-Forwarded-Proto", "http"), false},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t,
				func(o *site.Options) { o.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")} })
			a := signIn(r, "jo@example.com", password, `,"cookie":true`, c.change)
			cookies := a.Cookies()
			if len(cookies) != 1 {
				t.Fatalf("%v %s", a.Header, a.Body)
			}
			got := cookies[0]
			if got.Name != "bellhop_session" || !got.HttpOnly || got.SameSite != http.SameSiteLaxMode ||
				got.Secure != c.secure || got.Path != "/" {
				t.Errorf("%v", got)
			}
			if a := r.Call("GET", "/v1/orders", "", "", withCookie(got.Value)); a.StatusCode != 200 {
				t.Fatal(a.Body)
			}
			out := r.Call("DELETE", "/v1/sessions/current", "", "", withCookie(got.Value))
			if out.StatusCode != 204 || len(out.Cookies()) != 1 || out.Cookies()[0].MaxAge >= 0 {
				t.Errorf("%d %v", out.StatusCode, out.Header)
			}
		})
	}
	r := newRig(t)
	a := signIn(r, "jo@example.com", password, `,"cookie":true`, withHeader("X-Forwarded-Proto", "https"))
	if a.Cookies()[0].Secure {
		t.Error("a stranger's X-Forwarded-Proto counts")
	}
}

func TestCookieIsNoUseToAnotherSite(t *testing.T) {
	r := newRig(t)
	r.Order(demo, 0)
	patch := func(change ...func(*http.Request)) reply {
		return r.Call("PATCH", "/v1/orders/820982911946154508", "", `{"handling":"seen"}`,
			append(change, withCookie(ownerSession))...)
	}
	r.Problem(patch(withHeader("Sec-Fetch-Site", "cross-site")), 403, "cross_site")
	r.Problem(patch(withHeader("Sec-Fetch-Site", "same-site")), 403, "cross_site")
	r.Problem(patch(withHeader("Origin", "https://evil.example")), 403, "cross_site")
	for _, change := range []func(*http.Request){
		withHeader("Sec-Fetch-Site", "same-origin"), withHeader("Origin", r.URL), func(*http.Request) {},
	} {
		if a := patch(change); a.StatusCode != 200 {
			t.Errorf("%d %s", a.StatusCode, a.Body)
		}
	}
	r.Problem(r.Call("POST", "/signin", "", "", withHeader("Sec-Fetch-Site", "cross-site")), 403, "cross_site")
	r.Problem(r.Call("GET", "/v1/orders", "", "", withCookie(demoToken)), 401, "unauthenticated")
	r.Problem(r.Call("GET", "/v1/orders", "", "", withCookie(ownerSession), withHeader("Authorization", "Basic am8=")),
		401, "unauthenticated")
	both := r.Call("GET", "/v1/orders", demoToken, "", withCookie(otherSession))
	if len(both.JSON(t)["orders"].([]any)) != 1 {
		t.Error("the bearer token doesn't go before the cookie")
	}
}

func TestSignInFormOfThePage(t *testing.T) {
	r := newRig(t)
	post := func(email, pw string) reply {
		req, err := http.NewRequest("POST", r.URL+"/signin",
			strings.NewReader(url.Values{"email": {email}, "password": {pw}}.Encode()))
		must(t, err)
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Sec-Fetch-Site", "same-origin")
		return r.Do(req)
	}
	a := post("jo@example.com", "wrong")
	if a.StatusCode != 401 || len(a.Cookies()) != 0 || !strings.Contains(a.Body, "is wrong") ||
		!strings.Contains(a.Body, `value="jo@example.com"`) {
		t.Errorf("%d %s", a.StatusCode, a.Body)
	}
	a = post("jo@example.com", password)
	if a.StatusCode != 303 || a.Header.Get("Location") != "/" || len(a.Cookies()) != 1 {
		t.Fatalf("%d %v", a.StatusCode, a.Header)
	}
	cookie := withCookie(a.Cookies()[0].Value)
	if a := r.Call("GET", "/", "", "", cookie); !strings.Contains(a.Body, demo) {
		t.Error(a.Body)
	}
	if a := r.Call("POST", "/signout", "", "", cookie); a.StatusCode != 303 {
		t.Error(a.Body)
	}
	if a := r.Call("GET", "/", "", "", cookie); a.StatusCode != 303 || a.Header.Get("Location") != "/signin" {
		t.Error("still signed in after signing out")
	}
}

// TestSignInLinkWorksOnce also looks at it as scanners of mail do, which call themselves
// ordinary browsers, and more than once: only the button uses it up.
func TestSignInLinkWorksOnce(t *testing.T) {
	r := newRig(t)
	secret, link := web.NewSignInLink(r.Owner.ID, r.Clock.Now())
	must(t, r.DB.AddLink(t.Context(), link))
	follow := func(method string, change ...func(*http.Request)) {
		t.Helper()
		a := r.Call(method, "/signin?once="+secret, "", "", change...)
		if a.StatusCode != 200 || len(a.Cookies()) != 0 || method == "GET" &&
			!strings.Contains(a.Body, `name="once" value="`+secret+`"`) {
			t.Errorf("%d %v %s", a.StatusCode, a.Cookies(), a.Body)
		}
	}
	press := func(secret string, change ...func(*http.Request)) reply {
		return r.Call("POST", "/signin", "", "once="+secret,
			append(change, withHeader("Content-Type", "application/x-www-form-urlencoded"))...)
	}
	follow("GET")
	follow("HEAD")
	for _, who := range []string{"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) " +
		"Chrome/140.0.0.0 Safari/537.36", "Slackbot-LinkExpanding 1.0"} {
		follow("GET", withHeader("User-Agent", who), withHeader("Sec-Fetch-Site", "none"),
			withHeader("Sec-Fetch-Mode", "navigate"))
	}
	follow("GET", withCookie(otherSession))
	if a := press("wrong"); a.StatusCode != 401 || len(a.Cookies()) != 0 {
		t.Errorf("a wrong one: %d", a.StatusCode)
	}
	// Another site's page, which could sign its visitors in as somebody else, presses no button.
	r.Problem(press(secret, withHeader("Sec-Fetch-Site", "cross-site")), 403, "cross_site")

	a := press(secret, withHeader("Sec-Fetch-Site", "same-origin"))
	if a.StatusCode != 303 || a.Header.Get("Location") != "/" || len(a.Cookies()) != 1 {
		t.Fatalf("%d %s", a.StatusCode, a.Body)
	}
	if page := r.Call("GET", "/", "", "", withCookie(a.Cookies()[0].Value)); !strings.Contains(page.Body, demo) {
		t.Error(page.Body)
	}
	if again := press(secret); again.StatusCode != 401 || len(again.Cookies()) != 0 ||
		!strings.Contains(again.Body, "was used before") {
		t.Errorf("again: %d %s", again.StatusCode, again.Body)
	}
	if again := press(secret, withCookie(a.Cookies()[0].Value)); again.StatusCode != 303 {
		t.Errorf("again, signed in: %d", again.StatusCode)
	}
	if strings.Contains(r.Logged.String(), secret) {
		t.Error("the link's secret is in the log")
	}
}

// subscribe adds a browser as an installation of its owner's.
func (r *rig) subscribe(installation string) {
	r.Helper()
	d := r.Device(demo, installation)
	d.PersonID, d.Kind, d.Platform, d.Value = r.Owner.ID, bellhop.AddressWebPush, bellhop.PlatformWeb, installation
	_, err := r.DB.PutDevice(r.Context(), d, store.DeviceLimits{})
	must(r, err)
}

func (r *rig) installations(shop string) (names []string) {
	r.Helper()
	all, err := r.DB.Devices(r.Context(), shop)
	must(r, err)
	for _, d := range all {
		names = append(names, d.Installation)
	}
	return names
}

// Signing out of a browser with notifications asks whether to keep them.
func TestSigningOutSilencesTheBrowser(t *testing.T) {
	as := func(installation string) func(*http.Request) {
		return func(req *http.Request) {
			req.AddCookie(&http.Cookie{Name: "bellhop_installation", Value: installation})
		}
	}
	for _, c := range []struct {
		name, session, browser, wish string
		asked                        bool
		left                         []string
		clears                       bool
	}{
		{"it is asked", ownerSession, "browser-1", "", true, []string{"browser-1", "phone"}, false},
		{"it stops", ownerSession, "browser-1", "stop", false, []string{"phone"}, true},
		{"it keeps its notifications", ownerSession, "browser-1", "ring", false, []string{"browser-1", "phone"}, false},
		{"it has none", ownerSession, "browser-2", "", false, []string{"browser-1", "phone"}, true},
		{"it is somebody else's", ownerSession, "phone", "stop", false, []string{"browser-1", "phone"}, true},
		{"somebody else's session", otherSession, "browser-1", "stop", false, []string{"browser-1", "phone"}, true},
		{"an operator's", operatorSession, "browser-1", "stop", false, []string{"browser-1", "phone"}, true},
		{"nobody's", "", "browser-1", "stop", false, []string{"browser-1", "phone"}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t)
			r.subscribe("browser-1")
			r.Device(demo, "phone") // nobody's
			a := r.Post("/signout", c.session, url.Values{"browser": {c.wish}}, as(c.browser))
			if c.asked != (a.StatusCode == 200) || c.asked != strings.Contains(a.Body, `name="browser" value="stop"`) {
				t.Fatalf("%d %s", a.StatusCode, a.Body)
			}
			if left := r.installations(demo); !slices.Equal(left, c.left) {
				t.Errorf("there are %v", left)
			}
			if clears := a.Header.Get("Clear-Site-Data") == `"storage"`; clears != c.clears {
				t.Errorf("%v", a.Header)
			}
			if c.session != "" && (r.Get("/", c.session).StatusCode == 303) == c.asked && c.session != operatorSession {
				t.Errorf("signed out is %t", !c.asked)
			}
		})
	}
}

// An app names with the end of its session the device that gets no more pushes.
func TestSigningOutOfAnApp(t *testing.T) {
	r := newRig(t)
	r.Device(demo, "phone")
	r.Device(demo, "tablet")
	r.Device(other, "phone")
	if a := r.Call("DELETE", "/v1/sessions/current?device=phone", ownerSession, ""); a.StatusCode != 204 {
		t.Fatal(a.Body)
	}
	if left := r.installations(demo); !slices.Equal(left, []string{"tablet"}) || len(r.installations(other)) != 1 {
		t.Errorf("there are %v", left)
	}
	r.Problem(r.Call("GET", "/v1/orders", ownerSession, ""), 401, "unauthenticated")
}

func TestPasswords(t *testing.T) {
	hash, err := web.HashPassword(password)
	must(t, err)
	if !strings.HasPrefix(hash, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Errorf("got %s", hash)
	}
	for pw, want := range map[string]bool{password: true, password + " ": false, "": false} {
		if ok, err := web.VerifyPassword(hash, pw); ok != want || err != nil {
			t.Errorf("%q: %v %v", pw, ok, err)
		}
	}
	if other, err := web.HashPassword(password); err != nil || other == hash {
		t.Errorf("%v: two hashes are the same", err)
	}
	for _, pw := range []string{"", "short", strings.Repeat("x", 1025)} {
		if _, err := web.HashPassword(pw); err == nil {
			t.Errorf("%d characters are taken", len(pw))
		}
	}
	for _, bad := range []string{"", "x", "$argon2i$v=19$m=19456,t=2,p=1$YWFhYWFhYWE$YWFhYWFhYWFhYWFhYWFhYQ",
		"$argon2id$v=19$m=99999999,t=2,p=1$YWFhYWFhYWE$YWFhYWFhYWFhYWFhYWFhYQ",
		"$argon2id$v=19$m=64,t=0,p=1$YWFhYWFhYWE$YWFhYWFhYWFhYWFhYWFhYQ",
		"$argon2id$v=19$m=64,t=1,p=1$YWFhYWFhYWE$!", "$argon2id$v=19$m=64,t=1,p=1$$YWFhYWFhYWFhYWFhYWFhYQ"} {
		if ok, err := web.VerifyPassword(bad, password); ok || err == nil {
			t.Errorf("%q is verified", bad)
		}
	}
}

func TestNewTokens(t *testing.T) {
	a, hash := web.NewToken()
	b, _ := web.NewToken()
	if a == b || !strings.HasPrefix(a, "bh_t_") || web.HashToken(a) != hash {
		t.Errorf("%s %s", a, b)
	}
}
