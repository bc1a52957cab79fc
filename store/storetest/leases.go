package storetest

import (
	"time"

	"bellhop"
	"bellhop/store"
	"bellhop/store/move"
)

const relay = "events"

func (f *fixture) takeRelay(holder string, now time.Time) store.Lease {
	f.Helper()
	return must(f.s.TakeRelay(f.ctx, relay, holder, now, time.Minute))(f)
}

// leaseFollowsNoStream holds that a lease keeps no change back, beside a relay that does.
func leaseFollowsNoStream(f *fixture) {
	f.fillStream(store.KeepChanges+store.ChangeChunk-1,
		store.Lease{Name: relay, Origin: "x", Cursor: store.KeepChanges, Term: 1})
	name := "shop/" + shop
	one := must(f.s.TakeLease(f.ctx, name, "one", at(0), time.Minute))(f)
	f.equal("lease", one, store.Lease{Name: name, Holder: "one", Term: 1, Until: at(60)})
	f.equal("another one meanwhile", must(f.s.TakeLease(f.ctx, name, "two", at(59), time.Minute))(f), one)
	f.record(f.order(shop, 1, 1))
	f.equal("oldest change", must(f.s.FirstChange(f.ctx))(f), int64(store.ChangeChunk+1))

	one.Cursor, one.Until = 7, at(30) // given back
	f.must(f.s.MoveLease(f.ctx, one))
	one.Cursor = 0
	all := must(f.s.Leases(f.ctx))(f)
	f.equal("leases", []int{len(all), int(all[0].Cursor)}, []int{2, store.KeepChanges})
	f.equal("given back", all[1], one)
	f.must(f.s.Renumber(f.ctx, 5_000_000))
	two := must(f.s.TakeLease(f.ctx, name, "two", at(30), time.Minute))(f)
	f.equal("taken over", two, store.Lease{Name: name, Holder: "two", Term: 2, Until: at(90)})
	f.kind(bellhop.Conflict, f.s.MoveLease(f.ctx, one))
	f.kind(bellhop.Invalid, errOf(f.s.TakeLease(f.ctx, "", "one", day, time.Minute)))
	f.must(f.s.RemoveLease(f.ctx, name))
}

func relayIsHeldByOne(f *fixture) {
	one := f.takeRelay("one", at(0))
	if one.Holder != "one" || one.Name != relay || one.Origin == "" || !one.Until.Equal(at(60)) {
		f.Errorf("taken: %+v", one)
	}
	f.equal("another one meanwhile", f.takeRelay("two", at(59)), one)
	again := f.takeRelay("one", at(30))
	if again.Term != one.Term || !again.Until.Equal(at(90)) {
		f.Errorf("held on to: %+v, was %+v", again, one)
	}
	one.Cursor, one.Until = 0, at(100)
	f.must(f.s.MoveLease(f.ctx, one))
	f.s = f.d.Reopen(f.T, f.s)
	f.equal("after a restart", must(f.s.Leases(f.ctx))(f), []store.Lease{one})

	two := f.takeRelay("two", at(100))
	if two.Holder != "two" || two.Term <= one.Term || two.Origin != one.Origin {
		f.Errorf("taken over: %+v, was %+v", two, one)
	}
	one.Until = at(999)
	f.kind(bellhop.Conflict, f.s.MoveLease(f.ctx, one))
	two.Until = at(101) // given back early
	f.must(f.s.MoveLease(f.ctx, two))
	three := f.takeRelay("one", at(101))
	if three.Holder != "one" || three.Term <= two.Term {
		f.Errorf("taken back: %+v, was %+v", three, two)
	}
	f.must(f.s.RemoveLease(f.ctx, relay))
	f.kind(bellhop.NotFound, f.s.RemoveLease(f.ctx, relay))
	f.kind(bellhop.Conflict, f.s.MoveLease(f.ctx, three))
	f.kind(bellhop.Invalid, errOf(f.s.TakeRelay(f.ctx, relay, "", day, time.Minute)))
}

func relayBeginsNow(f *fixture) {
	f.addShop(shop)
	f.equal("cursor", f.takeRelay("one", day).Cursor, int64(0))
	f.record(f.order(shop, 1, 1))
	last := f.lastChange()
	f.equal("cursor of one that comes later", must(f.s.TakeRelay(f.ctx, "late", "one", day, time.Minute))(f).Cursor, last)
	early := f.takeRelay("one", day)
	early.Cursor = last
	f.must(f.s.MoveLease(f.ctx, early))
	f.equal("moved", f.takeRelay("one", day).Cursor, last)
}

// streamWaitsForRelays leaves a relay behind the changes that would go.
func streamWaitsForRelays(f *fixture) {
	const cursor = 500
	f.fillStream(store.KeepChanges+store.ChangeChunk-1, store.Lease{Name: relay, Origin: "x", Cursor: cursor, Term: 1})
	oldest := func() int64 { return must(f.s.FirstChange(f.ctx))(f) }
	f.record(f.order(shop, 1, 1))
	f.equal("oldest change while a relay is behind", oldest(), int64(cursor+1))

	r := f.takeRelay("one", day)
	f.equal("cursor", r.Cursor, int64(cursor))
	r.Cursor = store.KeepChanges
	f.must(f.s.MoveLease(f.ctx, r))
	facts := make([]bellhop.Fact, store.ChangeChunk)
	for i := range facts {
		facts[i] = f.order(shop, int64(i+2), 1)
	}
	f.record(facts...)
	f.equal("oldest change once it has come on", oldest(), int64(2*store.ChangeChunk+1))
}

// fillStream fills an empty store's stream, in the quickest way.
func (f *fixture) fillStream(n int64, r store.Lease) {
	f.Helper()
	m := mover(f)
	f.must(m.BeginCopy(f.ctx, "source", "mark"))
	c := move.Chunk{Shops: []bellhop.Shop{{Domain: shop, AddedAt: day}}, Relays: []store.Lease{r},
		Counters: []move.Counter{{Kind: move.CountLastID, Name: string(move.TableChanges), N: n}}}
	for i := range n {
		c.Changes = append(c.Changes, store.Change{Seq: i + 1, Kind: store.ChangeUpdated, Shop: shop, OrderID: 1, At: day})
	}
	f.must(m.Import(f.ctx, move.TableShops, c, "", ""))
	f.must(m.EndCopy(f.ctx, true))
}
