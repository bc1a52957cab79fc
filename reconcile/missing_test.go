package reconcile_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"bellhop"
	"bellhop/connect"
	"bellhop/internal/realserver"
	"bellhop/pipeline"
	"bellhop/push"
	"bellhop/queue"
	"bellhop/reconcile"
	"bellhop/store"
	"bellhop/wire"
	"bellhop/wire/wiretest"
)

// TestNothingIsMissing lets three shops live for some days while everything fails that can fail: Shopify drops
// webhooks, delays some by a day, ends subscriptions, goes away for an hour, lags behind and throttles; orders change
// and are deleted with no word of it; and the process is killed ten times or more. In the end each order is here as
// Shopify has it, rung or with a reason, and the statements say so. make reconcile takes more orders, and Postgres.
func TestNothingIsMissing(t *testing.T) {
	t.Parallel()
	t.Run("sqlite", func(t *testing.T) {
		nothingIsMissing(t, wire.Storage{Dir: wiretest.Dir(t), DB: "sqlite:", Queue: "sqlite:"})
	})
	if os.Getenv("RECONCILE_ORDERS") == "" {
		return // the store's conformance tests hold Postgres to the same
	}
	t.Run("postgres", func(t *testing.T) {
		server, err := realserver.StartPostgres(t.Context())
		realserver.Need(t, err)
		t.Cleanup(func() { server.Close() })
		nothingIsMissing(t, wire.Storage{Dir: t.TempDir(), DB: server.URL("postgres"), Queue: "sqlite:"})
	})
}

// fromEnv is a number that a variable may replace.
func fromEnv(t *testing.T, variable string, n int) int {
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

// leastKills is how often the process is killed at least.
const leastKills = 10

func nothingIsMissing(t *testing.T, at wire.Storage) {
	orders := fromEnv(t, "RECONCILE_ORDERS", 240)
	seed := fromEnv(t, "RECONCILE_SEED", 1+rand.IntN(1<<30))
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("again with RECONCILE_SEED=%d RECONCILE_ORDERS=%d", seed, orders)
		}
	})
	at.Key = strings.Repeat("0123456789abcdef", 4)
	p := newProof(t, at, seed)
	l := newLife(p, orders)
	l.past()
	p.connected(l.shops[1:]...)
	p.phones(l.shops)
	for !l.over() {
		l.goOn()
		p.live()
		p.pass(20 * time.Second)
	}
	p.doomed = ""
	p.awaitNews(l)
	for end := p.clock.Now().Add(26 * time.Hour); p.clock.Now().Before(end); { // the last late webhook, and a night
		p.live()
		p.pass(time.Minute)
	}
	p.check(l)
	t.Logf("seed %d: %v; killed at %v; %d statements, %d of them with deletions that Shopify's list lacked", seed,
		l.done, p.killed, p.stated, p.lagged)
	if len(p.killed) < leastKills {
		t.Errorf("killed %d times alone", len(p.killed))
	}
}

// proof is a process that may be killed, by a clock for all.
type proof struct {
	*rig
	at  wire.Storage
	rng *rand.Rand

	watch    *connect.Watch
	notifier *pipeline.Notifier
	life     *life

	doomed string    // where the process dies
	down   time.Time // no process runs until then
	killed []string  // where it died

	stated, lagged int // statements
}

func newProof(t *testing.T, at wire.Storage, seed int) *proof {
	p := &proof{at: at, rng: rand.New(rand.NewPCG(uint64(seed), 21))}
	p.rig = newRigOn(t, at, lifeShops[1:]...)
	p.accept = p.take
	p.begin()
	return p
}

// begin makes the parts of a process that has started.
func (p *proof) begin() {
	quiet := p.recorder.Log
	p.Reconciler.Store = witness{p.store, p}
	p.Reconciler.Probe = func(at reconcile.Point) { p.point(string(at)) }
	p.Connector.Probe = func(at connect.Point) { p.point(string(at)) }
	probe := func(at pipeline.Point) { p.point(string(at)) }
	p.acceptor.Probe, p.recorder.Probe = probe, probe
	p.notifier = &pipeline.Notifier{Outbox: p.store, Sender: phone{p}, Now: p.clock.Now, Log: quiet, Probe: probe}
	p.watch = &connect.Watch{Connector: p.Connector}
	p.asked = func(*http.Request) *http.Response { p.point(pointAsked); return nil }
}

// pointAsked is before a request to Shopify.
const pointAsked = "shopify.asked"

// points are all places where the process is killed.
func points() (all []string) {
	all = []string{pointAsked}
	for _, at := range pipeline.Points() {
		all = append(all, string(at))
	}
	for _, at := range reconcile.Points() {
		all = append(all, string(at))
	}
	for _, at := range []connect.Point{connect.PointRefreshed, connect.PointKept, connect.PointCreated,
		connect.PointLooked, connect.PointSettled} {
		all = append(all, string(at))
	}
	return all
}

// death is what a process that is killed panics with.
type death struct{}

// point kills the process where it is doomed to die.
func (p *proof) point(at string) {
	if at == p.doomed {
		p.doomed, p.store.dead = "", true
		p.killed = append(p.killed, at)
		panic(death{})
	}
}

// mortally lets the process do something. If it dies of it, another one starts on what is on the disk by then.
func (p *proof) mortally(do func()) (alive bool) {
	defer func() {
		switch cause := recover(); cause {
		case nil:
		case death{}:
			p.startAgain()
			alive = false
		default:
			panic(cause)
		}
	}()
	do()
	return true
}

// startAgain opens a copy of the files as they are now: closing them would write more than a dead process does.
func (p *proof) startAgain() {
	p.Helper()
	dead, dir := p.parts, p.TempDir()
	p.must(os.CopyFS(dir, os.DirFS(p.at.Dir)))
	p.must(dead.Close())
	p.must(os.RemoveAll(p.at.Dir))
	p.at.Dir = dir
	p.open(p.at)
	p.begin()
	p.down = p.clock.Now().Add(time.Duration(p.rng.IntN(180)) * time.Second)
}

func (p *proof) isDown() bool { return p.clock.Now().Before(p.down) }

// take accepts a webhook, if a process runs and survives it.
func (p *proof) take(ctx context.Context, header http.Header, body []byte) (err error) {
	if p.isDown() || !p.mortally(func() { err = p.acceptor.Accept(ctx, header, body) }) {
		return errDead
	}
	return err
}

// pass lets some time pass, about as much as d.
func (p *proof) pass(d time.Duration) {
	p.clock.set(p.clock.Now().Add(d + time.Duration(p.rng.Int64N(int64(4*d)))))
}

// live lets all parts do what is due.
func (p *proof) live() {
	p.twin.Flush(p.Context())
	if p.isDown() {
		return
	}
	p.mortally(func() {
		p.record()
		connections, _, err := p.watch.Due(p.Context())
		p.must(err)
		for _, c := range connections {
			p.must(p.watch.Keep(p.Context(), c))
		}
		due, _, err := p.Due(p.Context())
		p.must(err)
		for _, one := range due {
			p.must(p.Keep(p.Context(), one))
			p.record()
		}
		p.notify()
	})
}

// record records all that waits in the queue, and what a dead process had received.
func (p *proof) record() {
	p.Helper()
	for {
		d, err := p.queue.Depth(p.Context())
		p.must(err)
		if d.Waiting+d.Leased == 0 {
			return
		}
		ctx, cancel := context.WithTimeout(p.Context(), time.Minute)
		got, err := p.queue.Receive(ctx, 256)
		cancel()
		p.must(err)
		p.point(string(pipeline.PointReceived))
		events, verdicts := make([]*bellhop.Event, len(got)), make([]queue.Settlement, len(got))
		for i := range got {
			events[i], verdicts[i] = got[i].Event, queue.Settlement{Receipt: got[i].Receipt, Verdict: queue.Ack}
		}
		for _, done := range p.recorder.Record(p.Context(), events) {
			p.must(done.Err)
		}
		p.point(string(pipeline.PointRecorded))
		p.must(p.queue.Settle(p.Context(), verdicts...))
		p.point(string(pipeline.PointSettled))
	}
}

// notify sends the pushes that are due.
func (p *proof) notify() {
	p.Helper()
	for {
		now := p.clock.Now().UTC().Truncate(time.Microsecond)
		next, err := p.store.NextPush(p.Context())
		p.must(err)
		if next.IsZero() || next.After(now) {
			return
		}
		owed, err := p.store.ClaimPushes(p.Context(), now, store.Slots{Free: 100}, time.Minute)
		p.must(err)
		p.point(string(pipeline.PointClaimed))
		for _, o := range owed {
			p.must(p.notifier.Notify(p.Context(), o))
		}
	}
}

// phones gives each shop a phone.
func (p *proof) phones(shops []string) {
	for _, domain := range shops {
		_, err := p.store.PutDevice(p.Context(), bellhop.Device{Shop: domain, Installation: "phone",
			Kind: bellhop.AddressToken, Value: "address of " + domain, Platform: bellhop.PlatformAndroid,
			Form: bellhop.FormData, Locale: "en", AddedAt: p.clock.Now(), SeenAt: p.clock.Now()}, store.DeviceLimits{})
		p.must(err)
	}
}

// phone is the push service. It fails now and then.
type phone struct{ *proof }

func (p phone) Send(context.Context, push.Message) (string, error) {
	switch p.rng.IntN(20) {
	case 0:
		return "", &push.Error{Reason: push.ReasonUnavailable, Cause: errors.New("away")}
	case 1:
		return "", &push.Error{Reason: push.ReasonUnknown, Cause: errors.New("no answer")}
	}
	return "taken", nil
}

func (phone) Takes(bellhop.AddressKind) bool                 { return true }
func (phone) Service(bellhop.Device) string                  { return "test:" }
func (phone) Check(context.Context, ...bellhop.Device) error { return nil }
func (phone) Close() error                                   { return nil }

// witness sees each statement as it is made.
type witness struct {
	*mortal
	*proof
}

func (w witness) AddStatement(ctx context.Context, s bellhop.Statement, lines []byte) error {
	w.hours(&s)
	return w.mortal.AddStatement(ctx, s, lines)
}

// hours compares a statement with Shopify's own count of now. Orders may have been deleted since the walk read the
// list, or so shortly before that the list still had them.
func (w witness) hours(s *bellhop.Statement) {
	there, err := w.twin.OrdersByHour(s.Shop)
	w.must(err)
	w.stated++
	want, since := 0, 0
	for hour := s.From.UTC(); hour.Before(s.To); hour = hour.Add(time.Hour) {
		want += there[hour]
		for _, d := range w.life.deleted {
			if d.shop == s.Shop && d.hour.Equal(hour) && d.at.After(s.CheckedAt.Add(-lag)) {
				since++
			}
		}
	}
	if since > 0 {
		w.lagged++
	}
	if s.Here != s.Shopify || s.Shopify < want || s.Shopify > want+since {
		w.Errorf("at %v the hours from %v to %v of %s are stated with %d orders there and %d here; Shopify has %d, and %d "+
			"were deleted just now", w.clock.Now(), s.From, s.To, s.Shop, s.Shopify, s.Here, want, since)
	}
}

// awaitNews waits until all that looks can see is here, and fails if that takes too long.
func (p *proof) awaitNews(l *life) {
	p.Helper()
	began := p.clock.Now()
	lacks := func(domain string) bool { return !p.hasAll(domain) }
	for slices.ContainsFunc(l.shops, lacks) {
		if p.clock.Now().Sub(began) > soon+time.Minute { // the clock makes leaps
			for _, domain := range l.shops {
				p.Errorf("%s is not here %v after the last change: %s", domain, soon, p.text(domain))
			}
			return
		}
		p.live()
		p.pass(5 * time.Second)
	}
	p.Logf("all is here %v after the last change", p.clock.Now().Sub(began))
}
