package lambdahost_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"bellhop"
	"bellhop/host/lambdahost"
	"bellhop/shopify"
)

// kept is a producer that keeps its events.
type kept struct {
	events   []*bellhop.Event
	deadline time.Time // of the last Send
	err      error
}

func (k *kept) Send(ctx context.Context, events ...*bellhop.Event) error {
	k.deadline, _ = ctx.Deadline()
	for _, e := range events {
		e.Body = append([]byte(nil), e.Body...) // the caller uses it again
		k.events = append(k.events, e)
	}
	return k.err
}

// secret is the app's current one, and the shops' own.
type secret struct {
	current, previous string
	shops             []bellhop.Shop
	err               error
	asked             int
}

func (s *secret) get(context.Context) (lambdahost.Secrets, error) {
	s.asked++
	return lambdahost.Secrets{App: s.current, Previous: s.previous, Shops: s.shops}, s.err
}

type clock struct{ now time.Time }

func newAccept(s *secret) (*lambdahost.Accept, *kept, *clock) {
	k, c := &kept{}, &clock{time.Unix(1_790_000_000, 0)}
	return &lambdahost.Accept{Producer: k, Secrets: s.get, Log: slog.New(slog.DiscardHandler),
		Now: func() time.Time { return c.now }}, k, c
}

func webhook(secret string, body []byte) map[string]any {
	return map[string]any{
		"version": "2.0", "routeKey": "$default", "rawPath": "/webhooks/shopify", "rawQueryString": "",
		"isBase64Encoded": false, "body": string(body),
		"headers": map[string]any{
			"content-type": "application/json", "host": "x.lambda-url.us-east-1.on.aws", "x-shopify-topic": "orders/create",
			"x-shopify-shop-domain": shop, "x-shopify-api-version": "2026-10", "x-shopify-webhook-id": "w-1",
			"x-shopify-triggered-at": "2026-11-22T08:59:59.5Z", "x-shopify-hmac-sha256": shopify.Sign(secret, body),
		},
		"requestContext": map[string]any{"http": map[string]any{"method": "POST", "path": "/webhooks/shopify",
			"protocol": "HTTP/1.1", "sourceIp": "203.0.113.7"},
			"domainName": "x.lambda-url.us-east-1.on.aws", "requestId": "id", "timeEpoch": 1},
	}
}

type reply struct {
	StatusCode int               `json:"statusCode"`
	Headers    map[string]string `json:"headers"`
	Body       string            `json:"body"`
}

func ask(t *testing.T, a *lambdahost.Accept, request map[string]any) reply {
	t.Helper()
	out, err := a.Invoke(t.Context(), encode(t, request))
	var r reply
	if err != nil || json.Unmarshal(out, &r) != nil {
		t.Fatalf("%s, %v", out, err)
	}
	return r
}

func TestAcceptTakesWebhooks(t *testing.T) {
	a, k, _ := newAccept(&secret{current: "new", previous: "old"})
	body := []byte(`{"note":"a\/b 안녕 🛎"}`)
	encoded := webhook("new", body)
	encoded["body"], encoded["isBase64Encoded"] = base64.StdEncoding.EncodeToString(body), true
	for i, request := range []map[string]any{webhook("new", body), webhook("old", body), encoded} {
		if r := ask(t, a, request); r.StatusCode != 200 || r.Body != "" {
			t.Errorf("webhook %d: %+v", i, r)
		}
	}
	if len(k.events) != 3 || string(k.events[0].Body) != string(body) || string(k.events[2].Body) != string(body) ||
		k.events[0].Shop != shop ||
		k.events[1].SignedBy != bellhop.SignerAppPrevious || k.events[0].TriggeredAt.IsZero() {
		t.Errorf("%d events: %+v", len(k.events), k.events)
	}
}

func TestAcceptAnswersAsTheServerDoes(t *testing.T) {
	body := []byte(`{}`)
	with := func(name, value string) map[string]any {
		r := webhook("secret", body)
		r["headers"].(map[string]any)[name] = value
		return r
	}
	get := webhook("secret", body)
	get["requestContext"].(map[string]any)["http"].(map[string]any)["method"] = "GET"
	elsewhere := webhook("secret", body)
	elsewhere["rawPath"] = "/v1/orders"
	empty := webhook("secret", body)
	delete(empty, "body")
	large := webhook("secret", []byte(strings.Repeat("x", bellhop.DefaultMaxBody+1)))
	for name, test := range map[string]struct {
		request map[string]any
		status  int
	}{
		"a wrong signature":        {webhook("wrong", body), 401},
		"a signature given twice":  {with("x-shopify-hmac-sha256", "a,b"), 401},
		"a header given twice":     {with("x-shopify-topic", "orders/create,orders/create"), 400},
		"a header that is missing": {with("x-shopify-shop-domain", ""), 400},
		"compressed":               {with("content-encoding", "gzip"), 415},
		"without a body":           {empty, 400},
		"too large":                {large, 413},
		"GET":                      {get, 405},
		"what only the server has": {elsewhere, 404},
		"correctly signed":         {webhook("secret", body), 200},
	} {
		a, k, _ := newAccept(&secret{current: "secret"})
		if r := ask(t, a, test.request); r.StatusCode != test.status || (len(k.events) > 0) != (test.status == 200) {
			t.Errorf("%s: %+v, want %d; %d events", name, r, test.status, len(k.events))
		}
	}
}

func TestAcceptSaysWhenTheQueueIsAway(t *testing.T) {
	a, k, _ := newAccept(&secret{current: "secret"})
	k.err = bellhop.Errorf(bellhop.Unavailable, "away", "the queue is away")
	if r := ask(t, a, webhook("secret", []byte(`{}`))); r.StatusCode != 503 || r.Headers["Retry-After"] == "" {
		t.Errorf("%+v", r)
	}
}

func TestAcceptFollowsARotation(t *testing.T) {
	s := &secret{current: "one"}
	a, _, c := newAccept(s)
	body := []byte(`{}`)
	status := func(key string) int { return ask(t, a, webhook(key, body)).StatusCode }
	for range 2 {
		if status("one") != 200 || s.asked != 1 {
			t.Fatalf("asked for the secret %d times", s.asked)
		}
	}
	s.current, s.previous = "two", "one"
	if status("two") != 401 {
		t.Error("the secret is asked for with every webhook")
	}
	c.now = c.now.Add(6 * time.Minute)
	if status("two") != 200 || status("one") != 200 {
		t.Error("the rotated secret is not known after 6 minutes")
	}
	s.err = errors.New("away")
	c.now = c.now.Add(6 * time.Minute)
	for range 2 {
		if status("two") != 200 || s.asked != 3 {
			t.Errorf("without an answer the last secret is lost, or asked for with every webhook: %d times", s.asked)
		}
	}
	s.err, s.current, s.previous = nil, "three", ""
	c.now = c.now.Add(time.Minute)
	if status("three") != 200 || status("two") != 401 {
		t.Error("once it can be asked for it is not")
	}
}

// TestAcceptDoubtsItsSecrets: a wrong signature may be one of a secret that is newer than what accept knows.
func TestAcceptDoubtsItsSecrets(t *testing.T) {
	s := &secret{current: "one"}
	a, k, c := newAccept(s)
	body := []byte(`{"note":"read twice"}`)
	status := func(key string) int { return ask(t, a, webhook(key, body)).StatusCode }
	status("one")
	s.current = "two"
	c.now = c.now.Add(time.Minute)
	if status("two") != 200 || string(k.events[1].Body) != string(body) || s.asked != 2 {
		t.Errorf("the new secret is not known at once; asked %d times", s.asked)
	}
	for range 100 {
		c.now = c.now.Add(100 * time.Millisecond)
		if status("forged") != 401 {
			t.Fatal("it takes a forged webhook")
		}
	}
	if s.asked != 2 {
		t.Errorf("forged webhooks make it ask for the secrets %d times in ten seconds", s.asked-2)
	}
	s.err = errors.New("away")
	c.now = c.now.Add(time.Minute)
	if status("forged") != 401 || status("two") != 200 || s.asked != 3 {
		t.Errorf("without an answer the last secrets are lost, or it asks again at once: %d times", s.asked)
	}
}

// TestAcceptKnowsShopsOwnSecrets: a webhook of a shop with a secret of its own is its own; what the app's signed is
// taken, too, and says so.
func TestAcceptKnowsShopsOwnSecrets(t *testing.T) {
	s := &secret{current: "the app's", shops: []bellhop.Shop{{Domain: shop, Secret: "own", PreviousSecret: "older"},
		{Domain: "other.myshopify.com", Secret: "another's"}}}
	a, k, _ := newAccept(s)
	for key, want := range map[string]bellhop.Signer{"own": bellhop.SignerShop, "older": bellhop.SignerShopPrevious,
		"the app's": bellhop.SignerApp} {
		k.events = nil
		if r := ask(t, a, webhook(key, []byte(`{}`))); r.StatusCode != 200 || k.events[0].SignedBy != want {
			t.Errorf("signed with %s: %+v, %+v", key, r, k.events)
		}
	}
	if r := ask(t, a, webhook("another's", []byte(`{}`))); r.StatusCode != 401 {
		t.Errorf("signed with another shop's: %+v", r)
	}
}

func TestAcceptWithoutASecret(t *testing.T) {
	a, k, _ := newAccept(&secret{err: errors.New("away")})
	if r := ask(t, a, webhook("", []byte(`{}`))); r.StatusCode != http.StatusServiceUnavailable ||
		r.Headers["Retry-After"] == "" || len(k.events) > 0 {
		t.Errorf("%+v", r)
	}
}

// TestAcceptAnswersInTime: Shopify waits for 5 s, and for a start as well.
func TestAcceptAnswersInTime(t *testing.T) { synctest.Test(t, testAcceptAnswersInTime) }

func testAcceptAnswersInTime(t *testing.T) {
	s := &secret{current: "secret"}
	a, k, c := newAccept(s)
	began := c.now
	a.Secrets = func(ctx context.Context) (lambdahost.Secrets, error) {
		c.now = c.now.Add(1500 * time.Millisecond)
		return s.get(ctx)
	}
	a.Prepare(t.Context(), began)
	for i, most := range []time.Duration{3 * time.Second, 4500 * time.Millisecond} {
		asked := time.Now()
		if r := ask(t, a, webhook("secret", []byte(`{}`))); r.StatusCode != 200 || s.asked != 1 {
			t.Errorf("%+v; asked for the secret %d times", r, s.asked)
		}
		if left := k.deadline.Sub(asked); left != most {
			t.Errorf("webhook %d has %v, want %v", i+1, left, most)
		}
	}
}

// TestAcceptStartsWithoutASecret: a new stack has none yet.
func TestAcceptStartsWithoutASecret(t *testing.T) {
	s := &secret{err: errors.New("nobody has put it there")}
	a, _, c := newAccept(s)
	a.Prepare(t.Context(), c.now)
	if r := ask(t, a, webhook("secret", []byte(`{}`))); r.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("%+v", r)
	}
	s.current, s.err = "secret", nil
	if r := ask(t, a, webhook("secret", []byte(`{}`))); r.StatusCode != 200 {
		t.Errorf("with a secret: %+v", r)
	}
}

func TestAcceptRefusesWhatIsNoRequest(t *testing.T) {
	a, _, _ := newAccept(&secret{current: "secret"})
	badBody := webhook("secret", []byte(`{}`))
	badBody["isBase64Encoded"] = true
	first := webhook("secret", []byte(`{}`))
	first["version"] = "1.0"
	for name, payload := range map[string][]byte{"nothing": []byte(`{}`), "no JSON": []byte(`{`),
		"a batch":    []byte(`{"Records":[]}`),
		"format 1.0": encode(t, first), "no base64": encode(t, badBody)} {
		if out, err := a.Invoke(t.Context(), payload); kind(err) != lambdahost.TypeNotOurs || out != nil {
			t.Errorf("%s: %s, %v", name, out, err)
		}
	}
}
