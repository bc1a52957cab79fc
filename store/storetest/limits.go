package storetest

import (
	"fmt"

	"bellhop"
	"bellhop/store"
)

// deviceLimits checks that devices beyond a limit go, those seen longest ago first, and
// that their owed pushes are skipped.
func deviceLimits(f *fixture) {
	f.addShop(shop, second)
	one, two := f.addOwner("one@example.com", shop), f.addOwner("two@example.com", shop)
	most := store.DeviceLimits{Person: 2, Shop: 3}
	put := func(name string, person, seen int) bellhop.Device {
		d := must(f.s.PutDevice(f.ctx, bellhop.Device{Shop: shop, PersonID: int64(person), Installation: name,
			Kind:  bellhop.AddressToken,
			Value: "of " + name, Platform: bellhop.PlatformAndroid, Form: bellhop.FormData, AddedAt: at(seen),
			SeenAt: at(seen)}, most))(f)
		return d
	}
	inUse := func(want string) {
		f.Helper()
		var got string
		for _, d := range must(f.s.Devices(f.ctx, shop))(f) {
			if d.RetiredAt.IsZero() {
				got += d.Installation + " "
			}
		}
		f.equal("in use", got, want)
	}
	f.addDevice(second, "elsewhere", bellhop.FormData) // seen before all others
	put("a", int(one.ID), 1)
	put("b", int(one.ID), 2)
	f.record(f.order(shop, 7, 1))
	put("a", int(one.ID), 3)
	put("c", int(one.ID), 4) // the third of a person: b goes
	inUse("a c ")
	for _, d := range must(f.s.Devices(f.ctx, shop))(f) {
		if d.Installation == "b" && (!d.RetiredAt.Equal(at(4)) || d.RetiredFor != store.RetiredLimit) {
			f.Errorf("device %+v", d)
		}
	}
	var skipped []string
	for _, p := range f.getOrder(7).Pushes {
		if p.Status == bellhop.PushSkipped {
			skipped = append(skipped, p.Installation+" "+p.Reason)
		}
	}
	f.equal("skipped", skipped, []string{"b device_retired"})
	put("d", int(two.ID), 5)
	put("e", 0, 6) // the fourth of the shop, with a token: a goes
	inUse("c d e ")
	put("b", int(one.ID), 7) // again, which makes four
	inUse("b d e ")
	d := put("f", int(two.ID), 8)
	inUse("b e f ")
	d.Installation, d.AddedAt, d.SeenAt = "g", at(9), at(9)
	must(f.s.PutDevice(f.ctx, d, most))(f) // f's address moves, and makes room
	inUse("b e g ")
	for i := range 9 {
		put(fmt.Sprint("h", i), 0, 10+i)
	}
	inUse("h6 h7 h8 ")
	f.equal("as many retired ones stay", len(must(f.s.Devices(f.ctx, shop))(f)), 6)
	f.equal("another shop's stay", len(must(f.s.Devices(f.ctx, second))(f)), 1)
	f.countsMatch(shop)
}
