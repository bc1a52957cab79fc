package main

import (
	"os/user"
	"slices"
	"strconv"
	"strings"

	"bellhop"
	"bellhop/pipeline"
	"bellhop/queue"
	"bellhop/wire"
)

// chosenDead are the dead letters that a command works on.
type chosenDead struct {
	ID  []string `arg:"" optional:"" help:"The events' ids, as bellhop dead ls shows them."`
	All bool     `name:"all" help:"All dead letters."`
}

func (c *chosenDead) ids() ([]bellhop.EventID, error) {
	if c.All == (len(c.ID) > 0) {
		return nil, bellhop.Invalidf("usage", "give the ids of dead letters, or --all")
	}
	ids := make([]bellhop.EventID, len(c.ID))
	for i, s := range c.ID {
		var err error
		if ids[i], err = bellhop.ParseEventID(s); err != nil {
			return nil, err
		}
	}
	return ids, nil
}

type deadReplayCmd struct {
	wire.Storage
	jsonFlag
	chosenDead
	DryRun bool `name:"dry-run" help:"Only show the outcome that each would have."`
}

func (deadReplayCmd) Help() string {
	return `Their attempts start again at zero. An event that fails again becomes a dead letter again.`
}

func (c *deadReplayCmd) Run(j *job) error {
	ids, err := c.ids()
	if err != nil {
		return err
	}
	if c.DryRun {
		return j.open(&c.Storage, func(p *wire.Parts) error { return c.foresee(j, p, ids) })
	}
	return j.openQueue(&c.Storage, func(p *wire.Parts) error {
		n, err := p.Queue.Redrive(j.ctx, ids...)
		if err != nil {
			return err
		}
		return j.answer(c.jsonFlag, map[string]int{"replayed": n}, "Put %s back into the queue.", plural(n, "event"))
	})
}

type foreseenRow struct {
	ID      string `json:"id"`
	Shop    string `json:"shop"`
	Topic   string `json:"topic"`
	Outcome string `json:"outcome"`
	Reason  string `json:"reason"`
	OrderID string `json:"order_id"` // "" when it is about none
}

func (c *deadReplayCmd) foresee(j *job, p *wire.Parts, ids []bellhop.EventID) error {
	dead, err := pipeline.DeadLetters(j.ctx, p.Queue, ids...)
	if c.All && len(dead) > 0 { // once more, with their bodies
		for _, d := range dead {
			ids = append(ids, d.Event.ID)
		}
		dead, err = pipeline.DeadLetters(j.ctx, p.Queue, ids...)
	}
	if err != nil {
		return err
	}
	shops, err := p.Store.Shops(j.ctx)
	if err != nil {
		return err
	}
	const head = "EVENT\tSHOP\tTOPIC\tWOULD BE\tORDER\tREASON"
	return list(j, c.jsonFlag, noDead, head, dead, func(d queue.DeadEvent) (foreseenRow, []string) {
		outcome, reason, order := pipeline.Foresee(d.Event, shops)
		v := foreseenRow{ID: d.Event.ID.String(), Shop: d.Event.Shop, Topic: d.Event.Topic, Outcome: string(outcome),
			Reason: reason}
		if order != 0 {
			v.OrderID = strconv.FormatInt(order, 10)
		}
		return v, []string{v.ID, v.Shop, v.Topic, v.Outcome, orDash(v.OrderID), orDash(v.Reason)}
	})
}

type deadDropCmd struct {
	wire.Storage
	jsonFlag
	chosenDead
	Reason string `name:"reason" placeholder:"TEXT" help:"With --all, only dead letters whose reason contains this."`
	DryRun bool   `name:"dry-run" help:"Only list them."`
}

func (deadDropCmd) Help() string {
	return `Nobody can replay them afterwards, and bellhop deletes their bodies. Their lines in the ledger stay and say
who dropped them, and when.`
}

func (c *deadDropCmd) Run(j *job) error {
	ids, err := c.ids()
	if err != nil {
		return err
	}
	if c.Reason != "" && !c.All {
		return bellhop.Invalidf("usage", "--reason goes with --all")
	}
	return j.open(&c.Storage, func(p *wire.Parts) error {
		dead, err := pipeline.DeadLetters(j.ctx, p.Queue, ids...)
		if err != nil {
			return err
		}
		dead = slices.DeleteFunc(dead, func(d queue.DeadEvent) bool { return !strings.Contains(d.Reason, c.Reason) })
		if !c.DryRun {
			if err := pipeline.DropDead(j.ctx, p.Queue, p.Store, operatingUser(), j.now(), dead); err != nil {
				return err
			}
		}
		return c.report(j, dead)
	})
}

func (c *deadDropCmd) report(j *job, dead []queue.DeadEvent) error {
	if c.JSON || c.DryRun {
		const none, head = "There are no such dead letters.", "WOULD BE DROPPED\tSHOP\tTOPIC\tREASON"
		return list(j, c.jsonFlag, none, head, dead, func(d queue.DeadEvent) (deadRow, []string) {
			v := deadRowOf(d)
			return v, []string{v.ID, v.Shop, v.Topic, v.Reason}
		})
	}
	return j.said(nil, "Dropped %s.", plural(len(dead), "dead letter"))
}

// operatingUser is the name that a command records its actions under.
func operatingUser() string {
	if u, err := user.Current(); err == nil && u.Username != "" {
		return u.Username + " (bellhop)"
	}
	return "bellhop"
}
