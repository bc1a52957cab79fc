package storetest

import (
	"fmt"
	"sync"
	"time"

	"bellhop"
	"bellhop/store"
)

func pushesOncePerDevice(f *fixture) {
	f.addShop(shop)
	for i := range 3 {
		f.addDevice(shop, fmt.Sprint("phone-", i), bellhop.FormData)
	}
	fact := f.order(shop, 7, 1)
	f.equal("first", f.record(fact)[0].Pushes, 3)
	f.record(fact, f.order(shop, 7, 1), f.order(shop, 7, 2), f.order(shop, 7, 0))
	f.addDevice(shop, "late", bellhop.FormData)
	f.record(f.order(shop, 7, 3))
	o := f.getOrder(7)
	f.equal("pushes", len(o.Pushes), 3)
	for _, p := range o.Pushes {
		if p.Status != bellhop.PushPending || p.Kind != bellhop.PushOrderNew || p.OrderID != 7 || p.OrderName != o.Name ||
			!p.CreatedAt.Equal(fact.At) || p.NextAt.IsZero() || p.Installation == "" || p.Attempts != 0 {
			f.Errorf("push %+v", p)
		}
	}
	f.equal("counts", f.countsMatch(shop), map[bellhop.PushStatus]int64{bellhop.PushPending: 3})
}

func noDevice(f *fixture) {
	f.addShop(shop)
	f.equal("result", f.record(f.order(shop, 7, 1)), []bellhop.Result{{Outcome: bellhop.OutcomeRecorded}})
	p := f.onePush(7)
	if p.Status != bellhop.PushSkipped || p.Reason != "no_device" || p.DeviceID != 0 || !p.NextAt.IsZero() {
		f.Errorf("push %+v", p)
	}
	version := func(n int, status string) bellhop.Fact {
		fact := f.order(shop, 8, n)
		fact.Order.FinancialStatus = status
		return fact
	}
	f.record(version(1, "pending"))
	f.record(version(2, "paid"))
	f.record(version(3, "voided"))
	f.record(version(4, "paid"), f.refund(shop, 8, 1, 50))
	f.record(f.refund(shop, 8, 1, 51), f.refund(shop, 8, 2, 52))
	var kinds []bellhop.PushKind
	for _, p := range f.getOrder(8).Pushes {
		kinds = append(kinds, p.Kind)
		f.equal("why", p.Reason, "no_device")
	}
	f.equal("a line each", kinds, []bellhop.PushKind{bellhop.PushOrderNew, bellhop.PushOrderPaid, bellhop.RefundKind(1),
		bellhop.RefundKind(2)})
	f.addDevice(shop, "late", bellhop.FormData)
	f.record(f.order(shop, 7, 2))
	f.onePush(7)
	f.equal("claimed", len(f.claim(at(9999), 10)), 0)
	f.equal("counts", f.countsMatch(shop), map[bellhop.PushStatus]int64{bellhop.PushSkipped: 5})
}

func oldOrdersOweNothing(f *fixture) {
	f.addShopWithPhone(bellhop.FormData)
	old := f.order(shop, 7, 1)
	old.Order.PlacedAt = old.At.Add(-25 * time.Hour)
	f.record(old)
	p := f.onePush(7)
	f.equal("why", p.Reason, store.ReasonOld)
	f.equal("status", p.Status, bellhop.PushSkipped)
	f.equal("claimed", len(f.claim(at(9999), 10)), 0)
}

func claimAndSettle(f *fixture) {
	f.must(f.s.AddShop(f.ctx, bellhop.Shop{Domain: shop, Secret: "s", PreviousSecret: "p", CustomerInPush: true,
		AddedAt: day}))
	d := f.addDevice(shop, "phone", bellhop.FormData)
	f.equal("none is owed", f.nextPush(), time.Time{})
	fact := f.order(shop, 7, 1)
	f.record(fact)
	f.equal("due", f.nextPush(), fact.At)
	f.equal("too early", len(f.claim(fact.At.Add(-time.Second), 10)), 0)

	owed := f.claim(at(100), 10)
	if len(owed) != 1 {
		f.Fatalf("claimed %+v", owed)
	}
	o := owed[0]
	f.equal("device", o.Device, d)
	f.equal("secrets", o.Shop.Secret+o.Shop.PreviousSecret, "")
	f.equal("shop", o.Shop.CustomerInPush, true)
	f.equal("orders", o.Orders, []store.OrderBrief{{ID: 7, Name: "#7", Total: money("10.01", "USD"),
		Current: money("10.01", "USD"), Pieces: 1,
		CustomerName: "Jo Lee",
		TraceParent:  fact.Event.TraceParent, AcceptedAt: fact.Event.AcceptedAt, FirstAttemptAt: at(100),
		Kind: bellhop.PushOrderNew}})
	if o.Kind != bellhop.PushOrderNew || o.Attempt != 1 || o.Gathered != nil {
		f.Errorf("owed %+v", o)
	}
	f.equal("sending", f.onePush(7).Status, bellhop.PushSending)
	f.equal("claimed again", len(f.claim(at(100), 10)), 0)
	f.equal("the lease's end", f.nextPush(), at(160))

	f.sent(at(101), o)
	p := f.onePush(7)
	if p.Status != bellhop.PushSent || !p.SentAt.Equal(at(101)) || !p.NextAt.IsZero() || p.Attempts != 1 {
		f.Errorf("push %+v", p)
	}
	f.equal("trace", f.getOrder(7).Trace.PushedAt, at(101))
	f.equal("once sent", len(f.claim(at(99999), 10)), 0)
	f.settle(store.Settled{Pushes: o.Pushes, Status: bellhop.PushUnknown, At: at(102), RetryAt: at(110)})
	f.equal("stays sent", f.onePush(7), p)
	f.equal("counts", f.countsMatch(shop), map[bellhop.PushStatus]int64{bellhop.PushSent: 1})
}

// claimsDoNotOverlap lets several claim at once, some through a second opening of the
// store.
func claimsDoNotOverlap(f *fixture) {
	f.addShop(shop)
	f.addDevice(shop, "one", bellhop.FormData)
	f.addDevice(shop, "two", bellhop.FormData)
	f.record(f.orders(1, 60)...)
	stores := []store.Store{f.s, f.d.Another(f.T, f.s), f.s}
	seen := map[int64]int{}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for _, s := range stores {
		wg.Go(func() {
			for {
				owed, err := s.ClaimPushes(f.ctx, at(1000), store.Slots{Free: 7}, time.Minute)
				if err != nil {
					f.Error(err)
				}
				if len(owed) == 0 {
					return
				}
				mu.Lock()
				for _, o := range owed {
					for _, id := range o.Pushes {
						seen[id]++
					}
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	f.equal("pushes", len(seen), 120)
	for id, n := range seen {
		if n != 1 {
			f.Errorf("push %d was claimed %d times", id, n)
		}
	}
}

func leaseRunsOut(f *fixture) {
	f.addShopWithPhone(bellhop.FormData)
	f.record(f.order(shop, 7, 1))
	first := f.claim(at(100), 10)
	f.equal("under lease", len(f.claim(at(159), 10)), 0)
	again := f.claim(at(160), 10)
	if len(again) != 1 || again[0].Attempt != 2 || again[0].Pushes[0] != first[0].Pushes[0] {
		f.Fatalf("claimed again %+v", again)
	}
	f.settle(store.Settled{Pushes: again[0].Pushes, Status: bellhop.PushFailed, Reason: "refused", At: at(161)})
	f.sent(at(162), first[0])
	p := f.onePush(7)
	f.equal("it was sent after all", p.Status, bellhop.PushSent)
	f.equal("attempts", p.Attempts, 2)
	f.countsMatch(shop)
}

func retry(f *fixture) {
	f.addShopWithPhone(bellhop.FormData)
	f.record(f.order(shop, 7, 1))
	for attempt, status := range []bellhop.PushStatus{bellhop.PushPending, bellhop.PushUnknown} {
		now := at(100 * (attempt + 1))
		o := f.claim(now, 10)
		f.equal("attempt", o[0].Attempt, attempt+1)
		f.settle(store.Settled{Pushes: o[0].Pushes, Status: status, Reason: "unavailable", At: now,
			RetryAt: now.Add(10 * time.Second)})
		p := f.onePush(7)
		if p.Status != status || p.Reason != "unavailable" || !p.NextAt.Equal(now.Add(10*time.Second)) {
			f.Errorf("push %+v", p)
		}
		f.equal("too early", len(f.claim(now.Add(9*time.Second), 10)), 0)
	}
	o := f.claim(at(999), 10)
	f.settle(store.Settled{Pushes: o[0].Pushes, Status: bellhop.PushUnknown, Reason: "gave_up", At: at(999)})
	f.equal("final", f.onePush(7).NextAt, time.Time{})
	f.equal("no more", len(f.claim(at(99999), 10)), 0)
	f.equal("counts", f.countsMatch(shop), map[bellhop.PushStatus]int64{bellhop.PushUnknown: 1})
}

func (f *fixture) oldestOwed() time.Time {
	f.Helper()
	return must(f.s.OldestOwed(f.ctx))(f)
}

// oldestOwed checks that a push in trouble is late since it was made, and that one that
// waits for its time is late since that.
func oldestOwed(f *fixture) {
	f.addShopWithPhone(bellhop.FormData)
	f.equal("none", f.oldestOwed(), time.Time{})
	fact := f.order(shop, 7, 1)
	f.record(fact)
	f.equal("a new one", f.oldestOwed(), fact.At)
	f.claimThrough(gate{map[string]int{"phone": 0}, at(5000)}, at(100))
	f.equal("its service is in trouble", f.oldestOwed(), fact.At)
	for attempt, test := range []struct {
		underWay time.Time // a claim of quiet hours' end is not late before it runs out
		reason   string
		want     time.Time
	}{{fact.At, "unavailable", fact.At}, {fact.At, store.ReasonQuietHours, at(7000)}, {at(7060), "unknown", fact.At}} {
		o := f.claim(at(5000+1000*attempt), 10)
		f.equal("under way", f.oldestOwed(), test.underWay)
		f.settle(store.Settled{Pushes: o[0].Pushes, Status: bellhop.PushPending, Reason: test.reason, At: at(5000),
			RetryAt: at(6000 + 1000*attempt)})
		f.equal("waits for "+test.reason, f.oldestOwed(), test.want)
	}
	f.sent(at(9000), f.claim(at(9000), 10)...)
	f.equal("sent", f.oldestOwed(), time.Time{})
}

func badSettlements(f *fixture) {
	f.addShopWithPhone(bellhop.FormData)
	f.record(f.order(shop, 7, 1))
	ids := f.claim(at(100), 10)[0].Pushes
	for _, s := range []store.Settled{
		{Status: bellhop.PushPending}, {Status: bellhop.PushSending, RetryAt: at(1)}, {Status: ""},
		{Status: bellhop.PushSent, RetryAt: at(1)}, {Status: bellhop.PushFailed, RetryAt: at(1)},
	} {
		s.Pushes, s.At = ids, at(100)
		f.kind(bellhop.Invalid, f.s.SettlePushes(f.ctx, []store.Settled{s}))
	}
	f.must(f.s.SettlePushes(f.ctx, nil))
	f.equal("unchanged", f.onePush(7).Status, bellhop.PushSending)
}

func retirement(f *fixture) {
	d := f.addShopWithPhone(bellhop.FormData)
	f.addDevice(shop, "tablet", bellhop.FormData)
	f.record(f.order(shop, 7, 1), f.order(shop, 8, 1))
	owed := f.claim(at(100), 1)
	gone := &store.Retirement{DeviceID: d.ID, Value: d.Value, Reason: "unregistered"}
	f.settle(store.Settled{Pushes: owed[0].Pushes, Status: bellhop.PushFailed, Reason: "unregistered", At: at(101),
		Retire: gone})
	all := must(f.s.Devices(f.ctx, shop))(f)
	if !all[0].RetiredAt.Equal(at(101)) || all[0].RetiredFor != "unregistered" || !all[1].RetiredAt.IsZero() {
		f.Errorf("devices %+v", all)
	}
	for _, p := range f.getOrder(8).Pushes {
		if (p.DeviceID == d.ID) != (p.Status == bellhop.PushSkipped && p.Reason == "device_retired") {
			f.Errorf("push %+v", p)
		}
	}
	f.equal("new orders", f.record(f.order(shop, 9, 1))[0].Pushes, 1)
	for _, o := range f.claim(at(9999), 100) {
		f.equal("goes to", o.Device.Installation, "tablet")
	}
	f.countsMatch(shop)
}

func refreshedAddressStays(f *fixture) {
	d := f.addShopWithPhone(bellhop.FormData)
	f.record(f.order(shop, 7, 1))
	owed := f.claim(at(100), 1)
	fresh := d
	fresh.Value = "another"
	must(f.s.PutDevice(f.ctx, fresh, store.DeviceLimits{}))(f)
	f.settle(store.Settled{Pushes: owed[0].Pushes, Status: bellhop.PushPending, At: at(101), RetryAt: at(102),
		Retire: &store.Retirement{DeviceID: d.ID, Value: d.Value, Reason: "unregistered"}})
	owed = f.claim(at(102), 1)
	if len(owed) != 1 || owed[0].Device.Value != "another" {
		f.Errorf("claimed %+v", owed)
	}
}

func deletedOrdersAreNotPushed(f *fixture) {
	f.addShopWithPhone(bellhop.FormData)
	f.record(f.order(shop, 7, 1), f.order(shop, 8, 1))
	owed := f.claim(at(100), 1)
	f.record(f.deletion(shop, 7), f.deletion(shop, 8))
	f.equal("claimed", len(f.claim(at(101), 10)), 0)
	f.settle(store.Settled{Pushes: owed[0].Pushes, Status: bellhop.PushPending, At: at(102), RetryAt: at(103)})
	f.equal("claimed", len(f.claim(at(103), 10)), 0)
	f.equal("counts", f.countsMatch(shop), map[bellhop.PushStatus]int64{bellhop.PushSkipped: 2})
}

func receipts(f *fixture) {
	f.addShopWithPhone(bellhop.FormData)
	f.record(f.order(shop, 7, 1))
	id := f.onePush(7).ID
	notSent := func(id int64) {
		f.Helper()
		for _, opened := range []bool{false, true} {
			f.equal("code", bellhop.CodeOf(f.s.PushReceipt(f.ctx, shop, id, opened, at(5))), "not_sent")
		}
	}
	notSent(id)
	f.claim(at(9), 1)
	f.must(f.s.PushReceipt(f.ctx, shop, id, false, at(10))) // a phone may be faster than the worker
	f.must(f.s.PushReceipt(f.ctx, shop, id, true, at(20)))
	f.must(f.s.PushReceipt(f.ctx, shop, id, false, at(30)))
	f.must(f.s.PushReceipt(f.ctx, shop, id, true, at(40)))
	p := f.onePush(7)
	f.equal("received", p.ReceivedAt, at(10))
	f.equal("opened", p.OpenedAt, at(20))
	f.kind(bellhop.NotFound, f.s.PushReceipt(f.ctx, shop, id+99, true, at(1)))
	f.settle(store.Settled{Pushes: []int64{id}, Status: bellhop.PushUnknown, At: at(50)})
	f.equal("sent again", must(f.s.ResendPushes(f.ctx, shop, []int64{id}, at(51)))(f), 1)
	f.must(f.s.PushReceipt(f.ctx, shop, id, true, at(52)))
	f.record(f.order(shop, 8, 1))
	f.must(f.s.RemoveDevice(f.ctx, shop, "phone"))
	notSent(f.onePush(8).ID)
}

func pushLog(f *fixture) {
	f.addShop(shop)
	f.addDevice(shop, "one", bellhop.FormData)
	f.addDevice(shop, "two", bellhop.FormData)
	const first = 8_967_708_900_301 // no number of 32 bits
	for i := range int64(6) {
		f.record(f.order(shop, first+i, 1))
	}
	owed := f.claim(at(100), 5)
	statuses := []bellhop.PushStatus{bellhop.PushSent, bellhop.PushFailed, bellhop.PushUnknown, bellhop.PushSkipped}
	for i, status := range statuses {
		f.settle(store.Settled{Pushes: owed[i].Pushes, Status: status, At: at(101)})
	}
	all := f.allPushes(shop, store.PushQuery{Limit: 5})
	f.equal("all", len(all), 12)
	for i, p := range all {
		if i > 0 && (p.CreatedAt.After(all[i-1].CreatedAt) || p.ID >= all[i-1].ID) {
			f.Errorf("not newest first: %+v after %+v", p, all[i-1])
		}
	}
	want := map[bellhop.PushStatus]int{bellhop.PushPending: 7, bellhop.PushSending: 1}
	for _, s := range statuses {
		want[s] = 1
	}
	for status, n := range want {
		got := f.allPushes(shop, store.PushQuery{Status: status, Limit: 3})
		f.equal(string(status), len(got), n)
		for _, p := range got {
			f.equal("status", p.Status, status)
		}
	}
	f.equal("of an order", len(f.allPushes(shop, store.PushQuery{OrderID: first + 2})), 2)
	f.equal("of none", len(f.allPushes(shop, store.PushQuery{OrderID: 99})), 0)
	f.countsMatch(shop)
}

// pushesOwed waits for the signal of this store's own writes, and of another's.
func pushesOwed(f *fixture) {
	f.addShopWithPhone(bellhop.FormData)
	f.signals(f.s.PushesOwed, func() bool { return len(f.claim(at(9999), 10)) > 0 })
	owed := f.s.PushesOwed()
	f.settle(store.Settled{Pushes: []int64{f.allPushes(shop, store.PushQuery{})[0].ID}, Status: bellhop.PushPending,
		At: day, RetryAt: day})
	f.await(owed, "no signal of a retry")
}
