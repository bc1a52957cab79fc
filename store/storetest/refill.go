package storetest

import (
	"bellhop"
	"bellhop/store"
)

// refill adds to orders what their bodies say, and changes nothing else.
func refill(f *fixture) {
	f.addShopWithPhone(bellhop.FormData)
	newer, older := f.order(shop, 7, 2), f.order(shop, 7, 1)
	history, waiting := f.refund(shop, 7, 3, 30), f.refund(shop, 7, 4, 31)
	recorded := history
	recorded.OrderID = 70 // an event that has its line, and that the order does not know
	f.record(newer, f.deletion(shop, 9), recorded, older)
	lines, pushes, last := f.allLines(store.LineQuery{}), f.allPushes(shop, store.PushQuery{}), f.lastChange()

	again := newer
	o := *newer.Order
	o.Details = filled[bellhop.Details]()
	again.Order = &o
	n := must(f.s.Refill(f.ctx, []bellhop.Fact{older, again, history, waiting, f.order(shop, 8, 1), f.order(shop, 9, 1),
		f.edit("nobody.myshopify.com", 7, 1, 1), f.deletion(shop, 7)}))(f)
	f.equal("orders", n, 1)
	got := f.getOrder(7)
	f.equal("details", got.Details, o.Details)
	f.equal("history", got.History, *history.History)
	f.equal("refunded", got.RefundedAt, at(30))
	f.equal("version", got.Version, newer.Order.Version)
	f.noOrder(8)
	f.noOrder(9)
	f.equal("lines", f.allLines(store.LineQuery{}), lines)
	f.equal("pushes", f.allPushes(shop, store.PushQuery{}), pushes)
	f.equal("stream", f.lastChange(), last)
	f.equal("found", f.ids(store.OrderQuery{Text: "text 85"}), []int64{})
	f.equal("found by its line", f.ids(store.OrderQuery{Text: o.Items[0].SKU}), []int64{7})
	f.equal("nothing to catch up", must(f.s.CatchUp(f.ctx, 10))(f), 0)
	f.kind(bellhop.Invalid, errOf(f.s.CatchUp(f.ctx, 0)))
	f.equal("what was waiting", f.outcomes(waiting), []bellhop.Outcome{bellhop.OutcomeRecorded})
	f.totalsMatch()
}

// parcels are found by their numbers, also when they come without the order, or before it.
func parcels(f *fixture) {
	f.addShop(shop)
	sent := func(id, parcel int64, number string) bellhop.Fact {
		return f.happened(shop, id, &bellhop.History{Fulfillments: []bellhop.Fulfillment{{Step: said(parcel, 5),
			Tracking: []bellhop.Tracking{{Number: number}}}}})
	}
	f.record(f.order(shop, 1, 1))
	f.record(sent(1, 10, "1Z999AA10123456784"), sent(2, 11, "JD014600006281230704"))
	f.record(f.order(shop, 2, 1))
	f.record(f.order(shop, 1, 2)) // its body says nothing of the parcel
	for text, want := range map[string][]int64{"1z999aa1": {1}, "56784": {1}, "0704": {2}, "JD0146": {2}, "784x": {}} {
		f.equal("search for "+text, f.ids(store.OrderQuery{Text: text}), want)
	}
	f.record(f.deletion(shop, 2))
	f.equal("deleted", f.ids(store.OrderQuery{Text: "0704"}), []int64{})
}
