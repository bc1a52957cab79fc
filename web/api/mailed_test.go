package api_test

import (
	"net/netip"
	"strings"
	"testing"

	"bellhop/web/site"
	"bellhop/web/webtest"
)

func TestSigningInByMail(t *testing.T) {
	box := webtest.NewMailbox()
	r := newRig(t, box.Take)
	ask := func(email string) reply { return r.Call("POST", "/v1/sessions/email", "", `{"email":"`+email+`"}`) }
	mailed, unknown := ask("jo@example.com"), ask("nobody@example.com")
	if mailed.StatusCode != 202 || unknown.StatusCode != 202 || mailed.Body != "" || unknown.Body != "" ||
		len(mailed.Header) != len(unknown.Header) {
		t.Errorf("%d %v %s and %d %v %s", mailed.StatusCode, mailed.Header, mailed.Body, unknown.StatusCode, unknown.Header,
			unknown.Body)
	}
	got := <-box.Sent
	if got.To != "jo@example.com" {
		t.Errorf("it went to %s", got.To)
	}
	once, code := webtest.Secrets(t, got)
	body := `{"email":"jo@example.com","code":"` + code + `"`
	a := r.Call("POST", "/v1/sessions", "", body+`,"refresh":true}`)
	s := a.JSON(t)
	refresh, _ := s["refresh_token"].(string)
	if a.StatusCode != 200 || s["shop"] != demo || !strings.HasPrefix(refresh, "bh_r_") {
		t.Fatalf("%d %s", a.StatusCode, a.Body)
	}
	if a := r.Call("GET", "/v1/orders", s["token"].(string), ""); a.StatusCode != 200 {
		t.Error(a.Body)
	}
	r.Problem(r.Call("POST", "/v1/sessions", "", body+"}"), 401, "wrong_code")
	for _, secret := range []string{once, code, refresh, "jo@example.com"} {
		if strings.Contains(r.Logged.String(), secret) {
			t.Errorf("the log has %s", secret)
		}
	}
}

func TestBodiesOfMailSignIns(t *testing.T) {
	r := newRig(t, webtest.NewMailbox().Take)
	for _, body := range []string{
		`{"email":"jo@example.com","code":"12345"}`, `{"email":"jo@example.com","code":"12345a"}`,
		`{"email":"jo@example.com","code":123456}`, `{"code":"123456"}`,
		`{"email":"jo@example.com","code":"123456","password":"x"}`, `{"jwt":"x","code":"123456"}`,
		`{"email":"jo@example.com","code":"123456","refresh":true,"cookie":true}`} {
		r.Problem(r.Call("POST", "/v1/sessions", "", body), 400, "invalid")
	}
	for _, body := range []string{`{}`, `{"email":""}`, `{"email":["jo@example.com"]}`} {
		r.Problem(r.Call("POST", "/v1/sessions/email", "", body), 400, "invalid")
	}
	for _, email := range []string{"jo", `jo@example.com\r\nBcc: kim@example.com`, "jo@example.com,kim@example.com"} {
		r.Problem(r.Call("POST", "/v1/sessions/email", "", `{"email":"`+email+`"}`), 400, "email")
	}
	r.Problem(newRig(t).Call("POST", "/v1/sessions/email", "", `{"email":"jo@example.com"}`), 409, "no_mail")
}

func TestAskingForMailsIsLimitedByNetwork(t *testing.T) {
	r := newRig(t, webtest.NewMailbox().Take, func(o *site.Options) {
		o.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	})
	ask := func(from string) reply {
		return r.Call("POST", "/v1/sessions/email", "", `{"email":"nobody@example.com"}`, withHeader("X-Forwarded-For", from))
	}
	for range 10 {
		if a := ask("203.0.113.7"); a.StatusCode != 202 {
			t.Fatalf("%d %s", a.StatusCode, a.Body)
		}
	}
	a := ask("203.0.113.7")
	if r.Problem(a, 429, "rate_limited"); a.Header.Get("Retry-After") == "" {
		t.Error("it doesn't say when")
	}
	if a := ask("198.51.100.2"); a.StatusCode != 202 {
		t.Errorf("somebody else: %d %s", a.StatusCode, a.Body)
	}
}
