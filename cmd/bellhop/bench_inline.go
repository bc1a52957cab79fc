package main

import (
	"bellhop/bench"
	"bellhop/host"
	"bellhop/web"
	"bellhop/wire"
)

type benchInlineCmd struct {
	wire.Config
	Pool    int `name:"pool" default:"10" help:"How many requests are worked at at once (${default})."`
	Waiting int `name:"waiting" default:"100" help:"How many more may wait in line (${default})."`
}

// Help implements kong.HelpProvider.
func (benchInlineCmd) Help() string {
	return `What bellhop bench compare compares a queue with. The settings are those of bellhop serve; BELLHOP_QUEUE is not used.

Example:

  BELLHOP_SHOPIFY_SECRET=shpss_... bellhop bench inline --pool 10`
}

// Run implements the command.
func (c *benchInlineCmd) Run(j *job) (err error) {
	e, err := startServing(j, &c.Config, true)
	if e != nil {
		defer e.close(&err)
	}
	if err != nil {
		return err
	}
	site, err := e.site(&host.Inline{Recorder: e.options.Recorder(), Notifier: e.options.Notifier()}, c.Pool)
	if err != nil {
		return j.unlessEnded(err)
	}
	pool := host.NewPool(host.InlineOptions{Pool: c.Pool, Waiting: c.Waiting, Past: web.IsEndless}, site.Handler())
	e.serve(e.listener, pool, site.Close)
	return j.unlessEnded(host.Run(j.ctx, e.options))
}

type benchPlainCmd struct {
	Addr   string `name:"addr" env:"BELLHOP_ADDR" default:"127.0.0.1:8081" help:"Where to listen (${default})."`
	Secret string `name:"secret" env:"BELLHOP_SHOPIFY_SECRET" required:"" help:"What webhooks are signed with."`
	DB     string `name:"db" env:"BELLHOP_DB" default:"sqlite:" help:"The database, in which it makes tables of its own."`
	Dir    string `name:"dir" env:"BELLHOP_DIR" default:"." help:"The folder of sqlite: files."`
	Push   string `name:"push" env:"BELLHOP_PUSH" required:"" help:"fcm:FILE?endpoint=URL"`
	Pool   int    `name:"pool" default:"10" help:"How many connections there are (${default})."`
}

// Run implements the command.
func (c *benchPlainCmd) Run(j *job) error {
	return bench.Plain(j.ctx, bench.PlainOptions{Addr: c.Addr, Secret: c.Secret, DB: c.DB, Dir: c.Dir, Push: c.Push, Pool: c.Pool})
}
