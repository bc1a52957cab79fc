package main

import (
	"fmt"
	"slices"
	"strings"

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
		topics, err := topicsOf(j, p, s)
		if err != nil {
			return nil, err
		}
		silence, err := silenceOf(j, p, s)
		if err != nil {
			return nil, err
		}
		found = append(append(found, topics), silence...)
	}
	return found, nil
}

// topicsOf names the topics that never came. Only new orders come to every shop.
func topicsOf(j *job, p *wire.Parts, s bellhop.Shop) (wire.Finding, error) {
	last, err := p.Store.LastEvents(j.ctx, s.Domain)
	if err != nil {
		return wire.Finding{}, err
	}
	never := slices.DeleteFunc(shopify.Wanted(), func(topic string) bool { return !last[topic].IsZero() })
	switch {
	case slices.Contains(never, shopify.TopicOrderCreate):
		return wire.Warn("topics", s.Domain+" sends webhooks, and never an "+shopify.TopicOrderCreate,
			"subscribe to it: bellhop shop connect does, or bellhop shopify toml"), nil
	case len(never) == 0:
		return wire.OK("topics", "all topics have come from "+s.Domain), nil
	}
	return wire.OK("topics", fmt.Sprintf("from %s never came: %s", s.Domain, strings.Join(never, ", "))), nil
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
