package main

import (
	"fmt"

	"bellhop"
	"bellhop/pipeline"
	"bellhop/wire"
)

type ordersRefillCmd struct {
	wire.Storage
	Shop  string `name:"shop" placeholder:"DOMAIN" help:"Only this shop's orders."`
	After string `name:"after" placeholder:"EVENT" help:"Go on behind this event of the shop, where an earlier run ended."`
}

func (ordersRefillCmd) Help() string {
	return `Adds to orders what an older bellhop did not keep of them: addresses, taxes, parcels and so on. It reads the bodies
that bellhop still has; an order without one stays as it is. It pushes nothing, and the ledger and the stream of events
stay as they are. It works while bellhop serve runs. Run it again at any time.`
}

func (c *ordersRefillCmd) Run(j *job) error {
	after := bellhop.EventID{}
	if c.After != "" {
		var err error
		if after, err = bellhop.ParseEventID(c.After); err != nil {
			return err
		}
		if c.Shop == "" {
			return bellhop.Invalidf("after", "--after is about the events of one shop: give --shop, too")
		}
	}
	return j.open(&c.Storage, func(p *wire.Parts) error {
		shops, err := chosenShops(j, p, c.Shop)
		if err != nil {
			return err
		}
		for _, shop := range shops {
			if err := c.refill(j, p, shop, after); err != nil {
				return err
			}
		}
		return c.catchUp(j, p)
	})
}

func (c *ordersRefillCmd) refill(j *job, p *wire.Parts, shop string, after bellhop.EventID) error {
	r := &pipeline.Recorder{Store: p.Store, Now: j.now, Log: j.log}
	far := j.progress()
	defer far.end()
	last := after
	done, err := r.Refill(j.ctx, shop, after, func(d pipeline.Refilled) {
		last = d.Last
		line := fmt.Sprintf("%s: %d events read, %s", shop, d.Events, far.rate(int64(d.Events), "events"))
		far.show(line, line, false)
	})
	if err != nil {
		if last != after {
			j.say("Go on with: bellhop orders refill --shop %s --after %s", shop, last)
		}
		return err
	}
	j.say("%s: read %s, wrote %s.", shop, plural(done.Events, "event"), plural(done.Orders, "order"))
	return nil
}

// catchUp brings the orders that had no body into the search index.
func (c *ordersRefillCmd) catchUp(j *job, p *wire.Parts) error {
	total := 0
	for n := 1; n > 0; total += n {
		var err error
		if n, err = p.Store.CatchUp(j.ctx, 200); err != nil {
			return err
		}
	}
	if total > 0 {
		j.say("Brought %s into the search index.", plural(total, "older order"))
	}
	return nil
}
