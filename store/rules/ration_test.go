package rules_test

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"bellhop"
	"bellhop/store"
	"bellhop/store/rules"
)

var three = bellhop.Budget{Burst: 3, Refill: time.Minute}

func dollars(n int64) bellhop.Money {
	return bellhop.Money{Units: n * 100, Digits: 2, Currency: "USD"}
}

func briefs(n int) []store.OrderBrief {
	all := make([]store.OrderBrief, n)
	for i := range all {
		all[i] = store.OrderBrief{ID: int64(i + 1), Kind: bellhop.PushOrderNew, Current: dollars(1)}
	}
	return all
}

func counts(portions []rules.Portion) (all []int) {
	for _, p := range portions {
		all = append(all, p.Count)
	}
	return all
}

func TestRation(t *testing.T) {
	for name, c := range map[string]struct {
		spent     float64
		running   *store.Gathering
		due       int
		want      []int
		gathered  int // orders in the last portion's digest; 0 for none
		wait      time.Duration
		spentThen float64
	}{
		"nothing":                {0, nil, 0, nil, 0, 0, 0},
		"within the budget":      {0, nil, 2, []int{1, 1}, 0, 0, 2},
		"the budget exactly":     {0, nil, 3, []int{1, 1, 1}, 0, 0, 3},
		"one beyond it":          {0, nil, 4, []int{1, 1, 2}, 2, 0, 3},
		"far beyond it":          {1, nil, 100, []int{1, 99}, 99, 0, 3},
		"the last alone":         {2, nil, 1, []int{1}, 0, 0, 3},
		"the last in a digest":   {2, &store.Gathering{Orders: 5, Total: dollars(5), Since: noon}, 1, []int{1}, 6, 0, 3},
		"room beside the digest": {1, &store.Gathering{Orders: 5, Total: dollars(5), Since: noon}, 1, []int{1}, 0, 0, 2},
		"none left":              {3, nil, 5, nil, 0, time.Minute, 3},
		"almost refilled":        {2.25, nil, 5, nil, 0, 15 * time.Second, 2.25},
	} {
		a := rules.Allowance{Spent: c.spent, At: noon, Gathering: c.running}
		portions, left, next := rules.Ration(three, bellhop.Budget{}, a, briefs(c.due), noon)
		if got := counts(portions); len(got) != len(c.want) {
			t.Errorf("%s: portions %v, want %v", name, got, c.want)
			continue
		} else {
			for i := range got {
				if got[i] != c.want[i] {
					t.Errorf("%s: portions %v, want %v", name, got, c.want)
				}
			}
		}
		gathered := 0
		for _, p := range portions {
			if p.Gathered != nil {
				gathered = p.Gathered.Orders
			}
		}
		if gathered != c.gathered || left.Spent != c.spentThen {
			t.Errorf("%s: %d orders gathered and %v spent, want %d and %v", name, gathered, left.Spent, c.gathered, c.spentThen)
		}
		if c.wait > 0 && !next.Equal(noon.Add(c.wait)) || c.wait == 0 && !next.IsZero() {
			t.Errorf("%s: the next is due at %v, want after %v", name, next, c.wait)
		}
	}
}

func TestRationRefills(t *testing.T) {
	running := &store.Gathering{Orders: 5, Total: dollars(5), Since: noon}
	for after, want := range map[time.Duration]struct {
		spent   float64
		running bool
	}{
		0: {2, true}, 30 * time.Second: {1.5, true}, 2 * time.Minute: {0, false}, time.Hour: {0, false},
		-time.Hour: {2, true},
	} {
		_, left, _ := rules.Ration(three, bellhop.Budget{}, rules.Allowance{Spent: 2, At: noon, Gathering: running}, nil,
			noon.Add(after))
		if left.Spent != want.spent || (left.Gathering != nil) != want.running || !left.At.Equal(noon.Add(after)) {
			t.Errorf("after %v: %+v, want %+v", after, left, want)
		}
	}
	if running.Orders != 5 {
		t.Error("the old sum was changed")
	}
}

func TestGatheringSums(t *testing.T) {
	yen := bellhop.Money{Units: 5, Currency: "JPY"}
	full := rules.Allowance{Spent: 2, At: noon}
	due := briefs(2)
	portions, left, _ := rules.Ration(three, bellhop.Budget{}, full, due, noon)
	if g := portions[0].Gathered; *g != (store.Gathering{Orders: 2, Total: dollars(2), Since: noon}) {
		t.Errorf("sum %+v", g)
	}
	left.Spent = 2
	again := []store.OrderBrief{{ID: 1, Kind: bellhop.PushOrderNew, Current: dollars(1), Gathered: true},
		{ID: 2, Kind: bellhop.PushOrderNew, Current: dollars(1), Gathered: true},
		{ID: 3, Kind: bellhop.PushOrderNew, Current: dollars(1)}}
	portions, left, _ = rules.Ration(three, bellhop.Budget{}, left, again, noon)
	if g := portions[0].Gathered; portions[0].Count != 3 ||
		*g != (store.Gathering{Orders: 3, Total: dollars(3), Since: noon}) {
		t.Errorf("tried again: %+v", g)
	}
	portions, _, _ = rules.Ration(three, bellhop.Budget{}, full, again, noon)
	if g := portions[0].Gathered; g.Orders != 3 {
		t.Errorf("in a new digest: %+v", g)
	}
	left.Spent = 2
	portions, left, _ = rules.Ration(three, bellhop.Budget{}, left,
		[]store.OrderBrief{{ID: 4, Kind: bellhop.PushOrderNew, Current: yen}}, noon)
	if g := portions[0].Gathered; *g != (store.Gathering{Orders: 4, Since: noon}) {
		t.Errorf("of two currencies: %+v", g)
	}
	left.Spent = 2
	portions, _, _ = rules.Ration(three, bellhop.Budget{}, left,
		[]store.OrderBrief{{ID: 5, Kind: bellhop.PushOrderNew, Current: dollars(1)}}, noon)
	if g := portions[0].Gathered; *g != (store.Gathering{Orders: 5, Since: noon}) {
		t.Errorf("it stays without a total: %+v", g)
	}
}

// TestRationKeepsTheBudget feeds random arrivals and checks that no more goes out than the
// bucket holds, that nothing is lost, and that waiting until next is enough.
func TestRationKeepsTheBudget(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := bellhop.Budget{Burst: rapid.IntRange(1, 6).Draw(t, "burst"), Refill: time.Minute}
		var a rules.Allowance
		now, waiting, sent := noon, 0, 0
		for range rapid.IntRange(1, 20).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, 90).Draw(t, "seconds")) * time.Second)
			waiting += rapid.IntRange(0, 9).Draw(t, "new")
			portions, left, next := rules.Ration(b, bellhop.Budget{}, a, briefs(waiting), now)
			a = left
			for _, p := range portions {
				waiting -= p.Count
				sent++
			}
			if most := float64(b.Burst) + float64(now.Sub(noon))/float64(b.Refill); float64(sent) > most+1e-6 {
				t.Fatalf("%d messages in %v", sent, now.Sub(noon))
			}
			if waiting < 0 || (waiting > 0) != !next.IsZero() {
				t.Fatalf("%d wait, until %v", waiting, next)
			}
			if waiting > 0 {
				portions, _, _ = rules.Ration(b, bellhop.Budget{}, a, briefs(waiting), next.Add(time.Microsecond))
				if len(portions) != 1 || portions[0].Count != waiting {
					t.Fatalf("at %v %d of %d go out", next, counts(portions), waiting)
				}
			}
		}
	})
}

// TestRationRings sends the first ring of each order by itself, and what nobody took at one moment as one.
func TestRationRings(t *testing.T) {
	briefs := func(n int, kind bellhop.PushKind) []store.OrderBrief {
		return slices.Repeat([]store.OrderBrief{{Kind: kind, Current: dollars(1)}}, n)
	}
	b := bellhop.BudgetOf(bellhop.FormData)
	first, _, _ := rules.Ration(b, bellhop.Budget{}, rules.Allowance{}, briefs(3, bellhop.RingKind(1)), noon)
	if len(first) != 3 {
		t.Errorf("first rings: %+v", first)
	}
	later := append(briefs(3, bellhop.RingKind(2)), briefs(1, bellhop.PushOrderNew)...)
	again, left, _ := rules.Ration(b, bellhop.Budget{}, rules.Allowance{}, later, noon)
	if len(again) != 2 || again[0].Count != 3 || again[0].Gathered == nil || again[1].Gathered != nil {
		t.Errorf("later rings: %+v", again)
	}
	if g := left.Gathering; g.Orders != 0 || g.Changes != 3 { // they were counted when they were new
		t.Errorf("counted as %+v", g)
	}
}
