package main

import (
	"time"

	"bellhop"
	"bellhop/queue"
	"bellhop/wire"
)

type deadCmd struct {
	Ls     deadLsCmd     `cmd:"" help:"List the dead letters, newest first." example:"bellhop dead ls --limit 10"`
	Show   deadShowCmd   `cmd:"" help:"Show a dead letter." example:"bellhop dead show 01939f3c-5b1e-7a52-b4d0-6f1d2c3b4a59 --body"`
	Replay deadReplayCmd `cmd:"" help:"Put dead letters back into the queue." example:"bellhop dead replay --all --dry-run"`
	Drop   deadDropCmd   `cmd:"" help:"Drop dead letters for good." example:"bellhop dead drop --all --reason 'not JSON' --dry-run"`
}

type deadRow struct {
	ID         string    `json:"id"`
	Shop       string    `json:"shop"`
	Topic      string    `json:"topic"`
	WebhookID  string    `json:"webhook_id"`
	Attempts   int       `json:"attempts"`
	Reason     string    `json:"reason"`
	AcceptedAt time.Time `json:"accepted_at"`
	DiedAt     time.Time `json:"died_at"`
	Bytes      int       `json:"bytes,omitempty"`
	Body       *string   `json:"body,omitempty"`
}

func deadRowOf(d queue.DeadEvent) deadRow {
	return deadRow{ID: d.Event.ID.String(), Shop: d.Event.Shop, Topic: d.Event.Topic, WebhookID: d.Event.WebhookID,
		Attempts: d.Attempts, Reason: d.Reason, AcceptedAt: d.Event.AcceptedAt, DiedAt: d.DiedAt}
}

const noDead = "There are no dead letters."

type deadLsCmd struct {
	wire.Storage
	jsonFlag
	limitFlag
}

func (c *deadLsCmd) Run(j *job) error {
	if err := c.check(); err != nil {
		return err
	}
	return j.openQueue(&c.Storage, func(p *wire.Parts) error {
		dead, err := p.Queue.DeadLetters(j.ctx, queue.Cursor{}, c.Limit)
		if err != nil {
			return err
		}
		const head = "EVENT\tDIED (UTC)\tSHOP\tTOPIC\tTRIED\tREASON"
		return list(j, c.jsonFlag, noDead, head, dead, func(d queue.DeadEvent) (deadRow, []string) {
			v := deadRowOf(d)
			return v, []string{v.ID, when(v.DiedAt), v.Shop, v.Topic, plural(v.Attempts, "attempt"), v.Reason}
		})
	})
}

type deadShowCmd struct {
	wire.Storage
	jsonFlag
	ID   string `arg:"" help:"The event's id, as bellhop dead ls shows it."`
	Body bool   `name:"body" help:"Show the body too. It holds the customer's data."`
}

func (deadShowCmd) Help() string {
	return `The body holds the customer's name, addresses and more, unmasked: the command shows it only with --body.`
}

func (c *deadShowCmd) Run(j *job) error {
	id, err := bellhop.ParseEventID(c.ID)
	if err != nil {
		return err
	}
	return j.openQueue(&c.Storage, func(p *wire.Parts) error {
		d, err := p.Queue.DeadLetter(j.ctx, id)
		if err != nil {
			return err
		}
		v := deadRowOf(d)
		v.Bytes = len(d.Event.Body)
		if body := string(d.Event.Body); c.Body {
			v.Body = &body
		}
		if c.JSON {
			return j.json(v)
		}
		j.say("event     %s\nshop      %s\ntopic     %s\nwebhook   %s\naccepted  %s\ndied      %s\ntried     "+
			"%s\nreason    %s",
			v.ID, v.Shop, v.Topic, v.WebhookID, when(v.AcceptedAt), when(v.DiedAt), plural(v.Attempts, "time"),
			v.Reason)
		if c.Body {
			j.say("\n%s", *v.Body)
		} else {
			j.say("body      %s, holding customer data: --body shows it", plural(v.Bytes, "byte"))
		}
		return nil
	})
}
