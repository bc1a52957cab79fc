package web

import (
	"errors"
	"time"

	"bellhop"
	"bellhop/push"
)

// devicesView lists what rings.
type devicesView struct {
	frame
	Rows       []deviceRow
	CanRing    bool
	WebPushKey string // for a button that has this browser rung; "" for none
}

type deviceRow struct {
	Installation, Platform string
	Locale, Timezone       string
	Added, Seen            string
	Retired                string // when and why; "" while it is in use
}

// A device can be tried out a few times in a row, and then twice a minute: tries
// count against the push service's own limits.
const (
	ringBurst = 3
	ringEvery = 30 * time.Second
)

func (c *console) showDevices(v *visit) error {
	v.At = "devices"
	if err := v.live(c); err != nil {
		return err
	}
	devices, err := c.api.store.Devices(v.Context(), v.Shop)
	if err != nil {
		return err
	}
	c.takeNotice(v)
	view := &devicesView{frame: v.frame, CanRing: c.ring != nil}
	if v.Person.Role == bellhop.RoleOwner {
		view.WebPushKey = c.webPushKey
	}
	for i := range devices {
		view.Rows = append(view.Rows, v.deviceRow(&devices[i]))
	}
	return c.show(v, "devices", view)
}

func (v *visit) deviceRow(d *bellhop.Device) deviceRow {
	row := deviceRow{Installation: d.Installation, Platform: v.label("devices.platform.", string(d.Platform)),
		Locale: d.Locale, Timezone: d.Timezone, Added: v.Moment(d.AddedAt), Seen: v.Moment(d.SeenAt)}
	if !d.RetiredAt.IsZero() {
		row.Retired = v.T("devices.retired", "When", v.Moment(d.RetiredAt), "Reason", v.reason(d.RetiredFor))
	}
	return row
}

func (c *console) removeDevice(v *visit) error {
	name := v.PostForm.Get("device")
	err := c.api.store.RemoveDevice(v.Context(), v.Shop, name)
	if err != nil && bellhop.KindOf(err) != bellhop.NotFound {
		return err
	}
	return v.back(c, &notice{Say: "devices.removed", Device: name})
}

func (c *console) ringDevice(v *visit) error {
	d, err := c.device(v)
	if err != nil {
		return err
	}
	if wait := c.rings.take(v.Shop+"/"+d.Installation, c.api.now()); wait > 0 {
		return v.back(c, &notice{Say: "devices.tooSoon", Device: d.Installation, Bad: true})
	}
	if err := c.ring(v.Context(), d, v.Locale); err != nil {
		refused, ok := errors.AsType[*push.Error](err)
		if !ok {
			return err
		}
		c.api.log.WarnContext(v.Context(), "a device could not be tried out", "shop", v.Shop, "device", d.Installation, "err", err)
		return v.back(c, &notice{Say: "devices.notTested", Device: d.Installation, Reason: string(refused.Reason), Bad: true})
	}
	return v.back(c, &notice{Say: "devices.tested", Device: d.Installation})
}

// device is the one in use that a form names.
func (c *console) device(v *visit) (bellhop.Device, error) {
	name := v.PostForm.Get("device")
	devices, err := c.api.store.Devices(v.Context(), v.Shop)
	if err != nil {
		return bellhop.Device{}, err
	}
	for _, d := range devices {
		if d.Installation == name && d.RetiredAt.IsZero() && c.ring != nil {
			return d, nil
		}
	}
	return bellhop.Device{}, bellhop.Errorf(bellhop.NotFound, "device_not_found", "there is no such device")
}
