package reconcile_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"bellhop"
	"bellhop/connect"
	"bellhop/pipeline"
	"bellhop/queue"
	"bellhop/reconcile"
	"bellhop/shopify/admin"
	"bellhop/simulate"
	"bellhop/simulate/shop"
	"bellhop/statement"
	"bellhop/store"
	"bellhop/wire"
	"bellhop/wire/wiretest"
)

const (
	demo   = "demo.myshopify.com"
	base   = "https://bellhop.example"
	secret = "shpss_hush"
)

// clock is the time of all parts of a test. It moves by hand.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) set(to time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = to
}

// log is what all parts of a test log.
type log struct {
	mu sync.Mutex
	bytes.Buffer
}

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.Buffer.Write(p)
}

// rig is Shopify's twin and one process of bellhop, all by a clock that moves by hand.
type rig struct {
	*testing.T
	*reconcile.Reconciler
	twin     *shop.Twin
	parts    *wire.Parts
	store    *mortal
	queue    queue.Queue
	acceptor *pipeline.Acceptor
	recorder *pipeline.Recorder
	clock    *clock
	log      *log

	away    bool          // nothing of bellhop runs, and it answers no webhook
	stopped bool          // nobody records
	behind  time.Duration // Shopify's clock
	asked   func(*http.Request) *http.Response
	accept  func(ctx context.Context, header http.Header, body []byte) error // nil: the acceptor's
	calls   map[string]int                                                   // requests by their operation's name
}

// mortal is a store whose process may be dead: then nobody gives leases back.
type mortal struct {
	store.Store
	key  func(context.Context) (ed25519.PrivateKey, error)
	dead bool

	without time.Time // the first line of the ledger of that hour is gone

	forged time.Time // somebody changed the first line of that hour, and took it out of the blob beside its statement
	now    func() time.Time
	pause  func(from time.Time) // after lines were read
	cut    bool                 // somebody cut a byte off each blob of lines
}

func (m *mortal) StatementLines(ctx context.Context, shop string, number int64) ([]byte, error) {
	b, err := m.Store.StatementLines(ctx, shop, number)
	if m.cut && len(b) > 0 {
		b = b[1:]
	}
	if !m.forged.IsZero() && len(b) > 0 {
		b = b[bellhop.StampBytes:]
	}
	return b, err
}

func (m *mortal) LedgerStamps(ctx context.Context, shop string, from, to time.Time, after bellhop.EventID, limit int) (
	[]store.LedgerStamp, error) {
	all, err := m.Store.LedgerStamps(ctx, shop, from, to, after, limit)
	if len(all) > 0 && from.Equal(m.without) {
		all = all[1:]
	}
	if m.pause != nil {
		m.pause(from)
	}
	if len(all) > 0 && from.Equal(m.forged) {
		all[0].Outcome, all[0].At = bellhop.OutcomeStale, m.now()
	}
	return all, err
}

func (m *mortal) MoveLease(ctx context.Context, l store.Lease) error {
	if m.dead {
		return errDead
	}
	return m.Store.MoveLease(ctx, l)
}

const codeDead = "dead"

var errDead = bellhop.Errorf(bellhop.Unavailable, codeDead, "the process is dead")

// start is at noon of a Monday, UTC.
var start = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)

// newRig makes a rig of the test's own, which runs beside others.
func newRig(t *testing.T, shops ...string) *rig {
	t.Parallel()
	return newRigOn(t, wire.Storage{Dir: wiretest.Dir(t), DB: "sqlite:", Queue: "sqlite:"}, shops...)
}

func newRigOn(t *testing.T, at wire.Storage, shops ...string) *rig {
	t.Helper()
	r := &rig{T: t, clock: &clock{now: start}, log: &log{}, calls: map[string]int{}}
	var err error
	r.twin, err = shop.New(shop.Options{Secret: secret, App: base, Now: r.shopifys, Loopback: true,
		Orders: simulate.ShopifyOptions{Shops: append([]string{demo}, shops...), Clock: r.shopifys, OneCurrency: true,
			Transport: webhooks{r}}})
	r.must(err)
	r.open(at)
	t.Cleanup(func() { r.parts.Close() })
	return r
}

// open opens bellhop's database.
func (r *rig) open(at wire.Storage) {
	r.Helper()
	parts, err := at.Open(r.Context(), wire.Options{Now: r.clock.Now})
	r.must(err)
	r.parts, r.queue = parts, parts.Queue
	r.store = &mortal{Store: parts.Store, key: wire.SigningKey(parts.Store)}
	keys := pipeline.NewKeyring(parts.Store, secret, "")
	r.acceptor = &pipeline.Acceptor{Keys: keys, Queue: r.queue, Now: r.clock.Now}
	r.recorder = &pipeline.Recorder{Store: parts.Store, Now: r.clock.Now, Log: slog.New(slog.NewTextHandler(r.log, nil))}
	r.Reconciler = r.process("test", r.store)
}

// shopifys is the time at Shopify.
func (r *rig) shopifys() time.Time { return r.clock.Now().Add(-r.behind) }

// process is another process of bellhop.
func (r *rig) process(name string, s *mortal) *reconcile.Reconciler {
	app := &admin.App{ClientID: shop.DefaultClientID, Secret: secret, Endpoint: "http://127.0.0.1/{shop}",
		HTTP: &http.Client{Transport: api{r}}, Now: r.clock.Now, Wait: r.wait}
	c := &connect.Connector{App: app, Store: s, URL: base, Holder: name, Now: r.clock.Now,
		Log: slog.New(slog.NewTextHandler(r.log, nil))}
	return &reconcile.Reconciler{Connector: c, Store: s, Queue: r.queue, Key: s.key}
}

// wait lets the clock move for a part that waits, as for points.
func (r *rig) wait(_ context.Context, d time.Duration) error {
	r.clock.set(r.clock.Now().Add(d))
	return nil
}

// api is how bellhop reaches Shopify.
type api struct{ *rig }

func (a api) RoundTrip(req *http.Request) (resp *http.Response, err error) {
	defer func() {
		switch p := recover(); p {
		case nil:
		case http.ErrAbortHandler: // the answer is cut off
			resp, err = nil, io.ErrUnexpectedEOF
		default:
			panic(p)
		}
	}()
	if err := req.Context().Err(); err != nil {
		return nil, err
	}
	if a.asked != nil {
		if answer := a.asked(req); answer != nil {
			return answer, nil
		}
	}
	if strings.HasSuffix(req.URL.Path, "/graphql.json") {
		body, _ := io.ReadAll(req.Body)
		req.Body = io.NopCloser(bytes.NewReader(body))
		_, name, _ := strings.Cut(string(body), `"operationName":"`)
		name, _, _ = strings.Cut(name, `"`)
		a.calls[name]++
	}
	answer := httptest.NewRecorder()
	a.twin.ServeHTTP(answer, req)
	resp = answer.Result()
	resp.Header.Set("Date", a.shopifys().UTC().Format(http.TimeFormat))
	return resp, nil
}

// webhooks is how Shopify reaches bellhop.
type webhooks struct{ *rig }

func (w webhooks) RoundTrip(req *http.Request) (*http.Response, error) {
	answer := httptest.NewRecorder()
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	accept := w.acceptor.Accept
	if w.accept != nil {
		accept = w.accept
	}
	if w.away {
		answer.WriteHeader(http.StatusBadGateway)
	} else if err := accept(req.Context(), req.Header, body); bellhop.CodeOf(err) == codeDead {
		answer.WriteHeader(http.StatusBadGateway)
	} else if err != nil {
		w.Errorf("a webhook was refused: %v", err)
		answer.WriteHeader(http.StatusUnauthorized)
	}
	return answer.Result(), nil
}

func (r *rig) must(err error) {
	r.Helper()
	if err != nil {
		r.Fatalf("%v\n%s", err, r.log.String())
	}
}

// connected installs and connects shops.
func (r *rig) connected(shops ...string) {
	r.Helper()
	for _, domain := range append([]string{demo}, shops...) {
		r.must(r.twin.Install(domain))
		_, err := r.Connector.ClientCredentials(r.Context(), domain)
		r.must(err)
	}
}

// drain records all that waits in the queue.
func (r *rig) drain() {
	r.Helper()
	for !r.stopped {
		d, err := r.queue.Depth(r.Context())
		r.must(err)
		if d.Waiting == 0 {
			return
		}
		got, err := r.queue.Receive(r.Context(), 256)
		r.must(err)
		events := make([]*bellhop.Event, len(got))
		for i := range got {
			events[i] = got[i].Event
		}
		verdicts := make([]queue.Settlement, len(got))
		for i, done := range r.recorder.Record(r.Context(), events) {
			r.must(done.Err)
			verdicts[i] = queue.Settlement{Receipt: got[i].Receipt, Verdict: queue.Ack}
		}
		r.must(r.queue.Settle(r.Context(), verdicts...))
	}
}

// step lets everybody do what is due now, and reports whether a shop was compared.
func (r *rig) step() (worked bool) {
	r.Helper()
	r.twin.Flush(r.Context())
	if r.away {
		return false
	}
	r.drain()
	w := &connect.Watch{Connector: r.Connector}
	connections, _, err := w.Due(r.Context())
	r.must(err)
	for _, c := range connections {
		r.must(w.Keep(r.Context(), c))
	}
	due, _, err := r.Due(r.Context())
	r.must(err)
	for _, one := range due {
		r.must(r.Keep(r.Context(), one))
		r.drain()
	}
	return len(due) > 0
}

// tickFor is how far the clock moves at once: in days, from one look to the next.
func tickFor(d time.Duration) time.Duration {
	switch {
	case d < time.Hour:
		return 10 * time.Second
	case d < day/2:
		return time.Minute
	}
	return 5 * time.Minute
}

// run lets time pass.
func (r *rig) run(d time.Duration) {
	r.Helper()
	tick := tickFor(d)
	for end := r.clock.Now().Add(d); r.clock.Now().Before(end); {
		r.step()
		now := r.clock.Now()
		r.clock.set(now.Add(max(0, min(tick, end.Sub(now)))))
	}
	r.step()
}

// until lets time pass until something is so, and returns how long it took.
func (r *rig) until(most time.Duration, what string, is func() bool) time.Duration {
	r.Helper()
	began, tick := r.clock.Now(), tickFor(most/2)
	for !is() {
		if r.clock.Now().Sub(began) > most {
			r.Fatalf("not within %v: %s\n%s\n%s", most, what, r.text(demo), r.log.String())
		}
		r.step()
		if !is() {
			r.clock.set(r.clock.Now().Add(tick))
		}
	}
	took := r.clock.Now().Sub(began)
	r.Logf("%s: after %v", what, took)
	return took
}

// text is a shop's state, for messages.
func (r *rig) text(domain string) string {
	is, _ := json.Marshal(r.state(domain))
	return string(is)
}

func (r *rig) state(domain string) bellhop.Reconciliation {
	r.Helper()
	is, err := r.store.Reconciliation(r.Context(), domain)
	r.must(err)
	return is
}

// orders makes orders at Shopify, with their webhooks.
func (r *rig) orders(domain string, n int) (ids []int64) {
	r.Helper()
	before := r.there(domain)
	r.must(r.twin.MakeOrders(domain, simulate.ShopifyOptions{Orders: n}))
	r.twin.Flush(r.Context())
	for id := range r.there(domain) {
		if _, old := before[id]; !old {
			ids = append(ids, id)
		}
	}
	if len(ids) != n {
		r.Fatalf("%d orders came, want %d", len(ids), n)
	}
	slices.Sort(ids)
	return ids
}

// there are the orders that Shopify has.
func (r *rig) there(domain string) map[int64]shop.Order {
	r.Helper()
	all, err := r.twin.Orders(domain)
	r.must(err)
	byID := make(map[int64]shop.Order, len(all))
	for _, o := range all {
		byID[o.ID] = o
	}
	return byID
}

// here returns an order, and whether bellhop has it.
func (r *rig) here(domain string, id int64) (bellhop.Order, bool) {
	r.Helper()
	o, err := r.store.Order(r.Context(), domain, id)
	if err != nil && bellhop.KindOf(err) != bellhop.NotFound {
		r.Fatal(err)
	}
	return o, err == nil
}

// hasAll reports whether all orders of a shop are here, each as Shopify has it.
func (r *rig) hasAll(domain string) bool {
	for id, o := range r.there(domain) {
		if is, ok := r.here(domain, id); !ok || !is.UpdatedAt.Equal(o.UpdatedAt) {
			return false
		}
	}
	return true
}

func (r *rig) faults(domain string, f shop.Faults) { r.Helper(); r.must(r.twin.SetFaults(domain, f)) }

// closedRight compares the statements of a shop's closed hours with Shopify's own count.
func (r *rig) closedRight(domain string) (hours int) {
	r.Helper()
	is := r.state(domain)
	there, err := r.twin.OrdersByHour(domain)
	r.must(err)
	closed := map[time.Time]bellhop.Statement{}
	for after := int64(0); ; {
		some, err := r.store.Statements(r.Context(), store.StatementQuery{Shop: domain, After: after, Limit: 200})
		r.must(err)
		for _, s := range some {
			for hour := s.From.UTC(); hour.Before(s.To); hour = hour.Add(time.Hour) {
				closed[hour] = bellhop.Statement{}
			}
			closed[s.To.UTC().Add(-time.Hour)] = s
			after = s.Number
		}
		if len(some) < 200 {
			break
		}
	}
	for hour := is.From.Truncate(time.Hour); hour.Before(is.ClosedTo); hour = hour.Add(time.Hour) {
		s, ok := closed[hour]
		if !ok || s.Shopify != there[hour] || s.Here != there[hour] {
			r.Errorf("the hour %v is closed by %+v, and Shopify has %d orders", hour, s, there[hour])
		}
		hours++
	}
	r.unaltered(domain, is)
	return hours
}

// unaltered verifies the chain of a shop's statements, and the ledger by them.
func (r *rig) unaltered(domain string, is bellhop.Reconciliation) {
	r.Helper()
	key, err := r.store.key(r.Context())
	r.must(err)
	public := key.Public().(ed25519.PublicKey)
	chain, err := statement.ChainOf(r.Context(), r.store, domain)
	r.must(err)
	check, err := statement.Start(chain, statement.Keys{statement.KeyID(public): public}, nil)
	r.must(err)
	r.must(check.Ledger(func(from, to time.Time) ([]byte, error) {
		return statement.Lines(r.Context(), r.store, domain, from, to)
	}))
	check.Closed(is.From, is.ClosedTo)
	if check.End(); !check.Whole() {
		r.Errorf("verify finds %v", check.Faults)
	}
}
