package storetest

import (
	"time"

	"bellhop"
	"bellhop/store"
)

// fetched makes an event of a fact one that bellhop made of what it fetched.
func fetched(topic string, fact bellhop.Fact) bellhop.Fact {
	fact.Event.Topic, fact.Event.SignedBy, fact.Event.WebhookID = topic, bellhop.SignerAPI, ""
	return fact
}

// fetchedIsNotHeard records what bellhop fetched beside what Shopify sent: it says nothing of silences, of the newest
// webhook and of whether the app is installed.
func fetchedIsNotHeard(f *fixture) {
	f.addShopWithPhone(bellhop.FormData)
	hour := func(n int) time.Time { return day.Add(time.Duration(n) * time.Hour) }
	f.record(f.acceptedAt(shop, "orders/create", hour(1)))
	for n, topic := range []string{bellhop.TopicBackfill, bellhop.TopicReconcile} {
		f.record(fetched(topic, f.acceptedAt(shop, topic, hour(2+n))), fetched(topic, f.deletion(shop, int64(70+n))))
	}
	f.equal("last events", must(f.s.LastEvents(f.ctx, shop, time.Time{}))(f),
		map[string]time.Time{"orders/create": hour(1)})
	f.equal("silences", must(f.s.Silences(f.ctx, shop, day, time.Hour))(f), []store.Silence{{From: hour(1)}})
	f.equal("the last event", f.theShop(shop).LastEventAt, hour(1))
	f.equal("its signer", f.theShop(shop).LastSignedBy, bellhop.SignerShop)
	f.equal("webhooks", must(f.s.Busiest(f.ctx, hour(0), hour(9)))(f).All, int64(1))
	f.equal("lines", len(f.allLines(store.LineQuery{Topic: bellhop.TopicReconcile})), 2)

	f.must(f.s.Uninstall(f.ctx, shop, hour(4)))
	late := fetched(bellhop.TopicReconcile, f.order(shop, 80, 1))
	late.Event.TriggeredAt = hour(5)
	f.equal("nobody is rung without the app", f.record(late)[0].Pushes, 0)
	f.equal("still removed", f.theShop(shop).UninstalledAt, hour(4))
}

// fetchedRings checks who is rung for what was fetched, and that the order says what found it first.
func fetchedRings(f *fixture) {
	f.addShopWithPhone(bellhop.FormData)
	p := f.addOwner("jo@example.com", shop)
	p.Settings = bellhop.Settings{Paid: true, Refunded: true}
	f.must(f.setSettings(p.ID, p.Settings))
	d := must(f.s.Devices(f.ctx, shop))(f)[0]
	d.PersonID = p.ID
	must(f.s.PutDevice(f.ctx, d, store.DeviceLimits{}))(f)

	pending := f.order(shop, 3, 1)
	pending.Order.FinancialStatus = "pending"
	paid := fetched(bellhop.TopicBackfill, f.order(shop, 3, 2))
	paid.Order.History = *f.refund(shop, 3, 9, 1).History
	f.record(fetched(bellhop.TopicBackfill, f.order(shop, 1, 1)), fetched(bellhop.TopicReconcile, f.order(shop, 2, 1)),
		pending, paid, f.order(shop, 1, 2), f.order(shop, 2, 2))
	for id, want := range map[int64]struct{ found, reason string }{1: {"backfill", store.ReasonBackfill},
		2: {"reconcile", ""}, 3: {"", ""}} {
		o := f.getOrder(id)
		f.equal("found", o.Trace.Found, want.found)
		f.equal("why", []any{o.Pushes[0].Kind, o.Pushes[0].Reason}, []any{bellhop.PushOrderNew, want.reason})
		for _, later := range o.Pushes[1:] {
			f.equal("later", []any{id, later.Status, later.Reason},
				[]any{int64(3), bellhop.PushSkipped, store.ReasonBackfill})
		}
	}
	for found, want := range map[string][]int64{"backfill": {1}, "reconcile": {2}, store.FoundByWebhook: {3}, "x": {}} {
		f.equal("found by "+found, f.ids(store.OrderQuery{Found: found}), want)
	}
	f.equal("found by two filters", f.ids(store.OrderQuery{Found: "backfill", Test: true}), []int64{})
	f.equal("pushes of what was backfilled later", len(f.getOrder(3).Pushes), 3)
	f.record(f.deletion(shop, 2))
	f.record(f.order(shop, 4, 1))
	f.equal("another order", f.getOrder(4).Trace.Found, "")
}

// fetchedBringsNothingBack checks that what was redacted stays so when the order is fetched again as it was.
func fetchedBringsNothingBack(f *fixture) {
	f.addShop(shop)
	f.record(f.personal(7, 1), f.personal(8, 1))
	f.redact(bellhop.RedactedForRetention, at(100), 7)
	f.redact(bellhop.RedactedForRequest, at(100), 8)
	again := func(id int64, updated int) bellhop.Order {
		fact := fetched(bellhop.TopicReconcile, f.personal(id, updated))
		v := &fact.Order.Version
		v.TriggeredAt, v.Hash, fact.Order.FinancialStatus = at(200), v.Hash+1, "refunded" // another body
		f.record(fact)
		f.equal("status", f.getOrder(id).FinancialStatus, "refunded")
		return f.getOrder(id)
	}
	f.equal("taken away", again(7, 1).CustomerName, "")
	f.equal("for retention", f.getOrder(7).RedactedFor, bellhop.RedactedForRetention)
	f.equal("for a request", again(8, 2).CustomerName, "")
	f.equal("bodies", len(f.bodies(shop)), 0)
	o := again(7, 2)
	f.equal("it changed since", []string{o.CustomerName, o.RedactedFor}, []string{"Jo Lee", ""})
}

// hiddenStays records a version of which Shopify hides the customer beside one that shows it: what is known stays, the
// owners' apps are told where an older one brings it, and redaction takes it away.
func hiddenStays(f *fixture) {
	f.addShop(shop)
	hidden := func(id int64, version int) bellhop.Fact {
		fact := f.order(shop, id, version)
		o := fact.Order
		o.CustomerName, o.CustomerEmail, o.Shipping = "", "", &bellhop.Address{City: "Busan"}
		return fetched(bellhop.TopicReconcile, fact)
	}
	shown := f.personal(7, 1)
	f.record(shown)
	f.record(hidden(7, 2))
	f.record(hidden(8, 2))
	before := len(must(f.s.Changes(f.ctx, shop, 0, 100))(f))
	f.equal("an older one", f.outcomes(f.personal(8, 1)), []bellhop.Outcome{bellhop.OutcomeStale})
	f.equal("changes", len(must(f.s.Changes(f.ctx, shop, 0, 100))(f)), before+1)
	for id := int64(7); id <= 8; id++ {
		o := f.getOrder(id)
		f.equal("customer", []any{o.CustomerName, o.CustomerEmail, *o.Customer, *o.Billing},
			[]any{"Jo Lee", shown.Order.CustomerEmail, *shown.Order.Customer, *shown.Order.Billing})
		f.equal("the rest", []any{o.Version.UpdatedAt, o.Total.String(), *o.Shipping},
			[]any{at(2), "10.02", bellhop.Address{City: "Busan"}})
	}
	f.equal("a search", f.ids(store.OrderQuery{Text: "Lee"}), []int64{8, 7})
	f.redact(bellhop.RedactedForRequest, at(100), 7)
	f.redact(bellhop.RedactedForRetention, at(100), 8)
	f.record(hidden(7, 3), hidden(8, 3))
	for id := int64(7); id <= 8; id++ {
		o := f.getOrder(id)
		f.equal("redacted", []any{o.CustomerName, o.CustomerEmail, o.Customer, o.Billing, o.Kept},
			[]any{"", "", (*bellhop.Customer)(nil), (*bellhop.Address)(nil), []bellhop.Kept(nil)})
	}
}
