package main

import (
	"cmp"
	"net/url"
	"regexp"
	"strings"

	"bellhop"
	"bellhop/shopify"
	"bellhop/shopify/admin"
	"bellhop/wire"
)

type shopifyCmd struct {
	Toml shopifyTomlCmd `cmd:"" name:"toml" help:"Print the app's configuration file, shopify.app.toml." example:"bellhop shopify toml --url https://bellhop.example.com > shopify.app.toml\n\nbellhop shopify toml --url https://bellhop.example.com --events > shopify.app.toml"`
}

type shopifyTomlCmd struct {
	URL      string `name:"url" env:"BELLHOP_URL" placeholder:"URL" help:"Where people and Shopify reach bellhop (${env})."`
	ClientID string `name:"client-id" env:"BELLHOP_SHOPIFY_CLIENT_ID" placeholder:"ID" help:"The app's client id (${env})."`
	Name     string `name:"name" default:"bellhop" help:"The app's name in Shopify (${default})."`
	Events   bool   `name:"events" help:"Orders come as Events, Shopify's successor to webhooks, with the webhooks that have no Event yet."`
	Both     bool   `name:"both" help:"Orders come as Events and as webhooks, as while moving from one to the other."`
	URI      string `name:"uri" placeholder:"ARN" help:"Where all goes instead of bellhop's address: the ARN of the app's event source at Amazon EventBridge."`
}

func (shopifyTomlCmd) Help() string {
	return `For apps that subscribe in their configuration: it has the scopes, the addresses and the webhooks that bellhop
needs, with those that Shopify asks of every app in its store. Shopify's command line deploys it: shopify app deploy.
bellhop shop connect subscribes by itself, and needs no such file. docs/shopify-events.md says what Events are, and how
to move to them without a gap.`
}

func (c *shopifyTomlCmd) Run(j *job) error {
	at, err := shopifyURL(c.URL)
	if err != nil {
		return err
	}
	if c.ClientID == "" {
		return wire.WrongSetting("BELLHOP_SHOPIFY_CLIENT_ID", "it is missing",
			"give the app's client id, which the Dev Dashboard shows, or --client-id")
	}
	if c.URI != "" && !eventSource.MatchString(c.URI) {
		return bellhop.Invalidf("usage", "--uri: %s is no event source of Shopify's: give an ARN such as "+
			"arn:aws:events:REGION::event-source/aws.partner/shopify.com/ID/NAME", bellhop.Clip(c.URI, 80))
	}
	config := shopify.AppConfig{Name: cmp.Or(c.Name, "bellhop"), ClientID: c.ClientID, URL: at,
		Scopes: admin.WantedScopes, URI: c.URI, Deliver: deliverOf(c.Events, c.Both)}
	j.say("%s", strings.TrimSuffix(config.TOML(), "\n"))
	return nil
}

// eventSource is the ARN of a partner event source at EventBridge.
var eventSource = regexp.MustCompile(`^arn:aws[a-z-]*:events:[a-z0-9-]+::event-source/aws\.partner/shopify\.com/\d+/[^\s/]+$`)

// deliverOf reads the flags of commands that know Events.
func deliverOf(events, both bool) shopify.Deliver {
	switch {
	case both:
		return shopify.DeliverBoth
	case events:
		return shopify.DeliverEvents
	}
	return shopify.DeliverWebhooks
}

// shopifyURL refuses what Shopify would not send webhooks to.
func shopifyURL(text string) (string, error) {
	u, err := url.Parse(text)
	switch {
	case text == "":
		return "", wire.WrongSetting("BELLHOP_URL", "it is missing",
			"give the address where Shopify reaches bellhop, such as https://bellhop.example.com, or --url")
	case err != nil || u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil:
		return "", wire.WrongSetting("BELLHOP_URL", "Shopify sends nothing to "+bellhop.Clip(text, 80),
			"give https and a host, such as https://bellhop.example.com")
	}
	return strings.TrimRight(u.String(), "/"), nil
}
