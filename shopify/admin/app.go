// Package admin speaks with Shopify for one app: it gets and renews tokens by OAuth, checks what
// Shopify's pages send along, and asks a shop's Admin API. It alone knows OAuth and GraphQL.
//
// It keeps no token: callers store them, and hand them in. Each error of a call is a [*bellhop.Error];
// where Shopify refused, its code is a [Refusal], which says whether a later call can help.
package admin

import (
	"cmp"
	"context"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"bellhop"
	"bellhop/internal/wait"
)

// DefaultVersion is the version of the Admin API that bellhop is written for.
const DefaultVersion = "2026-10"

// DefaultEndpoint is where Shopify itself answers.
const DefaultEndpoint = "https://{shop}"

// App is bellhop as an app of Shopify's. Set the fields before the first call; many goroutines may
// then use it at once.
type App struct {
	ClientID       string
	Secret         string
	PreviousSecret string // the one before, while it is being rotated; "" for none
	Endpoint       string // as [CheckEndpoint] wants it; "" is [DefaultEndpoint]
	Version        string // of the Admin API; "" is [DefaultVersion]
	Events         bool   // the app's configuration subscribes to Events about orders

	HTTP *http.Client                               // nil: one that gives up on a connection after 5 s
	Now  func() time.Time                           // nil: the clock
	Wait func(context.Context, time.Duration) error // between two tries; nil: waits

	mu      sync.Mutex
	client  *http.Client
	budgets map[string]*budget // by shop
	served  atomic.Pointer[string]
}

// CheckEndpoint refuses a template that could send a secret to somebody else. It has {shop} once,
// for the shop's domain; plain http is for this machine alone.
func CheckEndpoint(endpoint string) error {
	refuse := func(why string) error {
		return bellhop.Invalidf("endpoint", "%s; give https://{shop}, or for a twin http://127.0.0.1:PORT/{shop}", why)
	}
	u, err := url.Parse(strings.Replace(endpoint, "{shop}", "shop.myshopify.com", 1))
	switch {
	case strings.Count(endpoint, "{shop}") != 1 || err != nil || u.Hostname() == "" || strings.HasSuffix(endpoint, "/"):
		return refuse("it is no address with {shop} in it")
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return refuse("it has more than a host and a path")
	case u.Scheme != "https" && (u.Scheme != "http" || !isLoopback(u.Hostname())):
		return refuse("secrets go there, and it is not https")
	}
	return nil
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// address is where a shop answers. Nothing that isn't a shop's domain gets into it.
func (a *App) address(shop, path string) (string, error) {
	domain, err := bellhop.ParseShopDomain(shop)
	if err != nil {
		return "", err
	}
	endpoint := cmp.Or(a.Endpoint, DefaultEndpoint)
	if err := CheckEndpoint(endpoint); err != nil {
		return "", err
	}
	return strings.Replace(endpoint, "{shop}", domain, 1) + path, nil
}

func (a *App) version() string { return cmp.Or(a.Version, DefaultVersion) }

func (a *App) now() time.Time {
	if a.Now != nil {
		return a.Now()
	}
	return time.Now()
}

func (a *App) wait(ctx context.Context, d time.Duration) error {
	if a.Wait != nil {
		return a.Wait(ctx, d)
	}
	if !wait.Pause(ctx, d) {
		return context.Cause(ctx)
	}
	return nil
}

// secrets are those that Shopify may sign with, the current one first.
func (a *App) secrets() (all []string) {
	for _, s := range []string{a.Secret, a.PreviousSecret} {
		if s != "" {
			all = append(all, s)
		}
	}
	return all
}

// Served is the version that Shopify served where that was another than the wanted one, which it
// has retired then; "" while it serves that, or hasn't been asked.
func (a *App) Served() string {
	if v := a.served.Load(); v != nil {
		return *v
	}
	return ""
}
