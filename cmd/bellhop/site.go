package main

import (
	"net"
	"net/http"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"bellhop/host"
	"bellhop/pipeline"
	"bellhop/queue"
	"bellhop/web"
	"bellhop/web/site"
	"bellhop/web/webhook"
	"bellhop/wire"
)

// site builds the webhook endpoint, which takes inFlight at once into a queue, the API
// and the console. It also serves the metrics' own listener, if they have one.
func (e *engine) site(to queue.Producer, inFlight int) (*site.Server, error) {
	o, c := &e.options, e.config
	keys := o.Keys
	if err := keys.Refresh(e.job.ctx); err != nil {
		return nil, err
	}
	refusals := pipeline.NewRefusals(keys, o.Log, o.Now)
	o.Webhooks = &host.Webhooks{Keys: keys, Refusals: refusals, Capacity: e.capacity}
	most, err := c.BodyLimit()
	if err != nil {
		return nil, err
	}
	acceptor := &pipeline.Acceptor{Keys: keys, Queue: to, Now: o.Now, Metrics: o.Metrics, Traces: o.Traces, MaxBody: most,
		Oversized: pipeline.NewOversized(o.Store, o.Log, o.Now)}
	wo := site.Options{
		Store: o.Store, Queue: o.Queue, Acceptor: acceptor, Connector: o.Connector,
		Logger: o.Log, Registerer: o.Registry, Now: o.Now,
		Webhooks: webhook.Options{Refusals: refusals, InFlight: inFlight, MaxBody: most, TooLarge: acceptor.TooLarge},
		Version:  version().Version, Checks: e.needs(o.Queue).Accepting(), MaxDevices: c.MaxDevices,
	}
	if wo.URL, err = c.BaseURL(); err != nil {
		return nil, err
	}
	if wo.TrustedProxies, err = c.Proxies(); err != nil {
		return nil, err
	}
	if wo.AllowedOrigins, err = c.Origins(); err != nil {
		return nil, err
	}
	if wo.WebPushKey, err = c.WebPushKey(); err != nil {
		return nil, err
	}
	if v, err := c.Identity(wire.Options{Now: o.Now}); err != nil {
		return nil, err
	} else if v != nil {
		wo.Identity = v
		wo.Checks = append(wo.Checks, web.Check{Name: "identity", Func: v.Ready, Optional: true})
	}
	if wo.Mail, err = c.OpenMail(wire.Options{Now: o.Now}); err != nil {
		return nil, err
	}
	if o.Traces != nil {
		wo.Tracer = o.Traces.Tracer
	}
	if e.metrics == nil {
		wo.Metrics = web.Metrics(o.Registry, o.Log, o.Now)
	} else {
		e.serveProbes(wo.Checks)
	}
	site, err := site.New(wo)
	if err == nil {
		e.closers = append(e.closers, func() error { site.Close(); return nil })
	}
	return site, err
}

// needs are the parts that /readyz checks; from is the worker's queue.
func (e *engine) needs(from queue.Admin) web.Needs {
	n := web.Needs{Healthy: e.parts.Healthy, Store: e.options.Store, Queue: from, Breakers: e.options.Breakers}
	if e.options.NotifyQueue != nil {
		n.NotifyQueue = e.options.NotifyQueue
	}
	return n
}

// serveProbes gathers the metrics at each request: no stranger reaches this listener.
func (e *engine) serveProbes(checks []web.Check) {
	metrics := promhttp.HandlerFor(e.options.Registry, promhttp.HandlerOpts{})
	e.serve(e.metrics, web.Probes(checks, metrics, e.job.log, e.job.now))
}

// serve makes the host serve on a listener, and call ending at its shutdown.
func (e *engine) serve(l net.Listener, h http.Handler, ending ...func()) {
	server := web.HTTPServer(l.Addr().String(), h, e.job.log)
	for _, f := range ending {
		server.RegisterOnShutdown(f)
	}
	e.options.Servers = append(e.options.Servers, host.Server{Listener: l, HTTP: server})
}
