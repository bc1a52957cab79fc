package rules_test

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"bellhop/store"
	"bellhop/store/rules"
)

func TestDivide(t *testing.T) {
	lots := func(shop string, since int) rules.Backlog {
		return rules.Backlog{Shop: shop, Due: 1000, Since: noon.Add(time.Duration(since) * time.Second)}
	}
	one := rules.Backlog{Shop: "b", Due: 1, Since: noon.Add(time.Hour)}
	for name, c := range map[string]struct {
		slots store.Slots
		all   []rules.Backlog
		want  []int
	}{
		"a shop alone":                   {store.Slots{Free: 10}, []rules.Backlog{lots("a", 0)}, []int{10}},
		"a shop alone leaves a fifth":    {store.Slots{Free: 640, PerFree: 4}, []rules.Backlog{lots("a", 0)}, []int{512}},
		"the last one that is free":      {store.Slots{Free: 1, PerFree: 4}, []rules.Backlog{lots("a", 0)}, []int{1}},
		"one behind a thousand":          {store.Slots{Free: 3}, []rules.Backlog{lots("a", 0), one}, []int{2, 1}},
		"who has none under way first":   {store.Slots{Free: 1, Busy: map[string]int{"a": 1}}, []rules.Backlog{lots("a", 0), one}, []int{0, 1}},
		"who waits the longest first":    {store.Slots{Free: 1}, []rules.Backlog{lots("a", 5), lots("b", 0)}, []int{0, 1}},
		"as many as are due":             {store.Slots{Free: 9}, []rules.Backlog{{Shop: "a", Due: 2}, one}, []int{2, 1}},
		"a shop at its share waits":      {store.Slots{Free: 10, PerFree: 4, Busy: map[string]int{"a": 40}}, []rules.Backlog{lots("a", 0)}, []int{0}},
		"and others are given the rest":  {store.Slots{Free: 10, PerFree: 4, Busy: map[string]int{"a": 40}}, []rules.Backlog{lots("a", 0), lots("b", 1)}, []int{0, 8}},
		"a fan-out asks for what it can": {store.Slots{Free: 4}, []rules.Backlog{{Shop: "a", FanOut: true}, one}, []int{3, 1}},
		"nobody":                         {store.Slots{Free: 4}, nil, []int{}},
	} {
		if got := rules.Divide(c.slots, c.all); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

// TestThereIsAlwaysRoom gives all they can take to shops that never end an attempt: a
// newcomer still finds a slot.
func TestThereIsAlwaysRoom(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := store.Slots{Free: 640, PerFree: 4, Busy: map[string]int{}}
		shops := rapid.IntRange(1, 100).Draw(t, "shops")
		for range rapid.IntRange(1, 20).Draw(t, "claims") {
			var all []rules.Backlog
			for i := range shops {
				all = append(all, rules.Backlog{Shop: string(rune('A' + i)), Due: rapid.IntRange(1, 1000).Draw(t, "due")})
			}
			for i, n := range rules.Divide(s, all) {
				if n > all[i].Due {
					t.Fatalf("%d of %d", n, all[i].Due)
				}
				s.Free -= n
				s.Busy[all[i].Shop] += n
			}
		}
		if got := rules.Divide(s, []rules.Backlog{{Shop: "newcomer", Due: 1}}); s.Free < 1 || got[0] != 1 {
			t.Fatalf("%d free, %v under way, the newcomer gets %v", s.Free, s.Busy, got)
		}
	})
}

func TestPortion(t *testing.T) {
	for want, b := range map[int]rules.Backlog{0: {Due: 1}, 100: {FanOut: true, Due: 290}, 300: {FanOut: true}} {
		if got := b.Portion(300); got != want {
			t.Errorf("%+v: a portion of %d, want %d", b, got, want)
		}
	}
	if got := (rules.Backlog{FanOut: true}).Portion(10_000); got != 500 {
		t.Errorf("a portion of %d", got)
	}
}
