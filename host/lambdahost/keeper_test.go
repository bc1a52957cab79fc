package lambdahost_test

import (
	"context"
	"errors"
	"net/http/httptest"
	"testing"
	"time"

	"bellhop"
	"bellhop/connect"
	"bellhop/host"
	"bellhop/host/lambdahost"
	"bellhop/queue"
	"bellhop/reconcile"
	"bellhop/shopify"
	"bellhop/shopify/admin"
	"bellhop/simulate"
	twin "bellhop/simulate/shop"
	"bellhop/store"
	"bellhop/wire"
)

// taken is a queue that only takes events in.
type taken struct{ events []*bellhop.Event }

func (q *taken) Send(_ context.Context, events ...*bellhop.Event) error {
	q.events = append(q.events, events...)
	return nil
}

func (q *taken) Depth(context.Context) (queue.Depth, error) { return queue.Depth{}, nil }

// TestSweepLooksAfterConnections: a subscription that went missing is back, what came meanwhile is fetched, and trouble
// with that stops no push.
func TestSweepLooksAfterConnections(t *testing.T) {
	f := newFunctions(t)
	const demo, base, secret = "connected.myshopify.com", "https://bellhop.example", "hush"
	shopifys, err := twin.New(twin.Options{Secret: secret, App: base,
		Orders: simulate.ShopifyOptions{Shops: []string{demo}, Rate: 1}})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(shopifys)
	t.Cleanup(server.Close)
	now := time.Now
	connector := func(open store.Store) *connect.Connector {
		return &connect.Connector{Store: open, URL: base, Holder: "sweep", Now: now, Log: f.step.Log,
			App: &admin.App{ClientID: twin.DefaultClientID, Secret: secret, Endpoint: server.URL + "/{shop}"}}
	}
	if err := shopifys.Install(demo); err != nil {
		t.Fatal(err)
	}
	open, err := f.step.Database.Get(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := connector(open).ClientCredentials(t.Context(), demo); err != nil {
		t.Fatal(err)
	}
	if err := shopifys.DropSubscriptions(demo, ""); err != nil {
		t.Fatal(err)
	}
	// Nobody is subscribed now.
	if err := shopifys.MakeOrders(demo, simulate.ShopifyOptions{Orders: 3}); err != nil {
		t.Fatal(err)
	}
	shopifys.Flush(t.Context())
	now = func() time.Time { return time.Now().Add(15 * time.Minute) }
	missed := &taken{}
	s := &lambdahost.Sweep{PushStep: f.push, KeepBodies: time.Hour,
		Keepers: func(_ context.Context, open store.Store) ([]lambdahost.Keeper, error) {
			c := connector(open)
			return []lambdahost.Keeper{host.NewKeeper(c), host.NewComparer(&reconcile.Reconciler{Connector: c, Store: open,
				Queue: missed, Key: wire.SigningKey(open)})}, nil
		}}
	sweep := func() {
		t.Helper()
		if out, err := s.Invoke(t.Context(), []byte(`{"source":"aws.events"}`)); err != nil {
			t.Fatalf("%s, %v", out, err)
		}
	}
	sweep()
	if all, err := shopifys.Subscriptions(demo); err != nil || len(all) != len(shopify.Wanted()) {
		t.Errorf("%d subscriptions, %v", len(all), err)
	}
	sweep() // the first one made the subscriptions, and asked for a look
	if n := len(missed.events); n != 3 {
		t.Errorf("%d orders were missed and sent to the queue", n)
	}
	s.Keepers = func(context.Context, store.Store) ([]lambdahost.Keeper, error) { return nil, errors.New("no secret") }
	sweep()
}
