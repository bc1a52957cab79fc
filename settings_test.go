package bellhop_test

import (
	"testing"
	"time"

	"bellhop"
)

func TestQuietHours(t *testing.T) {
	at := func(s string) time.Time {
		t.Helper()
		when, err := time.Parse(time.RFC3339, s)
		if err != nil {
			t.Fatal(err)
		}
		return when
	}
	for _, c := range []struct{ from, to, zone, other, now, until string }{
		{"22:00", "07:00", "Asia/Seoul", "", "2026-11-27T12:59:00Z", ""}, // 21:59 there
		{"22:00", "07:00", "Asia/Seoul", "", "2026-11-27T13:00:00Z", "2026-11-27T22:00:00Z"},
		{"22:00", "07:00", "Asia/Seoul", "UTC", "2026-11-27T21:59:59Z", "2026-11-27T22:00:00Z"},
		{"22:00", "07:00", "Asia/Seoul", "", "2026-11-27T22:00:00Z", ""},
		{"22:00", "07:00", "", "Asia/Seoul", "2026-11-27T13:00:00Z", "2026-11-27T22:00:00Z"},
		{"22:00", "07:00", "", "", "2026-11-27T13:00:00Z", ""},
		{"12:00", "14:00", "", "Mars/Olympus", "2026-11-27T13:00:00Z", "2026-11-27T14:00:00Z"},
		{"12:00", "14:00", "", "", "2026-11-27T14:00:00Z", ""},
		{"12:00", "12:00", "", "", "2026-11-27T12:00:00Z", ""},
		{"", "", "", "", "2026-11-27T12:00:00Z", ""},
		// Clocks go back at 3:00 on this night, so that it lasts an hour longer.
		{"22:00", "07:00", "Europe/Berlin", "", "2026-10-24T20:00:00Z", "2026-10-25T06:00:00Z"},
		// They go forward over the end of these quiet hours.
		{"00:00", "02:30", "Europe/Berlin", "", "2026-03-29T00:59:00Z", "2026-03-29T01:30:00Z"},
	} {
		s := bellhop.Settings{QuietFrom: c.from, QuietTo: c.to, Timezone: c.zone}
		var want time.Time
		if c.until != "" {
			want = at(c.until)
		}
		if got := s.QuietUntil(at(c.now), c.other); !got.Equal(want) {
			t.Errorf("%+v: until %v", c, got)
		}
	}
}

func TestSettingsAreChecked(t *testing.T) {
	for code, s := range map[string]bellhop.Settings{
		"timezone":     {Timezone: "../etc/passwd"},
		"at_least":     {AtLeast: "much"},
		"loud_from":    {LoudFrom: "-1"},
		"quiet_from":   {QuietFrom: "25:00", QuietTo: "07:00"},
		"quiet_to":     {QuietFrom: "22:00"},
		"gather_above": {GatherAbove: 1001},
	} {
		if e, ok := s.Check().(*bellhop.Error); !ok || e.Code != code || e.Kind != bellhop.Invalid {
			t.Errorf("%s: %v", code, s.Check())
		}
	}
	good := bellhop.Settings{Timezone: "Asia/Seoul", AtLeast: "49.90", LoudFrom: "1000", QuietFrom: "22:00",
		QuietTo: "07:00", GatherAbove: 10}
	if err := good.Check(); err != nil {
		t.Error(err)
	}
	if b := good.Budget(); b.Burst != 10 || b.Refill != 6*time.Minute {
		t.Errorf("%+v", b)
	}
}

func TestAtLeast(t *testing.T) {
	for _, c := range []struct {
		amount, currency, least string
		want                    bool
	}{
		{"50.00", "USD", "50", true}, {"49.99", "USD", "50", false}, {"50.001", "USD", "50.0011", false}, {"19800", "KRW", "19800.00", true},
		{"-5", "USD", "0", false}, {"1", "USD", "nothing", false}, {"999999999999999999", "KRW", "0.000001", true}, {"-999999999999999999", "KRW", "0.000001", false},
	} {
		m, err := bellhop.ParseMoney(c.amount, c.currency)
		if err != nil {
			t.Fatal(err)
		}
		if m.AtLeast(c.least) != c.want {
			t.Errorf("%s %s at least %s: %t", c.amount, c.currency, c.least, !c.want)
		}
	}
}
