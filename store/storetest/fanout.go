package storetest

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"bellhop"
	"bellhop/store"
	"bellhop/store/rules"
)

// addDevices adds many devices, some at once.
func (f *fixture) addDevices(domain string, n int) {
	f.Helper()
	var all sync.WaitGroup
	const atOnce = 4 // a driver may have no more connections, and nobody waits long for one
	for first := range atOnce {
		all.Go(func() {
			for i := first; i < n; i += atOnce {
				f.addDevice(domain, fmt.Sprint("phone-", i), bellhop.FormData)
			}
		})
	}
	all.Wait()
}

// many is enough devices for a fan-out.
const many = rules.FanOutAbove + 1

// fanOut checks that a fan-out's pushes reach each of many devices once, and none that came
// later.
func fanOut(f *fixture) {
	f.addShop(shop)
	f.addDevices(shop, many)
	fact := f.order(shop, 7, 1)
	f.equal("pushes", f.record(fact)[0].Pushes, 1)
	f.equal("written yet", len(f.getOrder(7).Pushes), 0)
	f.equal("due", f.nextPush(), fact.At)
	f.equal("owed since", f.oldestOwed(), fact.At)
	f.record(fact, f.order(shop, 7, 1), f.order(shop, 7, 2))
	f.addDevice(shop, "late", bellhop.FormData)
	f.must(f.s.RemoveDevice(f.ctx, shop, "phone-0"))
	f.s = f.d.Reopen(f, f.s)

	wakes := f.s.PushesOwed()
	owed := f.claim(at(100), 10)
	f.equal("claimed", len(owed), 10)
	f.equal("a portion", len(f.getOrder(7).Pushes), 100)
	f.await(wakes, "no signal that there is more to write")
	for !f.nextPush().After(at(100)) {
		owed = append(owed, f.claim(at(100), 60)...)
	}
	f.equal("messages", len(owed), many-1)
	to := map[string]int{}
	for _, o := range owed {
		to[o.Device.Installation]++
		if o.Kind != bellhop.PushOrderNew || o.Orders[0].ID != 7 || o.Attempt != 1 {
			f.Fatalf("owed %+v", o)
		}
		f.sent(at(101), o)
	}
	f.equal("devices", len(to), many-1)
	f.equal("since", f.getOrder(7).Pushes[0].CreatedAt, fact.At)
	f.equal("came later", to["late"], 0)
	f.equal("nothing is owed", f.nextPush(), time.Time{})
	f.equal("counts", f.countsMatch(shop), map[bellhop.PushStatus]int64{bellhop.PushSent: many - 1})
	f.record(f.order(shop, 7, 3))
	f.equal("once", f.nextPush(), time.Time{})
}

// fanOutsOfDeletedOrders checks that they end without pushes.
func fanOutsOfDeletedOrders(f *fixture) {
	f.addShop(shop)
	f.addDevices(shop, many)
	f.record(f.order(shop, 7, 1), f.order(shop, 8, 1), f.deletion(shop, 8))
	f.equal("claimed", len(f.claim(at(100), 1)), 1)
	f.record(f.deletion(shop, 7))
	f.claim(at(100), 1000)
	counts := f.countsMatch(shop)
	f.equal("skipped", counts[bellhop.PushSkipped], int64(99))
	f.equal("one was on its way", counts[bellhop.PushSending], int64(1))
	f.equal("no more", f.nextPush(), at(160))
}

// fanOutAsked checks that each owner's wishes hold as they do for a single device.
func fanOutAsked(f *fixture) {
	f.addShop(shop)
	f.addDevices(shop, many)
	settled := func(email string, s bellhop.Settings) {
		p := f.addOwner(email, shop)
		f.must(f.setSettings(p.ID, s))
		d := f.addDevice(shop, email, bellhop.FormData)
		d.PersonID = p.ID
		must(f.s.PutDevice(f.ctx, d, store.DeviceLimits{}))(f)
	}
	settled("quiet@example.com", bellhop.Settings{NotNew: true})
	settled("large@example.com", bellhop.Settings{AtLeast: "99999"})
	settled("paid@example.com", bellhop.Settings{NotNew: true, Cancelled: true})
	f.record(f.order(shop, 7, 1))
	cancelled := f.order(shop, 7, 2)
	cancelled.Order.CancelledAt = at(2)
	f.record(cancelled)
	var owed []store.Owed
	for !f.nextPush().After(at(100)) {
		owed = append(owed, f.claim(at(100), 500)...)
	}
	f.equal("messages", len(owed), many+1)
	var reasons []string
	for _, p := range f.getOrder(7).Pushes {
		if p.Status == bellhop.PushSkipped {
			reasons = append(reasons, p.Reason)
		}
	}
	slices.Sort(reasons)
	f.equal("skipped", reasons, []string{store.ReasonBelowAmount, store.ReasonNotWanted, store.ReasonNotWanted})
}

// claimsAreShared checks that a shop with many due pushes leaves room to the others.
func claimsAreShared(f *fixture) {
	f.addShop(shop, second, third)
	f.addDevices(shop, many)
	for _, other := range []string{second, third} {
		f.addDevice(other, "phone", bellhop.FormData)
	}
	f.record(f.orders(1, 3)...)
	f.record(f.order(second, 1, 1), f.order(second, 2, 1), f.order(third, 1, 1))
	take := func(s store.Slots) map[string]int {
		owed := must(f.s.ClaimPushes(f.ctx, at(100), s, time.Minute))(f)
		got := map[string]int{}
		for _, o := range owed {
			got[o.Device.Shop]++
		}
		return got
	}
	f.equal("in turn", take(store.Slots{Free: 4}), map[string]int{shop: 2, second: 1, third: 1})
	f.equal("the fewest under way first", take(store.Slots{Free: 2, Busy: map[string]int{shop: 2}}),
		map[string]int{shop: 1, second: 1})
	f.equal("at its share", take(store.Slots{Free: 2, Busy: map[string]int{shop: 8}, PerFree: 4}), map[string]int{})
	f.equal("alone", take(store.Slots{Free: 10, PerFree: 4}), map[string]int{shop: 8})
}
