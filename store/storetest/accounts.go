package storetest

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"bellhop"
	"bellhop/store"
)

func shops(f *fixture) {
	b := bellhop.Shop{Domain: "b.myshopify.com", Secret: "s1", PreviousSecret: "s0", OwnSecretOnly: true,
		CustomerInPush: true, AddedAt: at(1)}
	a := bellhop.Shop{Domain: "a.myshopify.com", Disabled: true, AddedAt: at(2), UninstalledAt: at(3)}
	f.must(f.s.AddShop(f.ctx, b))
	f.must(f.s.AddShop(f.ctx, a))
	f.kind(bellhop.Conflict, f.s.AddShop(f.ctx, b))
	f.kind(bellhop.Invalid, f.s.AddShop(f.ctx, bellhop.Shop{}))
	f.equal("shops", must(f.s.Shops(f.ctx))(f), []bellhop.Shop{a, b})
	f.equal("one", must(f.s.Shop(f.ctx, b.Domain))(f), b)
	f.kind(bellhop.NotFound, errOf(f.s.Shop(f.ctx, "c.myshopify.com")))

	f.must(f.s.UpdateShop(f.ctx, b.Domain, func(s *bellhop.Shop) {
		f.equal("as it is", *s, b)
		s.PreviousSecret, s.Secret, s.CustomerInPush = s.Secret, "s2", false
		s.Name, s.Currency, s.Timezone, s.Plan, s.Email = "Demo", "KRW", "Asia/Seoul", "Basic", "shop@example.com"
		s.InfoAt, s.UninstalledAt = at(9), at(10)
		s.Domain, s.AddedAt = "c.myshopify.com", at(99) // may not change
	}))
	f.kind(bellhop.NotFound, f.s.UpdateShop(f.ctx, "c.myshopify.com", func(*bellhop.Shop) {}))
	newer, older := f.order(b.Domain, 2, 1), f.order(b.Domain, 1, 1)
	newer.Event.AcceptedAt, newer.Event.SignedBy = at(500), bellhop.SignerShop
	f.record(newer)
	f.record(older)
	b.PreviousSecret, b.Secret, b.CustomerInPush = "s1", "s2", false
	b.LastEventAt, b.LastSignedBy = at(500), bellhop.SignerShop
	b.Name, b.Currency, b.Timezone, b.Plan, b.Email = "Demo", "KRW", "Asia/Seoul", "Basic", "shop@example.com"
	b.InfoAt, b.UninstalledAt = at(9), at(10)
	f.equal("shops", must(f.s.Shops(f.ctx))(f), []bellhop.Shop{a, b})
}

func (f *fixture) addOwner(email, domain string) bellhop.Person {
	f.Helper()
	p := must(f.s.AddPerson(f.ctx, bellhop.Person{Email: email, Role: bellhop.RoleOwner, Shop: domain, PasswordHash: "h",
		AddedAt: day}))(f)
	return p
}

func people(f *fixture) {
	f.addShop(shop)
	owner := f.addOwner("jo@example.com", shop)
	operator := must(f.s.AddPerson(f.ctx, bellhop.Person{Email: "Ann@Example.com", Role: bellhop.RoleOperator,
		AddedAt: day}))(f)
	if owner.ID == 0 || owner.ID == operator.ID || operator.Email != "ann@example.com" {
		f.Errorf("owner %+v, operator %+v", owner, operator)
	}
	for _, bad := range []struct {
		kind bellhop.Kind
		bellhop.Person
	}{
		{bellhop.Conflict, bellhop.Person{Email: "JO@example.com", Role: bellhop.RoleOperator}},
		{bellhop.NotFound, bellhop.Person{Email: "x@example.com", Role: bellhop.RoleOwner, Shop: nobody}},
		{bellhop.Invalid, bellhop.Person{Email: "x@example.com", Role: bellhop.RoleOwner}},
		{bellhop.Invalid, bellhop.Person{Email: "x@example.com", Role: bellhop.RoleOperator, Shop: shop}},
		{bellhop.Invalid, bellhop.Person{Email: "x@example.com", Role: "king", Shop: shop}},
		{bellhop.Invalid, bellhop.Person{Role: bellhop.RoleOperator}},
	} {
		f.kind(bad.kind, errOf(f.s.AddPerson(f.ctx, bad.Person)))
	}
	f.equal("everybody", must(f.s.People(f.ctx, ""))(f), []bellhop.Person{operator, owner})
	f.equal("the shop's", must(f.s.People(f.ctx, shop))(f), []bellhop.Person{owner})
	f.equal("by address", must(f.s.PersonByEmail(f.ctx, "Jo@Example.COM"))(f), owner)

	f.must(f.s.RemovePerson(f.ctx, owner.ID))
	f.kind(bellhop.NotFound, f.s.RemovePerson(f.ctx, owner.ID))
	f.kind(bellhop.NotFound, errOf(f.s.PersonByEmail(f.ctx, owner.Email)))
	if again := f.addOwner("jo@example.com", shop); again.ID == owner.ID {
		f.Errorf("the id %d of somebody removed was given away", owner.ID)
	}
}

func links(f *fixture) {
	f.addShop(shop)
	p := f.addOwner("jo@example.com", shop)
	add := func(b byte) [32]byte {
		f.Helper()
		f.must(f.s.AddLink(f.ctx, bellhop.SignInLink{Hash: [32]byte{b}, PersonID: p.ID, ExpiresAt: at(60)}))
		return [32]byte{b}
	}
	gone := func(hash [32]byte, now time.Time) {
		f.Helper()
		f.kind(bellhop.NotFound, errOf(f.s.UseLink(f.ctx, hash, now)))
	}
	one, two := add(1), add(2)
	var used atomic.Int32
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if who, err := f.s.UseLink(f.ctx, one, at(59)); err == nil && who.ID == p.ID {
				used.Add(1)
			}
		})
	}
	wg.Wait()
	f.equal("times that a link was used", used.Load(), int32(1))
	gone(one, at(59))
	gone([32]byte{9}, at(59))
	gone(two, at(60))
	gone(two, at(1)) // it was cleared away
	f.kind(bellhop.NotFound, f.s.AddLink(f.ctx, bellhop.SignInLink{Hash: [32]byte{3}, PersonID: p.ID + 99,
		ExpiresAt: at(60)}))
	three := add(4)
	f.must(f.s.SetPassword(f.ctx, p.ID, "h2"))
	gone(three, at(1))
	four := add(5)
	f.must(f.s.RemovePerson(f.ctx, p.ID))
	gone(four, at(1))
}

func settings(f *fixture) {
	f.addShop(shop)
	p := f.addOwner("jo@example.com", shop)
	f.must(f.s.AddSession(f.ctx, bellhop.Session{TokenHash: [32]byte{1}, PersonID: p.ID, CreatedAt: day,
		ExpiresAt: at(60)}, ""))
	for _, s := range []bellhop.Settings{{Language: "ko", Timezone: "Asia/Seoul"}, {}} {
		f.must(f.setSettings(p.ID, s))
		_, who, err := f.s.Session(f.ctx, [32]byte{1}, day)
		f.must(err)
		f.equal("settings", who.Settings, s)
	}
	f.kind(bellhop.Invalid, f.setSettings(p.ID, bellhop.Settings{Timezone: "Mars/Olympus"}))
	f.kind(bellhop.NotFound, f.setSettings(p.ID+99, bellhop.Settings{}))

	f.must(f.setSettings(p.ID, bellhop.Settings{Language: "ko"}))
	no := errors.New("no")
	err := f.s.UpdateSettings(f.ctx, p.ID, func(s *bellhop.Settings) error { s.Language = "ja"; return no })
	if !errors.Is(err, no) {
		f.Errorf("the error of a change is %v", err)
	}
	var both sync.WaitGroup
	for _, change := range []func(*bellhop.Settings){
		func(s *bellhop.Settings) { s.Timezone = "Asia/Seoul" }, func(s *bellhop.Settings) { s.Paid = true },
		func(s *bellhop.Settings) { s.AtLeast = "5" }, func(s *bellhop.Settings) { s.LoudFrom = "9" },
	} {
		both.Go(func() {
			err := f.s.UpdateSettings(f.ctx, p.ID, func(s *bellhop.Settings) error { change(s); return nil })
			if err != nil {
				f.Error(err)
			}
		})
	}
	both.Wait()
	_, who, err := f.s.Session(f.ctx, [32]byte{1}, day)
	f.must(err)
	f.equal("each change sees the others", who.Settings,
		bellhop.Settings{Language: "ko", Timezone: "Asia/Seoul", Paid: true, AtLeast: "5", LoudFrom: "9"})
}

func refusals(f *fixture) {
	list := func(since time.Time) []store.Refusal {
		f.Helper()
		return must(f.s.Refusals(f.ctx, since))(f)
	}
	f.must(f.s.AddRefusals(f.ctx, nil, day))
	f.equal("none", len(list(day)), 0)
	f.must(f.s.AddRefusals(f.ctx, []store.Refusal{
		{Shop: shop, Reason: "unauthenticated", Count: 2, At: at(10)}, {Reason: "invalid", Count: 1, At: at(20)}}, at(21)))
	f.must(f.s.AddRefusals(f.ctx, []store.Refusal{
		{Shop: shop, Reason: "unauthenticated", Count: 3, At: at(15)}, {Reason: "unauthenticated", Count: 1, At: at(5)},
		{Shop: shop, Reason: "unauthenticated", Count: 4, At: at(15 * 60)}}, at(15*60)))
	f.equal("summed up, the newest first", list(day), []store.Refusal{
		{Shop: shop, Reason: "unauthenticated", Count: 9, At: at(15 * 60)},
		{Reason: "invalid", Count: 1, At: at(20)}, {Reason: "unauthenticated", Count: 1, At: at(5)}})
	f.equal("since", list(at(60)), []store.Refusal{{Shop: shop, Reason: "unauthenticated", Count: 4, At: at(15 * 60)}})
	f.must(f.s.AddRefusals(f.ctx, nil, at(16).Add(store.RefusalsKept)))
	f.equal("old ones are dropped", list(day), []store.Refusal{
		{Shop: shop, Reason: "unauthenticated", Count: 4, At: at(15 * 60)}, {Reason: "invalid", Count: 1, At: at(20)}})
}

func tokens(f *fixture) {
	f.addShop(shop)
	hash := [32]byte{1}
	tok := must(f.s.AddToken(f.ctx, bellhop.Token{Shop: shop, Name: "ci", Hash: hash, CreatedAt: day}))(f)
	for _, bad := range []struct {
		kind bellhop.Kind
		bellhop.Token
	}{
		{bellhop.Conflict, bellhop.Token{Shop: shop, Name: "ci", Hash: [32]byte{2}}},
		{bellhop.NotFound, bellhop.Token{Shop: nobody, Name: "x", Hash: [32]byte{3}}},
		{bellhop.Invalid, bellhop.Token{Shop: shop, Hash: [32]byte{4}}},
	} {
		f.kind(bad.kind, errOf(f.s.AddToken(f.ctx, bad.Token)))
	}
	for _, use := range []struct{ at, noted int }{{0, 0}, {59, 0}, {60, 60}, {100, 60}, {200, 200}} {
		f.equal("shop", must(f.s.Token(f.ctx, hash, at(use.at)))(f).Shop, shop)
		all := must(f.s.Tokens(f.ctx, shop))(f)
		tok.LastUsedAt = at(use.noted)
		f.equal("tokens", all, []bellhop.Token{tok})
	}
	f.kind(bellhop.NotFound, errOf(f.s.Token(f.ctx, [32]byte{9}, day)))
	f.must(f.s.RemoveToken(f.ctx, shop, "ci"))
	f.kind(bellhop.NotFound, f.s.RemoveToken(f.ctx, shop, "ci"))
	f.kind(bellhop.NotFound, errOf(f.s.Token(f.ctx, hash, day)))
}

func devices(f *fixture) {
	f.addShop(shop)
	p := f.addOwner("jo@example.com", shop)
	d := bellhop.Device{Shop: shop, PersonID: p.ID, Installation: "i1", Kind: bellhop.AddressToken, Value: "v1",
		Platform: bellhop.PlatformIOS, Form: bellhop.FormNotification, Locale: "de", Timezone: "Europe/Berlin",
		AddedAt: at(1), SeenAt: at(1)}
	got := must(f.s.PutDevice(f.ctx, d, store.DeviceLimits{}))(f)
	d.ID = got.ID
	f.equal("added", got, d)

	d.Value, d.Form, d.Locale, d.SeenAt = "v2", bellhop.FormData, "fr", at(9)
	refreshed := d
	refreshed.ID, refreshed.AddedAt = 0, at(9)
	f.equal("refreshed", must(f.s.PutDevice(f.ctx, refreshed, store.DeviceLimits{}))(f), d)
	f.equal("devices", must(f.s.Devices(f.ctx, shop))(f), []bellhop.Device{d})

	for _, spoil := range []func(*bellhop.Device){
		func(d *bellhop.Device) { d.Kind = "pigeon" }, func(d *bellhop.Device) { d.Platform = "vms" },
		func(d *bellhop.Device) { d.Form = "poem" }, func(d *bellhop.Device) { d.Value = "" },
		func(d *bellhop.Device) { d.Installation = "" }, func(d *bellhop.Device) { d.Installation = long },
		func(d *bellhop.Device) { d.Value = long }, func(d *bellhop.Device) { d.Locale = long },
		func(d *bellhop.Device) { d.Timezone = long }, func(d *bellhop.Device) { d.Name = long },
		func(d *bellhop.Device) { d.Name = "a\nb" },
	} {
		bad := d
		spoil(&bad)
		f.kind(bellhop.Invalid, errOf(f.s.PutDevice(f.ctx, bad, store.DeviceLimits{})))
	}
	stray := d
	stray.Shop = nobody
	f.kind(bellhop.NotFound, errOf(f.s.PutDevice(f.ctx, stray, store.DeviceLimits{})))

	f.record(f.order(shop, 7, 1))
	f.must(f.s.RemoveDevice(f.ctx, shop, "i1"))
	f.kind(bellhop.NotFound, f.s.RemoveDevice(f.ctx, shop, "i1"))
	f.equal("owed to it", f.onePush(7).Status, bellhop.PushSkipped)
	f.equal("why", f.onePush(7).Reason, "device_removed")

	must(f.s.PutDevice(f.ctx, d, store.DeviceLimits{}))(f)
	f.record(f.order(shop, 8, 1))
	f.must(f.s.RemovePerson(f.ctx, p.ID))
	f.equal("with the person", len(must(f.s.Devices(f.ctx, shop))(f)), 0)
	f.equal("owed to it", f.onePush(8).Status, bellhop.PushSkipped)
	f.equal("claimed", len(f.claim(at(9999), 10)), 0)
	f.countsMatch(shop)
}

func addressMoves(f *fixture) {
	f.addShop(shop, other)
	first := f.addDevice(shop, "old", bellhop.FormData)
	f.record(f.order(shop, 7, 1))
	moved := first
	moved.Shop, moved.Installation, moved.SeenAt = other, "new", at(50)
	moved = must(f.s.PutDevice(f.ctx, moved, store.DeviceLimits{}))(f)
	all := must(f.s.Devices(f.ctx, shop))(f)
	if len(all) != 1 || !all[0].RetiredAt.Equal(at(50)) || all[0].RetiredFor == "" {
		f.Errorf("the old one is %+v", all)
	}
	f.equal("owed to it", f.onePush(7).Status, bellhop.PushSkipped)
	if moved.ID == first.ID || !moved.RetiredAt.IsZero() {
		f.Errorf("the new one is %+v", moved)
	}
	f.record(f.order(shop, 8, 1))
	f.equal("no device is left", f.onePush(8).Reason, "no_device")

	f.equal("in use again", must(f.s.PutDevice(f.ctx, first, store.DeviceLimits{}))(f).RetiredAt, time.Time{})
	f.record(f.order(shop, 9, 1), f.order(other, 9, 1))
	f.equal("owed again", f.onePush(9).Status, bellhop.PushPending)
	f.equal("and the other not", f.allPushes(other, store.PushQuery{})[0].Reason, "no_device")
	f.countsMatch(shop, other)
}
