package console_test

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"bellhop/web/webtest"
)

// TestSigningInByMail asks for a link without a password, enters the code, and follows a link of another mail that
// scanners opened before.
func TestSigningInByMail(t *testing.T) {
	if a := newRig(t).Get("/signin", ""); strings.Contains(a.Body, "/signin/email") {
		t.Error("a bellhop without mail offers it")
	}
	if a := newRig(t).Post("/signin/email", "", url.Values{"email": {"jo@example.com"}}); a.StatusCode != 404 {
		t.Errorf("without mail: %d", a.StatusCode)
	}
	box := webtest.NewMailbox()
	r := newRig(t, box.Take)
	if a := r.Get("/signin?next=/devices", ""); !strings.Contains(a.Body,
		`<button formaction="/signin/email" formnovalidate class="quiet">Send me a link</button>`) {
		t.Errorf("no button: %s", a.Body)
	}
	ask := func(email string) reply {
		return r.Post("/signin/email", "", url.Values{"email": {email}, "password": {""}, "next": {"/devices"}})
	}
	if a := ask(""); a.StatusCode != 400 || !strings.Contains(a.Body, "Enter your e-mail address first.") {
		t.Errorf("without an address: %d %s", a.StatusCode, a.Body)
	}
	sent, unknown := ask(" jo@example.com"), ask("nobody@example.com")
	strictPage(t, sent)
	if sent.StatusCode != 200 || strings.ReplaceAll(unknown.Body, "nobody@", "jo@") != sent.Body {
		t.Errorf("%d %s and %s", sent.StatusCode, sent.Body, unknown.Body)
	}
	_, code := webtest.Secrets(t, <-box.Sent)
	enter := func(code string) reply {
		return r.Post("/signin", "", url.Values{"email": {"jo@example.com"}, "code": {code}, "next": {"/devices"}})
	}
	a := enter("x" + code[1:])
	if a.StatusCode != 401 || !strings.Contains(a.Body, "The code is wrong") || !strings.Contains(a.Body, `name="code"`) {
		t.Errorf("a wrong code: %d %s", a.StatusCode, a.Body)
	}
	a = enter(" " + code[:3] + " " + code[3:] + " ")
	if a.StatusCode != 303 || a.Header.Get("Location") != "/devices" ||
		!strings.HasPrefix(a.Header.Get("Set-Cookie"), "bellhop_session=bh_s_") {
		t.Errorf("the code: %d %v", a.StatusCode, a.Header)
	}

	r.Clock.Add(time.Minute)
	ask("jo@example.com")
	once, _ := webtest.Secrets(t, <-box.Sent)
	for _, method := range []string{"GET", "HEAD", "GET"} {
		if a := r.Call(method, "/signin?once="+once, "", ""); a.StatusCode != 200 || a.Header.Get("Set-Cookie") != "" {
			t.Errorf("%s of the link: %d %v", method, a.StatusCode, a.Header)
		}
	}
	follow := func() reply { return r.Post("/signin", "", url.Values{"once": {once}}) }
	if a := follow(); a.StatusCode != 303 || a.Header.Get("Set-Cookie") == "" {
		t.Errorf("the link's button: %d %s", a.StatusCode, a.Body)
	}
	if a := follow(); a.StatusCode != 401 || a.Header.Get("Set-Cookie") != "" {
		t.Errorf("the link's button again: %d %s", a.StatusCode, a.Body)
	}
}
