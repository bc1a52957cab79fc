package rules_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"bellhop"
	"bellhop/store"
	"bellhop/store/rules"
)

// TestMergeNews shows the news for the owner as an order goes on.
func TestMergeNews(t *testing.T) {
	version := func(n int, paid string, cancelled bool) bellhop.Fact {
		f := orderFact(n, n, uint64(n))
		f.Order.FinancialStatus = paid
		f.Order.UpdatedAt = f.Order.Version.UpdatedAt
		f.At = f.Order.Version.UpdatedAt.Add(time.Second)
		f.Order.PlacedAt = f.At
		if cancelled {
			f.Order.CancelledAt = f.At
		}
		return f
	}
	refund := func(n int) bellhop.Fact { return refundFact(int64(n), n) }
	within := func(f bellhop.Fact, refunds ...bellhop.Fact) bellhop.Fact {
		for _, r := range refunds {
			f.Order.History, _ = f.Order.History.Merge(*r.History)
		}
		return f
	}
	longAgo := refund(2)
	longAgo.At = noon.Add(25 * time.Hour)
	late := version(9, "paid", false)
	late.At = late.At.Add(25 * time.Hour)
	older := version(1, "paid", false) // whose refunds up to 3 an older bellhop recorded
	for name, c := range map[string]struct {
		facts []bellhop.Fact
		want  []string
	}{
		"told by an older":    {[]bellhop.Fact{older, refund(4), within(version(2, "paid", false), refund(2), refund(3), refund(4), refund(6))}, []string{"order.new", "order.refunded:4", "order.refunded:6"}},
		"paid later":          {[]bellhop.Fact{version(1, "pending", false), version(2, "paid", false)}, []string{"order.new", "order.paid"}},
		"paid at once":        {[]bellhop.Fact{version(1, "paid", false), version(2, "paid", false)}, []string{"order.new"}},
		"paid and cancelled":  {[]bellhop.Fact{version(1, "pending", false), version(2, "paid", true)}, []string{"order.new", "order.paid", "order.cancelled"}},
		"the newer came":      {[]bellhop.Fact{version(2, "paid", true), version(1, "pending", false)}, []string{"order.new order_cancelled"}},
		"refunded twice":      {[]bellhop.Fact{version(1, "paid", false), refund(2), refund(3)}, []string{"order.new", "order.refunded:2", "order.refunded:3"}},
		"refund before order": {[]bellhop.Fact{refund(2), version(1, "paid", false)}, []string{"order.new", "order.refunded:2"}},
		"partly refunded":     {[]bellhop.Fact{version(1, "paid", false), version(2, "partially_refunded", false), version(3, "paid", false)}, []string{"order.new"}},
		"paid long ago":       {[]bellhop.Fact{version(1, "pending", false), late}, []string{"order.new", "order.paid too_old"}},
		"a restock":           {[]bellhop.Fact{version(1, "paid", false), refund(1)}, []string{"order.new"}},
		"restock, then money": {[]bellhop.Fact{version(1, "paid", false), refundFact(7, 1), refundFact(7, 2)}, []string{"order.new", "order.refunded:7"}},
		"said by both":        {[]bellhop.Fact{version(1, "paid", false), refund(2), within(version(2, "paid", false), refund(2), refund(3))}, []string{"order.new", "order.refunded:2", "order.refunded:3"}},
		"said by the older":   {[]bellhop.Fact{version(2, "paid", false), within(version(1, "paid", false), refund(2))}, []string{"order.new", "order.refunded:2"}},
		"refunded long ago":   {[]bellhop.Fact{version(1, "paid", false), longAgo}, []string{"order.new", "order.refunded:2 too_old"}},
		"came cancelled":      {[]bellhop.Fact{version(1, "paid", true), version(2, "paid", true)}, []string{"order.new order_cancelled"}},
	} {
		var got []string
		var s rules.State
		for _, f := range c.facts {
			m := rules.Merge(s, f)
			s = m.State
			if f.Order == older.Order {
				s.RefundedAt, s.RefundID = noon, 3
			}
			for _, n := range m.News {
				got = append(got, strings.TrimSpace(string(n.Kind)+" "+n.Quiet))
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, not %v", name, got, c.want)
		}
	}
}

// TestRationAsTheOwnerLikes divides pushes within a budget that would allow each its own.
func TestRationAsTheOwnerLikes(t *testing.T) {
	const n, held, loud, paid = 1, 2, 3, 4
	due := func(kinds ...int) (all []store.OrderBrief) {
		for i, k := range kinds {
			o := store.OrderBrief{ID: int64(i + 1), Kind: bellhop.PushOrderNew, Current: dollars(1), Held: k == held,
				Loud: k == loud}
			if k == paid {
				o.Kind = bellhop.PushOrderPaid
			}
			all = append(all, o)
		}
		return all
	}
	wide := bellhop.Budget{Burst: 100, Refill: time.Second}
	two := bellhop.Budget{Burst: 2, Refill: time.Minute}
	for name, c := range map[string]struct {
		own     bellhop.Budget
		heard   float64
		due     []store.OrderBrief
		want    []int
		last    *store.Gathering
		heardTo float64
	}{
		"no wishes":           {bellhop.Budget{}, 0, due(n, n, n), []int{1, 1, 1}, nil, 0},
		"held together":       {bellhop.Budget{}, 0, due(held, held, held), []int{3}, &store.Gathering{Orders: 3, Total: dollars(3), Since: noon}, 0},
		"held, then new":      {bellhop.Budget{}, 0, due(held, held, n), []int{2, 1}, nil, 0},
		"one was held":        {bellhop.Budget{}, 0, due(held), []int{1}, nil, 0},
		"above the own rate":  {two, 0, due(n, n, n, paid, n), []int{1, 1, 3}, &store.Gathering{Orders: 2, Total: dollars(2), Changes: 1, Since: noon}, 2},
		"the rate is used up": {two, 2, due(n), []int{1}, &store.Gathering{Orders: 1, Total: dollars(1), Since: noon}, 2},
		"loud among them":     {two, 2, due(n, n, loud, n), []int{2, 1, 1}, &store.Gathering{Orders: 3, Total: dollars(3), Since: noon}, 2},
		"only changes":        {two, 2, due(paid, paid), []int{2}, &store.Gathering{Changes: 2, Since: noon}, 2},
	} {
		portions, left, next := rules.Ration(wide, c.own, rules.Allowance{Heard: c.heard, At: noon}, c.due, noon)
		if !slices.Equal(counts(portions), c.want) || !next.IsZero() || left.Heard != c.heardTo {
			t.Errorf("%s: %v, %+v", name, counts(portions), left)
			continue
		}
		g := portions[len(portions)-1].Gathered
		if (g == nil) != (c.last == nil) || g != nil && *g != *c.last {
			t.Errorf("%s: %+v", name, g)
		}
	}
	// Once orders come no faster than the owner's rate, each has its own push.
	_, left, _ := rules.Ration(wide, two, rules.Allowance{}, due(n, n, n, n), noon)
	if portions, _, _ := rules.Ration(wide, two, left, due(n), noon.Add(90*time.Second)); portions[0].Gathered == nil ||
		portions[0].Gathered.Orders != 3 {
		t.Errorf("while they come faster: %+v", portions)
	}
	if portions, _, _ := rules.Ration(wide, two, left, due(n), noon.Add(2*time.Minute)); portions[0].Gathered != nil {
		t.Errorf("after a calm: %+v", portions)
	}
}

func TestPlanClaimInQuietHours(t *testing.T) {
	p := inUse()
	p.Settings = bellhop.Settings{QuietFrom: "11:00", QuietTo: "13:30", LoudFrom: "50"}
	due := dueTo(1, 3)
	due[0].Order.Total, due[1].Order.Total, due[2].Order.Total = dollars(1), dollars(50), dollars(49)
	c, err := rules.PlanClaim(p, rules.DuePushes{DeviceID: 1, Due: due}, noon, nil, nil)
	if err != nil || len(c.Owed) != 1 || c.Owed[0].Pushes[0] != due[1].ID || len(c.Postpone) != 2 ||
		c.Postpone[1].Reason != store.ReasonQuietHours ||
		!c.Postpone[0].Until.Equal(noon.Add(90*time.Minute)) || !c.Behind.IsZero() {
		t.Fatalf("%+v, %v", c, err)
	}
	due = []rules.Due{due[0], due[2]}
	for i := range due {
		due[i].Reason = store.ReasonQuietHours
	}
	c, err = rules.PlanClaim(p, rules.DuePushes{DeviceID: 1, Due: due}, noon.Add(90*time.Minute), nil, nil)
	if err != nil || len(c.Owed) != 1 || !c.Owed[0].Held || c.Owed[0].Gathered == nil || c.Owed[0].Gathered.Orders != 2 {
		t.Errorf("at their end: %+v, %v", c, err)
	}
}
