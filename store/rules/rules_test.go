package rules_test

import (
	"slices"
	"testing"
	"time"

	"bellhop"
	"bellhop/store"
	"bellhop/store/rules"
)

func dueTo(device int64, n int) (due []rules.Due) {
	for i := range n {
		due = append(due, rules.Due{ID: device*1000 + int64(i), DeviceID: device, Kind: bellhop.PushOrderNew,
			Status: bellhop.PushPending, Attempts: i % 3, Created: noon.Add(time.Duration(-i) * time.Second)})
	}
	return due
}

func inUse() *rules.DeviceBudget {
	return &rules.DeviceBudget{Device: bellhop.Device{ID: 1, Form: bellhop.FormNotification},
		Owner: bellhop.Shop{Domain: "a"}}
}

func TestByDevice(t *testing.T) {
	due := slices.Concat(dueTo(2, 1), dueTo(1, 2), dueTo(2, 1))
	all := rules.ByDevice(due)
	if len(all) != 2 || all[0].DeviceID != 2 || len(all[0].Due) != 2 || len(all[1].Due) != 2 {
		t.Errorf("all %+v", all)
	}
}

// TestPlanClaim claims more than the budget of 20 in a full claim: the digest takes what
// the claim had no room for.
func TestPlanClaim(t *testing.T) {
	p := inUse()
	asked := 0
	c, err := rules.PlanClaim(p, rules.DuePushes{DeviceID: 1, Due: dueTo(1, 25)}, noon, nil, func() ([]rules.Due, error) {
		asked++
		return dueTo(1, 40), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	last := c.Owed[len(c.Owed)-1]
	if asked != 1 || len(c.Owed) != 20 || len(c.Take) != 40 || last.Gathered.Orders != 21 || last.Attempt != 3 ||
		len(c.Postpone) != 0 {
		t.Errorf("asked %d, %d messages, %d taken, the last %+v", asked, len(c.Owed), len(c.Take), last)
	}
	if got := last.Orders[20].FirstAttemptAt; !got.Equal(noon) {
		t.Errorf("first tried at %v", got)
	}
	if !c.Spent || !p.FreeAt().After(noon) {
		t.Errorf("spent %t, free at %v", c.Spent, p.FreeAt())
	}
	c, err = rules.PlanClaim(p, rules.DuePushes{DeviceID: 1, Due: dueTo(1, 5)}, noon, nil, nil)
	if err != nil || len(c.Owed) != 0 || len(c.Postpone) != 5 || !c.Behind.Equal(p.FreeAt()) ||
		!c.Postpone[4].Until.Equal(c.Behind) {
		t.Errorf("beyond the budget: %+v, %v", c, err)
	}
}

func TestPlanClaimSkips(t *testing.T) {
	due := dueTo(1, 3)
	due[1].Deleted = true
	retired := inUse()
	retired.RetiredAt = noon
	for name, c := range map[string]struct {
		phone *rules.DeviceBudget
		want  []string
	}{
		"in use":  {inUse(), []string{store.ReasonOrderDeleted}},
		"retired": {retired, []string{store.ReasonDeviceRetired, store.ReasonOrderDeleted, store.ReasonDeviceRetired}},
		"removed": {&rules.DeviceBudget{}, []string{store.ReasonDeviceRemoved, store.ReasonOrderDeleted, store.ReasonDeviceRemoved}},
	} {
		plan, err := rules.PlanClaim(c.phone, rules.DuePushes{DeviceID: 1, Due: due}, noon, nil, nil)
		var got []string
		for _, s := range plan.Skip {
			got = append(got, s.Reason)
		}
		if err != nil || !slices.Equal(got, c.want) || len(plan.Take)+len(plan.Skip) != 3 ||
			plan.Spent != (name == "in use") {
			t.Errorf("%s: %+v, %v", name, plan, err)
		}
	}
}

func TestTally(t *testing.T) {
	var tally rules.Tally[bellhop.PushStatus]
	tally.Move("", bellhop.PushSending)
	tally.Move(bellhop.PushSending, bellhop.PushSent)
	tally.Add(bellhop.PushFailed, 3)
	want := []rules.Count[bellhop.PushStatus]{{Key: bellhop.PushFailed, By: 3}, {Key: bellhop.PushSent, By: 1}}
	if got := tally.Counts(); !slices.Equal(got, want) {
		t.Errorf("got %v", got)
	}
}

func TestTrimTo(t *testing.T) {
	const keep, most = store.KeepChanges, store.KeepForRelays
	for _, c := range []struct{ oldest, newest, behind, want int64 }{
		{1, keep - 1, keep - 1, -1},
		{1, keep + 1000, keep + 1000, 1000},         // no relay, or none that is behind
		{1, keep + 1000, 700, 700},                  // one that is
		{1, most + 1, 0, 1},                         // one that is too far behind
		{most, 2 * most, 10, most},                  // not before its time
		{1, keep + 500_000, keep + 500_000, 10_000}, // it has come on: bit by bit
		{10_001, keep + 501_000, keep + 500_000, 20_000},
	} {
		if got := rules.TrimTo(c.oldest, c.newest, c.behind); got != c.want {
			t.Errorf("TrimTo(%d, %d, %d) = %d, want %d", c.oldest, c.newest, c.behind, got, c.want)
		}
	}
}
