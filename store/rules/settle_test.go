package rules_test

import (
	"maps"
	"slices"
	"testing"
	"time"

	"bellhop"
	"bellhop/store"
	"bellhop/store/rules"
)

func TestPlanSettle(t *testing.T) {
	later := noon.Add(time.Minute)
	for _, c := range []struct {
		to      bellhop.PushStatus
		retryAt time.Time
		was     bellhop.PushStatus
		final   bool
		stays   bool
	}{
		{bellhop.PushSent, time.Time{}, bellhop.PushSending, false, false},
		{bellhop.PushUnknown, time.Time{}, bellhop.PushSending, false, false},
		{bellhop.PushUnknown, later, bellhop.PushSending, false, false},
		{bellhop.PushPending, later, bellhop.PushFailed, true, true},
		{bellhop.PushFailed, time.Time{}, bellhop.PushSent, true, true},
		{bellhop.PushSent, time.Time{}, bellhop.PushFailed, true, false},
		{bellhop.PushSent, time.Time{}, bellhop.PushSent, true, true},
	} {
		before := rules.SettleBefore{Pushes: map[int64]*rules.Push{1: {ID: 1, Status: c.was, Final: c.final}}}
		s, errs := rules.PlanSettle(before, []store.Settled{{Pushes: []int64{1}, Status: c.to, At: noon, RetryAt: c.retryAt}})
		want := map[int64]rules.PushChange{1: {Status: c.to, Next: c.retryAt}}
		if c.to == bellhop.PushSent {
			want[1] = rules.PushChange{Status: c.to, Sent: noon}
		}
		if c.stays {
			want = nil
		}
		retried := !c.stays && !c.retryAt.IsZero()
		if errs[0] != nil || !maps.Equal(s.Pushes, want) || s.Wake != retried ||
			(len(s.Stream) == 1) != (!c.stays && !retried) {
			t.Errorf("%+v: %+v, %v", c, s, errs)
		}
	}
}

// TestPlanSettleRetires retires a device that two callers name; a third one's push is
// missing.
func TestPlanSettleRetires(t *testing.T) {
	before := func(value string) rules.SettleBefore {
		sending := &rules.Push{ID: 1, Device: 9, Status: bellhop.PushSending}
		return rules.SettleBefore{Pushes: map[int64]*rules.Push{1: sending,
			2: {ID: 2, Device: 8, Status: bellhop.PushSending}},
			Devices: map[int64]*rules.Address{9: {Value: value, InUse: true}},
			Owed: []*rules.Push{{ID: 1, Device: 9, Status: bellhop.PushSending}, {ID: 3, Device: 9, Status: bellhop.PushPending},
				{ID: 4, Device: 9, Status: bellhop.PushSending}, {ID: 5, Device: 8, Status: bellhop.PushPending}}}
	}
	gone := store.Settled{Pushes: []int64{1}, Status: bellhop.PushFailed, Reason: "gone", At: noon,
		Retire: &store.Retirement{DeviceID: 9, Value: "token", Reason: "unregistered"}}
	sent := store.Settled{Pushes: []int64{2}, Status: bellhop.PushSent, At: noon, Retire: gone.Retire}
	s, errs := rules.PlanSettle(before("token"), []store.Settled{gone}, []store.Settled{sent},
		[]store.Settled{{Pushes: []int64{2, 99}, Status: bellhop.PushFailed}})
	if errs[0] != nil || errs[1] != nil || bellhop.KindOf(errs[2]) != bellhop.NotFound {
		t.Errorf("errors %v", errs)
	}
	if want := []rules.Retired{{DeviceID: 9, Reason: "unregistered", At: noon}}; !slices.Equal(s.Retired, want) {
		t.Errorf("retired %+v", s.Retired)
	}
	want := map[int64]rules.PushChange{1: {Status: bellhop.PushFailed, Reason: "gone"},
		2: {Status: bellhop.PushSent, Sent: noon},
		3: {Status: bellhop.PushSkipped, Reason: store.ReasonDeviceRetired}}
	if !maps.Equal(s.Pushes, want) {
		t.Errorf("pushes %+v", s.Pushes)
	}
	if s, _ := rules.PlanSettle(before("another"), []store.Settled{gone}); len(s.Retired) != 0 || len(s.Pushes) != 1 {
		t.Errorf("refreshed since: %+v", s)
	}
}

func TestResend(t *testing.T) {
	for want, p := range map[bool]rules.Push{true: {Device: 1, Status: bellhop.PushFailed, Final: true},
		false: {Device: 1, Status: bellhop.PushSent, Final: true}} {
		var c rules.Changes
		if got := c.Resend(&p); got != want || c.Wake != want {
			t.Errorf("%+v: %t", p, got)
		}
	}
	for _, p := range []rules.Push{{Device: 0, Status: bellhop.PushSkipped, Final: true},
		{Device: 1, Status: bellhop.PushUnknown}} {
		if new(rules.Changes).Resend(&p) {
			t.Errorf("%+v is sent again", p)
		}
	}
}
