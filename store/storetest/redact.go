package storetest

import (
	"errors"
	"slices"
	"strings"
	"time"

	"bellhop"
	"bellhop/store"
)

// personal is an order with every personal field set.
func (f *fixture) personal(id int64, version int) bellhop.Fact {
	fact := f.order(shop, id, version)
	o := fact.Order
	o.Note = "ring twice"
	address := func(name string) *bellhop.Address {
		return &bellhop.Address{Name: name, Company: "Acme", Address1: "1 Quay", Zip: "12345", Phone: "+1 555 0117"}
	}
	o.Customer = &bellhop.Customer{ID: 191167, Name: "Jo Lee", Email: "jo@example.com", Phone: "+1 555 0117"}
	o.Billing, o.Shipping = address("Joanne Lee"), address("Neighbour")
	o.Attributes = []bellhop.Attribute{{Name: "gift", Value: "for Ada"}}
	o.Items[0].Properties = []bellhop.Attribute{{Name: "engraving", Value: "Ada"}}
	o.PONumber, o.Tags = "PO-7 Lee", []string{"vip"}
	o.DiscountCodes = []bellhop.DiscountCode{{Code: "SUMMER", Amount: "1.00"}}
	o.History.Refunds = []bellhop.Refund{{Step: said(5, version), Amount: "1.00", Note: "Jo was away"}}
	o.History.Fulfillments = []bellhop.Fulfillment{{Step: said(6, version), Status: "success", Carrier: "Post",
		Tracking: []bellhop.Tracking{{Number: "TRACK4711", URL: "https://post.example.com/TRACK4711"}}}}
	return fact
}

// bare is an order as it reads once nothing personal is left.
func bare(o bellhop.Order, why string, when time.Time) bellhop.Order {
	o.Redact()
	o.RedactedFor, o.RedactedAt = why, when
	return o
}

// bodies lists the events of a shop that still have a body.
func (f *fixture) bodies(domain string) (ids []bellhop.EventID) {
	f.Helper()
	for _, e := range must(f.s.Archived(f.ctx, domain, time.Time{}, bellhop.EventID{}, 100))(f) {
		ids = append(ids, e.ID)
	}
	return ids
}

func (f *fixture) finds(domain, text string, want ...int64) {
	f.Helper()
	var got []int64
	for _, o := range f.allOrders(domain, store.OrderQuery{Text: text}) {
		got = append(got, o.ID)
	}
	slices.Sort(got)
	f.equal("found by "+text, got, want)
}

func (f *fixture) redact(why string, when time.Time, ids ...int64) int {
	f.Helper()
	return must(f.s.RedactOrders(f.ctx, shop, ids, why, when))(f)
}

var personalWords = []string{"lee", "joanne", "neighbour", "acme", "jo@example.com", "0117", "track4711", "4711"}

func redacted(f *fixture) {
	f.addShop(shop, other)
	first, second := f.personal(7, 1), f.personal(8, 1)
	same := f.personal(7, 1)
	same.Event.Shop, same.Order.Shop = other, other
	f.record(first, second, same)
	was, otherWas := f.getOrder(7), must(f.s.Order(f.ctx, other, 7))(f)
	for _, w := range personalWords {
		f.finds(shop, w, 7, 8)
	}
	last := f.lastChange()

	f.equal("redacted", f.redact(bellhop.RedactedForRequest, at(100), 7, 99, 7), 1)
	want := bare(was, bellhop.RedactedForRequest, at(100))
	f.equal("order", f.getOrder(7), want)
	f.equal("the sum stays", want.Total, first.Order.Total)
	f.equal("tags and codes stay", []any{want.Tags, want.DiscountCodes}, []any{was.Tags, was.DiscountCodes})
	listed := f.allOrders(shop, store.OrderQuery{Text: "#7"})[0]
	f.equal("listed", []any{listed.CustomerName, listed.RedactedFor, listed.RedactedAt},
		[]any{"", bellhop.RedactedForRequest, at(100)})
	for _, w := range personalWords {
		f.finds(shop, w, 8)
		f.finds(other, w, 7)
	}
	f.finds(shop, "#7", 7)
	f.equal("bodies", f.bodies(shop), []bellhop.EventID{second.Event.ID})
	f.equal("bodies of another shop", f.bodies(other), []bellhop.EventID{same.Event.ID})
	f.equal("another shop's", must(f.s.Order(f.ctx, other, 7))(f), otherWas)
	f.equal("stream", must(f.s.Changes(f.ctx, "", last, 10))(f), []store.Change{{Seq: last + 1,
		Kind: store.ChangeUpdated, Shop: shop, OrderID: 7, At: at(100)}})

	f.equal("again", f.redact(bellhop.RedactedForRequest, at(200), 7), 0)
	f.equal("for retention, too", f.redact(bellhop.RedactedForRetention, at(200), 7), 0)
	f.equal("unchanged", f.getOrder(7), want)
	f.equal("no more changes", f.lastChange(), last+1)
	f.equal("of nobody", must(f.s.RedactOrders(f.ctx, nobody, []int64{8}, bellhop.RedactedForRequest, at(1)))(f), 0)
	f.kind(bellhop.Invalid, errOf(f.s.RedactOrders(f.ctx, shop, []int64{8}, "whim", at(1))))
	f.kind(bellhop.Invalid, errOf(f.s.RedactOrders(f.ctx, shop, make([]int64, store.RedactMost+1),
		bellhop.RedactedForRequest, at(1))))
	f.s = f.d.Reopen(f.T, f.s)
	f.equal("after a restart", f.getOrder(7), want)
}

// redactedForGood checks that whatever comes for an order that was redacted for a request brings sums and
// statuses alone, and no body.
func redactedForGood(f *fixture) {
	f.addShop(shop)
	newest, oldest := f.personal(7, 9), f.personal(7, 1)
	refund := f.refund(shop, 7, 50, 60)
	parcel := f.happened(shop, 7, &bellhop.History{Fulfillments: []bellhop.Fulfillment{{Step: said(51, 61),
		Tracking: []bellhop.Tracking{{Number: "TRACK9999"}}}}})
	newest.Order.FinancialStatus = "refunded"
	f.record(f.personal(7, 5))
	f.redact(bellhop.RedactedForRequest, at(100), 7)
	f.equal("outcomes", f.outcomes(newest, oldest, refund, parcel), []bellhop.Outcome{bellhop.OutcomeRecorded,
		bellhop.OutcomeStale, bellhop.OutcomeRecorded, bellhop.OutcomeRecorded})
	want := bare(*newest.Order, bellhop.RedactedForRequest, at(100))
	got := f.getOrder(7)
	f.equal("status", got.FinancialStatus, "refunded")
	f.equal("details", got.Details, want.Details)
	f.equal("columns", []string{got.CustomerName, got.CustomerEmail, got.Note}, []string{"", "", ""})
	f.equal("redacted", []any{got.RedactedFor, got.RedactedAt}, []any{bellhop.RedactedForRequest, at(100)})
	h := got.History
	h.Redact()
	f.equal("history", got.History, h)
	f.equal("steps", []int{len(h.Refunds), len(h.Fulfillments)}, []int{2, 2})
	f.equal("bodies", f.bodies(shop), []bellhop.EventID(nil))
	for _, w := range append(personalWords, "track9999") {
		f.finds(shop, w)
	}
	f.equal("lines", len(f.allLines(store.LineQuery{})), 5)
	f.totalsMatch()

	f.record(f.deletion(shop, 7), f.personal(7, 20))
	f.noOrder(7)
}

// redactedForRetention checks that only a newer version brings its data again.
func redactedForRetention(f *fixture) {
	f.addShop(shop)
	first := f.personal(7, 5)
	f.record(first)
	f.equal("redacted", f.redact(bellhop.RedactedForRetention, at(100), 7), 1)
	again, stale, refund := f.personal(7, 5), f.personal(7, 1), f.refund(shop, 7, 50, 60)
	f.equal("outcomes", f.outcomes(again, stale, refund), []bellhop.Outcome{bellhop.OutcomeDuplicate,
		bellhop.OutcomeStale, bellhop.OutcomeRecorded})
	got := f.getOrder(7)
	f.equal("nothing came back", got, bare(got, bellhop.RedactedForRetention, at(100)))
	f.equal("bodies", f.bodies(shop), []bellhop.EventID(nil))
	late := f.personal(7, 5) // an Event of the same change, triggered and delivered later
	late.Order.Version.TriggeredAt, late.Order.Version.Hash = at(90), late.Order.Version.Hash+1
	hidden := f.order(shop, 7, 5)
	hidden.Order.Version.TriggeredAt, hidden.Order.CustomerName = at(91), ""
	f.record(late, hidden)
	f.record(first)
	got = f.getOrder(7)
	f.equal("nor with the same change", got, bare(got, bellhop.RedactedForRetention, at(100)))
	f.equal("bodies of the same change", f.bodies(shop), []bellhop.EventID(nil))

	newer := f.personal(7, 9)
	f.record(newer)
	got = f.getOrder(7)
	f.equal("came back", []any{got.RedactedFor, got.RedactedAt, got.Customer, got.Note}, []any{"", time.Time{},
		newer.Order.Customer, newer.Order.Note})
	f.equal("bodies", f.bodies(shop), []bellhop.EventID{newer.Event.ID})
	f.finds(shop, "joanne", 7)

	f.redact(bellhop.RedactedForRetention, at(200), 7)
	f.equal("then for a request", f.redact(bellhop.RedactedForRequest, at(300), 7), 1)
	f.record(f.personal(7, 10))
	got = f.getOrder(7)
	f.equal("stays so", got, bare(got, bellhop.RedactedForRequest, at(300)))
}

// The marks of an order and of its customer, as who holds the key makes them.
func orderMark(id byte) bellhop.Mark  { return bellhop.Mark{byte(bellhop.MarkOrder), id} }
func personMark(id byte) bellhop.Mark { return bellhop.Mark{byte(bellhop.MarkPerson), id} }

// forget makes the fact of a request to forget order 1 and person 9, made at a time.
func (f *fixture) forget(domain string, when time.Time) bellhop.Fact {
	e := f.event(domain, string(bellhop.RequestForget))
	r := fullRequest()
	r.Kind, r.Shop, r.Event, r.RequestedAt, r.By = bellhop.RequestForget, domain, e.ID, when, ""
	r.Subject.Orders, r.Marks = []int64{1}, []bellhop.Mark{orderMark(1), personMark(9), personMark(9)}
	return bellhop.Fact{Event: e, At: e.AcceptedAt, Request: &r}
}

// marked gives a fact its marks: of order id, and of person 9 or another.
func marked(fact bellhop.Fact, person byte) bellhop.Fact {
	fact.Marks = []bellhop.Mark{orderMark(byte(fact.OrderID))}
	if person != 0 && fact.Order != nil {
		fact.Marks = append(fact.Marks, personMark(person))
	}
	return fact
}

// forgotten checks whom a shop recognises from the commit of a request on.
func forgotten(f *fixture) {
	f.addShop(shop, other)
	before := marked(f.personal(2, 1), 9)
	request := f.forget(shop, at(100))
	named, theirs, later := marked(f.personal(1, 1), 5), marked(f.personal(3, 1), 9), marked(f.personal(4, 1), 9)
	theirs.Order.CreatedAt, later.Order.CreatedAt = at(100), at(100).Add(time.Microsecond)
	stranger, touch := marked(f.personal(5, 1), 5), marked(f.refund(shop, 1, 50, 60), 0)
	f.equal("outcomes", f.outcomes(before, request, touch, named, theirs, later, stranger),
		slices.Repeat([]bellhop.Outcome{bellhop.OutcomeRecorded}, 7))

	r := must(f.s.Requests(f.ctx, store.RequestQuery{}))(f).Requests[0]
	want := *request.Request
	want.ID, want.Marks = r.ID, nil
	f.equal("request", r, want)
	for id, name := range map[int64]string{1: "", 2: "Jo Lee", 3: "", 4: "Jo Lee", 5: "Jo Lee"} {
		o := f.getOrder(id)
		f.equal("customer's name", o.CustomerName, name)
		if name == "" {
			f.equal("whole", o, bare(o, bellhop.RedactedForRequest, o.RedactedAt))
			f.equal("news all the same", o.Pushes[0].Kind, bellhop.PushOrderNew)
		}
	}
	f.equal("since the refund", f.getOrder(1).RedactedAt, touch.At)
	f.equal("bodies", f.bodies(shop), []bellhop.EventID{before.Event.ID, later.Event.ID, stranger.Event.ID})

	// Another process, and an order that the request found unredacted: a stale version brings nothing, a newer one
	// takes the rest away.
	f.s = f.d.Another(f.T, f.s)
	stale, newer := marked(f.personal(2, 0), 9), marked(f.personal(2, 2), 9)
	f.record(stale)
	f.equal("until it is redacted", f.getOrder(2).CustomerName, "Jo Lee")
	f.record(newer)
	o := f.getOrder(2)
	f.equal("with a newer version", o, bare(o, bellhop.RedactedForRequest, newer.At))
	f.equal("bodies", f.bodies(shop), []bellhop.EventID{before.Event.ID, later.Event.ID, stranger.Event.ID})

	same := marked(f.personal(1, 1), 9)
	same.Event.Shop, same.Order.Shop = other, other
	f.record(same)
	f.equal("another shop", must(f.s.Order(f.ctx, other, 1))(f).CustomerName, "Jo Lee")
	_, err := f.s.Record(f.ctx, []bellhop.Fact{same, f.personal(6, 1)})
	if u, ok := errors.AsType[*store.UnmarkedError](err); !ok || u.Shop != shop {
		f.Errorf("without marks: %v", err)
	}
	f.record(f.deletion(shop, 6))
}

// asksAgain checks that of two requests about one person the later one counts.
func asksAgain(f *fixture) {
	f.addShop(shop)
	r := f.forget(shop, at(100)).Request
	later := *r
	later.RequestedAt = at(200)
	must(f.s.AddRequest(f.ctx, later))(f)
	f.record(f.forget(shop, at(150))) // comes late
	order := marked(f.personal(2, 1), 9)
	order.Order.CreatedAt = at(200)
	f.record(order)
	f.equal("customer's name", f.getOrder(2).CustomerName, "")
	for _, bad := range []bellhop.PrivacyRequest{{Shop: shop, Kind: bellhop.RequestGive, Marks: r.Marks},
		{Shop: shop, Kind: bellhop.RequestForget, Marks: make([]bellhop.Mark, bellhop.MaxRequestOrders+4)}} {
		f.kind(bellhop.Invalid, errOf(f.s.AddRequest(f.ctx, bad)))
		f.kind(bellhop.Invalid, errOf(f.s.Record(f.ctx, []bellhop.Fact{{Event: f.event(shop, "x"), Request: &bad}})))
	}
}

// requestsOfAnyShop checks requests for shops that are unknown, disabled or refuse the app's secret, and that
// no body of a forgotten customer is kept while their events are skipped.
func requestsOfAnyShop(f *fixture) {
	f.must(f.s.AddShop(f.ctx, bellhop.Shop{Domain: shop, Disabled: true, AddedAt: day}))
	f.must(f.s.AddShop(f.ctx, bellhop.Shop{Domain: other, OwnSecretOnly: true, AddedAt: day}))
	refused := f.forget(other, at(100))
	refused.Event.SignedBy = bellhop.SignerApp
	for domain, fact := range map[string]bellhop.Fact{shop: f.forget(shop, at(100)), nobody: f.forget(nobody, at(100))} {
		f.equal("outcome", f.outcomes(fact), []bellhop.Outcome{bellhop.OutcomeRecorded})
		theirs, strangers := marked(f.order(domain, 3, 1), 9), marked(f.order(domain, 4, 1), 5)
		f.equal("skipped", f.outcomes(theirs, strangers), []bellhop.Outcome{bellhop.OutcomeSkipped, bellhop.OutcomeSkipped})
		f.equal("bodies", f.bodies(domain), []bellhop.EventID{strangers.Event.ID})
	}
	f.equal("refused", f.record(refused), []bellhop.Result{{Outcome: bellhop.OutcomeSkipped,
		Reason: bellhop.ReasonAppSecret}})
	f.equal("requests", len(must(f.s.Requests(f.ctx, store.RequestQuery{}))(f).Requests), 2)
	f.totalsMatch()
}

// erasedShop checks that nothing that still waits for an erased shop is kept, unless it is known again.
func erasedShop(f *fixture) {
	r := must(f.s.AddRequest(f.ctx, bellhop.PrivacyRequest{Shop: nobody, Kind: bellhop.RequestErase, DueAt: at(9)}))(f)
	other1 := f.order(other, 1, 1)
	waits, dead, unread := f.order(nobody, 1, 1), f.order(nobody, 2, 1), f.event(nobody, "products/update")
	f.record(other1, waits, bellhop.Fact{Event: unread, At: at(9), Skip: bellhop.ReasonTopicUnhandled})
	f.must(f.s.Dead(f.ctx, dead.Event, "bad", at(9)))
	f.equal("bodies", f.bodies(nobody), []bellhop.EventID(nil))
	f.equal("of another", f.bodies(other), []bellhop.EventID{other1.Event.ID})

	end := func(o bellhop.RequestOutcome) {
		f.must(f.s.UpdateRequest(f.ctx, r.ID, func(r *bellhop.PrivacyRequest) error { r.Outcome = o; return nil }))
	}
	end(bellhop.RequestDone)
	f.record(f.order(nobody, 3, 1))
	f.equal("bodies", f.bodies(nobody), []bellhop.EventID(nil))
	end(bellhop.RequestUnknownShop)
	first := f.order(nobody, 4, 1)
	f.record(first)
	f.equal("bodies", f.bodies(nobody), []bellhop.EventID{first.Event.ID})
	end(bellhop.RequestDone)
	f.addShop(nobody)
	second := f.order(nobody, 5, 1)
	f.record(second)
	f.equal("known again", f.bodies(nobody), []bellhop.EventID{first.Event.ID, second.Event.ID})
}

// personalOrders checks the walk through a shop's personal data: whole, in bounds, and nobody else's.
func personalOrders(f *fixture) {
	f.addShop(shop, other)
	whole := f.personal(30, 1)
	same := f.personal(30, 1)
	same.Event.Shop, same.Order.Shop = other, other
	touch := f.refund(shop, 5, 50, 60)
	f.record(whole, same, touch, f.personal(10, 1), f.personal(20, 1), f.personal(40, 1), f.deletion(shop, 40))
	f.redact(bellhop.RedactedForRetention, at(100), 20)
	walk := func(limit int) (found []bellhop.Order) {
		for after := int64(0); ; {
			page, next, err := f.s.PersonalOrders(f.ctx, shop, after, limit)
			f.must(err)
			if len(page) > limit || next != 0 && next <= after {
				f.Fatalf("%d orders behind %d, up to %d", len(page), after, next)
			}
			if found, after = append(found, page...), next; next == 0 {
				return found
			}
		}
	}
	for limit := 1; limit < 8; limit++ {
		found := walk(limit)
		var ids []int64
		for _, o := range found {
			ids = append(ids, o.ID)
		}
		f.equal("ids", ids, []int64{5, 10, 30})
		want := f.getOrder(30)
		want.Pushes, want.Trace.PushedAt = nil, time.Time{}
		f.equal("whole", found[2], want)
		f.equal("touch", found[0].History, *touch.History)
	}
	_, _, err := f.s.PersonalOrders(f.ctx, shop, 0, 0)
	f.kind(bellhop.Invalid, err)

	f.equal("redacted", f.redact(bellhop.RedactedForRequest, at(200), 5, 10, 30), 3)
	f.equal("none is left", len(walk(3)), 0)
	f.record(marked(f.order(shop, 5, 1), 0))
	o := f.getOrder(5)
	f.equal("the touch's order", o, bare(o, bellhop.RedactedForRequest, at(200)))
}

// personalBytes checks that no step of the walk reads very much.
func personalBytes(f *fixture) {
	f.addShop(shop)
	for id := range int64(5) {
		fact := f.personal(id+1, 1)
		fact.Order.Attributes[0].Value = strings.Repeat("x", store.ArchivedBytes/2)
		f.record(fact)
	}
	n, all := 0, 0
	for after := int64(0); ; n++ {
		page, next, err := f.s.PersonalOrders(f.ctx, shop, after, 100)
		f.must(err)
		if all += len(page); len(page) > 2 || next == 0 {
			f.equal("orders", all, 5)
			break
		}
		after = next
	}
	if n < 3 {
		f.Errorf("all came in %d steps", n)
	}
}

func dropBodies(f *fixture) {
	f.addShop(shop, other)
	a, b, c := f.order(shop, 1, 1), f.order(shop, 2, 1), f.order(other, 3, 1)
	f.record(a, b, c)
	f.equal("dropped", must(f.s.DropBodies(f.ctx, shop, []bellhop.EventID{a.Event.ID, c.Event.ID, {1}}))(f), 1)
	f.equal("again", must(f.s.DropBodies(f.ctx, shop, []bellhop.EventID{a.Event.ID}))(f), 0)
	f.equal("bodies", f.bodies(shop), []bellhop.EventID{b.Event.ID})
	f.equal("of another shop", f.bodies(other), []bellhop.EventID{c.Event.ID})
	f.equal("lines", len(f.allLines(store.LineQuery{})), 3)
	f.kind(bellhop.Invalid, errOf(f.s.DropBodies(f.ctx, shop, make([]bellhop.EventID, store.DropMost+1))))
	f.must(f.s.SettleMarks(f.ctx))
}

// redactedIsNotRefilled checks that bodies of before bring nothing back.
func redactedIsNotRefilled(f *fixture) {
	f.addShop(shop)
	forgets, keeps := f.personal(7, 1), f.personal(8, 1)
	f.record(forgets, keeps, f.forget(shop, at(100)))
	f.redact(bellhop.RedactedForRetention, at(100), 7)
	was := f.getOrder(7)
	n := must(f.s.Refill(f.ctx, []bellhop.Fact{marked(forgets, 0), marked(keeps, 9)}))(f)
	f.equal("refilled", n, 0)
	f.equal("order", f.getOrder(7), was)
}

// marksOf finds the marks of a shop by themselves, and adds them as another store has them.
func marksOf(f *fixture) {
	person, order := bellhop.Mark{byte(bellhop.MarkPerson), 1}, bellhop.Mark{byte(bellhop.MarkOrder), 2}
	none := bellhop.Mark{byte(bellhop.MarkPerson), 3}
	all := []bellhop.Mark{person, order, none}
	must(f.s.AddRequest(f.ctx, bellhop.PrivacyRequest{Shop: shop, Kind: bellhop.RequestForget, RequestedAt: at(5),
		Marks: []bellhop.Mark{person, order}}))(f)
	want := map[bellhop.Mark]time.Time{person: at(5), order: {}}
	of := func(domain string) map[bellhop.Mark]time.Time { return must(f.s.Marks(f.ctx, domain, all))(f) }
	f.equal("found", of(shop), want)
	f.equal("of another shop", len(of(other)), 0)
	f.equal("none", len(must(f.s.Marks(f.ctx, shop, nil))(f)), 0)
	f.must(f.s.AddMarks(f.ctx, other, want))
	f.must(f.s.AddMarks(f.ctx, other, nil))
	f.equal("added", of(other), want)
	f.must(f.s.AddMarks(f.ctx, shop, map[bellhop.Mark]time.Time{person: at(4), none: at(1)}))
	want[none] = at(1)
	f.equal("the latest counts", of(shop), want)
	f.must(f.s.AddMarks(f.ctx, shop, map[bellhop.Mark]time.Time{person: {}, order: at(9)}))
	want[person] = time.Time{}
	f.equal("for good", of(shop), want)
}
