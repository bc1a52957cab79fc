package rules_test

import (
	"slices"
	"testing"
	"time"

	"bellhop"
	"bellhop/store/rules"
)

func gone(at int) bellhop.Fact {
	return bellhop.Fact{At: noon, Shop: &bellhop.ShopNews{At: second(at), Uninstalled: true}}
}

func scopes(at int, all ...string) bellhop.Fact {
	return bellhop.Fact{At: noon, Shop: &bellhop.ShopNews{At: second(at), Scopes: all}}
}

func info(at int, name string) bellhop.Fact {
	return bellhop.Fact{At: noon, Shop: &bellhop.ShopNews{At: second(at), Info: &bellhop.ShopInfo{Name: name}}}
}

// TestPlanShopNews shows what webhooks about the shop itself come to, in one batch with each other and with orders.
func TestPlanShopNews(t *testing.T) {
	connected := rules.StoredShop{Row: 7, ConnectedAt: second(10), Shop: bellhop.Shop{AddedAt: second(1)}}
	alone := rules.StoredShop{Row: 7, Shop: bellhop.Shop{AddedAt: second(10)}}
	removed := rules.StoredShop{Row: 7, GoneAt: second(20),
		Shop: bellhop.Shop{AddedAt: second(1), UninstalledAt: second(20)}}
	for name, c := range map[string]struct {
		shop     rules.StoredShop
		facts    []bellhop.Fact
		want     []string
		told     rules.ShopTold // Row and At aside
		uninstal bool
	}{
		"newest info wins": {connected, events(info(5, "b"), info(4, "a"), info(5, "b"), orderFact(1, 1, 1), info(6, "c")),
			[]string{"recorded", "stale", "duplicate", "recorded", "recorded"}, rules.ShopTold{Info: info(6, "c").Shop}, false},
		"scopes of a connection": {connected, events(scopes(11, "a"), scopes(10, "b"), scopes(12, "c"), scopes(9, "d")),
			[]string{"recorded", "stale", "recorded", "stale"}, rules.ShopTold{Scopes: scopes(12, "c").Shop}, false},
		"scopes of no connection": {alone, events(scopes(11, "a")), []string{"skipped not_connected"}, rules.ShopTold{}, false},
		"gone, and connected": {connected, events(gone(11), gone(11), gone(10), gone(12), orderFact(1, 1, 1)),
			[]string{"recorded", "duplicate", "duplicate", "recorded", "recorded"}, rules.ShopTold{Gone: gone(12).Shop}, false},
		"gone before it was connected": {connected, events(gone(9)), []string{"stale installed_since"}, rules.ShopTold{}, false},
		"gone, and not connected":      {alone, events(gone(10)), []string{"recorded"}, rules.ShopTold{Gone: gone(10).Shop}, true},
		"gone before it was added":     {alone, events(gone(9)), []string{"stale installed_since"}, rules.ShopTold{}, false},
		"gone again":                   {removed, events(gone(20)), []string{"duplicate"}, rules.ShopTold{}, false},
		"back":                         {removed, events(triggered(orderFact(1, 1, 1), 21)), []string{"recorded"}, rules.ShopTold{Back: true}, false},
		"a late order":                 {removed, events(triggered(orderFact(1, 1, 1), 20)), []string{"recorded"}, rules.ShopTold{}, false},
		"back, by its settings": {removed, events(triggered(info(21, "a"), 21)), []string{"recorded"},
			rules.ShopTold{Back: true, Info: info(21, "a").Shop}, false},
	} {
		shop := c.shop
		r, results := rules.PlanRecord(rules.Before{Shops: map[string]*rules.StoredShop{domain: &shop}}, c.facts)
		if got := outcomes(results); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
		var told rules.ShopTold
		if len(r.Told) > 1 {
			t.Errorf("%s: %d changes of one shop", name, len(r.Told))
		}
		if len(r.Told) == 1 {
			if r.Told[0].Row != 7 || !r.Told[0].At.Equal(noon) {
				t.Errorf("%s: told %+v", name, r.Told[0])
			}
			told = *r.Told[0]
			told.Row, told.At = 0, time.Time{}
		}
		if !sameTold(told, c.told) {
			t.Errorf("%s: told %+v, want %+v", name, told, c.told)
		}
		if got := slices.ContainsFunc(results, func(r bellhop.Result) bool { return r.Uninstalls }); got != c.uninstal {
			t.Errorf("%s: it has to be uninstalled: %t", name, got)
		}
	}
}

func sameTold(a, b rules.ShopTold) bool {
	same := func(x, y *bellhop.ShopNews) bool {
		return (x == nil) == (y == nil) && (x == nil || x.At.Equal(y.At))
	}
	return same(a.Info, b.Info) && same(a.Scopes, b.Scopes) && same(a.Gone, b.Gone) && a.Back == b.Back
}

// triggered says when a fact's event happened.
func triggered(f bellhop.Fact, at int) bellhop.Fact {
	f.Event = &bellhop.Event{TriggeredAt: second(at)}
	return f
}

// TestUninstallIsLeftToDo lets a process die after it recorded an app/uninstalled, and before it ended anything:
// the event comes again, and says that there is something left to do, until that is done.
func TestUninstallIsLeftToDo(t *testing.T) {
	f := event(1, gone(20))
	before := func(s rules.StoredShop) rules.Before {
		return rules.Before{Shops: map[string]*rules.StoredShop{domain: &s},
			Lines: map[bellhop.EventID]rules.StoredLine{f.Event.ID: {Row: 1, Outcome: bellhop.OutcomeRecorded}}}
	}
	for name, c := range map[string]struct {
		shop rules.StoredShop
		left bool
	}{
		"not done":                {rules.StoredShop{}, true},
		"done":                    {rules.StoredShop{GoneAt: second(20)}, false},
		"added since":             {rules.StoredShop{Shop: bellhop.Shop{AddedAt: second(21)}}, false},
		"connected: the keeper's": {rules.StoredShop{ConnectedAt: second(2)}, false},
		"disabled":                {rules.StoredShop{Shop: bellhop.Shop{Disabled: true}}, false},
	} {
		r, results := rules.PlanRecord(before(c.shop), []bellhop.Fact{f})
		want := bellhop.Result{Outcome: bellhop.OutcomeDuplicate, Reason: "redelivered", Uninstalls: c.left}
		if results[0] != want || len(r.Told) > 0 {
			t.Errorf("%s: %+v, told %d", name, results[0], len(r.Told))
		}
	}
	gone := rules.Before{Lines: before(rules.StoredShop{}).Lines}
	if _, results := rules.PlanRecord(gone, []bellhop.Fact{f}); results[0].Uninstalls {
		t.Error("a shop that is gone is uninstalled")
	}
}
