package main

import (
	"strconv"
	"time"

	"bellhop/host"
	"bellhop/wire"
)

type eventsCmd struct {
	Depth  eventsDepthCmd  `cmd:"" help:"Count the events that wait to be published." example:"bellhop events depth --json"`
	Forget eventsForgetCmd `cmd:"" help:"Stop keeping events for other services." example:"bellhop events forget"`
}

type eventsDepthCmd struct {
	wire.Storage
	jsonFlag
}

func (eventsDepthCmd) Help() string {
	return `Counts the events in the database that bellhop has not yet published to BELLHOP_EVENTS. It works while
bellhop serve runs.`
}

type eventsDepth struct {
	Waiting int64   `json:"waiting"`
	Oldest  float64 `json:"oldest_seconds"`
}

func (c *eventsDepthCmd) Run(j *job) error {
	return j.open(&c.Storage, func(p *wire.Parts) error {
		n, age, err := host.Behind(j.ctx, p.Store, j.now())
		if err != nil {
			return err
		}
		return j.table(c.jsonFlag, eventsDepth{n, age.Seconds()}, "", "WAITING\tOLDEST",
			[][]string{{strconv.FormatInt(n, 10), age.Round(time.Second).String()}})
	})
}

type eventsForgetCmd struct{ wire.Storage }

func (eventsForgetCmd) Help() string {
	return `Use it after removing BELLHOP_EVENTS for good: bellhop forgets the events that it has not published. If you
set BELLHOP_EVENTS again, bellhop publishes what happens from then on.`
}

func (c *eventsForgetCmd) Run(j *job) error {
	return j.open(&c.Storage, func(p *wire.Parts) error {
		n, _, err := host.Behind(j.ctx, p.Store, j.now())
		if err != nil {
			return err
		}
		err = missing(p.Store.RemoveLease(j.ctx, host.RelayName), "no_relay",
			"bellhop keeps no events for other services: bellhop serve never ran with BELLHOP_EVENTS")
		return j.said(err, "Forgot %s that waited for other services.", plural(int(n), "event"))
	})
}
