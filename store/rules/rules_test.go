package rules_test

import (
	"slices"
	"testing"
	"time"

	"bellhop"
	"bellhop/store"
	"bellhop/store/driver"
	"bellhop/store/rules"
)

func TestCheckFacts(t *testing.T) {
	odd := noon.Add(1234)
	order := orderFact(1, 1, 1)
	order.Event, order.At, order.Order.Version.UpdatedAt = &bellhop.Event{}, odd, odd
	touch := touchFact(bellhop.TouchEdit, 1, 1)
	touch.Event, touch.Touch.At = &bellhop.Event{}, odd
	got, err := driver.CheckFacts([]bellhop.Fact{order, touch})
	if err != nil {
		t.Fatal(err)
	}
	micro := noon.Add(time.Microsecond)
	if !got[0].At.Equal(micro) || !got[0].Order.Version.UpdatedAt.Equal(micro) || !got[1].Touch.At.Equal(micro) {
		t.Errorf("not in microseconds: %+v", got)
	}
	if !order.Order.Version.UpdatedAt.Equal(odd) || !touch.Touch.At.Equal(odd) {
		t.Error("the caller's own was changed")
	}
	long := order
	long.Order = &bellhop.Order{Version: order.Order.Version, Items: make([]bellhop.Item, driver.MaxLines)}
	if _, err := driver.CheckFacts([]bellhop.Fact{order, long}); bellhop.KindOf(err) != bellhop.Invalid {
		t.Errorf("too long: %v", err)
	}
}

func TestSettles(t *testing.T) {
	later := noon.Add(time.Minute)
	for _, c := range []struct {
		to      bellhop.PushStatus
		retryAt time.Time
		was     bellhop.PushStatus
		final   bool
		want    rules.Settlement
	}{
		{bellhop.PushSent, time.Time{}, bellhop.PushSending, false, rules.SettleEnd},
		{bellhop.PushUnknown, time.Time{}, bellhop.PushSending, false, rules.SettleEnd},
		{bellhop.PushUnknown, later, bellhop.PushSending, false, rules.SettleRetry},
		{bellhop.PushPending, later, bellhop.PushFailed, true, rules.SettleNothing},
		{bellhop.PushFailed, time.Time{}, bellhop.PushSent, true, rules.SettleNothing},
		{bellhop.PushSent, time.Time{}, bellhop.PushFailed, true, rules.SettleEnd},
		{bellhop.PushSent, time.Time{}, bellhop.PushSent, true, rules.SettleNothing},
	} {
		s := store.Settled{Status: c.to, RetryAt: c.retryAt}
		if got := rules.SettlementOf(s, c.was, c.final); got != c.want {
			t.Errorf("%+v: got %d", c, got)
		}
	}
}

func TestSkipForAndTells(t *testing.T) {
	f := bellhop.Fact{Event: &bellhop.Event{SignedBy: bellhop.SignerShop}, Skip: bellhop.ReasonNotActedOn}
	none, own := bellhop.Shop{}, bellhop.Shop{OwnSecretOnly: true}
	for want, got := range map[string]string{
		bellhop.ReasonUnknownShop:  rules.SkipFor(f, false, none),
		bellhop.ReasonShopDisabled: rules.SkipFor(f, true, bellhop.Shop{Disabled: true}),
		bellhop.ReasonNotActedOn:   rules.SkipFor(f, true, own),
		bellhop.ReasonAppSecret:    rules.SkipFor(bellhop.Fact{Event: &bellhop.Event{SignedBy: bellhop.SignerAppPrevious}}, true, own),
		"":                         rules.SkipFor(bellhop.Fact{Event: &bellhop.Event{SignedBy: bellhop.SignerApp}}, true, none),
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	var before rules.State
	if _, tells := rules.Merge(before, touchFact(bellhop.TouchEdit, 1, 1)).Tells(before); tells {
		t.Error("told of an order that has not come")
	}
	m := rules.Merge(before, orderFact(1, 1, 1))
	if kind, tells := m.Tells(before); kind != store.ChangeRecorded || !tells {
		t.Errorf("a new order: %q", kind)
	}
	if kind, tells := rules.Merge(m.State, deletionFact).Tells(m.State); kind != store.ChangeUpdated || !tells {
		t.Errorf("a deletion: %q", kind)
	}
	if _, tells := rules.Merge(m.State, orderFact(1, 1, 1)).Tells(m.State); tells {
		t.Error("told of what was known")
	}
}

func dueTo(device int64, n int) (due []rules.Due) {
	for i := range n {
		due = append(due, rules.Due{ID: device*1000 + int64(i), DeviceID: device, Kind: bellhop.PushOrderNew,
			Status: bellhop.PushPending, Attempts: i % 3, Created: noon.Add(time.Duration(-i) * time.Second)})
	}
	return due
}

func inUse() *rules.DeviceBudget {
	return &rules.DeviceBudget{Device: bellhop.Device{ID: 1, Form: bellhop.FormNotification}, Owner: bellhop.Shop{Domain: "a"}}
}

func TestByDevice(t *testing.T) {
	due := slices.Concat(dueTo(2, 1), dueTo(1, 2), dueTo(2, 1))
	all := rules.ByDevice(due)
	if len(all) != 2 || all[0].DeviceID != 2 || len(all[0].Due) != 2 || len(all[1].Due) != 2 {
		t.Errorf("all %+v", all)
	}
}

// TestPlanClaim claims more than the budget of 20 in a full claim: the digest
// takes what the claim had no room for.
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
	if asked != 1 || len(c.Owed) != 20 || len(c.Take) != 40 || last.Gathered.Orders != 21 || last.Attempt != 3 || len(c.Postpone) != 0 {
		t.Errorf("asked %d, %d messages, %d taken, the last %+v", asked, len(c.Owed), len(c.Take), last)
	}
	if got := last.Orders[20].FirstAttemptAt; !got.Equal(noon) {
		t.Errorf("first tried at %v", got)
	}
	if !c.Spent || !p.FreeAt().After(noon) {
		t.Errorf("spent %t, free at %v", c.Spent, p.FreeAt())
	}
	c, err = rules.PlanClaim(p, rules.DuePushes{DeviceID: 1, Due: dueTo(1, 5)}, noon, nil, nil)
	if err != nil || len(c.Owed) != 0 || len(c.Postpone) != 5 || !c.Behind.Equal(p.FreeAt()) || !c.Postpone[4].Until.Equal(c.Behind) {
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
		if err != nil || !slices.Equal(got, c.want) || len(plan.Take)+len(plan.Skip) != 3 || plan.Spent != (name == "in use") {
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

func TestCursors(t *testing.T) {
	a, b := int64(1), int64(2)
	if err := driver.ParseCursor(driver.Cursor(-5, 1<<62), &a, &b); err != nil || a != -5 || b != 1<<62 {
		t.Errorf("%d %d %v", a, b, err)
	}
	if err := driver.ParseCursor("", &a); err != nil || a != -5 {
		t.Errorf("without one: %d %v", a, err)
	}
	for _, bad := range []string{"!", driver.Cursor(1), driver.Cursor(1, 2, 3)} {
		if err := driver.ParseCursor(bad, &a, &b); bellhop.KindOf(err) != bellhop.Invalid {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestReadMoneyAndZones(t *testing.T) {
	if m, err := driver.ReadMoney("", ""); err != nil || m != (bellhop.Money{}) {
		t.Errorf("none: %v, %v", m, err)
	}
	if _, err := driver.ReadMoney("x", "USD"); err == nil {
		t.Error("a damaged amount was read")
	}
	tokyo := noon.In(time.FixedZone("", 9*3600))
	if got := driver.Zoned(noon, driver.Offset(tokyo)); got.Format(time.RFC3339) != tokyo.Format(time.RFC3339) {
		t.Errorf("got %v", got)
	}
	if got := driver.Zoned(time.Time{}, 3600); got != (time.Time{}) {
		t.Errorf("no time is %v", got)
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
