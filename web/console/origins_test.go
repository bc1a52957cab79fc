package console_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/chromedp/chromedp"

	"bellhop/web/site"
)

const appOrigin = "capacitor://localhost"

func allowing(origins ...string) func(*site.Options) {
	return func(o *site.Options) { o.AllowedOrigins = origins }
}

func TestOriginsThatMayUseTheAPI(t *testing.T) {
	r := newRig(t, allowing(appOrigin, "http://localhost:3000"))
	r.Order(demo, 0)
	from := func(origin string) func(*http.Request) {
		return func(req *http.Request) {
			req.Header.Set("Origin", origin)
			req.Header.Set("Sec-Fetch-Site", "cross-site")
		}
	}
	preflight := func(path, origin string) reply {
		return r.Call("OPTIONS", path, "", "", from(origin), withHeader("Access-Control-Request-Method", "PATCH"),
			withHeader("Access-Control-Request-Headers", "authorization,content-type"))
	}
	path := "/v1/orders/" + orderID(0)
	a := preflight(path, appOrigin)
	if a.StatusCode != 204 || a.Header.Get("Access-Control-Allow-Origin") != appOrigin ||
		a.Header.Get("Access-Control-Allow-Methods") != "PATCH" ||
		a.Header.Get("Access-Control-Allow-Headers") != "authorization,content-type" ||
		a.Header.Get("Access-Control-Allow-Credentials") != "" {
		t.Errorf("%d %v", a.StatusCode, a.Header)
	}
	for _, other := range []string{"https://evil.example", "capacitor://localhost.evil.example", "null", "http://localhost:3001"} {
		if a := preflight(path, other); a.Header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s: %v", other, a.Header)
		}
	}
	if a := preflight("/orders/handling", appOrigin); a.Header.Get("Access-Control-Allow-Origin") != "" {
		t.Error("the console's own pages are shared")
	}

	a = r.Call("PATCH", path, ownerSession, `{"handling":"seen"}`, from(appOrigin))
	if a.StatusCode != 200 || a.Header.Get("Access-Control-Allow-Origin") != appOrigin ||
		a.Header.Get("Vary") != "Origin" {
		t.Errorf("%d %v %s", a.StatusCode, a.Header, a.Body)
	}
	// An app may read why it was refused, too.
	if a := r.Call("GET", path, "bh_s_wrong", "", from(appOrigin)); a.StatusCode != 401 ||
		a.Header.Get("Access-Control-Allow-Origin") != appOrigin {
		t.Errorf("%d %v", a.StatusCode, a.Header)
	}
	// It signs in without a token, and a cookie beside it counts for nothing.
	a = signIn(r, "jo@example.com", password, "", from(appOrigin))
	if a.StatusCode != 200 || a.Header.Get("Access-Control-Allow-Origin") != appOrigin {
		t.Errorf("%d %v %s", a.StatusCode, a.Header, a.Body)
	}
	r.Problem(r.Call("PATCH", path, "", `{"handling":"handled"}`, from(appOrigin), withCookie(ownerSession)), 401,
		"unauthenticated")
	r.Problem(r.Call("POST", "/signin", "", "", from(appOrigin)), 403, "cross_site")
}

// A token counts from any origin; a cookie beside it counts for nothing.
func TestBearerTokensAreNotCrossSite(t *testing.T) {
	r := newRig(t)
	r.Order(demo, 0)
	crossed := withHeader("Sec-Fetch-Site", "cross-site")
	patch := func(secret string, change ...func(*http.Request)) reply {
		return r.Call("PATCH", "/v1/orders/"+orderID(0), secret, `{"handling":"seen"}`, append(change, crossed)...)
	}
	for _, secret := range []string{ownerSession, demoToken} {
		if a := patch(secret, withHeader("Origin", "https://app.example.com")); a.StatusCode != 200 || a.Header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%d %v %s", a.StatusCode, a.Header, a.Body)
		}
	}
	r.Problem(patch("bh_s_wrong", withCookie(ownerSession)), 401, "unauthenticated")
	r.Problem(patch("", withCookie(ownerSession), withHeader("Authorization", "Basic am8=")), 403, "cross_site")
	r.Problem(patch("", withCookie(ownerSession)), 403, "cross_site")
}

// TestAppOfAnotherOrigin uses the API from a page of another origin, in a browser.
func TestAppOfAnotherOrigin(t *testing.T) {
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte("<!doctype html><title>app</title><p>app</p>"))
	}))
	t.Cleanup(app.Close)
	for name, c := range map[string]struct {
		allowed []string
		want    string
	}{"allowed": {[]string{app.URL}, "200 owner 200 seen"}, "another": {[]string{appOrigin}, "refused"}} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, allowing(c.allowed...))
			r.Order(demo, 0)
			b := newBrowser(t, r)
			b.do(chromedp.Navigate(app.URL))
			b.eval(`(async () => {
				const call = (method, path, body, token) => fetch("` + r.URL + `" + path, { method, body: JSON.stringify(body),
					headers: Object.assign({ "Content-Type": "application/json" }, token && { Authorization: "Bearer " + token }) });
				try {
					const session = await call("POST", "/v1/sessions", { email: "jo@example.com", password: "` + password + `" });
					const { token, role } = await session.json();
					const order = await call("PATCH", "/v1/orders/` + orderID(0) + `", { handling: "seen" }, token);
					document.title = [session.status, role, order.status, (await order.json()).handling].join(" ");
				} catch { document.title = "refused"; }
			})()`)
			b.until(`document.title !== "app"`)
			if got := b.eval("document.title"); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
}
