package console_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"bellhop"
	"bellhop/store"
)

// goOn goes where an answer to a form sends the browser, with its cookies.
func (r *rig) goOn(a reply, session string) reply {
	r.Helper()
	if a.StatusCode != 303 {
		r.Fatalf("%d %s", a.StatusCode, a.Body)
	}
	return r.Get(a.Header.Get("Location"), session, func(req *http.Request) {
		for _, c := range a.Cookies() {
			req.AddCookie(c)
		}
	})
}

// settle sends the due pushes.
func (r *rig) settle() {
	r.Helper()
	ctx, now := context.Background(), day.Add(time.Hour)
	owed, err := r.DB.ClaimPushes(ctx, now, store.Slots{Free: 1000}, time.Minute)
	must(r, err)
	for _, o := range owed {
		must(r, r.DB.SettlePushes(ctx,
			[]store.Settled{{Pushes: o.Pushes, Status: bellhop.PushSent,
				At: o.Orders[0].AcceptedAt.Add(1120 * time.Millisecond)}}))
	}
}

func (r *rig) handling(shop string, n int) bellhop.Handling {
	r.Helper()
	o, err := r.DB.Order(context.Background(), shop, 820982911946154508+int64(n))
	must(r, err)
	return o.Handling
}

// consolePages are all pages for signed-in people.
var consolePages = []string{"/", "/orders/" + orderID(0), "/pushes", "/devices", "/settings"}

func TestPagesAreStrict(t *testing.T) {
	r := newRig(t)
	r.Device(demo, "phone")
	r.Order(demo, 0)
	r.settle()
	strictPage(t, r.Call("GET", "/signin", "", ""))
	strictPage(t, r.Call("GET", "/signin?once=bh_l_x", "", ""))
	for _, path := range consolePages {
		strictPage(t, r.Get(path, ownerSession))
	}
	strictPage(t, r.Get("/shops", operatorSession))
	page := r.Get("/", ownerSession)
	for _, want := range []string{`data-key="820982911946154508"`, "$403.00", "Nov 22, 2026 9:00 am",
		`data-live="/live#1"`, "Paid", "1.12 s"} {
		if !strings.Contains(page.Body, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	js := r.Call("GET", "/assets/console.js", "", "")
	for _, never := range []string{"innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("} {
		if strings.Contains(js.Body, never) {
			t.Errorf("the script has %s", never)
		}
	}
	again := r.Call("GET", "/assets/console.js", "", "", withHeader("If-None-Match", js.Header.Get("ETag")))
	if js.Header.Get("Content-Type") != "text/javascript; charset=utf-8" || again.StatusCode != 304 {
		t.Errorf("%v, then %d", js.Header, again.StatusCode)
	}
}

// hostile is a customer's text.
var hostile = []string{
	`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `' onmouseover='alert(1)`,
	`</span><svg/onload=alert(1)>`,
	`<a href="javascript:alert(1)">x</a>`, `{{.Shop}}`, `&lt;b&gt;`, "\u202Eevil", `--><script>alert(1)</script>`,
	`</title><script>alert(1)</script>`,
	"`${alert(1)}`", `<template><script>alert(1)</script></template>`, "O'Brien & Sons", "日本語 😀",
	`</textarea><iframe src=//evil.example>`,
}

// The pages show customers' words only as text.
func TestCustomersTextStaysText(t *testing.T) {
	r := newRig(t)
	for n, text := range hostile {
		r.Order(demo, n, func(o *bellhop.Order) {
			o.CustomerName, o.CustomerEmail, o.Name, o.Note, o.FinancialStatus, o.FulfillmentStatus = text, text, text,
				text, text, text
			o.Items[0].Title, o.Items[0].Variant, o.Items[0].SKU = text, text, text
		})
	}
	all := r.Get("/", ownerSession)
	pages := []reply{all, r.Get("/pushes", ownerSession), r.Get("/?q="+url.QueryEscape(hostile[1]), ownerSession)}
	for n := range hostile {
		pages = append(pages, r.Get("/orders/"+orderID(n), ownerSession))
	}
	for _, a := range pages {
		strictPage(t, a)
		for _, never := range []string{"<script>alert", "<img", "<svg/", `<a href="javascript`, "onmouseover='",
			"<iframe"} {
			if strings.Contains(a.Body, never) {
				t.Errorf("%s has %s", a.Request.URL, never)
			}
		}
	}
	for _, want := range []string{"O&#39;Brien &amp; Sons", "日本語 😀", "{{.Shop}}", "&amp;lt;b&amp;gt;"} {
		if !strings.Contains(all.Body, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	if a := r.Call("GET", "/v1/orders", ownerSession, ""); a.Header.Get("X-Content-Type-Options") != "nosniff" ||
		!strings.HasPrefix(a.Header.Get("Content-Security-Policy"), "default-src 'none'") {
		t.Errorf("%v", a.Header)
	}
}

func TestFiltersSearchAndPages(t *testing.T) {
	r := newRig(t)
	for n := range 120 {
		r.Order(demo, n, func(o *bellhop.Order) {
			if n%40 == 7 {
				o.CancelledAt = day
			}
		})
	}
	r.Post("/orders/handling", ownerSession, url.Values{"set": {orderID(3) + ".new.handled"}})
	keys := regexp.MustCompile(`data-key="(\d+)"`)
	count := func(path string) (n int, next string) {
		a := r.Get(path, ownerSession)
		strictPage(t, a)
		if m := regexp.MustCompile(`rel="next" href="([^"]+)"`).FindStringSubmatch(a.Body); m != nil {
			next = strings.ReplaceAll(m[1], "&amp;", "&")
		}
		return len(keys.FindAllString(a.Body, -1)), next
	}
	for path, want := range map[string]int{"/?show=handled": 1, "/?show=cancelled": 3, "/?show=seen": 0,
		"/?q=%231007": 1, "/?q=1007&show=new": 1, "/?q=nobody": 0} {
		if n, _ := count(path); n != want {
			t.Errorf("%s: %d orders, not %d", path, n, want)
		}
	}
	total := 0
	for path := "/"; path != ""; {
		n, next := count(path)
		total, path = total+n, next
	}
	if total != 120 {
		t.Errorf("%d orders on all pages", total)
	}
	for _, path := range []string{"/?show=lost", "/?cursor=!", "/pushes?status=lost", "/pushes?cursor=!"} {
		if a := r.Get(path, ownerSession); a.StatusCode != 400 || !strings.Contains(a.Body, "A value in the address") {
			t.Errorf("%s: %d %s", path, a.StatusCode, a.Body)
		}
	}
}

func TestHandlingAndUndo(t *testing.T) {
	r := newRig(t)
	for n := range 3 {
		r.Order(demo, n)
	}
	r.Get("/orders/"+orderID(1), operatorSession) // needs a shop, and no person saw it
	r.Get("/orders/"+orderID(1)+"?shop="+demo, operatorSession)
	if h := r.handling(demo, 1); h != bellhop.HandlingNew {
		t.Errorf("after an operator's visit it is %s", h)
	}
	r.Get("/orders/"+orderID(1), ownerSession)
	if h := r.handling(demo, 1); h != bellhop.HandlingSeen {
		t.Errorf("after the owner's visit it is %s", h)
	}
	several := url.Values{"order": {orderID(0) + ".new", orderID(1) + ".seen"}, "to": {"handled"},
		"back": {"/?show=new"}}
	a := r.Post("/orders/handling", ownerSession, several)
	if a.Header.Get("Location") != "/?show=new" || r.handling(demo, 0) != "handled" ||
		r.handling(demo, 1) != "handled" || r.handling(demo, 2) != "new" {
		t.Errorf("%v", a.Header)
	}
	page := r.goOn(a, ownerSession)
	if !strings.Contains(page.Body, "2 orders are marked handled.") {
		t.Fatal(page.Body)
	}
	undo := url.Values{"undo": {"1"}}
	for _, m := range regexp.MustCompile(`name="set" value="([^"]+)">`).FindAllStringSubmatch(between(page.Body,
		`id="notice"`, "<main"), -1) {
		undo.Add("set", m[1])
	}
	page = r.goOn(r.Post("/orders/handling", ownerSession, undo), ownerSession)
	if r.handling(demo, 0) != "new" || r.handling(demo, 1) != "seen" {
		t.Error("not undone")
	}
	if strings.Contains(page.Body, ">Undo<") {
		t.Error("undoing can be undone")
	}
	theirs(t, r)
	for name, form := range map[string]url.Values{
		"no order": {"set": {"x.new.seen"}}, "no state": {"set": {orderID(0) + ".new.lost"}}, "short": {"set": {orderID(0)}},
		"too many": {"set": make([]string, 201)},
	} {
		if a := r.Post("/orders/handling", ownerSession, form); a.StatusCode != 400 && a.StatusCode != 404 {
			t.Errorf("%s: %d", name, a.StatusCode)
		}
	}
	if a := r.Post("/orders/handling", ownerSession, url.Values{}); a.StatusCode != 303 {
		t.Errorf("nothing picked: %d", a.StatusCode)
	}
}

func between(s, from, to string) string {
	_, s, _ = strings.Cut(s, from)
	s, _, _ = strings.Cut(s, to)
	return s
}

// TestTestPush sends a test: the request ends at once, and the push's outcome stands beside the
// device once it is known.
func TestTestPush(t *testing.T) {
	r := newRig(t)
	r.Device(demo, "phone")
	send := func(name string) reply {
		return r.goOn(r.Post("/devices/ring", ownerSession, url.Values{"device": {name}, "back": {"/devices"}}),
			ownerSession)
	}
	if a := send("phone"); !strings.Contains(a.Body, "A test is on its way to phone") ||
		!strings.Contains(a.Body, `<span class="badge push-pending">`) {
		t.Error(a.Body)
	}
	owed, err := r.DB.ClaimPushes(t.Context(), r.Clock.Now(), store.Slots{Free: 10}, time.Minute)
	if err != nil || len(owed) != 1 || owed[0].Kind != bellhop.PushTest {
		t.Fatalf("owed %+v, %v", owed, err)
	}
	must(t, r.DB.SettlePushes(t.Context(),
		[]store.Settled{{Pushes: owed[0].Pushes, Status: bellhop.PushFailed, Reason: "not_allowed",
			At: r.Clock.Now()}}))
	if a := r.Get("/devices", ownerSession); !strings.Contains(a.Body, "rejects bellhop&#39;s credentials") ||
		strings.Contains(a.Body, "push-pending") {
		t.Error(a.Body)
	}
	if a := r.Post("/devices/ring", ownerSession, url.Values{"device": {"nobody's"}}); a.StatusCode != 404 {
		t.Errorf("%d", a.StatusCode)
	}
	for range 3 {
		send("phone")
	}
	if a := send("phone"); !strings.Contains(a.Body, "a test a moment ago") {
		t.Error(a.Body)
	}
	for i := range 20 { // a shop has 20 at once
		name := fmt.Sprint("tablet-", i)
		r.Device(demo, name)
		send(name)
	}
	r.Device(demo, "one-more")
	if a := send("one-more"); !strings.Contains(a.Body, "a test a moment ago") {
		t.Error("a shop's tries have no bound")
	}
}

// theirs changes orders between the moments that a person sees and sets them.
func theirs(t *testing.T, r *rig) {
	t.Helper()
	r.Post("/orders/handling", ownerSession, url.Values{"set": {orderID(0) + ".new.handled"}})
	page := r.goOn(r.Post("/orders/handling", ownerSession, url.Values{"set": {orderID(0) + ".new.seen"},
		"back": {"/"}}), ownerSession)
	if !strings.Contains(page.Body, "#1000 stays as it is: somebody else set it to “Handled” in the meantime.") ||
		r.handling(demo, 0) != "handled" {
		t.Errorf("%s: %s", r.handling(demo, 0), page.Body)
	}
	r.Post("/orders/handling", ownerSession, url.Values{"set": {orderID(1) + ".seen.handled"}})
	both := url.Values{"order": {orderID(0) + ".new", orderID(1) + ".seen", orderID(2) + ".new"}, "to": {"seen"},
		"back": {"/"}}
	page = r.goOn(r.Post("/orders/handling", ownerSession, both), ownerSession)
	if !strings.Contains(page.Body, "2 orders stay as they are") || r.handling(demo, 2) != "seen" ||
		!strings.Contains(page.Body, `name="set" value="`+orderID(2)+`.seen.new"`) {
		t.Errorf("%s: %s", r.handling(demo, 2), page.Body)
	}
	r.Problem(r.Call("PATCH", "/v1/orders/"+orderID(0), ownerSession, `{"handling":"seen","was":"new"}`), 409,
		"changed_meanwhile")
	for _, body := range []string{`{"handling":"seen","was":"handled"}`, `{"handling":"new"}`} {
		if a := r.Call("PATCH", "/v1/orders/"+orderID(0), ownerSession, body); a.StatusCode != 200 {
			t.Errorf("%s: %s", body, a.Body)
		}
	}
}

// A page of another site that opens an order doesn't mark it seen.
func TestOnlyTheOwnersOwnLookCounts(t *testing.T) {
	r := newRig(t)
	for n, c := range []struct {
		header, value string
		want          bellhop.Handling
	}{
		{"Sec-Fetch-Site", "cross-site", "new"}, {"Sec-Fetch-Site", "same-site", "new"}, {"Sec-Purpose", "prefetch;prerender", "new"},
		{"Sec-Fetch-Site", "none", "seen"}, {"Sec-Fetch-Site", "same-origin", "seen"}, {"Accept", "*/*", "seen"},
	} {
		r.Order(demo, n)
		if a := r.Get("/orders/"+orderID(n), ownerSession, withHeader(c.header, c.value)); a.StatusCode != 200 ||
			r.handling(demo, n) != c.want {
			t.Errorf("%s: %s: %d %s", c.header, c.value, a.StatusCode, r.handling(demo, n))
		}
	}
}

// At an unknown address a person gets a page in their language, and a program a problem.
func TestUnknownPages(t *testing.T) {
	r := newRig(t)
	browser := func(req *http.Request) {
		req.Header.Set("Accept", "text/html,application/xhtml+xml,*/*;q=0.8")
		req.Header.Set("Accept-Language", "ko-KR")
	}
	for _, c := range []struct {
		method, path, session string
		status                int
	}{{"GET", "/nowhere", "", 404}, {"GET", "/nowhere", ownerSession, 404}, {"GET", "/signout", "", 405},
		{"POST", "/orders/1", ownerSession, 404}} {
		a := r.Call(c.method, c.path, "", "", browser, withCookie(c.session))
		if a.StatusCode != c.status || !strings.HasPrefix(a.Header.Get("Content-Type"), "text/html") ||
			!strings.Contains(a.Body, "페이지를 찾을 수 없습니다") {
			t.Errorf("%s %s: %d %s", c.method, c.path, a.StatusCode, a.Body)
		}
	}
	r.Problem(r.Call("GET", "/nowhere", "", ""), 404, "not_found")
	r.Problem(r.Call("GET", "/v1/nowhere", "", "", browser), 404, "not_found")
}
