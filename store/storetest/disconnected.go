package storetest

import (
	"time"

	"bellhop"
	"bellhop/store"
)

// access changes the access of the shop's connection.
func (f *fixture) access(to bellhop.AccessState, now time.Time) {
	f.Helper()
	f.must(f.s.UpdateConnection(f.ctx, shop, func(c *bellhop.Connection) error {
		c.Access, c.Since = to, now
		return nil
	}))
}

// disconnected checks that the devices of a shop's owners get a push when its access is lost: once for each loss,
// whatever their settings say.
func disconnected(f *fixture) {
	d := f.ownedDevice(bellhop.Settings{NotNew: true, AtLeast: "100", QuietFrom: "00:00", QuietTo: "23:59",
		GatherAbove: 1})
	f.addShop(other)
	staff := must(f.s.AddPerson(f.ctx, bellhop.Person{Email: "st@example.com", Role: bellhop.RoleStaff, Shop: shop,
		AddedAt: day}))(f)
	f.phone(staff, shop, "of staff")
	f.phone(f.addOwner("kim@example.com", other), other, "of another shop")
	f.addDevice(shop, "of nobody", bellhop.FormNotification)
	f.must(f.s.PutConnection(f.ctx, fullConnection(shop)))
	f.access(bellhop.AccessRefused, at(9))
	f.equal("refused for now", f.nextPush(), time.Time{})

	wakes := f.s.PushesOwed()
	f.access(bellhop.AccessLost, at(10))
	f.await(wakes, "no signal of an owed push")
	f.access(bellhop.AccessLost, at(11)) // for another reason
	f.equal("due", f.nextPush(), at(10))
	owed := f.claim(at(20), 10)
	if len(owed) != 1 || owed[0].Kind != bellhop.PushDisconnected || owed[0].Device.ID != d.ID ||
		owed[0].Gathered != nil || len(owed[0].Pushes) != 1 {
		f.Fatalf("owed %+v", owed)
	}
	f.settle(store.Settled{Pushes: owed[0].Pushes, Status: bellhop.PushPending, Reason: "unavailable", At: at(21),
		RetryAt: at(30)})
	owed = f.claim(at(30), 10)
	f.equal("tried again", owed[0].Attempt, 2)
	f.sent(at(31), owed...)
	f.equal("in the log", len(f.allPushes(shop, store.PushQuery{})), 0)
	f.equal("tests", len(must(f.s.TestPushes(f.ctx, shop))(f)), 0)
	f.equal("counted", must(f.s.PushCounts(f.ctx))(f)[bellhop.PushSent], int64(1))

	f.access(bellhop.AccessLost, at(40))
	f.equal("the same loss", f.nextPush(), time.Time{})
	f.access(bellhop.AccessGood, at(41))
	f.access(bellhop.AccessLost, at(50))
	f.equal("held back", len(f.claimThrough(gate{map[string]int{"phone": 0}, at(90)}, at(51))), 0)
	owed = f.claim(at(90), 10)
	if len(owed) != 1 || owed[0].Kind != bellhop.PushDisconnected || owed[0].Attempt != 1 {
		f.Fatalf("lost again: %+v", owed)
	}
	f.sent(at(91), owed...)
	f.equal("counts", must(f.s.PushCounts(f.ctx))(f)[bellhop.PushSent], int64(1)) // one of each device
}

// disconnectedWithinBudget checks that such a push waits for the device's budget, and that no digest takes it.
func disconnectedWithinBudget(f *fixture) {
	d := f.ownedDevice(bellhop.Settings{})
	d.Form = bellhop.FormNotification
	must(f.s.PutDevice(f.ctx, d, store.DeviceLimits{}))(f)
	f.must(f.s.PutConnection(f.ctx, fullConnection(shop)))
	f.record(f.orders(1, 30)...)
	f.sent(at(100), f.claim(at(100), 100)...) // all of the device's burst
	f.access(bellhop.AccessLost, at(101))
	f.record(f.order(shop, 40, 1))
	f.equal("no budget", len(f.claim(at(102), 10)), 0)
	free := f.nextPush()
	if !free.After(at(102)) {
		f.Fatalf("due at %v", free)
	}
	owed := f.claim(free, 10)
	if len(owed) != 1 || owed[0].Kind != bellhop.PushDisconnected || owed[0].Gathered != nil {
		f.Fatalf("first of all: %+v", owed)
	}
	f.sent(free, owed...)
	f.equal("the order waits for the next", len(f.claim(free, 10)), 0)
}
