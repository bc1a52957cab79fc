package main

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"bellhop/bench"
	"bellhop/host"
	"bellhop/pipeline"
	"bellhop/queue"
	"bellhop/web"
	"bellhop/web/site"
	"bellhop/web/webhook"
	"bellhop/wire"
)

type inlineCmd struct {
	wire.Config
	Pool    int `name:"pool" default:"10" help:"How many requests to handle at once."`
	Waiting int `name:"waiting" default:"100" help:"How many more may wait."`

	Background bool `name:"background" help:"Answer webhooks at once, and record and push afterwards."`
}

// Help implements kong.HelpProvider.
func (inlineCmd) Help() string {
	return `bellhop-bench compare compares a queue with this. The settings are those of bellhop serve, without
BELLHOP_QUEUE.

Example:

  BELLHOP_SHOPIFY_SECRET=shpss_... bellhop-bench inline --pool 10`
}

// Run implements the command.
func (c *inlineCmd) Run(j *job) (err error) {
	if err := c.Check(); err != nil {
		return err
	}
	host.RelaxGC()
	o := host.Options{KeepBodies: c.KeepBodies, Log: slog.New(slog.NewJSONHandler(j.err, nil)), Now: time.Now,
		Telemetry: host.NewTelemetry()}
	listener, err := host.Listen("BELLHOP_ADDR", c.Addr)
	if err != nil {
		return err
	}
	wo := wire.Options{Log: o.Log, Now: o.Now}
	parts, err := c.Open(j.ctx, wo)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, parts.Close()) }()
	o.Store, o.Queue = parts.Store, parts.Queue
	if o.Sender, err = c.OpenPush(j.ctx, wo); err != nil {
		return err
	}
	defer o.Sender.Close()
	o.Breakers = pipeline.NewBreakers(o.Sender, o.Log, o.Metrics)
	pool := bench.NewPool(bench.InlineOptions{Pool: c.Pool, Waiting: c.Waiting, Past: c.past})
	inline := &bench.Inline{Recorder: o.Recorder(), Notifier: o.Notifier()}
	var to queue.Producer = inline
	if c.Background {
		background := bench.NewBackground(o.Queue, inline, pool, o.Log)
		defer background.Wait()
		o.Queue, to = background, background
	}
	site, err := c.site(j.ctx, &o, to, parts.Healthy)
	if err != nil {
		return err
	}
	defer site.Close()
	o.Servers = []host.Server{{Listener: listener, HTTP: web.HTTPServer(c.Addr, pool.Bound(site.Handler()), o.Log)}}
	if c.MetricsAddr != "" {
		l, err := host.Listen("BELLHOP_METRICS_ADDR", c.MetricsAddr)
		if err != nil {
			return err
		}
		metrics := promhttp.HandlerFor(o.Registry, promhttp.HandlerOpts{})
		o.Servers = append(o.Servers, host.Server{Listener: l,
			HTTP: web.HTTPServer(c.MetricsAddr, web.Probes(nil, metrics, o.Log, o.Now), o.Log)})
	}
	return host.Run(j.ctx, o)
}

// past lets requests past the pool that hold no place in it; a webhook's order takes one later
// when it is worked on in the background.
func (c *inlineCmd) past(path string) bool {
	return web.IsEndless(path) || c.Background && path == webhook.Path
}

// site hands webhooks to a producer before it answers.
func (c *inlineCmd) site(ctx context.Context, o *host.Options, to queue.Producer,
	healthy func() error) (*site.Server, error) {
	secret, previous, err := c.AppSecrets()
	if err != nil {
		return nil, err
	}
	keys := pipeline.NewKeyring(o.Store, secret, previous)
	if err := keys.Refresh(ctx); err != nil {
		return nil, err
	}
	refusals := pipeline.NewRefusals(keys, o.Log, o.Now)
	o.Webhooks = &host.Webhooks{Keys: keys, Refusals: refusals}
	acceptor := &pipeline.Acceptor{Keys: keys, Queue: to, Now: o.Now, Metrics: o.Metrics}
	needs := web.Needs{Healthy: healthy, Store: o.Store, Queue: o.Queue, Breakers: o.Breakers}
	return site.New(site.Options{Store: o.Store, Queue: o.Queue, Acceptor: acceptor, Logger: o.Log, Registerer: o.Registry,
		Now:      o.Now,
		Webhooks: webhook.Options{Refusals: refusals, InFlight: c.Pool}, Version: "inline", Checks: needs.Accepting()})
}

type plainCmd struct{ bench.PlainOptions }

// Run implements the command.
func (c *plainCmd) Run(j *job) error { return bench.Plain(j.ctx, c.PlainOptions) }
