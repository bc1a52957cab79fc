package rules_test

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"bellhop"
	"bellhop/store"
	"bellhop/store/rules"
)

const domain = "a.myshopify.com"

// event gives facts an event each: those of the same number are the same event.
func event(n byte, f bellhop.Fact) bellhop.Fact {
	var triggered time.Time
	if f.Event != nil {
		triggered = f.Event.TriggeredAt
	}
	f.Event = &bellhop.Event{ID: bellhop.EventID{n}, Shop: domain, AcceptedAt: second(int(n)), TriggeredAt: triggered,
		SignedBy: bellhop.SignerApp}
	return f
}

// events gives each fact an event of its own.
func events(facts ...bellhop.Fact) []bellhop.Fact {
	for i := range facts {
		facts[i] = event(byte(i+1), facts[i])
	}
	return facts
}

func priced(f bellhop.Fact, cents int64) bellhop.Fact {
	f.Order.Total = dollars(1)
	f.Order.Total.Units = cents
	return f
}

// paid is a newer version of orderFact's order.
func paid(n int) bellhop.Fact {
	f := priced(orderFact(n, n, uint64(n)), 1000)
	f.Order.FinancialStatus, f.Order.UpdatedAt = "paid", noon
	return f
}

// shopOf holds a shop with this many devices, and their owners' settings.
func shopOf(devices int, settings ...bellhop.Settings) rules.Before {
	s := &rules.StoredShop{Row: 7}
	for i := range devices {
		r := rules.Receiver{ID: int64(i + 1)}
		if i < len(settings) {
			r.Settings = settings[i]
		}
		s.Receivers = append(s.Receivers, r)
	}
	return rules.Before{Shops: map[string]*rules.StoredShop{domain: s}}
}

// outcomes writes each fact's result in short.
func outcomes(results []bellhop.Result) (all []string) {
	for _, r := range results {
		all = append(all, strings.TrimSpace(string(r.Outcome)+" "+r.Reason))
	}
	return all
}

func stream(r *rules.Recording) (all []string) {
	for _, c := range r.Stream {
		all = append(all, string(c.Kind))
	}
	return all
}

// TestPlanRecordSkips shows each reason for which a fact changes only the ledger.
func TestPlanRecordSkips(t *testing.T) {
	shop := func(s bellhop.Shop) rules.Before {
		return rules.Before{Shops: map[string]*rules.StoredShop{domain: {Row: 7, Shop: s}}}
	}
	skip := bellhop.Fact{At: noon, Skip: bellhop.ReasonNotActedOn}
	own := orderFact(1, 1, 1)
	for name, c := range map[string]struct {
		before rules.Before
		fact   bellhop.Fact
		signed bellhop.Signer
		want   string
	}{
		"no such shop":          {rules.Before{}, own, bellhop.SignerShop, bellhop.ReasonUnknownShop},
		"a disabled shop":       {shop(bellhop.Shop{Disabled: true}), own, bellhop.SignerShop, bellhop.ReasonShopDisabled},
		"signed by the app":     {shop(bellhop.Shop{OwnSecretOnly: true}), own, bellhop.SignerAppPrevious, bellhop.ReasonAppSecret},
		"the fact's own reason": {shop(bellhop.Shop{OwnSecretOnly: true}), skip, bellhop.SignerShop, bellhop.ReasonNotActedOn},
		"a notice": {shop(bellhop.Shop{}), bellhop.Fact{At: noon, OrderID: 1, Lacks: []string{"a", "b", "c", "d", "e", "f", "g"}},
			bellhop.SignerShop, "incomplete: a, b, c, d, e (and 2 more)"},
		"a notice for a disabled shop": {shop(bellhop.Shop{Disabled: true}), bellhop.Fact{At: noon, OrderID: 1,
			Lacks: []string{"a"}}, bellhop.SignerShop, bellhop.ReasonShopDisabled},
	} {
		f := event(1, c.fact)
		f.Event.SignedBy = c.signed
		r, results := rules.PlanRecord(c.before, []bellhop.Fact{f})
		if want := (bellhop.Result{Outcome: bellhop.OutcomeSkipped, Reason: c.want}); results[0] != want {
			t.Errorf("%s: %+v", name, results[0])
		}
		if len(r.Lines) != 1 || r.Lines[0].Reason != c.want || len(r.Orders)+len(r.Owed)+len(r.Stream) > 0 || r.Wake {
			t.Errorf("%s changes %+v", name, r)
		}
	}
}

// TestPlanRecordInOneBatch shows that a fact sees what those before it changed.
func TestPlanRecordInOneBatch(t *testing.T) {
	edit, refund := editFact(1, 5), refundFact(2, 6)
	type pushes = []string
	for name, c := range map[string]struct {
		facts    []bellhop.Fact
		outcomes []string
		orders   int
		pushes   pushes
		stream   []string
		counts   []rules.Count[bellhop.Outcome]
	}{
		"newer, then older": {events(orderFact(2, 2, 2), orderFact(1, 1, 1)), []string{"recorded", "stale"}, 1,
			pushes{"order.new"}, []string{"order.recorded"}, []rules.Count[bellhop.Outcome]{{"recorded", 1}, {"stale", 1}}},
		"an edit before its order": {events(edit, orderFact(1, 1, 1), edit), []string{"recorded", "recorded", "duplicate"}, 1,
			pushes{"order.new"}, []string{"order.recorded"}, []rules.Count[bellhop.Outcome]{{"duplicate", 1}, {"recorded", 2}}},
		"new, paid and refunded": {events(orderFact(1, 1, 1), paid(2), refund), []string{"recorded", "recorded", "recorded"},
			1,
			pushes{"order.new", "order.paid", "order.refunded:2"}, []string{"order.recorded", "order.updated", "order.updated"},
			[]rules.Count[bellhop.Outcome]{{"recorded", 3}}},
		"the same event twice": {[]bellhop.Fact{event(1, orderFact(1, 1, 1)), event(1, orderFact(1, 1, 1))},
			[]string{"recorded", "duplicate redelivered"}, 1, pushes{"order.new"}, []string{"order.recorded"},
			[]rules.Count[bellhop.Outcome]{{"recorded", 1}}},
		"deleted at once": {events(orderFact(1, 1, 1), deletionFact, orderFact(3, 3, 3)),
			[]string{"recorded", "recorded", "stale order_deleted"}, 1,
			pushes{"order.new skipped order_deleted"}, []string{"order.recorded", "order.updated"},
			[]rules.Count[bellhop.Outcome]{{"recorded", 2}, {"stale", 1}}},
		"deleted before it came": {events(deletionFact, orderFact(1, 1, 1)), []string{"recorded", "stale order_deleted"}, 1,
			nil, nil, []rules.Count[bellhop.Outcome]{{"recorded", 1}, {"stale", 1}}},
	} {
		before := shopOf(1, bellhop.Settings{Paid: true, Refunded: true})
		r, results := rules.PlanRecord(before, c.facts)
		var got pushes
		for _, p := range r.Owed {
			text := string(p.Kind)
			if p.Skipped != "" {
				text += " skipped " + p.Skipped
			}
			got = append(got, text)
		}
		if !slices.Equal(outcomes(results), c.outcomes) || len(r.Orders) != c.orders || !slices.Equal(got, c.pushes) ||
			!slices.Equal(stream(r), c.stream) {
			t.Errorf("%s: %v, %d orders, pushes %v, stream %v", name, outcomes(results), len(r.Orders), got, stream(r))
		}
		if counts := r.Outcomes.Counts(); !slices.Equal(counts, c.counts) {
			t.Errorf("%s: counts %v", name, counts)
		}
		if len(r.Shops) != 1 || !r.Shops[0].LastEventAt.Equal(c.facts[len(c.facts)-1].Event.AcceptedAt) &&
			name != "the same event twice" {
			t.Errorf("%s: shops %+v", name, r.Shops)
		}
	}
}

// TestPlanRecordOnWhatIsThere merges facts into stored orders.
func TestPlanRecordOnWhatIsThere(t *testing.T) {
	state := rules.Merge(rules.State{}, orderFact(2, 2, 2)).State
	k := rules.OrderKey{Shop: 7, ID: 1}
	before := func() rules.Before {
		b := shopOf(1)
		b.Orders = map[rules.OrderKey]*rules.StoredOrder{k: {Row: 3, State: state, Owed: []*rules.Push{
			{ID: 11, Shop: 7, Order: 1, Status: bellhop.PushPending}, {ID: 12, Shop: 7, Order: 1, Status: bellhop.PushSending}}}}
		b.Lines = map[bellhop.EventID]rules.StoredLine{{1}: {Row: 5, Outcome: bellhop.OutcomeRecorded},
			{2}: {Row: 6, Outcome: bellhop.OutcomeDead}}
		return b
	}
	r, results := rules.PlanRecord(before(), []bellhop.Fact{event(1, orderFact(9, 9, 9))})
	if got := outcomes(results); got[0] != "duplicate redelivered" || len(r.Lines)+len(r.Orders)+len(r.Shops) != 0 {
		t.Errorf("recorded before: %v changes %+v", got, r)
	}
	r, results = rules.PlanRecord(before(), []bellhop.Fact{event(2, orderFact(3, 3, 3))})
	if l := r.Lines[0]; l.Row != 6 || l.Was != bellhop.OutcomeDead || l.Outcome != bellhop.OutcomeRecorded ||
		results[0].Pushes != 0 {
		t.Errorf("dead before: %+v, %+v", l, results)
	}
	if o := r.Orders[0]; o.Row != 3 || o.Content == nil || o.First != nil || o.Wiped {
		t.Errorf("a newer version: %+v", o)
	}
	r, results = rules.PlanRecord(before(), []bellhop.Fact{event(3, orderFact(1, 1, 1))})
	if outcomes(results)[0] != "stale" || len(r.Orders) != 0 || len(r.Lines) != 1 {
		t.Errorf("an older version: %v changes %+v", results, r)
	}
	r, _ = rules.PlanRecord(before(), events(bellhop.Fact{}, bellhop.Fact{}, deletionFact)[2:])
	want := map[int64]rules.PushChange{11: {Status: bellhop.PushSkipped, Reason: store.ReasonOrderDeleted}}
	if o := r.Orders[0]; !o.Wiped || o.Content != nil || len(r.Bodiless) != 1 || !maps.Equal(r.Pushes, want) {
		t.Errorf("deleted: %+v, pushes %+v", o, r.Pushes)
	}
	if got := stream(r); !slices.Equal(got, []string{"push.settled", "order.updated"}) {
		t.Errorf("deleted: stream %v", got)
	}
}

// TestPlanRecordOwes shows a new version's push to a device.
func TestPlanRecordOwes(t *testing.T) {
	later := noon.Add(time.Minute)
	old := paid(1)
	old.Order.PlacedAt = noon.Add(-25 * time.Hour)
	cancelled, latePaid := paid(1), paid(2)
	cancelled.Order.CancelledAt, latePaid.Order.UpdatedAt = noon, noon.Add(-25*time.Hour)
	big := bellhop.Settings{AtLeast: "10.01"}
	for name, c := range map[string]struct {
		to    rules.Receiver
		facts []bellhop.Fact
		want  string
		n     int // owed by the last fact
	}{
		"at once":           {rules.Receiver{}, events(paid(1)), "order.new at 0s", 1},
		"with the budget":   {rules.Receiver{FreeAt: later}, events(paid(1)), "order.new at 1m0s", 1},
		"a clock was ahead": {rules.Receiver{FreeAt: noon.Add(time.Hour)}, events(paid(1)), "order.new at 0s", 1},
		"not wanted":        {rules.Receiver{Settings: bellhop.Settings{NotNew: true}}, events(paid(1)), "order.new not_wanted", 0},
		"too little":        {rules.Receiver{Settings: big}, events(paid(1)), "order.new below_amount", 0},
		"just enough":       {rules.Receiver{Settings: bellhop.Settings{AtLeast: "10"}}, events(paid(1)), "order.new at 0s", 1},
		"no news any more":  {rules.Receiver{}, events(old), "order.new too_old", 0},
		"cancelled at once": {rules.Receiver{}, events(cancelled), "order.new order_cancelled", 0},
		"an old payment":    {rules.Receiver{}, events(orderFact(1, 1, 1), latePaid), "order.new at 0s", 0},
		"an old payment asked for": {rules.Receiver{Settings: bellhop.Settings{Paid: true}},
			events(orderFact(1, 1, 1), latePaid), "order.new at 0s order.paid too_old", 0},
		"not asked for":       {rules.Receiver{}, events(priced(orderFact(1, 1, 1), 1000), paid(2))[1:], "order.new at 0s", 1},
		"a payment asked for": {rules.Receiver{Settings: bellhop.Settings{NotNew: true, Paid: true}}, events(orderFact(1, 1, 1), paid(2)), "order.new not_wanted order.paid at 0s", 1},
		"no payment":          {rules.Receiver{}, events(orderFact(1, 1, 1), paid(2)), "order.new at 0s", 0},
		"a refund, whatever the amount": {rules.Receiver{Settings: bellhop.Settings{NotNew: true, Refunded: true, AtLeast: "100"}},
			events(orderFact(1, 1, 1), refundFact(1, 2)), "order.new not_wanted order.refunded:1 at 0s", 1},
	} {
		c.to.ID = 1
		before := shopOf(0)
		before.Shops[domain].Receivers = []rules.Receiver{c.to}
		r, results := rules.PlanRecord(before, c.facts)
		var got string
		for _, p := range r.Owed {
			got += " " + string(p.Kind) + " "
			if got += p.Skipped; p.Skipped == "" {
				got += "at " + p.Due.Sub(noon).String()
			}
		}
		if last := results[len(results)-1]; last.Pushes != c.n || len(got) > 0 && got[1:] != c.want || got == "" &&
			c.want != "" {
			t.Errorf("%s: %d owed,%s; want %s", name, last.Pushes, got, c.want)
		}
		if r.Wake != (c.n > 0 || slices.ContainsFunc(results, func(r bellhop.Result) bool { return r.Pushes > 0 })) {
			t.Errorf("%s: wake %t", name, r.Wake)
		}
	}
}

// TestPlanRecordWithoutDevices shows that all that would ring has a line, once.
func TestPlanRecordWithoutDevices(t *testing.T) {
	cancelled, latePaid := paid(3), paid(2)
	cancelled.Order.CancelledAt, latePaid.Order.UpdatedAt = noon, noon.Add(-25*time.Hour)
	for name, c := range map[string]struct {
		facts []bellhop.Fact
		want  string
	}{
		"new":            {events(paid(1)), "order.new no_device"},
		"an old payment": {events(orderFact(1, 1, 1), latePaid), "order.new no_device, order.paid too_old"},
		"all": {events(orderFact(1, 1, 1), paid(2), cancelled, refundFact(1, 4), refundFact(2, 6)),
			"order.new no_device, order.paid no_device, order.cancelled no_device, order.refunded:1 no_device, " +
				"order.refunded:2 no_device"},
	} {
		r, results := rules.PlanRecord(shopOf(0), c.facts)
		var got []string
		for _, p := range r.Owed {
			got = append(got, string(p.Kind)+" "+p.Skipped)
		}
		if s := strings.Join(got, ", "); s != c.want {
			t.Errorf("%s: %s; want %s", name, s, c.want)
		}
		if r.Wake || slices.ContainsFunc(results, func(r bellhop.Result) bool { return r.Pushes != 0 }) {
			t.Errorf("%s wakes a push worker: %+v", name, results)
		}
	}
}

// TestPlanRecordFansOut shows that many pushes are written later: an order's to many
// devices, and many orders' in one batch.
func TestPlanRecordFansOut(t *testing.T) {
	r, results := rules.PlanRecord(shopOf(rules.FanOutAbove+1), events(orderFact(1, 1, 1)))
	if len(r.FanOuts) != 1 || len(r.Owed) != 0 || results[0].Pushes != 1 || !r.Wake {
		t.Errorf("many devices: %+v", r)
	}
	if r, _ := rules.PlanRecord(shopOf(rules.FanOutAbove+1), events(orderFact(1, 1, 1), deletionFact)); len(
		r.FanOuts) != 0 {
		t.Errorf("deleted at once: %+v", r.FanOuts)
	}
	var facts []bellhop.Fact
	for i := range 100 {
		f := orderFact(1, 1, 1)
		f.OrderID = int64(i + 1)
		facts = append(facts, f)
	}
	r, _ = rules.PlanRecord(shopOf(30), events(facts...))
	if n := len(r.Owed); n > rules.OwedAtOnce || n+30 <= rules.OwedAtOnce || len(r.FanOuts) != 100-n/30 {
		t.Errorf("%d pushes and %d fan-outs at once", n, len(r.FanOuts))
	}
	portion := rules.PlanPortion(rules.NewPush{Order: r.Orders[0], Kind: bellhop.PushOrderNew, At: noon}, dollars(1), nil,
		[]rules.Receiver{{ID: 1}, {ID: 2, Settings: bellhop.Settings{NotNew: true}}})
	if len(portion.Owed) != 2 || portion.Owed[0].Skipped != "" || portion.Owed[1].Status() != bellhop.PushSkipped ||
		!portion.Wake {
		t.Errorf("a portion: %+v", portion)
	}
}

func TestPlanDead(t *testing.T) {
	e := event(1, deletionFact).Event
	settled := rules.StoredLine{Row: 1, Outcome: bellhop.OutcomeStale}
	if r := rules.PlanDead(e, settled, true, false, "bad", noon); r != nil {
		t.Errorf("a settled event changes %+v", r)
	}
	r := rules.PlanDead(e, rules.StoredLine{Row: 1, Outcome: bellhop.OutcomeSkipped}, true, false, "bad", noon)
	want := []rules.Count[bellhop.Outcome]{{Key: bellhop.OutcomeDead, By: 1}, {Key: bellhop.OutcomeSkipped, By: -1}}
	if l := r.Lines[0]; l.Outcome != bellhop.OutcomeDead || l.Reason != "bad" || l.Row != 1 ||
		!slices.Equal(r.Outcomes.Counts(), want) {
		t.Errorf("%+v, %v", l, r.Outcomes.Counts())
	}
}
