package main

import (
	"bytes"
	"context"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"bellhop"
	"bellhop/connect"
	"bellhop/internal/realserver"
	"bellhop/reconcile"
	"bellhop/shopify"
	"bellhop/simulate"
	"bellhop/simulate/shop"
	"bellhop/store"
	"bellhop/wire"
)

const comparedShop = "demo.myshopify.com"

// shopifyBehind is how far Shopify's clock is behind ours, so that a look sees at once what just happened: it leaves
// out the newest two minutes.
const shopifyBehind = 3 * time.Minute

// comparedHours are those that are over and open when the test begins.
const comparedHours = 24

// comparing is a bellhop serve that is killed again and again while it compares a shop with Shopify, which drops
// webhooks.
type comparing struct {
	*testing.T
	*rig
	twin   *shop.Twin
	parts  *wire.Parts
	addr   string
	rng    *rand.Rand
	killed map[string]int // by what was under way
	due    time.Time      // when all was made due

	mu   sync.Mutex
	left int         // requests of the process to Shopify until it is doomed
	doom chan string // gets the name of the last one
}

// TestServeKilledComparing kills bellhop serve while it fetches what was there before, looks, sweeps and makes
// statements, and while webhooks come of which one in twenty is lost. In the end each order of Shopify's is here in
// its newest form, rung or with a reason, and the statements have Shopify's counts. COMPARING_KILLS says how often it
// kills.
func TestServeKilledComparing(t *testing.T) {
	kills := kept(t, "COMPARING_KILLS", 0)
	if kills == 0 {
		t.Skip("it takes minutes: make reconcile")
	}
	t.Run("sqlite", func(t *testing.T) {
		killComparing(t, wire.Storage{Dir: t.TempDir(), DB: "sqlite:", Queue: "sqlite:"}, kills)
	})
	t.Run("postgres", func(t *testing.T) {
		killComparing(t, wire.Storage{Dir: t.TempDir(), DB: newPostgres(t), Queue: "postgres:"}, kills)
	})
}

func killComparing(t *testing.T, at wire.Storage, kills int) {
	at.Key = strings.Repeat("0123456789abcdef", 4)
	c := newComparing(t, at)
	ctx, enough := context.WithCancel(t.Context())
	var live sync.WaitGroup
	live.Go(func() {
		if err := c.twin.Run(ctx); err != nil {
			t.Errorf("the twin: %v", err)
		}
	})
	for n := range kills {
		c.change(5)
		c.makeDue()
		c.kill(n)
	}
	enough()
	live.Wait()
	var took time.Duration
	// The first time a nightly sweep may have been under way, which passed by what changed since, and hours stay open in
	// which something was left.
	for _, closed := range []time.Time{{}, time.Now().UTC().Add(-15 * time.Minute).Truncate(time.Hour)} {
		c.makeDue()
		c.serve()
		took += c.settle(closed)
		c.stop()
		c.began = nil
	}
	c.check()
	t.Logf("killed %v; all is here %v after the last start; webhooks: %v", c.killed, took.Round(time.Second),
		c.twin.Ledger().Summary())
}

func newComparing(t *testing.T, at wire.Storage) *comparing {
	c := &comparing{T: t, rng: rand.New(rand.NewPCG(21, 3)), killed: map[string]int{}, addr: realserver.FreeAddress(t)}
	gate := httptest.NewServer(http.HandlerFunc(c.answer))
	t.Cleanup(gate.Close)
	url := "http://" + c.addr
	c.rig = &rig{t: t, env: []string{"BELLHOP_DIR=" + at.Dir, "BELLHOP_DB=" + at.DB, "BELLHOP_QUEUE=" + at.Queue,
		"BELLHOP_KEY=" + at.Key, "BELLHOP_PUSH=log:", "BELLHOP_URL=" + url, "BELLHOP_SHOPIFY_SECRET=hush",
		"BELLHOP_SHOPIFY_CLIENT_ID=" + shop.DefaultClientID, "BELLHOP_SHOPIFY_ENDPOINT=" + gate.URL + "/{shop}"}}
	var err error
	c.twin, err = shop.New(shop.Options{Secret: "hush", App: url, Loopback: true, Now: c.shopifys,
		Orders: simulate.ShopifyOptions{Shops: []string{comparedShop}, Rate: 20, Updates: 0.3, Duplicates: 0.05,
			Shuffle: 0.05, Window: 50, TimeScale: 0.001, Clock: c.shopifys}})
	c.must(err)
	now := c.shopifys()
	c.must(c.twin.Fill(comparedShop, simulate.ShopifyOptions{Orders: 2000, Updates: 0.3}, now.AddDate(0, 0, -50),
		now.AddDate(0, 0, -2)))
	c.must(c.twin.Fill(comparedShop, simulate.ShopifyOptions{Orders: 200, Updates: 0.3},
		now.Add(-comparedHours*time.Hour), now.Add(-time.Minute)))
	c.must(c.twin.SetFaults(comparedShop, shop.Faults{Dropped: 0.05, Budget: 1_000_000}))
	c.must(c.twin.Install(comparedShop))
	c.run("migrate")
	c.run("shop", "connect", comparedShop)
	c.parts, err = at.Open(t.Context(), wire.Options{})
	c.must(err)
	t.Cleanup(func() { c.parts.Close() })
	_, err = c.parts.Store.PutDevice(t.Context(), bellhop.Device{Shop: comparedShop, Installation: "phone",
		Kind: bellhop.AddressToken, Value: "address", Platform: bellhop.PlatformAndroid, Form: bellhop.FormData,
		Locale: "en", Timezone: "UTC", AddedAt: time.Now(), SeenAt: time.Now()}, store.DeviceLimits{})
	c.must(err)
	c.state(func(is *bellhop.Reconciliation) { // as if bellhop had been away since yesterday
		is.From = time.Now().UTC().Add(-comparedHours * time.Hour).Truncate(time.Hour)
		is.ClosedTo, is.LookedTo = is.From, is.From
	})
	return c
}

func (c *comparing) must(err error) {
	c.Helper()
	if err != nil {
		c.Fatal(err)
	}
}

func (*comparing) shopifys() time.Time { return time.Now().Add(-shopifyBehind) }

// answer is Shopify as the process sees it, on Shopify's clock.
func (c *comparing) answer(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	w.Header().Set("Date", c.shopifys().UTC().Format(http.TimeFormat))
	c.count(string(body))
	c.twin.ServeHTTP(w, r)
}

// count dooms the process at its last request.
func (c *comparing) count(body string) {
	_, name, _ := strings.Cut(body, `"operationName":"`)
	name, _, _ = strings.Cut(name, `"`)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.left--; c.left == 0 {
		c.doom <- name
	}
}

// change changes orders so that no webhook tells of it, and some so that no list does.
func (c *comparing) change(n int) {
	all, err := c.twin.Orders(comparedShop)
	c.must(err)
	recent := slices.DeleteFunc(all, func(o shop.Order) bool { return time.Since(o.CreatedAt) > comparedHours*time.Hour })
	for range n {
		o := recent[c.rng.IntN(len(recent))]
		err := c.twin.ChangeOrder(comparedShop, o.ID, shop.OrderChange{Change: simulate.ChangeNote, Silent: true,
			Still: c.rng.IntN(2) == 0})
		if bellhop.KindOf(err) != bellhop.NotFound && bellhop.KindOf(err) != bellhop.Conflict {
			c.must(err)
		}
	}
}

func (c *comparing) state(change func(*bellhop.Reconciliation)) {
	c.Helper()
	c.must(c.parts.Store.UpdateReconciliation(c.Context(), comparedShop, func(is *bellhop.Reconciliation) error {
		change(is)
		return nil
	}))
}

// makeDue makes all that there is to do due now, while no process runs, and ends the leases of the dead one.
func (c *comparing) makeDue() {
	c.Helper()
	now := time.Now().UTC().Truncate(time.Microsecond)
	c.due = now
	c.state(func(is *bellhop.Reconciliation) {
		is.Due, is.LookDue, is.SweepDue, is.SweptAt = now, now, now, now.Add(-48*time.Hour)
		is.Asked.Look, is.Asked.Backfill = now, now
	})
	c.must(c.parts.Store.UpdateConnection(c.Context(), comparedShop, func(is *bellhop.Connection) error {
		is.CheckDue = now
		return nil
	}))
	for _, prefix := range []string{connect.LeasePrefix, reconcile.LeasePrefix} {
		l, err := c.parts.Store.TakeLease(c.Context(), prefix+comparedShop, "test", now.Add(time.Hour), time.Second)
		c.must(err)
		l.Until = now
		c.must(c.parts.Store.MoveLease(c.Context(), l))
	}
}

func (c *comparing) serve() *background {
	c.Helper()
	c.background(regexp.MustCompile(`"(ready)"`), "serve", "--addr", c.addr)
	return c.began[len(c.began)-1]
}

// kill starts a process, and kills it in the midst of what it does: shortly after one of its requests to Shopify, or,
// each third time, as soon as it made a statement.
func (c *comparing) kill(n int) {
	c.Helper()
	stating := n%3 == 2
	doom, before := c.doomed(stating), c.last()
	p := c.serve()
	end, name := time.After(5*time.Second), "after a while"
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for on := true; on; {
		select {
		case name = <-doom:
			end = time.After(time.Duration(c.rng.IntN(30)) * time.Millisecond)
		case <-tick.C:
			if stating && c.last() > before {
				name, on = "after a statement", false
			}
		case <-end:
			on = false
		}
	}
	c.must(p.cmd.Process.Kill())
	<-p.ended
	c.began = nil
	c.killed[name+c.underWay()]++
}

// doomed returns a channel that says after which request to Shopify the process is to die; never if it is to make a
// statement first.
func (c *comparing) doomed(stating bool) <-chan string {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.left, c.doom = 1+c.rng.IntN(40), make(chan string, 1)
	if stating {
		c.left = 0
	}
	return c.doom
}

// underWay names the walks that a dead process leaves.
func (c *comparing) underWay() (names string) {
	c.Helper()
	is, err := c.parts.Store.Reconciliation(c.Context(), comparedShop)
	c.must(err)
	for _, w := range []struct {
		name string
		*bellhop.Walk
	}{{"look", &is.Look}, {"sweep", &is.Sweep}, {"night", &is.Night}, {"backfill", &is.Backfill}} {
		if w.Running() {
			names += ", " + w.name
		}
	}
	return names
}

// last is the number of the newest statement.
func (c *comparing) last() int64 {
	c.Helper()
	s, err := c.parts.Store.LastStatement(c.Context(), comparedShop)
	c.must(err)
	return s.Number
}

// settle waits until all that was due was compared, recorded and rung, and hours are closed up to a time.
func (c *comparing) settle(closed time.Time) time.Duration {
	c.Helper()
	began := time.Now()
	ctx, cancel := context.WithTimeout(c.Context(), 5*time.Minute)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		is, err := c.parts.Store.Reconciliation(c.Context(), comparedShop)
		c.must(err)
		d, err := c.parts.Queue.Depth(c.Context())
		c.must(err)
		next, err := c.parts.Store.NextPush(c.Context())
		c.must(err)
		if is.SweptAt.After(c.due) && is.BackfilledAt.After(c.due) && is.CheckedAt.After(c.due) && len(is.Pending) == 0 &&
			!is.ClosedTo.Before(closed) && !is.Backfill.Running() && d.Waiting+d.Leased == 0 && next.IsZero() {
			return time.Since(began)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			c.Fatalf("it does not come to an end: %+v, checked at %v, swept at %v, backfilled at %v, closed to %v, due %v, "+
				"%+v open, %+v pending; %+v; next push %v", is.Troubles, is.CheckedAt, is.SweptAt, is.BackfilledAt, is.ClosedTo,
				is.SweepDue, is.Hours, is.Pending, d, next)
		}
	}
}

// check compares all that is here with all that is there.
func (c *comparing) check() {
	c.checkOrders()
	c.checkRings()
	c.checkStatements()
	if d, err := c.parts.Queue.Depth(c.Context()); err != nil || d.Dead > 0 {
		c.Errorf("%+v, %v", d, err)
	}
}

func (c *comparing) checkOrders() {
	all, err := c.twin.Orders(comparedShop)
	c.must(err)
	there := map[int64]*bellhop.Order{}
	for _, o := range all {
		fact, err := shopify.Decode(&bellhop.Event{Shop: comparedShop, Topic: shopify.TopicOrderUpdated, Body: o.Body(),
			APIVersion: simulate.APIVersion, TriggeredAt: time.Now(), SignedBy: bellhop.SignerApp})
		c.must(err)
		there[o.ID] = fact.Order
	}
	for after, more := int64(0), true; more; {
		some, err := c.parts.Store.HeadsBetween(c.Context(), comparedShop, store.SortCreated, time.Now().AddDate(-1, 0, 0),
			time.Now(), after, 50)
		c.must(err)
		more = len(some) == 50
		for _, h := range some {
			after = h.ID
			is, err := c.parts.Store.Order(c.Context(), comparedShop, h.ID)
			c.must(err)
			c.checkOrder(&is, there[h.ID])
			delete(there, h.ID)
		}
	}
	c.Logf("%d orders", len(all))
	for id, o := range there {
		c.Errorf("order %d of %v is not here", id, o.CreatedAt)
	}
}

func (c *comparing) checkOrder(is, want *bellhop.Order) {
	c.Helper()
	if want == nil {
		c.Errorf("order %d is here, and Shopify has none", is.ID)
		return
	}
	fields := append(reconcile.Differ(is, want), reconcile.Differ(want, is)...)
	if len(fields) > 0 || !is.UpdatedAt.Equal(want.UpdatedAt) {
		c.Errorf("order %d, found by %q, differs in %v: %v here, %v there", is.ID, is.Trace.Found, fields, is.UpdatedAt,
			want.UpdatedAt)
	}
}

// checkRings: of each order somebody was rung, or there is a reason why not.
func (c *comparing) checkRings() {
	quiet := map[string]int{}
	for after, more := int64(0), true; more; {
		some, err := c.parts.Store.Fates(c.Context(), comparedShop, time.Now().AddDate(-1, 0, 0), time.Now(), after,
			store.FatesMost)
		c.must(err)
		more = len(some) == store.FatesMost
		for _, f := range some {
			after = f.Order
			quiet[f.Quiet]++
			if f.Rung == (f.Quiet != "") || f.Quiet == string(bellhop.PushPending) {
				c.Errorf("order %d: rung %v, quiet %q", f.Order, f.Rung, f.Quiet)
			}
		}
	}
	c.Logf("rung, or why not: %v", quiet)
}

// checkStatements compares the newest statement of each hour with Shopify's count, and verifies the chain.
func (c *comparing) checkStatements() {
	there, err := c.twin.OrdersByHour(comparedShop)
	c.must(err)
	newest := map[time.Time]bellhop.Statement{}
	all, err := c.parts.Store.Statements(c.Context(), store.StatementQuery{Shop: comparedShop, Limit: 200})
	c.must(err)
	for _, s := range all {
		for hour := s.From.UTC(); hour.Before(s.To); hour = hour.Add(time.Hour) {
			newest[hour] = s
		}
	}
	for hour, s := range newest {
		if n := there[hour]; s.To.Sub(s.From) == time.Hour && (s.Here != n || s.Shopify != n) {
			c.Errorf("%v: %d at Shopify; stated %d there, %d here", hour, n, s.Shopify, s.Here)
		}
	}
	if len(newest) < comparedHours-1 {
		c.Errorf("%d hours are closed", len(newest))
	}
	file := filepath.Join(c.TempDir(), "statements")
	c.run("statement", "--shop", comparedShop, "--out", file)
	c.run("verify", file)
	c.run("verify", "--db")
	c.Logf("%d statements of %d hours", len(all), len(newest))
}
