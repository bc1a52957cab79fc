package host_test

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"bellhop"
	"bellhop/internal/realserver"
	"bellhop/shopify"
	"bellhop/store"
	"bellhop/wire"
)

// These tests are not parallel: they measure answers, and one stops the shared server.

// alone is a bellhop with all in one Postgres behind something that may break.
type alone struct {
	*served
	direct store.Store // past the proxy

	mu       sync.Mutex
	n        int
	last     []byte // the body of the last webhook
	accepted []int  // orders whose webhooks were answered 200
	refused  []int  // 503
}

// serveAlone serves from the database at an address.
func serveAlone(t *testing.T, addr, db string) *alone {
	t.Helper()
	direct, err := (&wire.Storage{Dir: t.TempDir(), DB: postgres(t).URL(db), Queue: "postgres:"}).Open(t.Context(),
		wire.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { direct.Close() })
	a := &alone{direct: direct.Store}
	a.served = serveOn(t, wire.Storage{Dir: t.TempDir(), DB: realserver.PostgresURL(addr, db), Queue: "postgres:"},
		wire.Options{}, nil)
	return a
}

// knock delivers a new order. Bellhop soon accepts it or refuses it for now: the server
// has a second, and this machine some more.
func (a *alone) knock() (status int) {
	a.mu.Lock()
	a.n++
	n, body := a.n, order(a.n)
	a.last = body
	a.mu.Unlock()
	began := time.Now()
	status = a.post(shopify.TopicOrderCreate, fmt.Sprint("webhook-", n), body)
	took := time.Since(began)
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case status == http.StatusOK:
		a.accepted = append(a.accepted, n)
	case status == http.StatusServiceUnavailable:
		a.refused = append(a.refused, n)
	default:
		a.t.Errorf("webhook %d is answered %d", n, status)
	}
	if took > time.Second {
		a.t.Logf("webhook %d was answered %d after %v", n, status, took.Round(time.Millisecond))
	}
	if took > 5*time.Second {
		a.t.Errorf("webhook %d took %v: Shopify has given up", n, took)
	}
	return status
}

// flood knocks more often at once than webhooks may be in flight.
func (a *alone) flood() {
	var all sync.WaitGroup
	for range 100 {
		all.Go(func() { a.knock() })
	}
	all.Wait()
}

// place knocks until bellhop accepts an order.
func (a *alone) place() {
	a.t.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); {
		if a.knock() == http.StatusOK {
			return
		}
		time.Sleep(50 * time.Millisecond) // as Shopify does, for longer
	}
	a.t.Fatal("no webhook is accepted any more")
}

// untilKept waits, past the proxy, until bellhop has recorded every accepted order, and
// checks that none is twice.
func (a *alone) untilKept() {
	a.t.Helper()
	for _, n := range a.accepted {
		a.untilRecorded(n)
	}
	totals, err := a.direct.Totals(a.t.Context())
	if err != nil {
		a.t.Fatal(err)
	}
	a.t.Logf("%d webhooks were accepted and %d refused; %v", len(a.accepted), len(a.refused), totals)
	if n := int(totals[bellhop.OutcomeRecorded]); n > len(a.accepted)+len(a.refused) {
		a.t.Errorf("%d were recorded of %d webhooks", n, len(a.accepted)+len(a.refused))
	}
}

func (a *alone) untilRecorded(n int) {
	a.t.Helper()
	deadline := time.Now().Add(60 * time.Second)
	for {
		changed := a.direct.Changed()
		_, err := a.direct.Order(a.t.Context(), shop, int64(n))
		switch {
		case err == nil:
			return
		case bellhop.KindOf(err) != bellhop.NotFound:
			a.t.Fatal(err)
		}
		select {
		case <-changed:
		case <-time.After(time.Until(deadline)):
			a.t.Fatalf("order %d was accepted and is not recorded", n)
		}
	}
}

// waysToLeave are the ways in which networks take a server away.
var waysToLeave = map[string]func(*realserver.Proxy) (back func()){
	"cut":        func(p *realserver.Proxy) func() { p.Stop(); return p.Start },
	"black hole": func(p *realserver.Proxy) func() { return p.Fault(realserver.BlackHole) },
	"reset":      func(p *realserver.Proxy) func() { return p.Fault(realserver.Reset) },
}

// outlives takes away the server behind a proxy, which makes parts of bellhop fail, and
// brings it back.
func (a *alone) outlives(proxy *realserver.Proxy, leave func(*realserver.Proxy) (back func()), parts ...string) {
	a.t.Helper()
	a.place()
	back := leave(proxy)
	a.flood()
	untilReady(a.t, a.url, http.StatusServiceUnavailable, parts...)
	a.flood()
	back()
	a.place()
	untilReady(a.t, a.url, http.StatusOK)
	a.untilKept()
}

// bears delays each answer of the server behind a proxy by 300 ms.
func (a *alone) bears(proxy *realserver.Proxy) {
	a.t.Helper()
	mend := proxy.Fault(realserver.Slow)
	defer mend()
	for range 5 {
		a.place()
	}
	a.flood()
	a.untilKept()
	untilReady(a.t, a.url, http.StatusOK)
}

// TestQueueInPostgresAway takes the only database away: bellhop refuses or keeps every
// webhook, /readyz names the missing parts, and everything goes on by itself.
func TestQueueInPostgresAway(t *testing.T) {
	for name, leave := range waysToLeave {
		t.Run(name, func(t *testing.T) {
			proxy := realserver.StartProxy(t, postgres(t).Addr)
			serveAlone(t, proxy.Addr, newDatabase(t)).outlives(proxy, leave, "database", "queue")
		})
	}
}

// TestQueueInPostgresSlow delays each answer of the database by 300 ms.
func TestQueueInPostgresSlow(t *testing.T) {
	proxy := realserver.StartProxy(t, postgres(t).Addr)
	a := serveAlone(t, proxy.Addr, newDatabase(t))
	a.bears(proxy)
}

// TestQueueInPostgresStopped stops the server under it and starts it again.
func TestQueueInPostgresStopped(t *testing.T) {
	server := postgres(t)
	a := &alone{served: serveOn(t, wire.Storage{Dir: t.TempDir(), DB: newPostgresStore(t), Queue: "postgres:"},
		wire.Options{}, nil)}
	a.direct = a.parts.Store
	a.flood()
	server.Stop()
	a.flood()
	untilReady(t, a.url, http.StatusServiceUnavailable, "database", "queue")
	if err := server.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	a.place()
	untilReady(t, a.url, http.StatusOK)
	a.untilKept()
}

// TestQueueInPostgresPoolExhausted makes others use all of PgBouncer's sessions.
func TestQueueInPostgresPoolExhausted(t *testing.T) {
	const sessions = 3
	bouncer, err := realserver.StartPgBouncer(t.Context(), postgres(t), fmt.Sprint("default_pool_size=", sessions))
	realserver.Need(t, err)
	t.Cleanup(func() { bouncer.Close() })
	db := newDatabase(t)
	a := serveAlone(t, bouncer.Addr, db)
	a.flood()
	var held []*pgx.Conn
	for range sessions {
		c, err := pgx.Connect(t.Context(), bouncer.URL(db))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close(t.Context())
		if _, err := c.Exec(t.Context(), `BEGIN; SELECT 1`); err != nil {
			t.Fatal(err)
		}
		held = append(held, c)
	}
	a.flood()
	untilReady(t, a.url, http.StatusServiceUnavailable, "database", "queue")
	a.flood()
	for _, c := range held {
		if _, err := c.Exec(t.Context(), `ROLLBACK`); err != nil {
			t.Fatal(err)
		}
	}
	a.place()
	untilReady(t, a.url, http.StatusOK)
	a.untilKept()
}

// TestSendWhoseAnswerIsLost loses the answer of a commit again and again, until one was
// a send's: bellhop refuses its webhook although it keeps it, and records it once however
// often it comes.
func TestSendWhoseAnswerIsLost(t *testing.T) {
	proxy := realserver.StartProxy(t, postgres(t).Addr)
	a := serveAlone(t, proxy.Addr, newDatabase(t))
	for range 20 {
		a.place()
		mend := proxy.Fault(realserver.LoseAnswer)
		status, lost, body := a.knock(), a.n, a.last
		mend()
		a.place()
		a.untilKept()
		if status == http.StatusOK {
			continue
		}
		if _, err := a.direct.Order(t.Context(), shop, int64(lost)); bellhop.KindOf(err) == bellhop.NotFound {
			continue // nothing was committed
		}
		if got := a.post(shopify.TopicOrderCreate, fmt.Sprint("webhook-", lost), body); got != http.StatusOK {
			t.Errorf("the webhook that was refused is answered %d", got)
		}
		a.untilDuplicate(lost)
		return
	}
	t.Error("no answer of a send was lost: the run shows nothing")
}

// untilDuplicate waits until the ledger has an order as recorded once and as a duplicate
// once.
func (a *alone) untilDuplicate(n int) {
	a.t.Helper()
	a.until("a duplicate", func(ctx context.Context) (bool, error) {
		page, err := a.direct.Lines(ctx, store.LineQuery{Limit: 200})
		outcomes := map[bellhop.Outcome]int{}
		for _, l := range page.Lines {
			if l.OrderID == int64(n) {
				outcomes[l.Outcome]++
			}
		}
		return outcomes[bellhop.OutcomeRecorded] == 1 && len(outcomes) == 2, err
	})
}
