package main

import (
	"time"

	"bellhop"
	"bellhop/queue"
	"bellhop/wire"
)

type deadCmd struct {
	Ls     deadLsCmd     `cmd:"" help:"List the dead letters, newest first."`
	Show   deadShowCmd   `cmd:"" help:"Show a dead letter."`
	Replay deadReplayCmd `cmd:"" help:"Put dead letters back into the queue."`
	Drop   deadDropCmd   `cmd:"" help:"Drop dead letters for good."`
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

type deadLsCmd struct {
	wire.Storage
	jsonFlag
	Limit int `name:"limit" default:"50" help:"How many to list."`
}

// Help implements kong.HelpProvider.
func (deadLsCmd) Help() string {
	return `Example:

  bellhop dead ls --limit 10`
}

// Run implements the command.
func (c *deadLsCmd) Run(j *job) error {
	if c.Limit < 1 {
		return bellhop.Invalidf("limit", "--limit is %d: give 1 or more", c.Limit)
	}
	return j.openQueue(&c.Storage, func(p *wire.Parts) error {
		dead, err := p.Queue.DeadLetters(j.ctx, queue.Cursor{}, c.Limit)
		if err != nil {
			return err
		}
		values := make([]deadRow, len(dead))
		rows := make([][]string, len(dead))
		for i, d := range dead {
			v := deadRowOf(d)
			values[i] = v
			rows[i] = []string{v.ID, when(v.DiedAt), v.Shop, v.Topic, plural(v.Attempts, "attempt"), v.Reason}
		}
		return j.table(c.jsonFlag, values, "There are no dead letters.", "EVENT\tDIED (UTC)\tSHOP\tTOPIC\tTRIED\tREASON",
			rows)
	})
}

type deadShowCmd struct {
	wire.Storage
	jsonFlag
	ID   string `arg:"" help:"The event's id, as bellhop dead ls shows it."`
	Body bool   `name:"body" help:"Show the body too. It holds the customer's data."`
}

// Help implements kong.HelpProvider.
func (deadShowCmd) Help() string {
	return `The body holds the customer's name, addresses and more, unmasked: the command shows it only with --body.

Example:

  bellhop dead show 01939f3c-5b1e-7a52-b4d0-6f1d2c3b4a59 --body`
}

// Run implements the command.
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
