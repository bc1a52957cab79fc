package console

import (
	"time"

	"bellhop"
	"bellhop/web"
)

// devicesView lists the devices.
type devicesView struct {
	*frame
	Rows       []deviceRow
	WebPushKey string // for a button that adds this browser; "" for none
}

type deviceRow struct {
	Installation, Platform string
	Locale, Timezone       string
	Added, Seen            string
	Retired                string // when and why; "" while it is in use
	Removable              bool
	Test                   *testRow
}

// testRow is the outcome of a device's last test push.
type testRow struct{ At, Status, Label, Late string }

// A device may get a few test pushes in a row, and then two a minute: they count against the
// push service's own limits. A shop may send a few more.
const (
	testBurst = 3
	testEvery = 30 * time.Second

	triesBurst = 20
	triesEvery = 6 * time.Second
)

func (c *Console) showDevices(v *visit) error {
	v.At = "devices"
	if err := v.live(c); err != nil {
		return err
	}
	devices, err := c.Store.Devices(v.Context(), v.Shop)
	if err != nil {
		return err
	}
	tests, err := c.Store.TestPushes(v.Context(), v.Shop)
	if err != nil {
		return err
	}
	view := &devicesView{frame: &v.frame}
	if v.Person.Role != bellhop.RoleOperator {
		view.WebPushKey = c.WebPushKey
	}
	for i := range devices {
		row := v.deviceRow(&devices[i])
		for _, p := range tests {
			if p.DeviceID == devices[i].ID {
				row.Test = v.testRow(&p)
			}
		}
		view.Rows = append(view.Rows, row)
	}
	return c.show(v, "devices", view)
}

func (v *visit) deviceRow(d *bellhop.Device) deviceRow {
	row := deviceRow{Removable: v.Manages() || d.PersonID == v.Person.ID, Installation: d.Installation,
		Platform: v.label("devices.platform.", string(d.Platform)),
		Locale:   d.Locale, Timezone: d.Timezone, Added: v.Moment(d.AddedAt), Seen: v.Moment(d.SeenAt)}
	if !d.RetiredAt.IsZero() {
		row.Retired = v.T("devices.retired", "When", v.Moment(d.RetiredAt), "Reason", v.reason(d.RetiredFor))
	}
	return row
}

func (v *visit) testRow(p *bellhop.Push) *testRow {
	row := &testRow{At: v.Moment(p.CreatedAt), Status: string(p.Status), Label: v.T("push." + string(p.Status))}
	if p.Reason != "" {
		row.Label += ": " + v.reason(p.Reason)
	}
	return row
}

func (c *Console) removeDevice(v *visit) error {
	name := v.PostForm.Get("device")
	err := web.DropDevice(v.Context(), c.Store, v.who, name)
	if err != nil && (bellhop.KindOf(err) != bellhop.NotFound || !v.Manages()) {
		return err
	}
	return v.back(c, &notice{Say: "devices.removed", Device: name})
}

// testDevice owes the device a push like any other. The page shows its outcome beside the device:
// the stream makes the page reload it.
func (c *Console) testDevice(v *visit) error {
	name, now := v.PostForm.Get("device"), c.Now()
	if c.tests.Take(v.Shop+"/"+name, now) > 0 || c.tries.Take(v.Shop, now) > 0 {
		return v.back(c, &notice{Say: "devices.tooSoon", Device: name, Bad: true})
	}
	if err := c.Store.TestDevice(v.Context(), v.Shop, name, now); err != nil {
		return err
	}
	return v.back(c, &notice{Say: "devices.testing", Device: name})
}
