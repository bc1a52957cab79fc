package storetest

import (
	"time"

	"bellhop"
	"bellhop/store"
)

// testPushes checks that a device gets a test push whatever its owner's settings and its
// budget say, one at a time, and that no order, log or follower shows it.
func testPushes(f *fixture) {
	d := f.ownedDevice(bellhop.Settings{NotNew: true, AtLeast: "100", QuietFrom: "00:00", QuietTo: "23:59"})
	f.kind(bellhop.NotFound, f.s.TestDevice(f.ctx, shop, "nobody's", day))
	f.addShop(second)
	f.kind(bellhop.NotFound, f.s.TestDevice(f.ctx, second, "phone", day))
	wakes := f.s.PushesOwed()
	f.must(f.s.TestDevice(f.ctx, shop, "phone", at(10)))
	f.await(wakes, "no signal of an owed test push")
	f.equal("due", f.nextPush(), at(10))
	f.must(f.s.TestDevice(f.ctx, shop, "phone", at(11))) // asked for again
	owed := f.claim(at(20), 10)
	if len(owed) != 1 || owed[0].Kind != bellhop.PushTest || owed[0].Device.ID != d.ID || owed[0].Attempt != 1 ||
		owed[0].Gathered != nil {
		f.Fatalf("owed %+v", owed)
	}
	f.must(f.s.TestDevice(f.ctx, shop, "phone", at(21)))
	f.equal("while it is being sent", len(f.claim(at(22), 10)), 0)
	last := f.lastChange()
	f.settle(store.Settled{Pushes: owed[0].Pushes, Status: bellhop.PushFailed, Reason: "not_allowed", At: at(23)})
	f.equal("tests", must(f.s.TestPushes(f.ctx, shop))(f), []bellhop.Push{{ID: owed[0].Pushes[0], Shop: shop,
		DeviceID:     d.ID,
		Installation: "phone", Kind: bellhop.PushTest, Status: bellhop.PushFailed, Attempts: 1, Reason: "not_allowed",
		CreatedAt: at(11)}})
	f.equal("of another shop", len(must(f.s.TestPushes(f.ctx, second))(f)), 0)
	f.equal("in the log", len(f.allPushes(shop, store.PushQuery{})), 0)
	f.equal("the page learns", must(f.s.Changes(f.ctx, shop, last, 9))(f),
		[]store.Change{{Seq: last + 1, Kind: store.ChangeSettled,
			Shop: shop, PushID: owed[0].Pushes[0], At: at(23)}})
	f.equal("counted", must(f.s.PushCounts(f.ctx))(f)[bellhop.PushFailed], int64(1))

	f.must(f.s.TestDevice(f.ctx, shop, "phone", at(100)))
	f.equal("too late", len(f.claim(at(100).Add(store.TestFor+time.Second), 10)), 0)
	f.equal("skipped", must(f.s.TestPushes(f.ctx, shop))(f)[0].Status, bellhop.PushSkipped)
	f.must(f.s.TestDevice(f.ctx, shop, "phone", at(2000)))
	f.must(f.s.RemoveDevice(f.ctx, shop, "phone"))
	f.claim(at(2000), 10)
	f.equal("nothing is owed", f.nextPush(), time.Time{})
	f.equal("counts", must(f.s.PushCounts(f.ctx))(f)[bellhop.PushSkipped], int64(1))
}

// removedWhileTested removes a device that is owed a test push, in a shop without any order yet.
func removedWhileTested(f *fixture) {
	f.ownedDevice(bellhop.Settings{})
	f.must(f.s.TestDevice(f.ctx, shop, "phone", at(10)))
	f.must(f.s.RemoveDevice(f.ctx, shop, "phone"))
	f.equal("nothing is owed", len(f.claim(at(20), 10)), 0)
}
