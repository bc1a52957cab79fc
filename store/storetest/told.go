package storetest

import (
	"fmt"
	"time"

	"bellhop"
	"bellhop/store"
)

// told makes a fact about a shop itself.
func (f *fixture) told(domain, topic string, n bellhop.ShopNews) bellhop.Fact {
	e := f.event(domain, topic)
	e.TriggeredAt = n.At
	return bellhop.Fact{Event: e, At: at(1000), Shop: &n}
}

func (f *fixture) theShop(domain string) bellhop.Shop {
	f.Helper()
	for _, s := range must(f.s.Shops(f.ctx))(f) {
		if s.Domain == domain {
			return s
		}
	}
	f.Fatalf("there is no shop %s", domain)
	return bellhop.Shop{}
}

func (f *fixture) theConnection(domain string) bellhop.Connection {
	f.Helper()
	return must(f.s.Connection(f.ctx, domain))(f)
}

func (f *fixture) connect(domain string, at time.Time) {
	f.Helper()
	f.must(f.s.PutConnection(f.ctx, bellhop.Connection{Shop: domain, Grant: bellhop.GrantToken, Token: "t",
		ConnectedAt: at, Access: bellhop.AccessGood, Since: at, Scopes: []string{"read_orders"},
		CheckDue: at.Add(24 * time.Hour)}))
}

// shopInfo brings what a shop is called in every order, alone and together with an order.
func shopInfo(f *fixture) {
	f.addShop(shop, other)
	info := func(n int, name string) bellhop.Fact {
		return f.told(shop, "shop/update", bellhop.ShopNews{At: at(n), Info: &bellhop.ShopInfo{Name: name, Currency: "KRW",
			Timezone: "Asia/Seoul", Plan: "Basic", Email: "jo@example.com"}})
	}
	f.equal("outcomes", f.outcomes(info(5, "b"), f.order(shop, 7, 1), info(4, "a"), info(5, "b")), []bellhop.Outcome{
		bellhop.OutcomeRecorded, bellhop.OutcomeRecorded, bellhop.OutcomeStale, bellhop.OutcomeDuplicate})
	newest := info(6, "c")
	f.equal("newer", f.outcomes(newest), []bellhop.Outcome{bellhop.OutcomeRecorded})
	f.equal("older", f.outcomes(info(3, "d")), []bellhop.Outcome{bellhop.OutcomeStale})
	f.equal("again", f.record(newest), []bellhop.Result{{Outcome: bellhop.OutcomeDuplicate, Reason: "redelivered"}})
	s := f.theShop(shop)
	f.equal("info", fmt.Sprint(s.Name, s.Currency, s.Timezone, s.Plan, s.Email), "cKRWAsia/SeoulBasicjo@example.com")
	f.equal("as of", s.InfoAt, at(6))
	f.equal("another shop", f.theShop(other).InfoAt, time.Time{})
	lines := f.allLines(store.LineQuery{Topic: "shop/update", Outcome: bellhop.OutcomeRecorded})
	f.equal("lines", len(lines), 2)
	f.totalsMatch()
}

// connectionNews tells a connection of new scopes and of the app's removal: both have it checked.
func connectionNews(f *fixture) {
	f.addShop(shop, other)
	f.connect(shop, at(10))
	f.connect(other, at(10))
	untouched := f.theConnection(other)
	scopes := func(n int, all ...string) bellhop.Fact {
		return f.told(shop, "app/scopes_update", bellhop.ShopNews{At: at(n), Scopes: all})
	}
	gone := func(n int) bellhop.Fact {
		return f.told(shop, "app/uninstalled", bellhop.ShopNews{At: at(n), Uninstalled: true})
	}
	f.equal("too old", f.record(scopes(9, "x"), gone(9)), []bellhop.Result{{Outcome: bellhop.OutcomeStale},
		{Outcome: bellhop.OutcomeStale, Reason: bellhop.ReasonInstalledSince}})
	f.equal("not due", f.theConnection(shop).CheckDue, at(10).Add(24*time.Hour))
	f.equal("scopes", f.outcomes(scopes(12, "a", "b"), scopes(11, "x")),
		[]bellhop.Outcome{bellhop.OutcomeRecorded, bellhop.OutcomeStale})
	c := f.theConnection(shop)
	f.equal("scopes", c.Scopes, []string{"a", "b"})
	f.equal("due", c.CheckDue, at(1000))
	f.equal("removed", f.record(gone(20), gone(20), gone(15)), []bellhop.Result{{Outcome: bellhop.OutcomeRecorded},
		{Outcome: bellhop.OutcomeDuplicate}, {Outcome: bellhop.OutcomeDuplicate}})
	c = f.theConnection(shop)
	f.equal("removed at", c.UninstalledAt, at(20))
	f.equal("it stays until it was checked", c.Token, "t")
	f.equal("and so does the shop", f.theShop(shop).UninstalledAt, time.Time{})
	f.equal("scopes stay", c.Scopes, []string{"a", "b"})
	f.equal("removed before", f.outcomes(gone(19)), []bellhop.Outcome{bellhop.OutcomeDuplicate})
	f.equal("another shop's", f.theConnection(other), untouched)
	f.connect(shop, at(30)) // installed again, and the webhook is late
	f.equal("late", f.outcomes(gone(25)), []bellhop.Outcome{bellhop.OutcomeStale})
	f.equal("of the new one", f.theConnection(shop).UninstalledAt, time.Time{})
}

// uninstalledAlone removes the app from a shop without a connection, and installs it again.
func uninstalledAlone(f *fixture) {
	f.addShopWithPhone(bellhop.FormData)
	added := f.theShop(shop).AddedAt
	gone := func(t time.Time) bellhop.Fact {
		return f.told(shop, "app/uninstalled", bellhop.ShopNews{At: t, Uninstalled: true})
	}
	f.equal("before it was added", f.record(gone(added.Add(-time.Second))), []bellhop.Result{{
		Outcome: bellhop.OutcomeStale, Reason: bellhop.ReasonInstalledSince}})
	when := added.Add(time.Hour)
	fact := gone(when)
	f.equal("removed", f.record(fact), []bellhop.Result{{Outcome: bellhop.OutcomeRecorded, Uninstalls: true}})
	f.equal("it comes again, since nobody ended anything", f.record(fact), []bellhop.Result{{
		Outcome: bellhop.OutcomeDuplicate, Reason: "redelivered", Uninstalls: true}})
	f.must(f.s.Uninstall(f.ctx, shop, when))
	f.equal("done", f.record(fact), []bellhop.Result{{Outcome: bellhop.OutcomeDuplicate, Reason: "redelivered"}})
	late := f.order(shop, 7, 1)
	late.Event.TriggeredAt = when
	f.equal("an order of before rings nobody", f.record(late)[0].Pushes, 0)
	f.equal("removed at", f.theShop(shop).UninstalledAt, when)
	fresh := f.order(shop, 8, 1)
	fresh.Event.TriggeredAt = when.Add(time.Second)
	f.equal("an order of after it does", f.record(fresh)[0].Pushes, 1)
	f.equal("installed again", f.theShop(shop).UninstalledAt, time.Time{})
	f.equal("scopes without a connection", f.record(f.told(shop, "app/scopes_update", bellhop.ShopNews{At: when,
		Scopes: []string{"a"}})), []bellhop.Result{{Outcome: bellhop.OutcomeSkipped, Reason: bellhop.ReasonNotConnected}})
	f.equal("of a stranger", f.record(f.told(nobody, "app/uninstalled", bellhop.ShopNews{At: when, Uninstalled: true})),
		[]bellhop.Result{{Outcome: bellhop.OutcomeSkipped, Reason: bellhop.ReasonUnknownShop}})
}
