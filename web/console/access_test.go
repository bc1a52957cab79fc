package console_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"bellhop"
)

// After signing in people come back to their page, and nowhere else.
func TestSigningInComesBack(t *testing.T) {
	r := newRig(t)
	r.Order(demo, 0)
	a := r.Call("GET", "/orders/"+orderID(0)+"?x=1", "", "")
	if want := "/signin?next=" + url.QueryEscape("/orders/"+orderID(0)+"?x=1"); a.StatusCode != 303 ||
		a.Header.Get("Location") != want {
		t.Errorf("%d %s", a.StatusCode, a.Header.Get("Location"))
	}
	r.Clock.Add(48 * time.Hour)
	a = r.Post("/orders/handling", ownerSession, url.Values{"set": {orderID(0) + ".new.handled"},
		"back": {"/?show=new"}})
	if a.Header.Get("Location") != "/signin?next="+url.QueryEscape("/?show=new") || r.handling(demo, 0) != "new" {
		t.Errorf("a form after the session ran out: %v", a.Header)
	}
	for next, want := range map[string]string{
		"/pushes?status=failed": "/pushes?status=failed", "": "/", "https://evil.example/": "/", "//evil.example": "/",
		`/\evil.example`: "/", "javascript:alert(1)": "/", "/%0d%0aX: y": "/%0D%0AX:%20y", "pushes": "/",
	} {
		a := r.Post("/signin", "", url.Values{"email": {"jo@example.com"}, "password": {password}, "next": {next}})
		if a.StatusCode != 303 || a.Header.Get("Location") != want {
			t.Errorf("%q: %d to %q", next, a.StatusCode, a.Header.Get("Location"))
		}
	}
	if a := r.Call("GET", "/live", "", ""); a.StatusCode != 401 {
		t.Errorf("the stream of somebody unknown: %d", a.StatusCode)
	}
}

// TestRoles asks for every page of the console as everybody.
func TestRoles(t *testing.T) {
	r := newRig(t)
	for _, shop := range []string{demo, other} {
		r.Device(shop, "phone")
		r.Order(shop, 0)
	}
	const signIn, overview = -1, -2
	for _, c := range []struct {
		method, path                             string
		form                                     url.Values
		nobody, token, owner, stranger, operator int
	}{
		{"GET", "/", nil, signIn, signIn, 200, 200, overview},
		{"GET", "/?shop=" + demo, nil, signIn, signIn, 200, 404, 200},
		{"GET", "/orders/" + orderID(0), nil, signIn, signIn, 200, 200, overview},
		{"GET", "/orders/" + orderID(0) + "?shop=" + demo, nil, signIn, signIn, 200, 404, 200},
		{"GET", "/orders/" + orderID(9), nil, signIn, signIn, 404, 404, overview},
		{"GET", "/pushes?shop=" + demo, nil, signIn, signIn, 200, 404, 200},
		{"GET", "/devices?shop=" + demo, nil, signIn, signIn, 200, 404, 200},
		{"GET", "/settings", nil, signIn, signIn, 200, 200, 200},
		{"GET", "/shops", nil, signIn, signIn, 404, 404, 200},
		{"GET", "/shop?shop=" + demo, nil, signIn, signIn, 200, 404, 200},
		{"GET", "/shop", nil, signIn, signIn, 200, 200, overview},
		{"POST", "/shop/check?shop=" + demo, nil, signIn, signIn, 404, 404, 404},
		{"POST", "/orders/handling?shop=" + demo, url.Values{"set": {orderID(0) + ".new.seen"}}, signIn, signIn, 303, 404, 303},
		{"POST", "/devices/ring?shop=" + demo, url.Values{"device": {"phone"}}, signIn, signIn, 303, 404, 303},
		{"POST", "/devices/ring", url.Values{"device": {"tablet"}}, signIn, signIn, 404, 404, overview},
		{"POST", "/settings", url.Values{"language": {"ko"}}, signIn, signIn, 303, 303, 303},
		{"POST", "/devices/remove?shop=" + demo, url.Values{"device": {"phone"}}, signIn, signIn, 303, 404, 303},
	} {
		for _, as := range []struct {
			who, session string
			want         int
		}{{"nobody", "", c.nobody}, {"a token", demoToken, c.token}, {"the owner", ownerSession, c.owner},
			{"another owner", otherSession, c.stranger}, {"an operator", operatorSession, c.operator}} {
			var a reply
			if c.method == "GET" {
				a = r.Get(c.path, as.session)
			} else {
				a = r.Post(c.path, as.session, c.form)
			}
			got, to := a.StatusCode, a.Header.Get("Location")
			switch {
			case got == 303 && strings.HasPrefix(to, "/signin"):
				got = signIn
			case got == 303 && to == "/overview":
				got = overview
			}
			if got != as.want {
				t.Errorf("%s %s as %s: %d to %q, not %d", c.method, c.path, as.who, a.StatusCode, to, as.want)
			}
		}
	}
	if o := r.handling(other, 0); o != bellhop.HandlingSeen {
		t.Errorf("its own owner looked at it, and it is %s", o)
	}
	if d, err := r.DB.Devices(t.Context(), other); err != nil || len(d) != 1 {
		t.Errorf("%v %v", d, err)
	}
}

func TestOperatorChoosesAShop(t *testing.T) {
	r := newRig(t)
	a := r.Get("/shops", operatorSession)
	if !strings.Contains(a.Body, `href="/?shop=demo.myshopify.com"`) ||
		!strings.Contains(a.Body, `href="/?shop=other.myshopify.com"`) {
		t.Error(a.Body)
	}
	a = r.Get("/?shop="+other, operatorSession)
	if !strings.Contains(a.Body, `href="/pushes?shop=`+other+`"`) ||
		!strings.Contains(a.Body, `data-live="/live?shop=`+other+`#`) {
		t.Error(a.Body)
	}
}

func TestNoticeOfAnotherIsNotBelieved(t *testing.T) {
	r := newRig(t)
	for _, value := range []string{"!", "e30", "eyJzYXkiOiJuby5zdWNoIn0", "eyJ1bmRvIjpbIngiXX0"} {
		a := r.Get("/", ownerSession, func(req *http.Request) {
			req.AddCookie(&http.Cookie{Name: "bellhop_notice", Value: value})
		})
		if a.StatusCode != 200 || strings.Contains(a.Body, `class="notice`) {
			t.Errorf("%s: %d", value, a.StatusCode)
		}
	}
}

// The form of quiet hours names their clock.
func TestClockOfQuietHours(t *testing.T) {
	r := newRig(t)
	shows := func(want string) {
		t.Helper()
		if a := r.Get("/settings", ownerSession); !strings.Contains(a.Body, `<span id="quiet-clock">`+want+`</span>`) {
			t.Errorf("not %q: %s", want, a.Body)
		}
	}
	put := func(installation, zone, secret string) {
		a := r.Call("PUT", "/v1/devices/"+installation, secret, `{"kind":"token","value":"`+installation+
			`","platform":"ios","timezone":"`+zone+`"}`)
		if a.StatusCode != 200 {
			t.Fatal(a.Body)
		}
	}
	put("till", "Asia/Tokyo", demoToken) // nobody's
	shows("Quiet hours follow the time zone of each device.")
	put("phone", "kst", ownerSession)
	shows("Quiet hours follow the time zone of each device: Asia/Seoul.")
	put("tablet", "Mars/Base", ownerSession)
	shows("Quiet hours follow the time zone of each device: Asia/Seoul, UTC.")
	if a := r.Post("/settings", ownerSession, url.Values{"timezone": {"europe/berlin"}}); a.StatusCode != 303 {
		t.Errorf("%d %s", a.StatusCode, a.Body)
	}
	shows("Quiet hours follow the time zone that you chose: Europe/Berlin.")
}

func TestSettings(t *testing.T) {
	r := newRig(t)
	r.Order(demo, 0)
	korean := withHeader("Accept-Language", "ko-KR,ko;q=0.9")
	if a := r.Get("/", ownerSession, korean); !strings.Contains(a.Body, `<html lang="ko">`) ||
		!strings.Contains(a.Body, "처리됨으로 표시") ||
		!strings.Contains(a.Body, "2026. 11. 22. 오전 9:00") {
		t.Error(a.Body)
	}
	zoned := func(req *http.Request) { req.AddCookie(&http.Cookie{Name: "bellhop_timezone", Value: "Asia%2FSeoul"}) }
	if a := r.Get("/", ownerSession, zoned); !strings.Contains(a.Body, "Nov 22, 2026 6:00 pm") {
		t.Error("the browser's clock does not count")
	}
	a := r.Post("/settings", ownerSession, url.Values{"language": {"ja"}, "timezone": {"America/New_York"},
		"back": {"/settings"}})
	if page := r.goOn(a, ownerSession); !strings.Contains(page.Body, "保存しました。") ||
		!strings.Contains(page.Body, `value="America/New_York"`) {
		t.Error(page.Body)
	}
	if a := r.Get("/", ownerSession, korean, zoned); !strings.Contains(a.Body, "2026/11/22 4:00") ||
		!strings.Contains(a.Body, `<html lang="ja">`) {
		t.Error("the setting does not go before the browser's")
	}
	for _, form := range []url.Values{{"language": {"xx"}, "timezone": {"UTC"}}, {"timezone": {"Mars/Olympus"}},
		{"timezone": {"Local"}}, {"timezone": {"../../etc/passwd"}},
		{"at_least": {"much"}}, {"loud_from": {"-1"}}, {"quiet_from": {"22:00"}},
		{"quiet_from": {"22:00"}, "quiet_to": {"25:00"}}, {"gather_above": {"many"}}, {"gather_above": {"1001"}}} {
		a := r.Post("/settings", ownerSession, form)
		if a.StatusCode != 400 || !strings.Contains(a.Body, ` aria-invalid="true"`) ||
			!strings.Contains(a.Body, `-wrong"`) {
			t.Errorf("%v: %d", form, a.StatusCode)
		}
	}
	all := url.Values{"language": {"ja"}, "timezone": {"Asia/Tokyo"}, "paid": {"on"}, "refunded": {"on"},
		"at_least": {"10"}, "quiet_from": {"22:00"},
		"quiet_to": {"07:00"}, "gather_above": {"12"}, "loud_from": {"500"}, "back": {"/settings"}}
	want := bellhop.Settings{Language: "ja", Timezone: "Asia/Tokyo", NotNew: true, Paid: true, Refunded: true,
		AtLeast: "10", QuietFrom: "22:00",
		QuietTo: "07:00", GatherAbove: 12, LoudFrom: "500"}
	page := r.goOn(r.Post("/settings", ownerSession, all), ownerSession)
	if p, err := r.DB.PersonByEmail(t.Context(), "jo@example.com"); err != nil || p.Settings != want {
		t.Errorf("%+v %v", p.Settings, err)
	}
	for _, shown := range []string{`name="paid" checked`, `name="new">`, `value="22:00"`, `value="12"`, `value="500"`} {
		if !strings.Contains(page.Body, shown) {
			t.Errorf("the form lacks %s", shown)
		}
	}
	r.Post("/settings", operatorSession, all)
	if p, err := r.DB.PersonByEmail(t.Context(), "op@example.com"); err != nil ||
		p.Settings != (bellhop.Settings{Language: "ja", Timezone: "Asia/Tokyo"}) {
		t.Errorf("an operator's: %+v %v", p.Settings, err)
	}
}
