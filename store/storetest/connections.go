package storetest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"bellhop"
	"bellhop/store"
	"bellhop/store/driver"
)

// fullConnection has every field set.
func fullConnection(domain string) bellhop.Connection {
	return bellhop.Connection{Shop: domain, Grant: bellhop.GrantAuthorizationCode, ConnectedAt: at(1),
		Scopes: []string{"read_customers", "read_orders"}, Token: "token of " + domain, ExpiresAt: at(3600),
		RefreshToken: "refresh token", RefreshExpiresAt: at(9000), Access: bellhop.AccessRefused, Reason: "unavailable",
		Since: at(2).Add(7 * time.Microsecond), CheckedAt: at(3), CheckDue: at(4), UninstalledAt: at(5),
		Subscriptions: []bellhop.Subscription{{Topic: "orders/create", There: true, Address: "https://b.example.com"},
			{Topic: "refunds/create", Refusal: "protected_data", Address: "https://a.example.com"}}}
}

func connections(f *fixture) {
	f.addShop(shop, other)
	f.equal("none", len(must(f.s.Connections(f.ctx))(f)), 0)
	f.kind(bellhop.NotFound, errOf(f.s.Connection(f.ctx, shop)))
	f.kind(bellhop.NotFound, f.s.UpdateConnection(f.ctx, shop, func(*bellhop.Connection) error { return nil }))
	f.kind(bellhop.NotFound, f.s.PutConnection(f.ctx, fullConnection(nobody)))

	one, two := fullConnection(shop), bellhop.Connection{Shop: other, Grant: bellhop.GrantToken, ConnectedAt: day,
		Access: bellhop.AccessGood, Since: day, CheckDue: day}
	f.must(f.s.PutConnection(f.ctx, two))
	f.must(f.s.PutConnection(f.ctx, one))
	f.whole("connection", must(f.s.Connection(f.ctx, shop))(f), one, "Subscriptions.There", "Subscriptions.Refusal")
	f.equal("by shop", must(f.s.Connections(f.ctx))(f), []bellhop.Connection{one, two})

	f.must(f.s.UpdateConnection(f.ctx, shop, func(c *bellhop.Connection) error {
		f.equal("as it is", *c, one)
		*c = bellhop.Connection{Shop: other, Grant: bellhop.GrantClientCredentials, ConnectedAt: at(7), Token: "new",
			Access: bellhop.AccessGood, Since: at(7), CheckDue: at(8)} // the shop can't change
		return nil
	}))
	one = bellhop.Connection{Shop: shop, Grant: bellhop.GrantClientCredentials, ConnectedAt: at(7), Token: "new",
		Access: bellhop.AccessGood, Since: at(7), CheckDue: at(8)}
	f.equal("changed", must(f.s.Connections(f.ctx))(f), []bellhop.Connection{one, two})

	refused := errors.New("no")
	for what, change := range map[string]func(*bellhop.Connection) error{
		"error":  func(c *bellhop.Connection) error { c.Token = "lost"; return refused },
		"grant":  func(c *bellhop.Connection) error { c.Grant = "gift"; return nil },
		"access": func(c *bellhop.Connection) error { c.Access = ""; return nil },
		"token":  func(c *bellhop.Connection) error { c.Token = long; return nil },
		"scope":  func(c *bellhop.Connection) error { c.Scopes = []string{"a,b"}; return nil },
		"scopes": func(c *bellhop.Connection) error {
			c.Scopes = strings.Split(strings.Repeat("a ", 999), " ")
			return nil
		},
		"topics": func(c *bellhop.Connection) error { c.Subscriptions = make([]bellhop.Subscription, 999); return nil },
		"reason": func(c *bellhop.Connection) error { c.Reason = long; return nil },
	} {
		err := f.s.UpdateConnection(f.ctx, shop, change)
		if what == "error" && !errors.Is(err, refused) || what != "error" && bellhop.KindOf(err) != bellhop.Invalid {
			f.Errorf("%s: %v", what, err)
		}
	}
	f.kind(bellhop.Invalid, f.s.PutConnection(f.ctx, bellhop.Connection{Shop: shop}))
	f.s = f.d.Reopen(f.T, f.s)
	f.equal("unchanged", must(f.s.Connections(f.ctx))(f), []bellhop.Connection{one, two})
}

// connectionsInTurn changes one connection from two openings at once: no change is lost.
func connectionsInTurn(f *fixture) {
	f.addShop(shop)
	f.must(f.s.PutConnection(f.ctx, fullConnection(shop)))
	const each = 20
	var wg sync.WaitGroup
	for who, s := range []store.Store{f.s, f.d.Another(f.T, f.s)} {
		wg.Go(func() {
			for n := range each {
				err := s.UpdateConnection(f.ctx, shop, func(c *bellhop.Connection) error {
					c.Scopes = append(slices.Clone(c.Scopes), fmt.Sprintf("scope_%d_%d", who, n))
					return nil
				})
				if err != nil {
					f.Error(err)
				}
			}
		})
	}
	wg.Wait()
	f.equal("scopes", len(must(f.s.Connection(f.ctx, shop))(f).Scopes), 2+2*each)
}

// uninstalled takes the app away from a shop that has everything, and gives it back.
func uninstalled(f *fixture) {
	f.addShopWithPhone(bellhop.FormData)
	f.addShop(other)
	f.addDevice(other, "phone", bellhop.FormData)
	owner, neighbour := f.addOwner("jo@example.com", shop), f.addOwner("kim@example.com", other)
	for i, p := range []bellhop.Person{owner, neighbour} {
		f.must(f.s.AddSession(f.ctx, bellhop.Session{TokenHash: [32]byte{byte(i + 1)}, PersonID: p.ID, CreatedAt: day,
			ExpiresAt: at(9000)}, "net"))
	}
	f.must(f.s.PutConnection(f.ctx, fullConnection(shop)))
	f.must(f.s.PutConnection(f.ctx, fullConnection(other)))
	f.record(f.order(shop, 1, 1), f.order(shop, 2, 1), f.order(other, 1, 1))
	sending := f.claim(at(100), 1)
	f.kind(bellhop.NotFound, f.s.Uninstall(f.ctx, nobody, at(101)))
	f.must(f.s.Uninstall(f.ctx, shop, at(101)))

	want := fullConnection(shop)
	want.Token, want.ExpiresAt, want.RefreshToken, want.RefreshExpiresAt = "", time.Time{}, "", time.Time{}
	want.Access, want.Reason, want.Since = bellhop.AccessUninstalled, "", at(101)
	want.UninstalledAt, want.Subscriptions = time.Time{}, nil
	f.equal("connections", must(f.s.Connections(f.ctx))(f), []bellhop.Connection{want, fullConnection(other)})
	f.equal("since", must(f.s.Shops(f.ctx))(f)[0].UninstalledAt, at(101))
	f.equal("another shop", must(f.s.Shops(f.ctx))(f)[1].UninstalledAt, time.Time{})
	_, _, err := f.s.Session(f.ctx, [32]byte{1}, at(102))
	f.kind(bellhop.NotFound, err)
	_, _, err = f.s.Session(f.ctx, [32]byte{2}, at(102))
	f.must(err)

	f.sent(at(102), sending...) // what was on its way arrives
	f.equal("statuses", f.statuses(shop), map[bellhop.PushStatus]int{bellhop.PushSent: 1, bellhop.PushSkipped: 1})
	f.equal("recorded", f.outcomes(f.order(shop, 3, 1), f.order(shop, 2, 2)),
		[]bellhop.Outcome{bellhop.OutcomeRecorded, bellhop.OutcomeRecorded})
	f.equal("why", []string{f.onePush(3).Reason, string(f.onePush(3).Status)},
		[]string{store.ReasonUninstalled, string(bellhop.PushSkipped)})
	f.must(f.s.TestDevice(f.ctx, shop, "phone", at(103)))
	f.equal("of another shop", len(f.claim(at(104), 10)), 1)
	f.equal("tests", must(f.s.TestPushes(f.ctx, shop))(f)[0].Reason, store.ReasonUninstalled)

	f.must(f.s.PutConnection(f.ctx, fullConnection(shop)))
	f.equal("installed again", must(f.s.Shops(f.ctx))(f)[0].UninstalledAt, time.Time{})
	f.record(f.order(shop, 4, 1))
	f.equal("owed again", f.onePush(4).Status, bellhop.PushPending)
}

func (f *fixture) statuses(domain string) map[bellhop.PushStatus]int {
	f.Helper()
	n := map[bellhop.PushStatus]int{}
	for _, p := range f.allPushes(domain, store.PushQuery{}) {
		n[p.Status]++
	}
	return n
}

// uninstalledInPortions has more owed pushes than one transaction ends, some of a fan-out.
func uninstalledInPortions(f *fixture) {
	f.addShopWithPhone(bellhop.FormData)
	const n = driver.SkipAtOnce + 50
	f.record(f.orders(1, n)...)
	f.must(f.s.UpdateShop(f.ctx, shop, func(s *bellhop.Shop) { s.Name = "Demo" }))
	f.addShop(fourth)
	f.addDevices(fourth, many)
	f.record(f.order(fourth, 1, 1))
	for _, domain := range []string{shop, fourth} {
		f.must(f.s.Uninstall(f.ctx, domain, at(9000)))
	}
	f.equal("statuses", f.statuses(shop), map[bellhop.PushStatus]int{bellhop.PushSkipped: n})
	for range 100 {
		f.equal("claimed", len(f.claim(at(9001), 100)), 0)
		if f.nextPush().IsZero() {
			break
		}
	}
	f.equal("statuses", f.statuses(fourth), map[bellhop.PushStatus]int{bellhop.PushSkipped: many})
	f.countsMatch(shop, fourth)
}

// uninstalledOfSeveralShops takes the app from one of somebody's two shops: their session goes on, and the phone rings
// for the other.
func uninstalledOfSeveralShops(f *fixture) {
	f.addShop(shop, second)
	p := f.addMember("kim@example.com", ownerOf(shop), staffOf(second))
	f.must(f.s.AddSession(f.ctx, bellhop.Session{TokenHash: [32]byte{1}, PersonID: p.ID, CreatedAt: day,
		ExpiresAt: at(9000)}, "net"))
	f.phone(p, shop, "phone")
	f.record(f.order(shop, 1, 1), f.order(second, 1, 1))
	f.must(f.s.Uninstall(f.ctx, shop, at(101)))
	_, who, err := f.s.Session(f.ctx, [32]byte{1}, at(102))
	f.must(err)
	f.equal("shops", who.Shops, []bellhop.Membership{ownerOf(shop), staffOf(second)})
	owed := f.claim(at(103), 10)
	f.equal("owed", len(owed), 1)
	f.equal("for", owed[0].Shop.Domain, second)
	f.sent(at(104), owed...)
	f.record(f.order(shop, 2, 1), f.order(second, 2, 1))
	owed = f.claim(at(200), 10)
	f.equal("owed later", len(owed), 1)
	f.equal("for", owed[0].Shop.Domain, second)
	f.must(f.s.Uninstall(f.ctx, second, at(201)))
	_, _, err = f.s.Session(f.ctx, [32]byte{1}, at(202))
	f.kind(bellhop.NotFound, err)
}

func keyChecks(f *fixture) {
	for _, v := range []struct {
		get func(store.Store) (string, error)
		put func(s store.Store, was, is string) error
	}{
		{func(s store.Store) (string, error) { return s.KeyCheck(f.ctx) },
			func(s store.Store, was, is string) error { return s.PutKeyCheck(f.ctx, was, is) }},
		{func(s store.Store) (string, error) { return s.MarkKey(f.ctx) },
			func(s store.Store, was, is string) error { return s.PutMarkKey(f.ctx, was, is) }},
		{func(s store.Store) (string, error) { return s.SigningKey(f.ctx) },
			func(s store.Store, was, is string) error { return s.PutSigningKey(f.ctx, was, is) }},
	} {
		is := func(want string) {
			f.Helper()
			f.equal("value", must(v.get(f.s))(f), want)
		}
		is("")
		f.must(v.put(f.s, "", "one"))
		f.kind(bellhop.Conflict, v.put(f.s, "", "two"))
		f.kind(bellhop.Conflict, v.put(f.s, "two", "three"))
		is("one")
		f.must(v.put(f.s, "one", "two"))
		f.s = f.d.Reopen(f.T, f.s)
		is("two")
	}
}
