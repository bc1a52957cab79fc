package main

import (
	"strconv"
	"time"

	"bellhop"
	"bellhop/events"
	"bellhop/store"
	"bellhop/wire"
)

type ledgerCmd struct {
	Ls     ledgerLsCmd     `cmd:"" help:"List events, newest first." example:"bellhop ledger ls --shop demo.myshopify.com --order-name '#1003'"`
	Totals ledgerTotalsCmd `cmd:"" help:"Count all events ever received, by outcome." example:"bellhop ledger totals --json"`
}

type ledgerLsCmd struct {
	wire.Storage
	jsonFlag
	Shop    string `name:"shop" placeholder:"DOMAIN" help:"Only this shop's events."`
	Topic   string `name:"topic" help:"Only this topic, such as orders/create."`
	Outcome string `name:"outcome" enum:",recorded,duplicate,stale,skipped,dead" default:"" help:"Only this outcome: recorded, duplicate, stale, skipped or dead."`
	Reason  string `name:"reason" help:"Only this reason, such as unknown_shop, body_too_large or not_yet_acted_on."`
	Order   int64  `name:"order" placeholder:"ID" help:"Only this order's events."`
	Name    string `name:"order-name" placeholder:"NAME" help:"Only orders with this name, such as '#1003'. Several shops may have one."`
	Webhook string `name:"webhook" placeholder:"ID" help:"Only this X-Shopify-Webhook-Id."`
	limitFlag
}

func (ledgerLsCmd) Help() string {
	return `The ledger has one line for every accepted event, with its outcome.`
}

type lineRow struct {
	ID             string     `json:"id"`
	Shop           string     `json:"shop"`
	Topic          string     `json:"topic"`
	APIVersion     string     `json:"api_version"`
	WebhookID      string     `json:"webhook_id"`
	ShopifyEventID string     `json:"shopify_event_id"`
	OrderID        string     `json:"order_id"` // "" when it is about none
	Outcome        string     `json:"outcome"`
	Reason         string     `json:"reason"`
	SignedBy       string     `json:"signed_by"`
	TriggeredAt    *time.Time `json:"triggered_at"`
	AcceptedAt     time.Time  `json:"accepted_at"`
	SettledAt      time.Time  `json:"settled_at"`
}

func (c *ledgerLsCmd) Run(j *job) error {
	if err := c.check(); err != nil {
		return err
	}
	return j.open(&c.Storage, func(p *wire.Parts) error {
		lines, err := c.lines(j, p)
		if err != nil {
			return err
		}
		const head = "ACCEPTED (UTC)\tSHOP\tTOPIC\tORDER\tOUTCOME\tREASON\tEVENT"
		return list(j, c.jsonFlag, "There are no such events.", head, lines, ledgerRow)
	})
}

// lines reads pages up to the limit.
func (c *ledgerLsCmd) lines(j *job, p *wire.Parts) (all []store.Line, err error) {
	q := store.LineQuery{Shop: c.Shop, Topic: c.Topic, Outcome: bellhop.Outcome(c.Outcome), Reason: c.Reason,
		OrderID: c.Order, OrderName: c.Name, WebhookID: c.Webhook}
	for len(all) < c.Limit {
		q.Limit = min(200, c.Limit-len(all))
		page, err := p.Store.Lines(j.ctx, q)
		if err != nil {
			return nil, err
		}
		all = append(all, page.Lines...)
		if page.Next == "" {
			break
		}
		q.Cursor = page.Next
	}
	return all, nil
}

func ledgerRow(l store.Line) (lineRow, []string) {
	e := l.Event
	v := lineRow{ID: e.ID.String(), Shop: e.Shop, Topic: e.Topic, APIVersion: e.APIVersion, WebhookID: e.WebhookID,
		ShopifyEventID: e.ShopifyEventID, Outcome: string(l.Outcome), Reason: l.Reason, SignedBy: string(e.SignedBy),
		TriggeredAt: events.AtUTC(e.TriggeredAt), AcceptedAt: e.AcceptedAt, SettledAt: l.At}
	if l.OrderID != 0 {
		v.OrderID = strconv.FormatInt(l.OrderID, 10)
	}
	return v, []string{when(v.AcceptedAt), v.Shop, v.Topic, orDash(v.OrderID), v.Outcome, orDash(v.Reason), v.ID}
}

type ledgerTotalsCmd struct {
	wire.Storage
	jsonFlag
}

func (c *ledgerTotalsCmd) Run(j *job) error {
	return j.open(&c.Storage, func(p *wire.Parts) error {
		totals, err := p.Store.Totals(j.ctx)
		if err != nil {
			return err
		}
		values := map[string]int64{}
		var rows [][]string
		for _, o := range bellhop.Outcomes() {
			values[string(o)] = totals[o]
			rows = append(rows, []string{string(o), strconv.FormatInt(totals[o], 10)})
		}
		return j.table(c.jsonFlag, values, "", "OUTCOME\tEVENTS", rows)
	})
}
