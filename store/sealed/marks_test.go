package sealed_test

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"bellhop"
	"bellhop/store"
	"bellhop/store/sealed"
)

var made uint64

func fact(domain string, id int64, o bellhop.Order) bellhop.Fact {
	made++
	e := &bellhop.Event{Shop: domain, Topic: "orders/create", AcceptedAt: day, TriggeredAt: day,
		SignedBy: bellhop.SignerShop, Body: []byte(`{}`)}
	binary.BigEndian.PutUint64(e.ID[8:], made)
	o.Shop, o.ID, o.Version = domain, id, bellhop.Version{UpdatedAt: day, Hash: made}
	o.Total, o.Name, o.Note = bellhop.Money{Currency: "EUR", Digits: 2}, fmt.Sprint("#", id), "a note"
	o.PlacedAt, o.CreatedAt, o.UpdatedAt = day, day, day
	return bellhop.Fact{Event: e, At: day, OrderID: id, Order: &o}
}

func from(id int64, email, phone string) bellhop.Order {
	return bellhop.Order{CustomerEmail: email, Details: bellhop.Details{Schema: bellhop.DetailsSchema,
		Customer: &bellhop.Customer{ID: id}, Shipping: &bellhop.Address{Phone: phone}}}
}

func record(t testing.TB, s store.Store, facts ...bellhop.Fact) {
	t.Helper()
	_, err := s.Record(t.Context(), facts)
	must(t, err)
}

func noteOf(t testing.TB, s store.Store, domain string, id int64) string {
	t.Helper()
	o, err := s.Order(t.Context(), domain, id)
	must(t, err)
	return o.Note
}

func shops(t testing.TB, s store.Store) {
	t.Helper()
	must(t, s.AddShop(t.Context(), bellhop.Shop{Domain: shop, AddedAt: day}))
	must(t, s.AddShop(t.Context(), bellhop.Shop{Domain: other, AddedAt: day}))
}

func asks(s bellhop.Subject) bellhop.PrivacyRequest {
	return bellhop.PrivacyRequest{Shop: shop, Kind: bellhop.RequestForget, RequestedAt: day, Subject: s}
}

// TestForgets holds the marks against the rule by which stored orders are recognised: both have to agree.
func TestForgets(t *testing.T) {
	everybody := []bellhop.Order{from(7, "", ""), from(0, "Jo@Example.com", ""), from(0, "", "+1 (555) 0117"), {},
		from(8, "other@example.com", "0015550117"), from(7, "jo@example.com ", "")}
	for name, who := range map[string]bellhop.Subject{"id": {CustomerID: 7}, "e-mail": {Email: " JO@example.com"},
		"phone": {Phone: "+15550117"}, "phone, with an id": {CustomerID: 99, Phone: "+15550117"},
		"orders": {Orders: []int64{4, 99}}, "nobody": {},
		"all": {CustomerID: 7, Email: "jo@example.com", Orders: []int64{4}}} {
		s := open(t, fresh(t), key(t, 1))
		shops(t, s)
		r, err := s.AddRequest(t.Context(), asks(who))
		must(t, err)
		for i, o := range everybody {
			f := fact(shop, int64(i+1), o)
			covered := r.Covers(f.Order)
			record(t, s, f, fact(other, int64(i+1), o))
			if forgot := noteOf(t, s, shop, f.OrderID) == ""; forgot != covered {
				t.Errorf("%s: order %d is forgotten: %t, and covered: %t", name, f.OrderID, forgot, covered)
			}
			if noteOf(t, s, other, f.OrderID) == "" {
				t.Errorf("%s: another shop's order %d is forgotten", name, f.OrderID)
			}
		}
	}
}

// TestForgetsByWebhook records a request as webhooks bring it, and steps of an order's history.
func TestForgetsByWebhook(t *testing.T) {
	raw := fresh(t)
	s := open(t, raw, key(t, 1))
	shops(t, s)
	request := fact(shop, 0, bellhop.Order{})
	r := asks(bellhop.Subject{Email: "jo@example.com", Orders: []int64{2}})
	request.Order, request.Request = nil, &r
	refund := fact(shop, 2, bellhop.Order{})
	refund.Order, refund.History = nil, &bellhop.History{Refunds: []bellhop.Refund{{Step: bellhop.Step{ID: 1},
		Note: "Jo"}}}
	facts := []bellhop.Fact{request, refund, fact(shop, 1, from(0, "jo@example.com", ""))}
	record(t, s, facts...)
	record(t, s, fact(shop, 2, bellhop.Order{}))
	if facts[2].Marks != nil || r.Marks != nil {
		t.Error("the caller's facts were changed")
	}
	o, err := s.Order(t.Context(), shop, 2)
	must(t, err)
	if o.Note != "" || o.History.Refunds[0].Note != "" || noteOf(t, s, shop, 1) != "" {
		t.Errorf("%+v", o)
	}
	page, err := raw.Requests(t.Context(), store.RequestQuery{})
	must(t, err)
	kept, err := json.Marshal(page)
	must(t, err)
	if len(page.Requests) != 1 || page.Requests[0].Subject.Email != "jo@example.com" ||
		strings.Contains(string(kept), "arks") {
		t.Errorf("%s", kept)
	}
}

// TestMarksSurviveRotation recognises a person under a new key, and in a second process that had the old one.
func TestMarksSurviveRotation(t *testing.T) {
	raw := fresh(t)
	s := open(t, raw, key(t, 1))
	shops(t, s)
	_, err := s.AddRequest(t.Context(), asks(bellhop.Subject{CustomerID: 7}))
	must(t, err)
	was, err := raw.MarkKey(t.Context())
	must(t, err)
	if !strings.HasPrefix(was, "sealed:1:"+key(t, 1).ID()) {
		t.Fatalf("the key of the marks is kept as %q", was)
	}
	done, err := sealed.Rotate(t.Context(), raw, sealed.Keys{key(t, 2), key(t, 1)})
	must(t, err)
	if !done.Marks {
		t.Error("the key of the marks was left out")
	}
	for i, s := range []store.Store{s, open(t, raw, key(t, 2))} {
		record(t, s, fact(shop, int64(i+1), from(7, "", "")))
		if noteOf(t, s, shop, int64(i+1)) != "" {
			t.Error("nobody recognises the customer")
		}
	}
	if _, err := sealed.Reset(t.Context(), raw, sealed.Keys{key(t, 3)}, day); err != nil {
		t.Fatal(err)
	}
	now, err := raw.MarkKey(t.Context())
	must(t, err)
	if !strings.HasPrefix(now, "sealed:1:"+key(t, 3).ID()) {
		t.Errorf("after the reset it is kept as %q", now)
	}
	record(t, open(t, raw, key(t, 3)), fact(shop, 1, from(7, "", ""))) // the order itself stays redacted
	if noteOf(t, raw, shop, 1) != "" {
		t.Error("a lost key brings redacted orders back")
	}
}

// TestMarkKeyIsMadeOnce opens a store twice at once.
func TestMarkKeyIsMadeOnce(t *testing.T) {
	raw := fresh(t)
	both := make(chan *sealed.Store)
	for range 2 {
		go func() { s, _ := sealed.Open(t.Context(), raw, sealed.Keys{key(t, 1)}); both <- s }()
	}
	a, b := <-both, <-both
	shops(t, a)
	_, err := a.AddRequest(t.Context(), asks(bellhop.Subject{CustomerID: 7}))
	must(t, err)
	record(t, b, fact(shop, 1, from(7, "", "")))
	if noteOf(t, b, shop, 1) != "" {
		t.Error("the processes have different keys")
	}
}

// TestKeylessForgetsNobody: without the key a process records on, but nothing of a shop that has to forget somebody,
// and no request to forget.
func TestKeylessForgetsNobody(t *testing.T) {
	raw := fresh(t)
	s, keyless := open(t, raw, key(t, 1)), sealed.Keyless(raw)
	shops(t, s)
	record(t, keyless, fact(shop, 1, from(7, "", "")))
	request := fact(shop, 0, bellhop.Order{})
	r := asks(bellhop.Subject{CustomerID: 7})
	request.Order, request.Request = nil, &r
	_, byWebhook := keyless.Record(t.Context(), []bellhop.Fact{request})
	_, byHand := keyless.AddRequest(t.Context(), r)
	_, err := s.AddRequest(t.Context(), r)
	must(t, err)
	_, ofIt := keyless.Record(t.Context(), []bellhop.Fact{fact(shop, 2, from(7, "", ""))})
	for _, err := range []error{byWebhook, byHand, ofIt} {
		if bellhop.CodeOf(err) != "key_missing" || !strings.Contains(err.Error(), "BELLHOP_KEY: ") ||
			bellhop.IsPermanent(err) {
			t.Errorf("got %v", err)
		}
	}
	record(t, keyless, fact(other, 2, from(7, "", "")))
	both := []bellhop.Fact{fact(other, 3, bellhop.Order{}), fact(shop, 3, from(7, "", ""))}
	record(t, s, both...) // it learns of the shop
	r.Kind = bellhop.RequestErase
	if _, err := keyless.AddRequest(t.Context(), r); err != nil {
		t.Errorf("a request that needs no marks: %v", err)
	}
}

func BenchmarkMarks(b *testing.B) {
	s := open(b, fresh(b), key(b, 1))
	sealed.Learn(s, shop)
	facts := slices.Repeat([]bellhop.Fact{fact(shop, 1, from(7, "jo@example.com", "+1 555 0117"))}, 100)
	for b.Loop() {
		sealed.Mark(s, facts)
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*len(facts)), "µs/order")
}

// TestFindsRequestsByPerson looks for those about somebody, after their subjects are gone.
func TestFindsRequestsByPerson(t *testing.T) {
	raw := fresh(t)
	s := open(t, raw, key(t, 1))
	shops(t, s)
	var ids []int64
	for _, who := range []struct {
		domain string
		kind   bellhop.RequestKind
		bellhop.Subject
	}{
		{shop, bellhop.RequestGive, bellhop.Subject{CustomerID: 7, Email: "Jo@example.com", Phone: "+15550117"}},
		{other, bellhop.RequestForget, bellhop.Subject{Email: "jo@example.com"}},
		{shop, bellhop.RequestForget, bellhop.Subject{Phone: "+15550117", Orders: []int64{7}}},
		{shop, bellhop.RequestErase, bellhop.Subject{}},
	} {
		r, err := s.AddRequest(t.Context(), bellhop.PrivacyRequest{Shop: who.domain, Kind: who.kind, RequestedAt: day,
			Subject: who.Subject})
		must(t, err)
		must(t, s.UpdateRequest(t.Context(), r.ID, func(r *bellhop.PrivacyRequest) error {
			r.Outcome = bellhop.RequestDone
			return nil
		}))
		ids = append(ids, r.ID)
	}
	s = open(t, raw, key(t, 2), key(t, 1))
	for name, want := range map[string]struct {
		q   store.RequestQuery
		ids []int64
	}{
		"id":            {store.RequestQuery{Person: bellhop.Subject{CustomerID: 7}}, ids[:1]},
		"e-mail":        {store.RequestQuery{Person: bellhop.Subject{Email: " JO@example.com"}}, []int64{ids[1], ids[0]}},
		"one by one":    {store.RequestQuery{Limit: 1, Person: bellhop.Subject{Email: "jo@example.com"}}, []int64{ids[1], ids[0]}},
		"e-mail's shop": {store.RequestQuery{Shop: other, Person: bellhop.Subject{Email: "jo@example.com"}}, ids[1:2]},
		"phone alone":   {store.RequestQuery{Person: bellhop.Subject{Phone: "001 555-0117"}}, ids[2:3]},
		"nobody":        {store.RequestQuery{Person: bellhop.Subject{CustomerID: 8}}, nil},
	} {
		var found []int64
		for q := want.q; ; {
			page, err := s.Requests(t.Context(), q)
			must(t, err)
			for _, r := range page.Requests {
				found = append(found, r.ID)
			}
			if q.Cursor = page.Next; q.Cursor == "" {
				break
			}
		}
		if !slices.Equal(found, want.ids) {
			t.Errorf("by %s: %v, want %v", name, found, want.ids)
		}
	}
}
