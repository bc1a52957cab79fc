package storetest

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"bellhop"
	"bellhop/store"
)

// everyShuffleConverges records random facts of webhooks, of a backfill and of reconciling in a random order, some of
// them repeatedly, divided among concurrent calls, and compares with the model.
func everyShuffleConverges(f *fixture) {
	var round atomic.Int64
	rapid.Check(f.T, func(t *rapid.T) {
		domain := fmt.Sprintf("shop-%d.myshopify.com", round.Add(1))
		f.addShop(domain)
		f.addDevice(domain, "phone", bellhop.FormData)
		facts := drawFacts(t, f, domain)
		models := map[int64]*model{}
		for _, fact := range facts {
			if models[fact.OrderID] == nil {
				models[fact.OrderID] = &model{edits: map[int64]bellhop.Edit{}, refunds: map[int64]bellhop.Refund{}}
			}
			models[fact.OrderID].add(fact)
		}
		repeats := rapid.SliceOfN(rapid.SampledFrom(facts), 0, 6).Draw(t, "repeated")
		shuffled := rapid.Permutation(append(facts, repeats...)).Draw(t, "shuffled")
		cut := rapid.IntRange(0, len(shuffled)).Draw(t, "cut")
		writers := rapid.IntRange(1, 3).Draw(t, "writers")
		batch := rapid.IntRange(1, 5).Draw(t, "batch")

		f.recordAtOnce(t, shuffled[:cut], writers, batch)
		handled := map[int64]bool{}
		for id := range models {
			_, err := f.s.SetHandling(f.ctx, domain, id, "", bellhop.HandlingHandled, day, nil)
			handled[id] = err == nil
		}
		f.recordAtOnce(t, shuffled[cut:], writers, batch)
		for id, m := range models {
			f.compare(t, domain, id, m, handled[id])
		}
		if lines := f.allLines(store.LineQuery{Shop: domain}); len(lines) != len(facts) {
			t.Fatalf("%d lines of %d events", len(lines), len(facts))
		}
	})
	f.totalsMatch()
}

func drawFacts(t *rapid.T, f *fixture, domain string) []bellhop.Fact {
	few := func(name string, n int) int { return rapid.IntRange(0, n-1).Draw(t, name) }
	facts := make([]bellhop.Fact, 1+few("facts", 12))
	sources := []string{"orders/updated", bellhop.TopicBackfill, bellhop.TopicReconcile}
	for i := range facts {
		id := int64(1<<53 + 1 + few("order", 3))
		switch kind := few("kind", 12); {
		case kind == 0:
			facts[i] = f.deletion(domain, id)
		case kind <= 3:
			step, n := int64(1+few("step", 3)), few("happened", 3)
			facts[i] = f.edit(domain, id, step, n)
			if kind == 3 {
				facts[i] = f.refund(domain, id, step, n)
			}
		default: // a body fixes updated_at, but not when it was triggered
			body := few("body", 4)
			facts[i] = f.order(domain, id, body)
			o := facts[i].Order
			if o.Customer = nil; body%2 == 1 {
				o.Customer = &bellhop.Customer{ID: 5, Name: fmt.Sprint("Jo ", body)}
				o.CustomerName, o.CustomerEmail = o.Customer.Name, fmt.Sprintf("jo%d@example.com", body)
			} else { // Shopify hides them
				o.CustomerName, o.CustomerEmail = "", ""
			}
			o.Version.UpdatedAt = o.Version.UpdatedAt.Truncate(2 * time.Second)
			o.Version.TriggeredAt = at(few("triggered", 4))
			if n := few("refunds", 4); n > 0 {
				o.History = *f.refund(domain, id, int64(n), few("happened", 3)).History
			}
		}
		if source := sources[few("source", 3)]; bellhop.Fetched(source) && facts[i].History == nil {
			facts[i] = fetched(source, facts[i])
		}
	}
	return facts
}

func (f *fixture) recordAtOnce(t *rapid.T, facts []bellhop.Fact, writers, batch int) {
	var wg sync.WaitGroup
	errs := make(chan error, len(facts))
	for w := range writers {
		part := facts[w*len(facts)/writers : (w+1)*len(facts)/writers]
		wg.Go(func() {
			for len(part) > 0 {
				n := min(batch, len(part))
				if _, err := f.s.Record(f.ctx, part[:n]); err != nil {
					errs <- err
				}
				part = part[n:]
			}
		})
	}
	wg.Wait()
	select {
	case err := <-errs:
		t.Fatal(err)
	default:
	}
}

// notKept leaves out which of an order's versions its personal data is of.
var notKept = cmpopts.IgnoreFields(bellhop.Details{}, "Kept")

func (f *fixture) compare(t *rapid.T, domain string, id int64, m *model, handled bool) {
	o, err := f.s.Order(f.ctx, domain, id)
	if m.deleted || m.newest == nil {
		if bellhop.KindOf(err) != bellhop.NotFound {
			t.Fatalf("order %d: got %v, want not found", id, err)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	want := m.shown()
	history, edited, refunded := m.history()
	switch {
	case o.Version.Compare(want.Version) != 0, o.Total != want.Total, !cmp.Equal(o.Details, want.Details, notKept),
		o.CustomerName != want.CustomerName, o.CustomerEmail != want.CustomerEmail,
		!cmp.Equal(o.History, history, cmpopts.EquateEmpty()):
		t.Fatalf("order %d has %+v, want %+v and %+v", id, o, want, history)
	case !o.EditedAt.Equal(edited), !o.RefundedAt.Equal(refunded):
		t.Fatalf("order %d was edited %v and refunded %v, want %v and %v", id, o.EditedAt, o.RefundedAt, edited, refunded)
	case handled != (o.Handling == bellhop.HandlingHandled):
		t.Fatalf("order %d is %q, handled before: %t", id, o.Handling, handled)
	case len(o.Pushes) != 1: // nobody asked for those of refunds
		t.Fatalf("order %d has %d pushes", id, len(o.Pushes))
	}
}

func redeliveryKeepsTheLine(f *fixture) {
	f.addShop(shop)
	second, first := f.order(shop, 7, 2), f.order(shop, 7, 1)
	again := f.order(shop, 7, 2)
	f.equal("outcomes", f.outcomes(second, first, again),
		[]bellhop.Outcome{bellhop.OutcomeRecorded, bellhop.OutcomeStale, bellhop.OutcomeDuplicate})
	before := f.allLines(store.LineQuery{})
	for range 2 {
		for _, r := range f.record(first, second, again, second) {
			if r.Outcome == bellhop.OutcomeRecorded || r.Pushes > 0 {
				t := f.T
				t.Errorf("redelivered: got %+v", r)
			}
		}
	}
	f.equal("lines", f.allLines(store.LineQuery{}), before)
	f.equal("totals", f.totalsMatch(), map[bellhop.Outcome]int64{
		bellhop.OutcomeRecorded: 1, bellhop.OutcomeStale: 1, bellhop.OutcomeDuplicate: 1})
}

func oneBatchSeesItself(f *fixture) {
	f.addShopWithPhone(bellhop.FormData)
	one := f.order(shop, 7, 1)
	results := f.record(one, f.order(shop, 7, 3), f.order(shop, 7, 2), f.refund(shop, 7, 1, 4), one)
	var got []string
	for _, r := range results {
		got = append(got, fmt.Sprint(r.Outcome, r.Pushes))
	}
	f.equal("results", got, []string{"recorded1", "recorded0", "stale0", "recorded0", "duplicate0"})
	o := f.getOrder(7)
	f.equal("total", o.Total.String(), "10.03")
	f.equal("refunded", o.RefundedAt, at(4))
	f.equal("pushes", len(o.Pushes), 1)
	f.equal("trace", o.Trace, bellhop.Trace{TriggeredAt: one.Event.TriggeredAt, AcceptedAt: one.Event.AcceptedAt,
		RecordedAt:  one.At,
		TraceParent: one.Event.TraceParent})
	f.totalsMatch()
}

// keepsTheFirstTrace checks that pushes belong to the trace of the event that first brought
// their order.
func keepsTheFirstTrace(f *fixture) {
	f.addShopWithPhone(bellhop.FormData)
	traced := func(id int64, version int, parent string) bellhop.Fact {
		fact := f.order(shop, id, version)
		fact.Event.TraceParent = parent
		return fact
	}
	const one, two = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
		"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	f.record(f.edit(shop, 1, 1, 1))
	f.record(traced(1, 2, one), traced(2, 2, ""), traced(3, 2, one), traced(4, 2, one))
	f.record(traced(1, 1, two), traced(1, 3, two), traced(2, 3, two), f.deletion(shop, 4), traced(4, 9, two))
	for id, want := range map[int64]string{1: one, 2: "", 3: one} {
		f.equal(fmt.Sprint("trace of order ", id), f.getOrder(id).Trace.TraceParent, want)
	}
	f.noOrder(4)
	got := map[int64]string{}
	for _, o := range f.claim(at(9999), 10) {
		for _, brief := range o.Orders {
			got[brief.ID] = brief.TraceParent
		}
	}
	f.equal("traces of the pushes", got, map[int64]string{1: one, 2: "", 3: one})
}

func outcomesAreCounted(f *fixture) {
	f.addShop(shop)
	for i := range 30 {
		f.record(f.order(shop, int64(1+i%4), i%7), f.order(nobody, 1, i))
	}
	got := f.totalsMatch()
	f.equal("skipped", got[bellhop.OutcomeSkipped], int64(30))
	f.equal("all", got[bellhop.OutcomeRecorded]+got[bellhop.OutcomeStale]+got[bellhop.OutcomeDuplicate], int64(30))
}

// replays checks that a fact is skipped for a reason and counts once the reason is gone.
func (f *fixture) replays(fact bellhop.Fact, reason string, mend func()) {
	f.Helper()
	skip := bellhop.Result{Outcome: bellhop.OutcomeSkipped, Reason: reason}
	f.equal("first", f.record(fact), []bellhop.Result{skip})
	f.equal("again", f.record(fact), []bellhop.Result{skip})
	f.noOrder(fact.OrderID)
	l := f.allLines(store.LineQuery{OrderID: fact.OrderID})
	if len(l) != 1 || l[0].Outcome != bellhop.OutcomeSkipped || l[0].Reason != reason {
		f.Fatalf("lines: %+v", l)
	}
	if changes, err := f.s.Changes(f.ctx, "", 0, 10); err != nil || len(changes) > 0 {
		f.Errorf("changes %+v, %v", changes, err)
	}
	mend()
	f.equal("replayed", f.outcomes(fact), []bellhop.Outcome{bellhop.OutcomeRecorded})
	f.getOrder(fact.OrderID)
	f.equal("totals", f.totalsMatch(), map[bellhop.Outcome]int64{bellhop.OutcomeRecorded: 1})
}

func unknownShop(f *fixture) {
	f.replays(f.order(shop, 7, 1), bellhop.ReasonUnknownShop, func() { f.addShop(shop) })
}

func disabledShop(f *fixture) {
	set := func(disabled bool) {
		f.must(f.s.UpdateShop(f.ctx, shop, func(s *bellhop.Shop) { s.Disabled = disabled }))
	}
	f.addShop(shop)
	set(true)
	f.replays(f.order(shop, 7, 1), bellhop.ReasonShopDisabled, func() { set(false) })
}

// ownSecretOnly checks a shop that refuses the app's secret, when the endpoint that
// accepted the event did not know that.
func ownSecretOnly(f *fixture) {
	set := func(own bool) {
		f.must(f.s.UpdateShop(f.ctx, shop, func(s *bellhop.Shop) { s.OwnSecretOnly = own }))
	}
	f.addShop(shop)
	set(true)
	fact := f.order(shop, 7, 1)
	fact.Event.SignedBy = bellhop.SignerApp
	f.replays(fact, bellhop.ReasonAppSecret, func() { set(false) })
}

func skipped(f *fixture) {
	f.addShop(shop)
	e := f.event(shop, "app/uninstalled")
	fact := bellhop.Fact{Event: e, At: day, Skip: bellhop.ReasonNotActedOn}
	f.equal("result", f.record(fact), []bellhop.Result{{Outcome: bellhop.OutcomeSkipped,
		Reason: bellhop.ReasonNotActedOn}})
	l := f.allLines(store.LineQuery{Reason: bellhop.ReasonNotActedOn})
	if len(l) != 1 || l[0].Event.ID != e.ID || l[0].OrderID != 0 || !l[0].At.Equal(day) {
		f.Errorf("lines %+v", l)
	}
}

func stepBeforeItsOrder(f *fixture) {
	f.addShopWithPhone(bellhop.FormData)
	f.record(f.edit(shop, 7, 5, 50), f.edit(shop, 7, 4, 40), f.refund(shop, 7, 9, 60))
	f.noOrder(7)
	f.equal("listed", len(must(f.s.Orders(f.ctx, shop, store.OrderQuery{}))(f).Orders), 0)
	f.kind(bellhop.NotFound, errOf(f.s.SetHandling(f.ctx, shop, 7, "", bellhop.HandlingSeen, day, nil)))

	fact := f.order(shop, 7, 1)
	f.equal("result", f.record(fact), []bellhop.Result{{Outcome: bellhop.OutcomeRecorded, Pushes: 1}})
	o := f.getOrder(7)
	f.equal("edited", o.EditedAt, at(50))
	f.equal("refunded", o.RefundedAt, at(60))
	f.equal("handling", o.Handling, bellhop.HandlingNew)
	f.equal("trace", o.Trace.RecordedAt, fact.At)
}

func tombstone(f *fixture) {
	f.addShopWithPhone(bellhop.FormData)
	f.record(f.order(shop, 7, 1))
	del := f.deletion(shop, 7)
	f.equal("deleted", f.outcomes(del), []bellhop.Outcome{bellhop.OutcomeRecorded})
	f.noOrder(7)
	f.equal("deleted again", f.outcomes(f.deletion(shop, 7)), []bellhop.Outcome{bellhop.OutcomeDuplicate})
	r := f.record(f.order(shop, 7, 9), f.edit(shop, 7, 1, 99))
	stale := bellhop.Result{Outcome: bellhop.OutcomeStale, Reason: "order_deleted"}
	f.equal("after it", r, []bellhop.Result{stale, stale})
	f.noOrder(7)
	f.equal("listed", len(must(f.s.Orders(f.ctx, shop, store.OrderQuery{}))(f).Orders), 0)
	pushes := f.allPushes(shop, store.PushQuery{})
	if len(pushes) != 1 || pushes[0].Status != bellhop.PushSkipped || pushes[0].Reason != "order_deleted" ||
		pushes[0].OrderName != "" {
		f.Errorf("pushes %+v", pushes)
	}

	f.equal("deleted before it came", f.outcomes(f.deletion(shop, 8), f.order(shop, 8, 1)),
		[]bellhop.Outcome{bellhop.OutcomeRecorded, bellhop.OutcomeStale})
	f.noOrder(8)
	f.countsMatch(shop)

	// The bodies go with the order, later ones too, and no other order's.
	f.addShop(other)
	f.record(f.order(other, 7, 1), f.order(shop, 9, 1), f.order(other, 9, 1))
	f.record(f.deletion(other, 9))
	for domain, want := range map[string][]int64{shop: {9}, other: {7}} {
		events := must(f.s.Archived(f.ctx, domain, time.Time{}, bellhop.EventID{}, 100))(f)
		left := map[bellhop.EventID]bool{}
		for _, e := range events {
			left[e.ID] = true
		}
		var got []int64
		for _, l := range f.allLines(store.LineQuery{Shop: domain}) {
			if left[l.Event.ID] {
				got = append(got, l.OrderID)
			}
		}
		f.equal("bodies of "+domain, got, want)
	}
	f.equal("lines stay", len(f.allLines(store.LineQuery{})), 11)
}

func sameBodyTriggeredLater(f *fixture) {
	f.addShop(shop)
	first, between, last := f.order(shop, 7, 1), f.order(shop, 7, 1), f.order(shop, 7, 1)
	between.Order.Version.TriggeredAt, between.Order.Version.Hash = at(2), 1
	last.Order.Version.TriggeredAt = at(3)
	f.equal("outcomes", f.outcomes(first, last, between),
		[]bellhop.Outcome{bellhop.OutcomeRecorded, bellhop.OutcomeDuplicate, bellhop.OutcomeStale})
}

func badFacts(f *fixture) {
	f.addShop(shop)
	good := f.order(shop, 7, 1)
	for name, spoil := range map[string]func(*bellhop.Fact){
		"no event":    func(x *bellhop.Fact) { x.Event = nil },
		"states none": func(x *bellhop.Fact) { x.Order = nil },
		"states two":  func(x *bellhop.Fact) { x.Deleted = true },
		"no order id": func(x *bellhop.Fact) { x.OrderID = 0 },
		"no version":  func(x *bellhop.Fact) { o := *x.Order; o.Version = bellhop.Version{}; x.Order = &o },
	} {
		bad := f.order(shop, 8, 1)
		spoil(&bad)
		if _, err := f.s.Record(f.ctx, []bellhop.Fact{good, bad}); bellhop.KindOf(err) != bellhop.Invalid {
			f.Errorf("%s: got %v", name, err)
		}
	}
	f.noOrder(7)
	if r, err := f.s.Record(f.ctx, nil); err != nil || len(r) != 0 {
		f.Errorf("nothing: got %v, %v", r, err)
	}
}
