package rules_test

import (
	"encoding/binary"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"bellhop"
	"bellhop/store/rules"
)

// TestForgottenInEveryShuffle records versions and steps of an order whose shop has to forget it, in any order and
// repeatedly, one batch or many: they end alike, and nothing personal is ever kept.
func TestForgottenInEveryShuffle(t *testing.T) {
	mark := bellhop.Mark{byte(bellhop.MarkOrder)}
	refund := refundFact(1, 3)
	refund.History.Refunds[0].Note = "Jo"
	facts := []bellhop.Fact{orderFact(1, 1, 1), orderFact(2, 2, 2), orderFact(3, 3, 3), refund, editFact(1, 4)}
	for i := range facts {
		f := &facts[i]
		f.Event, f.OrderID, f.Marks = &bellhop.Event{Shop: "a"}, 1, []bellhop.Mark{mark}
		binary.BigEndian.PutUint64(f.Event.ID[:], uint64(i))
		if f.Order != nil {
			o := *f.Order
			o.Note, o.CustomerName, f.Order = "Jo", "Jo", &o
		}
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	var want rules.State
	for round := range 200 {
		all := append(slices.Clone(facts), facts[rnd.IntN(len(facts))])
		rnd.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		state := recordIn(t, all, 1+rnd.IntN(len(all)), mark)
		state.RedactedAt = noon
		if round == 0 {
			want = state
		}
		if !reflect.DeepEqual(state, want) {
			t.Fatalf("%+v, and %+v in another order", state, want)
		}
	}
	if want.RedactedFor != bellhop.RedactedForRequest || want.History.Refunds[0].Note != "" {
		t.Errorf("%+v", want)
	}
	if facts[3].History.Refunds[0].Note != "Jo" || facts[0].Order.Note != "Jo" {
		t.Error("the caller's facts were changed")
	}
}

// recordIn records facts of order 1 in batches of some size.
func recordIn(t *testing.T, facts []bellhop.Fact, size int, mark bellhop.Mark) (state rules.State) {
	t.Helper()
	for batch := range slices.Chunk(facts, size) {
		k := rules.OrderKey{Shop: 1, ID: 1}
		before := rules.Before{Shops: map[string]*rules.StoredShop{"a": {Row: 1, Shop: bellhop.Shop{Domain: "a"}}},
			Marks: map[bellhop.Mark]time.Time{mark: {}}}
		if state.RedactedFor != "" {
			before.Orders = map[rules.OrderKey]*rules.StoredOrder{k: {Row: 1, State: state}}
		}
		r, _ := rules.PlanRecord(before, batch)
		for _, l := range r.Lines {
			if !l.DropsBody {
				t.Error("a body is kept")
			}
		}
		for _, o := range r.Orders {
			state = o.State
			if o.Content != nil && o.Content.Order.Note+o.Content.Order.CustomerName != "" {
				t.Errorf("kept %+v", o.Content.Order)
			}
		}
	}
	return state
}

// TestForgottenKeepsTheRest records a body that leaves fields out, of an order that its shop has to forget and that is
// not redacted yet: what is not personal stays, and nothing else.
func TestForgottenKeepsTheRest(t *testing.T) {
	mark, k := bellhop.Mark{byte(bellhop.MarkOrder)}, rules.OrderKey{Shop: 1, ID: 1}
	was, f := *orderFact(1, 1, 1).Order, orderFact(1, 2, 2)
	was.Customer, was.Tags = &bellhop.Customer{ID: 5, Name: "Jo"}, []string{"vip"}
	was.Attributes = []bellhop.Attribute{{Name: "for", Value: "Jo"}}
	own := *f.Order
	own.Unsaid = []bellhop.Unsaid{{Fields: []string{"customer.id", "customer.name", "note_attributes", "tags"}}}
	f.Event, f.OrderID, f.Marks, f.Order = &bellhop.Event{Shop: "a"}, 1, []bellhop.Mark{mark}, &own
	r, _ := rules.PlanRecord(rules.Before{
		Shops: map[string]*rules.StoredShop{"a": {Row: 1, Shop: bellhop.Shop{Domain: "a"}}},
		Marks: map[bellhop.Mark]time.Time{mark: {}},
		Orders: map[rules.OrderKey]*rules.StoredOrder{k: {Row: 1, Known: &was,
			State: rules.State{Version: was.Version}}},
	}, []bellhop.Fact{f})
	o := r.Orders[0].Content.Order
	if o.Customer != nil || o.CustomerName != "" || o.Attributes != nil || len(o.Kept) > 0 ||
		!slices.Equal(o.Tags, []string{"vip"}) {
		t.Errorf("kept %+v", o)
	}
	if was.Customer == nil || was.Attributes == nil {
		t.Error("the caller's order was changed")
	}
}
