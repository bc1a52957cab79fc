package main

import (
	"fmt"
	"time"

	"bellhop"
	"bellhop/connect"
	"bellhop/events"
	"bellhop/wire"
)

type shopLsCmd struct {
	wire.Storage
	jsonFlag
}

func (shopLsCmd) Help() string {
	return `Shows for each shop when its last webhook arrived, which secret signed it, how the shop is connected, and
when it was last compared with Shopify.
--json shows all: scopes, the token's state, each subscription, the last webhook of each topic. It shows no secrets.`
}

type shopRow struct {
	Domain         string               `json:"domain"`
	Name           string               `json:"name"`
	Currency       string               `json:"currency"`
	Timezone       string               `json:"timezone"`
	Plan           string               `json:"plan"`
	Disabled       bool                 `json:"disabled"`
	OwnSecret      bool                 `json:"own_secret"`
	PreviousSecret bool                 `json:"previous_secret"`
	OwnSecretOnly  bool                 `json:"own_secret_only"`
	CustomerInPush bool                 `json:"customer_in_push"`
	AddedAt        time.Time            `json:"added_at"`
	UninstalledAt  *time.Time           `json:"uninstalled_at"`
	LastWebhookAt  *time.Time           `json:"last_webhook_at"`
	LastSignedBy   string               `json:"last_signed_by"`
	LastWebhooks   map[string]time.Time `json:"last_webhooks"` // by topic
	Connection     *connectionRow       `json:"connection"`    // null without one
	Compared       *comparedRow         `json:"compared"`      // with Shopify; null if it never was
}

// connectionRow is a connection without its secrets.
type connectionRow struct {
	Grant         bellhop.Grant          `json:"grant"`
	ConnectedAt   time.Time              `json:"connected_at"`
	Scopes        []string               `json:"scopes"`
	Access        bellhop.AccessState    `json:"access"`
	Reason        string                 `json:"reason"`
	Advice        string                 `json:"advice"`
	Since         time.Time              `json:"since"`
	Token         tokenState             `json:"token"`
	CheckedAt     *time.Time             `json:"checked_at"`
	CheckDue      time.Time              `json:"check_due"`
	Subscriptions []bellhop.Subscription `json:"subscriptions"`
}

// comparedRow is how far a shop was compared with Shopify.
type comparedRow struct {
	CheckedAt *time.Time `json:"checked_at"`
	ClosedTo  *time.Time `json:"closed_to"`
	SweptAt   *time.Time `json:"swept_at"`
	Missing   int        `json:"missing"`
	Reason    string     `json:"reason"`
	Since     *time.Time `json:"since"` // of the reason
	Requests  int        `json:"requests"`
	Points    int        `json:"points"`
}

func comparedJSON(s *bellhop.Reconciliation) *comparedRow {
	if s == nil || s.From.IsZero() {
		return nil
	}
	return &comparedRow{events.AtUTC(s.CheckedAt), events.AtUTC(s.ClosedTo), events.AtUTC(s.SweptAt), s.Missing(),
		s.Reason, events.AtUTC(s.Since), s.Requests, s.Points}
}

// comparedCell says when it was compared, and how many orders are missing.
func comparedCell(s *bellhop.Reconciliation) string {
	switch {
	case s == nil:
		return "-"
	case s.Missing() > 0:
		return when(s.CheckedAt) + ": " + fmt.Sprint(s.Missing()) + " missing"
	}
	return when(s.CheckedAt)
}

// tokenState says how long a token lives.
type tokenState struct {
	There            bool       `json:"there"`
	ExpiresAt        *time.Time `json:"expires_at"` // null: never
	Refreshable      bool       `json:"refreshable"`
	RefreshExpiresAt *time.Time `json:"refresh_expires_at"`
}

// connectionJSON returns nil without a connection.
func connectionJSON(c *bellhop.Connection) *connectionRow {
	if c == nil {
		return nil
	}
	r := &connectionRow{Grant: c.Grant, ConnectedAt: c.ConnectedAt, Scopes: append([]string{}, c.Scopes...),
		Access: c.Access, Reason: c.Reason, Since: c.Since, CheckedAt: events.AtUTC(c.CheckedAt), CheckDue: c.CheckDue,
		Subscriptions: append([]bellhop.Subscription{}, c.Subscriptions...),
		Token: tokenState{c.Token != "", events.AtUTC(c.ExpiresAt),
			c.RefreshToken != "" || c.Grant == bellhop.GrantClientCredentials, events.AtUTC(c.RefreshExpiresAt)}}
	if c.Access != bellhop.AccessGood {
		r.Advice = adviceOf(*c)
	}
	return r
}

// listedShop is a shop with its connection, nil without one.
type listedShop struct {
	bellhop.Shop
	connection *bellhop.Connection
	compared   *bellhop.Reconciliation
	last       map[string]time.Time
}

func (c *shopLsCmd) Run(j *job) error {
	return j.open(&c.Storage, func(p *wire.Parts) error {
		shops, err := c.shops(j, p)
		if err != nil {
			return err
		}
		const none = "There are no shops. Add one with: bellhop shop connect NAME, or bellhop shop add NAME.myshopify.com"
		const head = "DOMAIN\tSTATE\tSECRET\tLAST WEBHOOK (UTC)\tSIGNED BY\tCONNECTED (UTC)\tACCESS\tSUBSCRIPTIONS\t" +
			"COMPARED (UTC)"
		return list(j, c.jsonFlag, none, head, shops, func(s listedShop) (shopRow, []string) {
			cells := []string{s.Domain, shopState(s.Shop), secretState(s.Shop), when(s.LastEventAt),
				orDash(string(s.LastSignedBy))}
			return shopRow{s.Domain, s.Name, s.Currency, s.Timezone, s.Plan, s.Disabled, s.Secret != "",
					s.PreviousSecret != "", s.OwnSecretOnly, s.CustomerInPush, s.AddedAt, events.AtUTC(s.UninstalledAt),
					events.AtUTC(s.LastEventAt), string(s.LastSignedBy), s.last,
					connectionJSON(s.connection), comparedJSON(s.compared)},
				append(append(cells, connectionCells(s.connection)...), comparedCell(s.compared))
		})
	})
}

func (c *shopLsCmd) shops(j *job, p *wire.Parts) ([]listedShop, error) {
	shops, err := p.Store.Shops(j.ctx)
	if err != nil {
		return nil, err
	}
	connections, err := p.Store.Connections(j.ctx)
	if err != nil {
		return nil, err
	}
	byShop := map[string]*bellhop.Connection{}
	for i := range connections {
		byShop[connections[i].Shop] = &connections[i]
	}
	states, err := p.Store.Reconciliations(j.ctx, time.Time{}, 0)
	if err != nil {
		return nil, err
	}
	compared := map[string]*bellhop.Reconciliation{}
	for i := range states {
		compared[states[i].Shop] = &states[i]
	}
	all := make([]listedShop, len(shops))
	for i, s := range shops {
		all[i] = listedShop{Shop: s, connection: byShop[s.Domain], compared: compared[s.Domain],
			last: map[string]time.Time{}}
		if !c.JSON {
			continue
		}
		if all[i].last, err = p.Store.LastEvents(j.ctx, s.Domain, time.Time{}); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// connectionCells are when it was connected, its access, and the subscriptions that are there.
func connectionCells(c *bellhop.Connection) []string {
	if c == nil {
		return []string{"-", "-", "-"}
	}
	access := string(c.Access)
	if c.Reason != "" {
		access += ": " + c.Reason
	}
	n := len(c.Subscriptions)
	return []string{when(c.ConnectedAt), access, fmt.Sprintf("%d of %d", n-connect.Missing(c.Subscriptions), n)}
}
