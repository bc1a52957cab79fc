package main

import (
	"context"
	"fmt"
	"net"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"bellhop"
	"bellhop/connect"
	"bellhop/host"
	"bellhop/pipeline"
	"bellhop/reconcile"
	"bellhop/wire"
)

type serveCmd struct {
	wire.Config
	NoWorker bool `name:"no-worker" help:"Only accept webhooks and serve; bellhop worker does the rest."`
}

func (serveCmd) Help() string {
	return `Every setting is an environment variable with a flag of the same name. If there is no database, bellhop
creates one. The first SIGINT or SIGTERM drains: bellhop finishes what it has begun. The second ends it at once.

URLs for --queue:

  sqlite:[/path/file.db][?queue=NAME]
  postgres:[?queue=NAME]                                  in the database of --db
  postgres://USER:PASSWORD@HOST/DATABASE[?queue=NAME]
  amqp://USER:PASSWORD@HOST/VHOST[?queue=NAME]            amqps: for TLS
  sqs://sqs.REGION.amazonaws.com/ACCOUNT/NAME[?bucket=NAME&envelope=eventbridge]

URLs for --push, one or several, separated by commas:

  log:                                                    writes a log line
  fcm:/path/service-account.json[?endpoint=URL]           validate_only=yes has FCM check pushes and deliver none
  webpush:[/path/keys.json]?subject=mailto:YOU            for browsers; bellhop makes the keys

URL for --mail; TLS is needed unless the server is on this machine, and from is the user's address without one:

  smtp://USER:PASSWORD@HOST[:587][?from=NAME+<ADDRESS>]   STARTTLS
  smtps://USER:PASSWORD@HOST[:465][?from=NAME+<ADDRESS>]  TLS from the first byte on

URL for --events, a topic exchange of RabbitMQ; with customer=yes events also name the customer:

  amqp://USER:PASSWORD@HOST/VHOST[?exchange=NAME&customer=yes]`
}

func (c *serveCmd) Run(j *job) (err error) {
	e, err := startServing(j, &c.Config, !c.NoWorker)
	if e != nil {
		defer e.close(&err)
	}
	if err != nil {
		return err
	}
	e.options.Record, e.options.Notify, e.options.Keep = !c.NoWorker, !c.NoWorker, !c.NoWorker
	site, err := e.site(e.options.Queue, 0)
	if err != nil {
		return j.unlessEnded(err)
	}
	e.serve(e.listener, site.Handler(), site.Close)
	return j.unlessEnded(host.Run(j.ctx, e.options))
}

// startServing puts the engine together. Close it also after an error.
func startServing(j *job, c *wire.Config, push bool) (*engine, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	host.RelaxGC()
	e, err := newEngine(j, c)
	if err != nil {
		return nil, err
	}
	if err := e.listen(); err != nil {
		return e, err
	}
	if err := e.open(push, true); err != nil {
		return e, err
	}
	if err := e.warnWithoutSecret(); err != nil {
		return e, err
	}
	j.log.Info("ready", "addr", e.listener.Addr().String(), "version", version().Version)
	e.announceShutdown()
	return e, nil
}

// engine holds the parts of serve, worker and demo, put together in steps.
type engine struct {
	job       *job
	config    *wire.Config
	telemetry *wire.Telemetry
	parts     *wire.Parts
	options   host.Options
	closers   []func() error

	secret, previous  string // the app's
	capacity          float64
	listener, metrics net.Listener // metrics is nil where /metrics is on listener
}

func newEngine(j *job, c *wire.Config) (*engine, error) {
	e := &engine{job: j, config: c}
	var err error
	if e.secret, e.previous, err = c.AppSecrets(); err != nil {
		return nil, err
	}
	if e.capacity, err = capacityIn(c.Capacity); err != nil {
		return nil, err
	}
	e.options = host.Options{
		KeepBodies: c.KeepBodies, Retention: c.Retention(), Log: j.log, Now: j.now,
		Telemetry: host.NewTelemetry(), Hard: j.hard,
	}
	e.options.Registry.MustRegister(collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	telemetry, err := wire.OpenTelemetry(j.ctx, version().Version, j.log, j.now)
	e.telemetry = telemetry
	e.closers = append(e.closers, func() error { telemetry.Close(j.hard); return nil })
	return e, err
}

// close closes everything, the last first.
func (e *engine) close(err *error) {
	for i := len(e.closers) - 1; i >= 0; i-- {
		if e := e.closers[i](); *err == nil {
			*err = e
		}
	}
}

// listen comes before anything opens: a taken address must leave no database behind.
func (e *engine) listen() (err error) {
	if e.listener, err = e.listenAt("BELLHOP_ADDR", e.config.Addr); err != nil {
		return err
	}
	return e.listenMetrics()
}

func (e *engine) listenMetrics() (err error) {
	if e.config.MetricsAddr != "" {
		e.metrics, err = e.listenAt("BELLHOP_METRICS_ADDR", e.config.MetricsAddr)
	}
	return err
}

func (e *engine) listenAt(setting, addr string) (net.Listener, error) {
	l, err := host.Listen(setting, addr)
	if err == nil {
		e.closers = append(e.closers, func() error { l.Close(); return nil }) // its server has closed it already
	}
	return l, err
}

// open opens the drivers, the push drivers only if push. With needKey a missing key is an error.
func (e *engine) open(push, needKey bool) (err error) {
	o := wire.Options{Log: e.job.log, Now: e.job.now, Committed: commits(e.options.Registry), NeedKey: needKey}
	o.Requested, o.Rejected = requests(e.options.Registry)
	if err := e.openEvents(o); err != nil {
		return err
	}
	if e.parts, err = e.config.Open(e.job.ctx, o); err != nil {
		return err
	}
	e.closers = append(e.closers, e.parts.Close)
	e.options.Store, e.options.Queue, e.options.Loops = e.parts.Store, e.parts.Queue, e.parts.Loops
	e.options.Keys = pipeline.NewKeyring(e.parts.Store, e.secret, e.previous)
	e.options.Traces = e.telemetry.Traces(&e.config.Storage, e.parts.QueueName)
	if e.options.Connector, err = newConnector(e.job, &e.config.Shopify, &e.config.Storage, e.parts.Store); err != nil {
		return err
	}
	if e.options.Connector != nil {
		e.options.Connector.Metrics = connect.NewMetrics(e.options.Registry)
		e.options.Reconciler = newReconciler(e.options.Connector, e.parts)
		e.options.Reconciler.Metrics = reconcile.NewMetrics(e.options.Registry)
	}
	if push {
		if e.options.Sender, err = e.config.OpenPush(e.job.ctx, o); err != nil {
			return err
		}
		e.closers = append(e.closers, e.options.Sender.Close)
		e.options.Breakers = pipeline.NewBreakers(e.options.Sender, e.job.log, e.options.Metrics)
	}
	return nil
}

// openEvents opens the publisher of events to other services, if one is set.
func (e *engine) openEvents(o wire.Options) error {
	to, err := e.config.OpenEvents(e.job.ctx, o)
	if to == nil || err != nil {
		return err
	}
	e.closers = append(e.closers, to.Close)
	e.options.Events = host.Events{Publisher: to.Publisher, Composer: to.Composer}
	return nil
}

// commits registers the metrics of SQLite's commits.
func commits(r prometheus.Registerer) func(int, time.Duration) {
	f := promauto.With(r)
	jobs := f.NewHistogram(prometheus.HistogramOpts{Name: "bellhop_commit_jobs",
		Help: "Writes in one commit to the SQLite file.", Buckets: prometheus.ExponentialBuckets(1, 2, 10)})
	seconds := f.NewHistogram(prometheus.HistogramOpts{Name: "bellhop_commit_seconds",
		Help: "One commit to the SQLite file, with its fsync.", Buckets: prometheus.ExponentialBuckets(0.0002, 2, 16)})
	return func(n int, took time.Duration) {
		jobs.Observe(float64(n))
		seconds.Observe(took.Seconds())
	}
}

// requests registers the metrics of SQS's requests, which cost money, and of webhooks
// too large for it: alarm on the latter.
func requests(r prometheus.Registerer) (made func(operation string), rejected func()) {
	f := promauto.With(r)
	requests := f.NewCounterVec(prometheus.CounterOpts{Name: "bellhop_sqs_requests_total",
		Help: "Requests to SQS, by operation; SQS charges for each."}, []string{"operation"})
	tooLarge := f.NewCounter(prometheus.CounterOpts{Name: "bellhop_sqs_too_large_total",
		Help: "Webhooks answered 413, too large for a message; bucket=NAME in BELLHOP_QUEUE takes them."})
	return func(operation string) { requests.WithLabelValues(operation).Inc() }, tooLarge.Inc
}

// warnWithoutSecret warns that bellhop refuses all webhooks while no secret is set. It
// is no error: an operator may add shops later.
func (e *engine) warnWithoutSecret() error {
	if e.secret != "" {
		return nil
	}
	shops, err := e.parts.Store.Shops(e.job.ctx)
	if err != nil {
		return fmt.Errorf("read the shops: %w", err)
	}
	if slices.ContainsFunc(shops, func(s bellhop.Shop) bool { return s.Secret != "" }) {
		return nil
	}
	e.job.log.Warn("there is no secret to check signatures with: bellhop refuses every webhook",
		"fix", "set BELLHOP_SHOPIFY_SECRET, or run: bellhop shop add NAME.myshopify.com --secret-file FILE")
	return nil
}

// announceShutdown logs that draining began.
func (e *engine) announceShutdown() {
	logged := make(chan struct{})
	stop := context.AfterFunc(e.job.ctx, func() {
		defer close(logged)
		e.job.log.Info("draining: finishing work in progress; a second signal ends at once")
	})
	e.closers = append(e.closers, func() error {
		if !stop() {
			<-logged
		}
		return nil
	})
}
