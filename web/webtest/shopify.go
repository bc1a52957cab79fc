package webtest

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"bellhop/connect"
	"bellhop/shopify/admin"
	"bellhop/simulate"
	"bellhop/simulate/shop"
	"bellhop/web/site"
)

// What the app of a rig with Shopify is called.
const (
	AppURL    = "https://bellhop.test" // nothing listens there: tests carry redirects over
	AppID     = "the-app"
	AppSecret = "hush"
	Fresh     = "fresh.myshopify.com" // a shop that a rig does not know at first
)

// Shopify is a twin of Shopify's with the shops Demo, Other and Fresh, for a rig: New(t, shopify.Connect).
type Shopify struct {
	testing.TB
	*shop.Twin
	Server    *httptest.Server
	Connector *connect.Connector
	Secrets   [2]string // of the app, if others than AppSecret: the current one and the one before
}

// Connect lets a rig connect shops to the twin.
func (s *Shopify) Connect(o *site.Options) {
	s.Helper()
	var err error
	s.Twin, err = shop.New(shop.Options{Orders: simulate.ShopifyOptions{Shops: []string{Demo, Other, Fresh}},
		ClientID: AppID, Secret: AppSecret, App: AppURL, Now: o.Now})
	Must(s, err)
	s.Server = httptest.NewServer(s.Twin)
	s.Cleanup(s.Server.Close)
	if s.Secrets[0] == "" {
		s.Secrets[0] = AppSecret
	}
	app := &admin.App{ClientID: AppID, Secret: s.Secrets[0], PreviousSecret: s.Secrets[1],
		Endpoint: s.Server.URL + "/{shop}", Now: o.Now,
		Wait: func(ctx context.Context, _ time.Duration) error { return ctx.Err() }}
	s.Connector = &connect.Connector{App: app, Store: o.Store.(connect.Store), URL: AppURL, Holder: "rig", Now: o.Now,
		Log: slog.New(slog.DiscardHandler)}
	if o.Logger != nil {
		s.Connector.Log = o.Logger
	}
	o.Connector = s.Connector
}

// Opened is the path and query at which Shopify opens the app.
func (s *Shopify) Opened(domain string) string {
	s.Helper()
	address, err := s.InstallURL(domain)
	Must(s, err)
	return Local(s, address)
}

// Local turns an address of the app's into the path and query of a rig.
func Local(t testing.TB, address string) string {
	t.Helper()
	path, ours := strings.CutPrefix(address, AppURL)
	if !ours {
		t.Fatalf("%s is no address of the app's", address)
	}
	return path
}

// Agree presses the button on Shopify's page at an address, and returns the callback's path and query.
func (s *Shopify) Agree(address string) string {
	s.Helper()
	if !strings.HasPrefix(address, s.Server.URL+"/") {
		s.Fatalf("%s is not Shopify's", address)
	}
	client := s.Server.Client()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	res, err := client.Post(address, "application/x-www-form-urlencoded", nil)
	Must(s, err)
	defer res.Body.Close()
	return Local(s, res.Header.Get("Location"))
}
