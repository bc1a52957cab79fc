package site_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"bellhop"
	"bellhop/web"
	"bellhop/web/site"
	"bellhop/web/webhook"
)

// loggedWith returns the lines of the log that say something.
func (r *rig) loggedWith(part string) (lines []string) {
	for l := range strings.Lines(r.Logged.String()) {
		if strings.Contains(l, part) {
			lines = append(lines, l)
		}
	}
	return lines
}

func TestRefusedWebhooksAreLoggedOnceOfEachKind(t *testing.T) {
	r := newRig(t)
	var err error
	r.Acceptor.AcceptFunc = func(context.Context, http.Header, []byte) error { return err }
	for _, err = range []error{
		bellhop.Errorf(bellhop.Unauthenticated, "signature", "the signature is missing or wrong"),
		bellhop.Invalidf("header_missing", "the header X-Shopify-Topic is missing"),
		bellhop.Errorf(bellhop.Unavailable, "queue", "the disk is full"),
	} {
		for range 3 {
			req, e := http.NewRequest("POST", r.URL+webhook.Path, strings.NewReader(`{"email":"jo@example.com"}`))
			must(t, e)
			req.Header.Set("X-Shopify-Hmac-Sha256", "c2lnbmF0dXJl")
			req.Header.Set("X-Shopify-Shop-Domain", "stranger.myshopify.com")
			r.Do(req)
		}
	}
	for _, want := range []string{
		`level=WARN msg="webhooks are refused" reason=unauthenticated shop="" err="the signature is missing or wrong"`,
		`level=WARN msg="webhooks are refused" reason=invalid shop="" err="the header X-Shopify-Topic is missing"`,
		`level=ERROR msg="webhooks are refused" reason=unavailable shop="" err="the disk is full"`,
	} {
		if got := r.loggedWith(want); len(got) != 1 {
			t.Errorf("%d lines say %s; the log is\n%s", len(got), want, r.Logged)
		}
	}
	for _, secret := range []string{"c2lnbmF0dXJl", "jo@example.com", "stranger"} {
		if got := r.loggedWith(secret); len(got) > 0 {
			t.Errorf("the log tells %s: %s", secret, got)
		}
	}
}

func TestWhatIsNotReadyIsLoggedWhenItGoesAndComesBack(t *testing.T) {
	var away error
	r := newRig(t, func(o *site.Options) {
		o.Checks = []web.Check{{Name: "database", Func: func(context.Context) error { return away }}}
	})
	for _, away = range []error{nil, bellhop.Errorf(bellhop.Unavailable, "db", "no answer"),
		bellhop.Errorf(bellhop.Unavailable, "db", "no answer"), nil, nil} {
		r.Call("GET", "/readyz", "", "")
		r.Clock.Add(2 * time.Second)
	}
	for _, want := range []string{
		`level=WARN msg="database is not ready" err="no answer"`,
		`level=INFO msg="database is ready again" after=`,
	} {
		if got := r.loggedWith(want); len(got) != 1 {
			t.Errorf("%d lines say %s; the log is\n%s", len(got), want, r.Logged)
		}
	}
}
