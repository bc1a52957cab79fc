package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"bellhop"
	"bellhop/shopify"
	"bellhop/store"
	"bellhop/wire"
)

// incompleteRead bounds how many notices doctor reads of a shop.
const incompleteRead = 200

// incompleteOf names the fields that a shop's bodies lacked in the last day.
func incompleteOf(j *job, p *wire.Parts, shop string) ([]wire.Finding, error) {
	page, err := p.Store.Lines(j.ctx, store.LineQuery{Shop: shop, Outcome: bellhop.OutcomeSkipped,
		Reason: bellhop.ReasonIncomplete, Limit: incompleteRead})
	if err != nil {
		return nil, err
	}
	day := j.now().Add(-24 * time.Hour)
	lines := slices.DeleteFunc(page.Lines, func(l store.Line) bool { return l.Event.AcceptedAt.Before(day) })
	if len(lines) == 0 {
		return nil, nil
	}
	is, err := p.Store.Reconciliation(j.ctx, shop)
	if err != nil {
		return nil, err
	}
	return lacking(shop, lines, !is.Due.IsZero()), nil
}

// lacking has a finding for each thing to mend, the newest first.
func lacking(shop string, lines []store.Line, connected bool) (found []wire.Finding) {
	var fixes []string
	newest, counts := map[string]string{}, map[string]int{}
	for i := range lines {
		fix := completeFix(&lines[i])
		if counts[fix]++; counts[fix] == 1 {
			_, names := bellhop.ReasonParts(lines[i].Reason)
			fixes, newest[fix] = append(fixes, fix), names
		}
	}
	for _, fix := range fixes {
		most := ""
		if len(lines) == incompleteRead {
			most = "at least "
		}
		text := fmt.Sprintf("%s%s of %s in the last day lacked fields, the newest: %s", most, plural(counts[fix], "event"),
			shop, newest[fix])
		if connected {
			found = append(found, wire.OK("incomplete", text+"; bellhop fetches such orders. To save that: "+fix))
		} else {
			found = append(found, wire.Warn("incomplete", text, "bellhop recorded nothing of them: "+fix+
				"; or connect the shop (bellhop shop connect), so that bellhop fetches such orders"))
		}
	}
	return found
}

// completeFix says how bodies like that of a line get whole.
func completeFix(l *store.Line) string {
	switch _, names := bellhop.ReasonParts(l.Reason); {
	case !strings.HasPrefix(l.Event.Topic, shopify.EventTopic+"/") && l.Reason == shopify.OnlyID():
		return "take include_fields out of the subscription to " + l.Event.Topic + " if it has them; what Amazon " +
			"EventBridge shrank to an id, above 1,000,000 bytes, needs nothing where the shop is connected"
	case !strings.HasPrefix(l.Event.Topic, shopify.EventTopic+"/"):
		return "take include_fields out of the subscription to " + l.Event.Topic
	case strings.HasPrefix(names, "errors"):
		return "grant the app what the fields need (bellhop shop check " + l.Event.Shop + "), or deploy the query of " +
			"bellhop shopify toml --events for the scopes that it has"
	case strings.Contains(names, "(more than"), strings.Contains(names, "payload_url"):
		return "nothing to mend: an Event has no room for such an order"
	}
	return "deploy the query that bellhop shopify toml --events prints"
}
