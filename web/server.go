package web

import (
	"encoding/json"
	"fmt"
	"log"
	"log/slog"
	"net/http"
	"net/netip"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"

	"bellhop/pipeline"
	"bellhop/store"
)

// Options are what [New] puts together. Store and Acceptor are needed; other
// zero fields mean the default.
type Options struct {
	Store    Store
	Acceptor Acceptor
	Webhooks WebhookOptions // its Logger, Registerer, Tracer and TrustedProxies are set from these

	Logger     *slog.Logger // default: nothing is logged
	Registerer prometheus.Registerer
	Tracer     trace.Tracer     // nil: no spans are made
	Now        func() time.Time // default time.Now
	Version    string           // of bellhop, for the API's document

	Checks  []Check      // what /readyz asks
	Metrics http.Handler // answers /metrics; nil where they have a listener of their own

	APIInFlight    int            // requests of the API at once, webhooks and streams aside; default 256
	Listeners      int            // streams open at once, a quarter of them one shop's; default 1024
	TrustedProxies []netip.Prefix // whose X-Forwarded-For and X-Forwarded-Proto count
	AllowedOrigins []string       // of pages elsewhere that may use the API, such as capacitor://localhost

	MaxDevices int // in use at once, of one shop; default 500

	// Queue is for operators to look after. nil: the console does without.
	Queue Queue
	// WebPushKey is what browsers subscribe with for notifications. "": none is rung.
	WebPushKey string
	// Demo has a phone and buttons stand beside the orders. nil: there is none.
	Demo Demo
}

// Server is the whole of bellhop's HTTP.
type Server struct {
	webhook http.Handler
	rest    http.Handler
	hub     *hub
	stats   *stats
}

// New assembles the server and begins to follow what changes, until
// [Server.Close].
func New(o Options) (*Server, error) {
	if o.Store == nil || o.Acceptor == nil {
		return nil, fmt.Errorf("assembling the web server: Store and Acceptor are needed")
	}
	defaults(&o)
	s := &Server{
		webhook: NewWebhook(o.Acceptor, o.Webhooks),
		hub:     newHub(o.Store, o.Logger, o.Listeners, o.Registerer),
	}
	s.stats = newStats(o.Store, o.Queue, o.Now, o.Logger)
	mux := http.NewServeMux()
	auth := newAuth(o.Store, o.Now)
	a := newAPI(mux, &api{
		store: o.Store, auth: auth, writes: newLimits(writeEvery, writeBurst, limitedKeys), proxies: o.TrustedProxies, now: o.Now, log: o.Logger,
		devices: store.DeviceLimits{Person: devicesOfPerson, Shop: o.MaxDevices},
		away:    pipeline.NewTrouble(o.Logger, slog.LevelError, "requests can't be answered: something is away", ""),
	}, s.hub, o.Version)
	fixed := prepared{}
	fixed.addAssets()
	if err := fixed.addDocuments(a.huma.OpenAPI()); err != nil {
		return nil, err
	}
	fixed.routes(mux)
	pages := &console{api: a, hub: s.hub, demo: o.Demo, webPushKey: o.WebPushKey, queue: o.Queue, stats: s.stats,
		rings: newLimits(ringEvery, ringBurst, limitedKeys), tries: newLimits(triesEvery, triesBurst, limitedKeys)}
	pages.routes(mux)
	routeHealth(mux, o.Checks, o.Logger, o.Now)
	if o.Metrics != nil {
		mux.Handle("GET /metrics", o.Metrics)
	}
	mux.HandleFunc("/", unmatched(mux, pages.unmatched))
	free := func(path string) bool { return fixed[path] != nil || isHealth(path) }
	limited := readFirst(bounded(mux, o.APIInFlight, free), o.TrustedProxies)
	s.rest = newObserved(secured(shared(sameSite(limited, o.AllowedOrigins), o.AllowedOrigins)), o.Logger, o.Registerer, spans{o.Tracer})
	go s.hub.run()
	go s.stats.run()
	return s, nil
}

func defaults(o *Options) {
	if o.MaxDevices <= 0 {
		o.MaxDevices = 500
	}
	o.Logger = loggerOr(o.Logger)
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.APIInFlight <= 0 {
		o.APIInFlight = 256
	}
	if o.Listeners <= 0 {
		o.Listeners = defaultListeners
	}
	if o.Version == "" {
		o.Version = "dev"
	}
	o.Webhooks.Logger, o.Webhooks.Registerer, o.Webhooks.Tracer = o.Logger, o.Registerer, o.Tracer
	o.Webhooks.TrustedProxies = o.TrustedProxies
}

// Handler answers every request.
func (s *Server) Handler() http.Handler { return http.HandlerFunc(s.serve) }

// serve takes webhooks past everything that the API needs and they don't.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == WebhookPath {
		s.webhook.ServeHTTP(w, r)
		return
	}
	s.rest.ServeHTTP(w, r)
}

// Close ends the streams, which http.Server.Shutdown would wait for, and what
// follows the changes. Call it before or during Shutdown; other requests are
// answered still.
func (s *Server) Close() {
	s.hub.close()
	s.stats.close()
}

// HTTPServer returns a server with every timeout and limit set. Streams extend
// their own; bodies have a shorter one.
func HTTPServer(addr string, h http.Handler, l *slog.Logger) *http.Server {
	s := &http.Server{
		Addr:              addr,
		Handler:           h,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       15 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       120 * time.Second, // Shopify uses a connection again
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          errorLog(l),
	}
	newConns(connsAllowed(), maxHeld).watch(s)
	return s
}

// errorLog takes what net/http has to say of single connections, which is of
// use only to whoever looks into one.
func errorLog(l *slog.Logger) *log.Logger {
	return slog.NewLogLogger(loggerOr(l).Handler(), slog.LevelDebug)
}

// indented writes JSON for people.
func indented(v any) ([]byte, error) {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("writing JSON: %w", err)
	}
	return append(b, '\n'), nil
}
