package storetest

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"time"

	"bellhop"
	"bellhop/store"
)

func dead(f *fixture) {
	f.addShop(shop)
	fact := f.order(shop, 7, 1)
	f.must(f.s.Dead(f.ctx, fact.Event, "not JSON", at(5)))
	f.must(f.s.Dead(f.ctx, fact.Event, "still not JSON", at(6)))
	want := *fact.Event
	want.Body, want.TraceParent = nil, ""
	f.equal("lines", f.allLines(store.LineQuery{}), []store.Line{
		{Event: want, Outcome: bellhop.OutcomeDead, Reason: "still not JSON", At: at(6)}})
	f.totalsMatch()

	f.equal("replayed", f.outcomes(fact), []bellhop.Outcome{bellhop.OutcomeRecorded})
	f.must(f.s.Dead(f.ctx, fact.Event, "too late", at(7)))
	f.equal("totals", f.totalsMatch(), map[bellhop.Outcome]int64{bellhop.OutcomeRecorded: 1})

	skip := f.order(nobody, 7, 1)
	f.record(skip)
	f.must(f.s.Dead(f.ctx, skip.Event, "gave up", at(8)))
	f.equal("totals", f.totalsMatch(), map[bellhop.Outcome]int64{bellhop.OutcomeRecorded: 1, bellhop.OutcomeDead: 1})
}

// deadUnchecked: a true delivery keeps its body and its signer, although a dead line of what nobody checked has its id.
func deadUnchecked(f *fixture) {
	f.addShop(shop, other)
	forged := func(fact bellhop.Fact) {
		e := *fact.Event
		e.Topic, e.SignedBy, e.Body = "orders/delete", bellhop.Unchecked("a guess"), []byte("{}")
		f.must(f.s.Dead(f.ctx, &e, "the signature is wrong", at(5)))
	}
	recorded, skipped, dead := f.order(shop, 1, 1), f.order(nobody, 2, 1), f.order(other, 3, 1)
	for _, fact := range []bellhop.Fact{recorded, skipped, dead} {
		forged(fact)
	}
	f.equal("lines of a shop that nobody added", len(f.allLines(store.LineQuery{Shop: nobody})), 0)
	f.record(recorded, skipped)
	f.must(f.s.Dead(f.ctx, dead.Event, "not JSON", at(6)))
	for _, fact := range []bellhop.Fact{recorded, skipped, dead} {
		forged(fact) // again: it replaces nothing
		want := *fact.Event
		want.TraceParent = ""
		got := must(f.s.Archived(f.ctx, want.Shop, time.Time{}, bellhop.EventID{}, 10))(f)
		f.equal("archived", got, []*bellhop.Event{&want})
		want.Body = nil
		f.equal("line", f.allLines(store.LineQuery{Shop: want.Shop})[0].Event, want)
	}
	f.totalsMatch()
}

func dropDead(f *fixture) {
	f.addShop(shop)
	dead, unheard, recorded := f.order(shop, 1, 1), f.order(shop, 2, 1), f.order(shop, 3, 1)
	f.must(f.s.Dead(f.ctx, dead.Event, "not JSON", at(5)))
	f.record(recorded)
	archived := func() int {
		f.Helper()
		return len(must(f.s.Archived(f.ctx, shop, time.Time{}, bellhop.EventID{}, 10))(f))
	}
	f.equal("bodies", archived(), 2)
	for _, fact := range []bellhop.Fact{dead, unheard, recorded} {
		f.must(f.s.DropDead(f.ctx, fact.Event, "dropped by ann", at(6)))
	}
	for _, c := range []struct {
		fact   bellhop.Fact
		reason string
		is     bellhop.Outcome
		at     time.Time
	}{{dead, "dropped by ann", bellhop.OutcomeDead, at(6)}, {unheard, "dropped by ann", bellhop.OutcomeDead, at(6)},
		{recorded, "", bellhop.OutcomeRecorded, recorded.At}} {
		want := *c.fact.Event
		want.Body, want.TraceParent = nil, ""
		order := int64(0)
		if c.is == bellhop.OutcomeRecorded {
			order = 3
		}
		f.equal("line", f.allLines(store.LineQuery{WebhookID: want.WebhookID}), []store.Line{
			{Event: want, Outcome: c.is, Reason: c.reason, OrderID: order, At: c.at}})
	}
	f.equal("bodies left", archived(), 1)
	f.equal("totals", f.totalsMatch(), map[bellhop.Outcome]int64{bellhop.OutcomeRecorded: 1, bellhop.OutcomeDead: 2})
}

func lines(f *fixture) {
	f.addShop(shop)
	for i := range 20 {
		f.record(f.order(shop, int64(1+i/10), 10-i%10))
	}
	f.record(f.order(nobody, 99, 1))
	odd := f.event(shop, "app/uninstalled")
	f.record(bellhop.Fact{Event: odd, At: at(1), Skip: bellhop.ReasonNotActedOn})
	all := f.allLines(store.LineQuery{Limit: 3})
	f.equal("all", len(all), 22)
	for i, l := range all {
		if i > 0 && l.Event.AcceptedAt.After(all[i-1].Event.AcceptedAt) {
			f.Errorf("not newest first: %+v", l)
		}
		if l.Event.Body != nil {
			f.Errorf("with a body: %+v", l)
		}
	}
	for want, q := range map[int]store.LineQuery{
		1:  {Topic: "app/uninstalled"},
		10: {OrderID: 2, Limit: 4},
		2:  {Outcome: bellhop.OutcomeSkipped, Limit: 1},
		18: {Outcome: bellhop.OutcomeStale, Shop: shop, Limit: 7},
		21: {Shop: shop},
		0:  {Outcome: bellhop.OutcomeDead},
	} {
		f.equal(fmt.Sprintf("lines of %+v", q), len(f.allLines(q)), want)
	}
	for _, q := range []store.LineQuery{{WebhookID: odd.WebhookID}, {Reason: bellhop.ReasonNotActedOn},
		{Outcome: bellhop.OutcomeSkipped, Reason: bellhop.ReasonNotActedOn, Shop: shop, Topic: odd.Topic,
			WebhookID: odd.WebhookID}} {
		got := f.allLines(q)
		if len(got) != 1 || got[0].Event.ID != odd.ID {
			f.Errorf("lines of %+v: %+v", q, got)
		}
	}
	notice := bellhop.Fact{Event: f.event(shop, "orders/updated"), At: at(1), OrderID: 2, Lacks: []string{"note", "tags"}}
	const reason = bellhop.ReasonIncomplete + ": note, tags"
	f.equal("result", f.record(notice), []bellhop.Result{{Outcome: bellhop.OutcomeSkipped, Reason: reason}})
	for q, want := range map[string]int{reason: 1, bellhop.ReasonIncomplete: 1, "incomplete: ": 0, "incomplet": 0} {
		f.equal("lines because of "+q, len(f.allLines(store.LineQuery{Reason: q, OrderID: 2, Shop: shop})), want)
	}
}

func linesByOrderName(f *fixture) {
	f.addShop(shop, other)
	named := func(shop string, id int64, name string) bellhop.Fact {
		fact := f.order(shop, id, 1)
		fact.Order.Name = name
		f.record(fact)
		return fact
	}
	one := named(shop, 7, "#1003")
	update := f.order(shop, 7, 2)
	update.Order.Name = "#1003"
	f.record(update)
	same := named(other, 8, "#1003")
	named(other, 7, "#1004") // the id of another shop's order
	named(shop, 9, "#10030")
	for _, c := range []struct {
		q    store.LineQuery
		want []bellhop.EventID
	}{
		{store.LineQuery{OrderName: "#1003", Limit: 1}, []bellhop.EventID{same.Event.ID, update.Event.ID, one.Event.ID}},
		{store.LineQuery{OrderName: "#1003", Shop: shop}, []bellhop.EventID{update.Event.ID, one.Event.ID}},
		{store.LineQuery{OrderName: "#1003", Shop: other}, []bellhop.EventID{same.Event.ID}},
		{store.LineQuery{OrderName: "#1003", Shop: nobody}, nil},
		{store.LineQuery{OrderName: "1003"}, nil},
		{store.LineQuery{OrderName: "#1003", Outcome: bellhop.OutcomeStale}, nil},
	} {
		var got []bellhop.EventID
		for _, l := range f.allLines(c.q) {
			got = append(got, l.Event.ID)
		}
		f.equal(fmt.Sprintf("lines of %+v", c.q), got, c.want)
	}
}

func busiest(f *fixture) {
	f.addShop(shop)
	in := func(from, to time.Time) store.Busiest {
		f.Helper()
		return must(f.s.Busiest(f.ctx, from, to))(f)
	}
	f.equal("of nothing", in(day, day.AddDate(1, 0, 0)), store.Busiest{})
	// Two in the first minute, three at its end, and three an hour later.
	begin := day.AddDate(0, 1, 0)
	after := func(d time.Duration) time.Time { return begin.Add(d) }
	for i, d := range []time.Duration{0, time.Second, 59 * time.Second, 59*time.Second + 500*time.Millisecond,
		time.Minute - time.Microsecond, time.Hour, time.Hour + time.Millisecond, time.Hour + 999*time.Millisecond} {
		fact := f.order(shop, int64(i+1), 1)
		fact.Event.AcceptedAt = after(d)
		binary.BigEndian.PutUint64(fact.Event.ID[:], uint64(fact.Event.AcceptedAt.UnixMilli())<<16|0x7000)
		if i == 3 {
			f.must(f.s.Dead(f.ctx, fact.Event, "not JSON", day)) // the webhook came all the same
			continue
		}
		f.record(fact)
	}
	third := after(59 * time.Second)
	f.equal("all", in(begin, after(2*time.Hour)), store.Busiest{All: 8, Second: 3, At: third})
	f.equal("to is left out", in(begin, after(time.Minute-time.Microsecond)), store.Busiest{All: 4, Second: 2, At: third})
	f.equal("from is in", in(after(time.Second), after(59*time.Second)), store.Busiest{All: 1, Second: 1,
		At: after(time.Second)})
	f.equal("the hour after", in(after(time.Minute), after(2*time.Hour)),
		store.Busiest{All: 3, Second: 3, At: after(time.Hour)})
	late := f.order(shop, 9, 1) // of a producer that makes ids of the time when the webhook was triggered
	late.Event.AcceptedAt = after(5 * time.Hour)
	binary.BigEndian.PutUint64(late.Event.ID[:], uint64(after(5*time.Hour-50*time.Minute).UnixMilli())<<16|0x7000)
	f.record(late)
	f.equal("an older id", in(after(5*time.Hour), after(6*time.Hour)),
		store.Busiest{All: 1, Second: 1, At: after(5 * time.Hour)})
	f.equal("long after", in(after(3*time.Hour), after(4*time.Hour)), store.Busiest{})
}

func archiveAndPrune(f *fixture) {
	f.addShop(shop)
	facts := f.orders(1, 10)
	f.must(f.s.Dead(f.ctx, facts[1].Event, "not JSON", day))
	f.record(facts[0])
	f.record(facts[2:]...)
	f.record(f.order(other, 1, 1))
	archived := func(since time.Time, after bellhop.EventID, limit int) (got []int) {
		f.Helper()
		for _, e := range must(f.s.Archived(f.ctx, shop, since, after, limit))(f) {
			for i, fact := range facts {
				if e.ID == fact.Event.ID {
					want := *fact.Event
					want.TraceParent = ""
					f.equal("event", *e, want)
					got = append(got, i)
				}
			}
		}
		return got
	}
	first := archived(time.Time{}, bellhop.EventID{}, 100)
	f.equal("all", len(first), 10)
	f.equal("since", len(archived(facts[4].Event.AcceptedAt, bellhop.EventID{}, 100)), 6)
	var paged []int
	for after := (bellhop.EventID{}); ; {
		page := archived(time.Time{}, after, 3)
		if len(page) == 0 {
			break
		}
		paged = append(paged, page...)
		after = facts[page[len(page)-1]].Event.ID
	}
	f.equal("paged", paged, first)

	cut := facts[6].Event.AcceptedAt
	dropped := 0
	for {
		n := must(f.s.Prune(f.ctx, cut, 2))(f)
		if n > 2 {
			f.Errorf("dropped %d, at most 2 were asked for", n)
		}
		if dropped += n; n == 0 {
			break
		}
	}
	f.equal("dropped", dropped, 5) // all before the cut but the dead one
	f.equal("left", archived(time.Time{}, bellhop.EventID{}, 100), []int{1, 6, 7, 8, 9})
	f.equal("lines stay", len(f.allLines(store.LineQuery{})), 11)
	f.totalsMatch()

	f.record(facts[1]) // mends the dead one
	f.equal("come back to", must(f.s.Prune(f.ctx, cut, 100))(f), 1)
	f.equal("left", archived(time.Time{}, bellhop.EventID{}, 100), []int{6, 7, 8, 9})
}

// archivedBytes reads bodies that are large together, and one that is so alone.
func archivedBytes(f *fixture) {
	f.addShop(shop)
	sizes := []int{store.ArchivedBytes / 2, store.ArchivedBytes / 2, 1, store.ArchivedBytes + 1, 1}
	for _, n := range sizes {
		e := f.event(shop, "carts/update")
		e.Body = bytes.Repeat([]byte("x"), n)
		f.record(bellhop.Fact{Event: e, At: day, Skip: bellhop.ReasonTopicUnhandled})
	}
	var pages [][]int
	for after := (bellhop.EventID{}); ; {
		page := must(f.s.Archived(f.ctx, shop, time.Time{}, after, 100))(f)
		if len(page) == 0 {
			break
		}
		var got []int
		for _, e := range page {
			got, after = append(got, len(e.Body)), e.ID
		}
		pages = append(pages, got)
	}
	f.equal("pages", pages, [][]int{sizes[:2], sizes[2:3], sizes[3:4], sizes[4:]})
}

// noBody records an event that was never accepted: it has a line, and nothing to replay.
func noBody(f *fixture) {
	f.addShop(shop)
	e := f.event(shop, "orders/updated")
	e.Body = nil
	want := []bellhop.Result{{Outcome: bellhop.OutcomeSkipped, Reason: bellhop.ReasonBodyTooLarge}}
	f.equal("result", f.record(bellhop.Fact{Event: e, At: day, Skip: bellhop.ReasonBodyTooLarge}), want)
	stranger := f.event(nobody, "orders/updated")
	stranger.Body = nil
	f.equal("of a stranger", f.record(bellhop.Fact{Event: stranger, At: day, Skip: bellhop.ReasonBodyTooLarge}), want)
	lines := f.allLines(store.LineQuery{Outcome: bellhop.OutcomeSkipped, Reason: bellhop.ReasonBodyTooLarge, Shop: shop})
	if len(lines) != 1 || lines[0].Event.ID != e.ID {
		f.Errorf("lines %+v", lines)
	}
	f.equal("archived", len(must(f.s.Archived(f.ctx, shop, time.Time{}, bellhop.EventID{}, 100))(f)), 0)
	f.equal("pruned", must(f.s.Prune(f.ctx, day.AddDate(1, 0, 0), 100))(f), 0)
}

func changes(f *fixture) {
	f.addShop(shop, other)
	f.addDevice(shop, "phone", bellhop.FormData)
	for _, ask := range []func(context.Context) (int64, error){f.s.FirstChange, f.s.LastChange} {
		seq, err := ask(f.ctx)
		f.must(err)
		f.equal("none yet", seq, int64(0))
	}
	f.record(f.edit(shop, 9, 1, 1)) // the page shows nothing
	new7 := f.order(shop, 7, 2)
	new7.Event.TraceParent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	f.record(new7, f.order(shop, 7, 1), f.order(other, 7, 1))
	update := f.order(shop, 7, 3)
	f.record(update)
	must(f.s.SetHandling(f.ctx, shop, 7, "", bellhop.HandlingSeen, at(50), nil))(f)
	owed := f.claim(at(60), 10)
	f.settle(store.Settled{Pushes: owed[0].Pushes, Status: bellhop.PushUnknown, At: at(61), RetryAt: at(62)}) // not final
	f.claim(at(62), 10)
	f.sent(at(63), owed[0])
	del := f.deletion(shop, 7)
	f.record(del)

	got := must(f.s.Changes(f.ctx, shop, 0, 100))(f)
	want := []store.Change{
		{Kind: store.ChangeRecorded, At: new7.At, TraceParent: new7.Event.TraceParent},
		{Kind: store.ChangeUpdated, At: update.At, TraceParent: update.Event.TraceParent},
		{Kind: store.ChangeHandled, At: at(50)},
		{Kind: store.ChangeSettled, PushID: owed[0].Pushes[0], At: at(63)},
		{Kind: store.ChangeUpdated, At: del.At},
	}
	for i := range min(len(want), len(got)) {
		want[i].Shop, want[i].OrderID, want[i].Seq = shop, 7, got[i].Seq
		if i > 0 && got[i].Seq <= got[i-1].Seq {
			f.Errorf("sequence numbers %d, %d", got[i-1].Seq, got[i].Seq)
		}
	}
	f.equal("changes", got, want)

	all := must(f.s.Changes(f.ctx, "", 0, 100))(f)
	f.equal("of all shops", len(all), 6)
	f.equal("resumed", must(f.s.Changes(f.ctx, shop, got[1].Seq, 2))(f), got[2:4])
	f.equal("first and last", []int64{must(f.s.FirstChange(f.ctx))(f), f.lastChange()}, []int64{all[0].Seq, all[5].Seq})
}

// renumbered goes back to an older state and on from there, also from an empty one: no
// number of the stream and no push's id comes twice.
func renumbered(f *fixture) {
	f.addShopWithPhone(bellhop.FormData)
	newest := func() (change, push int64) {
		changes := must(f.s.Changes(f.ctx, "", 0, 100))(f)
		return changes[len(changes)-1].Seq, f.getOrder(changes[len(changes)-1].OrderID).Pushes[0].ID
	}
	conn := fullConnection(shop)
	f.must(f.s.PutConnection(f.ctx, conn))
	f.addShop(other)
	f.reconcile(shop, bellhop.Reconciliation{Due: at(9), Look: bellhop.Walk{StartedAt: at(1)}})
	f.reconcile(other, bellhop.Reconciliation{})
	f.must(f.s.Renumber(f.ctx, 1000))
	f.equal("it is compared at once", must(f.s.Reconciliations(f.ctx, day, 9))(f), []bellhop.Reconciliation{{Shop: shop,
		Due: time.Unix(0, 0).UTC(), Look: bellhop.Walk{StartedAt: at(1)}}})
	conn.CheckDue, conn.Subscriptions = conn.ConnectedAt, nil
	f.equal("the connection is due", must(f.s.Connection(f.ctx, shop))(f), conn)
	relay := must(f.s.TakeRelay(f.ctx, "events", "a", day, time.Minute))(f)
	f.record(f.order(shop, 7, 1))
	change, push := newest()
	f.equal("the first change and push", []int64{change, push}, []int64{1001, 1001})
	f.equal("not published yet", change-relay.Cursor, int64(1))

	f.must(f.s.Renumber(f.ctx, 5_000_000))
	f.must(f.s.Renumber(f.ctx, 4_000_000))
	f.equal("the push keeps its id", f.getOrder(7).Pushes[0].ID, push)
	relay = must(f.s.TakeRelay(f.ctx, "events", "a", day, time.Minute))(f)
	missed := must(f.s.Changes(f.ctx, "", relay.Cursor, 100))(f)
	f.equal("still not published", []int64{int64(len(missed)), missed[0].OrderID}, []int64{1, 7})
	f.equal("with nothing between", missed[0].Seq-relay.Cursor, int64(1))
	f.record(f.order(shop, 8, 1))
	change, push = newest()
	f.equal("the next change and push", []int64{change, push}, []int64{5_000_001, 5_000_001})
	f.equal("pushes", len(must(f.s.Pushes(f.ctx, shop, store.PushQuery{}))(f).Pushes), 2)
}

func changedByAnother(f *fixture) {
	f.addShop(shop)
	last := f.lastChange()
	f.signals(f.s.Changed, func() bool {
		before := last
		last = f.lastChange()
		return last > before
	})
}

// signals records orders through this store, then through another opening of it, and waits
// for this store's signal until came reports one. A signal may be spurious, but not always.
func (f *fixture) signals(signal func() <-chan struct{}, came func() bool) {
	f.Helper()
	for i, s := range []store.Store{f.s, f.d.Another(f.T, f.s)} {
		for try := 0; try == 0 || !came(); try++ {
			if try == 100 {
				f.Fatal("every signal was spurious")
			}
			wake := signal()
			must(s.Record(f.ctx, []bellhop.Fact{f.order(shop, int64(i*1000+f.n+1), 1)}))(f)
			f.await(wake, "no signal")
		}
	}
}

func (f *fixture) await(signal <-chan struct{}, otherwise string) {
	f.Helper()
	select {
	case <-signal:
	case <-time.After(time.Minute):
		f.Fatal(otherwise)
	}
}

func survivesRestart(f *fixture) {
	d := f.addShopWithPhone(bellhop.FormData)
	f.addOwner("jo@example.com", shop)
	f.record(f.order(shop, 7, 1), f.edit(shop, 8, 1, 3))
	f.claim(at(100), 1)
	before, lines := f.getOrder(7), f.allLines(store.LineQuery{})
	last := f.lastChange()

	f.s = f.d.Reopen(f.T, f.s)
	f.equal("order", f.getOrder(7), before)
	f.equal("lines", f.allLines(store.LineQuery{}), lines)
	f.equal("devices", must(f.s.Devices(f.ctx, shop))(f), []bellhop.Device{d})
	f.equal("last change", f.lastChange(), last)
	f.equal("the lease goes on", len(f.claim(at(159), 10)), 0)
	f.equal("and ends", len(f.claim(at(160), 10)), 1)
	f.record(f.order(shop, 8, 1))
	f.equal("the touch was kept", f.getOrder(8).EditedAt, at(3))
	f.totalsMatch()
	f.countsMatch(shop)
}

func cancelled(f *fixture) {
	f.addShop(shop)
	ctx, cancel := context.WithCancel(f.ctx)
	cancel()
	_, err := f.s.Record(ctx, []bellhop.Fact{f.order(shop, 7, 1)})
	if err == nil {
		f.Error("a cancelled Record succeeded")
	}
	if _, err := f.s.Orders(ctx, shop, store.OrderQuery{}); err == nil {
		f.Error("a cancelled Orders succeeded")
	}
	if err := f.s.Ready(f.ctx); err != nil {
		f.Errorf("not ready: %v", err)
	}
}
