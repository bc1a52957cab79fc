package host

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/sync/errgroup"

	"bellhop"
	"bellhop/events"
	"bellhop/pipeline"
	"bellhop/push"
	"bellhop/queue"
	"bellhop/store"
	"bellhop/web"
)

// Options are what a host runs on.
type Options struct {
	Store  store.Store
	Queue  queue.Queue
	Sender push.Sender // nil where nothing is pushed
	// WebPushKey is what browsers subscribe with: see web.Options.
	WebPushKey string
	// NotifyQueue joins the two steps where a process works at one of them alone;
	// see [queue.NotifyName]. Without it those who push look for themselves.
	NotifyQueue queue.Queue
	// Events takes what other services are told, as Composer composes it; nil
	// where nobody is told.
	Events   events.Publisher
	Composer events.Composer
	// EventsLease is as in [Relay].
	EventsLease time.Duration
	// Healthy returns an error once what is stored might not be kept.
	Healthy func() error

	AppSecret, AppSecretPrevious string
	KeepBodies                   time.Duration
	TrustedProxies               []netip.Prefix
	AllowedOrigins               []string
	MaxDevices                   int // of a shop; 0: the default
	// Capacity is how many webhooks a second this machine was measured to hold; 0
	// when that is not known.
	Capacity float64
	Version  string

	Log      *slog.Logger
	Now      func() time.Time
	Registry *prometheus.Registry
	Probe    pipeline.Probe
	Traces   *pipeline.Traces // nil: no spans are made

	// Loops is how many batches are recorded at once; 0 means one.
	Loops int

	// Record and Notify say which steps this process works at, beside whatever
	// it serves.
	Record, Notify bool

	// Listener takes the webhooks, the API and the console; Metrics, if there
	// is one, takes /metrics in its stead, and answers /healthz and /readyz too.
	// Both are closed at the end.
	Listener, Metrics net.Listener
	// Demo is for one: see web.Options.
	Demo web.Demo

	// Hard is done when draining is to be broken off. nil: never.
	Hard context.Context

	breakers *pipeline.Breakers // of the push services; nil where nothing is pushed
}

// drainTimeout is how long answers under way get once the process is to end:
// less than the 30 s after which most supervisors kill.
const drainTimeout = 25 * time.Second

// Serve takes webhooks and serves the API, and works at the steps that it is
// told to, until ctx is done. Then it drains: no new webhook is accepted, those
// under way are answered, what is leased is finished.
func Serve(ctx context.Context, o Options) error { return serve(ctx, o, nil) }

func serve(ctx context.Context, o Options, in *InlineOptions) error {
	metrics := pipeline.NewMetrics(o.Registry)
	o = o.withBreakers(metrics, o.Notify || in != nil)
	keys := pipeline.NewKeyring(o.Store, o.AppSecret, o.AppSecretPrevious)
	if err := keys.Refresh(ctx); err != nil {
		return err
	}
	acceptor := &pipeline.Acceptor{Keys: keys, Queue: o.Queue, Now: o.Now, Metrics: metrics, Traces: o.Traces, Probe: o.Probe}
	wo := web.Options{
		Store: o.Store, Queue: o.Queue, Acceptor: acceptor, Logger: o.Log, Registerer: o.Registry, Now: o.Now,
		Version: o.Version, Checks: o.webChecks(), TrustedProxies: o.TrustedProxies, AllowedOrigins: o.AllowedOrigins, MaxDevices: o.MaxDevices,
		Demo: o.Demo, WebPushKey: o.WebPushKey,
	}
	refusals := pipeline.NewRefusals(keys, o.Log, o.Now)
	wo.Webhooks.Refusals = refusals
	if in != nil {
		acceptor.Queue = &inline{outbox: o.Store, options: o, recorder: o.recorder(metrics), notifier: o.notifier(metrics)}
		wo.Webhooks.InFlight = in.Pool // the pool has let no more in
	}
	if o.Traces != nil {
		wo.Tracer = o.Traces.Tracer
	}
	if o.Metrics == nil {
		wo.Metrics = web.Metrics(o.Registry, o.Log, o.Now)
	}
	site, err := web.New(wo)
	if err != nil {
		return err
	}
	handler := site.Handler()
	if in != nil {
		handler = newPool(*in, handler)
	}
	run := newRun(ctx, o)
	run.http(o, o.Listener, handler, site.Close)
	if o.Metrics != nil {
		run.http(o, o.Metrics, web.Probes(o.webChecks(), o.freshMetrics(), o.Log, o.Now), func() {})
	}
	busy := &traffic{ledger: o.Store, holds: o.Capacity}
	o.Registry.MustRegister(busy)
	run.group.Go(func() error { return busy.run(run.ctx, o) })
	run.watch(o, refusals)
	run.steps(o, metrics, keys)
	return run.wait()
}

// freshMetrics are for a listener of their own, where no stranger asks.
func (o Options) freshMetrics() http.Handler {
	return promhttp.HandlerFor(o.Registry, promhttp.HandlerOpts{})
}

// Work works at the steps that it is told to, until ctx is done, and serves
// nothing but metrics and health.
func Work(ctx context.Context, o Options) error {
	metrics := pipeline.NewMetrics(o.Registry)
	o = o.withBreakers(metrics, o.Notify)
	run := newRun(ctx, o)
	if o.Metrics != nil {
		run.http(o, o.Metrics, web.Probes(o.workChecks(), o.freshMetrics(), o.Log, o.Now), func() {})
	}
	run.watch(o, nil)
	run.steps(o, metrics, nil)
	return run.wait()
}

// run is a set of parts that live and end together.
type run struct {
	group *errgroup.Group
	ctx   context.Context // done when the parts are to stop
	hard  context.Context // done when they are to stop at once
}

// newRun registers what is measured before anybody can ask for it.
func newRun(ctx context.Context, o Options) *run {
	hard := o.Hard
	if hard == nil {
		hard = context.Background()
	}
	o.Registry.MustRegister(&depths{queue: o.Queue, notify: o.NotifyQueue, store: o.Store})
	group, ctx := errgroup.WithContext(ctx)
	return &run{group: group, ctx: ctx, hard: hard}
}

func (r *run) wait() error { return r.group.Wait() }

// http serves until the run is to stop; ending is called before the answers
// under way are waited for, to end those that would never end by themselves.
func (r *run) http(o Options, l net.Listener, h http.Handler, ending func()) {
	server := web.HTTPServer(l.Addr().String(), h, o.Log)
	r.group.Go(func() error {
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("serve on %s: %w", l.Addr(), err)
		}
		return nil
	})
	r.group.Go(func() error {
		<-r.ctx.Done()
		ending()
		ctx, cancel := context.WithTimeout(r.hard, drainTimeout)
		defer cancel()
		if err := server.Shutdown(ctx); err != nil {
			server.Close()
			return fmt.Errorf("some requests were cut off: %w", err)
		}
		return nil
	})
}

// steps starts the consumer's parts and the housekeeping.
func (r *run) steps(o Options, metrics *pipeline.Metrics, keys *pipeline.Keyring) {
	maintenance := &Maintenance{Keys: keys, Ledger: o.Store, Log: o.Log, Now: o.Now, KeepBodies: o.KeepBodies}
	if o.Record {
		maintenance.Queue = o.Queue
		w := &Worker{Queue: o.Queue, Ready: o.Store.Ready, Log: o.Log, Probe: o.Probe, Loops: o.Loops, Wake: o.wakeSender(),
			Recorder: o.recorder(metrics)}
		r.group.Go(func() error { return w.Run(r.ctx, r.hard) })
	}
	if o.Notify {
		n := &PushWorker{Outbox: o.Store, Log: o.Log, Now: o.Now, Probe: o.Probe, Wake: o.wakeReceiver(),
			Notifier: o.notifier(metrics)}
		r.group.Go(func() error { return n.Run(r.ctx, r.hard) })
	}
	if o.Events != nil {
		relay := newRelay(o)
		r.group.Go(func() error { return relay.Run(r.ctx, r.hard) })
	}
	r.group.Go(func() error { return maintenance.Run(r.ctx) })
}

func (o Options) recorder(m *pipeline.Metrics) *pipeline.Recorder {
	return &pipeline.Recorder{Store: o.Store, Now: o.Now, Log: o.Log, Metrics: m, Traces: o.Traces, Probe: o.Probe,
		Strangers: pipeline.NewTrouble(o.Log, slog.LevelWarn, "webhooks of shops that are not added are kept and not recorded", "")}
}

func (o Options) notifier(m *pipeline.Metrics) *pipeline.Notifier {
	return &pipeline.Notifier{Outbox: o.Store, Sender: o.Sender, Now: o.Now, Log: o.Log, Metrics: m, Traces: o.Traces, Probe: o.Probe,
		Breakers: o.breakers}
}

// withBreakers makes the circuit breakers that all that pushes shares.
func (o Options) withBreakers(m *pipeline.Metrics, pushes bool) Options {
	if pushes && o.Sender != nil {
		o.breakers = pipeline.NewBreakers(o.Sender, o.Log, m)
	}
	return o
}

// wakeSender returns nil where this process pushes, too: its push worker learns of
// owed pushes from the store.
func (o Options) wakeSender() *WakeSender {
	if o.Notify || o.NotifyQueue == nil {
		return nil
	}
	return NewWakeSender(o.NotifyQueue, o.Log, o.Now, o.Registry)
}

func (o Options) wakeReceiver() *WakeReceiver {
	if o.Record || o.NotifyQueue == nil {
		return nil
	}
	return NewWakeReceiver(o.NotifyQueue, o.Log, o.Registry)
}

// Listen opens the listener that a setting names.
func Listen(setting, addr string) (net.Listener, error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, &bellhop.Error{Kind: bellhop.Invalid, Code: "setting", Cause: err,
			Message: fmt.Sprintf("%s: can't listen on %s; end what listens there, or choose another address", setting, addr)}
	}
	return l, nil
}
