package host_test

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"bellhop/host"
	"bellhop/pipeline"
	"bellhop/queue"
	"bellhop/web"
	"bellhop/web/site"
	"bellhop/web/webhook"
	"bellhop/wire"
)

// The environment of a child process: the test binary, run as a bellhop to kill.
const (
	childDir   = "HOST_TEST_DIR"
	childAddr  = "HOST_TEST_ADDR"
	childDB    = "HOST_TEST_DB"
	childQueue = "HOST_TEST_QUEUE"
	childKey   = "HOST_TEST_KEY"
	childPush  = "HOST_TEST_PUSH"
	childTell  = "HOST_TEST_EVENTS"
	childTo    = "HOST_TEST_TO"    // the queue to move into
	childSteps = "HOST_TEST_STEPS" // see steps
	childPoint = "HOST_TEST_POINT" // kill yourself at this point of the journey
	childHits  = "HOST_TEST_HITS"  // at this pass of it
)

// childLease is short, so that another process soon takes over from a killed one.
const childLease = 3 * time.Second

const appSecret = "a secret for tests"

func TestMain(m *testing.M) {
	if os.Getenv(childDir) == "" {
		// The stand-in for SQS takes any.
		os.Setenv("AWS_ACCESS_KEY_ID", "test")
		os.Setenv("AWS_SECRET_ACCESS_KEY", "test")
		os.Setenv("AWS_EC2_METADATA_DISABLED", "true")
		os.Setenv("GORACE", "atexit_sleep_ms=0") // else each child waits a second before it ends
		os.Exit(m.Run())
	}
	if err := child(); err != nil {
		fmt.Fprintln(os.Stderr, "child:", err)
		os.Exit(1)
	}
}

func config(s wire.Storage, push string) wire.Config {
	return wire.Config{Working: wire.Working{Storage: s, Push: push, KeepBodies: time.Hour,
		Shopify: wire.Shopify{ShopifySecret: appSecret}}}
}

// oneFile is the default: all in one SQLite file.
func oneFile(dir string) wire.Storage { return wire.Storage{Dir: dir, DB: "sqlite:", Queue: "sqlite:"} }

// steps are a child's steps.
type steps string

const (
	stepsAll    steps = ""       // bellhop serve
	stepsWeb    steps = "web"    // bellhop serve --no-worker
	stepsWorker steps = "worker" // bellhop worker
	stepsRecord steps = "record" // bellhop worker --steps record
	stepsNotify steps = "notify" // bellhop worker --steps notify
	stepsSwitch steps = "switch" // bellhop queue switch
)

// child works until a signal ends it, or it kills itself.
func child() error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	is := steps(os.Getenv(childSteps))
	if is == stepsSwitch {
		return switchChild(ctx)
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))
	c := config(wire.Storage{Dir: os.Getenv(childDir), DB: os.Getenv(childDB), Queue: os.Getenv(childQueue),
		Key: os.Getenv(childKey)},
		os.Getenv(childPush))
	parts, err := c.Open(ctx, wire.Options{Log: log})
	if err != nil {
		return err
	}
	sender, err := c.OpenPush(ctx, wire.Options{Log: log})
	if err != nil {
		return err
	}
	c.Events = os.Getenv(childTell)
	to, err := c.OpenEvents(ctx, wire.Options{Log: log})
	if err != nil {
		return err
	}
	o := host.Options{
		Store: parts.Store, Queue: parts.Queue, Sender: sender,
		KeepBodies: c.KeepBodies, Log: log, Now: time.Now, Telemetry: host.NewTelemetry(), Probe: suicide(),
		Steps: host.Steps{Record: is != stepsWeb && is != stepsNotify, Notify: is != stepsWeb && is != stepsRecord,
			Loops: parts.Loops},
	}
	o.Breakers = pipeline.NewBreakers(sender, log, o.Metrics)
	if to != nil {
		defer to.Close()
		o.Events = host.Events{Publisher: to.Publisher, Composer: to.Composer, Lease: childLease}
	}
	err = is.run(ctx, parts, o)
	if e := parts.Close(); err == nil {
		err = e
	}
	return err
}

func (s steps) run(ctx context.Context, parts *wire.Parts, o host.Options) (err error) {
	if o.Record != o.Notify {
		if o.NotifyQueue, err = parts.OpenNotify(ctx); err != nil {
			return err
		}
	}
	if s == stepsAll || s == stepsWeb {
		l, err := host.Listen("BELLHOP_ADDR", os.Getenv(childAddr))
		if err != nil {
			return err
		}
		end, err := serveSite(ctx, &o, parts.Healthy, l, o.Queue, nil)
		if err != nil {
			return err
		}
		defer end()
	}
	fmt.Println("ready")
	return host.Run(ctx, o)
}

// serveSite makes a host serve the whole site, as bellhop serve does: webhooks go to
// queue; wrap, unless nil, wraps the handler.
func serveSite(ctx context.Context, o *host.Options,
	healthy func() error, l net.Listener, to queue.Producer, wrap func(http.Handler) http.Handler) (func(), error) {
	keys := pipeline.NewKeyring(o.Store, appSecret, "")
	if err := keys.Refresh(ctx); err != nil {
		return nil, err
	}
	refusals := pipeline.NewRefusals(keys, o.Log, o.Now)
	o.Webhooks = &host.Webhooks{Keys: keys, Refusals: refusals}
	needs := web.Needs{Healthy: healthy, Store: o.Store, Queue: o.Queue, Breakers: o.Breakers}
	site, err := site.New(site.Options{
		Store: o.Store, Queue: o.Queue, Logger: o.Log, Registerer: o.Registry, Now: o.Now, Checks: needs.Accepting(),
		Acceptor: &pipeline.Acceptor{Keys: keys, Queue: to, Now: o.Now, Metrics: o.Metrics, Probe: o.Probe},
		Webhooks: webhook.Options{Refusals: refusals}, Metrics: web.Metrics(o.Registry, o.Log, o.Now),
	})
	if err != nil {
		return nil, err
	}
	handler := site.Handler()
	if wrap != nil {
		handler = wrap(handler)
	}
	server := web.HTTPServer(l.Addr().String(), handler, o.Log)
	server.RegisterOnShutdown(site.Close)
	o.Servers = append(o.Servers, host.Server{Listener: l, HTTP: server})
	return site.Close, nil
}

// suicide returns a probe that kills the process at the environment's point.
func suicide() pipeline.Probe {
	at := pipeline.Point(os.Getenv(childPoint))
	left := new(atomic.Int64)
	n, _ := strconv.Atoi(os.Getenv(childHits))
	left.Store(int64(n))
	return func(p pipeline.Point) {
		if p == at && left.Add(-1) == 0 {
			syscall.Kill(os.Getpid(), syscall.SIGKILL)
		}
	}
}
