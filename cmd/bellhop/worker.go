package main

import (
	"strings"

	"bellhop"
	"bellhop/host"
	"bellhop/queue"
	"bellhop/wire"
)

type workerCmd struct {
	wire.Working
	Steps string `name:"steps" default:"record,notify" help:"The steps to run: record, notify, or both."`
}

func (workerCmd) Help() string {
	return `Any number of workers can share one queue; each runs both steps or one. A record worker wakes the notify
workers through a queue of their own, NAME-notify, on the broker of BELLHOP_QUEUE. A worker can have the environment of
bellhop serve: it ignores settings for webhooks and the API. With the app's settings it also looks after the shops'
connections to Shopify and compares their orders with Shopify; one process at a time works on a shop. Signals work as
with bellhop serve, whose --help explains the URLs.`
}

func (c *workerCmd) Run(j *job) (err error) {
	record, notify, err := parseSteps(c.Steps)
	if err != nil {
		return err
	}
	if err := c.Check(); err != nil {
		return err
	}
	host.RelaxGC()
	e, err := newEngine(j, &wire.Config{Working: c.Working})
	if err != nil {
		return err
	}
	defer e.close(&err)
	if err := e.listenMetrics(); err != nil {
		return err
	}
	if err := e.open(notify, c.ShopifyClientID != ""); err != nil {
		return err
	}
	e.options.Record, e.options.Notify, e.options.Keep = record, notify, true
	if record != notify {
		if e.options.NotifyQueue, err = e.parts.OpenNotify(j.ctx); err != nil {
			return err
		}
	}
	if e.metrics != nil {
		var from queue.Admin
		if record {
			from = e.options.Queue
		}
		e.serveProbes(e.needs(from).Working())
	}
	j.log.Info("ready", "steps", c.Steps, "version", version().Version)
	e.announceShutdown()
	return j.unlessEnded(host.Run(j.ctx, e.options))
}

func parseSteps(s string) (record, notify bool, err error) {
	for _, step := range strings.Split(s, ",") {
		switch strings.TrimSpace(step) {
		case "record":
			record = true
		case "notify":
			notify = true
		default:
			return false, false, bellhop.Invalidf("steps", "--steps: there is no step %q; give record, notify or record,notify",
				step)
		}
	}
	return record, notify, nil
}
