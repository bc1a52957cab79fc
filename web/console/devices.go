package console

import (
	"errors"

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
	Name                   string // "" for none
	Locale, Timezone       string
	Added, Seen            string
	Retired                string // when and why; "" while it is in use
	Has                    bool   // the reader may test and remove it
	Test                   *testRow
}

// testRow is the outcome of a device's last test push.
type testRow struct{ At, Status, Label, Late string }

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
		if test := web.TestOf(tests, devices[i].ID); test != nil {
			row.Test = v.testRow(test)
		}
		view.Rows = append(view.Rows, row)
	}
	return c.show(v, "devices", view)
}

func (v *visit) deviceRow(d *bellhop.Device) deviceRow {
	row := deviceRow{Has: v.who.HasDevice(d), Installation: d.Installation, Name: d.Name,
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
	name := v.PostForm.Get("device")
	_, err := c.Tests.Test(v.Context(), v.who, name, c.Now())
	if _, ok := errors.AsType[*web.RetryError](err); ok {
		return v.back(c, &notice{Say: "devices.tooSoon", Device: name, Bad: true})
	}
	if err != nil {
		return err
	}
	return v.back(c, &notice{Say: "devices.testing", Device: name})
}
