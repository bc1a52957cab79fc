// Package site assembles the whole of bellhop's HTTP: webhooks, API, console, installs and health,
// each bounded apart from the others.
package site

import (
	"cmp"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"

	"bellhop/connect"
	"bellhop/mail"
	"bellhop/web"
	"bellhop/web/api"
	"bellhop/web/console"
	"bellhop/web/install"
	"bellhop/web/webhook"
)

// Store is what the whole site needs of the store.
type Store interface {
	web.AuthStore
	api.Store
	console.Store
}

// Options are the parts and limits of a site. Store and Acceptor are needed; other zero fields
// mean the default.
type Options struct {
	Store    Store
	Acceptor webhook.Acceptor
	Webhooks webhook.Options // its Logger, Registerer, Tracer and TrustedProxies are set from these

	Logger     *slog.Logger // default: nothing is logged
	Registerer prometheus.Registerer
	Tracer     trace.Tracer     // nil: no spans are made
	Now        func() time.Time // default time.Now
	Version    string           // of bellhop, for the API's document
	URL        string           // where people reach bellhop; "" if nobody said: then no links can be made

	Checks  []web.Check  // the checks of /readyz
	Metrics http.Handler // answers /metrics; nil where they have a listener of their own

	APIInFlight    int            // requests of the API at once, webhooks and streams aside; default 256
	Listeners      int            // streams open at once, a quarter of them one shop's; default 1024
	TrustedProxies []netip.Prefix // whose X-Forwarded-For and X-Forwarded-Proto count
	AllowedOrigins []string       // of pages elsewhere that may use the API, such as capacitor://localhost

	MaxDevices int // in use at once, of one shop; default 500

	// Identity verifies tokens of the team's own identity provider. nil: none sign anybody in.
	Identity web.Verifier

	// Queue is the queue that operators look after. nil: the console has no pages for it.
	Queue console.Queue
	// Connector connects shops to Shopify. nil: /shopify/install says what to set.
	Connector *connect.Connector
	// Mail sends what signs people in; the links need URL. nil: nobody signs in by mail.
	Mail mail.Sender
	// WebPushKey is the key that browsers subscribe with. "": they get no notifications.
	WebPushKey string
}

// Server is bellhop's whole site.
type Server struct {
	webhook http.Handler
	rest    http.Handler
	api     *api.API
	console *console.Console
	mails   *web.SignInMails
}

// New assembles the site, which follows what changes until [Server.Close].
func New(o Options) (*Server, error) {
	if o.Store == nil || o.Acceptor == nil {
		return nil, fmt.Errorf("assembling the web server: Store and Acceptor are needed")
	}
	defaults(&o)
	mux, fixed := http.NewServeMux(), web.Prepared{}
	auth, problems := web.NewAuth(o.Store, o.Identity, o.Now), web.NewProblems(o.Logger)
	care, tests := web.NewCare(o.Connector, o.Now), web.NewDeviceTests(o.Store)
	var mails *web.SignInMails
	if o.Mail != nil {
		mails = web.NewSignInMails(web.MailOptions{Auth: auth, Sender: o.Mail, URL: o.URL, Log: o.Logger,
			Registerer: o.Registerer})
	}
	rest, err := api.New(mux, fixed, api.Options{
		Store: o.Store, Auth: auth, Problems: problems, Proxies: o.TrustedProxies, Listeners: o.Listeners,
		MaxDevices: o.MaxDevices, Now: o.Now, Log: o.Logger, Registerer: o.Registerer, Version: o.Version, URL: o.URL,
		Care: care, Tests: tests, Mails: mails,
	})
	if err != nil {
		return nil, err
	}
	pages := console.New(mux, fixed, console.Options{
		Store: o.Store, Queue: o.Queue, Auth: auth, Problems: problems, Proxies: o.TrustedProxies, Follow: rest.Follow,
		WebPushKey: o.WebPushKey, URL: o.URL, Care: care, Tests: tests, Mails: mails,
		Now: o.Now, Log: o.Logger,
	})
	err = install.New(mux, install.Options{Care: care, Store: o.Store, Auth: auth, Problems: problems,
		Proxies: o.TrustedProxies, Page: pages.Page, Now: o.Now, Log: o.Logger})
	if err != nil {
		return nil, err
	}
	fixed.Routes(mux)
	web.RouteHealth(mux, o.Checks, o.Logger, o.Now)
	if o.Metrics != nil {
		mux.Handle("GET /metrics", o.Metrics)
	}
	mux.HandleFunc("/", web.Unmatched(mux, pages.Unmatched))
	guarded := web.Guard(mux, web.GuardOptions{
		InFlight: o.APIInFlight, Free: func(path string) bool { return fixed[path] != nil }, Proxies: o.TrustedProxies,
		Origins: o.AllowedOrigins, Log: o.Logger, Registerer: o.Registerer, Tracer: o.Tracer,
	})
	return &Server{webhook: webhook.New(o.Acceptor, o.Webhooks), rest: guarded, api: rest, console: pages,
		mails: mails}, nil
}

func defaults(o *Options) {
	if o.MaxDevices <= 0 {
		o.MaxDevices = 500
	}
	o.Logger = web.LoggerOr(o.Logger)
	if o.Now == nil {
		o.Now = time.Now
	}
	o.APIInFlight = cmp.Or(o.APIInFlight, 256)
	o.Listeners = cmp.Or(o.Listeners, 1024)
	o.Version = cmp.Or(o.Version, "dev")
	o.Webhooks.Logger, o.Webhooks.Registerer, o.Webhooks.Tracer = o.Logger, o.Registerer, o.Tracer
	o.Webhooks.TrustedProxies, o.Webhooks.At = o.TrustedProxies, webhook.Path
}

// Handler answers every request.
func (s *Server) Handler() http.Handler { return http.HandlerFunc(s.serve) }

// serve keeps webhooks out of the middleware, which they don't need.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	if webhook.Matches(r) {
		s.webhook.ServeHTTP(w, r)
		return
	}
	s.rest.ServeHTTP(w, r)
}

// Close ends the streams, which http.Server.Shutdown would wait for, and stops to follow changes.
// Call it before or during Shutdown; other requests still get their answers.
func (s *Server) Close() {
	s.api.Close()
	s.console.Close()
	s.mails.Close()
}
