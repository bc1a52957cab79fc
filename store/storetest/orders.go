package storetest

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"bellhop"
	"bellhop/store"
)

func money(amount, currency string) bellhop.Money {
	m, err := bellhop.ParseMoney(amount, currency)
	if err != nil {
		panic(err)
	}
	return m
}

// roundTrip stores difficult values and reads them back whole.
func roundTrip(f *fixture) {
	f.addShop(shop)
	fact := f.order(shop, math.MaxInt64, 1)
	fact.Order = hardOrder()
	f.record(fact)
	want := *fact.Order
	want.Handling = bellhop.HandlingNew
	want.Trace = bellhop.Trace{TriggeredAt: fact.Event.TriggeredAt, AcceptedAt: fact.Event.AcceptedAt, RecordedAt: fact.At,
		TraceParent: fact.Event.TraceParent}
	got := f.getOrder(math.MaxInt64)
	if len(got.Pushes) != 1 || got.Pushes[0].Status != bellhop.PushSkipped {
		f.Errorf("pushes %+v", got.Pushes)
	}
	got.Pushes = nil
	f.equal("placed", got.PlacedAt.Format(time.RFC3339Nano), "2026-11-22T18:00:00.000001+09:00")
	f.equal("updated", got.UpdatedAt.Format(time.RFC3339), "2026-11-22T04:30:00-04:30")
	if !got.PlacedAt.Equal(want.PlacedAt) || !got.UpdatedAt.Equal(want.UpdatedAt) {
		f.Errorf("times %v, %v", got.PlacedAt, got.UpdatedAt)
	}
	got.PlacedAt, got.UpdatedAt = want.PlacedAt, want.UpdatedAt
	f.equal("order", got, want)

	page := must(f.s.Orders(f.ctx, shop, store.OrderQuery{}))(f)
	want.Details = bellhop.Details{}
	page.Orders[0].PlacedAt, page.Orders[0].UpdatedAt = want.PlacedAt, want.UpdatedAt
	f.equal("listed", page.Orders, []bellhop.Order{want})

	bare := f.order(shop, 1, 1)
	bare.Order = &bellhop.Order{Shop: shop, ID: 1, Version: bellhop.Version{Hash: 1}}
	f.record(bare)
	got = f.getOrder(1)
	got.Trace, got.Pushes = bellhop.Trace{}, nil
	f.equal("bare", got, bellhop.Order{Shop: shop, ID: 1, Version: bellhop.Version{Hash: 1},
		Handling: bellhop.HandlingNew})
}

func updatesReplaceItems(f *fixture) {
	f.addShop(shop)
	first := f.order(shop, 7, 1)
	first.Order.Items = append(first.Order.Items, bellhop.Item{ID: 2, Title: "Cap"}, bellhop.Item{ID: 3, Title: "Mug"})
	f.record(first, f.order(shop, 8, 1))
	f.record(f.order(shop, 7, 2))
	o := f.getOrder(7)
	if len(o.Items) != 1 || o.Items[0].Title != "Tee 2" {
		f.Errorf("items %+v", o.Items)
	}
	none := f.order(shop, 7, 3)
	none.Order.Items = nil
	f.record(none)
	f.equal("items", len(f.getOrder(7).Items), 0)
	f.equal("of the other", len(f.getOrder(8).Items), 1)
}

// orderPages reads page by page while new orders come: it misses or repeats none of the old
// ones.
func orderPages(f *fixture) {
	f.addShop(shop)
	var facts []bellhop.Fact
	for i := range 57 {
		fact := f.order(shop, int64(1000+i), 1)
		fact.Order.PlacedAt = at(i / 5) // ties, which the id breaks
		facts = append(facts, fact)
	}
	f.record(facts...)
	var got []int64
	q := store.OrderQuery{Limit: 5}
	for n := 0; ; n++ {
		page := must(f.s.Orders(f.ctx, shop, q))(f)
		if n == 0 {
			for i := range 7 {
				fact := f.order(shop, int64(2000+i), 1)
				fact.Order.PlacedAt = at(1000 + i)
				f.record(fact)
			}
		}
		if len(page.Orders) > 5 || len(page.Orders) == 0 {
			f.Fatalf("a page of %d", len(page.Orders))
		}
		for _, o := range page.Orders {
			got = append(got, o.ID)
		}
		if q.Cursor = page.Next; page.Next == "" {
			break
		}
	}
	want := make([]int64, 57)
	for i := range want {
		want[i] = int64(1056 - i)
	}
	f.equal("pages", got, want)
	f.equal("default", len(must(f.s.Orders(f.ctx, shop, store.OrderQuery{}))(f).Orders), 50)
	f.equal("an exact page has no next", must(f.s.Orders(f.ctx, shop, store.OrderQuery{Limit: 64}))(f).Next, "")
}

// ids lists a query's orders, all pages of them.
func (f *fixture) ids(q store.OrderQuery) []int64 {
	f.Helper()
	got := []int64{}
	for _, o := range f.allOrders(shop, q) {
		got = append(got, o.ID)
	}
	return got
}

func orderFilters(f *fixture) {
	f.addShop(shop)
	f.record(f.orders(1, 10)...)
	for _, id := range []int64{2, 5, 9} {
		must(f.s.SetHandling(f.ctx, shop, id, "", bellhop.HandlingSeen, day, nil))(f)
	}
	seen := []bellhop.Handling{bellhop.HandlingSeen}
	f.equal("seen", f.ids(store.OrderQuery{Handling: seen, Limit: 2}), []int64{9, 5, 2})
	f.equal("new or seen", f.ids(store.OrderQuery{Handling: []bellhop.Handling{bellhop.HandlingNew,
		bellhop.HandlingSeen}, Limit: 4}), []int64{10, 9, 8, 7, 6, 5, 4, 3, 2, 1})
	f.equal("since", f.ids(store.OrderQuery{Since: at(8)}), []int64{10, 9, 8})
	f.equal("new since", f.ids(store.OrderQuery{Since: at(8), Handling: []bellhop.Handling{bellhop.HandlingNew},
		Limit: 1}), []int64{10, 8})
	f.equal("handled", f.ids(store.OrderQuery{Handling: []bellhop.Handling{bellhop.HandlingHandled}}), []int64{})
	for _, id := range []int64{3, 4, 9} {
		cancelled := f.order(shop, id, 2)
		cancelled.Order.CancelledAt = at(500)
		f.record(cancelled)
	}
	for id, change := range map[int64]func(*bellhop.Order){
		2: func(o *bellhop.Order) { o.FinancialStatus, o.FulfillmentStatus = "refunded", "partial" },
		6: func(o *bellhop.Order) { o.Test, o.Tags = true, []string{"VIP customer", "b2b"} },
		7: func(o *bellhop.Order) { o.Test, o.Tags, o.Current = true, []string{"VIP"}, money("1.5", "USD") },
		8: func(o *bellhop.Order) { o.FulfillmentStatus, o.Current = "fulfilled", money("9000.01", "USD") },
	} {
		fact := f.order(shop, id, 20-int(id))
		change(fact.Order)
		f.record(fact)
	}
	for name, c := range map[string]struct {
		q    store.OrderQuery
		want []int64
	}{
		"cancelled":               {store.OrderQuery{Cancelled: true, Limit: 2}, []int64{9, 4, 3}},
		"seen and cancelled":      {store.OrderQuery{Cancelled: true, Handling: seen}, []int64{9}},
		"refunded":                {store.OrderQuery{Financial: []string{"refunded"}}, []int64{2}},
		"partly sent":             {store.OrderQuery{Fulfillment: []string{"partial"}}, []int64{2}},
		"refunded or voided":      {store.OrderQuery{Financial: []string{"refunded", "voided"}, Limit: 1}, []int64{2}},
		"either sent":             {store.OrderQuery{Fulfillment: []string{"fulfilled", "partial"}, Limit: 1}, []int64{8, 2}},
		"refunded and sent":       {store.OrderQuery{Financial: []string{"refunded"}, Fulfillment: []string{"fulfilled"}}, []int64{}},
		"tests":                   {store.OrderQuery{Test: true}, []int64{7, 6}},
		"not cancelled":           {store.OrderQuery{NotCancelled: true, Limit: 3}, []int64{10, 8, 7, 6, 5, 2, 1}},
		"neither":                 {store.OrderQuery{NotCancelled: true, NotTest: true, Depth: 3}, []int64{10, 8, 5, 2, 1}},
		"both at once":            {store.OrderQuery{Test: true, NotTest: true}, []int64{}},
		"between":                 {store.OrderQuery{Since: at(4), Before: at(7), Limit: 1}, []int64{6, 5, 4}},
		"a tag":                   {store.OrderQuery{Tag: "vip"}, []int64{7}},
		"a tag of two words":      {store.OrderQuery{Tag: "VIP Customer"}, []int64{6}},
		"no tag":                  {store.OrderQuery{Tag: "VI"}, []int64{}},
		"a tag and a test":        {store.OrderQuery{Tag: "b2b", Test: true}, []int64{6}},
		"between, with few looks": {store.OrderQuery{Since: at(4), Before: at(7), NotTest: true, Depth: 1}, []int64{5, 4}},
		"of a time, by update":    {store.OrderQuery{Sort: store.SortUpdated, Since: at(4), Before: at(7), Depth: 2}, []int64{6, 4, 5}},
		"from an amount":          {store.OrderQuery{AtLeast: "9000.010"}, []int64{8}},
		"from more":               {store.OrderQuery{AtLeast: "9000.02"}, []int64{}},
		"below by the edit":       {store.OrderQuery{AtLeast: "1.51", Test: true}, []int64{6}},
		"by update":               {store.OrderQuery{Sort: store.SortUpdated, Limit: 3}, []int64{2, 6, 7, 8, 9, 4, 3, 10, 5, 1}},
		"cancelled, by update":    {store.OrderQuery{Sort: store.SortUpdated, Cancelled: true, Limit: 1}, []int64{9, 4, 3}},
		"found, by update":        {store.OrderQuery{Sort: store.SortUpdated, Text: "vip", Limit: 1}, []int64{6, 7}},
		"with few looks":          {store.OrderQuery{AtLeast: "9000", Depth: 2}, []int64{8}},
		"found, with few looks":   {store.OrderQuery{Text: "vip", Depth: 1}, []int64{7, 6}},
		"newest, with few looks":  {store.OrderQuery{Sort: store.SortUpdated, Text: "lee", Depth: 3}, []int64{2, 6, 7, 8, 9, 4, 3, 10, 5, 1}},
	} {
		f.equal(name, f.ids(c.q), c.want)
	}
}

// tagFilter finds tags by all of their characters, whatever those are.
func tagFilter(f *fixture) {
	f.addShop(shop)
	for i, tags := range [][]string{
		{"a-b", "🎁"}, {"ab", "🎁🎁"}, {"a b"}, {"Ａ－Ｂ"}, {"ΟΔΟΣ"}, {"Prix réduit"}, {`'"\*:&|`}, {"깨지기 쉬움"},
		{strings.Repeat("long ", 12) + "1"}, {strings.Repeat("long ", 12) + "2"},
	} {
		fact := f.order(shop, int64(i+1), 1)
		fact.Order.Tags = tags
		f.record(fact)
	}
	for tag, want := range map[string][]int64{
		"a-b": {4, 1}, "A-B": {4, 1}, "ab": {2}, "a b": {3}, "a": {}, "-": {}, " ": {}, "🎁": {1}, "🎁🎁": {2}, " 🎁 ": {1},
		"οδος": {5}, "οδοσ": {5}, "prix réduit": {6}, "prix reduit": {}, `'"\*:&|`: {7}, "*": {}, "깨지기 쉬움": {8},
		"깨지기쉬움": {}, strings.Repeat("long ", 12) + "1": {9},
	} {
		f.equal("tag "+tag, f.ids(store.OrderQuery{Tag: tag, Limit: 1}), want)
	}
}

func search(f *fixture) {
	f.addShop(shop)
	for i, o := range []bellhop.Order{
		{Name: "#1001", Number: 1, CustomerName: "Émile Zola", CustomerEmail: "emile@example.com"},
		{Name: "#1002", Number: 2, CustomerName: `O'Brien "Bob"`, CustomerEmail: "bob_b@example.com"},
		{Name: "#2001", Number: 77, CustomerName: "100% Cotton", CustomerEmail: "cotton@Example.org"},
		{Name: "DE-5", Number: 5, CustomerName: "bobXb", CustomerEmail: ""},
	} {
		fact := f.order(shop, int64(i+1), 1)
		fact.Order.Name, fact.Order.Number = o.Name, o.Number
		fact.Order.CustomerName, fact.Order.CustomerEmail = o.CustomerName, o.CustomerEmail
		f.record(fact)
	}
	for text, want := range map[string][]int64{
		"#1001": {1}, "1001": {1}, "#100": {3, 2, 1}, "001": {}, "de-5": {4}, "77": {3}, "#77": {3},
		"émile": {1}, "ÉMILE": {1}, "zola": {1}, "example.COM": {2, 1}, "EXAMPLE.ORG": {3},
		"%": {}, "_": {}, "bob_b": {2}, "O'Brien": {2}, `"Bob"`: {4, 2}, `\`: {}, "' OR 1=1 --": {3}, "#": {},
		"bob brien": {2}, "emile": {1}, `x" OR "`: {}, "*": {}, "zol*": {1}, "tee": {4, 3, 2, 1}, "ee": {},
	} {
		f.equal("search for "+text, f.ids(store.OrderQuery{Text: text, Limit: 1}), want)
	}
	f.equal("filtered", f.ids(store.OrderQuery{Text: "bob", Since: at(3)}), []int64{4})
	for looks := 1; looks < 6; looks++ {
		f.equal(fmt.Sprint("looking at ", looks), f.ids(store.OrderQuery{Text: "example.com", Depth: looks}), []int64{2, 1})
	}
	page := must(f.s.Orders(f.ctx, shop, store.OrderQuery{AtLeast: "5000", Depth: 2}))(f)
	if len(page.Orders) > 0 || page.Next == "" {
		f.Errorf("a list that has looked at two of four found %d and goes on with %q", len(page.Orders), page.Next)
	}
}

func badQueries(f *fixture) {
	f.addShop(shop)
	f.record(f.orders(1, 3)...)
	for _, q := range []store.OrderQuery{{Limit: -1}, {Limit: 201}, {AtLeast: "x"},
		{Handling: []bellhop.Handling{"lost"}}, {Financial: make([]string, 21)},
		{AtLeast: "-1"}, {Sort: "size"}, {Tag: strings.Repeat("x", 5000)},
		{Text: strings.Repeat("x", 5000)}} {
		f.kind(bellhop.Invalid, errOf(f.s.Orders(f.ctx, shop, q)))
	}
	f.kind(bellhop.Invalid, errOf(f.s.Pushes(f.ctx, shop, store.PushQuery{Status: "lost"})))
	for _, limit := range []int{-1, 201} {
		f.kind(bellhop.Invalid, errOf(f.s.Pushes(f.ctx, shop, store.PushQuery{Limit: limit})))
		f.kind(bellhop.Invalid, errOf(f.s.Lines(f.ctx, store.LineQuery{Limit: limit})))
	}
	page := must(f.s.Orders(f.ctx, shop, store.OrderQuery{Limit: 1}))(f)
	for _, c := range []string{"x", "🎉", "0", "!" + page.Next, page.Next + "AA", page.Next[:len(page.Next)-3] + "..."} {
		f.kind(bellhop.Invalid, errOf(f.s.Orders(f.ctx, shop, store.OrderQuery{Cursor: c})))
		f.kind(bellhop.Invalid, errOf(f.s.Pushes(f.ctx, shop, store.PushQuery{Cursor: c})))
		f.kind(bellhop.Invalid, errOf(f.s.Lines(f.ctx, store.LineQuery{Cursor: c})))
	}
	for _, limit := range []int{0, -1} {
		f.kind(bellhop.Invalid, errOf(f.s.Changes(f.ctx, "", 0, limit)))
		f.kind(bellhop.Invalid, errOf(f.s.Archived(f.ctx, shop, day, bellhop.EventID{}, limit)))
		f.kind(bellhop.Invalid, errOf(f.s.Prune(f.ctx, day, limit)))
		f.kind(bellhop.Invalid, errOf(f.s.ClaimPushes(f.ctx, day, store.Slots{Free: limit}, time.Second)))
	}
}

// tenants puts the same into two shops and asks each for the other's.
func tenants(f *fixture) {
	for _, d := range []string{shop, other} {
		f.addShop(d)
		f.addDevice(d, "phone", bellhop.FormData)
		must(f.s.AddPerson(f.ctx, bellhop.Person{Email: "owner@" + d, Role: bellhop.RoleOwner, Shop: d}))(f)
		must(f.s.AddToken(f.ctx, bellhop.Token{Shop: d, Name: "ci", Hash: [32]byte{byte(len(d))}}))(f)
		f.record(f.order(d, 7, 1)) // the same id in both
	}
	f.record(f.order(other, 8, 1), f.deletion(shop, 9))
	f.record(f.order(other, 9, 1))
	theirs := f.allPushes(other, store.PushQuery{})

	f.noOrder(8)
	if o, err := f.s.Order(f.ctx, other, 9); err != nil || o.Shop != other {
		f.Errorf("another shop's tombstone counts: %+v, %v", o, err)
	}
	f.kind(bellhop.NotFound, errOf(f.s.SetHandling(f.ctx, shop, 8, "", bellhop.HandlingSeen, day, nil)))
	must(f.s.SetHandling(f.ctx, shop, 7, "", bellhop.HandlingSeen, day, nil))(f)
	f.equal("their handling", must(f.s.Order(f.ctx, other, 7))(f).Handling, bellhop.HandlingNew)
	f.equal("orders", f.ids(store.OrderQuery{}), []int64{7})

	for _, p := range theirs {
		f.kind(bellhop.NotFound, f.s.PushReceipt(f.ctx, shop, p.ID, true, day))
	}
	f.equal("pushes", len(f.allPushes(shop, store.PushQuery{})), 1)
	f.equal("of their order", len(f.allPushes(shop, store.PushQuery{OrderID: 8})), 0)
	for _, p := range f.allPushes(other, store.PushQuery{}) {
		f.equal("opened", p.OpenedAt, time.Time{})
	}
	f.equal("lines", len(f.allLines(store.LineQuery{Shop: shop})), 2)
	events := must(f.s.Archived(f.ctx, shop, time.Time{}, bellhop.EventID{}, 100))(f)
	f.equal("events", len(events), 1) // the body of a deletion goes with the order's
	f.equal("their events", len(must(f.s.Archived(f.ctx, other, time.Time{}, bellhop.EventID{}, 100))(f)), 3)

	f.equal("people", len(must(f.s.People(f.ctx, shop))(f)), 1)
	f.equal("tokens", len(must(f.s.Tokens(f.ctx, shop))(f)), 1)
	f.must(f.s.RemoveToken(f.ctx, shop, "ci"))
	f.equal("their tokens", len(must(f.s.Tokens(f.ctx, other))(f)), 1)

	f.equal("devices", len(must(f.s.Devices(f.ctx, shop))(f)), 1)
	f.must(f.s.RemoveDevice(f.ctx, shop, "phone"))
	f.kind(bellhop.NotFound, f.s.RemoveDevice(f.ctx, shop, "phone"))
	f.equal("their devices", len(must(f.s.Devices(f.ctx, other))(f)), 1)

	changes := must(f.s.Changes(f.ctx, shop, 0, 100))(f)
	if slices.ContainsFunc(changes, func(c store.Change) bool { return c.Shop != shop }) {
		f.Errorf("changes %+v", changes)
	}
	f.unknownTenant(nobody)
}

// unknownTenant asks in the name of a missing shop.
func (f *fixture) unknownTenant(domain string) {
	f.equal("nobody's orders", len(must(f.s.Orders(f.ctx, domain, store.OrderQuery{}))(f).Orders), 0)
	f.equal("nobody's pushes", len(f.allPushes(domain, store.PushQuery{})), 0)
	f.kind(bellhop.NotFound, errOf(f.s.Order(f.ctx, domain, 7)))
	f.equal("nobody's changes", fmt.Sprint(must(f.s.Changes(f.ctx, domain, 0, 10))(f)), "[]")
}

// unhandled counts what is new and seen, as far as somebody asks.
func unhandled(f *fixture) {
	f.addShop(shop, other)
	for id := range int64(5) {
		f.record(f.order(shop, id+1, 1))
	}
	f.record(f.order(other, 1, 1))
	count := func(domain string, most int, want store.Unhandled) {
		f.Helper()
		f.equal(fmt.Sprint("up to ", most), must(f.s.Unhandled(f.ctx, domain, most))(f), want)
	}
	count(shop, 10, store.Unhandled{New: 5})
	for id, to := range map[int64]bellhop.Handling{1: bellhop.HandlingSeen, 2: bellhop.HandlingHandled} {
		must(f.s.SetHandling(f.ctx, shop, id, "", to, day, nil))(f)
	}
	count(shop, 10, store.Unhandled{New: 3, Seen: 1})
	count(shop, 3, store.Unhandled{New: 3, Seen: 1})
	count(shop, 2, store.Unhandled{New: 2, Seen: 1})
	count(other, 10, store.Unhandled{New: 1})
	count(nobody, 10, store.Unhandled{})
	f.record(f.deletion(shop, 3))
	count(shop, 10, store.Unhandled{New: 2, Seen: 1})
}
