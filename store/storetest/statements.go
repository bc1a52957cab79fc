package storetest

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"slices"
	"sync"
	"time"

	"bellhop"
	"bellhop/store"
)

// stated makes a statement of an hour of a shop, behind another one, and the lines that it covers.
func stated(domain string, after bellhop.Statement, hour int) (bellhop.Statement, []byte) {
	lines := bytes.Repeat([]byte{byte(after.Number), 0, 255}, bellhop.StampBytes) // three
	s := bellhop.Statement{Shop: domain, Number: after.Number + 1, From: day.Add(time.Duration(hour) * time.Hour),
		MadeAt: at(4), CheckedAt: at(3), Shopify: 9, Here: 8, Differed: 7, Webhook: 3, Backfill: 2, Reconciled: 3,
		P50: time.Millisecond, P99: time.Second, Worst: 26 * time.Hour, Rung: 5,
		Quiet: map[string]int{store.ReasonOld: 2, "": 1}, Lines: 3, LinesHash: sha256.Sum256(lines),
		Previous: after.Hash, Key: "01234567", Signature: []byte{0, 1, 255}}
	s.To = s.From.Add(time.Hour)
	s.Hash = sha256.Sum256([]byte{byte(s.Number), byte(hour)})
	return s, lines
}

// state adds statements of hours of a shop.
func (f *fixture) state(domain string, hours ...int) (all []bellhop.Statement) {
	f.Helper()
	newest := must(f.s.LastStatement(f.ctx, domain))(f)
	for _, h := range hours {
		s, lines := stated(domain, newest, h)
		f.must(f.s.AddStatement(f.ctx, s, lines))
		all, newest = append(all, s), s
	}
	return all
}

func statements(f *fixture) {
	f.addShop(shop, other)
	f.equal("before the first", must(f.s.LastStatement(f.ctx, shop))(f), bellhop.Statement{Shop: shop})
	all := f.state(shop, 0, 1, 2)
	theirs := f.state(other, 7)
	first, lines := stated(shop, bellhop.Statement{}, 0)
	f.s = f.d.Reopen(f, f.s)

	list := func(q store.StatementQuery) []bellhop.Statement {
		f.Helper()
		return must(f.s.Statements(f.ctx, q))(f)
	}
	f.whole("the first", list(store.StatementQuery{Shop: shop, Limit: 1}), []bellhop.Statement{first}, "Previous")
	f.whole("the second", list(store.StatementQuery{Shop: shop})[1], all[1])
	f.equal("all", list(store.StatementQuery{Shop: shop}), all)
	f.equal("last", must(f.s.LastStatement(f.ctx, shop))(f), all[2])
	f.equal("behind one", list(store.StatementQuery{Shop: shop, After: 1}), all[1:])
	f.equal("another shop's", list(store.StatementQuery{Shop: other}), theirs)
	f.equal("no shop's", len(list(store.StatementQuery{Shop: nobody})), 0)
	f.equal("lines", must(f.s.StatementLines(f.ctx, shop, 1))(f), lines)

	hour := func(n float64) time.Time { return day.Add(time.Duration(n * float64(time.Hour))) }
	f.equal("within an hour", list(store.StatementQuery{Shop: shop, From: hour(1.4), To: hour(1.5)}), all[1:2])
	f.equal("ends there", list(store.StatementQuery{Shop: shop, To: hour(1)}), all[:1])
	f.equal("begins there", list(store.StatementQuery{Shop: shop, From: hour(2)}), all[2:])

	f.kind(bellhop.NotFound, errOf(f.s.StatementLines(f.ctx, shop, 4)))
	f.kind(bellhop.NotFound, errOf(f.s.StatementLines(f.ctx, other, 2)))
	f.kind(bellhop.NotFound, errOf(f.s.LastStatement(f.ctx, nobody)))
	f.kind(bellhop.Invalid, errOf(f.s.Statements(f.ctx, store.StatementQuery{Shop: shop, Limit: 201})))
	unknown, lines := stated(nobody, bellhop.Statement{}, 0)
	f.kind(bellhop.NotFound, f.s.AddStatement(f.ctx, unknown, lines))
}

// statementsOfNothing have no lines, which is not the same as lines that are gone.
func statementsOfNothing(f *fixture) {
	f.addShop(shop)
	s, _ := stated(shop, bellhop.Statement{}, 0)
	s.To, s.Lines, s.LinesHash, s.Quiet = s.From.Add(24*time.Hour), 0, sha256.Sum256(nil), nil
	f.must(f.s.AddStatement(f.ctx, s, nil))
	f.equal("last", must(f.s.LastStatement(f.ctx, shop))(f), s)
	f.equal("lines", len(must(f.s.StatementLines(f.ctx, shop, 1))(f)), 0)
}

func badStatements(f *fixture) {
	f.addShop(shop)
	for what, spoil := range map[string]func(*bellhop.Statement){
		"no shop":         func(s *bellhop.Statement) { s.Shop = "" },
		"no number":       func(s *bellhop.Statement) { s.Number = 0 },
		"half an hour":    func(s *bellhop.Statement) { s.To = s.To.Add(30 * time.Minute) },
		"no hour":         func(s *bellhop.Statement) { s.To = s.From },
		"fewer lines":     func(s *bellhop.Statement) { s.Lines = 2 },
		"other lines":     func(s *bellhop.Statement) { s.LinesHash[0]++ },
		"endless reasons": func(s *bellhop.Statement) { s.Quiet[string(make([]byte, 1<<17))] = 1 },
	} {
		s, lines := stated(shop, bellhop.Statement{}, 0)
		spoil(&s)
		if err := f.s.AddStatement(f.ctx, s, lines); bellhop.KindOf(err) != bellhop.Invalid {
			f.Errorf("%s: %v", what, err)
		}
	}
	f.equal("added", must(f.s.LastStatement(f.ctx, shop))(f).Number, int64(0))
}

// statementsAreAChain adds statements that don't follow the newest one, and those of two processes at once.
func statementsAreAChain(f *fixture) {
	f.addShop(shop)
	newest := f.state(shop, 0)[0]
	for what, spoil := range map[string]func(*bellhop.Statement){
		"the first again": func(s *bellhop.Statement) { s.Number, s.Previous = 1, bellhop.Hash{} },
		"the same number": func(s *bellhop.Statement) { s.Number = 1 },
		"a gap":           func(s *bellhop.Statement) { s.Number = 3 },
		"another one":     func(s *bellhop.Statement) { s.Previous[31]++ },
	} {
		s, lines := stated(shop, newest, 1)
		spoil(&s)
		if err := f.s.AddStatement(f.ctx, s, lines); bellhop.KindOf(err) != bellhop.Conflict {
			f.Errorf("%s: %v", what, err)
		}
	}
	processes := []store.Store{f.s, f.d.Another(f, f.s)}
	for round := range 20 {
		var all sync.WaitGroup
		errs, made := make([]error, 2), make([]bellhop.Statement, 2)
		for i, s := range processes {
			var lines []byte
			made[i], lines = stated(shop, newest, 1+round)
			made[i].Hash[0] = byte(i)
			all.Go(func() { errs[i] = s.AddStatement(f.ctx, made[i], lines) })
		}
		all.Wait()
		won := slices.Index(errs, nil)
		if won < 0 {
			f.Fatalf("round %d: both failed: %v", round, errs)
		}
		f.kind(bellhop.Conflict, errs[1-won])
		newest = must(f.s.LastStatement(f.ctx, shop))(f)
		f.equal("the newest", newest, made[won])
	}
	f.equal("all", len(must(f.s.Statements(f.ctx, store.StatementQuery{Shop: shop}))(f)), 21)
}

// prunedStatements drops the lines of statements with the ledger, and nothing else.
func prunedStatements(f *fixture) {
	f.addShop(shop)
	all := f.state(shop, 0, 1, 2)
	for range 2 { // one at a time
		must(f.s.PruneLedger(f.ctx, all[1].To, 1))(f)
	}
	for i := range all {
		_, err := f.s.StatementLines(f.ctx, shop, all[i].Number)
		if gone := i < 2; gone != (bellhop.KindOf(err) == bellhop.NotFound) || !gone && err != nil {
			f.Errorf("lines of statement %d: %v", all[i].Number, err)
		}
	}
	f.equal("statements", must(f.s.Statements(f.ctx, store.StatementQuery{Shop: shop}))(f), all)
}

// stampsOf reads lines of the ledger in small pages.
func (f *fixture) stampsOf(domain string, from, to time.Time) (all []store.LedgerStamp) {
	f.Helper()
	for after := (bellhop.EventID{}); ; {
		page := must(f.s.LedgerStamps(f.ctx, domain, from, to, after, 2))(f)
		if all = append(all, page...); len(page) < 2 {
			return all
		}
		after = page[1].Event
	}
}

func ledgerStamps(f *fixture) {
	f.addShop(shop, other)
	facts := f.orders(1, 5)
	theirs := f.order(other, 1, 1)
	early := f.order(shop, 6, 1)
	early.Event.ID = bellhop.NewEventID(day.Add(-time.Hour)) // whatever it says of its acceptance
	late := f.event(shop, "orders/create")                   // nobody records it yet
	skip := bellhop.Fact{Event: f.event(shop, "carts/create"), At: at(50), Skip: bellhop.ReasonTopicUnhandled}
	f.record(append(slices.Clone(facts), theirs, early, skip)...)

	want := func(f bellhop.Fact, o bellhop.Outcome) store.LedgerStamp {
		return store.LedgerStamp{Event: f.Event.ID, Outcome: o, At: f.At}
	}
	var all []store.LedgerStamp
	for _, fact := range facts {
		all = append(all, want(fact, bellhop.OutcomeRecorded))
	}
	all = append(all, want(skip, bellhop.OutcomeSkipped))
	f.equal("of the shop", f.stampsOf(shop, day, day.Add(time.Hour)), all)
	f.whole("a line", f.stampsOf(shop, day, day.Add(time.Hour))[0], all[0])
	f.equal("of another", f.stampsOf(other, day, day.Add(time.Hour)),
		[]store.LedgerStamp{want(theirs, bellhop.OutcomeRecorded)})
	f.equal("from and to", f.stampsOf(shop, facts[1].Event.AcceptedAt, facts[3].Event.AcceptedAt), all[1:3])
	f.equal("the hour before", f.stampsOf(shop, day.Add(-time.Hour), day),
		[]store.LedgerStamp{want(early, bellhop.OutcomeRecorded)})

	f.must(f.s.Dead(f.ctx, late, "bad", at(60)))
	all = slices.Insert(all, 5, store.LedgerStamp{Event: late.ID, Outcome: bellhop.OutcomeDead, At: at(60)})
	f.equal("with a late one", f.stampsOf(shop, day, day.Add(time.Hour)), all)
	again := f.order(shop, 7, 1)
	again.Event, again.At = late, at(70)
	f.record(again)
	all[5] = want(again, bellhop.OutcomeRecorded)
	f.equal("with another outcome", f.stampsOf(shop, day, day.Add(time.Hour)), all)
	must(f.s.PruneLedger(f.ctx, facts[2].Event.AcceptedAt, 100))(f)
	f.equal("pruned", f.stampsOf(shop, day, day.Add(time.Hour)), all[2:])

	f.kind(bellhop.NotFound, errOf(f.s.LedgerStamps(f.ctx, nobody, day, at(60), bellhop.EventID{}, 1)))
	for _, limit := range []int{0, store.FatesMost + 1} {
		f.kind(bellhop.Invalid, errOf(f.s.LedgerStamps(f.ctx, shop, day, at(60), bellhop.EventID{}, limit)))
		f.kind(bellhop.Invalid, errOf(f.s.Fates(f.ctx, shop, day, at(60), 0, limit)))
	}
}

// fatesOf reads what became of orders in small pages.
func (f *fixture) fatesOf(domain string, from, to time.Time) (all []store.Fate) {
	f.Helper()
	for after := int64(0); ; {
		page := must(f.s.Fates(f.ctx, domain, from, to, after, 2))(f)
		if all = append(all, page...); len(page) < 2 {
			return all
		}
		after = page[1].Order
	}
}

// quiet returns why nobody was rung for the shop's orders; "" for those for which somebody was.
func (f *fixture) quiet() map[int64]string {
	f.Helper()
	found := map[int64]string{}
	for _, o := range f.fatesOf(shop, day.Add(-1000*time.Hour), day.Add(1000*time.Hour)) {
		if found[o.Order] = o.Quiet; o.Rung != (o.Quiet == "") {
			f.Errorf("rung and quiet: %+v", o)
		}
	}
	return found
}

func fates(f *fixture) {
	f.addShop(shop, other)
	facts := f.orders(1, 5) // created a second apart
	edge := f.order(shop, 1000+3, 1)
	theirs := f.order(other, 3, 1)
	f.record(append(slices.Clone(facts), edge, theirs, f.edit(shop, 2000, 1, 3))...)
	f.record(f.order(shop, 2, 7), f.deletion(shop, 4))
	fate := func(fact bellhop.Fact) store.Fate {
		return store.Fate{Order: fact.OrderID, CreatedAt: fact.Order.CreatedAt, RecordedAt: fact.At,
			Quiet: store.ReasonNoDevice}
	}
	f.equal("from and to", f.fatesOf(shop, at(2), at(5)), []store.Fate{fate(facts[1]), fate(facts[2]), fate(edge)})
	f.equal("of another shop", f.fatesOf(other, at(2), at(5)), []store.Fate{fate(theirs)})
	f.equal("nothing before", len(f.fatesOf(shop, at(-100), at(1))), 0)
	found, filled := f.order(shop, 70, 1), f.order(shop, 80, 1)
	found.Event.Topic, found.Event.SignedBy = bellhop.TopicReconcile, bellhop.SignerAPI
	filled.Event.Topic, filled.Event.SignedBy = bellhop.TopicBackfill, bellhop.SignerAPI
	f.record(found, filled)
	wantFound, wantFilled := fate(found), fate(filled)
	wantFound.Found, wantFilled.Found, wantFilled.Quiet = "reconcile", "backfill", store.ReasonBackfill
	f.equal("found ones", f.fatesOf(shop, at(70), at(81)), []store.Fate{wantFound, wantFilled})
	f.whole("every field", f.fatesOf(shop, at(70), at(71))[0], wantFound, "Rung") // see whyNobodyWasRung
	f.kind(bellhop.NotFound, errOf(f.s.Fates(f.ctx, nobody, day, at(60), 0, 1)))
}

// whyNobodyWasRung ends the pushes of new orders in every way.
func whyNobodyWasRung(f *fixture) {
	f.addShop(shop)
	old, cancelled := f.order(shop, 1, 1), f.order(shop, 2, 1)
	old.Order.PlacedAt = day.Add(-48 * time.Hour)
	cancelled.Order.CancelledAt = at(1)
	f.record(old, cancelled, f.order(shop, 3, 1))
	phone, tablet := f.addDevice(shop, "phone", bellhop.FormData), f.addDevice(shop, "tablet", bellhop.FormData)
	f.record(f.orders(4, 5)...)
	f.equal("owed", f.quiet(), map[int64]string{1: store.ReasonOld, 2: store.ReasonCancelled, 3: store.ReasonNoDevice,
		4: "pending", 5: "pending", 6: "pending", 7: "pending", 8: "pending"})

	ends := map[int64][2]store.Settled{ // of the phone, and of the tablet
		4: {{Status: bellhop.PushSent}, {Status: bellhop.PushFailed, Reason: "refused"}},
		5: {{Status: bellhop.PushFailed, Reason: "refused"}, {Status: bellhop.PushSkipped, Reason: "a"}},
		6: {{Status: bellhop.PushSkipped, Reason: "b"}, {Status: bellhop.PushSkipped, Reason: "a"}},
		7: {{Status: bellhop.PushFailed, Reason: "refused"},
			{Status: bellhop.PushPending, Reason: store.ReasonServiceAway, RetryAt: at(9000)}},
		8: {{Status: bellhop.PushUnknown, Reason: "unknown", RetryAt: at(9000)}, {Status: bellhop.PushSkipped, Reason: "a"}},
	}
	f.settleEach(at(100), map[int64]int{phone.ID: 0, tablet.ID: 1}, ends)
	want := map[int64]string{1: store.ReasonOld, 2: store.ReasonCancelled, 3: store.ReasonNoDevice, 4: "", 5: "refused",
		6: "a", 7: store.ReasonServiceAway, 8: ""}
	f.equal("settled", f.quiet(), want)
	paid := f.order(shop, 1, 9) // other pushes say nothing of a new order
	f.record(paid)
	f.equal("once it changed", f.quiet(), want)
}

// settleEach settles the pushes of orders, each of a device by itself.
func (f *fixture) settleEach(now time.Time, devices map[int64]int, ends map[int64][2]store.Settled) {
	f.Helper()
	f.claim(now, 1000)
	for _, p := range f.allPushes(shop, store.PushQuery{Limit: 200}) {
		if end, ok := ends[p.OrderID]; ok {
			s := end[devices[p.DeviceID]]
			s.Pushes, s.At = []int64{p.ID}, now
			f.settle(s)
		}
	}
}

// fatesOfFanOuts are pending until their pushes are written.
func fatesOfFanOuts(f *fixture) {
	f.addShop(shop)
	f.addDevices(shop, many)
	f.record(f.order(shop, 7, 1), f.order(shop, 8, 1))
	f.equal("not written", f.quiet(), map[int64]string{7: "pending", 8: "pending"})
	isDue := func() bool { next := f.nextPush(); return !next.IsZero() && !next.After(at(100)) }
	for isDue() {
		for i, o := range f.claim(at(100), 60) {
			s := store.Settled{Pushes: o.Pushes, Status: bellhop.PushSkipped, Reason: "b", At: at(101)}
			if o.Orders[0].ID == 7 && i == 0 {
				s.Reason = "a"
			}
			f.settle(s)
		}
	}
	f.equal("written", f.quiet(), map[int64]string{7: "b", 8: "b"})
	f.record(f.order(shop, 9, 1))
	for i := range many {
		f.must(f.s.RemoveDevice(f.ctx, shop, fmt.Sprint("phone-", i)))
	}
	for isDue() {
		f.claim(at(100), 60)
	}
	f.equal("no device is left", f.quiet()[9], store.ReasonNoDevice)
}
