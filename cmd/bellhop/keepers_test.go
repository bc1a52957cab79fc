package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"bellhop"
	"bellhop/connect"
	"bellhop/reconcile"
	"bellhop/shopify"
	"bellhop/shopify/admin"
	"bellhop/simulate"
	"bellhop/simulate/shop"
	"bellhop/wire"
)

// point is a step of looking after a shop, as Shopify sees it: the nth request, before Shopify has done anything, or
// with its answer under way. The first request renews the token; the second one is the new token's first use.
type point struct {
	request  int
	answered bool
}

// requestsOfACheck are the renewal, scopes, subscriptions, the creation of one, and the list again.
const requestsOfACheck = 5

// Who is held, while it is no process.
const (
	heldFirst  = -1 // the first that comes
	heldNobody = -2
)

// keepers are four processes that look after the same shops, and Shopify's twin before them.
type keepers struct {
	*testing.T
	twin      *shop.Twin
	connector *connect.Connector // the test's own
	env       []string
	processes [4]*rig
	at        map[string]point // where the process that is killed is held, by shop

	open chan struct{} // closed once Shopify answers

	mu       sync.Mutex
	victim   int              // the process that is held
	asked    map[string]int   // requests of this round, by process and shop
	held     map[string]point // of the victim
	renewed  map[string]int   // pairs of tokens that Shopify gave out in this round, by shop
	killedAt map[point]bool
}

// TestKeepersKilled lets four processes look after shops on one Postgres. In each round the first of them that comes
// is held at another step for each shop and killed there, and the others take over. Each shop is renewed once, and once
// more only where the dead process alone had the answer. KEEPERS_ROUNDS says for how many rounds.
func TestKeepersKilled(t *testing.T) {
	t.Parallel()
	k := newKeepers(t)
	k.makeDue()
	for i := range k.processes { // each finds all shops due: Shopify answers nobody before the last is there
		k.start(i)
	}
	close(k.open)
	k.settled(nil)
	k.check(nil)
	rounds := kept(t, "KEEPERS_ROUNDS", 1)
	for n := 0; n < rounds || len(k.killedAt) < len(k.at); n++ {
		if n == rounds+10 {
			t.Fatalf("killed at %v alone", k.killedAt)
		}
		held := k.kill()
		k.settled(nil)
		k.check(held)
	}
	for _, r := range k.processes {
		r.stop()
	}
}

// kept is how often a test does something, unless a variable says so.
func kept(t *testing.T, variable string, n int) int {
	t.Helper()
	s := os.Getenv(variable)
	if s == "" {
		return n
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 {
		t.Fatalf("%s is %q: give a number", variable, s)
	}
	return n
}

func newKeepers(t *testing.T) *keepers {
	k := &keepers{T: t, victim: heldNobody, open: make(chan struct{}), at: map[string]point{},
		renewed: map[string]int{}, killedAt: map[point]bool{}}
	for i := range requestsOfACheck {
		k.at[fmt.Sprintf("asked-%d.myshopify.com", i)] = point{i, false}
		k.at[fmt.Sprintf("answered-%d.myshopify.com", i)] = point{i, true}
	}
	var shops []string
	for domain := range k.at {
		shops = append(shops, domain)
	}
	const address = "https://bellhop.example"
	var err error
	k.twin, err = shop.New(shop.Options{Secret: "hush", App: address,
		Orders: simulate.ShopifyOptions{Shops: shops, Rate: 1}})
	k.must(err)
	storage := wire.Storage{Dir: t.TempDir(), DB: newPostgres(t), Queue: "postgres:",
		Key: strings.Repeat("0123456789abcdef", 4)}
	k.env = []string{"BELLHOP_DB=" + storage.DB, "BELLHOP_QUEUE=" + storage.Queue, "BELLHOP_KEY=" + storage.Key,
		"BELLHOP_DIR=" + storage.Dir, "BELLHOP_PUSH=log:", "BELLHOP_URL=" + address, "BELLHOP_SHOPIFY_SECRET=hush",
		"BELLHOP_SHOPIFY_CLIENT_ID=" + shop.DefaultClientID}
	parts, err := storage.Open(t.Context(), wire.Options{})
	k.must(err)
	t.Cleanup(func() { parts.Close() })
	own := httptest.NewServer(k.twin)
	t.Cleanup(own.Close)
	k.connector = &connect.Connector{Store: parts.Store, URL: address, Holder: "test", Now: time.Now,
		Log: slog.New(slog.DiscardHandler),
		App: &admin.App{ClientID: shop.DefaultClientID, Secret: "hush", Endpoint: own.URL + "/{shop}"}}
	for domain := range k.at {
		_, _, err := k.connector.Code(t.Context(), domain, k.code(domain))
		k.must(err)
		// Nobody compares the shops: that would renew tokens, too.
		_, err = parts.Store.TakeLease(t.Context(), reconcile.LeasePrefix+domain, "test", time.Now(), time.Hour)
		k.must(err)
	}
	for i := range k.processes {
		server := httptest.NewServer(k.gate(i))
		t.Cleanup(server.Close)
		k.processes[i] = &rig{t: t, env: append(k.env[:len(k.env):len(k.env)],
			"BELLHOP_SHOPIFY_ENDPOINT="+server.URL+"/{shop}")}
	}
	return k
}

func (k *keepers) must(err error) {
	k.Helper()
	if err != nil {
		k.Fatal(err)
	}
}

// code is what Shopify sends along after a shop's owner agreed.
func (k *keepers) code(domain string) string {
	k.Helper()
	ask := k.connector.App.AuthorizeURL(domain, k.connector.URL+"/shopify/callback", "state", admin.WantedScopes)
	c := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := c.Post(ask, "application/x-www-form-urlencoded", strings.NewReader(""))
	k.must(err)
	defer resp.Body.Close()
	back, err := url.Parse(resp.Header.Get("Location"))
	k.must(err)
	return back.Query().Get("code")
}

// start starts a process: every other one is bellhop serve.
func (k *keepers) start(i int) {
	k.Helper()
	command := []string{"worker"}
	if i%2 == 0 {
		command = []string{"serve", "--addr", "127.0.0.1:0"}
	}
	k.processes[i].background(regexp.MustCompile(`"(ready)"`), command...)
}

// gate is Shopify as one process sees it.
func (k *keepers) gate(process int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		domain, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
		select {
		case <-k.open:
		case <-r.Context().Done():
		}
		n := k.count(process, domain)
		k.hold(r.Context(), process, domain, point{n, false})
		answer := httptest.NewRecorder()
		k.twin.ServeHTTP(answer, r)
		if strings.HasSuffix(r.URL.Path, "/access_token") && answer.Code == http.StatusOK {
			k.mu.Lock()
			k.renewed[domain]++
			k.mu.Unlock()
		}
		k.hold(r.Context(), process, domain, point{n, true})
		for name, values := range answer.Header() {
			w.Header()[name] = values
		}
		w.WriteHeader(answer.Code)
		_, _ = w.Write(answer.Body.Bytes()) // the process may be dead
	}
}

// count numbers the requests of a process about a shop.
func (k *keepers) count(process int, domain string) int {
	k.mu.Lock()
	defer k.mu.Unlock()
	key := fmt.Sprint(process, domain)
	k.asked[key]++
	return k.asked[key] - 1
}

// hold holds the first process that comes, where its shop says, until its death ends the connection.
func (k *keepers) hold(ctx context.Context, process int, domain string, at point) {
	k.mu.Lock()
	if k.victim == heldFirst {
		k.victim = process
	}
	stay := process == k.victim && k.at[domain] == at
	if stay {
		k.held[domain] = at
	}
	k.mu.Unlock()
	if stay {
		<-ctx.Done()
		panic(http.ErrAbortHandler)
	}
}

// kill makes all shops due, and kills the first process that looks after them. It returns where that one was held.
func (k *keepers) kill() map[string]point {
	k.Helper()
	k.mu.Lock()
	k.victim, k.held = heldFirst, map[string]point{}
	k.mu.Unlock()
	k.makeDue()
	k.settled(func() map[string]point { return k.held })
	k.mu.Lock()
	victim, held := k.victim, k.held
	k.victim = heldNobody
	k.mu.Unlock()
	if len(held) == 0 {
		k.Fatal("nobody is held: a check asks for less than it did")
	}
	r := k.processes[victim]
	dead := r.began[len(r.began)-1]
	k.must(dead.cmd.Process.Kill())
	<-dead.ended
	r.began = nil
	for domain, at := range held {
		k.killedAt[at] = true
		k.endLease(domain)
	}
	k.start(victim)
	return held
}

// makeDue lets the shops' tokens be near their end, and takes a subscription of each away.
func (k *keepers) makeDue() {
	k.Helper()
	k.mu.Lock()
	k.asked = map[string]int{}
	clear(k.renewed)
	k.mu.Unlock()
	for domain := range k.at {
		k.must(k.twin.DropSubscriptions(domain, shopify.TopicOrderCreate))
	}
	for domain := range k.at {
		k.must(k.connector.Store.UpdateConnection(k.Context(), domain, func(c *bellhop.Connection) error {
			c.ExpiresAt, c.CheckDue = time.Now().Add(10*time.Minute), time.Now()
			return nil
		}))
	}
}

// endLease lets a dead process's lease run out now, and not in a minute.
func (k *keepers) endLease(domain string) {
	k.Helper()
	l, err := k.connector.Store.TakeLease(k.Context(), connect.LeasePrefix+domain, "test",
		time.Now().Add(2*time.Minute), time.Second)
	k.must(err)
	if l.Holder != "test" {
		k.Fatalf("%+v", l)
	}
	l.Until = time.Now()
	k.must(k.connector.Store.MoveLease(k.Context(), l))
}

// settled waits until each shop was looked after, or is among those that are held.
func (k *keepers) settled(held func() map[string]point) {
	k.Helper()
	ctx, cancel := context.WithTimeout(k.Context(), patience)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		all, err := k.connector.Store.Connections(ctx)
		k.must(err)
		left := ""
		k.mu.Lock()
		for _, c := range all {
			isHeld := false
			if held != nil {
				_, isHeld = held()[c.Shop]
			}
			if !isHeld && !c.CheckDue.After(time.Now()) {
				left += c.Shop + " "
			}
		}
		k.mu.Unlock()
		if left == "" {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			k.Fatalf("nobody looks after %s", left)
		}
	}
}

// check fails unless each shop has a token that serves, all subscriptions, and was renewed once.
func (k *keepers) check(held map[string]point) {
	k.Helper()
	for domain := range k.at {
		c, err := k.connector.Store.Connection(k.Context(), domain)
		k.must(err)
		subscriptions, err := k.twin.Subscriptions(domain)
		k.must(err)
		if c.Access != bellhop.AccessGood || connect.Missing(c.Subscriptions) > 0 ||
			len(subscriptions) != len(shopify.Wanted()) {
			k.Errorf("%s, killed at %v: %s %s, %d subscriptions", domain, held[domain], c.Access, c.Reason,
				len(subscriptions))
		}
		if _, err := k.connector.App.Shop(domain, c.Token).Scopes(k.Context()); err != nil {
			k.Errorf("%s, killed at %v: its token was lost: %v", domain, held[domain], err)
		}
		want := 1
		if held[domain] == (point{0, true}) {
			want = 2
		}
		k.mu.Lock()
		if n := k.renewed[domain]; n != want {
			k.Errorf("%s, killed at %v: renewed %d times, want %d", domain, held[domain], n, want)
		}
		k.mu.Unlock()
	}
}
