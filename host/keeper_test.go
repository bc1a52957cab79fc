package host_test

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"bellhop"
	"bellhop/connect"
	"bellhop/host"
	"bellhop/shopify"
	"bellhop/shopify/admin"
	"bellhop/simulate"
	shopifytwin "bellhop/simulate/shop"
	"bellhop/store"
	"bellhop/wire"
	"bellhop/wire/wiretest"
)

// kept is some shops that a keeper looks after.
type kept struct {
	*testing.T
	twin      *shopifytwin.Twin
	connector *connect.Connector
	settled   chan struct{} // a check is over
	slow      string        // this shop does not answer
}

func newKept(t *testing.T, shops ...string) *kept {
	k := &kept{T: t, settled: make(chan struct{}, 100)}
	var err error
	k.twin, err = shopifytwin.New(shopifytwin.Options{Secret: appSecret, App: "https://bellhop.example",
		Orders: simulate.ShopifyOptions{Shops: shops, Rate: 1}})
	if err != nil {
		t.Fatal(err)
	}
	parts, err := (&wire.Storage{Dir: wiretest.Dir(t), DB: "sqlite:", Queue: "sqlite:"}).Open(t.Context(), wire.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { parts.Close() })
	k.connector = &connect.Connector{Store: parts.Store, URL: "https://bellhop.example", Holder: "test", Now: time.Now,
		Log: slog.New(slog.DiscardHandler),
		App: &admin.App{ClientID: shopifytwin.DefaultClientID, Secret: appSecret, Endpoint: "http://127.0.0.1/{shop}",
			HTTP: &http.Client{Transport: k}}}
	for _, domain := range shops {
		k.must(k.twin.Install(domain))
		_, err := k.connector.ClientCredentials(t.Context(), domain)
		k.must(err)
		k.must(k.twin.DropSubscriptions(domain, ""))
		k.must(parts.Store.UpdateConnection(t.Context(), domain, func(c *bellhop.Connection) error {
			c.CheckDue = time.Now().Add(-time.Minute)
			return nil
		}))
	}
	k.connector.Probe = func(p connect.Point) {
		if p == connect.PointSettled {
			k.settled <- struct{}{}
		}
	}
	return k
}

// RoundTrip is Shopify, of which one shop may not answer.
func (k *kept) RoundTrip(req *http.Request) (*http.Response, error) {
	if k.slow != "" && strings.Contains(req.URL.Path, k.slow) {
		<-req.Context().Done()
		return nil, req.Context().Err()
	}
	answer := httptest.NewRecorder()
	k.twin.ServeHTTP(answer, req)
	return answer.Result(), nil
}

func (k *kept) must(err error) {
	k.Helper()
	if err != nil {
		k.Fatal(err)
	}
}

func (k *kept) subscribed(domain string) int {
	k.Helper()
	all, err := k.twin.Subscriptions(domain)
	k.must(err)
	return len(all)
}

// TestKeeper: a keeper makes missing subscriptions of all shops that are due, and one shop that does not answer holds
// up nobody.
func TestKeeper(t *testing.T) {
	const slow = "a-slow.myshopify.com"
	k := newKept(t, slow, "one.myshopify.com", "two.myshopify.com")
	k.slow = slow
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- host.NewKeeper(k.connector).Run(ctx, ctx) }()
	for range 2 {
		<-k.settled
	}
	for domain, want := range map[string]int{slow: 0, "one.myshopify.com": len(shopify.Wanted()),
		"two.myshopify.com": len(shopify.Wanted())} {
		if n := k.subscribed(domain); n != want {
			t.Errorf("%d subscriptions of %s, want %d", n, domain, want)
		}
	}
	cancel()
	k.must(<-ended)
	if c, err := k.connector.Store.Connection(t.Context(), slow); err != nil || c.Access != bellhop.AccessGood {
		t.Errorf("the end of the process was taken for Shopify's refusal: %+v, %v", c, err)
	}
}

// TestLostSubscriptionIsBackInTime deletes a subscription at any time while orders come by the others. It must be back
// within a quarter of an hour, by the keeper's own schedule: the test only lets time pass.
func TestLostSubscriptionIsBackInTime(t *testing.T) {
	const demo, bound = "demo.myshopify.com", 15 * time.Minute
	synctest.Test(t, func(t *testing.T) {
		k := newKept(t, demo)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- host.NewKeeper(k.connector).Run(ctx, ctx) }()
		<-k.settled
		longest := time.Duration(0)
		for n := range 20 {
			time.Sleep(time.Duration(rand.N(int64(bound))))
			for len(k.settled) > 0 {
				<-k.settled
			}
			k.event(demo, n) // no silence brings it back
			k.must(k.twin.DropSubscriptions(demo, shopify.TopicOrderCreate))
			lost := time.Now()
			<-k.settled
			if k.subscribed(demo) != len(shopify.Wanted()) {
				<-k.settled // the check under way had looked before
			}
			longest = max(longest, time.Since(lost))
			if n := k.subscribed(demo); n != len(shopify.Wanted()) {
				t.Fatalf("%d subscriptions", n)
			}
		}
		cancel()
		k.must(<-ended)
		if longest > bound || longest < time.Minute {
			t.Errorf("the longest took %v", longest)
		}
	})
}

// event records a webhook that says nothing.
func (k *kept) event(domain string, n int) {
	k.Helper()
	now := time.Now()
	e := &bellhop.Event{ID: bellhop.EventID{byte(n), 1}, Shop: domain, Topic: "orders/updated", WebhookID: fmt.Sprint(n),
		Body: []byte("{}"), AcceptedAt: now, TriggeredAt: now, SignedBy: bellhop.SignerApp}
	_, err := k.connector.Store.(store.Recorder).Record(k.Context(), []bellhop.Fact{{Event: e, At: now,
		Skip: bellhop.ReasonTopicUnhandled}})
	k.must(err)
}

// TestKeepersRound is what sweep runs: once over what is due.
func TestKeepersRound(t *testing.T) {
	k := newKept(t, "one.myshopify.com")
	keeper := host.NewKeeper(k.connector)
	for range 2 {
		k.must(keeper.Round(t.Context(), t.Context()))
	}
	if n := k.subscribed("one.myshopify.com"); n != len(shopify.Wanted()) || len(k.settled) != 1 {
		t.Errorf("%d subscriptions, after %d checks", n, len(k.settled))
	}
}
