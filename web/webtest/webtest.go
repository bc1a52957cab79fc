// Package webtest is a whole site over a store of its own, with the people and shops that
// the tests of web's folders are about.
package webtest

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"golang.org/x/crypto/argon2"

	"bellhop"
	"bellhop/store"
	"bellhop/web"
	"bellhop/web/site"
	"bellhop/wire"
	"bellhop/wire/wiretest"
)

const (
	Demo  = "demo.myshopify.com"
	Other = "other.myshopify.com"
)

var Day = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)

// Secrets of the sessions and tokens that every rig has.
const (
	OwnerSession    = "bh_s_the-owner-of-demo"
	OtherSession    = "bh_s_the-owner-of-other"
	OperatorSession = "bh_s_the-operator"
	DemoToken       = "bh_t_a-token-of-demo"
	Password        = "correct horse battery"
)

// Rig is a server over a store of its own, with two shops, their owners and an
// operator.
type Rig struct {
	testing.TB
	*httptest.Server
	Site     *site.Server
	DB       store.Store
	Acceptor *Acceptor
	Clock    *Clock
	Logged   *LockedBuffer
	Metrics  *prometheus.Registry
	Owner    bellhop.Person
}

func New(t testing.TB, change ...func(*site.Options)) *Rig {
	t.Helper()
	r := &Rig{TB: t, DB: openStore(t), Acceptor: &Acceptor{}, Clock: &Clock{At: Day.Add(time.Hour)},
		Logged: &LockedBuffer{}, Metrics: prometheus.NewRegistry()}
	r.people()
	opts := site.Options{
		Store: r.DB, Acceptor: r.Acceptor, Now: r.Clock.Now, Registerer: r.Metrics, Version: "test",
		Logger: slog.New(slog.NewTextHandler(r.Logged, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	for _, c := range change {
		c(&opts)
	}
	var err error
	r.Site, err = site.New(opts)
	Must(t, err)
	r.Server = httptest.NewUnstartedServer(nil)
	r.Server.Config = web.HTTPServer("", r.Site.Handler(), opts.Logger)
	r.Server.Start()
	r.Client().CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	t.Cleanup(func() {
		r.Site.Close()
		r.Server.Close()
	})
	return r
}

// In returns the rig for a subtest.
func (r *Rig) In(t testing.TB) *Rig {
	sub := *r
	sub.TB = t
	return &sub
}

func openStore(t testing.TB) store.Store {
	t.Helper()
	s := wire.Storage{Dir: wiretest.Dir(t), DB: "sqlite:", Queue: "sqlite:"}
	parts, err := s.Open(context.Background(), wire.Options{})
	Must(t, err)
	t.Cleanup(func() { parts.Close() })
	return parts.Store
}

func (r *Rig) people() {
	r.Helper()
	ctx := context.Background()
	hash := cheapHash()
	for _, shop := range []string{Demo, Other} {
		Must(r, r.DB.AddShop(ctx, bellhop.Shop{Domain: shop, AddedAt: Day.AddDate(0, 0, -7)}))
	}
	for _, p := range []struct {
		bellhop.Person
		session string
	}{
		{bellhop.Person{Email: "jo@example.com", Role: bellhop.RoleOwner, Shop: Demo}, OwnerSession},
		{bellhop.Person{Email: "kim@example.com", Role: bellhop.RoleOwner, Shop: Other}, OtherSession},
		{bellhop.Person{Email: "op@example.com", Role: bellhop.RoleOperator}, OperatorSession},
	} {
		p.PasswordHash, p.AddedAt = hash, Day
		added, err := r.DB.AddPerson(ctx, p.Person)
		Must(r, err)
		Must(r, r.DB.AddSession(ctx, bellhop.Session{
			TokenHash: web.HashToken(p.session), PersonID: added.ID, CreatedAt: Day, ExpiresAt: Day.Add(24 * time.Hour),
		}, "192.0.2.1"))
		if p.session == OwnerSession {
			r.Owner = added
		}
	}
	_, err := r.DB.AddToken(ctx, bellhop.Token{Shop: Demo, Name: "till", Hash: web.HashToken(DemoToken),
		CreatedAt: Day})
	Must(r, err)
}

// SetSettings puts settings in the place of a person's.
func (r *Rig) SetSettings(person int64, to bellhop.Settings) {
	r.Helper()
	Must(r, r.DB.UpdateSettings(r.Context(), person, func(s *bellhop.Settings) error { *s = to; return nil }))
}

// cheapHash is of password, and quick to verify.
var cheapHash = sync.OnceValue(func() string {
	salt, b64 := []byte("saltsaltsaltsalt"), base64.RawStdEncoding.EncodeToString
	key := argon2.IDKey([]byte(Password), salt, 1, 64, 1, 32)
	return fmt.Sprintf("$argon2id$v=%d$m=64,t=1,p=1$%s$%s", argon2.Version, b64(salt), b64(key))
})

// Order records an Order whose id is 820982911946154508 + n.
func (r *Rig) Order(shop string, n int, change ...func(*bellhop.Order)) bellhop.Order {
	r.Helper()
	return r.Brought("orders/create", shop, n, change...)
}

// Brought records such an order from an event of a topic.
func (r *Rig) Brought(topic, shop string, n int, change ...func(*bellhop.Order)) bellhop.Order {
	r.Helper()
	at := Day.Add(time.Duration(n) * time.Second)
	eur := bellhop.Money{Units: 37211, Digits: 2, Currency: "EUR"}
	o := &bellhop.Order{
		Shop: shop, ID: 820982911946154508 + int64(n),
		Version: bellhop.Version{UpdatedAt: at, TriggeredAt: at, Hash: uint64(n) + 1},
		Name:    fmt.Sprintf("#%d", 1000+n), Number: int64(1000 + n), Total: USD(40300), Presentment: &eur,
		CustomerName: "Jo Lee", CustomerEmail: "jo@example.com", FinancialStatus: "paid",
		FulfillmentStatus: "unfulfilled",
		PlacedAt:          at.In(time.FixedZone("", 9*3600)), UpdatedAt: at.In(time.FixedZone("", 9*3600)),
		Current: USD(40300), Pieces: 2, CreatedAt: at,
		Details: bellhop.Details{Schema: bellhop.DetailsSchema, Items: []bellhop.Item{{ID: 1, Title: "Tee", Variant: "M",
			SKU: "TEE-M", Quantity: 2, Current: 2, ToFulfil: 2, Price: "19.90", Total: "39.80"}}},
	}
	for _, c := range change {
		c(o)
	}
	e := &bellhop.Event{Shop: shop, Topic: topic, APIVersion: "2026-10",
		WebhookID:   fmt.Sprint("w", n, o.Version.Hash),
		TriggeredAt: at, AcceptedAt: at.Add(time.Second), SignedBy: bellhop.SignerApp, Body: []byte(`{"id":1}`)}
	binary.BigEndian.PutUint64(e.ID[:], uint64(len(shop)))
	binary.BigEndian.PutUint64(e.ID[8:], uint64(n)<<16|o.Version.Hash)
	fact := bellhop.Fact{Event: e, At: at.Add(2 * time.Second), OrderID: o.ID, Order: o}
	_, err := r.DB.Record(context.Background(), []bellhop.Fact{fact})
	Must(r, err)
	return *o
}

func (r *Rig) Device(shop, installation string) bellhop.Device {
	r.Helper()
	d, err := r.DB.PutDevice(context.Background(), bellhop.Device{
		Shop: shop, Installation: installation, Kind: bellhop.AddressToken, Value: shop + "/" + installation,
		Platform: bellhop.PlatformIOS, Form: bellhop.FormData, AddedAt: Day, SeenAt: Day,
	}, store.DeviceLimits{})
	Must(r, err)
	return d
}

func USD(cents int64) bellhop.Money { return bellhop.Money{Units: cents, Digits: 2, Currency: "USD"} }

// Reply is an answer, read.
type Reply struct {
	*http.Response
	Body string
}

func (a Reply) JSON(t testing.TB) map[string]any {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal([]byte(a.Body), &v); err != nil {
		t.Fatalf("%v: %s", err, a.Body)
	}
	return v
}

// Call makes a request. secret is a bearer token, "" for none; body is JSON, ""
// for none.
func (r *Rig) Call(method, path, secret, body string, change ...func(*http.Request)) Reply {
	r.Helper()
	req, err := http.NewRequest(method, r.URL+path, strings.NewReader(body))
	Must(r, err)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	if secret != "" {
		req.Header.Set("Authorization", "Bearer "+secret)
	}
	for _, c := range change {
		c(req)
	}
	return r.Do(req)
}

func (r *Rig) Do(req *http.Request) Reply {
	r.Helper()
	res, err := r.Client().Do(req)
	Must(r, err)
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	Must(r, err)
	return Reply{res, string(b)}
}

// machineWords are those of libraries and databases.
var machineWords = regexp.MustCompile(`expected|2006-01-02T15|propert|RFC|regex|JSON input|invalid char|UNIQUE|` +
	`constraint|sqlite|unexpected|limit=`)

// Problem checks the shape of a Problem and its status and code.
func (r *Rig) Problem(a Reply, status int, code string) {
	r.Helper()
	if a.StatusCode != status || a.Header.Get("Content-Type") != "application/problem+json" {
		r.Fatalf("got %d %s, want %d: %s", a.StatusCode, a.Header.Get("Content-Type"), status, a.Body)
	}
	p := a.JSON(r)
	if p["code"] != code || p["status"] != float64(status) || p["title"] != http.StatusText(status) ||
		p["type"] != "about:blank" || p["detail"] == "" {
		r.Fatalf("want status %d and code %s: %s", status, code, a.Body)
	}
	if strings.HasPrefix(a.Request.URL.Path, "/v1/") && !listed(code, status) {
		r.Errorf("web.Codes doesn't have %s with status %d", code, status)
	}
	if jargon := machineWords.FindString(a.Body); jargon != "" {
		r.Errorf("no person says %q: %s", jargon, a.Body)
	}
}

func WithCookie(secret string) func(*http.Request) {
	return func(req *http.Request) { req.AddCookie(&http.Cookie{Name: "bellhop_session", Value: secret}) }
}

func WithHeader(name string, values ...string) func(*http.Request) {
	return func(req *http.Request) { req.Header[http.CanonicalHeaderKey(name)] = values }
}

// Acceptor stands in for the pipeline.
type Acceptor struct {
	Mu         sync.Mutex
	AcceptFunc func(ctx context.Context, h http.Header, body []byte) error
	Bodies     [][]byte
}

func (a *Acceptor) Accept(ctx context.Context, h http.Header, body []byte) error {
	a.Mu.Lock()
	accept := a.AcceptFunc
	a.Bodies = append(a.Bodies, bytes.Clone(body))
	a.Mu.Unlock()
	if accept == nil {
		return nil
	}
	return accept(ctx, h, body)
}

type Clock struct {
	mu sync.Mutex
	At time.Time
}

func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.At
}

func (c *Clock) Add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.At = c.At.Add(d)
}

type LockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *LockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *LockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

func Must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

var (
	inlineScript  = regexp.MustCompile(`(?i)<script(?:\s[^>]*)?>\s*[^<\s]`)
	inlineStyle   = regexp.MustCompile(`(?i)<style|\sstyle=`)
	inlineHandler = regexp.MustCompile(`(?i)<[a-z][^>]*\son[a-z]+=`)
	quotedValue   = regexp.MustCompile(`="[^"]*"`)
	loaded        = regexp.MustCompile(`(?i)<(?:script|link|img|iframe|form)[^>]*?(?:src|href|action)="([^"]*)"`)
)

// StrictPage checks that a page loads only from itself, has nothing inline, and
// tells the browser to insist on that.
func StrictPage(t *testing.T, a Reply) {
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
	caching := "no-store"
	if a.Request.URL.Path == "/docs" { // the same for everybody
		caching = "no-cache"
	}
	if strings.Contains(csp, "unsafe") || a.Header.Get("X-Content-Type-Options") != "nosniff" ||
		a.Header.Get("X-Frame-Options") != "DENY" || a.Header.Get("Cache-Control") != caching {
		t.Errorf("%v", a.Header)
	}
	for _, re := range []*regexp.Regexp{inlineScript, inlineStyle, inlineHandler} {
		if found := re.FindString(quotedValue.ReplaceAllString(a.Body, `=""`)); found != "" {
			t.Errorf("inline: %s", found)
		}
	}
	for _, m := range loaded.FindAllStringSubmatch(a.Body, -1) {
		if !strings.HasPrefix(m[1], "/") || strings.HasPrefix(m[1], "//") {
			t.Errorf("from elsewhere: %s", m[0])
		}
	}
}

// Get asks for a page as somebody.
func (r *Rig) Get(path, session string, change ...func(*http.Request)) Reply {
	r.Helper()
	return r.Call("GET", path, "", "", append(change, WithCookie(session))...)
}

// Post sends a form as somebody.
func (r *Rig) Post(path, session string, form url.Values, change ...func(*http.Request)) Reply {
	r.Helper()
	change = append([]func(*http.Request){WithHeader("Content-Type", "application/x-www-form-urlencoded"),
		WithHeader("Sec-Fetch-Site", "same-origin")}, append(change, WithCookie(session))...)
	return r.Call("POST", path, "", form.Encode(), change...)
}

func OrderID(n int) string { return fmt.Sprint(820982911946154508 + int64(n)) }

// Counted checks one sample of a metric.
func (r *Rig) Counted(metric, labels string, want float64) {
	r.Helper()
	w := httptest.NewRecorder()
	promhttp.HandlerFor(r.Metrics, promhttp.HandlerOpts{}).ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	text := w.Body.String()
	if labels != "" {
		metric += "{" + labels + "}"
	}
	if line := fmt.Sprintf("%s %v\n", metric, want); !strings.Contains(text, line) {
		r.Errorf("no %s in\n%s", line, text)
	}
}

// Pipe is an answer that is read as it is written, under synctest's clock.
type Pipe struct {
	*io.PipeWriter
	Headers http.Header
}

func (p *Pipe) Header() http.Header { return p.Headers }
func (p *Pipe) WriteHeader(int)     {}
func (p *Pipe) Flush()              {}
