package storetest

import (
	"encoding/binary"
	"time"

	"bellhop"
	"bellhop/store"
)

// acceptedAt makes a fact of an event of a topic that was accepted at a time.
func (f *fixture) acceptedAt(domain, topic string, t time.Time) bellhop.Fact {
	fact := f.order(domain, int64(f.n+1), 1)
	fact.Event.Topic, fact.Event.AcceptedAt = topic, t
	binary.BigEndian.PutUint64(fact.Event.ID[:], uint64(t.UnixMilli())<<16|0x7000)
	return fact
}

func lastEvents(f *fixture) {
	f.addShop(shop, other)
	last := func(domain string) map[string]time.Time {
		f.Helper()
		return must(f.s.LastEvents(f.ctx, domain, time.Time{}))(f)
	}
	f.equal("none", last(shop), map[string]time.Time{})
	f.equal("of nobody", last(nobody), map[string]time.Time{})
	f.record(f.acceptedAt(shop, "orders/create", at(50)), f.acceptedAt(other, "orders/paid", at(99)),
		f.acceptedAt(shop, "orders/updated", at(5000)), f.acceptedAt(shop, "orders/create", at(60)))
	f.record(f.acceptedAt(shop, "orders/create", at(40)), f.acceptedAt(shop, "orders/updated", at(4000)))
	skipped := f.acceptedAt(shop, "app/uninstalled", at(70))
	skipped.Order, skipped.OrderID, skipped.Skip = nil, 0, bellhop.ReasonNotActedOn
	f.record(skipped)
	f.record(f.acceptedAt(nobody, "orders/create", at(80)))
	want := map[string]time.Time{"orders/create": at(60), "orders/updated": at(5000), "app/uninstalled": at(70)}
	f.equal("last", last(shop), want)
	f.equal("of another", last(other), map[string]time.Time{"orders/paid": at(99)})
	before := func(n int) map[string]time.Time { return must(f.s.LastEvents(f.ctx, shop, at(n)))(f) }
	f.record(f.acceptedAt(shop, "orders/create", at(900)))
	f.equal("before a slot", before(600), map[string]time.Time{"orders/create": at(60), "app/uninstalled": at(70)})
	f.equal("before all", before(0), map[string]time.Time{})
	want["orders/create"] = at(900)
	f.s = f.d.Reopen(f.T, f.s)
	f.equal("after a restart", last(shop), want)
}

func silences(f *fixture) {
	f.addShop(shop, other)
	minute := func(n int) time.Time { return at(60 * n) }
	list := func(domain string, since time.Time, least time.Duration) []store.Silence {
		f.Helper()
		return must(f.s.Silences(f.ctx, domain, since, least))(f)
	}
	f.kind(bellhop.Invalid, errOf(f.s.Silences(f.ctx, shop, day, store.HeardSlot-1)))
	f.equal("of none", len(list(shop, day, time.Hour)), 0)
	f.record(f.acceptedAt(shop, "orders/create", minute(200)))
	f.equal("of one", list(shop, day, time.Hour), []store.Silence{{From: minute(200)}})

	// In any order, of several topics, with other shops' between.
	for _, m := range []int{100, 30, 0, 195, 42, 101, 109, 121} {
		topic := []string{"orders/create", "orders/updated"}[m%2]
		f.record(f.acceptedAt(shop, topic, minute(m)), f.acceptedAt(other, topic, minute(m+5)))
	}
	gaps := func(minutes ...int) (all []store.Silence) {
		for i := 0; i < len(minutes); i += 2 {
			all = append(all, store.Silence{From: minute(minutes[i]), To: minute(minutes[i+1])})
		}
		return append(all, store.Silence{From: minute(200)})
	}
	f.equal("an hour", list(shop, day, 58*time.Minute), gaps(42, 100, 121, 195))
	f.equal("exactly", list(shop, day, 74*time.Minute), gaps(121, 195))
	f.equal("longer", list(shop, day, 74*time.Minute+1), gaps())
	f.equal("those that end later", list(shop, minute(150), 10*time.Minute),
		gaps(121, 195))
	f.equal("short ones", list(shop, day, 8*time.Minute), gaps(0, 30, 30, 42, 42, 100, 101, 109, 109, 121, 121, 195))

	var facts []bellhop.Fact
	for n := range store.MaxSilences + 20 {
		facts = append(facts, f.acceptedAt(shop, "orders/create", minute(300+10*n)))
	}
	f.record(facts...)
	most := list(shop, day, store.HeardSlot)
	f.equal("at most", len(most), store.MaxSilences)
	f.equal("the newest", most[len(most)-1], store.Silence{From: minute(300 + 10*(len(facts)-1))})
}

// pruneHeard drops old sums in small steps, and changes no answer.
func pruneHeard(f *fixture) {
	f.addShop(shop, other)
	slot := func(n int) time.Time { return day.Add(time.Duration(n) * store.HeardSlot) }
	var facts []bellhop.Fact
	for n := range 20 {
		facts = append(facts, f.acceptedAt(shop, "orders/create", slot(2*n)), f.acceptedAt(other, "orders/paid", slot(n)))
	}
	// One topic ended long ago, of one all is young.
	facts = append(facts, f.acceptedAt(shop, "orders/edited", slot(3)), f.acceptedAt(shop, "orders/edited", slot(5)),
		f.acceptedAt(shop, "orders/updated", slot(31)), f.acceptedAt(shop, "orders/updated", slot(33)))
	f.record(facts...)
	before := slot(30).Add(time.Minute) // within a slot, which stays
	answers := func() (all []any) {
		for _, d := range []string{shop, other} {
			all = append(all, must(f.s.LastEvents(f.ctx, d, time.Time{}))(f),
				must(f.s.Silences(f.ctx, d, before, store.HeardSlot))(f))
		}
		return all
	}
	want := answers()
	n := 0
	for m := 4; m == 4; n += m {
		if m = must(f.s.PruneHeard(f.ctx, shop, before, 4))(f); m > 4 {
			f.Errorf("%d sums at once", m)
		}
	}
	f.equal("dropped sums", n, 14+1)
	f.equal("last events and silences", answers(), want)
	f.equal("silences of long ago", len(must(f.s.Silences(f.ctx, shop, day, store.HeardSlot))(f)), 9)
	f.equal("of another", len(must(f.s.Silences(f.ctx, other, day, store.HeardSlot))(f)), 20)
	f.equal("of nobody", must(f.s.PruneHeard(f.ctx, nobody, before, 4))(f), 0)
	f.kind(bellhop.Invalid, errOf(f.s.PruneHeard(f.ctx, shop, before, 0)))
}
