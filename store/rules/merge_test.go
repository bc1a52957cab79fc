package rules_test

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"bellhop"
	"bellhop/store"
	"bellhop/store/rules"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func second(n int) time.Time { return noon.Add(time.Duration(n) * time.Second) }

// webhook brings facts; backfill and reconcile bring orders, and that one was deleted, too.
var (
	webhook   = &bellhop.Event{Topic: "orders/updated"}
	backfill  = &bellhop.Event{Topic: bellhop.TopicBackfill, SignedBy: bellhop.SignerAPI}
	reconcile = &bellhop.Event{Topic: bellhop.TopicReconcile, SignedBy: bellhop.SignerAPI}
)

func orderFact(updated, triggered int, hash uint64) bellhop.Fact {
	return bellhop.Fact{Event: webhook, At: noon, OrderID: 1, Order: &bellhop.Order{ID: 1, PlacedAt: noon,
		Version: bellhop.Version{UpdatedAt: second(updated), TriggeredAt: second(triggered), Hash: hash}}}
}

// said is a step of an order's history that Shopify stated in a second.
func said(id int64, at int) bellhop.Step {
	return bellhop.Step{ID: id, At: noon, Said: bellhop.Version{UpdatedAt: second(at), Hash: uint64(at)}}
}

func editFact(id int64, at int) bellhop.Fact {
	h := bellhop.History{Edits: []bellhop.Edit{{Step: said(id, at)}}}
	return bellhop.Fact{Event: webhook, At: noon, OrderID: 1, History: &h}
}

// refundFact gives money back but for the first statement, of a restock, and the fifth: it failed.
func refundFact(id int64, at int) bellhop.Fact {
	r := bellhop.Refund{Step: said(id, at)}
	if at%4 != 1 {
		r.Amount = "5.00"
	}
	return bellhop.Fact{Event: webhook, At: noon, OrderID: 1, History: &bellhop.History{Refunds: []bellhop.Refund{r}}}
}

var deletionFact = bellhop.Fact{Event: webhook, At: noon, OrderID: 1, Deleted: true}

// fold merges facts and returns the outcomes, and the hash of the stored body.
func fold(facts ...bellhop.Fact) (s rules.State, outcomes []bellhop.Outcome, content uint64, owes int) {
	for _, f := range facts {
		m := rules.Merge(s, f)
		s = m.State
		outcomes = append(outcomes, m.Result.Outcome)
		if m.Content {
			content = f.Order.Version.Hash
		}
		if m.Wipe {
			content = 0
		}
		for _, n := range m.News {
			if n.Kind == bellhop.PushOrderNew {
				owes++
			}
		}
	}
	return s, outcomes, content, owes
}

func TestMerge(t *testing.T) {
	for name, c := range map[string]struct {
		facts   []bellhop.Fact
		want    []bellhop.Outcome
		content uint64
		owes    int
	}{
		"newer wins":            {[]bellhop.Fact{orderFact(1, 1, 1), orderFact(2, 2, 2)}, []bellhop.Outcome{"recorded", "recorded"}, 2, 1},
		"older is stale":        {[]bellhop.Fact{orderFact(2, 1, 2), orderFact(1, 9, 1)}, []bellhop.Outcome{"recorded", "stale"}, 2, 1},
		"trigger breaks ties":   {[]bellhop.Fact{orderFact(1, 2, 1), orderFact(1, 1, 9)}, []bellhop.Outcome{"recorded", "stale"}, 1, 1},
		"body breaks ties":      {[]bellhop.Fact{orderFact(1, 1, 8), orderFact(1, 1, 9)}, []bellhop.Outcome{"recorded", "recorded"}, 9, 1},
		"the same again":        {[]bellhop.Fact{orderFact(1, 1, 1), orderFact(1, 1, 1)}, []bellhop.Outcome{"recorded", "duplicate"}, 1, 1},
		"same body, later":      {[]bellhop.Fact{orderFact(1, 1, 1), orderFact(1, 5, 1), orderFact(1, 3, 7)}, []bellhop.Outcome{"recorded", "duplicate", "stale"}, 1, 1},
		"same body, earlier":    {[]bellhop.Fact{orderFact(1, 5, 1), orderFact(1, 1, 1)}, []bellhop.Outcome{"recorded", "duplicate"}, 1, 1},
		"steps apart":           {[]bellhop.Fact{editFact(1, 5), refundFact(1, 3), editFact(1, 4), editFact(2, 5), editFact(2, 5)}, []bellhop.Outcome{"recorded", "recorded", "stale", "recorded", "duplicate"}, 0, 0},
		"step before order":     {[]bellhop.Fact{editFact(1, 5), orderFact(1, 1, 1)}, []bellhop.Outcome{"recorded", "recorded"}, 1, 1},
		"tombstone beats all":   {[]bellhop.Fact{orderFact(1, 1, 1), deletionFact, orderFact(9, 9, 9), editFact(1, 9), deletionFact}, []bellhop.Outcome{"recorded", "recorded", "stale", "stale", "duplicate"}, 0, 1},
		"deleted before it was": {[]bellhop.Fact{deletionFact, orderFact(1, 1, 1)}, []bellhop.Outcome{"recorded", "stale"}, 0, 0},
	} {
		_, outcomes, content, owes := fold(c.facts...)
		if len(outcomes) != len(c.want) {
			t.Fatalf("%s: %d outcomes", name, len(outcomes))
		}
		for i := range outcomes {
			if outcomes[i] != c.want[i] {
				t.Errorf("%s: fact %d is %s, want %s", name, i, outcomes[i], c.want[i])
			}
		}
		if content != c.content || owes != c.owes {
			t.Errorf("%s: body %d stays and %d pushes are owed, want %d and %d", name, content, owes, c.content, c.owes)
		}
	}
}

func TestMergeOwesForADay(t *testing.T) {
	f := orderFact(1, 1, 1)
	for after, quiet := range map[time.Duration]string{-time.Hour: "", 0: "", 24 * time.Hour: "",
		24*time.Hour + 1: store.ReasonOld} {
		f.At = f.Order.PlacedAt.Add(after)
		want := []rules.News{{Kind: bellhop.PushOrderNew, Quiet: quiet}}
		if m := rules.Merge(rules.State{}, f); !slices.Equal(m.News, want) || !m.First || !m.Content {
			t.Errorf("recorded %v after it was placed: %+v, want %+v", after, m, want)
		}
	}
	edited := rules.Merge(rules.State{}, editFact(1, 5)).State
	if m := rules.Merge(edited, orderFact(1, 1, 1)); len(m.News) != 1 || len(m.State.History.Edits) != 1 ||
		!m.State.EditedAt.Equal(noon) {
		t.Errorf("after an edit: %+v", m)
	}
}

// TestMergeConverges folds random facts in two orders, with some repeated.
func TestMergeConverges(t *testing.T) {
	fact := rapid.Custom(func(t *rapid.T) bellhop.Fact {
		few := func(name string) int { return rapid.IntRange(1, 3).Draw(t, name) }
		source := rapid.SampledFrom([]*bellhop.Event{webhook, backfill, reconcile}).Draw(t, "source")
		switch rapid.IntRange(0, 9).Draw(t, "kind") {
		case 0:
			gone := deletionFact
			gone.Event = source
			return gone
		case 1, 2:
			return editFact(int64(few("id")), few("at"))
		case 3:
			return refundFact(int64(few("id")), rapid.IntRange(1, 5).Draw(t, "refunded"))
		}
		body := rapid.IntRange(1, 5).Draw(t, "body") // which says when it was updated
		f := orderFact(body/2, few("triggered"), uint64(body))
		f.Event = source
		f.Order.History = *refundFact(int64(body), rapid.IntRange(1, 5).Draw(t, "said")).History
		return f
	})
	rapid.Check(t, func(t *rapid.T) {
		facts := rapid.SliceOfN(fact, 1, 12).Draw(t, "facts")
		more := rapid.SliceOf(rapid.SampledFrom(facts)).Draw(t, "repeated")
		shuffled := rapid.Permutation(append(append([]bellhop.Fact{}, facts...), more...)).Draw(t, "shuffled")
		s1, _, content1, _ := fold(facts...)
		s2, _, content2, owes := fold(shuffled...)
		if !reflect.DeepEqual(s1, s2) || content1 != content2 {
			t.Fatalf("%+v with body %d, and shuffled %+v with body %d", s1, content1, s2, content2)
		}
		if owes > 1 {
			t.Fatalf("%d pushes are owed", owes)
		}
		if content1 != s1.Version.Hash {
			t.Fatalf("body %d is stored for version %+v", content1, s1.Version)
		}
		for _, f := range shuffled {
			if m := rules.Merge(s2, f); !reflect.DeepEqual(m.State, s2) || m.Content || m.Wipe || m.News != nil ||
				m.Result.Outcome == bellhop.OutcomeRecorded {
				t.Fatalf("said again, %+v changes %+v: %+v", f, s2, m)
			}
		}
	})
}
