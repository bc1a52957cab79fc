package host

import (
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
	"bellhop/events"
	"bellhop/pipeline"
	"bellhop/push"
	"bellhop/queue"
	"bellhop/store"
)

// Options are what a host runs on.
type Options struct {
	Store store.Store
	Queue queue.Queue
	// NotifyQueue joins the two steps where a process works at one of them alone;
	// see [queue.NotifyName]. Without it push workers look by themselves.
	NotifyQueue queue.Queue
	Sender      push.Sender        // nil where nothing is pushed
	Breakers    *pipeline.Breakers // of Sender's services; nil: without
	Events      Events

	Steps
	Webhooks *Webhooks // nil where none come in
	Servers  []Server  // run until the end

	KeepBodies time.Duration

	Log *slog.Logger
	Now func() time.Time
	Telemetry
	Probe pipeline.Probe

	// Hard breaks draining off when it is done. nil: never.
	Hard context.Context
}

// Steps are what a process works at, beside whatever it serves.
type Steps struct {
	Record, Notify bool
	Loops          int // how many batches are recorded at once; 0 means one
}

// Events are how other services learn what changed.
type Events struct {
	Publisher events.Publisher // nil where nobody learns it
	Composer  events.Composer
	Lease     time.Duration // see [Relay]
}

// Webhooks are what a host looks after while webhooks come in.
type Webhooks struct {
	Keys     *pipeline.Keyring
	Refusals *pipeline.Refusals
	// Capacity is how many webhooks a second this machine was measured to hold; 0
	// when that is not known.
	Capacity float64
}

// Telemetry is what a process measures itself with.
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

// Server answers what comes in on one listener. What HTTP has from
// RegisterOnShutdown is called before the host waits for answers under way: it ends
// those that would never end by themselves.
type Server struct {
	Listener net.Listener // closed at the end
	HTTP     *http.Server
}

// settled is when a start is over: what opening took and running does not need goes
// back to the system.
const settled = 2 * time.Second

// drainTimeout is how long answers under way get once the process is to end:
// less than the 30 s after which most supervisors kill.
const drainTimeout = 25 * time.Second

// Run serves and works at its steps until ctx is done. Then it drains: no new
// webhook is accepted, those under way are answered, what is leased is finished.
func Run(ctx context.Context, o Options) error {
	run := newRun(ctx, o)
	defer time.AfterFunc(settled, debug.FreeOSMemory).Stop()
	for _, s := range o.Servers {
		run.serve(s)
	}
	var (
		keys     *pipeline.Keyring
		refusals *pipeline.Refusals
	)
	if in := o.Webhooks; in != nil {
		keys, refusals = in.Keys, in.Refusals
		busy := &traffic{ledger: o.Store, holds: in.Capacity}
		o.Registry.MustRegister(busy)
		run.group.Go(func() error { return busy.run(run.ctx, o.Now, o.Log) })
	}
	run.group.Go(func() error { return (&watch{refusals: refusals, store: o.Store, log: o.Log}).run(run.ctx) })
	run.steps(o, keys)
	return run.group.Wait()
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

// serve serves until the run is to stop.
func (r *run) serve(s Server) {
	r.group.Go(func() error {
		if err := s.HTTP.Serve(s.Listener); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("serve on %s: %w", s.Listener.Addr(), err)
		}
		return nil
	})
	r.group.Go(func() error {
		<-r.ctx.Done()
		ctx, cancel := context.WithTimeout(r.hard, drainTimeout)
		defer cancel()
		if err := s.HTTP.Shutdown(ctx); err != nil {
			s.HTTP.Close()
			return fmt.Errorf("some requests were cut off: %w", err)
		}
		return nil
	})
}

// steps starts the consumer's parts and the housekeeping.
func (r *run) steps(o Options, keys *pipeline.Keyring) {
	maintenance := &Maintenance{Keys: keys, Store: o.Store, Log: o.Log, Now: o.Now, KeepBodies: o.KeepBodies}
	if o.Record {
		maintenance.Queue = o.Queue
		w := &Worker{Queue: o.Queue, Ready: o.Store.Ready, Log: o.Log, Probe: o.Probe, Loops: o.Loops, Wake: o.wakeSender(),
			Recorder: o.Recorder()}
		r.group.Go(func() error { return w.Run(r.ctx, r.hard) })
	}
	if o.Notify {
		n := &PushWorker{Outbox: o.Store, Log: o.Log, Now: o.Now, Probe: o.Probe, Wake: o.wakeReceiver(),
			Notifier: o.Notifier()}
		r.group.Go(func() error { return n.Run(r.ctx, r.hard) })
	}
	if o.Events.Publisher != nil {
		relay := newRelay(o)
		r.group.Go(func() error { return relay.Run(r.ctx, r.hard) })
	}
	r.group.Go(func() error { return maintenance.Run(r.ctx) })
}

// Recorder returns what records.
func (o Options) Recorder() *pipeline.Recorder {
	return &pipeline.Recorder{Store: o.Store, Now: o.Now, Log: o.Log, Metrics: o.Metrics, Traces: o.Traces, Probe: o.Probe,
		Strangers: pipeline.NewTrouble(o.Log, slog.LevelWarn,
			"webhooks of shops that are not added are kept and not recorded", "")}
}

// Notifier returns what pushes.
func (o Options) Notifier() *pipeline.Notifier {
	return &pipeline.Notifier{Outbox: o.Store, Sender: o.Sender, Now: o.Now, Log: o.Log, Metrics: o.Metrics,
		Traces: o.Traces, Probe: o.Probe,
		Breakers: o.Breakers}
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
