package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"bellhop"
	"bellhop/store"
	"bellhop/wire"
)

// refusalWords say why bellhop refused webhooks, by the outcome in
// bellhop_webhooks_total. Any other outcome shows as it is.
var refusalWords = map[string]string{
	"invalid":     "with a header missing or wrong, or without a body",
	"too_large":   "too large",
	"slow":        "too slow",
	"cut":         "cut off",
	"encoded":     "with a Content-Encoding",
	"method":      "not sent with POST",
	"busy":        "too many at once",
	"unavailable": "while the queue could not take them",
	"internal":    "by our own fault",
	"panic":       "by our own fault",
}

// strangersDo are reasons that any scanner causes. Unless the refusal names a shop of
// ours, nobody has to fix anything.
var strangersDo = []string{"method", "encoded", "invalid", "too_large", "slow", "cut"}

// refused reports the webhooks refused within the last hour, if there is a secret to check
// signatures with.
func refused(j *job, p *wire.Parts) ([]wire.Finding, error) {
	all, err := p.Store.Refusals(j.ctx, j.now().Add(-store.RefusalsKept))
	if err != nil {
		return nil, err
	}
	signatures := slices.DeleteFunc(slices.Clone(all),
		func(r store.Refusal) bool { return r.Reason != "unauthenticated" })
	secret := wire.OK("secret", "there is one to check signatures with")
	if len(signatures) > 0 {
		secret = wire.Warn("secret", lately(signatures, "signature"),
			"compare BELLHOP_SHOPIFY_SECRET, or the shop's own secret, with the app's client secret in Shopify")
	}
	others := slices.DeleteFunc(all, func(r store.Refusal) bool { return r.Reason == "unauthenticated" })
	if len(others) == 0 {
		return []wire.Finding{secret}, nil
	}
	rest := wire.OK("webhooks", lately(others, "webhook")+": "+reasons(others))
	if slices.ContainsFunc(others, oursToMend) {
		rest = wire.Warn("webhooks", rest.Found, "look into the log of bellhop serve")
	}
	return []wire.Finding{secret, rest}, nil
}

func oursToMend(r store.Refusal) bool { return r.Shop != "" || !slices.Contains(strangersDo, r.Reason) }

// lately counts refusals and names the last one's time and shop.
func lately(all []store.Refusal, what string) string {
	n, of := 0, cmp.Or(all[0].Shop, "a shop that is not added")
	for _, r := range all {
		n += int(r.Count)
	}
	return fmt.Sprintf("%s refused in the last hour, the last at %s UTC, of %s", plural(n, what), clockTime(all[0].At),
		of)
}

func clockTime(at time.Time) string { return at.UTC().Format("15:04") }

// reasons counts refusals by their reason.
func reasons(all []store.Refusal) string {
	var order []string
	counts := map[string]int64{}
	for _, r := range all {
		words := cmp.Or(refusalWords[r.Reason], r.Reason)
		if counts[words] == 0 {
			order = append(order, words)
		}
		counts[words] += r.Count
	}
	for i, words := range order {
		order[i] = fmt.Sprintf("%d %s", counts[words], words)
	}
	return strings.Join(order, "; ")
}

// unknownShops reports webhooks that wait unrecorded because nobody added their shop.
func unknownShops(j *job, p *wire.Parts) ([]wire.Finding, error) {
	q := store.LineQuery{Outcome: bellhop.OutcomeSkipped, Reason: bellhop.ReasonUnknownShop, Limit: 200}
	page, err := p.Store.Lines(j.ctx, q)
	if err != nil {
		return nil, err
	}
	recent := slices.DeleteFunc(page.Lines,
		func(l store.Line) bool { return j.now().Sub(l.Event.AcceptedAt) > time.Hour })
	if len(recent) == 0 {
		return nil, nil
	}
	e := recent[0].Event
	return []wire.Finding{wire.Warn("unknown shops",
		fmt.Sprintf("%s in the last hour from unknown shops, the last at %s UTC of %s",
			atLeast(len(recent), page.Next != "" && len(recent) == len(page.Lines), "webhook"), clockTime(e.AcceptedAt),
			e.Shop),
		"if it is yours: bellhop shop add "+e.Shop+", then bellhop replay --since 1d --shop "+e.Shop)}, nil
}
