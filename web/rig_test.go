package web_test

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
	"bellhop/wire"
)

const (
	demo  = "demo.myshopify.com"
	other = "other.myshopify.com"
)

var day = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)

// Secrets of the sessions and tokens that every rig has.
const (
	ownerSession    = "bh_s_the-owner-of-demo"
	otherSession    = "bh_s_the-owner-of-other"
	operatorSession = "bh_s_the-operator"
	demoToken       = "bh_t_a-token-of-demo"
	password        = "correct horse battery"
)

// rig is a server over a store of its own, with two shops, their owners and an
// operator.
type rig struct {
	testing.TB
	*httptest.Server
	web      *web.Server
	db       store.Store
	acceptor *acceptor
	clock    *clock
	log      *lockedBuffer
	metrics  *prometheus.Registry
	owner    bellhop.Person
}

func newRig(t testing.TB, change ...func(*web.Options)) *rig {
	t.Helper()
	r := &rig{TB: t, db: openStore(t), acceptor: &acceptor{}, clock: &clock{at: day.Add(time.Hour)},
		log: &lockedBuffer{}, metrics: prometheus.NewRegistry()}
	r.people()
	opts := web.Options{
		Store: r.db, Acceptor: r.acceptor, Now: r.clock.Now, Registerer: r.metrics, Version: "test",
		Logger: slog.New(slog.NewTextHandler(r.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	for _, c := range change {
		c(&opts)
	}
	var err error
	r.web, err = web.New(opts)
	must(t, err)
	r.Server = httptest.NewUnstartedServer(nil)
	r.Server.Config = web.HTTPServer("", r.web.Handler(), opts.Logger)
	r.Server.Start()
	r.Client().CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	t.Cleanup(func() {
		r.web.Close()
		r.Server.Close()
	})
	return r
}

// in returns the rig for a subtest.
func (r *rig) in(t testing.TB) *rig {
	sub := *r
	sub.TB = t
	return &sub
}

func openStore(t testing.TB) store.Store {
	t.Helper()
	s := wire.Storage{Dir: t.TempDir(), DB: "sqlite:", Queue: "sqlite:"}
	parts, err := s.Open(context.Background(), wire.Options{})
	must(t, err)
	t.Cleanup(func() { parts.Close() })
	return parts.Store
}

func (r *rig) people() {
	r.Helper()
	ctx := context.Background()
	hash := cheapHash()
	for _, shop := range []string{demo, other} {
		must(r, r.db.AddShop(ctx, bellhop.Shop{Domain: shop, AddedAt: day}))
	}
	for _, p := range []struct {
		bellhop.Person
		session string
	}{
		{bellhop.Person{Email: "jo@example.com", Role: bellhop.RoleOwner, Shop: demo}, ownerSession},
		{bellhop.Person{Email: "kim@example.com", Role: bellhop.RoleOwner, Shop: other}, otherSession},
		{bellhop.Person{Email: "op@example.com", Role: bellhop.RoleOperator}, operatorSession},
	} {
		p.PasswordHash, p.AddedAt = hash, day
		added, err := r.db.AddPerson(ctx, p.Person)
		must(r, err)
		must(r, r.db.AddSession(ctx, bellhop.Session{
			TokenHash: web.HashToken(p.session), PersonID: added.ID, CreatedAt: day, ExpiresAt: day.Add(24 * time.Hour),
		}, "192.0.2.1"))
		if p.session == ownerSession {
			r.owner = added
		}
	}
	_, err := r.db.AddToken(ctx, bellhop.Token{Shop: demo, Name: "till", Hash: web.HashToken(demoToken), CreatedAt: day})
	must(r, err)
}

// cheapHash is of password, and quick to verify.
var cheapHash = sync.OnceValue(func() string {
	salt, b64 := []byte("saltsaltsaltsalt"), base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$argon2id$v=%d$m=64,t=1,p=1$%s$%s", argon2.Version, b64(salt), b64(argon2.IDKey([]byte(password), salt, 1, 64, 1, 32)))
})

// order records an order whose id is 820982911946154508 + n.
func (r *rig) order(shop string, n int, change ...func(*bellhop.Order)) bellhop.Order {
	r.Helper()
	at := day.Add(time.Duration(n) * time.Second)
	eur := bellhop.Money{Units: 37211, Digits: 2, Currency: "EUR"}
	o := &bellhop.Order{
		Shop: shop, ID: 820982911946154508 + int64(n), Version: bellhop.Version{UpdatedAt: at, TriggeredAt: at, Hash: uint64(n) + 1},
		Name: fmt.Sprintf("#%d", 1000+n), Number: int64(1000 + n), Total: usd(40300), Presentment: &eur,
		CustomerName: "Jo Lee", CustomerEmail: "jo@example.com", FinancialStatus: "paid", FulfillmentStatus: "unfulfilled",
		PlacedAt: at.In(time.FixedZone("", 9*3600)), UpdatedAt: at.In(time.FixedZone("", 9*3600)),
		Items: []bellhop.Item{{ID: 1, Title: "Tee", Variant: "M", SKU: "TEE-M", Quantity: 2, Price: usd(1990)}},
	}
	for _, c := range change {
		c(o)
	}
	e := &bellhop.Event{Shop: shop, Topic: "orders/create", APIVersion: "2026-10", WebhookID: fmt.Sprint("w", n, o.Version.Hash),
		TriggeredAt: at, AcceptedAt: at.Add(time.Second), SignedBy: bellhop.SignerApp, Body: []byte(`{"id":1}`)}
	binary.BigEndian.PutUint64(e.ID[:], uint64(len(shop)))
	binary.BigEndian.PutUint64(e.ID[8:], uint64(n)<<16|o.Version.Hash)
	_, err := r.db.Record(context.Background(), []bellhop.Fact{{Event: e, At: at.Add(2 * time.Second), OrderID: o.ID, Order: o}})
	must(r, err)
	return *o
}

func (r *rig) device(shop, installation string) bellhop.Device {
	r.Helper()
	d, err := r.db.PutDevice(context.Background(), bellhop.Device{
		Shop: shop, Installation: installation, Kind: bellhop.AddressToken, Value: shop + "/" + installation,
		Platform: bellhop.PlatformIOS, Form: bellhop.FormData, AddedAt: day, SeenAt: day,
	}, store.DeviceLimits{})
	must(r, err)
	return d
}

func usd(cents int64) bellhop.Money { return bellhop.Money{Units: cents, Digits: 2, Currency: "USD"} }

// reply is an answer, read.
type reply struct {
	*http.Response
	body string
}

func (a reply) json(t testing.TB) map[string]any {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal([]byte(a.body), &v); err != nil {
		t.Fatalf("%v: %s", err, a.body)
	}
	return v
}

// call makes a request. secret is a bearer token, "" for none; body is JSON, ""
// for none.
func (r *rig) call(method, path, secret, body string, change ...func(*http.Request)) reply {
	r.Helper()
	var reader io.Reader
	if body != "" {
		reader = strings.NewReader(body)
	}
	req, err := http.NewRequest(method, r.URL+path, reader)
	must(r, err)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	if secret != "" {
		req.Header.Set("Authorization", "Bearer "+secret)
	}
	for _, c := range change {
		c(req)
	}
	return r.do(req)
}

func (r *rig) do(req *http.Request) reply {
	r.Helper()
	res, err := r.Client().Do(req)
	must(r, err)
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	must(r, err)
	return reply{res, string(b)}
}

// machineWords are those of libraries and databases.
var machineWords = regexp.MustCompile(`expected|2006-01-02T15|propert|RFC|regex|JSON input|invalid char|UNIQUE|constraint|sqlite|unexpected|limit=`)

// problem checks the shape of a problem and its status and code.
func (r *rig) problem(a reply, status int, code string) {
	r.Helper()
	if a.StatusCode != status || a.Header.Get("Content-Type") != "application/problem+json" {
		r.Fatalf("got %d %s, want %d: %s", a.StatusCode, a.Header.Get("Content-Type"), status, a.body)
	}
	p := a.json(r)
	if p["code"] != code || p["status"] != float64(status) || p["title"] != http.StatusText(status) ||
		p["type"] != "about:blank" || p["detail"] == "" {
		r.Fatalf("want status %d and code %s: %s", status, code, a.body)
	}
	if jargon := machineWords.FindString(a.body); jargon != "" {
		r.Errorf("no person says %q: %s", jargon, a.body)
	}
}

func withCookie(secret string) func(*http.Request) {
	return func(req *http.Request) { req.AddCookie(&http.Cookie{Name: "bellhop_session", Value: secret}) }
}

func withHeader(name string, values ...string) func(*http.Request) {
	return func(req *http.Request) { req.Header[http.CanonicalHeaderKey(name)] = values }
}

// acceptor stands in for the pipeline.
type acceptor struct {
	mu     sync.Mutex
	accept func(ctx context.Context, h http.Header, body []byte) error
	bodies [][]byte
}

func (a *acceptor) Accept(ctx context.Context, h http.Header, body []byte) error {
	a.mu.Lock()
	accept := a.accept
	a.bodies = append(a.bodies, bytes.Clone(body))
	a.mu.Unlock()
	if accept == nil {
		return nil
	}
	return accept(ctx, h, body)
}

type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) Add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

func must(t testing.TB, err error) {
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
	caching := "no-store"
	if a.Request.URL.Path == "/docs" { // the same for everybody
		caching = "no-cache"
	}
	if strings.Contains(csp, "unsafe") || a.Header.Get("X-Content-Type-Options") != "nosniff" ||
		a.Header.Get("X-Frame-Options") != "DENY" || a.Header.Get("Cache-Control") != caching {
		t.Errorf("%v", a.Header)
	}
	for _, re := range []*regexp.Regexp{inlineScript, inlineStyle, inlineHandler} {
		if found := re.FindString(quotedValue.ReplaceAllString(a.body, `=""`)); found != "" {
			t.Errorf("inline: %s", found)
		}
	}
	for _, m := range loaded.FindAllStringSubmatch(a.body, -1) {
		if !strings.HasPrefix(m[1], "/") || strings.HasPrefix(m[1], "//") {
			t.Errorf("from elsewhere: %s", m[0])
		}
	}
}

// get asks for a page as somebody.
func (r *rig) get(path, session string, change ...func(*http.Request)) reply {
	r.Helper()
	return r.call("GET", path, "", "", append(change, withCookie(session))...)
}

// post sends a form as somebody.
func (r *rig) post(path, session string, form url.Values, change ...func(*http.Request)) reply {
	r.Helper()
	req, err := http.NewRequest("POST", r.URL+path, strings.NewReader(form.Encode()))
	must(r, err)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	for _, c := range append(change, withCookie(session)) {
		c(req)
	}
	return r.do(req)
}

func orderID(n int) string { return fmt.Sprint(820982911946154508 + int64(n)) }

// counted checks one sample of a metric.
func (r *rig) counted(metric, labels string, want float64) {
	r.Helper()
	w := httptest.NewRecorder()
	promhttp.HandlerFor(r.metrics, promhttp.HandlerOpts{}).ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	text := w.Body.String()
	if labels != "" {
		metric += "{" + labels + "}"
	}
	if line := fmt.Sprintf("%s %v\n", metric, want); !strings.Contains(text, line) {
		r.Errorf("no %s in\n%s", line, text)
	}
}

// pipe is an answer that is read as it is written, under synctest's clock.
type pipe struct {
	*io.PipeWriter
	header http.Header
}

func (p *pipe) Header() http.Header { return p.header }
func (p *pipe) WriteHeader(int)     {}
func (p *pipe) Flush()              {}
