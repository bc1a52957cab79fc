package main

import (
	"strconv"
	"time"

	"bellhop"
	"bellhop/pipeline"
	"bellhop/wire"
)

type pushCmd struct {
	Resend pushResendCmd `cmd:"" help:"Send failed pushes again." example:"bellhop push resend --since 12h --dry-run"`
}

type pushResendCmd struct {
	wire.Storage
	jsonFlag
	Shop   string `name:"shop" placeholder:"DOMAIN" help:"Only this shop's pushes."`
	Status string `name:"status" placeholder:"STATUS" help:"Pushes that are failed, unknown or skipped, instead of those that failed because of bellhop or the push service."`
	Reason string `name:"reason" placeholder:"REASON" help:"Only pushes with this reason, such as not_allowed."`
	Since  string `name:"since" default:"3d" placeholder:"TIME" help:"The earliest time: 2026-11-22, 2026-11-22T09:00:00Z, or how long ago, such as 12h."`
	Stale  bool   `name:"stale" help:"Also pushes whose order is older than a day."`
	DryRun bool   `name:"dry-run" help:"Only list them."`
}

func (pushResendCmd) Help() string {
	return `Sends the pushes again that failed because the push service was down or rejected bellhop's credentials.
With --status or --reason it takes other pushes that were not sent. In the column STAYS, stale means that the order is
older than a day, and device that the device is gone or no longer in use. Each push's attempts start again at zero. It
works while bellhop serve runs.`
}

type lostRow struct {
	ID        string    `json:"id"`
	Shop      string    `json:"shop"`
	OrderID   string    `json:"order_id"`
	Order     string    `json:"order"`
	Device    string    `json:"device"`
	Kind      string    `json:"kind"`
	Status    string    `json:"status"`
	Reason    string    `json:"reason"`
	CreatedAt time.Time `json:"created_at"`
	Stays     string    `json:"stays"` // "" if bellhop sends it again
}

func (c *pushResendCmd) Run(j *job) error {
	since, err := parseSince(c.Since, j.now())
	if err != nil {
		return err
	}
	if c.Status != "" {
		if _, err := bellhop.ParsePushStatus(c.Status); err != nil {
			return err
		}
	}
	return j.open(&c.Storage, func(p *wire.Parts) error {
		shops, err := chosenShops(j, p, c.Shop)
		if err != nil {
			return err
		}
		var all []pipeline.LostPush
		sent := 0
		for _, shop := range shops {
			lost := pipeline.Lost{Shop: shop, Status: bellhop.PushStatus(c.Status), Reason: c.Reason, Since: since,
				Stale: c.Stale}
			found, err := lost.Find(j.ctx, p.Store, j.now())
			if err != nil {
				return err
			}
			all = append(all, found...)
			if c.DryRun {
				continue
			}
			n, err := lost.Resend(j.ctx, p.Store, found, j.now())
			if sent += n; err != nil {
				return err
			}
		}
		return c.say(j, all, sent)
	})
}

func lostRowOf(l pipeline.LostPush) (lostRow, []string) {
	v := lostRow{strconv.FormatInt(l.ID, 10), l.Shop, strconv.FormatInt(l.OrderID, 10), l.OrderName, l.Installation,
		string(l.Kind), string(l.Status), l.Reason, l.CreatedAt, l.Stays}
	return v, []string{v.ID, when(v.CreatedAt), v.Shop, v.Order, orDash(v.Device), v.Status, orDash(v.Reason),
		orDash(v.Stays)}
}

func (c *pushResendCmd) say(j *job, all []pipeline.LostPush, sent int) error {
	if c.DryRun {
		const head = "PUSH\tOF (UTC)\tSHOP\tORDER\tDEVICE\tSTATUS\tREASON\tSTAYS"
		return list(j, c.jsonFlag, "There are no such pushes.", head, all, lostRowOf)
	}
	stale := 0
	for _, l := range all {
		if l.Stays == pipeline.LostStale {
			stale++
		}
	}
	if c.JSON {
		return j.json(map[string]int{"resent": sent, "stale": stale, "stay": len(all) - sent})
	}
	j.say("Sent %s again.", plural(sent, "push"))
	if stale > 0 {
		j.say("Left out %s whose orders are older than a day: --stale sends them, too.", plural(stale, "push"))
	}
	return nil
}
