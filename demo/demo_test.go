package demo_test

import (
	"context"
	"log/slog"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"bellhop/demo"
	"bellhop/web/webtest"
)

// newRig is a site with the demo on it.
func newRig(t *testing.T, c demo.Controls) *webtest.Rig {
	r := webtest.New(t)
	wrapped := httptest.NewServer(demo.Wrap(r.Site.Handler(), c, r.DB, r.Clock.Now, slog.New(slog.DiscardHandler)))
	t.Cleanup(wrapped.Close)
	r.URL = wrapped.URL
	return r
}

// between returns what stands between two marks.
func between(s, from, to string) string {
	_, s, _ = strings.Cut(s, from)
	s, _, _ = strings.Cut(s, to)
	return s
}

func TestPageIsStrict(t *testing.T) {
	r := newRig(t, &fake{})
	page := r.Get("/", webtest.OwnerSession)
	webtest.StrictPage(t, page)
	for _, want := range []string{`<strong>New order &lt;b&gt;`, `data-every="1"`, `href="/assets/demo.css"`,
		`<div class="beside">`} {
		if !strings.Contains(page.Body, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	if a := r.Call("GET", "/assets/demo.css", "", ""); a.StatusCode != 200 ||
		a.Header.Get("Content-Type") != "text/css; charset=utf-8" {
		t.Errorf("its style: %d %v", a.StatusCode, a.Header)
	}
	for _, path := range []string{"/pushes", "/devices"} {
		if a := r.Get(path, webtest.OwnerSession); strings.Contains(a.Body, "demo") &&
			strings.Contains(a.Body, "beside") {
			t.Errorf("the demo is on %s", path)
		}
	}
	if a := r.Get("/?shop="+webtest.Demo, webtest.OperatorSession); a.StatusCode != 200 ||
		strings.Contains(a.Body, "beside") {
		t.Errorf("an operator sees it: %d", a.StatusCode)
	}
}

// fake is a demo that only notes its calls.
type fake struct {
	did     []demo.Action
	stopped bool
	broken  time.Duration
	speaks  string
	fetched int64
}

func (d *fake) Speak(_ context.Context, language, timezone string) error {
	d.speaks = language + " " + timezone
	return nil
}

func (d *fake) State(context.Context) (demo.State, error) {
	return demo.State{Works: !d.stopped, Broken: d.broken,
		Phone:   []demo.Notification{{Tag: "a", Title: "New order <b>", Body: "$1"}},
		Balance: demo.Balance{Acknowledged: 3, Fetched: d.fetched, Recorded: 1 + d.fetched, Dead: 1, Waiting: 1}}, nil
}

func (d *fake) Do(_ context.Context, a demo.Action) error {
	d.did = append(d.did, a)
	return nil
}

func TestDemosButtons(t *testing.T) {
	d := &fake{}
	r := newRig(t, d)
	for session, want := range map[string]int{"": 303, webtest.DemoToken: 303, webtest.OwnerSession: 303,
		webtest.OperatorSession: 404} {
		if a := r.Post("/demo", session, url.Values{"do": {"order"}}); a.StatusCode != want {
			t.Errorf("%d", a.StatusCode)
		}
	}
	a := r.Post("/demo?shop="+webtest.Demo, webtest.OperatorSession, url.Values{"do": {"order"}})
	if a.StatusCode != 404 {
		t.Errorf("an operator's: %d", a.StatusCode)
	}
	if a := r.Post("/demo", webtest.OwnerSession, url.Values{"do": {"explode"}}); a.StatusCode != 400 {
		t.Errorf("no such button: %d", a.StatusCode)
	}
	if len(d.did) != 1 || d.did[0] != demo.Order {
		t.Errorf("%v", d.did)
	}
	if a := r.Get("/", webtest.OwnerSession); !strings.Contains(a.Body, "Flash sale: 500 orders") ||
		!strings.Contains(between(a.Body, "sum-line", "</p>"), "good") {
		t.Error(a.Body)
	}
	if d.speaks != "en UTC" {
		t.Errorf("the phone speaks %q", d.speaks)
	}
	// Whatever is stopped or broken is said, and the button ends it.
	for _, c := range []struct {
		as         fake
		says, ends string
	}{{fake{stopped: true}, "The worker is stopped", "start"}, {fake{broken: 20 * time.Second}, "broken for 20 s",
		"mend"}} {
		*d = c.as
		a := r.Get("/", webtest.OwnerSession)
		if !strings.Contains(between(a.Body, `id="line"`, "sum-line"), c.says) ||
			!strings.Contains(a.Body, `<button name="do" value="`+c.ends+`">`) {
			t.Errorf("%s is not on the page: %s", c.says, a.Body)
		}
		r.Post("/demo", webtest.OwnerSession, url.Values{"do": {c.ends}})
		if !slices.Contains(d.did, demo.Action(c.ends)) {
			t.Errorf("%s did nothing: %v", c.ends, d.did)
		}
	}
	// An order that bellhop fetched came by no webhook, and has its place all the same.
	*d = fake{fetched: 2}
	if a := between(r.Get("/", webtest.OwnerSession).Body, "sum-line ", "</p>"); !strings.HasPrefix(a, "good") ||
		!strings.Contains(a, "<strong>2</strong> fetched =") {
		t.Error(a)
	}
	without := webtest.New(t)
	if a := without.Post("/demo", webtest.OwnerSession, url.Values{"do": {"order"}}); a.StatusCode != 404 {
		t.Errorf("without a demo: %d", a.StatusCode)
	}
}
