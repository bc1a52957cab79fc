package main

import (
	"fmt"
	"strings"

	"bellhop"
	"bellhop/connect"
	"bellhop/shopify/admin"
	"bellhop/wire"
)

// connections reports each connection to Shopify that isn't well.
func (c *doctorCmd) connections(j *job, p *wire.Parts) (found []wire.Finding, err error) {
	all, err := p.Store.Connections(j.ctx)
	if err != nil {
		return nil, err
	}
	good := 0
	for _, conn := range all {
		switch more := c.connection(conn); {
		case len(more) > 0:
			found = append(found, more...)
		case conn.Access == bellhop.AccessGood:
			good++
		}
	}
	if good > 0 {
		found = append(found, wire.OK("connections", plural(good, "shop")+" connected to Shopify"))
	}
	source, unnamed := c.EventSource()
	if good > 0 {
		found = append(found, subscribedTo(source, unnamed)...)
	}
	switch {
	case len(all) > 0 && c.ShopifyClientID == "":
		found = append(found, wire.Fail("connections", plural(len(all), "shop")+" connected, and nobody looks after them",
			"set BELLHOP_SHOPIFY_CLIENT_ID, BELLHOP_SHOPIFY_SECRET and BELLHOP_URL for bellhop serve or bellhop worker"))
	case c.ShopifyClientID != "" && c.ShopifyEndpoint == "" && source == "" && !strings.HasPrefix(c.URL, "https:"):
		found = append(found, wire.Warn("connections", "Shopify delivers no webhooks to BELLHOP_URL: it is not https",
			"set it to the address where the internet reaches bellhop"))
	}
	return found, nil
}

// subscribedTo says where webhooks of connected shops go, if the queue takes envelopes of EventBridge.
func subscribedTo(source string, unnamed bool) []wire.Finding {
	switch {
	case source != "":
		return []wire.Finding{wire.OK("connections", "bellhop subscribes connected shops to "+source)}
	case unnamed:
		return []wire.Finding{wire.Warn("connections", "bellhop subscribes connected shops to BELLHOP_URL, though the queue "+
			"takes envelopes of EventBridge", "name the app's event source in BELLHOP_QUEUE, with "+
			"&source=aws.partner/shopify.com/ID/NAME: subscriptions then go there")}
	}
	return nil
}

// connection reports what is wrong with one; nothing for one whose app was removed on purpose.
func (c *doctorCmd) connection(conn bellhop.Connection) (found []wire.Finding) {
	words := fmt.Sprintf("%s: %s since %s UTC", conn.Shop, conn.Access, when(conn.Since))
	switch conn.Access {
	case bellhop.AccessUninstalled:
		return nil
	case bellhop.AccessLost:
		return append(found, wire.Fail("connections", words, adviceOf(conn)+c.reconnect(conn)))
	case bellhop.AccessRefused:
		found = append(found, wire.Warn("connections", words, adviceOf(conn)))
	}
	if n := connect.Missing(conn.Subscriptions); n > 0 {
		fix := "run bellhop shop check " + conn.Shop
		for _, s := range conn.Subscriptions {
			if !s.There && s.Refusal != "" {
				fix = s.Topic + ": " + admin.Refusal(s.Refusal).Advice()
				break
			}
		}
		found = append(found, wire.Warn("connections", fmt.Sprintf("%s: %s missing", conn.Shop,
			plural(n, "subscription")), fix))
	}
	return found
}

// reconnect says how to connect a shop again.
func (c *doctorCmd) reconnect(conn bellhop.Connection) string {
	switch conn.Grant {
	case bellhop.GrantClientCredentials:
		return " with bellhop shop connect " + conn.Shop
	case bellhop.GrantToken:
		return " with bellhop shop connect " + conn.Shop + " --token-stdin"
	case bellhop.GrantTokenExchange:
		return ": its owner opens the app in Shopify, and your server sends the ID token to POST /v1/shops/exchange"
	}
	base, _ := c.BaseURL()
	return ": its owner opens the app in Shopify, or signed in " + base + "/shopify/install?shop=" + conn.Shop
}
