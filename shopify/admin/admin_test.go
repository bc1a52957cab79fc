package admin_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"bellhop"
	"bellhop/shopify/admin"
)

const (
	domain   = "demo.myshopify.com"
	clientID = "client-of-a-test"
	secret   = "canary-client-secret"
	previous = "canary-previous-secret"
	token    = "canary-access-token"
	refresh  = "canary-refresh-token"
)

// canaries are the secrets that no error may name.
var canaries = []string{secret, previous, token, refresh, "canary-"}

var noon = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)

// request is what Shopify was asked.
type request struct {
	path, contentType, token string
	body                     string
	fields                   map[string]any // of a form or of JSON
}

// fake is a Shopify that answers as a test wants, and an App that asks it. Waiting moves its clock.
type fake struct {
	*httptest.Server
	app *admin.App

	mu       sync.Mutex
	now      time.Time
	waits    []time.Duration
	requests []request
	answers  []http.HandlerFunc // in turn, the last one for ever
}

func newFake(t *testing.T, answers ...http.HandlerFunc) *fake {
	f := &fake{now: noon, answers: answers}
	f.Server = httptest.NewServer(http.HandlerFunc(f.serve))
	t.Cleanup(f.Close)
	f.app = &admin.App{ClientID: clientID, Secret: secret, PreviousSecret: previous, Endpoint: f.URL + "/{shop}",
		Now: f.clock, Wait: f.wait}
	return f
}

func (f *fake) clock() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.now
}

func (f *fake) wait(ctx context.Context, d time.Duration) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.waits = append(f.waits, d)
	f.now = f.now.Add(d)
	return ctx.Err()
}

func (f *fake) serve(w http.ResponseWriter, r *http.Request) {
	raw, _ := io.ReadAll(r.Body)
	got := request{path: r.URL.RequestURI(), contentType: r.Header.Get("Content-Type"),
		token: r.Header.Get("X-Shopify-Access-Token"), body: string(raw), fields: map[string]any{}}
	if got.contentType == "application/json" {
		_ = json.Unmarshal(raw, &got.fields)
	} else if form, err := url.ParseQuery(string(raw)); err == nil {
		for k := range form {
			got.fields[k] = form.Get(k)
		}
	}
	f.mu.Lock()
	answer := f.answers[min(len(f.requests), len(f.answers)-1)]
	f.requests = append(f.requests, got)
	f.mu.Unlock()
	answer(w, r)
}

// says answers with a status and a body.
func says(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Shopify-Api-Version", admin.DefaultVersion)
		w.WriteHeader(status)
		io.WriteString(w, body)
	}
}

// cut ends the connection in the middle of an answer.
func cut(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", "1000")
	io.WriteString(w, `{"access_token":"canary-`)
	panic(http.ErrAbortHandler)
}

// hush fails if an error names a secret.
func hush(t *testing.T, err error) {
	t.Helper()
	for e := err; e != nil; e = errors.Unwrap(e) {
		for _, c := range canaries {
			if strings.Contains(e.Error(), c) {
				t.Errorf("the error names a secret: %v", e)
			}
		}
	}
}

func TestCheckEndpoint(t *testing.T) {
	for _, good := range []string{"https://{shop}", "http://127.0.0.1:9092/{shop}", "http://localhost:1/{shop}",
		"http://[::1]:1/{shop}", "https://twin.example.com/{shop}"} {
		if err := admin.CheckEndpoint(good); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for _, bad := range []string{"", "https://shopify.example.com", "http://{shop}", "http://twin.example.com/{shop}",
		"https://{shop}/{shop}", "https://{shop}/", "https://me@{shop}", "https://{shop}?a=b", "https://{shop}#a",
		"ftp://{shop}", "{shop}", "http://127.0.0.1.example.com/{shop}", "https://a b/{shop}"} {
		if err := admin.CheckEndpoint(bad); bellhop.KindOf(err) != bellhop.Invalid {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// TestOnlyAShopIsAsked: what is no shop's domain never becomes part of an address.
func TestOnlyAShopIsAsked(t *testing.T) {
	f := newFake(t, says(200, "{}"))
	for _, shop := range []string{"", "example.com", "demo.myshopify.com/..", "a@demo.myshopify.com",
		"x.demo.myshopify.com"} {
		if _, err := f.app.Refresh(t.Context(), shop, refresh); bellhop.KindOf(err) != bellhop.Invalid {
			t.Errorf("%q: %v", shop, err)
		}
		if _, err := f.app.Shop(shop, token).Info(t.Context()); bellhop.KindOf(err) != bellhop.Invalid {
			t.Errorf("%q: %v", shop, err)
		}
		if at := f.app.AuthorizeURL(shop, "https://b.example.com", "s", nil); at != "" {
			t.Errorf("%q: its owner goes to %s", shop, at)
		}
	}
	f.app.Endpoint = "http://{shop}"
	if _, err := f.app.Refresh(t.Context(), domain, refresh); bellhop.KindOf(err) != bellhop.Invalid {
		t.Errorf("without TLS: %v", err)
	}
	if len(f.requests) > 0 {
		t.Errorf("%d requests were made", len(f.requests))
	}
}

func TestRefusals(t *testing.T) {
	for _, r := range admin.Refusals() {
		if r.Advice() == "" || strings.Contains(r.Advice(), "\n") {
			t.Errorf("%s advises %q", r, r.Advice())
		}
	}
	if n := len(admin.Refusals()); n != 20 {
		t.Errorf("%d refusals", n)
	}
	of := &bellhop.Error{Code: "other", Cause: &bellhop.Error{Code: string(admin.ShopGone)}}
	if r := admin.RefusalOf(of); r != admin.ShopGone {
		t.Errorf("in an error's chain there is %q", r)
	}
	for _, err := range []error{nil, io.EOF, &bellhop.Error{Code: "other"}} {
		if r := admin.RefusalOf(err); r != "" {
			t.Errorf("%v is refused as %q", err, r)
		}
	}
	if admin.Refusal("other").Advice() != "" {
		t.Error("what is no refusal has advice")
	}
}

// answerOf is a 200 for a transport that a test makes up.
func answerOf(body string) *http.Response {
	return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body))}
}
