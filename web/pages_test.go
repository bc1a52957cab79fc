package web_test

import (
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"bellhop"
	"bellhop/web"
)

var (
	inlineScript  = regexp.MustCompile(`(?i)<script(?:\s[^>]*)?>\s*[^<\s]`)
	inlineStyle   = regexp.MustCompile(`(?i)<style|\sstyle=`)
	inlineHandler = regexp.MustCompile(`(?i)<[a-z][^>]*\son[a-z]+=`)
	loaded        = regexp.MustCompile(`(?i)<(?:script|link|img|iframe|form)[^>]*?(?:src|href|action)="([^"]*)"`)
)

// strictPage checks that a page loads only from itself, has nothing inline, and
// tells the browser to insist on that.
func strictPage(t *testing.T, a reply) {
	t.Helper()
	if a.StatusCode != 200 || a.Header.Get("Content-Type") != "text/html; charset=utf-8" {
		t.Fatalf("%d %v", a.StatusCode, a.Header)
	}
	csp := a.Header.Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'",
		"form-action 'self'", "frame-ancestors 'none'", "base-uri 'none'"} {
		if !strings.Contains(csp, want) {
			t.Errorf("the policy lacks %s: %s", want, csp)
		}
	}
	if strings.Contains(csp, "unsafe") || a.Header.Get("X-Content-Type-Options") != "nosniff" ||
		a.Header.Get("X-Frame-Options") != "DENY" || a.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("%v", a.Header)
	}
	for _, re := range []*regexp.Regexp{inlineScript, inlineStyle, inlineHandler} {
		if found := re.FindString(a.body); found != "" {
			t.Errorf("inline: %s", found)
		}
	}
	for _, m := range loaded.FindAllStringSubmatch(a.body, -1) {
		if !strings.HasPrefix(m[1], "/") || strings.HasPrefix(m[1], "//") {
			t.Errorf("from elsewhere: %s", m[0])
		}
	}
}

func TestPagesAreStrict(t *testing.T) {
	drawer := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, `{"slots":[]}`) })
	r := newRig(t, func(o *web.Options) { o.Drawer = drawer })
	r.order(demo, 0)
	strictPage(t, r.call("GET", "/", "", ""))
	page := r.call("GET", "/", "", "", withCookie(ownerSession))
	strictPage(t, page)
	strictPage(t, r.call("GET", "/", "", "", withCookie(operatorSession)))
	for _, want := range []string{`data-id="820982911946154508"`, "403.00 USD", "2026-11-22 18:00", "skipped", `data-url="/demo/drawer"`, "/v1/stream?shop=demo.myshopify.com"} {
		if !strings.Contains(page.body, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	for path, contentType := range map[string]string{"/assets/live.css": "text/css; charset=utf-8", "/assets/live.js": "text/javascript; charset=utf-8"} {
		if a := r.call("GET", path, "", ""); a.StatusCode != 200 || a.Header.Get("Content-Type") != contentType || a.body == "" {
			t.Errorf("%s: %d %v", path, a.StatusCode, a.Header)
		}
	}
	js := r.call("GET", "/assets/live.js", "", "").body
	for _, never := range []string{"innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("} {
		if strings.Contains(js, never) {
			t.Errorf("the script has %s", never)
		}
	}
}

// What customers write is only ever text.
func TestCustomersTextStaysText(t *testing.T) {
	r := newRig(t)
	corpus := []string{
		`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `' onmouseover='alert(1)`, `</span><svg/onload=alert(1)>`,
		`<a href="javascript:alert(1)">x</a>`, `{{.Shop}}`, `&lt;b&gt;`, "\u202Eevil", `--><script>alert(1)</script>`, `</title><script>alert(1)</script>`,
		"`${alert(1)}`", `<template><script>alert(1)</script></template>`, "O'Brien & Sons", "日本語 😀",
	}
	for n, text := range corpus {
		r.order(demo, n, func(o *bellhop.Order) { o.CustomerName, o.Name, o.Note = text, text, text })
	}
	a := r.call("GET", "/", "", "", withCookie(ownerSession))
	strictPage(t, a)
	for _, never := range []string{"<script>alert", "<img", "<svg", "<a href", "onmouseover='"} {
		if strings.Contains(a.body, never) {
			t.Errorf("the page has %s", never)
		}
	}
	for _, want := range []string{"O&#39;Brien &amp; Sons", "日本語 😀", "{{.Shop}}", "&amp;lt;b&amp;gt;"} {
		if !strings.Contains(a.body, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	if a := r.call("GET", "/v1/orders", ownerSession, ""); a.Header.Get("X-Content-Type-Options") != "nosniff" ||
		!strings.HasPrefix(a.Header.Get("Content-Security-Policy"), "default-src 'none'") {
		t.Errorf("%v", a.Header)
	}
}

func TestLivePageOfAnOperator(t *testing.T) {
	r := newRig(t)
	a := r.call("GET", "/", "", "", withCookie(operatorSession))
	if !strings.Contains(a.body, `href="/?shop=demo.myshopify.com"`) || !strings.Contains(a.body, `href="/?shop=other.myshopify.com"`) {
		t.Error(a.body)
	}
	if a := r.call("GET", "/?shop="+other, "", "", withCookie(operatorSession)); !strings.Contains(a.body, "<h1>"+other) {
		t.Error(a.body)
	}
	r.problem(r.call("GET", "/?shop="+demo, "", "", withCookie(otherSession)), 404, "shop_not_found")
}

func TestDrawerIsForThoseSignedIn(t *testing.T) {
	drawer := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, `{"slots":[]}`) })
	r := newRig(t, func(o *web.Options) { o.Drawer = drawer })
	r.problem(r.call("GET", "/demo/drawer", "", ""), 401, "unauthenticated")
	if a := r.call("GET", "/demo/drawer", "", "", withCookie(ownerSession)); a.body != `{"slots":[]}` {
		t.Error(a.body)
	}
	without := newRig(t)
	without.problem(without.call("GET", "/demo/drawer", ownerSession, ""), 404, "not_found")
}
