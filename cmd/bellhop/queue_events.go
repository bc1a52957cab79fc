package main

import (
	"context"
	"errors"
	"io"
	"os"
	"time"

	"github.com/google/uuid"

	"bellhop"
	"bellhop/queue"
	"bellhop/wire"
)

type queueSendCmd struct {
	wire.Storage
	File       string `arg:"" default:"-" help:"The body; - is the standard input."`
	Shop       string `name:"shop" placeholder:"DOMAIN" help:"The event's shop."`
	Topic      string `name:"topic" help:"The event's topic, such as orders/create."`
	APIVersion string `name:"api-version" default:"2026-10" help:"The body's version of Shopify's API."`

	Batch         string `name:"batch" placeholder:"FILE" help:"Send webhooks that others kept: one JSON a line."`
	From          int    `name:"from" default:"1" placeholder:"LINE" help:"With --batch: the line to begin with."`
	ShopifySecret string `name:"shopify-secret" env:"BELLHOP_SHOPIFY_SECRET" help:"With --batch: the app's client secret, which signed them."`
}

func (queueSendCmd) Help() string {
	return `Prints the event's id. The event has no signature, and the ledger says so.

--batch takes webhooks and Events as others export them, one JSON a line: {"headers":{"X-Shopify-Topic":"orders/create",
…},"body":"…"}. The headers are Shopify's own, names in any case, each value a text or a list of texts. The body is a
text with the raw bytes; or body_base64 has them in base64. First each line is checked as the endpoint checks webhooks:
if one is wrong, nothing is sent. The same line is always the same event, so that sending it again does no harm.
docs/own-producer.md has more.`
}

func (c *queueSendCmd) Run(j *job) error {
	if c.Batch != "" {
		return c.sendBatch(j)
	}
	if c.Shop == "" || c.Topic == "" {
		return bellhop.Invalidf("flags", "give --shop and --topic, or --batch FILE")
	}
	e, err := c.event(j)
	if err != nil {
		return err
	}
	return j.openQueue(&c.Storage, func(p *wire.Parts) error {
		return j.said(p.Queue.Send(j.ctx, e), "%s", e.ID)
	})
}

func (c *queueSendCmd) event(j *job) (*bellhop.Event, error) {
	shop, err := bellhop.ParseShopDomain(c.Shop)
	if err != nil {
		return nil, err
	}
	body, err := j.body(c.File)
	if err != nil {
		return nil, err
	}
	now := j.stamp()
	return &bellhop.Event{ID: bellhop.NewEventID(now), Shop: shop, Topic: c.Topic, APIVersion: c.APIVersion,
		WebhookID: uuid.NewString(), AcceptedAt: now, Body: body}, nil
}

func (t *terminal) body(path string) ([]byte, error) {
	in := t.in
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return nil, bellhop.Invalidf("file", "can't read the body: %v", err)
		}
		defer f.Close()
		in = f
	}
	b, err := io.ReadAll(io.LimitReader(in, bellhop.MaxBody+1))
	if err != nil {
		return nil, bellhop.Invalidf("file", "can't read the body: %v", err)
	}
	if len(b) == 0 || len(b) > bellhop.MaxBody {
		return nil, bellhop.Invalidf("body", "a body has 1 to %d bytes", bellhop.MaxBody)
	}
	return b, nil
}

type queueReceiveCmd struct {
	oneQueue
	Max  int           `name:"max" default:"1" help:"The most events to receive."`
	Wait time.Duration `name:"wait" default:"1s" help:"How long to wait for the first."`
	Ack  bool          `name:"ack" help:"Acknowledge the events: this removes them from the queue."`
	Body bool          `name:"body" help:"Show the bodies too. They hold customers' data."`
}

func (queueReceiveCmd) Help() string {
	return `Prints one line of JSON for each event. Without --ack the events go back to the queue, which counts as an
attempt.`
}

type deliveryRow struct {
	Receipt   string    `json:"receipt"`
	Attempt   int       `json:"attempt"`
	ExpiresAt time.Time `json:"expires_at"`
	ID        string    `json:"id"`
	Shop      string    `json:"shop"`
	Topic     string    `json:"topic"`
	WebhookID string    `json:"webhook_id"`
	Accepted  time.Time `json:"accepted_at"`
	Bytes     int       `json:"bytes"`
	Body      *string   `json:"body,omitempty"`
}

func (c *queueReceiveCmd) Run(j *job) error {
	if c.Max < 1 || c.Max > 1000 {
		return bellhop.Invalidf("max", "--max is %d: give 1 to 1000", c.Max)
	}
	return c.open(j, func(_ string, _ *wire.Parts, q queue.Queue) error {
		ctx, cancel := context.WithTimeout(j.ctx, c.Wait)
		defer cancel()
		deliveries, err := q.Receive(ctx, c.Max)
		if errors.Is(err, context.DeadlineExceeded) {
			return nil
		}
		if err != nil {
			return err
		}
		settle := make([]queue.Settlement, len(deliveries))
		for i, d := range deliveries {
			settle[i] = queue.Settlement{Receipt: d.Receipt, Verdict: queue.Retry,
				Reason: "looked at with bellhop queue receive"}
			if c.Ack {
				settle[i].Verdict = queue.Ack
			}
			if err := j.json(c.row(d)); err != nil {
				return errors.Join(err, q.Settle(j.ctx, settle[:i]...))
			}
		}
		return q.Settle(j.ctx, settle...)
	})
}

func (c *queueReceiveCmd) row(d queue.Delivery) deliveryRow {
	r := deliveryRow{string(d.Receipt), d.Attempt, d.Expires.UTC(), d.Event.ID.String(), d.Event.Shop, d.Event.Topic,
		d.Event.WebhookID, d.Event.AcceptedAt, len(d.Event.Body), nil}
	if body := string(d.Event.Body); c.Body {
		r.Body = &body
	}
	return r
}

type queuePurgeCmd struct {
	oneQueue
	yesFlag
}

func (queuePurgeCmd) Help() string {
	return `Leased events and dead letters stay. The archive keeps dropped events as long as their bodies, and bellhop
replay can still record them.`
}

func (c *queuePurgeCmd) Run(j *job) error {
	if err := c.confirm(j.terminal, "Drop all that waits in the queue?"); err != nil {
		return err
	}
	return c.open(j, func(name string, _ *wire.Parts, q queue.Queue) error {
		n, err := q.Purge(j.ctx)
		return j.said(err, "Dropped %s from the queue %s.", plural(n, "event"), name)
	})
}
