package main

import (
	"cmp"
	"net/url"
	"strings"

	"bellhop"
	"bellhop/shopify"
	"bellhop/shopify/admin"
	"bellhop/wire"
)

type shopifyCmd struct {
	Toml shopifyTomlCmd `cmd:"" name:"toml" help:"Print the app's configuration file, shopify.app.toml." example:"bellhop shopify toml --url https://bellhop.example.com > shopify.app.toml"`
}

type shopifyTomlCmd struct {
	URL      string `name:"url" env:"BELLHOP_URL" placeholder:"URL" help:"Where people and Shopify reach bellhop (${env})."`
	ClientID string `name:"client-id" env:"BELLHOP_SHOPIFY_CLIENT_ID" placeholder:"ID" help:"The app's client id (${env})."`
	Name     string `name:"name" default:"bellhop" help:"The app's name in Shopify (${default})."`
}

func (shopifyTomlCmd) Help() string {
	return `For apps that subscribe in their configuration: it has the scopes, the addresses and the webhooks that bellhop
needs, with those that Shopify asks of every app in its store. Shopify's command line deploys it: shopify app deploy.
bellhop shop connect subscribes by itself, and needs no such file.`
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
	config := shopify.AppConfig{Name: cmp.Or(c.Name, "bellhop"), ClientID: c.ClientID, URL: at,
		Scopes: admin.WantedScopes}
	j.say("%s", strings.TrimSuffix(config.TOML(), "\n"))
	return nil
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
