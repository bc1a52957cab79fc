package host_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"slices"
	"testing"
	"time"

	"bellhop"
	"bellhop/host"
	"bellhop/internal/realserver"
	"bellhop/push/logpush"
	"bellhop/shopify"
	"bellhop/store"
	"bellhop/web"
	"bellhop/wire"
	"bellhop/wire/wiretest"
)

// remote is a bellhop with its queue in a file and its database behind a proxy.
type remote struct {
	*served
	proxy  *realserver.Proxy
	direct store.Store // past the proxy
	n      int
}

func serveRemote(t *testing.T, change func(*host.Options)) *remote {
	t.Helper()
	db := newDatabase(t)
	r := &remote{proxy: realserver.StartProxy(t, postgres(t).Addr)}
	direct, err := (&wire.Storage{Dir: wiretest.Dir(t), DB: postgres(t).URL(db), Queue: "sqlite:"}).Open(t.Context(),
		wire.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { direct.Close() })
	r.direct = direct.Store
	behind := realserver.PostgresURL(r.proxy.Addr, db)
	r.served = serveOn(t, wire.Storage{Dir: wiretest.Dir(t), DB: behind, Queue: "sqlite:"}, wire.Options{}, change)
	return r
}

// place delivers a new order and checks that bellhop accepts it in time.
func (r *remote) place() {
	r.t.Helper()
	r.n++
	began := time.Now()
	if got := r.post(shopify.TopicOrderCreate, fmt.Sprint("webhook-", r.n), order(r.n)); got != http.StatusOK {
		r.t.Errorf("webhook %d: %d", r.n, got)
	}
	if took := time.Since(began); took > 5*time.Second {
		r.t.Errorf("webhook %d took %v: Shopify has given up", r.n, took)
	}
}

// untilRecorded waits, past the proxy, until bellhop has recorded each order once.
func (r *remote) untilRecorded() {
	r.t.Helper()
	if err := <-r.recorded(); err != nil {
		r.t.Fatal(err)
	}
}

// recorded returns once bellhop has recorded all orders, past the proxy, or why it has
// not.
func (r *remote) recorded() <-chan error {
	done, n := make(chan error, 1), int64(r.n)
	go func() {
		ctx, cancel := context.WithTimeout(r.t.Context(), 60*time.Second)
		defer cancel()
		for {
			changed := r.direct.Changed()
			totals, err := r.direct.Totals(ctx)
			switch {
			case err != nil:
				done <- fmt.Errorf("waiting for %d orders to be recorded: %w", n, err)
				return
			case totals[bellhop.OutcomeRecorded] == n:
				done <- nil
				return
			}
			select {
			case <-changed:
			case <-ctx.Done():
				done <- fmt.Errorf("the ledger has %v, want %d recorded", totals, n)
				return
			}
		}
	}()
	return done
}

// untilSettled waits until the worker holds nothing.
func (r *remote) untilSettled() {
	r.t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for range tick.C {
		d, err := r.parts.Queue.Depth(r.t.Context())
		if err != nil {
			r.t.Fatal(err)
		}
		if d.Waiting+d.Leased == 0 {
			return
		}
	}
}

// untilFailing asks /readyz until exactly these checks fail. Its status says that
// bellhop still accepts webhooks.
func (r *remote) untilFailing(want ...string) {
	r.t.Helper()
	untilReady(r.t, r.url, http.StatusOK, want...)
}

// untilReady asks /readyz until it has this status, and returns the failing checks.
func untilReady(t *testing.T, url string, status int, failing ...string) {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	enough := time.After(time.Minute)
	for {
		got, names := readyz(t, url)
		if got == status && slices.Equal(names, failing) {
			return
		}
		select {
		case <-tick.C:
		case <-enough:
			t.Fatalf("/readyz answers %d and fails %v, want %d and %v", got, names, status, failing)
		}
	}
}

// readyz asks /readyz, which answers soon even if a server is silent, and returns the
// failing checks.
func readyz(t *testing.T, url string) (status int, failing []string) {
	t.Helper()
	began := time.Now()
	res, err := http.Get(url + "/readyz")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("/readyz took %v", took)
	}
	var report struct{ Checks map[string]string }
	if err := json.NewDecoder(res.Body).Decode(&report); err != nil {
		t.Fatal(err)
	}
	maps.DeleteFunc(report.Checks, func(_, result string) bool { return result == "ok" })
	return res.StatusCode, slices.Sorted(maps.Keys(report.Checks))
}

// TestPostgresAway takes the database away in every way of networks and servers: bellhop
// accepts webhooks, /readyz names the missing part, and once the database is back bellhop
// records everything without a restart.
func TestPostgresAway(t *testing.T) {
	t.Parallel()
	r := serveRemote(t, nil)
	r.place()
	r.untilRecorded()
	for _, c := range []struct {
		name  string
		leave func() (back func())
	}{
		{"cut", func() func() { r.proxy.Stop(); return r.proxy.Start }},
		{"black hole", func() func() { return r.proxy.Fault(realserver.BlackHole) }},
		{"reset", func() func() { return r.proxy.Fault(realserver.Reset) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			r.untilFailing()
			back := c.leave()
			for range 3 {
				r.place()
			}
			r.untilFailing("database")
			back()
			r.place()
			r.untilRecorded()
		})
	}
}

// TestWorkerSaysWhetherItIsReady asks a worker as an orchestrator does: it needs the
// database.
func TestWorkerSaysWhetherItIsReady(t *testing.T) {
	t.Parallel()
	db := newDatabase(t)
	proxy := realserver.StartProxy(t, postgres(t).Addr)
	c := config(wire.Storage{Dir: wiretest.Dir(t), DB: realserver.PostgresURL(proxy.Addr, db), Queue: "sqlite:"}, "log:")
	parts, err := c.Open(t.Context(), wire.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer parts.Close()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		measured := host.NewTelemetry()
		needs := web.Needs{Healthy: parts.Healthy, Store: parts.Store, Queue: parts.Queue}
		probes := web.Probes(needs.Working(), web.Metrics(measured.Registry, log, time.Now), log, time.Now)
		done <- host.Run(ctx, host.Options{Store: parts.Store, Queue: parts.Queue, Sender: logpush.New(log),
			KeepBodies: time.Hour, Log: log, Now: time.Now, Telemetry: measured, Steps: host.Steps{Record: true, Notify: true},
			Servers: []host.Server{{Listener: l, HTTP: web.HTTPServer(l.Addr().String(), probes, log)}}})
	}()
	url := "http://" + l.Addr().String()
	untilReady(t, url, http.StatusOK)
	back := proxy.Fault(realserver.BlackHole)
	untilReady(t, url, http.StatusServiceUnavailable, "database")
	for _, path := range []string{"/healthz", "/metrics"} {
		res, err := http.Get(url + path)
		if err != nil {
			t.Fatal(err)
		}
		if res.Body.Close(); res.StatusCode != http.StatusOK {
			t.Errorf("%s answers %d while the database is away", path, res.StatusCode)
		}
	}
	back()
	untilReady(t, url, http.StatusOK)
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// TestPostgresSlow delays each answer of the database by 300 ms.
func TestPostgresSlow(t *testing.T) {
	t.Parallel()
	r := serveRemote(t, nil)
	mend := r.proxy.Fault(realserver.Slow)
	defer mend()
	for range 10 {
		r.place()
	}
	r.untilRecorded()
	r.untilFailing()
}

// TestPostgresStopped stops the server under it and starts it again.
func TestPostgresStopped(t *testing.T) {
	t.Parallel()
	own, err := realserver.StartPostgres(t.Context())
	realserver.Need(t, err)
	t.Cleanup(func() { own.Close() })
	r := &remote{served: serveOn(t, wire.Storage{Dir: wiretest.Dir(t), DB: own.URL("postgres"), Queue: "sqlite:"},
		wire.Options{}, nil)}
	r.direct = r.parts.Store
	r.place()
	r.untilRecorded()
	own.Stop()
	r.place()
	r.untilFailing("database")
	if err := own.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.place()
	r.untilRecorded()
}

// TestCommitWhoseAnswerIsLost cuts each connection after so many bytes of
// answers, a few more each time, so that one of the cuts falls between a commit
// and its answer: recording the batch again changes nothing.
func TestCommitWhoseAnswerIsLost(t *testing.T) {
	t.Parallel()
	failed := make(chan struct{}, 1)
	r := serveRemote(t, func(o *host.Options) { o.Store = &failing{o.Store, failed} })
	r.place()
	r.untilRecorded()
	lost := 0
	for bytes := 16; bytes < 2000 && lost == 0; bytes += 48 {
		mend := r.proxy.Fault(fmt.Sprintf(
			`{"name":"cut","type":"limit_data","stream":"downstream","attributes":{"bytes":%d}}`, bytes))
		r.place()
		select {
		case <-failed:
			totals, err := r.direct.Totals(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if totals[bellhop.OutcomeRecorded] == int64(r.n) {
				lost++
			}
		case err := <-r.recorded():
			if err != nil {
				t.Fatal(err)
			}
		}
		mend()
		r.untilRecorded()
		r.untilSettled()
		select {
		case <-failed: // for the recorded order
		default:
		}
	}
	if lost == 0 {
		t.Error("no answer of a commit was lost: the run shows nothing")
	}
	page, err := r.direct.Lines(t.Context(), store.LineQuery{Limit: 200})
	if err != nil || len(page.Lines) != r.n {
		t.Errorf("%d lines, %v; want %d", len(page.Lines), err, r.n)
	}
}

// failing signals each error of recording.
type failing struct {
	store.Store
	failed chan<- struct{}
}

func (f *failing) Record(ctx context.Context, facts []bellhop.Fact) ([]bellhop.Result, error) {
	results, err := f.Store.Record(ctx, facts)
	if err != nil {
		select {
		case f.failed <- struct{}{}:
		default:
		}
	}
	return results, err
}
