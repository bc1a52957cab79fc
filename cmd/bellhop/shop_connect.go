package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"strings"

	"bellhop"
	"bellhop/connect"
	"bellhop/reconcile"
	"bellhop/shopify/admin"
	"bellhop/store"
	"bellhop/web"
	"bellhop/wire"
)

// newConnector returns nil without a client id.
func newConnector(j *job, s *wire.Shopify, at *wire.Storage, to store.Store) (*connect.Connector, error) {
	app, err := s.App()
	if app == nil || err != nil {
		return nil, err
	}
	base, err := s.BaseURL()
	if err != nil {
		return nil, err
	}
	app.Now = j.now
	source, _ := at.EventSource()
	return &connect.Connector{App: app, Store: to, URL: base, Source: source, Holder: rand.Text(), Now: j.now,
		Log: j.log}, nil
}

// newReconciler compares the shops of a connector with Shopify.
func newReconciler(c *connect.Connector, p *wire.Parts) *reconcile.Reconciler {
	return &reconcile.Reconciler{Connector: c, Store: p.Store, Queue: p.Queue, Key: wire.SigningKey(p.Store)}
}

// connecting is shared by the commands that speak with Shopify.
type connecting struct {
	wire.Storage
	wire.Shopify
	Domain string `arg:"" help:"The shop's domain, NAME.myshopify.com, or its NAME."`
}

// with opens the database and makes a connector.
func (c *connecting) with(j *job, fn func(*wire.Parts, *connect.Connector, string) error) error {
	domain, err := shopNamed(c.Domain)
	if err != nil {
		return err
	}
	if err := c.Shopify.Check(); err != nil {
		return err
	}
	if c.ShopifyClientID == "" {
		return wire.WrongSetting("BELLHOP_SHOPIFY_CLIENT_ID", "it is empty, and connecting shops needs it",
			"give the app's client id, and its secret in BELLHOP_SHOPIFY_SECRET: both are in the app's settings in "+
				"Shopify's Dev Dashboard")
	}
	o := j.options()
	o.Existing, o.NeedKey = true, true // a token is stored sealed, or not at all
	return closing(func(p *wire.Parts) error {
		connector, err := newConnector(j, &c.Shopify, &c.Storage, p.Store)
		if err != nil {
			return err
		}
		return fn(p, connector, domain)
	})(c.Open(j.ctx, o))
}

// shopNamed accepts a shop's domain, or the name before .myshopify.com.
func shopNamed(s string) (string, error) {
	if !strings.Contains(s, ".") {
		s += ".myshopify.com"
	}
	return bellhop.ParseShopDomain(s)
}

type shopConnectCmd struct {
	connecting
	TokenStdin bool `name:"token-stdin" help:"Read a token from the standard input: by itself, or with its refresh token as the JSON that Shopify's token endpoint answers."`
}

func (shopConnectCmd) Help() string {
	return `Without --token-stdin bellhop asks for a token by client credentials: for a shop of the organisation that the
app belongs to, with the app installed. It checks the scopes, adds the shop, stores the connection and subscribes to
the webhooks it needs. If something is missing it says so and stores nothing. bellhop serve and bellhop worker then
keep the connection alive.

A shop of somebody else's connects itself: its owner installs the app, which opens BELLHOP_URL/shopify/install.`
}

func (c *shopConnectCmd) Run(j *job) error {
	var tokens admin.Tokens
	if c.TokenStdin {
		var err error
		if tokens, err = readTokens(j); err != nil {
			return err
		}
	}
	return c.with(j, func(p *wire.Parts, connector *connect.Connector, domain string) error {
		done, err := connect.Connected{}, error(nil)
		if c.TokenStdin {
			done, err = connector.Token(j.ctx, domain, tokens)
		} else {
			done, err = connector.ClientCredentials(j.ctx, domain)
		}
		if err != nil {
			return advised(err)
		}
		return c.report(j, p, connector, done)
	})
}

func readTokens(j *job) (t admin.Tokens, err error) {
	text, err := io.ReadAll(io.LimitReader(j.in, web.MaxTokens+1))
	if err != nil {
		return t, fmt.Errorf("read the token: %w", err)
	}
	if t, err = web.ParseTokens(text, j.stamp()); err != nil {
		return t, bellhop.Invalidf("token", "the standard input has no token: "+
			"give the token alone on one line, or JSON with access_token, refresh_token and expires_in")
	}
	return t, nil
}

// report says what connecting did, and what comes next.
func (c *shopConnectCmd) report(j *job, p *wire.Parts, connector *connect.Connector, done connect.Connected) error {
	shop, conn := done.Shop.Domain, done.Connection
	j.say("Connected %s%s, with %s.", shop, named(done.Shop.Name), strings.Join(conn.Scopes, ", "))
	sayConnection(j, conn)
	if done.Shop.Disabled {
		j.say("The shop is disabled: its events are only kept, until: bellhop shop enable %s", shop)
	}
	j.say("")
	switch {
	case done.New:
		secret, link := web.NewSignInLink(done.Owner.ID, j.stamp())
		if err := p.Store.AddLink(j.ctx, link); err != nil {
			return err
		}
		j.say("Its owner %s signs in once, within a day: %s/signin?once=%s", done.Owner.Email, connector.URL, secret)
	case done.Owner.ID != 0:
		j.say("Its owner is %s. For a link that signs in once: bellhop owner link %[1]s", done.Owner.Email)
	default:
		j.say("Let its owner in with:\n  bellhop owner add --shop %s --email NAME@EXAMPLE.COM", shop)
	}
	j.say("bellhop serve or bellhop worker keeps it connected. See how it goes: bellhop shop check %s", shop)
	return nil
}

func named(name string) string {
	if name == "" {
		return ""
	}
	return " (" + bellhop.Clip(name, 80) + ")"
}

// sayConnection says whether the access works, and which subscriptions are there.
func sayConnection(j *job, conn bellhop.Connection) {
	if conn.Access != bellhop.AccessGood {
		j.say("Access is %s: %s.", conn.Access, adviceOf(conn))
	}
	missing := connect.Missing(conn.Subscriptions)
	j.say("Subscriptions: %d of %d.", len(conn.Subscriptions)-missing, len(conn.Subscriptions))
	for _, s := range conn.Subscriptions {
		if !s.There {
			j.say("  %s is missing: %s.", s.Topic, admin.Refusal(s.Refusal).Advice())
		}
	}
}

// adviceOf says in a line what is wrong with a connection and what to do.
func adviceOf(conn bellhop.Connection) string {
	if conn.Access == bellhop.AccessUninstalled {
		return "the app was removed from the shop: install it there again"
	}
	return admin.Refusal(conn.Reason).Advice()
}

// advised leaves the cause of a refusal to the log: the message says what to do.
func advised(err error) error {
	if e, ok := errors.AsType[*bellhop.Error](err); ok && admin.RefusalOf(err) != "" {
		return &bellhop.Error{Kind: e.Kind, Code: e.Code, Message: e.Message}
	}
	return err
}

type shopCheckCmd struct {
	connecting
	jsonFlag
}

func (shopCheckCmd) Help() string {
	return `Asks Shopify at once: renews the token if it is due, reads back scopes and subscriptions, and makes missing
ones. It fails while the access does not work or a subscription is missing.`
}

func (c *shopCheckCmd) Run(j *job) error {
	return c.with(j, func(p *wire.Parts, connector *connect.Connector, domain string) error {
		conn, err := connector.Check(j.ctx, domain)
		if err != nil {
			return missing(err, "connection", "%s is not connected: bellhop shop connect %[1]s", domain)
		}
		if c.JSON {
			if err := j.json(connectionJSON(&conn)); err != nil {
				return err
			}
		} else {
			j.say("Checked %s, connected by %s since %s UTC.", domain, conn.Grant, when(conn.ConnectedAt))
			sayConnection(j, conn)
		}
		return unwell(conn)
	})
}

// unwell returns an error unless all is well with a connection.
func unwell(conn bellhop.Connection) error {
	if conn.Access != bellhop.AccessGood {
		return bellhop.Errorf(bellhop.Conflict, conn.Reason, "%s: %s", conn.Shop, adviceOf(conn))
	}
	if n := connect.Missing(conn.Subscriptions); n > 0 {
		return bellhop.Errorf(bellhop.Conflict, "subscriptions", "%s: %s missing", conn.Shop, plural(n, "subscription"))
	}
	return nil
}
