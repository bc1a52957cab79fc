package connect

import (
	"cmp"
	"context"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"bellhop"
	"bellhop/shopify"
	"bellhop/shopify/admin"
)

// address is where Shopify sends webhooks to.
func (c *Connector) address() string { return cmp.Or(c.Source, c.URL+shopify.WebhookPath) }

// plan is what is to do with the subscriptions of a shop.
type plan struct {
	create    []string // topics
	defective []string // ids at our address whose bodies are cut down: they go before the creation
	remove    []string // ids of duplicates, and at addresses that this bellhop had before: they go after it
}

// eventsTrusted is how long after a shop's last Event its orders are taken to come as Events.
const eventsTrusted = 7 * 24 * time.Hour

// wanted are the topics that a shop is subscribed to. Where its orders come as Events, and the app's configuration goes
// on to say so, webhooks are wanted only beside them. Once none come any more all are wanted again.
func (c *Connector) wanted(ctx context.Context, shop string) ([]string, error) {
	if !c.App.Events {
		return shopify.Wanted(), nil
	}
	last, err := c.Store.LastEvents(ctx, shop, time.Time{})
	for _, action := range shopify.EventActions() {
		if c.now().Sub(last[shopify.EventTopic+"/"+action]) < eventsTrusted {
			return shopify.BesideEvents(), err
		}
	}
	return shopify.Wanted(), err
}

// planFor compares what is there with what is wanted. It takes away only what goes to our address, or to the one that
// this database's bellhop subscribed before: the app may have other servers, and another bellhop.
func planFor(there []admin.Subscription, wanted []string, address string, before []bellhop.Subscription) (p plan) {
	for _, s := range there { // Events took its place
		if slices.Contains(shopify.Wanted(), s.Topic) && !slices.Contains(wanted, s.Topic) && sameAddress(s.URI, address) {
			p.remove = append(p.remove, s.ID)
		}
	}
	for _, topic := range wanted {
		kept := false
		former := formerAddress(before, topic)
		for _, s := range there {
			switch {
			case s.Topic != topic:
			case !sameAddress(s.URI, address):
				if former != "" && !sameAddress(former, address) && sameAddress(s.URI, former) {
					p.remove = append(p.remove, s.ID)
				}
			case isCut(s):
				p.defective = append(p.defective, s.ID)
			case kept:
				p.remove = append(p.remove, s.ID)
			default:
				kept = true
			}
		}
		if !kept {
			p.create = append(p.create, topic)
		}
	}
	return p
}

// isCut reports whether a subscription leaves out fields or events.
func isCut(s admin.Subscription) bool { return len(s.IncludeFields) > 0 || s.Filter != "" }

func formerAddress(before []bellhop.Subscription, topic string) string {
	for _, s := range before {
		if s.Topic == topic {
			return s.Address
		}
	}
	return ""
}

// sameAddress compares addresses as servers do: a slash at the end is nothing to bellhop. An ARN is what it is.
func sameAddress(a, b string) bool {
	if a == b && strings.HasPrefix(a, "arn:") {
		return true
	}
	one, err := url.Parse(a)
	other, err2 := url.Parse(b)
	if err != nil || err2 != nil || one.Host == "" {
		return false
	}
	return one.Scheme == other.Scheme && host(one) == host(other) && path.Clean("/"+one.Path) == path.Clean("/"+other.Path)
}

func host(u *url.URL) string {
	port := u.Port()
	if u.Scheme == "https" && port == "443" || u.Scheme == "http" && port == "80" {
		port = ""
	}
	return strings.ToLower(u.Hostname()) + ":" + port
}

// subscribe makes sure of the wanted subscriptions and reads them back. It reports whether one was missing.
func (c *Connector) subscribe(ctx context.Context, api *admin.Shop, shop string, before []bellhop.Subscription) (
	all []bellhop.Subscription, missed bool, err error) {
	wanted, err := c.wanted(ctx, shop)
	if err != nil {
		return nil, false, err
	}
	there, err := api.Subscriptions(ctx)
	if err != nil {
		return nil, false, err
	}
	p := planFor(there, wanted, c.address(), before)
	if err := unsubscribe(ctx, api, p.defective); err != nil {
		return nil, false, err
	}
	answers, err := c.create(ctx, api, p.create)
	if err != nil {
		return nil, false, err
	}
	if err := unsubscribe(ctx, api, p.remove); err != nil {
		return nil, false, err
	}
	if len(answers) > 0 {
		if there, err = api.Subscriptions(ctx); err != nil {
			return nil, false, err
		}
	}
	return readBack(there, wanted, c.address(), answers), len(answers) > 0, nil
}

// create subscribes to topics. Some refusals are about a topic and are kept; any other ends the look.
func (c *Connector) create(ctx context.Context, api *admin.Shop, topics []string) (map[string]admin.Refusal, error) {
	answers := map[string]admin.Refusal{}
	for _, topic := range topics {
		err := api.Subscribe(ctx, topic, c.address())
		switch r := admin.RefusalOf(err); {
		case err == nil, r == admin.ProtectedData, r == admin.ScopeMissing, r == admin.AddressRefused:
			answers[topic] = r
			c.Metrics.subscribed(r)
		default:
			return nil, err
		}
		c.Probe.At(PointCreated)
	}
	return answers, nil
}

func unsubscribe(ctx context.Context, api *admin.Shop, ids []string) error {
	for _, id := range ids {
		if err := api.Unsubscribe(ctx, id); err != nil {
			return err
		}
	}
	return nil
}

// readBack says for each wanted topic whether it is subscribed. Shopify lists only subscriptions of the API: a topic
// that it took and does not list is in the app's own configuration.
func readBack(there []admin.Subscription, wanted []string, address string, answers map[string]admin.Refusal) (
	all []bellhop.Subscription) {
	for _, topic := range wanted {
		s := bellhop.Subscription{Topic: topic, There: slices.ContainsFunc(there, func(s admin.Subscription) bool {
			return s.Topic == topic && sameAddress(s.URI, address)
		})}
		if refusal, asked := answers[topic]; asked && !s.There {
			s.There, s.Refusal = refusal == "", string(refusal)
		}
		if s.There {
			s.Address = address
		}
		all = append(all, s)
	}
	return all
}

// Missing counts the wanted subscriptions that are not there.
func Missing(all []bellhop.Subscription) (n int) {
	for _, s := range all {
		if !s.There {
			n++
		}
	}
	return n
}
