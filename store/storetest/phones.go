package storetest

import (
	"fmt"
	"strings"
	"time"

	"bellhop"
	"bellhop/store"
)

// phone puts somebody's phone, as it registers in one of their shops.
func (f *fixture) phone(p bellhop.Person, domain, installation string) bellhop.Device {
	f.Helper()
	return must(f.s.PutDevice(f.ctx, bellhop.Device{Shop: domain, PersonID: p.ID, Installation: installation,
		Kind: bellhop.AddressToken, Value: "token of " + installation, Platform: bellhop.PlatformAndroid,
		Form: bellhop.FormData, Locale: "ko-KR", Timezone: "Asia/Seoul", AddedAt: day, SeenAt: day},
		store.DeviceLimits{}))(f)
}

// inUse names the devices of a shop that are in use, with their person.
func (f *fixture) inUse(domain string) (names []string) {
	f.Helper()
	for _, d := range must(f.s.Devices(f.ctx, domain))(f) {
		if d.RetiredAt.IsZero() {
			names = append(names, fmt.Sprint(d.Installation, " of ", d.PersonID))
		}
	}
	return names
}

// phoneOfSeveralShops checks that a phone rings for all of a person's shops, and moves when another
// person registers it.
func phoneOfSeveralShops(f *fixture) {
	f.addShop(shop, second, third)
	jo := f.addMember("jo@example.com", ownerOf(shop), staffOf(second))
	kim := f.addMember("kim@example.com", ownerOf(third))
	d := f.phone(jo, shop, "phone")
	own := fmt.Sprint("phone of ", jo.ID)
	f.equal("returned", d.Shop, shop)
	f.equal("refreshed by way of the other shop", f.phone(jo, second, "phone").Shop, second)
	f.equal("in the first", f.inUse(shop), []string{own})
	f.equal("in the second", f.inUse(second), []string{own})
	f.equal("in another's", f.inUse(third), []string(nil))
	stray := d
	stray.Shop = third
	f.kind(bellhop.NotFound, errOf(f.s.PutDevice(f.ctx, stray, store.DeviceLimits{})))
	stray.Shop, stray.PersonID = shop, kim.ID+99
	f.kind(bellhop.NotFound, errOf(f.s.PutDevice(f.ctx, stray, store.DeviceLimits{})))

	f.record(f.order(shop, 1, 1), f.order(second, 1, 1))
	f.equal("both ring", len(f.claim(at(100), 10)), 2)

	f.record(f.order(shop, 2, 1), f.order(second, 2, 1))
	f.phone(kim, third, "phone") // somebody else signs in on it
	f.equal("it left the first", f.inUse(shop), []string(nil))
	f.equal("it left the second", f.inUse(second), []string(nil))
	f.equal("owed there", f.onePush(2).Reason, store.ReasonDeviceRetired)
	f.phone(jo, shop, "phone")
	f.equal("and came back", f.inUse(second), []string{own})
	f.equal("from there", f.inUse(third), []string(nil))

	f.record(f.order(shop, 3, 1))
	f.kind(bellhop.NotFound, f.s.RemovePhone(f.ctx, kim.ID+99, "phone"))
	f.kind(bellhop.NotFound, f.s.RemovePhone(f.ctx, 0, "phone"))
	f.must(f.s.RemovePhone(f.ctx, jo.ID, "phone"))
	f.kind(bellhop.NotFound, f.s.RemovePhone(f.ctx, jo.ID, "phone"))
	f.equal("removed", len(must(f.s.Devices(f.ctx, shop))(f))+len(must(f.s.Devices(f.ctx, second))(f)), 0)
	f.equal("owed to it", f.onePush(3).Reason, store.ReasonDeviceRemoved)
	f.equal("another's stays", len(must(f.s.Devices(f.ctx, third))(f)), 1)
	f.countsMatch(shop, second, third)

	f.phone(jo, shop, "phone")
	f.must(f.s.TestDevice(f.ctx, second, "phone", at(101)))
	if owed := f.claim(at(101), 10); len(owed) != 1 || owed[0].Kind != bellhop.PushTest {
		f.Errorf("a test is %+v", owed)
	}
}

// phonesFollowMemberships checks that a person's phones come with a shop, and go with it.
func phonesFollowMemberships(f *fixture) {
	f.addShop(shop, second)
	jo, kim := f.addOwner("jo@example.com", shop), f.addOwner("kim@example.com", second)
	f.phone(jo, shop, "old")
	f.phone(jo, shop, "tablet")
	d := f.phone(jo, shop, "phone")
	d.Installation, d.Value, d.SeenAt = "old", "token of phone", at(5) // which retires the phone
	must(f.s.PutDevice(f.ctx, d, store.DeviceLimits{}))(f)
	f.phone(kim, second, "tablet2")
	taken := f.phone(kim, second, "tablet") // the same name, which is the app's to choose
	taken.Value = "another token"
	must(f.s.PutDevice(f.ctx, taken, store.DeviceLimits{}))(f)
	f.phone(jo, shop, "tablet")

	f.must(f.s.SetMembership(f.ctx, jo.ID, staffOf(second)))
	f.must(f.s.SetMembership(f.ctx, jo.ID, ownerOf(second)))
	f.equal("in the new shop", f.inUse(second), []string{fmt.Sprint("tablet2 of ", kim.ID),
		fmt.Sprint("tablet of ", kim.ID), fmt.Sprint("old of ", jo.ID)})
	f.record(f.order(second, 1, 1))
	f.equal("they ring", len(f.claim(at(100), 10)), 3)
	f.record(f.order(second, 2, 1))
	f.must(f.s.RemoveMembership(f.ctx, jo.ID, second))
	f.equal("without it", f.inUse(second), []string{fmt.Sprint("tablet2 of ", kim.ID), fmt.Sprint("tablet of ", kim.ID)})
	f.equal("the others stay", f.inUse(shop), []string{fmt.Sprint("old of ", jo.ID), fmt.Sprint("tablet of ", jo.ID)})
	reasons := map[string]int{}
	for _, p := range must(f.s.Order(f.ctx, second, 2))(f).Pushes {
		reasons[p.Reason]++
	}
	f.equal("owed to them", reasons, map[string]int{"": 2, store.ReasonDeviceRemoved: 1})
	f.countsMatch(shop, second)
}

// phoneHasOneBudget checks that two shops share what the push service takes for a phone.
func phoneHasOneBudget(f *fixture) {
	f.addShop(shop, second)
	jo := f.addOwner("jo@example.com", shop)
	d := f.phone(jo, shop, "phone")
	d.Form = bellhop.FormNotification
	must(f.s.PutDevice(f.ctx, d, store.DeviceLimits{}))(f)
	f.record(f.orders(1, 5)...)
	now := at(100)
	f.sent(now, f.claim(now, 100)...) // 5 of the 20 are used
	f.must(f.s.SetMembership(f.ctx, jo.ID, ownerOf(second)))
	var facts []bellhop.Fact
	for id := range int64(30) {
		facts = append(facts, f.order(shop, 100+id, 1), f.order(second, 100+id, 1))
	}
	for i := range facts {
		facts[i].At = now
	}
	f.record(facts...)
	messages := map[string]int{}
	owed := f.claim(now, 100)
	for _, o := range owed {
		messages[o.Shop.Domain]++
	}
	f.equal("messages", messages, map[string]int{shop: 5, second: 5})
	f.sent(now, owed...)
	more := f.order(second, 200, 1)
	more.At = now
	f.record(more)
	f.equal("beyond the budget", len(f.claim(now.Add(time.Second), 100)), 0)
	if wait := f.nextPush().Sub(now); wait < 6*time.Minute || wait > 6*time.Minute+time.Millisecond {
		f.Errorf("the next is due after %v, and a shop alone waits 3 minutes", wait)
	}
}

// phonesCountOnce checks that a person's limit counts phones, in however many shops they ring.
func phonesCountOnce(f *fixture) {
	f.addShop(shop, second, third)
	jo := f.addMember("jo@example.com", ownerOf(shop), ownerOf(second), ownerOf(third))
	put := func(name string, seen int) {
		f.Helper()
		must(f.s.PutDevice(f.ctx, bellhop.Device{Shop: second, PersonID: jo.ID, Installation: name,
			Kind: bellhop.AddressToken, Value: "token of " + name, Platform: bellhop.PlatformIOS,
			Form: bellhop.FormData, AddedAt: at(seen), SeenAt: at(seen)}, store.DeviceLimits{Person: 2, Shop: 2}))(f)
	}
	all := func(names ...string) {
		f.Helper()
		var want []string
		for _, name := range names {
			want = append(want, fmt.Sprint(name, " of ", jo.ID))
		}
		for _, domain := range []string{shop, second, third} {
			f.equal("in "+domain, f.inUse(domain), want)
		}
	}
	put("a", 1)
	put("b", 2)
	all("a", "b")
	put("a", 3)
	put("c", 4)
	all("a", "c")
	put("b", 5)
	all("b", "c")
	for n := range 6 {
		put(fmt.Sprint("x", n), 10+n)
	}
	all("x4", "x5")
	f.equal("retired ones stay, as many", len(must(f.s.Devices(f.ctx, third))(f)), 4)
}

// deviceNames checks who names a device, and that its name stays.
func deviceNames(f *fixture) {
	f.addShop(shop, second, third)
	jo := f.addMember("jo@example.com", ownerOf(shop), staffOf(second))
	kim := f.addMember("kim@example.com", ownerOf(third))
	f.phone(jo, shop, "phone")
	till := f.addDevice(second, "till", bellhop.FormData)
	names := func(domain string) (names []string) {
		f.Helper()
		for _, d := range must(f.s.Devices(f.ctx, domain))(f) {
			names = append(names, d.Installation+": "+d.Name)
		}
		return names
	}
	longest := strings.Repeat("가", bellhop.MaxDeviceName)
	f.must(f.s.RenamePhone(f.ctx, jo.ID, "phone", longest))
	f.must(f.s.RenameDevice(f.ctx, second, "till", "Till"))
	f.equal("in one shop", names(shop), []string{"phone: " + longest})
	f.equal("and the other", names(second), []string{"phone: " + longest, "till: Till"})
	f.must(f.s.RenameDevice(f.ctx, shop, "phone", "Jo's"))
	must(f.s.PutDevice(f.ctx, till, store.DeviceLimits{}))(f)
	f.equal("refreshed", f.phone(jo, shop, "phone").Name, "Jo's")
	f.equal("there, too", names(second), []string{"phone: " + longest, "till: Till"})
	f.must(f.s.SetMembership(f.ctx, jo.ID, staffOf(third)))
	f.equal("a phone is in three shops", len(must(f.s.Phones(f.ctx, jo.ID))(f)), 3)
	f.equal("somebody without", len(must(f.s.Phones(f.ctx, kim.ID))(f)), 0)
	f.equal("in a shop that came later", names(third), []string{"phone: " + longest})
	till.Name = "Counter"
	f.equal("brought", must(f.s.PutDevice(f.ctx, till, store.DeviceLimits{}))(f).Name, "Counter")
	for _, name := range []string{"", longest + "가", "a\x00b", "a\nb", "\xff"} {
		f.kind(bellhop.Invalid, f.s.RenameDevice(f.ctx, shop, "phone", name))
		f.kind(bellhop.Invalid, f.s.RenamePhone(f.ctx, jo.ID, "phone", name))
	}
	f.kind(bellhop.NotFound, f.s.RenameDevice(f.ctx, shop, "till", "x"))
	f.kind(bellhop.NotFound, f.s.RenameDevice(f.ctx, nobody, "phone", "x"))
	f.kind(bellhop.NotFound, f.s.RenamePhone(f.ctx, kim.ID, "phone", "x"))
	f.kind(bellhop.NotFound, f.s.RenamePhone(f.ctx, 0, "till", "x"))
	f.equal("somebody else's phone now", f.phone(kim, third, "phone").Name, "")
}
