package connect_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"bellhop"
	"bellhop/connect"
	"bellhop/shopify/admin"
	"bellhop/simulate"
	"bellhop/simulate/shop"
	"bellhop/store"
	"bellhop/wire"
	"bellhop/wire/wiretest"
)

const (
	demo   = "demo.myshopify.com"
	other  = "other.myshopify.com"
	away   = "away.myshopify.com" // of another organisation
	base   = "https://bellhop.example"
	secret = "shpss_hush"
)

// clock is the time of all parts of a test.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// rig is Shopify's twin, a store and a connector between them.
type rig struct {
	*testing.T
	*connect.Connector
	twin    *shop.Twin
	server  *httptest.Server
	store   *mortal
	clock   *clock
	log     *lockedBuffer
	answers func(*http.Request, *http.Response) // sees what Shopify answers; nil for nothing
}

// lockedBuffer is a log.
type lockedBuffer struct {
	mu sync.Mutex
	bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.Write(p)
}

// mortal is a store whose process may be dead: then nobody gives leases back.
type mortal struct {
	store.Store
	dead bool
}

func (m *mortal) MoveLease(ctx context.Context, l store.Lease) error {
	if m.dead {
		return bellhop.Errorf(bellhop.Unavailable, "dead", "the process is dead")
	}
	return m.Store.MoveLease(ctx, l)
}

func newRig(t *testing.T, shops ...string) *rig {
	return newRigOn(t, wire.Storage{Dir: wiretest.Dir(t), DB: "sqlite:", Queue: "sqlite:"}, shops...)
}

func newRigOn(t *testing.T, at wire.Storage, shops ...string) *rig {
	t.Helper()
	r := &rig{T: t, clock: &clock{now: time.Date(2026, 11, 30, 9, 0, 0, 0, time.UTC)}, log: &lockedBuffer{}}
	var err error
	r.twin, err = shop.New(shop.Options{Secret: secret, App: base, Now: r.clock.Now,
		Orders: simulate.ShopifyOptions{Shops: append([]string{demo, other, away}, shops...), Rate: 1}})
	if err != nil {
		t.Fatal(err)
	}
	r.must(r.twin.SetFaults(away, shop.Faults{Elsewhere: true}))
	r.server = httptest.NewServer(r.twin)
	t.Cleanup(r.server.Close)
	parts, err := at.Open(t.Context(), wire.Options{Now: r.clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { parts.Close() })
	r.store = &mortal{Store: parts.Store}
	r.Connector = r.connector(r.store)
	return r
}

// connector is one more process's.
func (r *rig) connector(s connect.Store) *connect.Connector {
	return &connect.Connector{Store: s, URL: base, Holder: "test", Now: r.clock.Now,
		Log: slog.New(slog.NewTextHandler(r.log, nil)),
		App: &admin.App{ClientID: shop.DefaultClientID, Secret: secret, Endpoint: r.server.URL + "/{shop}",
			HTTP: &http.Client{Transport: r}, Now: r.clock.Now,
			Wait: func(context.Context, time.Duration) error { return nil }}}
}

// RoundTrip lets the test see Shopify's answers.
func (r *rig) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err == nil && r.answers != nil {
		r.answers(req, resp)
	}
	return resp, err
}

func (r *rig) must(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}

func (r *rig) connection(domain string) bellhop.Connection {
	r.Helper()
	c, err := r.store.Connection(r.Context(), domain)
	r.must(err)
	return c
}

// connected connects the demo shop by client credentials.
func (r *rig) connected() bellhop.Connection {
	r.Helper()
	r.must(r.twin.Install(demo))
	done, err := r.ClientCredentials(r.Context(), demo)
	r.must(err)
	return done.Connection
}

// installed connects the demo shop as its owner does.
func (r *rig) installed() connect.Connected {
	r.Helper()
	done, _, err := r.Code(r.Context(), demo, r.code(demo))
	r.must(err)
	return done
}

// code is what Shopify sends along after the owner agreed.
func (r *rig) code(domain string) string {
	r.Helper()
	ask := r.App.AuthorizeURL(domain, base+"/shopify/callback", "state", admin.WantedScopes)
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Post(ask, "application/x-www-form-urlencoded", strings.NewReader(""))
	r.must(err)
	defer resp.Body.Close()
	back, err := url.Parse(resp.Header.Get("Location"))
	r.must(err)
	code := back.Query().Get("code")
	if code == "" {
		page, _ := io.ReadAll(resp.Body)
		r.Fatalf("no code: %s %s", resp.Status, page)
	}
	return code
}

// subscribed counts a shop's subscriptions at an address.
func (r *rig) subscribed(domain, address string) (n int) {
	r.Helper()
	all, err := r.twin.Subscriptions(domain)
	r.must(err)
	for _, s := range all {
		if s.URI == address {
			n++
		}
	}
	return n
}

// check looks after a shop and returns its connection.
func (r *rig) check(domain string) bellhop.Connection {
	r.Helper()
	c, err := r.Check(r.Context(), domain)
	r.must(err)
	return c
}

// change changes a connection behind bellhop's back.
func (r *rig) change(domain string, change func(*bellhop.Connection)) {
	r.Helper()
	r.must(r.store.UpdateConnection(r.Context(), domain, func(c *bellhop.Connection) error {
		change(c)
		return nil
	}))
}

func (r *rig) state(c bellhop.Connection, access bellhop.AccessState, reason admin.Refusal) {
	r.Helper()
	if c.Access != access || c.Reason != string(reason) {
		r.Errorf("access is %s %q, want %s %q\n%s", c.Access, c.Reason, access, reason, r.log.String())
	}
}
