package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"bellhop"
	"bellhop/store"
	"bellhop/web/webhook"
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
	found := append([]wire.Finding{secret}, astray(all)...)
	others := slices.DeleteFunc(all, func(r store.Refusal) bool {
		return r.Reason == "unauthenticated" || strings.HasPrefix(r.Reason, store.ReasonAstray)
	})
	if len(others) == 0 {
		return found, nil
	}
	rest := wire.OK("webhooks", lately(others, "webhook")+": "+reasons(others))
	if slices.ContainsFunc(others, oursToMend) {
		rest = wire.Warn("webhooks", rest.Found, "look into the log of bellhop serve")
	}
	return append(found, rest), nil
}

// astray reports webhooks to addresses that are not bellhop's, the busiest address.
func astray(all []store.Refusal) []wire.Finding {
	counts := map[string]int64{}
	busiest, addresses := "", 0
	for _, r := range all {
		path, is := strings.CutPrefix(r.Reason, store.ReasonAstray)
		if !is {
			continue
		}
		if counts[path] == 0 {
			addresses++
		}
		if counts[path] += r.Count; counts[path] > counts[busiest] || busiest == "" {
			busiest = path
		}
	}
	if addresses == 0 {
		return nil
	}
	words := fmt.Sprintf("Shopify posts to %s, which is not bellhop's: %s in the last hour",
		cmp.Or(busiest, "many addresses"), plural(int(counts[busiest]), "webhook"))
	if addresses > 1 {
		words += fmt.Sprintf(", and to %s", plural(addresses-1, "other path"))
	}
	return []wire.Finding{wire.Warn("address", words, "let the app's subscriptions end in "+webhook.Path)}
}

// tooLarge reports webhooks that Shopify signed and bellhop could not take.
func tooLarge(j *job, p *wire.Parts) ([]wire.Finding, error) {
	page, err := p.Store.Lines(j.ctx, store.LineQuery{Outcome: bellhop.OutcomeSkipped,
		Reason: bellhop.ReasonBodyTooLarge, Limit: 200})
	if err != nil || len(page.Lines) == 0 {
		return nil, err
	}
	e := page.Lines[0].Event
	return []wire.Finding{wire.Warn("too large",
		fmt.Sprintf("%s had a body too large for bellhop or its queue, the last at %s UTC: %s of %s",
			atLeast(len(page.Lines), page.Next != "", "webhook"), when(e.AcceptedAt), e.Topic, e.Shop),
		"raise BELLHOP_MAX_BODY, up to 32MiB, or add bucket=NAME to an sqs: queue; the log has their sizes")}, nil
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

// bodyLimit says where the queue takes smaller bodies than the endpoint does.
func (c *doctorCmd) bodyLimit(*job, *wire.Parts) ([]wire.Finding, error) {
	most, err := c.BodyLimit()
	if err != nil {
		return nil, err
	}
	found := fmt.Sprintf("webhooks of up to %.3g MiB are taken", float64(most)/(1<<20))
	if !strings.HasPrefix(c.Queue, "sqs") || strings.Contains(c.Queue, "bucket=") {
		return []wire.Finding{wire.OK("body", found)}, nil
	}
	return []wire.Finding{wire.Warn("body", "SQS takes no message above 1 MiB, packed: larger webhooks are answered 413",
		"add bucket=NAME to BELLHOP_QUEUE")}, nil
}
