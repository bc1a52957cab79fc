package connect_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"bellhop"
	"bellhop/connect"
	"bellhop/internal/realserver"
	"bellhop/shopify"
	"bellhop/simulate/shop"
	"bellhop/store"
	"bellhop/wire"
	"bellhop/wire/wiretest"
)

var thePostgres = sync.OnceValues(func() (*realserver.Postgres, error) {
	return realserver.StartPostgres(context.Background())
})

// storages are both kinds of database.
func storages(t *testing.T, test func(*testing.T, wire.Storage)) {
	t.Run("sqlite", func(t *testing.T) { test(t, wire.Storage{Dir: wiretest.Dir(t), DB: "sqlite:", Queue: "sqlite:"}) })
	t.Run("postgres", func(t *testing.T) {
		p, err := thePostgres()
		realserver.Need(t, err)
		name, err := p.NewDatabase(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		test(t, wire.Storage{Dir: t.TempDir(), DB: p.URL(name), Queue: "sqlite:",
			Key: strings.Repeat("0123456789abcdef", 4)})
	})
}

// TestFourKeepersAtOnce lets four processes look after the same shops for a day, over refreshes that fail and answers
// that get lost. Each dies at random points. No connection gets lost, and no subscription.
func TestFourKeepersAtOnce(t *testing.T) {
	storages(t, func(t *testing.T, at wire.Storage) {
		var shops []string
		for i := range 4 {
			shops = append(shops, fmt.Sprintf("shop-%d.myshopify.com", i))
		}
		r := newRigOn(t, at, shops...)
		for _, domain := range shops {
			_, _, err := r.Code(t.Context(), domain, r.code(domain))
			r.must(err)
		}
		tokens := map[string]bool{}
		for round := range 24 {
			r.clock.pass(41*time.Minute + time.Duration(rand.N(5))*time.Minute)
			for _, domain := range shops {
				r.must(r.twin.SetFaults(domain, shop.Faults{RefreshUnknown: rand.N(4), RefreshCut: rand.N(3)}))
				r.must(r.twin.DropSubscriptions(domain, "orders/create"))
			}
			var processes sync.WaitGroup
			for i := range 4 {
				processes.Go(func() { r.keep(fmt.Sprintf("process %d", i), round%2 == 1) })
			}
			processes.Wait()
			r.clock.pass(2 * time.Minute) // the leases of the dead are over
			for _, domain := range shops {
				r.must(r.twin.SetFaults(domain, shop.Faults{}))
			}
			r.keep("the last", false)
			for _, domain := range shops {
				conn := r.connection(domain)
				r.state(conn, bellhop.AccessGood, "")
				tokens[conn.Token] = true
				if n := r.subscribed(domain, base+shopify.WebhookPath); n != len(shopify.Wanted()) {
					t.Fatalf("round %d: %d subscriptions of %s", round, n, domain)
				}
			}
		}
		if len(tokens) < 24*len(shops)*9/10 {
			t.Errorf("only %d tokens in 24 rounds of %d shops: the test renews nothing", len(tokens), len(shops))
		}
	})
}

// keep is one process's round over all that is due. It may die at any point.
func (r *rig) keep(name string, dies bool) {
	s := &mortal{Store: r.store.Store}
	c := r.connector(s)
	c.Holder = name
	if dies {
		left := rand.N(12)
		var mu sync.Mutex
		c.Probe = func(p connect.Point) {
			mu.Lock()
			defer mu.Unlock()
			if left--; left < 0 {
				s.dead = true
				panic(p)
			}
		}
		defer func() {
			if p := recover(); p != nil {
				if _, died := p.(connect.Point); !died {
					panic(p)
				}
			}
		}()
	}
	w := &connect.Watch{Connector: c}
	due, _, err := w.Due(r.Context())
	if err != nil {
		r.Error(err)
	}
	for _, conn := range due {
		if err := w.Keep(r.Context(), conn); err != nil {
			r.Error(err)
		}
	}
}

// TestKilledWhileRenewing kills the process at each step of a check that renews the token.
func TestKilledWhileRenewing(t *testing.T) {
	for _, point := range []connect.Point{connect.PointRefreshed, connect.PointKept, connect.PointCreated,
		connect.PointLooked, connect.PointSettled} {
		r := newRig(t)
		first := r.installed().Connection
		r.must(r.twin.DropSubscriptions(demo, ""))
		r.clock.pass(50 * time.Minute)
		if !r.killed(point, func() { r.Check(t.Context(), demo) }) {
			t.Errorf("no check comes to %s", point)
		}
		now := r.check(demo)
		r.state(now, bellhop.AccessGood, "")
		if now.Token == first.Token || connect.Missing(now.Subscriptions) != 0 ||
			r.subscribed(demo, base+shopify.WebhookPath) != len(shopify.Wanted()) {
			t.Errorf("killed at %s: %+v", point, now)
		}
	}
}

// TestDue: a shop comes up at its time, for its token, and once for each silence.
func TestDue(t *testing.T) {
	r := newRig(t)
	w := &connect.Watch{Connector: r.Connector}
	due := func() (names string) {
		t.Helper()
		all, _, err := w.Due(t.Context())
		r.must(err)
		for _, c := range all {
			names += strings.TrimSuffix(c.Shop, ".myshopify.com") + " "
		}
		return strings.TrimSpace(names)
	}
	r.connected()
	if got := due(); got != "" {
		t.Errorf("due at once: %q", got)
	}
	r.change(demo, func(c *bellhop.Connection) { c.CheckDue = r.clock.Now().Add(48 * time.Hour) })
	r.clock.pass(15 * time.Hour)
	if got := due(); got != "" {
		t.Errorf("due with a third of the token's life left: %q", got)
	}
	r.clock.pass(90 * time.Minute)
	if got := due(); got != "demo" {
		t.Errorf("due for its token: %q", got)
	}
	r.check(demo)
	r.change(demo, func(c *bellhop.Connection) { c.CheckDue = r.clock.Now().Add(48 * time.Hour) })
	if got := due(); got != "" {
		t.Errorf("due once renewed: %q", got)
	}
	r.clock.pass(8 * time.Hour) // no event for a day since the shop was added
	if got := due(); got != "demo" {
		t.Errorf("due for its silence: %q", got)
	}
	r.check(demo)
	r.change(demo, func(c *bellhop.Connection) { c.CheckDue = r.clock.Now().Add(48 * time.Hour) })
	if got := due(); got != "" {
		t.Errorf("due again for the same silence: %q", got)
	}
}

// TestSilenceFollowsTheShop measures the silences of a shop with an event every hour.
func TestSilenceFollowsTheShop(t *testing.T) {
	r := newRig(t)
	began := r.clock.Now()
	r.must(r.store.AddShop(t.Context(), bellhop.Shop{Domain: demo, AddedAt: began}))
	quiet := func() connect.Quiet {
		t.Helper()
		shops, err := r.store.Shops(t.Context())
		r.must(err)
		q, err := connect.Silence(t.Context(), r.store.Store.(store.Statistics), shops[0], r.clock.Now())
		r.must(err)
		return q
	}
	r.clock.pass(23 * time.Hour)
	if q := quiet(); q.Overdue(r.clock.Now()) || q.Allowed != 24*time.Hour {
		t.Errorf("a new shop: %+v", q)
	}
	for i := range 48 {
		r.clock.pass(time.Hour)
		r.event(i)
	}
	if q := quiet(); q.Overdue(r.clock.Now()) {
		t.Errorf("just heard of: %+v", q)
	}
	r.clock.pass(3*time.Hour + 59*time.Minute)
	if q := quiet(); q.Overdue(r.clock.Now()) || q.Allowed != 4*time.Hour {
		t.Errorf("before four hours: %+v", q)
	}
	r.clock.pass(time.Minute)
	if q := quiet(); !q.Overdue(r.clock.Now()) {
		t.Errorf("after four hours: %+v", q)
	}
}

// event records a webhook of the demo shop that says nothing.
func (r *rig) event(i int) {
	r.Helper()
	e := &bellhop.Event{ID: bellhop.EventID{byte(i), 1}, Shop: demo, Topic: "orders/create", WebhookID: fmt.Sprint(i),
		Body: []byte("{}"), AcceptedAt: r.clock.Now(), TriggeredAt: r.clock.Now(), SignedBy: bellhop.SignerApp}
	fact := bellhop.Fact{Event: e, At: r.clock.Now(), Skip: bellhop.ReasonTopicUnhandled}
	_, err := r.store.Record(r.Context(), []bellhop.Fact{fact})
	r.must(err)
}
