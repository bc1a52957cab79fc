package shop_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"bellhop/shopify"
	"bellhop/simulate"
	"bellhop/simulate/shop"
)

const (
	domain   = "demo.myshopify.com"
	clientID = "an-app"
	secret   = "hush"
	app      = "https://bellhop.example"
	hooks    = app + "/webhooks/shopify"
)

// rig is a twin, and an app that gets its webhooks.
type rig struct {
	*shop.Twin
	t     *testing.T
	token string

	mu     sync.Mutex
	got    []hook
	status func(hook) int // that webhooks are answered with; nil is 200
}

// hook is a webhook that came.
type hook struct {
	to     string
	header http.Header
	body   string
	at     time.Time
}

func (h hook) topic() string { return h.header.Get(shopify.HeaderTopic) }

func (h hook) triggered() time.Time {
	at, err := time.Parse(time.RFC3339Nano, h.header.Get(shopify.HeaderTriggeredAt))
	if err != nil {
		panic(err)
	}
	return at
}

// newRig makes a twin of one shop; with changes its options.
func newRig(t *testing.T, with ...func(*shop.Options)) *rig {
	t.Helper()
	r := &rig{t: t}
	o := shop.Options{ClientID: clientID, Secret: secret, App: app,
		Orders: simulate.ShopifyOptions{Shops: []string{domain}, Seed: 3, Transport: r}}
	for _, change := range with {
		change(&o)
	}
	var err error
	if r.Twin, err = shop.New(o); err != nil {
		t.Fatal(err)
	}
	return r
}

// installed is a rig whose app is installed and has a token.
func installed(t *testing.T, with ...func(*shop.Options)) *rig {
	t.Helper()
	r := newRig(t, with...)
	r.must(r.Install(domain))
	r.token = r.grant(200, "grant_type", "client_credentials")["access_token"].(string)
	return r
}

// run runs the twin until the test ends.
func (r *rig) run() {
	ctx, cancel := context.WithCancel(r.t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := r.Run(ctx); err != nil {
			r.t.Error(err)
		}
	}()
	r.t.Cleanup(func() { cancel(); <-done })
}

func (r *rig) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

// RoundTrip takes a webhook.
func (r *rig) RoundTrip(req *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	h := hook{req.URL.String(), req.Header, string(body), time.Now()}
	if shopify.Signature(h.header) != shopify.Sign(secret, body) {
		r.t.Errorf("%s is not signed", h.topic())
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.got = append(r.got, h)
	status := 200
	if r.status != nil {
		status = r.status(h)
	}
	return &http.Response{StatusCode: status, Body: http.NoBody}, nil
}

// hooks returns what came of a topic, and of all with "".
func (r *rig) hooks(topic string) (all []hook) {
	synctest.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, h := range r.got {
		if topic == "" || h.topic() == topic {
			all = append(all, h)
		}
	}
	return all
}

// answering changes what webhooks are answered with.
func (r *rig) answering(status func(hook) int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.status = status
}

// do makes a request; an answer that is cut off has status 0.
func (r *rig) do(method, path, kind, body string) (w *httptest.ResponseRecorder) {
	req := httptest.NewRequest(method, path, strings.NewReader(body))
	if kind != "" {
		req.Header.Set("Content-Type", kind)
	}
	return r.serve(req)
}

func (r *rig) serve(req *http.Request) (w *httptest.ResponseRecorder) {
	w = httptest.NewRecorder()
	defer func() {
		if v := recover(); v == http.ErrAbortHandler {
			w.Code = 0
		} else if v != nil {
			panic(v)
		}
	}()
	r.ServeHTTP(w, req)
	return w
}

// grant asks the token endpoint; pairs are names and values.
func (r *rig) grant(status int, pairs ...string) map[string]any {
	r.t.Helper()
	p := map[string]string{"client_id": clientID, "client_secret": secret}
	for i := 0; i < len(pairs); i += 2 {
		p[pairs[i]] = pairs[i+1]
	}
	kind, body := "application/json", ""
	if p["grant_type"] == "client_credentials" {
		form := url.Values{}
		for k, v := range p {
			form.Set(k, v)
		}
		kind, body = "application/x-www-form-urlencoded", form.Encode()
	} else {
		b, _ := json.Marshal(p)
		body = string(b)
	}
	w := r.do("POST", "/"+domain+"/admin/oauth/access_token", kind, body)
	if w.Code != status {
		r.t.Fatalf("%v: %d %s, want %d", pairs, w.Code, w.Body, status)
	}
	var got map[string]any
	if json.Unmarshal(w.Body.Bytes(), &got) != nil {
		return map[string]any{"page": w.Body.String()}
	}
	return got
}

// answer is what the Admin API says.
type answer struct {
	Status  int
	Version string
	Data    map[string]any
	Errors  []struct {
		Message    string
		Path       []any
		Extensions map[string]any
	}
	Extensions struct {
		Cost struct {
			Requested float64 `json:"requestedQueryCost"`
			Actual    any     `json:"actualQueryCost"`
			Throttle  *struct {
				Maximum   float64 `json:"maximumAvailable"`
				Available float64 `json:"currentlyAvailable"`
				Rate      float64 `json:"restoreRate"`
			} `json:"throttleStatus"`
		}
		Search []struct {
			Path     []string
			Warnings []struct{ Field, Code string }
		}
	}
	text string
}

// code is that of the first error.
func (a answer) code() any {
	if len(a.Errors) == 0 {
		return nil
	}
	return a.Errors[0].Extensions["code"]
}

// askVersion asks the Admin API with the rig's token.
func (r *rig) askVersion(version, query string, variables map[string]any) (a answer) {
	r.t.Helper()
	b, _ := json.Marshal(map[string]any{"query": query, "variables": variables})
	req := httptest.NewRequest("POST", "/"+domain+"/admin/api/"+version+"/graphql.json", strings.NewReader(string(b)))
	req.Header.Set("X-Shopify-Access-Token", r.token)
	w := r.serve(req)
	a.text = w.Body.String()
	if w.Code == 200 {
		if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil {
			a.text = "not JSON: " + a.text
		}
	}
	a.Status, a.Version = w.Code, w.Header().Get("X-Shopify-API-Version")
	return a
}

func (r *rig) ask(query string) answer {
	r.t.Helper()
	return r.askVersion("2026-10", query, nil)
}

// good asks, and fails if anything is refused.
func (r *rig) good(query string) map[string]any {
	r.t.Helper()
	a := r.ask(query)
	if a.Status != 200 || len(a.Errors) > 0 {
		r.t.Fatalf("%s: %d %s", query, a.Status, a.text)
	}
	return a.Data
}

// at digs into an answer's data.
func at(v any, path ...any) any {
	for _, p := range path {
		switch p := p.(type) {
		case string:
			m, _ := v.(map[string]any)
			v = m[p]
		case int:
			l, _ := v.([]any)
			if p >= len(l) {
				return nil
			}
			v = l[p]
		}
	}
	return v
}

// subscribe makes a subscription, and returns its userErrors as "field: message".
func (r *rig) subscribe(topic, uri string) (id, wrong string) {
	r.t.Helper()
	a := r.askVersion("2026-10", `mutation($topic: WebhookSubscriptionTopic!, $uri: String!) {
		webhookSubscriptionCreate(topic: $topic, webhookSubscription: {uri: $uri}) {
			webhookSubscription { id } userErrors { field message } } }`, map[string]any{"topic": topic, "uri": uri})
	if a.Status != 200 || len(a.Errors) > 0 {
		r.t.Fatalf("%s %.100s: %d %s", topic, uri, a.Status, a.text)
	}
	result := a.Data["webhookSubscriptionCreate"]
	if e := at(result, "userErrors", 0); e != nil {
		field, _ := json.Marshal(at(e, "field"))
		return "", string(field) + ": " + at(e, "message").(string)
	}
	return at(result, "webhookSubscription", "id").(string), ""
}
