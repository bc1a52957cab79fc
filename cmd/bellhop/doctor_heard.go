package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"bellhop"
	"bellhop/connect"
	"bellhop/shopify"
	"bellhop/store"
	"bellhop/wire"
)

// doctor looks at the latest shops, and names the newest gaps of each.
const heardShops, gapsNamed = 20, 5

// heard says which topics never came, and when nothing came for longer than a shop is used to.
func heard(j *job, p *wire.Parts) (found []wire.Finding, err error) {
	shops, err := p.Store.Shops(j.ctx)
	if err != nil {
		return nil, err
	}
	shops = slices.DeleteFunc(shops, func(s bellhop.Shop) bool {
		return s.Disabled || s.LastEventAt.IsZero() || !s.UninstalledAt.IsZero()
	})
	slices.SortFunc(shops, func(a, b bellhop.Shop) int { return b.LastEventAt.Compare(a.LastEventAt) })
	for _, s := range shops[:min(len(shops), heardShops)] {
		last, err := p.Store.LastEvents(j.ctx, s.Domain, time.Time{})
		if err != nil {
			return nil, err
		}
		silence, err := silenceOf(j, p, s)
		if err != nil {
			return nil, err
		}
		lacking, err := incompleteOf(j, p, s.Domain)
		if err != nil {
			return nil, err
		}
		earlier, err := p.Store.LastEvents(j.ctx, s.Domain, j.now().Add(-bothFor))
		if err != nil {
			return nil, err
		}
		found = append(append(found, topicsOf(s.Domain, last)), formOf(s.Domain, last, earlier, j.now())...)
		found = append(append(found, lacking...), silence...)
	}
	return found, nil
}

// topicsOf names the topics that never came. Only new orders come to every shop.
func topicsOf(shop string, last map[string]time.Time) wire.Finding {
	wanted := shopify.Wanted()
	if _, events := lastOfOrders(last); !events.IsZero() {
		wanted = shopify.BesideEvents()
	}
	never := slices.DeleteFunc(wanted, func(topic string) bool { return !last[topic].IsZero() })
	switch {
	case slices.Contains(never, shopify.TopicOrderCreate):
		return wire.Warn("topics", shop+" sends webhooks, and never an "+shopify.TopicOrderCreate,
			"subscribe to it: bellhop shop connect does, or bellhop shopify toml")
	case len(never) == 0:
		return wire.OK("topics", "all topics have come from "+shop)
	}
	return wire.OK("topics", fmt.Sprintf("from %s never came: %s", shop, strings.Join(never, ", ")))
}

// lastOfOrders returns when the last webhook came that an Event takes the place of, and the last Event.
func lastOfOrders(last map[string]time.Time) (webhook, event time.Time) {
	for _, topic := range shopify.Wanted() {
		if at := last[topic]; at.After(webhook) && !slices.Contains(shopify.BesideEvents(), topic) {
			webhook = at
		}
	}
	for _, action := range shopify.EventActions() {
		if at := last[shopify.EventTopic+"/"+action]; at.After(event) {
			event = at
		}
	}
	return webhook, event
}

// Where one form comes for this long without the other, the other has ended; doctor warns of it for a week.
const formEnded, formWarned = 24 * time.Hour, 7 * 24 * time.Hour

// bothFor is how long both forms come until doctor says so. Longer than that brings nothing but twice the deliveries.
const bothFor = 7 * 24 * time.Hour

// bothBefore reports whether both forms came, too, in the time before [bothFor], which is as long.
func bothBefore(earlier map[string]time.Time, now time.Time) bool {
	webhook, event := lastOfOrders(earlier)
	return now.Sub(webhook) <= 2*bothFor && now.Sub(event) <= 2*bothFor
}

// formOf says by which of webhooks and Events Shopify tells of a shop's orders. It gets what came last, and what did so
// when [bothFor] had not begun.
func formOf(shop string, last, earlier map[string]time.Time, now time.Time) []wire.Finding {
	switch webhook, event := lastOfOrders(last); {
	case webhook.IsZero() && event.IsZero():
		return nil // the line about topics says it
	case event.IsZero():
		return []wire.Finding{wire.OK("orders", "of "+shop+" come as webhooks")}
	case webhook.IsZero():
		return []wire.Finding{wire.OK("orders", "of "+shop+" come as Events")}
	case event.Sub(webhook) > formEnded:
		return []wire.Finding{wire.OK("orders", fmt.Sprintf("of %s come as Events, and the last webhook came %s UTC",
			shop, when(webhook)))}
	case webhook.Sub(event) <= formEnded && bothBefore(earlier, now):
		return []wire.Finding{wire.OK("orders", "of "+shop+" come as webhooks and as Events, for more than 7 days now: each "+
			"is recorded once. To end the move and save the webhooks, deploy what bellhop shopify toml --events prints, once "+
			"Events come whole (bellhop ledger ls --reason incomplete)")}
	case webhook.Sub(event) <= formEnded:
		return []wire.Finding{wire.OK("orders", "of "+shop+" come as webhooks and as Events: each is recorded once")}
	case now.Sub(event) < formWarned:
		return []wire.Finding{wire.Warn("orders", fmt.Sprintf("of %s came as Events until %s UTC, and only as webhooks since",
			shop, when(event)), "unless you took the Events away, look at the app's versions in the Dev Dashboard, and deploy "+
			"what bellhop shopify toml --both prints")}
	default:
		return []wire.Finding{wire.OK("orders", fmt.Sprintf("of %s come as webhooks, and the last Event came %s UTC", shop,
			when(event)))}
	}
}

func silenceOf(j *job, p *wire.Parts, s bellhop.Shop) (found []wire.Finding, err error) {
	q, err := connect.Silence(j.ctx, p.Store, s, j.now())
	if err != nil {
		return nil, err
	}
	if q.Overdue(j.now()) {
		found = append(found, wire.Warn("silence", fmt.Sprintf("no webhook of %s since %s UTC: it is never quiet for %v",
			s.Domain, when(q.Since), q.Allowed), "look at the app's webhook subscriptions in Shopify; for a connected shop, "+
			"bellhop shop check "+s.Domain))
	}
	gaps, err := connect.TooLong(j.ctx, p.Store, s, j.now())
	if err != nil {
		return nil, err
	}
	gaps = slices.DeleteFunc(gaps, func(g store.Silence) bool { return g.To.IsZero() }) // the warning names it
	for _, g := range gaps[max(0, len(gaps)-gapsNamed):] {
		found = append(found, wire.OK("gap", fmt.Sprintf("no webhook of %s from %s to %s UTC", s.Domain, when(g.From),
			when(g.To))))
	}
	return found, nil
}
