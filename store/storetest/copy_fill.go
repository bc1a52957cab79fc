package storetest

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"bellhop"
	"bellhop/store"
)

// second, third and fourth are more shops. The third has no phones, the fourth has many.
const (
	fourth = "fourth.myshopify.com"
	second = "second.myshopify.com"
	third  = "third.myshopify.com"
)

var sessionHashes = [][32]byte{{1}, {2, 31: 9}, {255}}

// fill puts something of each kind into an empty store, and much of it at random.
func fill(f *fixture) {
	f.Helper()
	fillShops(f)
	fillPeople(f)
	rnd := rand.New(rand.NewPCG(1, 2))
	for round := range 6 {
		fillOrders(f, rnd, round)
		fillPushes(f, rnd, at(1000+round*100))
	}
	hard := f.order(shop, math.MaxInt64, 1)
	hard.Order = hardOrder()
	f.record(hard)
	for _, id := range []int64{3, 4} {
		must(f.s.SetHandling(f.ctx, second, id, "", bellhop.HandlingSeen, at(5000), nil))(f)
	}
	fillEvents(f)
	f.must(f.s.PutConnection(f.ctx, fullConnection(second)))
	f.must(f.s.PutConnection(f.ctx, bellhop.Connection{Shop: shop, Grant: bellhop.GrantToken, ConnectedAt: day,
		Access: bellhop.AccessGood, Since: day, CheckDue: at(1)}))
	f.reconcile(second, fullReconciliation(second))
	f.reconcile(shop, bellhop.Reconciliation{})
	must(f.s.TakeLease(f.ctx, "shop/"+shop, "one", day, time.Minute))(f)
	f.addShop(fourth)
	f.addDevices(fourth, many)
	f.record(f.order(fourth, 1, 1))
	fillPrivacy(f)
	f.must(f.s.UpdateShop(f.ctx, fourth, func(s *bellhop.Shop) { s.OwnSecretOnly = true }))
	r := must(f.s.TakeRelay(f.ctx, "events", "one", day, time.Minute))(f)
	r.Cursor -= 100
	f.must(f.s.Uninstall(f.ctx, third, at(5002)))
	f.must(f.s.AddBackup(f.ctx, bellhop.BackupNote{Name: "monday.age", MadeAt: at(1), Until: at(5000)}))
	f.must(f.s.AddBackup(f.ctx, bellhop.BackupNote{Name: "tuesday.age", MadeAt: at(2)}))
	f.must(f.s.MoveLease(f.ctx, r))
	f.must(f.s.RemoveDevice(f.ctx, shop, "gone"))
	must(f.s.Prune(f.ctx, at(60), 1000))(f)
	fillTaking(f)
}

// fillTaking adds an order that rings, and one that somebody has.
func fillTaking(f *fixture) {
	owner := must(f.s.PersonByEmail(f.ctx, "jo@example.com"))(f)
	f.rota(7, "", owner)
	f.record(f.order(shop, 901, 1), f.order(shop, 902, 1))
	must(f.s.Take(f.ctx, shop, 901, store.TakeChange{Person: owner.ID, Session: 1 << 62, At: at(6000)}))(f)
}

func hardOrder() *bellhop.Order {
	presentment := money("-0.005", "KWD")
	return &bellhop.Order{Shop: shop, ID: math.MaxInt64,
		Version: bellhop.Version{UpdatedAt: at(1).Add(123456 * time.Microsecond), TriggeredAt: at(2), Hash: math.MaxUint64},
		Name:    `#1'"; DROP`, Number: 1<<53 + 1, Total: money("19800", "JPY"), Presentment: &presentment,
		CustomerName: "山田 🎉", CustomerEmail: "yamada@example.jp", Note: "two\nlines\ttab \\. \\N",
		FinancialStatus: "partially_refunded", FulfillmentStatus: "unfulfilled", Test: true,
		PlacedAt:    time.Date(2026, 11, 22, 18, 0, 0, 1000, time.FixedZone("", 9*3600)),
		UpdatedAt:   time.Date(2026, 11, 22, 4, 30, 0, 0, time.FixedZone("", -4*3600-1800)),
		CancelledAt: at(5),
		CreatedAt:   time.Date(2026, 11, 22, 18, 0, 1, 0, time.FixedZone("", 9*3600)), Current: money("12000", "JPY"),
		Pieces: 3, Details: hardDetails()}
}

func hardDetails() bellhop.Details {
	closed := time.Date(2026, 11, 23, 18, 0, 0, 5000, time.FixedZone("", 9*3600))
	return bellhop.Details{Schema: bellhop.DetailsSchema, Placed: bellhop.Sums{Subtotal: "19800", Tips: "0"},
		Customer: &bellhop.Customer{ID: math.MaxInt64, Name: "山田 \U0001F389", Locale: "ja-JP"},
		Shipping: &bellhop.Address{Name: `"\\u0000"`, Address1: "two\nlines"}, ClosedAt: &closed,
		Tags: []string{"a, b", "<&>"}, Attributes: []bellhop.Attribute{{Name: "_x", Value: "\u2028"}},
		Items: []bellhop.Item{
			{ID: 1<<60 + 1, Title: "帽子", Variant: "M / 青", SKU: "H-1", Quantity: 3, Current: 3, Price: "6600"},
			{ID: 2, Title: "", Quantity: 0, Price: "0"},
			{ID: 1, Title: "last", Quantity: math.MaxInt64, Price: "0.125"},
		}}
}

func fillShops(f *fixture) {
	f.addShop(shop)
	f.must(f.s.AddShop(f.ctx, bellhop.Shop{Domain: second, Secret: "s1", PreviousSecret: "s0",
		CustomerInPush: true, AddedAt: at(1).Add(7 * time.Microsecond), Name: "店", Currency: "JPY",
		Timezone: "Asia/Tokyo", Plan: "Plus", Email: "s@example.jp", InfoAt: at(2)}))
	f.addShop(third)
	f.addDevice(shop, "tablet", bellhop.FormData)
	f.addDevice(shop, "phone", bellhop.FormNotification)
	f.addDevice(shop, "gone", bellhop.FormData)
	f.addDevice(second, "phone", bellhop.FormNotification)
	d := f.addDevice(second, "changed", bellhop.FormNotification)
	d.Form, d.Value, d.SeenAt = bellhop.FormData, f.addDevice(shop, "moved", bellhop.FormData).Value, at(30)
	d.Name, d.SessionID = "店の電話", 1<<62
	must(f.s.PutDevice(f.ctx, d, store.DeviceLimits{}))(f) // retires the other one
	f.addDevice(shop, "last", bellhop.FormData)
	f.must(f.s.RemoveDevice(f.ctx, shop, "last"))
}

func fillPeople(f *fixture) {
	owner, leaver := f.addOwner("jo@example.com", shop), f.addOwner("leaver@example.com", second)
	operator := must(f.s.AddPerson(f.ctx, bellhop.Person{Email: "ann@example.com", Role: bellhop.RoleOperator,
		AddedAt: day}))(f)
	last := f.addOwner("last@example.com", third)
	f.must(f.s.RemovePerson(f.ctx, leaver.ID))
	f.must(f.s.RemovePerson(f.ctx, last.ID))
	f.must(f.setSettings(owner.ID, bellhop.Settings{Language: "ko", Timezone: "Asia/Seoul"}))
	for i, id := range []int64{owner.ID, owner.ID, operator.ID} {
		s := bellhop.Session{TokenHash: sessionHashes[i], PersonID: id, CreatedAt: day, Agent: "Firefox",
			ExpiresAt: at(i*100 + 1)}
		if i > 0 {
			s.UsedAt, s.Refresh = at(i), bellhop.Refresh{Family: [32]byte{byte(i)}, Hash: [32]byte{2}, Spent: [32]byte{3},
				Salt: [32]byte{4}, ExpiresAt: at(i * 1000)}
		}
		f.must(f.s.AddSession(f.ctx, s, "192.0.2.1"))
	}
	for i, name := range []string{"ci", "till", "last"} {
		must(f.s.AddToken(f.ctx, bellhop.Token{Shop: shop, Name: name, Hash: [32]byte{31: byte(i)}, CreatedAt: at(i)}))(f)
	}
	must(f.s.Token(f.ctx, [32]byte{31: 1}, at(1000)))(f)
	must(f.s.AddToken(f.ctx, bellhop.Token{Operator: true, Name: "all", Hash: [32]byte{31: 99}, CreatedAt: at(3)}))(f)
	must(f.s.Token(f.ctx, [32]byte{31: 99}, at(1000)))(f)
	f.addMember("many@example.com", staffOf(third), ownerOf(second), staffOf(shop))
	for i, email := range []string{"new@example.org", "late@example.org"} {
		f.must(f.s.Invite(f.ctx, bellhop.Invitation{Hash: [32]byte{byte(200 - i)}, Shop: second, Email: email,
			Role: bellhop.RoleOwner, InvitedBy: "jo@example.com", CreatedAt: at(i), ExpiresAt: at(100 * i)}))
	}
	f.must(f.s.Invite(f.ctx, bellhop.Invitation{Hash: [32]byte{7}, Shop: third, Email: "sam@example.org",
		Role: bellhop.RoleStaff, CreatedAt: at(1), ExpiresAt: at(9)}))
	must(f.s.Accept(f.ctx, [32]byte{7}, bellhop.Person{PasswordHash: "h"}, at(2)))(f)
	f.must(f.s.RemoveToken(f.ctx, shop, "last"))
	for i, about := range []string{"one", "two", "one"} {
		f.must(f.s.AddAccess(f.ctx, bellhop.Access{Shop: shop, At: at(i), By: "ann@example.com",
			What: bellhop.AccessBody, About: about, N: 5}))
	}
	d := f.addDevice(shop, "own", bellhop.FormData)
	d.PersonID = owner.ID
	must(f.s.PutDevice(f.ctx, d, store.DeviceLimits{}))(f)
}

// fillPrivacy adds requests, a copy of which has to recognise whom they are about.
func fillPrivacy(f *fixture) {
	request := f.forget(fourth, at(5003))
	f.record(request, marked(f.order(fourth, 2, 1), 9))
	r := must(f.s.AddRequest(f.ctx, fullRequest()))(f)
	f.must(f.s.PutExport(f.ctx, r.ID, []byte("{\"\x00\"}"), at(5004)))
	f.must(f.s.UpdateRequest(f.ctx, r.ID, func(r *bellhop.PrivacyRequest) error {
		r.Outcome, r.DoneAt = bellhop.RequestDone, at(5005)
		return nil
	}))
	must(f.s.RedactOrders(f.ctx, second, []int64{3}, bellhop.RedactedForRetention, at(5006)))(f)
	f.must(f.s.PutMarkKey(f.ctx, "", "sealed:1:x"))
	f.state(second, 0, 1)
	f.state(shop, -10, 3)
	must(f.s.PruneLedger(f.ctx, day.Add(-5*time.Hour), 1))(f)
	f.must(f.s.PutSigningKey(f.ctx, "", "sealed:1:y"))
}

// fillOrders records new orders, newer and older versions, touches and
// deletions, in two shops.
func fillOrders(f *fixture, rnd *rand.Rand, round int) {
	var facts []bellhop.Fact
	for range 40 {
		domain, id := []string{shop, second}[rnd.IntN(2)], int64(1+rnd.IntN(60))
		switch rnd.IntN(10) {
		case 0:
			facts = append(facts, f.edit(domain, id, rnd.Int64N(9), rnd.IntN(99)))
		case 1:
			facts = append(facts, f.refund(domain, id, rnd.Int64N(9), rnd.IntN(99)))
		case 2:
			if id > 4 {
				facts = append(facts, f.deletion(domain, id))
			}
		default:
			o := f.order(domain, id, 1+rnd.IntN(9))
			for n := range int64(rnd.IntN(4)) {
				o.Order.Items = append(o.Order.Items, bellhop.Item{ID: n, Title: "Cap", SKU: fmt.Sprint(n), Quantity: n,
					Price: "1.50"})
			}
			facts = append(facts, o)
		}
	}
	facts = append(facts, f.order(second, 3, 10+round), f.order(second, 4, 10+round),
		f.edit(shop, 200+int64(round), 1, 1),
		f.deletion(shop, 300+int64(round)))
	f.record(facts...)
}

// fillPushes claims some due pushes, and ends them in every way.
func fillPushes(f *fixture, rnd *rand.Rand, now time.Time) {
	for i, o := range f.claim(now, 30) {
		s := store.Settled{Pushes: o.Pushes, Status: bellhop.PushSent, At: now}
		switch rnd.IntN(8) {
		case 0:
			s.Status, s.Reason, s.RetryAt = bellhop.PushUnknown, "unknown", now.Add(time.Minute)
		case 1:
			s.Status, s.Reason = bellhop.PushFailed, "refused"
		case 2:
			s.Status, s.Reason, s.RetryAt = bellhop.PushPending, "quota", now.Add(time.Duration(i)*time.Second+time.Microsecond)
		case 3:
			continue // stays sending
		case 4:
			f.must(f.s.PushReceipt(f.ctx, o.Shop.Domain, o.Pushes[0], i%2 == 0, now))
		}
		f.settle(s)
	}
}

// fillEvents adds events without an order.
func fillEvents(f *fixture) {
	skip := func(domain, topic, reason string) bellhop.Fact {
		e := f.event(domain, topic)
		e.Body = []byte{}
		e.ShopifyEventID, e.TriggeredAt = "", time.Time{}
		return bellhop.Fact{Event: e, At: at(5000), Skip: reason}
	}
	f.record(skip(shop, "app/uninstalled", bellhop.ReasonNotActedOn), skip(nobody, "orders/create", "x"))
	f.must(f.s.Dead(f.ctx, f.event(shop, "orders/create"), "it can't be read", at(5001)))
	f.must(f.s.UpdateShop(f.ctx, third, func(s *bellhop.Shop) { s.Disabled = true }))
	f.record(f.order(third, 1, 1))
	f.must(f.s.UpdateShop(f.ctx, third, func(s *bellhop.Shop) { s.Disabled = false }))
}

// A driver chooses which of an order's pushes has the lower id, and the order of pushes
// that became due together. The functions below leave both out.

func steadyOwed(owed []store.Owed) []store.Owed {
	for i := range owed {
		owed[i].Pushes = nil
		slices.SortFunc(owed[i].Orders, func(a, b store.OrderBrief) int { return cmp.Compare(a.ID, b.ID) })
	}
	slices.SortFunc(owed, func(a, b store.Owed) int {
		return cmp.Or(cmp.Compare(a.Device.ID, b.Device.ID), cmp.Compare(a.Orders[0].ID, b.Orders[0].ID))
	})
	return owed
}

func steady(s seen) seen {
	device := map[int64]int64{}
	for _, p := range s.Pushes {
		device[p.ID] = p.DeviceID
	}
	s.Pushes = steadyPushes(s.Pushes)
	for i := range s.Orders {
		s.Orders[i].Pushes = steadyPushes(s.Orders[i].Pushes)
	}
	for i := range s.Changes {
		c := &s.Changes[i]
		c.Seq, c.PushID = 0, device[c.PushID]
	}
	slices.SortFunc(s.Changes, func(a, b store.Change) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Shop, b.Shop),
			cmp.Compare(a.OrderID, b.OrderID), cmp.Compare(a.PushID, b.PushID))
	})
	return s
}

func steadyPushes(pushes []bellhop.Push) []bellhop.Push {
	for i := range pushes {
		pushes[i].ID = 0
	}
	slices.SortFunc(pushes, func(a, b bellhop.Push) int {
		return cmp.Or(cmp.Compare(a.Shop, b.Shop), cmp.Compare(a.OrderID, b.OrderID), cmp.Compare(a.DeviceID, b.DeviceID))
	})
	return pushes
}

// goOn uses a filled store, and returns its answers.
func goOn(f *fixture) (said []any) {
	f.Helper()
	tell := func(v ...any) { said = append(said, v...) }
	rnd := rand.New(rand.NewPCG(3, 4))
	for round := range 3 {
		var facts []bellhop.Fact
		for range 30 {
			facts = append(facts, f.order([]string{shop, second, third}[rnd.IntN(3)], int64(1+rnd.IntN(80)), 1+rnd.IntN(20)))
		}
		facts = append(facts, f.edit(shop, 201, 1, 1),
			f.edit(shop, 202, 0, 1), f.order(shop, 301, 1),
			f.order(shop, 203, 1))
		tell(f.record(facts...))
		now := at(6000 + round*200)
		owed := f.claim(now, 10_000)
		f.sent(now, owed...)
		tell(steadyOwed(owed))
	}
	tell(f.addOwner("new@example.com", shop), f.addDevice(shop, "new", bellhop.FormData),
		f.addDevice(shop, "last", bellhop.FormData))
	tell(must(f.s.AddToken(f.ctx, bellhop.Token{Shop: shop, Name: "last", Hash: [32]byte{9}, CreatedAt: day}))(f))
	f.must(f.s.SetPassword(f.ctx, must(f.s.PersonByEmail(f.ctx, "jo@example.com"))(f).ID, "other"))
	f.must(f.s.RemovePerson(f.ctx, must(f.s.PersonByEmail(f.ctx, "ann@example.com"))(f).ID))
	tell(must(f.s.SetHandling(f.ctx, second, 3, "", bellhop.HandlingHandled, at(7000), nil))(f))
	tell(must(f.s.Prune(f.ctx, at(100), 1000))(f))
	f.must(f.s.UpdateShop(f.ctx, fourth, func(s *bellhop.Shop) { s.OwnSecretOnly = false }))
	tell(f.record(marked(f.order(fourth, 1, 2), 9), marked(f.order(fourth, 3, 1), 5)))
	for _, id := range []int64{1, 2, 3} {
		o := must(f.s.Order(f.ctx, fourth, id))(f)
		tell(o.CustomerName, o.RedactedFor, o.RedactedAt)
	}
	r := must(f.s.AddRequest(f.ctx, fullRequest()))(f)
	tell(r, must(f.s.Requests(f.ctx, store.RequestQuery{}))(f), must(f.s.PrivacyExport(f.ctx, shop, r.ID-1))(f),
		must(f.s.MarkKey(f.ctx))(f), must(f.s.SigningKey(f.ctx))(f), f.state(shop, 4))
	return said
}
