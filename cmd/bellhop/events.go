package main

import (
	"strconv"
	"time"

	"bellhop"
	"bellhop/host"
	"bellhop/wire"
)

type eventsCmd struct {
	Depth  eventsDepthCmd  `cmd:"" help:"Show how much waits to be told."`
	Forget eventsForgetCmd `cmd:"" help:"Keep nothing for other services any longer."`
}

type eventsDepthCmd struct {
	wire.Storage
	asked
}

// Help implements kong.HelpProvider.
func (eventsDepthCmd) Help() string {
	return `Counts the events that are in the database and not yet where BELLHOP_EVENTS has them published. It can be asked while bellhop serve runs.

Example:

  bellhop events depth --json`
}

type eventsDepth struct {
	Waiting int64   `json:"waiting"`
	Oldest  float64 `json:"oldest_seconds"`
}

// Run implements the command.
func (c *eventsDepthCmd) Run(j *job) error {
	return j.open(&c.Storage, func(p *wire.Parts) error {
		n, age, err := host.Behind(j.ctx, p.Store, j.now())
		if err != nil {
			return err
		}
		return j.table(c.asked, eventsDepth{n, age.Seconds()}, "", "WAITING\tOLDEST",
			[][]string{{strconv.FormatInt(n, 10), age.Round(time.Second).String()}})
	})
}

type eventsForgetCmd struct {
	wire.Storage
}

// Help implements kong.HelpProvider.
func (eventsForgetCmd) Help() string {
	return `For when BELLHOP_EVENTS is taken away for good: what was not published is kept no longer. If it is set again, what happens from then on is published.

Example:

  bellhop events forget`
}

// Run implements the command.
func (c *eventsForgetCmd) Run(j *job) error {
	return j.open(&c.Storage, func(p *wire.Parts) error {
		n, _, err := host.Behind(j.ctx, p.Store, j.now())
		if err != nil {
			return err
		}
		err = p.Store.RemoveRelay(j.ctx, host.RelayName)
		if bellhop.KindOf(err) == bellhop.NotFound {
			return bellhop.Errorf(bellhop.NotFound, "no_relay", "nothing is kept for other services: BELLHOP_EVENTS was never set where bellhop served")
		}
		if err == nil {
			j.say("Forgot %s that waited for other services.", plural(int(n), "event"))
		}
		return err
	})
}
