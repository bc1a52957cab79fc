package host

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"bellhop"
	"bellhop/connect"
	"bellhop/events"
	"bellhop/pipeline"
	"bellhop/push"
	"bellhop/queue"
	"bellhop/reconcile"
	"bellhop/store"
)

// Options are what a host runs on.
type Options struct {
	Store store.Store
	Queue queue.Queue
	// NotifyQueue carries wake-up messages between processes that each run one of the
	// two steps; see [queue.NotifyName]. Without it push workers look by themselves.
	NotifyQueue queue.Queue
	Sender      push.Sender        // nil without the step Notify
	Breakers    *pipeline.Breakers // of Sender's services; may be nil
	Events      Events
	// Connector connects shops; nil without an app. This process looks after their connections if Keep.
	Connector *connect.Connector
	// Reconciler compares the shops with Shopify, where this process looks after their connections.
	Reconciler *reconcile.Reconciler
	Keep       bool
	Keys       *pipeline.Keyring // checks what a server of one's own puts into the queue, beside webhooks

	Steps
	Webhooks *Webhooks // nil where none come in
	Servers  []Server

	KeepBodies time.Duration
	Retention  pipeline.Keep // of the rest

	Log *slog.Logger
	Now func() time.Time
	Telemetry
	Probe pipeline.Probe

	// Hard ends draining when it is done. nil: never.
	Hard context.Context
}

// Steps are the steps that a process runs, beside its servers.
type Steps struct {
	Record, Notify bool
	Loops          int // batches recorded at once; 0 means one
}

// Events says how bellhop publishes changes to other services.
type Events struct {
	Publisher events.Publisher // nil: it publishes none
	Composer  events.Composer
	Lease     time.Duration // see [Relay]
}

// Webhooks are the parts that a host keeps up to date while webhooks come in.
type Webhooks struct {
	Keys     *pipeline.Keyring
	Refusals *pipeline.Refusals
	// Capacity is the measured limit of this machine in webhooks a second; 0 if
	// unknown.
	Capacity float64
}

// Telemetry holds a process's metrics and traces.
type Telemetry struct {
	Registry *prometheus.Registry
	Metrics  *pipeline.Metrics // of Registry
	Traces   *pipeline.Traces  // nil: no spans are made
}

// NewTelemetry makes no spans.
func NewTelemetry() Telemetry {
	registry := prometheus.NewRegistry()
	return Telemetry{Registry: registry, Metrics: pipeline.NewMetrics(registry)}
}

// Server serves HTTP on one listener. Register with HTTP.RegisterOnShutdown what ends
// answers that would never end by themselves: the host waits for all others.
type Server struct {
	Listener net.Listener // closed at the end
	HTTP     *http.Server
}

// settled is when a start is over: then the host gives unused memory back to the
// system.
const settled = 2 * time.Second

// drainTimeout is how long answers under way get when the process ends: less than the
// 30 s after which most supervisors kill.
const drainTimeout = 25 * time.Second

// Run serves and works until ctx is done. Then it drains: it accepts no new webhook,
// answers those under way and finishes leased events.
func Run(ctx context.Context, o Options) error {
	run := newRun(ctx, o)
	defer time.AfterFunc(settled, debug.FreeOSMemory).Stop()
	for _, s := range o.Servers {
		run.serve(s)
	}
	var keys *pipeline.Keyring
	var refusals *pipeline.Refusals
	if in := o.Webhooks; in != nil {
		keys, refusals = in.Keys, in.Refusals
		busy := &traffic{ledger: o.Store, holds: in.Capacity}
		o.Registry.MustRegister(busy.gauges())
		run.group.Go(func() error { return busy.run(run.drain, o.Now, o.Log) })
	}
	run.group.Go(func() error { return (&watch{refusals: refusals, store: o.Store, log: o.Log}).run(run.drain) })
	run.steps(o, keys)
	return run.group.Wait()
}

// run is a set of parts that live and end together.
type run struct {
	group *errgroup.Group
	drain context.Context // ends the parts once they have drained
	hard  context.Context // ends them at once
}

// newRun registers the metrics before anybody can ask for them.
func newRun(ctx context.Context, o Options) *run {
	hard := cmp.Or(o.Hard, context.Background())
	o.Registry.MustRegister(depths(o.Queue, o.NotifyQueue, o.Store, o.Now), openRequests(o.Store, o.Now))
	if o.Connector != nil {
		o.Registry.MustRegister(connections(o.Store), comparisons(o.Store, o.Now))
	}
	group, drain := errgroup.WithContext(ctx)
	return &run{group: group, drain: drain, hard: hard}
}

// serve serves until the run drains.
func (r *run) serve(s Server) {
	r.group.Go(func() error {
		if err := s.HTTP.Serve(s.Listener); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("serve on %s: %w", s.Listener.Addr(), err)
		}
		return nil
	})
	r.group.Go(func() error {
		<-r.drain.Done()
		ctx, cancel := context.WithTimeout(r.hard, drainTimeout)
		defer cancel()
		if err := s.HTTP.Shutdown(ctx); err != nil {
			s.HTTP.Close()
			return fmt.Errorf("some requests were cut off: %w", err)
		}
		return nil
	})
}

// steps starts the steps, the relay, the keepers and the maintenance.
func (r *run) steps(o Options, keys *pipeline.Keyring) {
	maintenance := &Maintenance{Keys: keys, Store: o.Store, Log: o.Log, Now: o.Now, KeepBodies: o.KeepBodies,
		Keep: o.Retention, Privacy: NewPrivacy(o.Store, o.Queue, o.Log, o.Now, o.Probe)}
	if o.Record {
		maintenance.Queue = o.Queue
		w := &Worker{Queue: o.Queue, Ready: o.Store.Ready, Log: o.Log, Probe: o.Probe, Loops: o.Loops, Wake: o.wakeSender(),
			Recorder: o.Recorder()}
		r.group.Go(func() error { return w.Run(r.drain, r.hard) })
	}
	if o.Notify {
		n := &PushWorker{Outbox: o.Store, Log: o.Log, Now: o.Now, Probe: o.Probe, Wake: o.wakeReceiver(),
			Notifier: o.Notifier()}
		r.group.Go(func() error { return n.Run(r.drain, r.hard) })
	}
	if o.Events.Publisher != nil {
		relay := newRelay(o)
		r.group.Go(func() error { return relay.Run(r.drain, r.hard) })
	}
	if o.Connector != nil && o.Keep {
		keeper := NewKeeper(o.Connector)
		r.group.Go(func() error { return keeper.Run(r.drain, r.hard) })
	}
	if o.Reconciler != nil && o.Keep {
		comparer := NewComparer(o.Reconciler)
		r.group.Go(func() error { return comparer.Run(r.drain, r.hard) })
	}
	r.group.Go(func() error { return maintenance.Run(r.drain) })
}

// Recorder builds the recording step.
func (o Options) Recorder() *pipeline.Recorder {
	return &pipeline.Recorder{Store: o.Store, Now: o.Now, Log: o.Log, Metrics: o.Metrics, Traces: o.Traces, Probe: o.Probe,
		Keys: o.Keys.Keep(o.Now),
		Strangers: pipeline.NewTrouble(o.Log, slog.LevelWarn,
			"webhooks of shops that are not added are kept and not recorded", "")}
}

// Notifier builds the notifying step.
func (o Options) Notifier() *pipeline.Notifier {
	return &pipeline.Notifier{Outbox: o.Store, Sender: o.Sender, Now: o.Now, Log: o.Log, Metrics: o.Metrics,
		Traces: o.Traces, Probe: o.Probe, Breakers: o.Breakers}
}

// wakeSender returns nil where this process pushes, too: the store wakes its push
// worker.
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
