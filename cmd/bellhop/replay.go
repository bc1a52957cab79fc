package main

import (
	"bellhop"
	"bellhop/pipeline"
	"bellhop/wire"
)

type replayCmd struct {
	wire.Storage
	Shop  string `name:"shop" required:"" placeholder:"DOMAIN" help:"The events' shop."`
	Since string `name:"since" required:"" placeholder:"TIME" help:"The earliest time: 2026-11-22, 2026-11-22T09:00:00Z, or how long ago, such as 12h or 30d."`

	ShopifySecret string `name:"shopify-secret" env:"BELLHOP_SHOPIFY_SECRET" help:"The app's client secret, for events of a server of your own that nobody has checked yet."`
}

func (replayCmd) Help() string {
	return `Takes the events whose bodies bellhop still keeps. Recorded orders stay as they are, bellhop pushes nothing
twice, and it now records the events that it skipped before. It works while bellhop serve runs.`
}

func (c *replayCmd) Run(j *job) error {
	shop, err := bellhop.ParseShopDomain(c.Shop)
	if err != nil {
		return err
	}
	since, err := parseSince(c.Since, j.now())
	if err != nil {
		return err
	}
	current, previous, err := (&wire.Shopify{ShopifySecret: c.ShopifySecret}).AppSecrets()
	if err != nil {
		return err
	}
	return j.open(&c.Storage, func(p *wire.Parts) error {
		if err := shopIsThere(j, p, shop); err != nil {
			return err
		}
		r := &pipeline.Recorder{Store: p.Store, Now: j.now, Log: j.log,
			Keys: pipeline.NewKeyring(p.Store, current, previous).Keep(j.now)}
		events, bad, err := r.Replay(j.ctx, shop, since)
		if err != nil {
			return err
		}
		j.say("Recorded %s of %s again.", plural(events, "event"), shop)
		if bad > 0 {
			j.say("%d of them can't be understood, or are not signed by Shopify.", bad)
		}
		return nil
	})
}

// shopIsThere keeps a misspelt shop from looking like one without events.
func shopIsThere(j *job, p *wire.Parts, domain string) error {
	_, err := p.Store.Shop(j.ctx, domain)
	return missing(err, "shop", "there is no shop %s: see bellhop shop ls", domain)
}

// chosenShops is the one shop that is named, or all.
func chosenShops(j *job, p *wire.Parts, named string) (domains []string, err error) {
	if named != "" {
		shop, err := bellhop.ParseShopDomain(named)
		if err != nil {
			return nil, err
		}
		return []string{shop}, shopIsThere(j, p, shop)
	}
	all, err := p.Store.Shops(j.ctx)
	for _, s := range all {
		domains = append(domains, s.Domain)
	}
	return domains, err
}
