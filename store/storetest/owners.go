package storetest

import (
	"time"

	"bellhop"
	"bellhop/store"
)

// setSettings puts settings in the place of a person's.
func (f *fixture) setSettings(person int64, to bellhop.Settings) error {
	return f.s.UpdateSettings(f.ctx, person, func(s *bellhop.Settings) error { *s = to; return nil })
}

// ownedDevice adds a device whose owner has settings.
func (f *fixture) ownedDevice(s bellhop.Settings) bellhop.Device {
	f.Helper()
	f.addShop(shop)
	p := f.addOwner("jo@example.com", shop)
	f.must(f.setSettings(p.ID, s))
	d := f.addDevice(shop, "phone", bellhop.FormData)
	d.PersonID = p.ID
	return must(f.s.PutDevice(f.ctx, d, store.DeviceLimits{}))(f)
}

// toldOf checks an owner's pushes as orders go on: none of an order below their amount, and
// one of a kind for an order.
func toldOf(f *fixture) {
	f.ownedDevice(bellhop.Settings{Paid: true, Cancelled: true, Refunded: true, AtLeast: "5"})
	version := func(id int64, n int, paid string, cancelled bool) bellhop.Fact {
		fact := f.order(shop, id, n)
		fact.Order.FinancialStatus = paid
		if cancelled {
			fact.Order.CancelledAt = fact.At
		}
		return fact
	}
	small := version(2, 1, "pending", false)
	small.Order.Total = money("4.99", "USD")
	f.record(version(1, 1, "pending", false), small)
	f.record(version(1, 2, "paid", false))
	f.record(version(1, 3, "voided", false), version(1, 4, "paid", true)) // paid once more
	buyers := f.refund(shop, 1, 3, 60)
	buyers.History.Refunds[0].Currency = "EUR"
	f.record(f.refund(shop, 1, 1, 50), buyers, f.refund(shop, 2, 2, 50))
	back := map[int64]bellhop.Money{1: money("50.00", "USD"), 3: money("60.00", "EUR")}
	kinds := map[bellhop.PushKind]bool{}
	for _, o := range f.claim(at(100), 10) {
		kinds[o.Kind] = o.Gathered == nil && len(o.Pushes) == 1 && o.Settings.Paid
		if _, refund := o.Kind.Split(); refund != 0 {
			f.equal("what went back", o.Orders[0].Refunded, back[refund])
		}
	}
	f.equal("messages", kinds, map[bellhop.PushKind]bool{bellhop.PushOrderNew: true, bellhop.PushOrderPaid: true,
		bellhop.PushOrderCancelled: true, bellhop.RefundKind(1): true, bellhop.RefundKind(3): true})
	page := must(f.s.Pushes(f.ctx, shop, store.PushQuery{}))(f)
	got := map[bellhop.PushKind]int{}
	for _, p := range page.Pushes {
		switch {
		case p.OrderID == 1 && p.Status == bellhop.PushSending:
			got[p.Kind]++
		case p.OrderID != 2 || p.Status != bellhop.PushSkipped || p.Reason != store.ReasonBelowAmount:
			f.Errorf("%+v", p)
		}
	}
	f.equal("pushes by kind", got, map[bellhop.PushKind]int{bellhop.PushOrderNew: 1, bellhop.PushOrderPaid: 1,
		bellhop.PushOrderCancelled: 1, bellhop.RefundKind(1): 1, bellhop.RefundKind(3): 1})
	f.countsMatch(shop)
}

// notTold checks that the log says why a new order rang nowhere.
func notTold(f *fixture) {
	f.ownedDevice(bellhop.Settings{NotNew: true})
	f.record(f.order(shop, 1, 1))
	page := must(f.s.Pushes(f.ctx, shop, store.PushQuery{}))(f)
	if len(page.Pushes) != 1 || page.Pushes[0].Status != bellhop.PushSkipped ||
		page.Pushes[0].Reason != store.ReasonNotWanted {
		f.Errorf("%+v", page.Pushes)
	}
	f.equal("claimed", len(f.claim(at(100), 10)), 0)
	f.countsMatch(shop)
}

// quietHours checks that pushes wait for their end, say so, and go as one.
func quietHours(f *fixture) {
	f.ownedDevice(bellhop.Settings{QuietFrom: "08:00", QuietTo: "10:00", Timezone: "UTC", LoudFrom: "100"})
	loud := f.order(shop, 4, 1)
	loud.Order.Total = money("100.00", "USD")
	f.record(f.order(shop, 1, 1), f.order(shop, 2, 1), f.order(shop, 3, 1), loud)
	owed := f.claim(at(100), 10)
	if len(owed) != 1 || owed[0].Orders[0].ID != 4 {
		f.Fatalf("in quiet hours: %+v", owed)
	}
	f.sent(at(100), owed[0])
	end := day.Add(time.Hour)
	f.equal("their end", f.nextPush().UTC(), end)
	page := must(f.s.Pushes(f.ctx, shop, store.PushQuery{Status: bellhop.PushPending}))(f)
	for _, p := range page.Pushes {
		f.equal("why it waits", p.Reason, store.ReasonQuietHours)
	}
	f.equal("waiting", len(page.Pushes), 3)
	f.equal("before their end", len(f.claim(end.Add(-time.Second), 10)), 0)
	owed = f.claim(end, 2) // a claim smaller than the number of waiting pushes
	if len(owed) != 1 || owed[0].Gathered == nil || !owed[0].Held {
		f.Fatalf("at their end: %+v", owed)
	}
	f.equal("gathered", owed[0].Gathered.Orders, 3)
	f.settle(store.Settled{Pushes: owed[0].Pushes, Status: bellhop.PushSent, Reason: "gathered", At: end})
	f.countsMatch(shop)
}

// settingsHoldAtOnce checks that held pushes go out when quiet hours are turned off, and
// stay otherwise.
func settingsHoldAtOnce(f *fixture) {
	quiet := bellhop.Settings{QuietFrom: "08:00", QuietTo: "10:00", Timezone: "UTC"}
	d := f.ownedDevice(quiet)
	f.record(f.order(shop, 1, 1), f.order(shop, 2, 1))
	f.equal("in quiet hours", len(f.claim(at(100), 10)), 0)
	quiet.QuietTo = "11:00"
	owes := f.s.PushesOwed()
	f.must(f.setSettings(d.PersonID, quiet))
	<-owes
	f.equal("in longer quiet hours", len(f.claim(at(101), 10)), 0)
	f.equal("their end", f.nextPush().UTC(), day.Add(2*time.Hour))
	f.must(f.setSettings(d.PersonID, bellhop.Settings{}))
	owed := f.claim(at(102), 10)
	if len(owed) != 1 || owed[0].Gathered == nil || owed[0].Gathered.Orders != 2 {
		f.Fatalf("without quiet hours: %+v", owed)
	}
	f.countsMatch(shop)
}

// gathersAboveTheOwnersRate checks that a digest grows across claims, and survives.
func gathersAboveTheOwnersRate(f *fixture) {
	f.ownedDevice(bellhop.Settings{GatherAbove: 2})
	f.record(f.orders(1, 4)...)
	owed := f.claim(at(100), 10)
	if len(owed) != 3 || owed[1].Gathered != nil || owed[2].Gathered == nil {
		f.Fatalf("%+v", owed)
	}
	f.sent(at(100), owed...)
	f.record(f.order(shop, 5, 1))
	owed = f.claim(at(101), 10)
	if len(owed) != 1 || owed[0].Gathered == nil {
		f.Fatalf("%+v", owed)
	}
	f.equal("it grows", owed[0].Gathered.Orders, 3)
	f.countsMatch(shop)
}
