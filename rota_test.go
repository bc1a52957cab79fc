package bellhop_test

import (
	"slices"
	"testing"
	"time"

	"bellhop"
)

func TestHoles(t *testing.T) {
	quiet := func(from, to, zone string) bellhop.Duty {
		return bellhop.Duty{Settings: bellhop.Settings{QuietFrom: from, QuietTo: to}, Timezone: zone}
	}
	day := time.Date(2026, 11, 30, 22, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		list []bellhop.Duty
		in   string
		want []bellhop.Hole
	}{
		"somebody is always there": {[]bellhop.Duty{{}, quiet("22:00", "07:00", "UTC")}, "UTC", nil},
		"all sleep at once": {[]bellhop.Duty{quiet("22:00", "07:00", "UTC"), quiet("22:00", "07:00", "UTC")}, "UTC",
			[]bellhop.Hole{{From: "22:00", To: "07:00"}}},
		"what both share": {[]bellhop.Duty{quiet("22:00", "06:00", "UTC"), quiet("02:00", "09:00", "UTC")}, "UTC",
			[]bellhop.Hole{{From: "02:00", To: "06:00"}}},
		"shifts without a gap": {[]bellhop.Duty{quiet("08:00", "20:00", "UTC"), quiet("20:00", "08:00", "UTC")}, "UTC", nil},
		"in another zone": {[]bellhop.Duty{quiet("22:00", "07:00", "Asia/Seoul")}, "UTC",
			[]bellhop.Hole{{From: "13:00", To: "22:00"}}},
		"two zones": {[]bellhop.Duty{quiet("22:00", "07:00", "Asia/Seoul"), quiet("22:00", "07:00", "Asia/Kolkata")},
			"Asia/Seoul", []bellhop.Hole{{From: "01:30", To: "07:00"}}},
		"up to midnight": {[]bellhop.Duty{quiet("22:00", "00:00", "UTC")}, "UTC",
			[]bellhop.Hole{{From: "22:00", To: "00:00"}}},
		"two holes": {[]bellhop.Duty{quiet("20:00", "14:00", "UTC"), quiet("12:00", "22:00", "UTC")}, "UTC",
			[]bellhop.Hole{{From: "12:00", To: "14:00"}, {From: "20:00", To: "22:00"}}},
		"no quiet hours": {[]bellhop.Duty{quiet("07:00", "07:00", "UTC")}, "UTC", nil},
		"nobody is left": {nil, "UTC", []bellhop.Hole{{From: "00:00", To: "24:00"}}},
	} {
		in, err := time.LoadLocation(c.in)
		if err != nil {
			t.Fatal(err)
		}
		if got := bellhop.Holes(c.list, day, in); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
		for m := range 24 * 60 { // each minute is in a hole exactly if everybody is quiet then
			at := time.Date(2026, 11, 30, 0, m, 0, 0, in)
			all := true
			for _, d := range c.list {
				all = all && !d.On(at)
			}
			clock := at.Format("15:04")
			inside := slices.ContainsFunc(c.want, func(h bellhop.Hole) bool {
				if h.To > h.From {
					return h.From <= clock && clock < h.To
				}
				return h.From <= clock || clock < h.To
			})
			if all != inside {
				t.Errorf("%s: at %s all are quiet: %t", name, clock, all)
			}
		}
	}
}

func TestRota(t *testing.T) {
	for field, r := range map[string]bellhop.Rota{
		"people": {After: 5}, "after": {People: []int64{1}}, "from": {People: []int64{1}, After: 5, From: "much"},
	} {
		if got := bellhop.CodeOf(r.Check()); got != field {
			t.Errorf("%+v: %q, want %q", r, got, field)
		}
	}
	for _, r := range []bellhop.Rota{{People: []int64{1, 1}, After: 5}, {People: make([]int64, 21), After: 5},
		{People: []int64{1}, After: 1441}} {
		if r.Check() == nil {
			t.Errorf("%+v is taken", r)
		}
	}
	r := &bellhop.Rota{People: []int64{1}, After: 5, From: "100"}
	if err := r.Check(); err != nil {
		t.Fatal(err)
	}
	of := func(amount string) bellhop.Money {
		m, err := bellhop.ParseMoney(amount, "USD")
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	if !r.Matters(of("100")) || r.Matters(of("99.99")) || !r.Matters(bellhop.Money{}) {
		t.Error("a rota rings from its amount on")
	}
	if (*bellhop.Rota)(nil).Matters(of("100")) {
		t.Error("no rota rings")
	}
}
