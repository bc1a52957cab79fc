package driver_test

import (
	"strings"
	"testing"
	"time"

	"bellhop"
	"bellhop/store"
	"bellhop/store/driver"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func TestCheckFacts(t *testing.T) {
	odd := noon.Add(1234)
	order := bellhop.Fact{Event: &bellhop.Event{}, At: odd, OrderID: 1,
		Order: &bellhop.Order{Version: bellhop.Version{UpdatedAt: odd, TriggeredAt: noon, Hash: 1}}}
	got, err := driver.CheckFacts([]bellhop.Fact{order})
	if err != nil {
		t.Fatal(err)
	}
	micro := noon.Add(time.Microsecond)
	if !got[0].At.Equal(micro) || !got[0].Order.Version.UpdatedAt.Equal(micro) {
		t.Errorf("not in microseconds: %+v", got)
	}
	if !order.Order.Version.UpdatedAt.Equal(odd) {
		t.Error("the caller's own was changed")
	}
	long := order
	long.Order = &bellhop.Order{Version: order.Order.Version,
		Details: bellhop.Details{Items: make([]bellhop.Item, driver.MaxLines)}}
	if _, err := driver.CheckFacts([]bellhop.Fact{order, long}); bellhop.KindOf(err) != bellhop.Invalid {
		t.Errorf("too long: %v", err)
	}
}

func TestCheckFactsRefuses(t *testing.T) {
	good := bellhop.Fact{Event: &bellhop.Event{}, At: noon, OrderID: 1,
		Order: &bellhop.Order{Version: bellhop.Version{UpdatedAt: noon, Hash: 1}}}
	for name, spoil := range map[string]func(*bellhop.Fact){
		"no event":    func(x *bellhop.Fact) { x.Event = nil },
		"states none": func(x *bellhop.Fact) { x.Order = nil },
		"states two":  func(x *bellhop.Fact) { x.Deleted = true },
		"no order id": func(x *bellhop.Fact) { x.OrderID = 0 },
		"no version":  func(x *bellhop.Fact) { x.Order = &bellhop.Order{} },
	} {
		bad := good
		spoil(&bad)
		if _, err := driver.CheckFacts([]bellhop.Fact{good, bad}); bellhop.KindOf(err) != bellhop.Invalid {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestCheckSettled(t *testing.T) {
	for _, s := range []store.Settled{
		{Status: bellhop.PushPending}, {Status: bellhop.PushSending, RetryAt: noon}, {Status: ""},
		{Status: bellhop.PushSent, RetryAt: noon}, {Status: bellhop.PushFailed, RetryAt: noon},
	} {
		if err := driver.CheckSettled(s); bellhop.KindOf(err) != bellhop.Invalid {
			t.Errorf("%+v: %v", s, err)
		}
	}
}

func TestCheckDeviceAndSettings(t *testing.T) {
	long := strings.Repeat("x", 5000)
	good := bellhop.Device{Installation: "i1", Kind: bellhop.AddressToken, Value: "v1", Platform: bellhop.PlatformIOS,
		Form: bellhop.FormNotification, Locale: "de", Timezone: "Europe/Berlin"}
	if err := driver.CheckDevice(good); err != nil {
		t.Error(err)
	}
	for i, spoil := range []func(*bellhop.Device){
		func(d *bellhop.Device) { d.Kind = "pigeon" }, func(d *bellhop.Device) { d.Platform = "vms" },
		func(d *bellhop.Device) { d.Form = "poem" }, func(d *bellhop.Device) { d.Value = "" },
		func(d *bellhop.Device) { d.Installation = "" }, func(d *bellhop.Device) { d.Installation = long },
		func(d *bellhop.Device) { d.Value = long }, func(d *bellhop.Device) { d.Locale = long },
		func(d *bellhop.Device) { d.Timezone = long },
	} {
		bad := good
		if spoil(&bad); bellhop.KindOf(driver.CheckDevice(bad)) != bellhop.Invalid {
			t.Errorf("device %d is taken: %+v", i, bad)
		}
	}
	for _, s := range []bellhop.Settings{{Language: long}, {Timezone: long},
		{Timezone: "Asia" + strings.Repeat("/", 100) + "Seoul"}, {AtLeast: strings.Repeat("0", 100)},
		{LoudFrom: "1." + strings.Repeat("0", 100)}, {QuietFrom: long, QuietTo: "07:00"}} {
		if bellhop.KindOf(s.Check()) != bellhop.Invalid {
			t.Errorf("taken: %+v", s)
		}
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
