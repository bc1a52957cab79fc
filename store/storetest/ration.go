package storetest

import (
	"time"

	"bellhop"
	"bellhop/store"
)

// ration sends 30 orders, and more later, against a budget of 20.
func ration(f *fixture) {
	f.addShopWithPhone(bellhop.FormNotification)
	f.record(f.orders(1, 30)...)
	now := at(100)
	owed := f.claim(now, 100)
	f.equal("messages", len(owed), 20)
	for i, o := range owed[:19] {
		if o.Gathered != nil || len(o.Pushes) != 1 || o.Orders[0].ID != int64(i+1) {
			f.Fatalf("message %d: %+v", i, o)
		}
	}
	digest := owed[19]
	f.equal("digest", *digest.Gathered, store.Gathering{Orders: 11, Total: money("110.11", "USD"), Since: now})
	f.equal("its orders", len(digest.Orders), 11)
	f.sent(now, owed...)

	more := f.order(shop, 40, 1)
	more.At = now
	f.record(more)
	f.equal("beyond the budget", len(f.claim(now.Add(time.Second), 100)), 0)
	next := f.nextPush()
	if wait := next.Sub(now); wait < 3*time.Minute || wait > 3*time.Minute+time.Millisecond {
		f.Errorf("the next is due after %v", wait)
	}
	owed = f.claim(next, 100)
	if len(owed) != 1 || owed[0].Gathered == nil {
		f.Fatalf("after the refill: %+v", owed)
	}
	f.equal("the digest grows", *owed[0].Gathered, store.Gathering{Orders: 12, Total: money("120.12", "USD"), Since: now})
	f.sent(next, owed[0])

	much := f.order(shop, 41, 1)
	much.At = now.Add(3 * time.Hour)
	f.record(much)
	owed = f.claim(much.At, 100)
	if len(owed) != 1 || owed[0].Gathered != nil {
		f.Errorf("with a full budget: %+v", owed)
	}
	f.countsMatch(shop)
}

// digestRetried checks that a retried digest counts an order once.
func digestRetried(f *fixture) {
	f.addShopWithPhone(bellhop.FormNotification)
	f.record(f.orders(1, 25)...)
	now := at(100)
	owed := f.claim(now, 100)
	f.sent(now, owed[:19]...)
	f.equal("orders", owed[19].Gathered.Orders, 6)
	f.settle(store.Settled{Pushes: owed[19].Pushes, Status: bellhop.PushPending, Reason: "quota", At: now,
		RetryAt: now.Add(200 * time.Second)})
	more := f.order(shop, 40, 1)
	more.At = now
	f.record(more)
	owed = f.claim(now.Add(200*time.Second), 100)
	if len(owed) != 1 || owed[0].Gathered == nil {
		f.Fatalf("retried: %+v", owed)
	}
	f.equal("pushes", len(owed[0].Pushes), 7)
	f.equal("orders", owed[0].Gathered.Orders, 7)
	f.equal("attempt", owed[0].Attempt, 2)
}

// digestTakesAll checks that a digest takes more than its claim has room for, and that
// pushes beyond the budget do not hold up another device.
func digestTakesAll(f *fixture) {
	f.addShopWithPhone(bellhop.FormNotification)
	f.record(f.orders(1, 60)...)
	owed := f.claim(at(200), 25)
	f.equal("messages", len(owed), 20)
	f.equal("the last stands for the rest", len(owed[19].Pushes), 41)

	f.addShop(other)
	f.addDevice(other, "phone", bellhop.FormData)
	for i := range 40 { // written while the budget still looked free
		f.settle(store.Settled{Pushes: owed[19].Pushes[i : i+1], Status: bellhop.PushPending, At: at(200), RetryAt: at(201)})
	}
	late := f.order(other, 1, 1)
	late.At = at(201)
	f.record(late)
	owed = append(f.claim(at(201), 5), f.claim(at(201), 5)...)
	if len(owed) != 1 || owed[0].Device.Shop != other {
		f.Errorf("the other device got %+v", owed)
	}
	f.countsMatch(shop, other)
}
