package main

import (
	"errors"
	"io"
	"strings"

	"bellhop"
	"bellhop/bench"
	"bellhop/internal/results"
)

type runCmd struct {
	bench.Options
	Save  string `name:"json" placeholder:"FILE" help:"Write the results as JSON; - is the standard output, without the table."`
	Check bool   `name:"check" help:"Fail if a figure misses its target."`
}

// Help implements kong.HelpProvider.
func (runCmd) Help() string {
	return `Starts bellhop as users do, in fresh folders, and loads it over loopback. In turn it loads a bare net/http
handler that reads the body, checks the signature and answers 200. It shows medians over the rounds, the least and the
most, and the targets. It takes about five minutes; end other work first.

With Postgres, RabbitMQ and a stand-in for SQS on this machine (make bench starts them) it also measures recording and
sending there, how fast functions start, and what AWS would bill. That takes about as long again.

Example:

  bellhop-bench --rounds 5 --json results.json`
}

// Run implements the command.
func (c *runCmd) Run(j *job) error {
	c.Progress = j.progress
	var err error
	if c.Binary, err = program(c.Binary); err != nil {
		return err
	}
	measured, err := bench.Run(j.ctx, c.Options)
	if measured == nil {
		return err
	}
	return errors.Join(c.show(j, measured), interrupted(err, "above"), c.verdict(measured))
}

func (c *runCmd) show(j *job, r *bench.Results) error {
	if c.Save == "-" {
		return results.WriteJSON(j.out, r)
	}
	if err := r.WriteTable(j.out); err != nil || c.Save == "" {
		return err
	}
	return writeFile(c.Save, "results", func(w io.Writer) error { return results.WriteJSON(w, r) })
}

func (c *runCmd) verdict(r *bench.Results) error {
	if missed := r.Missed(); c.Check && len(missed) > 0 {
		return bellhop.Errorf(bellhop.Internal, "missed", "missed: %s", strings.Join(missed, "; "))
	}
	return nil
}

type bareCmd struct {
	Addr     string `name:"addr" default:"127.0.0.1:8081" help:"Where to listen."`
	Secret   string `name:"secret" env:"BELLHOP_SHOPIFY_SECRET" required:"" help:"The secret that signs webhooks."`
	RabbitMQ string `name:"rabbitmq" env:"BENCH_RABBITMQ" placeholder:"URL" help:"Where to publish bodies, with --queue."`
	Queue    string `name:"queue" help:"A queue of RabbitMQ: each body goes there before the answer."`
}

// Run implements the command.
func (c *bareCmd) Run(j *job) error {
	if c.Queue == "" {
		return bench.Bare(j.ctx, c.Addr, c.Secret, nil)
	}
	p, err := bench.DialBare(c.RabbitMQ, c.Queue)
	if err != nil {
		return err
	}
	defer p.Close()
	return bench.Bare(j.ctx, c.Addr, c.Secret, p.Publish)
}
