package shop

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"bellhop"
	"bellhop/simulate"
)

// DefaultClientID is the app's client id where none is named.
const DefaultClientID = "bellhop-demo-app"

// DefaultScopes are those of the app's configuration where none are named.
var DefaultScopes = []string{"read_customers", "read_fulfillments", "read_orders"}

// Options say which shops the twin has, and which app is installed there.
type Options struct {
	// Orders says how orders come by themselves, and how deliveries are retried. Its Shops are the twin's; the
	// twin sets Target, Secret, Route and Tried.
	Orders simulate.ShopifyOptions

	ClientID string // of the app; "" is [DefaultClientID]
	Secret   string // of the app
	// App is the address of the app, such as https://bellhop.example. A merchant who installs or opens the app
	// is sent to /shopify/install there; OAuth may come back to /shopify/callback alone.
	App string

	// What the app's configuration says, which Shopify calls its toml.
	Scopes     []string  // with which the shop's own organisation installs it; nil is [DefaultScopes]
	Webhooks   []Webhook // that all shops send, compliance topics among them
	Events     []Events  // that all shops send beside them
	APIVersion string    // of both; "" is [simulate.APIVersion]

	Loopback bool             // take webhook addresses on this machine, which Shopify refuses
	Keep     int              // orders of a shop that are remembered; 0 is 100,000
	Now      func() time.Time // nil is time.Now
}

// Webhook is a subscription in the app's configuration.
type Webhook struct {
	Topic string // such as "shop/redact"
	URI   string
}

// Twin is Shopify as an app sees it: an http.Handler. All methods may be called at any time from any goroutine.
type Twin struct {
	opt     Options
	sender  *simulate.Shopify
	handler http.Handler
	redact  time.Duration // from an uninstall to shop/redact
	events  []*eventSubscription

	mu      sync.Mutex
	shops   map[string]*shop
	batches uint64 // of orders that were asked for: each has a seed of its own
}

// New returns a twin whose shops have no orders, and no app installed.
func New(o Options) (*Twin, error) {
	o.ClientID = cmp.Or(o.ClientID, DefaultClientID)
	o.APIVersion = cmp.Or(o.APIVersion, simulate.APIVersion)
	o.Keep = cmp.Or(o.Keep, 100_000)
	if o.Scopes == nil {
		o.Scopes = DefaultScopes
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	o.App = strings.TrimRight(o.App, "/")
	if u, err := url.Parse(o.App); err != nil || u.Host == "" {
		return nil, bellhop.Invalidf("app", "%q is not the app's address: give one such as https://bellhop.example", o.App)
	}
	t := &Twin{opt: o, shops: map[string]*shop{}}
	for _, e := range o.Events {
		one, err := newEventSubscription(e, o.APIVersion)
		if err != nil {
			return nil, err
		}
		t.events = append(t.events, one)
	}
	orders := &t.opt.Orders
	orders.Secret, orders.Route, orders.Tried, orders.Now, orders.Clock = o.Secret, t.route, t.tried, o.Now, o.Now
	if orders.Numbers == nil { // all batches of orders count on
		orders.Numbers = new(atomic.Int64)
		orders.Numbers.Store(simulate.FirstNumber)
	}
	var err error
	if t.sender, err = simulate.NewShopify(*orders); err != nil {
		return nil, err
	}
	t.redact = time.Duration(float64(redactAfter) * cmp.Or(orders.TimeScale, 1))
	for i, domain := range orders.Shops {
		t.shops[domain] = newShop(i, domain, &t.opt)
	}
	t.handler = http.NewCrossOriginProtection().Handler(t.routes())
	return t, nil
}

// Run makes the orders and delivers webhooks until ctx is done.
func (t *Twin) Run(ctx context.Context) error { return t.sender.Run(ctx) }

// Serve serves the twin at addr, and runs it, until ctx is done. It calls ready once with the address, which ends
// in the real port if addr has port 0.
func (t *Twin) Serve(ctx context.Context, addr string, ready func(url string) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var running sync.WaitGroup
	var ran error
	err := simulate.Serve(ctx, "the Shopify twin", addr, t, func(url string) error {
		if err := ready(url); err != nil {
			return err
		}
		running.Go(func() { ran = t.Run(ctx) })
		return nil
	})
	cancel()
	running.Wait()
	return errors.Join(err, ran)
}

// Ledger returns the deliveries.
func (t *Twin) Ledger() *simulate.Ledger { return t.sender.Ledger() }

// ServeHTTP answers as Shopify does.
func (t *Twin) ServeHTTP(w http.ResponseWriter, r *http.Request) { t.handler.ServeHTTP(w, r) }

// Bounds on what comes from outside.
const (
	maxBody = 1 << 20
	maxText = 4 << 10
)

func (t *Twin) routes() http.Handler {
	m := http.NewServeMux()
	m.HandleFunc("GET /{$}", t.serveShops)
	m.HandleFunc("GET /{shop}/admin", t.ofShop(t.serveAdmin))
	m.HandleFunc("POST /{shop}/admin", t.ofShop(t.pressed))
	m.HandleFunc("GET /{shop}/admin/app", t.ofShop(t.openApp))
	m.HandleFunc("GET /{shop}/admin/oauth/authorize", t.ofShop(t.authorize))
	m.HandleFunc("POST /{shop}/admin/oauth/authorize", t.ofShop(t.consented))
	m.HandleFunc("POST /{shop}/admin/oauth/access_token", t.ofShop(t.serveTokens))
	m.HandleFunc("POST /{shop}/admin/api/{version}/graphql.json", t.ofShop(t.serveGraphQL))
	t.routeOwn(m)
	return m
}

// ofShop finds the shop that a request is for.
func (t *Twin) ofShop(serve func(http.ResponseWriter, *http.Request, *shop)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s := t.shops[r.PathValue("shop")] // the map never changes
		if s == nil {
			writeJSON(w, http.StatusNotFound, map[string]string{"errors": "Not Found"})
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		serve(w, r, s)
	}
}

// shop returns a shop by its domain.
func (t *Twin) shop(domain string) (*shop, error) {
	if s := t.shops[domain]; s != nil {
		return s, nil
	}
	return nil, bellhop.Errorf(bellhop.NotFound, "shop", "the twin has no shop %q", domain)
}

// change lets fn change a shop while nothing else happens.
func (t *Twin) change(domain string, fn func(*shop) error) error {
	s, err := t.shop(domain)
	if err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return fn(s)
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.Encode(v) // the client may be gone; there is nobody to tell
}

// gid is a global id of Shopify's.
func gid(kind string, id any) string { return fmt.Sprintf("gid://shopify/%s/%v", kind, id) }
